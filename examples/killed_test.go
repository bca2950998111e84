package examples

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/golden"
)

// TestKilledApplyConverges kills the rollout at its most delicate moments, interrupts it once, and lets the next apply go on each time.
// In the end it is as if nothing had happened.
func TestKilledApplyConverges(t *testing.T) {
	w := newWorkspace(t, "mtls-rollout")
	meshed := map[string]string{} // pod → its workload, as soon as it has a proxy
	for _, m := range []struct {
		name, moment string
		signal       os.Signal
	}{
		{"namespaces", `kubernetes_namespace\.\w+: create\.\.\.`, syscall.SIGKILL},
		{"definitions", `linkerd_crds\.linkerd: create\.\.\.`, syscall.SIGKILL},
		{"workloads", `Deployment/shop/\w+\\"\]: create\.\.\.`, syscall.SIGKILL},
		{"control plane", `linkerd_control_plane\.linkerd: made certificate of webhook policy-validator`, syscall.SIGKILL},
		{"before injection", `linkerd_injection\.shop: create\.\.\.`, syscall.SIGKILL},
		{"second wave", `linkerd_injection\.shop: .* wave 2/`, syscall.SIGKILL},
		{"proof", `linkerd_gate\.encrypted: watching`, os.Interrupt},
		{"audit", `linkerd_inbound_policy\.shop: before all-authenticated`, syscall.SIGKILL},
		{"enforcement", `linkerd_inbound_policy\.shop: raising 4 ports to deny`, syscall.SIGKILL},
	} {
		r := w.until(m.moment, m.signal, "apply", "--auto-approve", "--summary")
		want := -1
		if m.signal == os.Interrupt {
			want = 130
		}
		if r.code != want {
			t.Fatalf("%s: exit code %d, want %d\n%s", m.name, r.code, want, r.text())
		}
		checkKept(t, m.name, meshed)
	}
	w.must(0, "apply", "--auto-approve", "--summary")
	checkKept(t, "end", meshed)

	w.must(0, "plan", "--detailed-exitcode")
	w.must(0, "drift")
	golden.Check(t, "inventory", []byte(inventory(t)))
	checkInjectedOnce(t)
	recorded := strings.Fields(w.must(0, "state", "list").stdout)
	for i, a := range recorded {
		if i > 0 && recorded[i-1] == a {
			t.Errorf("%s is recorded twice", a)
		}
	}
	output := w.must(0, "output")
	contains(t, output, output.stdout, `"5/5 workloads meshed"`, `"deny"`)
	checkNoKeys(w, privateKeys(t, "linkerd"))

	w.must(0, "destroy", "--auto-approve", "--summary")
	checkNothingLeft(t)
	checkListsNothing(w)
}

// checkKept fails when a pod that had a proxy is gone, and notes those that have one now. A workload that is in the middle of its
// restart may still replace pods, so only workloads whose pods all have one count.
func checkKept(t *testing.T, when string, meshed map[string]string) {
	t.Helper()
	live := map[string]bool{}
	proxied, plain := map[string][]string{}, map[string]bool{}
	for _, p := range list(t, pods, "shop", "app") {
		app := p.GetLabels()["app"]
		live[string(p.GetUID())] = true
		containers, _, _ := unstructured.NestedSlice(p.Object, "spec", "containers")
		sidecars, _, _ := unstructured.NestedSlice(p.Object, "spec", "initContainers")
		has := false
		for _, c := range append(containers, sidecars...) {
			has = has || c.(map[string]any)["name"] == "linkerd-proxy"
		}
		if has {
			proxied[app] = append(proxied[app], string(p.GetUID()))
		} else {
			plain[app] = true
		}
	}
	for uid, app := range meshed {
		if !live[uid] {
			t.Errorf("%s: a pod of %s that was in the mesh was replaced", when, app)
		}
	}
	for app, uids := range proxied {
		if plain[app] {
			continue
		}
		for _, uid := range uids {
			meshed[uid] = app
		}
	}
}
