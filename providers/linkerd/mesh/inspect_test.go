package mesh

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// classes lists findings as `severity class object (owner)`.
func classes(found providers.Inspection) string {
	found.Sort()
	var out []string
	for _, f := range found.Findings {
		line := fmt.Sprintf("%s %s %s", f.Severity, strings.TrimPrefix(string(f.Class), "linkerd.drift."), f.Object)
		if !f.Owner.IsZero() {
			line += " " + f.Owner.String()
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

func shopInjection(workloads ...string) []providers.Recorded {
	list := cty.NullVal(cty.List(cty.String))
	if len(workloads) > 0 {
		list = stringList(workloads)
	}
	return []providers.Recorded{{
		Address: addr.Resource{Mode: addr.Managed, Type: "linkerd_injection", Name: "shop"}.Instance(addr.NoKey),
		Value:   cty.ObjectVal(map[string]cty.Value{"namespace": cty.StringVal("shop"), "workloads": list}),
	}}
}

func deployment(name string, pods ...*corev1.Pod) *Workload {
	w := &Workload{Ref: kube.Ref{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "shop", Name: name}, Name: "deployment/" + name, Replicas: len(pods), Current: pods}
	for i, p := range pods {
		p.Name, p.UID = fmt.Sprintf("%s-%d", name, i), types.UID(fmt.Sprintf("%s-%d", name, i))
	}
	return w
}

func TestInspectionOfPods(t *testing.T) {
	const policy = configPrefix + "default-inbound-policy"
	plain := func() *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web"}}}}
	}
	enabled := map[string]string{InjectAnnotation: "enabled", "config.linkerd.io/proxy-cpu-request": "10m"}
	for _, tc := range []struct {
		name   string
		change func(i *inspector, o *Observation)
		want   string
		detail string
	}{
		{"as it should be", func(*inspector, *Observation) {}, "", ""},
		{"a proxy of another version", func(i *inspector, _ *Observation) { i.want.Version = "edge-26.9.1" },
			"drift proxy-version Deployment shop/web linkerd_injection.shop", "1 of 1 pod: pod web-0: its proxy is edge-26.8.3, not edge-26.9.1."},
		{"an anchor was added", func(i *inspector, _ *Observation) { i.want.Anchors = Anchors(pemA + "\n" + pemB + "\n" + pemC) },
			"critical proxy-anchors Deployment shop/web linkerd_injection.shop", "it trusts 2 anchor(s) that are not the 3 of the control plane"},
		{"the same anchors in another order", func(i *inspector, _ *Observation) { i.want.Anchors = Anchors(pemB + "\n\n" + pemA) }, "", ""},
		{"a pod that was made while the injector was down", func(_ *inspector, o *Observation) { o.Workloads[0].Current = append(o.Workloads[0].Current, plain()) },
			"critical pod-unmeshed Deployment shop/web linkerd_injection.shop", "1 of 2 pods"},
		{"a workload that opts out", func(_ *inspector, o *Observation) {
			w := deployment("legacy", plain())
			w.Template.Annotations = map[string]string{InjectAnnotation: "disabled"}
			o.Workloads = append(o.Workloads, w)
		}, "", ""},
		{"a pod of a Job that nobody injected", func(_ *inspector, o *Observation) {
			p := plain()
			p.Name = "report-1"
			o.Others = append(o.Others, p)
		}, "critical pod-unmeshed Pod shop/report-1", "Delete the pod"},
		{"a namespace that webhooks leave alone", func(_ *inspector, o *Observation) {
			o.Namespace.Labels = map[string]string{skipWebhooksLabel: "disabled"}
			o.Workloads = []*Workload{deployment("web", plain())}
		}, "", ""},
		{"a label without a proxy", func(_ *inspector, o *Observation) {
			p := plain()
			p.Labels = map[string]string{controlPlaneLabel: "linkerd"}
			o.Workloads = []*Workload{deployment("web", p)}
		}, "critical label-without-proxy Deployment shop/web linkerd_injection.shop", "attempt"},
		{"a setting of the namespace changed", func(_ *inspector, o *Observation) {
			o.Namespace.Annotations["config.linkerd.io/proxy-cpu-request"] = "50m"
		},
			"drift pending-restart Deployment shop/web linkerd_injection.shop", `config.linkerd.io/proxy-cpu-request is "50m" now, the pod was made with "10m"`},
		{"the default policy of the namespace was set", func(_ *inspector, o *Observation) { o.Namespace.Annotations[policy] = "deny" },
			"drift pending-restart Deployment shop/web linkerd_injection.shop", `default-inbound-policy is "deny" now`},
		{"the template goes over the namespace", func(_ *inspector, o *Observation) {
			o.Namespace.Annotations["config.linkerd.io/proxy-cpu-request"] = "50m"
			o.Workloads[0].Template.Annotations = map[string]string{"config.linkerd.io/proxy-cpu-request": "10m"}
		}, "", ""},
		{"the control plane has another default policy", func(i *inspector, o *Observation) {
			i.control.Proxy.DefaultInboundPolicy = "deny"
			proxy := &o.Workloads[0].Current[0].Spec.InitContainers[1]
			proxy.Env = append(proxy.Env, corev1.EnvVar{Name: "LINKERD2_PROXY_INBOUND_DEFAULT_POLICY", Value: "all-unauthenticated"})
		}, "drift pending-restart Deployment shop/web linkerd_injection.shop", `default inbound policy is "deny" now, the pod was made with "all-unauthenticated"`},
		{"annotations that do nothing", func(_ *inspector, o *Observation) {
			o.Namespace.Annotations["config.linkerd.io/proxy-cpu-ratio-limit"] = "0.5"
			o.Workloads[0].Template.Annotations = map[string]string{InjectAnnotation: "true", "config.linkerd.io/proxy-native-sidecar": "true"}
		}, "drift setting-ignored Deployment shop/web linkerd_injection.shop\ndrift setting-ignored Deployment shop/web linkerd_injection.shop\ndrift setting-ignored Namespace shop", "proxy-enable-native-sidecar"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := &Observation{Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Annotations: map[string]string{}}}, Workloads: []*Workload{deployment("web", meshedPod())}}
			for k, v := range enabled {
				o.Namespace.Annotations[k] = v
			}
			i := &inspector{want: fullWant(), recorded: shopInjection()}
			tc.change(i, o)
			i.namespace(o)
			if got := classes(i.out); got != tc.want {
				t.Errorf("found:\n%s\nwant:\n%s", got, tc.want)
			}
			text := ""
			for _, f := range i.out.Findings {
				text += f.Detail + f.Fix
			}
			if tc.detail == "attempt" {
				return
			}
			if !strings.Contains(text, tc.detail) {
				t.Errorf("the text lacks %q:\n%s", tc.detail, text)
			}
		})
	}
}

