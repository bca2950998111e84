package mesh

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var always = corev1.ContainerRestartPolicyAlways

// meshedPod is a pod as the injector and the kubelet leave it, with the proxy as a native sidecar.
func meshedPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web-1", Namespace: "shop", Labels: map[string]string{controlPlaneLabel: "linkerd"},
			Annotations: map[string]string{InjectAnnotation: "enabled", "config.linkerd.io/proxy-cpu-request": "10m"},
		},
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{
				{Name: initContainer, Image: "cr.l5d.io/linkerd/proxy:edge-26.8.3"},
				{Name: proxyContainer, Image: "registry:5000/linkerd/proxy:edge-26.8.3", RestartPolicy: &always, Env: []corev1.EnvVar{
					{Name: anchorsEnv, Value: pemA + "\n" + pemB},
					{Name: localNameEnv, Value: "$(_pod_sa).$(_pod_ns).serviceaccount.identity.linkerd.cluster.local"},
				}},
			},
			Containers: []corev1.Container{{Name: "web"}},
		},
		Status: corev1.PodStatus{
			InitContainerStatuses: []corev1.ContainerStatus{{Name: proxyContainer, Ready: true}},
			Conditions:            []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
}

// Certificates are compared by their bytes, so any bytes do.
const (
	pemA = "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----"
	pemB = "-----BEGIN CERTIFICATE-----\nQg==\n-----END CERTIFICATE-----"
	pemC = "-----BEGIN CERTIFICATE-----\nQw==\n-----END CERTIFICATE-----"
)

func fullWant() Want {
	return Want{
		ControlPlane: "linkerd", TrustDomain: "cluster.local", Version: "edge-26.8.3",
		Anchors:     Anchors("# comment\n" + pemB + "\n" + pemA + "\n" + pemA),
		Annotations: map[string]string{InjectAnnotation: "enabled", "config.linkerd.io/proxy-cpu-request": "10m"},
		Absent:      []string{"config.linkerd.io/proxy-log-level"},
	}
}

func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		name           string
		change         func(*corev1.Pod, *Want)
		wrong, waiting string
	}{
		{"fully meshed", func(*corev1.Pod, *Want) {}, "", ""},
		{"proxy as an ordinary container", func(p *corev1.Pod, _ *Want) {
			p.Spec.Containers = append(p.Spec.Containers, p.Spec.InitContainers[1])
			p.Spec.InitContainers = p.Spec.InitContainers[:1]
			p.Status.ContainerStatuses, p.Status.InitContainerStatuses = p.Status.InitContainerStatuses, nil
		}, "", ""},
		{"an annotation of the injector and no proxy", func(p *corev1.Pod, _ *Want) {
			p.Spec.InitContainers = nil
			p.Annotations["config.linkerd.io/opaque-ports"] = "25,587,3306"
		}, "no proxy", ""},
		{"no proxy", func(p *corev1.Pod, _ *Want) { p.Spec.InitContainers = nil }, "no proxy", ""},
		{"another control plane", func(p *corev1.Pod, _ *Want) { p.Labels[controlPlaneLabel] = "linkerd-2" }, `"linkerd-2"`, ""},
		{"an old version", func(p *corev1.Pod, _ *Want) { p.Spec.InitContainers[1].Image = "proxy:edge-26.7.1" }, "edge-26.7.1, not edge-26.8.3", ""},
		{"a version of its own", func(p *corev1.Pod, _ *Want) {
			p.Annotations["config.linkerd.io/proxy-version"] = "edge-26.7.1"
			p.Spec.InitContainers[1].Image = "proxy:edge-26.7.1"
		}, "", ""},
		{"an image by digest", func(p *corev1.Pod, _ *Want) { p.Spec.InitContainers[1].Image = "proxy@sha256:00" }, "", ""},
		{"a registry with a port and no tag", func(p *corev1.Pod, _ *Want) { p.Spec.InitContainers[1].Image = "registry:5000/proxy" }, "", ""},
		{"an anchor is missing", func(p *corev1.Pod, _ *Want) { p.Spec.InitContainers[1].Env[0].Value = pemA }, "trusts 1 anchor(s)", ""},
		{"an anchor too many", func(p *corev1.Pod, _ *Want) { p.Spec.InitContainers[1].Env[0].Value += "\n" + pemC }, "trusts 3 anchor(s)", ""},
		{"nothing redirects", func(p *corev1.Pod, _ *Want) { p.Spec.InitContainers = p.Spec.InitContainers[1:] }, "redirects", ""},
		{"CNI without validator", func(_ *corev1.Pod, w *Want) { w.CNI = true }, "redirects", ""},
		{"another trust domain", func(p *corev1.Pod, _ *Want) {
			p.Spec.InitContainers[1].Env[1].Value = "a.b.serviceaccount.identity.linkerd.other"
		}, "does not end in", ""},
		{"another setting", func(p *corev1.Pod, _ *Want) { p.Annotations["config.linkerd.io/proxy-cpu-request"] = "1" }, `not "10m"`, ""},
		{"a setting left over", func(p *corev1.Pod, _ *Want) { p.Annotations["config.linkerd.io/proxy-log-level"] = "debug" }, "not set any more", ""},
		{"proxy not ready", func(p *corev1.Pod, _ *Want) {
			p.Status.InitContainerStatuses[0] = corev1.ContainerStatus{Name: proxyContainer, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}
		}, "", "ImagePullBackOff"},
		{"proxy not started", func(p *corev1.Pod, _ *Want) { p.Status.InitContainerStatuses = nil }, "", "has not started"},
		{"pod not Ready", func(p *corev1.Pod, _ *Want) { p.Status.Conditions = nil }, "", "not Ready"},
	} {
		p, want := meshedPod(), fullWant()
		tc.change(p, &want)
		v := Judge(p, want)
		check(t, tc.name+": wrong", v.Wrong, tc.wrong)
		check(t, tc.name+": waiting", v.Waiting, tc.waiting)
		if v.Meshed() != (tc.wrong == "" && tc.waiting == "") {
			t.Errorf("%s: Meshed = %t", tc.name, v.Meshed())
		}
	}
}

