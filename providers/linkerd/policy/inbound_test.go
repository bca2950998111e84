package policy

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

func TestSteps(t *testing.T) {
	for _, tc := range []struct{ from, to, want string }{
		{levelNone, Deny, "none audit all-authenticated deny"},
		{Audit, AllAuthenticated, "audit all-authenticated"},
		{AllUnauthenticated, Audit, "all-unauthenticated audit"},
		{Deny, Audit, "deny audit"},
		{Deny, Deny, "deny"},
	} {
		if got := strings.Join(steps(tc.from, tc.to), " "); got != tc.want {
			t.Errorf("steps(%s, %s) = %q, want %q", tc.from, tc.to, got, tc.want)
		}
	}
}

// meshed is a workload with one pod that has a proxy.
func meshed(name string, pod *corev1.Pod) *mesh.Workload {
	pod.Spec.InitContainers = []corev1.Container{{Name: "linkerd-proxy"}}
	return &mesh.Workload{Name: name, Selector: &metav1.LabelSelector{MatchLabels: pod.Labels}, Current: []*corev1.Pod{pod}}
}

func TestCovers(t *testing.T) {
	pod := webPod()
	pod.Annotations["config.linkerd.io/skip-inbound-ports"] = "9000-9100"
	pod.Annotations["config.linkerd.io/opaque-ports"] = "amqp"
	pod.Spec.Containers[0].Ports = append(pod.Spec.Containers[0].Ports, corev1.ContainerPort{Name: "amqp", ContainerPort: 5672})
	bare := webPod()
	o := &mesh.Observation{Workloads: []*mesh.Workload{meshed("deployment/web", pod), {Name: "deployment/bare", Current: []*corev1.Pod{bare}}}}
	foreign := objects(t, serverYAML).Servers
	own := map[string]string{"deployment-web-5672": Audit}
	got, notes := covers(o, foreign, nil, own)
	if len(got) != 1 || got[0].key() != "deployment/web:5672" || got[0].Protocol != "opaque" || got[0].Level != Audit {
		t.Errorf("covers = %+v", got)
	}
	for _, want := range []string{"deployment/bare is not meshed", "port 9090 of deployment/web bypasses the proxy", `port 8080 of deployment/web is left to Server "web"`} {
		if !strings.Contains(strings.Join(notes, "\n"), want) {
			t.Errorf("the notes lack %q: %q", want, notes)
		}
	}
}

// TestJudgeDecidesAnew: metrics count what a policy admits as audited too, so the verdict comes from the evaluator.
func TestJudgeDecidesAnew(t *testing.T) {
	o := &mesh.Observation{Workloads: []*mesh.Workload{meshed("deployment/web", webPod())}}
	covered := []cover{{Workload: "deployment/web", Port: 8080, Selector: o.Workloads[0].Selector, Level: Audit}}
	policies := objects(t, strings.Replace(tripPolicyYAML, "name: web", "name: deployment-web-8080", 1))
	flow := func(client, tls string, n float64) metrics.Flow {
		return metrics.Flow{Namespace: "shop", Workload: "deployment/web", Port: "8080", Client: client, TLS: tls, Allowed: n,
			Authorization: metrics.Object{Kind: "default", Name: Audit}}
	}
	flows := []metrics.Flow{flow(id("trip", "shop"), "true", 10), flow(id("user", "shop"), "true", 5), flow("", "no_identity", 3)}
	allowed, denied, breaches := judge(flows, covered, Deny, policies, Defaults{}, o, names())
	if allowed != 10 || denied != 8 || len(breaches) != 2 {
		t.Fatalf("deny: allowed %v, denied %v, %v", allowed, denied, breaches)
	}
	if got := breaches[0].String(); got != "shop/user → deployment/web:8080 (5 requests, no policy admits it)" {
		t.Errorf("breach = %q", got)
	}
	allowed, denied, breaches = judge(flows, covered, AllAuthenticated, policies, Defaults{}, o, names())
	if allowed != 15 || denied != 3 || breaches[0].From != "a client without mTLS" {
		t.Errorf("all-authenticated: allowed %v, denied %v, %v", allowed, denied, breaches)
	}
}