func TestInspectionAnswersForListedWorkloadsOnly(t *testing.T) {
	i := &inspector{recorded: shopInjection("deployment/web")}
	if a, listed := i.owner("shop", "deployment/web"); a.IsZero() || !listed {
		t.Error("the injection lists the workload")
	}
	if a, _ := i.owner("shop", "deployment/other"); !a.IsZero() {
		t.Errorf("%s answers for a workload that it does not list", a)
	}
	if a, _ := i.owner("bank", "deployment/web"); !a.IsZero() {
		t.Errorf("%s answers for a workload of another namespace", a)
	}
}

func TestAnchorsOfTheConfiguration(t *testing.T) {
	i := &inspector{want: fullWant(), control: env.Config{AnchorsPEM: pemA}}
	i.values()
	if got := classes(i.out); got != "drift anchors-in-values ConfigMap linkerd/linkerd-config" {
		t.Errorf("found %s", got)
	}
	i = &inspector{want: fullWant(), control: env.Config{AnchorsPEM: pemB + "\n" + pemA}}
	i.values()
	if got := classes(i.out); got != "" {
		t.Errorf("the same set in another order is %s", got)
	}
}

func TestServicesOlderThanTheInjector(t *testing.T) {
	o := &Observation{Workloads: []*Workload{deployment("db", meshedPod())}}
	o.Workloads[0].Template.Labels = map[string]string{"app": "db"}
	service := func(port int32, annotations map[string]string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: "shop", Annotations: annotations},
			Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "db"}, Ports: []corev1.ServicePort{{Port: port}}}}
	}
	for _, tc := range []struct {
		s    *corev1.Service
		want string
	}{
		{service(8080, nil), ""},
		{service(3306, nil), "note service-opaque Service shop/db"},
		{service(3306, map[string]string{"config.linkerd.io/opaque-ports": "3306"}), ""},
		{service(8080, map[string]string{"config.linkerd.io/opaque-ports": "8080"}), "drift service-opaque Service shop/db"},
	} {
		i := &inspector{}
		i.services(o, neighbours{services: []*corev1.Service{tc.s}})
		if got := classes(i.out); got != tc.want {
			t.Errorf("port %d, annotations %v: found %q, want %q", tc.s.Spec.Ports[0].Port, tc.s.Annotations, got, tc.want)
		}
	}
}