// check wants no finding when text is empty, and otherwise exactly one that holds it.
func check(t *testing.T, name string, got []string, text string) {
	t.Helper()
	if text == "" && len(got) == 0 || text != "" && len(got) == 1 && strings.Contains(got[0], text) {
		return
	}
	t.Errorf("%s = %q, want %q", name, got, text)
}

func TestJudgeWorkload(t *testing.T) {
	unmeshed := meshedPod()
	unmeshed.Name, unmeshed.Spec.InitContainers = "web-2", nil
	for _, tc := range []struct {
		name    string
		w       Workload
		proved  bool
		restart string
		waiting int
	}{
		{"proved", Workload{Replicas: 1, Current: []*corev1.Pod{meshedPod()}}, true, "", 0},
		{"scaled to nothing", Workload{}, true, "", 0},
		{"unmeshed", Workload{Replicas: 2, Current: []*corev1.Pod{meshedPod(), unmeshed}}, false, "pod web-2: it has no proxy", 0},
		{"an old unmeshed pod asks for patience", Workload{Replicas: 1, Current: []*corev1.Pod{meshedPod()}, Old: []*corev1.Pod{unmeshed}}, false, "", 1},
		{"pods to come", Workload{Replicas: 2, Current: []*corev1.Pod{meshedPod()}}, false, "", 1},
		{"pods that cannot come", Workload{Replicas: 1, Failure: "failed calling webhook"}, false, "", 2},
		{"a setting of the template's own", Workload{Replicas: 1, Current: []*corev1.Pod{meshedPod()}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"config.linkerd.io/proxy-cpu-request": "99m"}}}}, false, `not "99m"`, 0},
	} {
		s := JudgeWorkload(&tc.w, fullWant())
		if s.Proved() != tc.proved || !strings.Contains(s.Restart, tc.restart) || (tc.restart == "") != (s.Restart == "") || len(s.Waiting) != tc.waiting {
			t.Errorf("%s: proved %t, restart %q, waiting %q", tc.name, s.Proved(), s.Restart, s.Waiting)
		}
	}
}

func TestOptOut(t *testing.T) {
	template := func(change func(*corev1.PodTemplateSpec)) *corev1.PodTemplateSpec {
		out := &corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web"}}}}
		change(out)
		return out
	}
	inject := func(value string) func(*corev1.PodTemplateSpec) {
		return func(p *corev1.PodTemplateSpec) { p.Annotations[InjectAnnotation] = value }
	}
	for _, tc := range []struct {
		name     string
		template *corev1.PodTemplateSpec
		explicit bool
		want     string
	}{
		{"nothing said", template(func(*corev1.PodTemplateSpec) {}), false, ""},
		{"enabled", template(inject("enabled")), false, ""},
		{"disabled", template(inject("disabled")), false, "opts out"},
		{"disabled, but ours to set", template(inject("disabled")), true, ""},
		{"a value that means no is no decision", template(inject("true")), false, ""},
		{"host network", template(func(p *corev1.PodTemplateSpec) { p.Spec.HostNetwork = true }), true, "host's network"},
		{"another mesh", template(func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Name = "istio-proxy" }), true, "another mesh"},
		{"manual injection", template(func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Name = proxyContainer }), false, "manual injection"},
		{"manual injection under another name", template(func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Image = "cr.l5d.io/linkerd/proxy:edge-1" }), true, "manual injection"},
		{"another mesh by its image", template(func(p *corev1.PodTemplateSpec) {
			p.Spec.InitContainers = []corev1.Container{{Name: "x", Image: "gcr.io/istio-release/proxy_init:1"}}
		}), false, "another mesh"},
		{"an image that only begins alike", template(func(p *corev1.PodTemplateSpec) { p.Spec.Containers[0].Image = "cr.l5d.io/linkerd/proxy-tools:1" }), false, ""},
	} {
		got := OptOut(tc.template, tc.explicit)
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: OptOut = %q, want %q", tc.name, got, tc.want)
		}
	}
}
