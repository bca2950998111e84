package bench

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/internal/testenv/faultproxy"
)

// tenKinds declares n objects of each of ten kinds.
func tenKinds(namespace string, n int) string {
	var b strings.Builder
	for i, object := range []string{
		`apiVersion = "v1", kind = "ConfigMap", data = { k = "v" }`,
		`apiVersion = "v1", kind = "Secret", stringData = { k = "v" }`,
		`apiVersion = "v1", kind = "ServiceAccount"`,
		`apiVersion = "v1", kind = "LimitRange", spec = { limits = [{ type = "Pod", max = { cpu = "1000m" } }] }`,
		`apiVersion = "rbac.authorization.k8s.io/v1", kind = "Role", rules = [{ apiGroups = [""], resources = ["pods"], verbs = ["get"] }]`,
		`apiVersion = "rbac.authorization.k8s.io/v1", kind = "RoleBinding", roleRef = { apiGroup = "rbac.authorization.k8s.io", kind = "Role", name = "n" }, subjects = []`,
		`apiVersion = "networking.k8s.io/v1", kind = "NetworkPolicy", spec = { podSelector = {}, policyTypes = ["Ingress"] }`,
		`apiVersion = "networking.k8s.io/v1", kind = "Ingress", spec = { defaultBackend = { service = { name = "web", port = { number = 80 } } } }`,
		`apiVersion = "policy/v1", kind = "PodDisruptionBudget", spec = { selector = { matchLabels = { app = "n" } }, maxUnavailable = 1 }`,
		`apiVersion = "coordination.k8s.io/v1", kind = "Lease", spec = { holderIdentity = "n" }`,
	} {
		fmt.Fprintf(&b, "resource \"kubernetes_manifest\" \"k%d\" {\n  count = %d\n  manifest = { metadata = { name = \"n${count.index}\", namespace = %q }, %s }\n}\n", i, n, namespace, object)
	}
	return b.String()
}

// TestTenKinds measures the empty plan of 5,000 objects of ten kinds, and counts its requests at a proxy.
func TestTenKinds(t *testing.T) {
	enabled(t)
	const each, kinds = 500, 10
	kubeconfig := testenv.Kubeconfig(t)
	dir := t.TempDir()
	write(t, dir, "main.mesh.hcl", tenKinds(testenv.Namespace(t), each))
	env := []string{"KUBECONFIG=" + kubeconfig}
	run(t, dir, env, 0, "apply", "--auto-approve")
	var rss int64
	empty := median(t, func() time.Duration {
		took, r := run(t, dir, env, 0, "plan", "--detailed-exitcode")
		rss = measured(t, r)
		return took
	})
	proxy := faultproxy.New(t, kubeconfig)
	run(t, dir, []string{"KUBECONFIG=" + proxy.Kubeconfig}, 0, "plan", "--detailed-exitcode")
	requests := proxy.Requests()
	line(t, fmt.Sprintf("empty plan of %d objects of %d kinds", each*kinds, kinds), empty, time.Second, fmt.Sprintf("%d MiB (budget 200), %d requests", rss>>20, len(requests)))
	if len(requests) > 20 {
		t.Errorf("%d requests, want about 20: %v", len(requests), requests)
	}
	ratio(t, "memory of an empty plan of ten kinds against 200 MiB", float64(rss)/(200<<20), 1)
}
