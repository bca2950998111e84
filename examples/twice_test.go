package examples

import (
	"os"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/testenv"
)

// twoMaps is a configuration of which the second object is ready when somebody says so.
const twoMaps = `
variable "namespace" {
  type = string
}

variable "mode" {
  type    = string
  default = "slow"
}

resource "kubernetes_manifest" "settings" {
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "settings", namespace = var.namespace }
    data       = { mode = var.mode }
  }
}

resource "kubernetes_manifest" "awaited" {
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "awaited", namespace = var.namespace }
  }

  wait {
    field {
      path  = "data.ready"
      value = "yes"
    }
  }

  depends_on = [kubernetes_manifest.settings]
}

resource "kubernetes_manifest" "last" {
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "last", namespace = var.namespace }
  }

  depends_on = [kubernetes_manifest.awaited]
}
`

// TestTwoAtOnce has one operator waiting in an apply and another one at work on the same state, interrupts the first, and sees to it that
// the next run goes on.
func TestTwoAtOnce(t *testing.T) {
	namespace := testenv.Namespace(t)
	w := newWorkspace(t, "")
	w.env = append(w.env, "MESHPLAN_VAR_namespace="+namespace)
	w.write("maps.mesh.hcl", twoMaps)

	first := w.start("apply", "--auto-approve", "--progress", "json")
	first.wait(`kubernetes_manifest\.awaited: .*ready`)
	before := digest(t, w.state())
	for _, args := range [][]string{{"apply", "--auto-approve"}, {"destroy", "--auto-approve"}, {"rollback", "--auto-approve"}} {
		locked := w.diagnose(args...)
		if locked.code != 4 || len(locked.found) != 1 || locked.found[0].Code != "state.locked" {
			t.Errorf("%s: exit code %d, want 4 and state.locked\n%s", locked.line, locked.code, locked.text())
		}
		contains(t, locked, words(locked.stderr), "The state is locked by ", `running "meshplan apply"`, "--lock-timeout")
	}
	w.must(0, "plan") // looks only
	w.must(0, "drift")
	w.must(0, "state", "list")
	if digest(t, w.state()) != before {
		t.Error("the second operator changed the state")
	}

	for _, answer := range []string{"Interrupt again to abort", ""} { // the first one lets what is in flight finish
		if err := first.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if answer != "" {
			first.wait(answer)
		}
	}
	stopped := first.end()
	if stopped.code != 130 {
		t.Fatalf("exit code %d after an interrupt, want 130\n%s", stopped.code, stopped.text())
	}
	ready(t, namespace)
	w.must(0, "apply", "--auto-approve")
	w.must(0, "plan", "--detailed-exitcode")
}

// ready says what the second object waits for.
func ready(t *testing.T, namespace string) {
	t.Helper()
	if _, err := testenv.Dynamic(t).Resource(configMaps).Namespace(namespace).Patch(t.Context(), "awaited", types.MergePatchType,
		[]byte(`{"data":{"ready":"yes"}}`), metav1.PatchOptions{FieldManager: "somebody-else"}); err != nil {
		t.Fatal(err)
	}
}

// TestSavedPlanGoesStale applies plans that something has overtaken. Each is refused with exit code 5, says what has moved, and changes
// nothing.
func TestSavedPlanGoesStale(t *testing.T) {
	namespace := testenv.Namespace(t)
	w := newWorkspace(t, "")
	w.env = append(w.env, "MESHPLAN_VAR_namespace="+namespace)
	w.write("maps.mesh.hcl", twoMaps)
	only := func(args ...string) []string { return append(args, "--target", "kubernetes_manifest.settings") }
	w.must(0, only("apply", "--auto-approve")...)

	w.must(0, only("plan", "--out", "fast.plan", "--var", "mode=fast")...)
	w.must(0, only("plan", "--out", "faster.plan", "--var", "mode=faster")...)
	w.must(0, "apply", "fast.plan")
	refuse := func(name string, w *workspace, says string, args ...string) {
		t.Run(name, func(t *testing.T) {
			w := &workspace{t: t, dir: w.dir, env: w.env}
			before := digest(t, w.state())
			r := w.diagnose(args...)
			if r.code != 5 {
				t.Errorf("exit code %d, want 5\n%s", r.code, r.text())
			}
			contains(t, r, words(r.stderr), says, "lan again")
			if digest(t, w.state()) != before {
				t.Error("the state was changed")
			}
		})
	}
	refuse("another run", w, "kubernetes_manifest.settings", "apply", "faster.plan")

	w.must(0, only("plan", "--out", "edited.plan", "--var", "mode=edited")...)
	w.write("more.mesh.hcl", "locals {\n  more = 1\n}\n")
	refuse("edited configuration", w, "configuration", "apply", "edited.plan")
	if err := os.Remove(w.dir + "/more.mesh.hcl"); err != nil {
		t.Fatal(err)
	}

	if err := testenv.Dynamic(t).Resource(configMaps).Namespace(namespace).Delete(t.Context(), "settings", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	gone := w.diagnose("apply", "edited.plan") // only the write itself can notice
	if gone.code != 3 || len(gone.found) != 1 || gone.found[0].Code != "k8s.gone" {
		t.Errorf("an object that is gone: exit code %d, want 3 and k8s.gone\n%s", gone.code, gone.text())
	}
	contains(t, gone, words(gone.stderr), "ConfigMap "+namespace+"/settings", "was deleted since the plan was made. Plan again")

	other := newWorkspace(t, "")
	other.env = w.env
	other.write("maps.mesh.hcl", twoMaps)
	other.write("foreign.plan", w.read("edited.plan"))
	refuse("another state", other, "state", "apply", "foreign.plan")

	b := []byte(w.read("edited.plan"))
	b[len(b)/2] ^= 1
	w.write("edited.plan", string(b))
	r := w.diagnose("apply", "edited.plan")
	if r.code != 1 || len(r.found) != 1 || r.found[0].Code != "plan.file" {
		t.Errorf("a damaged plan: exit code %d, want 1 and plan.file\n%s", r.code, r.text())
	}
}
