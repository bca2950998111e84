package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// TestLostStateOfTheRollout loses the state of the whole rollout, rebuilds what can be rebuilt, and does for the rest what
// recovering says: apply. Nothing is made anew, nothing restarts, what is enforced stays enforced, and in the end the state is what it was.
func TestLostStateOfTheRollout(t *testing.T) {
	w := newWorkspace(t, "mtls-rollout")
	w.must(0, "apply", "--auto-approve", "--summary")
	recorded, before := w.must(0, "state", "list").stdout, identities(t)
	if err := os.RemoveAll(filepath.Join(w.dir, ".meshplan")); err != nil {
		t.Fatal(err)
	}
	r := w.must(0, "state", "recover")
	contains(t, r, r.stdout, "Recovered kubernetes_namespace.shop.", `Recovered kubernetes_manifest.shop["Deployment/shop/tripservice"].`, "Left linkerd_control_plane.linkerd (", "Left linkerd_inbound_policy.shop (")
	for line := range strings.Lines(r.stdout) {
		if strings.HasPrefix(line, "Left ") && !strings.Contains(line, "The next apply takes it over") {
			t.Errorf("this does not go on with an apply: %s", line)
		}
	}
	plan := w.must(2, "plan", "--detailed-exitcode")
	contains(t, plan, plan.stdout, " 0 to replace, 0 to delete.")
	for _, others := range []string{`- "linkerd.io/inject"`, `- "linkerd.io/extension"`, "mesh-restart"} { // what other instances of the state wrote
		if strings.Contains(plan.stdout, others) {
			t.Errorf("the plan takes %s away\n%s", others, plan.text())
		}
	}
	contains(t, w.must(0, "apply", "--auto-approve", "--summary"), recorded, "linkerd_inbound_policy.shop")
	w.must(0, "plan", "--detailed-exitcode")
	w.must(0, "drift")
	golden.Check(t, "inventory", []byte(inventory(t)))
	checkInjectedOnce(t)
	after := identities(t)
	for what, uid := range before {
		if after[what] != uid {
			t.Errorf("%s was made anew, or is gone", what)
		}
	}
	if got := w.must(0, "state", "list").stdout; got != recorded {
		t.Errorf("the state lists\n%s\nand listed before\n%s", got, recorded)
	}
	for _, s := range list(t, servers, "shop", "") {
		if spec, _ := s.Object["spec"].(map[string]any); spec["accessPolicy"] != "deny" {
			t.Errorf("Server %s: %v, want deny", s.GetName(), spec["accessPolicy"])
		}
	}
	w.must(0, "destroy", "--auto-approve", "--summary")
	checkNothingLeft(t)
	checkListsNothing(w)
}

// identities are the UIDs of all pods of the mesh and of all objects that bear our mark.
func identities(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, r := range kinds(t) {
		for _, o := range list(t, r, "", kube.LabelState) {
			if o.GetAnnotations()[kube.AnnotationOwner] != "" {
				out[r.Resource+"/"+o.GetNamespace()+"/"+o.GetName()] = string(o.GetUID())
			}
		}
	}
	for _, ns := range []string{"shop", "linkerd", "linkerd-viz"} {
		for _, p := range list(t, pods, ns, "") {
			out["pods/"+ns+"/"+p.GetName()] = string(p.GetUID())
		}
	}
	return out
}
