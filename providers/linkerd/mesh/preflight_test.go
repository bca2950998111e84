package mesh

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/meshplan/meshplan/internal/diag"
)

func webState(annotations map[string]string) State {
	w := &Workload{Name: "deployment/web"}
	w.Template.Labels, w.Template.Annotations = map[string]string{"app": "web"}, annotations
	w.Template.Spec.Containers = []corev1.Container{{Name: "web", Ports: []corev1.ContainerPort{{Name: "amqp", ContainerPort: 5672}}}}
	return State{Workload: w}
}

// TestNamespacesThatTheInjectorNeverLooksAt: by their names, or by the label that switches webhooks off.
func TestNamespacesThatTheInjectorNeverLooksAt(t *testing.T) {
	for _, tc := range []struct {
		name   string
		labels map[string]string
		want   bool
	}{{"shop", nil, false}, {"kube-system", nil, true}, {"cert-manager", nil, true}, {"shop", map[string]string{skipWebhooksLabel: "disabled"}, true}} {
		s := &scene{observed: &Observation{Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tc.name, Labels: tc.labels}}}, spec: spec{namespace: tc.name}}
		ds := s.problems(true)
		if got := len(ds) == 1 && diag.CodeOf(ds[0]) == CodeExcluded && ds.HasErrors(); got != tc.want {
			t.Errorf("%s %v: %v", tc.name, tc.labels, ds)
		}
	}
}

// TestServersThatSpeakFirst: a port is found by its name, unless the Service, its annotation or Linkerd's list says what it is.
func TestServersThatSpeakFirst(t *testing.T) {
	tcp := "mysql"
	for name, tc := range map[string]struct {
		port       corev1.ServicePort
		annotation string
		want       bool
	}{
		"by its name":             {corev1.ServicePort{Name: "mysql", Port: 33060}, "", true},
		"on Linkerd's list":       {corev1.ServicePort{Name: "mysql", Port: 3306}, "", false},
		"taken off the list":      {corev1.ServicePort{Name: "mysql", Port: 3306}, "9999", true},
		"with an annotation":      {corev1.ServicePort{Name: "mysql", Port: 33060}, "33000-34000", false},
		"with an appProtocol":     {corev1.ServicePort{Name: "mysql", Port: 33060, AppProtocol: &tcp}, "", false},
		"where the client speaks": {corev1.ServicePort{Name: "http", Port: 33060}, "", false},
	} {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "db"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{tc.port}}}
		pods := map[string]string{}
		if tc.annotation != "" { // on both sides
			s.Annotations = map[string]string{configPrefix + "opaque-ports": tc.annotation}
			pods = s.Annotations
		}
		ds := neighbours{services: []*corev1.Service{s}}.problems([]State{webState(pods)})
		if got := len(ds) == 1 && diag.CodeOf(ds[0]) == CodeSpeaksFirst; got != tc.want || len(ds) > 1 {
			t.Errorf("%s: %v", name, ds)
		}
	}
}

func TestNetworkPolicyThatKnowsTheApplicationsPortOnly(t *testing.T) {
	policy := func(ports ...int) *networkingv1.NetworkPolicy {
		p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
		p.Spec.PodSelector.MatchLabels = map[string]string{"app": "web"}
		rule := networkingv1.NetworkPolicyIngressRule{}
		for _, n := range ports {
			port := intstr.FromInt(n)
			rule.Ports = append(rule.Ports, networkingv1.NetworkPolicyPort{Port: &port})
		}
		p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{rule}
		return p
	}
	other := policy(8080)
	other.Spec.PodSelector.MatchLabels["app"] = "db"
	for _, tc := range []struct {
		name string
		p    *networkingv1.NetworkPolicy
		want bool
	}{{"the application's port", policy(8080), true}, {"and the proxy's", policy(8080, 4143), false}, {"any port", policy(), false}, {"other pods", other, false}} {
		ds := neighbours{policies: []*networkingv1.NetworkPolicy{tc.p}}.problems([]State{webState(nil)})
		if got := len(ds) == 1 && diag.CodeOf(ds[0]) == CodeNetworkPolicy; got != tc.want {
			t.Errorf("%s: %v", tc.name, ds)
		}
	}
}

func TestOpaquePortsOfServiceAndPods(t *testing.T) {
	const key = configPrefix + "opaque-ports"
	service := func(annotation string) *corev1.Service {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "web", Annotations: map[string]string{}}}
		if annotation != "" {
			s.Annotations[key] = annotation
		}
		s.Spec.Selector = map[string]string{"app": "web"}
		s.Spec.Ports = []corev1.ServicePort{{Port: 72, TargetPort: intstr.FromString("amqp")}}
		return s
	}
	for _, tc := range []struct {
		service string
		pods    map[string]string
		want    string
	}{
		{"", nil, ""}, {"72", map[string]string{key: "5672"}, ""},
		{"72", nil, "opaque by Service web and not by the pods of deployment/web"},
		{"", map[string]string{key: "5000-6000"}, "opaque by the pods of deployment/web and not by Service web"},
	} {
		ds := neighbours{services: []*corev1.Service{service(tc.service)}}.problems([]State{webState(tc.pods)})
		if tc.want == "" && len(ds) > 0 || tc.want != "" && (len(ds) != 1 || !strings.Contains(ds[0].Detail, tc.want)) {
			t.Errorf("%q, %v: %v", tc.service, tc.pods, ds)
		}
	}
}

func TestPodsWithoutAController(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "lonely"}}
	s := &scene{observed: &Observation{Namespace: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, Unmanaged: []*corev1.Pod{pod}}, spec: spec{namespace: "shop"}}
	ds := s.problems(true)
	if len(ds) != 1 || diag.CodeOf(ds[0]) != CodeUnmanaged || !strings.Contains(ds[0].Detail, "lonely") {
		t.Errorf("problems = %v", ds)
	}
	s.observed.Unmanaged = []*corev1.Pod{meshedPod()}
	if ds := s.problems(true); len(ds) > 0 {
		t.Errorf("a pod with a proxy: %v", ds)
	}
}
