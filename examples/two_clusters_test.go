package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/meshplan/meshplan/internal/testenv"
)

// TestTwoClusters carries the example out on two real API servers.
func TestTwoClusters(t *testing.T) {
	second := testenv.Another(t) // before the workspace, which is cleaned up first
	w := newWorkspace(t, "two-clusters")
	merged := filepath.Join(t.TempDir(), "kubeconfig")
	mergeContexts(t, merged, map[string]string{"first": testenv.Kubeconfig(t), "second": second})
	w.env = append(w.env, "KUBECONFIG="+merged, "MESHPLAN_VAR_west=first", "MESHPLAN_VAR_east=second")

	says(t, w.must(0, "plan", "--summary"), `module.west.kubernetes_namespace.team`, `module.east.kubernetes_manifest.service["trip"]`, "Plan: 12 to create")
	says(t, w.must(0, "apply", "--auto-approve"), "Apply complete: 12 created")
	says(t, w.must(0, "plan", "--detailed-exitcode"), "No changes.")
	says(t, w.must(0, "output", "--json"), `"trips/location"`)

	says(t, w.must(1, "plan", "--var", "west=second", "--var", "east=first"), "Wrong cluster")
	says(t, w.must(1, "plan", "--var", "west=first", "--var", "east=first"), "The clusters must be two: both contexts are first.")

	says(t, w.must(0, "apply", "--auto-approve", "--var", `services={"trip":{"everywhere":true}}`), "6 deleted")
	says(t, w.must(0, "rollback", "--auto-approve"), "6 created")
	says(t, w.must(0, "plan", "--detailed-exitcode"), "No changes.")
	says(t, w.must(0, "destroy", "--auto-approve", "--target", "module.east"), "5 deleted")
	says(t, w.must(2, "plan", "--detailed-exitcode", "--summary"), "Plan: 5 to create")
	says(t, w.must(0, "destroy", "--auto-approve"), "7 deleted")
}

// says checks what a command printed, wherever.
func says(t *testing.T, r result, fragments ...string) {
	t.Helper()
	contains(t, r, r.stdout+words(r.stderr), fragments...)
}

// mergeContexts writes a kubeconfig with the current context of each file under another name.
func mergeContexts(t *testing.T, to string, files map[string]string) {
	t.Helper()
	merged := api.NewConfig()
	for name, path := range files {
		c, err := clientcmd.LoadFromFile(path)
		if err != nil {
			t.Fatal(err)
		}
		current := c.Contexts[c.CurrentContext]
		merged.Clusters[name], merged.AuthInfos[name] = c.Clusters[current.Cluster], c.AuthInfos[current.AuthInfo]
		context := current.DeepCopy()
		context.Cluster, context.AuthInfo = name, name
		merged.Contexts[name] = context
	}
	if err := clientcmd.WriteToFile(*merged, to); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(to); err != nil || !strings.Contains(string(b), "second") {
		t.Fatalf("%s: %v", to, err)
	}
}
