package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/meshplan/meshplan/internal/testenv"
)

// TestMigrationUnderKills takes a state from its file into the cluster and back, killed at its boundaries: whenever that
// happens, the state is whole in one of the two places, and the same command brings it to the other.
func TestMigrationUnderKills(t *testing.T) {
	ns := testenv.Namespace(t)
	w := newWorkspace(t, "")
	w.env = append(w.env, "MESHPLAN_VAR_namespace="+ns, "MESHPLAN_VAR_round=1", "MESHPLAN_STATE_KUBECONFIG="+testenv.Kubeconfig(t))
	w.write("main.mesh.hcl", chaos)
	w.must(0, "apply", "--auto-approve", "--summary")
	want := w.lines("state", "list")
	backend := filepath.Join(w.dir, "backend.mesh.hcl")
	const migrate = "--migrate-state"
	// there prepares a migration: into the cluster, or back into the file.
	there := func(cluster bool) []string {
		t.Helper()
		if !cluster {
			if err := os.Remove(backend); err != nil {
				t.Fatal(err)
			}
			return []string{"init", migrate, "--from", "kubernetes:" + ns + "/moving"}
		}
		w.write("backend.mesh.hcl", fmt.Sprintf("meshplan {\n  backend \"kubernetes\" {\n    namespace      = %q\n    name           = \"moving\"\n    lease_duration = \"5s\"\n  }\n}\n", ns))
		return []string{"init", migrate}
	}
	whole := func(when string) {
		t.Helper()
		if got := w.lines("state", "list"); !slices.Equal(got, want) {
			t.Fatalf("%s the state lists %v, want %v", when, got, want)
		}
		w.must(0, "plan", "--detailed-exitcode")
		if r := w.must(0, "history", "--limit", "0"); !strings.Contains(r.stdout, "apply") {
			t.Fatalf("%s the history is gone\n%s", when, r.text())
		}
	}
	var passed [2][]string
	for i, cluster := range []bool{true, false} {
		passed[i] = deaths(w.boundaries(there(cluster)...))
		whole("after a migration")
	}
	passed[0] = some(passed[0], 4)
	if !thorough() {
		// The lease of a state that is only named by --from lasts a minute, and each kill there costs as much: make chaos.
		passed[1] = []string{forever}
	}
	kills := 0
	for n := range max(len(passed[0]), len(passed[1])) {
		for i, cluster := range []bool{true, false} {
			args := there(cluster)
			if death := passed[i][n%len(passed[i])]; w.dies(death, args) {
				kills++
				// The killed one holds the lease for its rest. It may have done it all.
				r := w.run(append(args, "--lock-timeout", "2m")...)
				if r.code != 0 && !(r.code == 1 && strings.Contains(r.stderr, "there is nothing to migrate")) {
					t.Fatalf("after %s: exit code %d\n%s", death, r.code, r.text())
				}
			}
			whole(fmt.Sprintf("after death %d of the way %v", n, args))
		}
	}
	t.Logf("%d kills at the boundaries %v", kills, passed)
	if kills < 4 {
		t.Errorf("%d kills prove nothing", kills)
	}
	w.must(0, "destroy", "--auto-approve", "--summary")
}
