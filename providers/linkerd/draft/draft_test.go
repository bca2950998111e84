package draft

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

func TestAddresses(t *testing.T) {
	known := map[string]bool{"payment": true, "db": true}
	for value, want := range map[string]string{
		"http://payment:8080/pay":                  "[{payment 8080}]",
		"https://payment.shop":                     "[{payment 443}]",
		"payment.shop.svc.cluster.local:80":        "[{payment 80}]",
		"payment.shop.svc.cluster.local.:80":       "[{payment 80}]",
		"payment":                                  "[{payment 0}]",
		"postgres://user:secret@db:5432/trips?a=b": "[{db 5432}]",
		"payment:80, db:5432":                      "[{payment 80} {db 5432}]",
		"payment.bank:8080":                        "[]",
		"http://payment.example.com":               "[]",
		"the payment service":                      "[]",
		"payments:80":                              "[]",
		"payment:http":                             "[]",
		"":                                         "[]",
		"grpc://payment.shop.svc:9000,kafka://other:92": "[{payment 9000}]",
	} {
		if got := fmt.Sprint(addresses(value, "shop", "cluster.local", known)); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func workload(kind, name, account string, containers ...corev1.Container) *mesh.Workload {
	return &mesh.Workload{
		Ref: kube.Ref{Group: "apps", Version: "v1", Kind: kind, Namespace: "shop", Name: name}, Name: strings.ToLower(kind) + "/" + name, Replicas: 2,
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": name}}, Spec: corev1.PodSpec{ServiceAccountName: account, Containers: containers}},
	}
}

func serving(name string, port int32, env ...corev1.EnvVar) corev1.Container {
	return corev1.Container{Name: name, Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: port}}, Env: env}
}

func service(name string, port int32, target intstr.IntOrString) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Port: port, TargetPort: target}}}}
}

// shop is a namespace with everything that a draft must say something about.
func shop() *found {
	payment := serving("payment", 8080)
	payment.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 8080}}}
	payment.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromString("http")}}}
	legacy := workload("Deployment", "legacy", "", serving("legacy", 8080))
	legacy.Template.Annotations = map[string]string{"linkerd.io/inject": "disabled"}
	front := service("trip", 80, intstr.FromString("http"))
	front.Spec.Type = corev1.ServiceTypeLoadBalancer
	worker := corev1.Container{Name: "worker", Env: []corev1.EnvVar{{Name: "PAYMENT_HOST", Value: "payment"}},
		EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}}}
	return &found{
		namespace: "shop", clusterDomain: "cluster.local",
		observed: &mesh.Observation{
			Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}},
			Workloads: []*mesh.Workload{
				legacy,
				workload("Deployment", "payment", "payment", payment),
				workload("Deployment", "trip", "trip", serving("trip", 8080, corev1.EnvVar{Name: "PAYMENT_URL", Value: "http://payment.shop:8080/v1"})),
				workload("Deployment", "worker", "", worker),
				workload("StatefulSet", "db", "db"),
			},
			Unmanaged: []*corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Name: "debug"}}},
		},
		services: []*corev1.Service{service("payment", 8080, intstr.FromInt32(8080)), front, service("db", 5432, intstr.FromInt32(5432))},
		configs:  map[string]map[string]string{"settings": {"DB": "postgres://db:5432/jobs", "HINT": "${not_an_expression} %{if x}"}},
		policies: []*networkingv1.NetworkPolicy{{ObjectMeta: metav1.ObjectMeta{Name: "db"}, Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{
				{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "payment"}}}, {PodSelector: &metav1.LabelSelector{}},
			}}},
		}}},
		jobs: []string{"cronjob/report"},
	}
}

func sample() env.Env {
	return env.Env{Namespace: func() string { return "linkerd" }, TrustDomain: func() string { return "cluster.local" }}
}

// all is every file of a draft, formatted, one after the other.
func all(t *testing.T, f Facts, c Charts) string {
	t.Helper()
	var out strings.Builder
	files := Write(f, c)
	for _, name := range []string{"settings.mesh.hcl", "mesh.mesh.hcl", "injection.mesh.hcl", "policy.mesh.hcl", "verify.mesh.hcl"} {
		text := hclwrite.Format(files[name])
		if _, ds := hclsyntax.ParseConfig(text, name, hcl.InitialPos); ds.HasErrors() {
			t.Errorf("%s: %v\n%s", name, ds, text)
		}
		fmt.Fprintf(&out, "-- %s --\n%s", name, text)
	}
	return out.String()
}

func TestDraft(t *testing.T) {
	in := shop()
	f := in.facts(sample())
	f.Mesh = Mesh{Namespace: "linkerd", TrustDomain: "cluster.local"}
	golden.Check(t, "install", []byte(all(t, f, Charts{})))

	// What stands in the way is said, and left out.
	in = shop()
	in.observed.Workloads[4].Blocked = "its update strategy is OnDelete: delete its pods by hand, or use RollingUpdate"
	in.observed.Workloads[3].Template.Annotations = map[string]string{"linkerd.io/inject": "true"}
	f = in.facts(sample())
	f.Mesh = Mesh{Namespace: "linkerd", TrustDomain: "cluster.local", Installed: true, Version: "edge-26.8.3", Tool: "Helm release linkerd-control-plane", Scheme: "linkerd.io/tls"}
	f.Existing = []string{"Server payment"}
	golden.Check(t, "installed", []byte(all(t, f, Charts{Dir: "charts", Context: "prod"})))

	// A namespace that would refuse the pods, and an empty one.
	in = shop()
	in.observed.Namespace.Labels = map[string]string{"pod-security.kubernetes.io/enforce": "baseline"}
	f = in.facts(sample())
	if text := all(t, f, Charts{}); !strings.Contains(text, "enabled   = false") || strings.Contains(text, "linkerd_inbound_policy") {
		t.Errorf("an injection that would be refused:\n%s", text)
	}
	in = &found{namespace: "2-empty", observed: &mesh.Observation{Namespace: &corev1.Namespace{}}}
	if text := all(t, in.facts(sample()), Charts{}); strings.Contains(text, "linkerd_injection") {
		t.Errorf("an empty namespace:\n%s", text)
	}
}

// Whatever a cluster says stays text: no expression, no comment that ends early, no control character.
func TestDraftOfHostileNames(t *testing.T) {
	in := shop()
	in.observed.Workloads[0].Template.Annotations = map[string]string{"linkerd.io/inject": "x\"\n}\nresource \"kubernetes_manifest\" \"evil\" {\x1b[31m"}
	f := in.facts(sample())
	f.Existing = []string{"Server a\nresource \"b\" \"c\" {}"}
	text := all(t, f, Charts{Dir: "${path.module}"})
	for _, l := range strings.Split(text, "\n") {
		if strings.Contains(l, "\x1b") || strings.Contains(l, "evil") && !strings.HasPrefix(strings.TrimSpace(l), "#") {
			t.Errorf("a name escapes: %q", l)
		}
	}
	if strings.Contains(strings.ReplaceAll(text, "$${path", ""), "${path") {
		t.Errorf("a path became an expression:\n%s", text)
	}
}
