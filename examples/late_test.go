package examples

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/internal/testenv/faultproxy"
)

// oneMap is an object whose mode changes.
const oneMap = `
variable "namespace" { type = string }
variable "mode" { type = string }

resource "kubernetes_manifest" "settings" {
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "settings", namespace = var.namespace }
    data       = { mode = var.mode }
  }
}
`

// TestAWriteOfADeadRunLandsLate kills a run whose write is still on its way, and lets the next run want the former value
// again: it must not take the object for unchanged, because the write lands a moment after it could first look.
func TestAWriteOfADeadRunLandsLate(t *testing.T) {
	const late = time.Second
	for name, next := range map[string][]string{
		"apply":    {"apply", "--auto-approve", "--summary"},
		"rollback": {"rollback", "--auto-approve", "--summary"},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := testenv.Namespace(t)
			w := newWorkspace(t, "")
			w.write("main.mesh.hcl", oneMap)
			w.env = append(w.env, "MESHPLAN_VAR_namespace="+namespace, "MESHPLAN_VAR_mode=former")
			w.must(0, "apply", "--auto-approve", "--summary")

			proxy := faultproxy.New(t, testenv.Kubeconfig(t), faultproxy.Rule{Match: faultproxy.Writes, Fault: faultproxy.Late(late)})
			dying := w.start("apply", "--auto-approve", "--var", "mode=new", "--kubeconfig", proxy.Kubeconfig)
			written := func(r faultproxy.Request) bool { return r.Faulty && r.Method == http.MethodPatch }
			for start := time.Now(); !slices.ContainsFunc(proxy.Requests(), written); time.Sleep(time.Millisecond) {
				if time.Since(start) > time.Minute {
					t.Fatal("nothing was written")
				}
			}
			begun := time.Now()
			if err := dying.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			dying.end()
			w.must(0, next...)
			time.Sleep(time.Until(begun.Add(2 * late)))
			w.must(0, "plan", "--detailed-exitcode")
			for _, o := range list(t, configMaps, namespace, "") {
				if data, _ := o.Object["data"].(map[string]any); o.GetName() == "settings" && data["mode"] != "former" {
					t.Errorf("the next run left mode = %v", data["mode"])
				}
			}
		})
	}
}
