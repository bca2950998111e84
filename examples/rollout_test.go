package examples

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/internal/testenv"
)

// TestReferenceRollout goes the whole way of the reference rollout: there, proof, an empty second plan, drift and repair, and back.
func TestReferenceRollout(t *testing.T) {
	w := newWorkspace(t, "mtls-rollout")
	checkNothingLeft(t)

	w.must(2, "plan", "--detailed-exitcode", "--out", "rollout.plan")
	if digest(t, w.state()) != "" {
		t.Error("plan wrote a state")
	}
	applied := wayUp(w)
	contains(t, applied, applied.stdout, "Apply complete: ", " created, 0 updated, 0 replaced, 0 deleted.")
	again := w.must(0, "apply", "rollout.plan")
	contains(t, again, words(again.stdout+again.stderr), "run 1")

	second := w.must(0, "plan", "--detailed-exitcode")
	contains(t, second, second.stdout, "No changes.")
	output := w.must(0, "output")
	contains(t, output, output.stdout, `"5/5 workloads meshed"`, `100% mutual TLS"`, `"deny"`, `100% successes"`)
	if healthy := w.must(0, "output", "--json"); !strings.Contains(healthy.stdout, `"healthy"`) {
		t.Errorf("output --json holds no output %q:\n%s", "healthy", healthy.stdout)
	}
	golden.Check(t, "inventory", []byte(inventory(t)))
	checkInjectedOnce(t)

	keys := privateKeys(t, "linkerd")
	for _, s := range []string{"linkerd-trust-anchor", "linkerd-identity-issuer", "linkerd-proxy-injector-k8s-tls"} {
		if !slices.ContainsFunc(keysOf(keys), func(k string) bool { return strings.HasPrefix(k, s+"/") }) {
			t.Errorf("Secret %s holds no private key; there are %v", s, keysOf(keys))
		}
	}

	lookAtTheMesh(w)
	planExamplesOfTypes(w)
	canary(t)
	driftAndRepair(w)
	for _, args := range [][]string{{"show", "--json"}, {"show", "rollout.plan", "--json"}, {"show", "run:1", "--json"}, {"history"}, {"graph"}, {"plan", "--destroy", "--full", "--out", "destroy.plan"}, {"show", "destroy.plan", "--json"}} {
		w.must(0, args...)
	}

	checkNoKeys(w, keys)
	wayDown(w)
	checkNothingLeft(t)
	checkListsNothing(w)
	checkNoKeys(w, keys)
	empty := w.must(0, "show")
	contains(t, empty, empty.stdout, "Nothing is recorded.")
}

// driftAndRepair opens the payments by hand and removes a permission; drift finds both, and a plan that is saved repairs them.
func driftAndRepair(w *workspace) {
	t := w.t
	t.Helper()
	w.must(0, "drift")
	client := testenv.Dynamic(t)
	if _, err := client.Resource(servers).Namespace("shop").Patch(t.Context(), "paymentservice-http", types.MergePatchType,
		[]byte(`{"spec":{"accessPolicy":"all-unauthenticated"}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := client.Resource(policies).Namespace("shop").Delete(t.Context(), "driverservice-callers", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	before := digest(t, w.state())
	drift := w.must(2, "drift")
	contains(t, drift, drift.stdout, "linkerd_server.payment", `"deny"`, `"all-unauthenticated"`, `linkerd_authorization_policy.callers["driverservice"]`)
	if digest(t, w.state()) != before {
		t.Error("drift changed the state")
	}
	plan := w.must(2, "plan", "--detailed-exitcode", "--out", "repair.plan")
	contains(t, plan, plan.stdout, "Plan: 1 to create, 1 to update, 0 to replace, 0 to delete.")
	w.must(0, "apply", "repair.plan")
	w.must(0, "drift")
	w.must(0, "plan", "--detailed-exitcode")
	got, err := client.Resource(servers).Namespace("shop").Get(t.Context(), "paymentservice-http", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if spec := fmt.Sprint(got.Object["spec"]); !strings.Contains(spec, "accessPolicy:deny") {
		t.Errorf("the server is not repaired: %s", spec)
	}
}

// sequence says that whatever begins with first must be done before anything that begins with then is begun.
type sequence struct{ first, then, why string }

// inOrder runs the program and checks the order in which it went. The steps are "start ADDRESS" and "done ADDRESS".
func inOrder(w *workspace, all []sequence, args ...string) (r result, steps []string) {
	t := w.t
	t.Helper()
	for _, m := range w.messages(&r, args...) {
		switch m.Type {
		case "apply_start":
			steps = append(steps, "start "+m.Hook.Resource.Addr)
		case "apply_complete":
			steps = append(steps, "done "+m.Hook.Resource.Addr)
		}
	}
	if r.code != 0 {
		t.Fatalf("%s: exit code %d\n%s", r.line, r.code, r.text())
	}
	for _, o := range all {
		last, begin := -1, -1
		for i, s := range steps {
			if strings.HasPrefix(s, "done "+o.first) {
				last = i
			}
			if begin < 0 && strings.HasPrefix(s, "start "+o.then) {
				begin = i
			}
		}
		if last < 0 || begin < 0 || last > begin {
			t.Errorf("%s must be done before %s begins, for %s; it went\n%s", o.first, o.then, o.why, strings.Join(steps, "\n"))
		}
	}
	return r, steps
}

// wayUp carries the saved plan out. The configuration refers from policies to Servers, and yet the permissions come first.
func wayUp(w *workspace) result {
	w.t.Helper()
	applied, _ := inOrder(w, []sequence{
		{"linkerd_trust_anchor.", "linkerd_identity_issuer.", "the anchor signs the issuer"},
		{"linkerd_identity_issuer.", "linkerd_control_plane.", "the control plane uses the issuer"},
		{"linkerd_crds.", "linkerd_control_plane.", "the control plane uses the definitions"},
		{"linkerd_control_plane.", "linkerd_injection.", "the injector must answer"},
		{"kubernetes_manifest.shop", "linkerd_injection.", "there must be something to inject"},
		{"linkerd_injection.", "linkerd_server.", "nothing refuses plain text before there are proxies"},
		{"linkerd_injection.", "linkerd_inbound_policy.", "nothing refuses plain text before there are proxies"},
		{"linkerd_gate.encrypted", "linkerd_inbound_policy.", "nothing is refused before it is proved encrypted"},
		{"linkerd_mesh_tls_authentication.", "linkerd_server.", "what permits comes before what refuses"},
		{"linkerd_authorization_policy.", "linkerd_server.", "what permits comes before what refuses"},
		{"linkerd_authorization_policy.", "linkerd_inbound_policy.", "what permits comes before what refuses"},
		{"linkerd_server.payment", "linkerd_inbound_policy.shop", "a port with a Server of its own is left to it"},
	}, "apply", "rollout.plan")
	return applied
}

// wayDown rolls everything back and checks the order in which it went.
func wayDown(w *workspace) {
	t := w.t
	t.Helper()
	_, steps := inOrder(w, []sequence{
		{"linkerd_inbound_policy.shop", "linkerd_authorization_policy.callers", "what refuses goes before what permits"},
		{"linkerd_server.payment", "linkerd_authorization_policy.payment", "what refuses goes before what permits"},
		{`linkerd_authorization_policy.callers["userservice"]`, `linkerd_mesh_tls_authentication.callers["userservice"]`, "who refers goes before what is referred to"},
		{"linkerd_authorization_policy.payment", `linkerd_mesh_tls_authentication.callers["paymentservice"]`, "who refers goes before what is referred to"},
		{"linkerd_inbound_policy.", "linkerd_injection.", "nothing refuses plain text when the proxies go"},
		{"linkerd_server.", "linkerd_injection.", "nothing refuses plain text when the proxies go"},
		{"linkerd_injection.", "kubernetes_manifest.shop", "the proxies go before the workloads"},
		{"linkerd_injection.", "linkerd_control_plane.", "no proxy is left without a control plane"},
		{"linkerd_control_plane.", "linkerd_identity_issuer.", "the control plane uses the issuer"},
		{"linkerd_identity_issuer.", "linkerd_trust_anchor.", "the anchor signed the issuer"},
		{"linkerd_control_plane.", "linkerd_crds.", "the control plane uses the definitions"},
		{"linkerd_authorization_policy.", "linkerd_crds.", "no object goes with its definition"},
		{"linkerd_mesh_tls_authentication.", "linkerd_crds.", "no object goes with its definition"},
		{"linkerd_crds.", "kubernetes_namespace.linkerd", "contents go before their namespace"},
		{"kubernetes_manifest.", "kubernetes_namespace.shop", "contents go before their namespace"},
	}, "rollback", "--to", "0", "--auto-approve")
	var run struct {
		Mode, Result string
		Reverts      []int
		Steps        []struct{ Address, Op, Outcome string }
	}
	shown := w.must(0, "show", "run:3", "--json")
	if err := json.Unmarshal([]byte(shown.stdout), &run); err != nil {
		t.Fatal(err)
	}
	if run.Mode != "rollback" || run.Result != "succeeded" || !slices.Equal(run.Reverts, []int{2, 1}) && !slices.Equal(run.Reverts, []int{1, 2}) {
		t.Errorf("run 3: mode %s, result %s, undid %v", run.Mode, run.Result, run.Reverts)
	}
	for _, s := range run.Steps {
		if s.Op != "delete" || s.Outcome != "done" {
			t.Errorf("run 3: %s of %s is %s", s.Op, s.Address, s.Outcome)
		}
	}
	if started := len(steps) / 2; len(run.Steps) != started {
		t.Errorf("the journal has %d steps, and %d were reported", len(run.Steps), started)
	}
}

// checkInjectedOnce fails when a workload of the shop was restarted other than once: for its proxies.
func checkInjectedOnce(t *testing.T) {
	t.Helper()
	all := list(t, deployments, "shop", "")
	if len(all) != 5 {
		t.Errorf("%d deployments, want 5", len(all))
	}
	for _, d := range all {
		if got := d.GetAnnotations()["deployment.kubernetes.io/revision"]; got != "2" {
			t.Errorf("deployment %s is at revision %s, want 2: as created, and with proxies", d.GetName(), got)
		}
	}
}

// contains fails when a text lacks one of the fragments.
func contains(t *testing.T, r result, text string, fragments ...string) {
	t.Helper()
	for _, f := range fragments {
		if !strings.Contains(text, f) {
			t.Errorf("%s: %q is missing in\n%s", r.line, f, r.text())
		}
	}
}

func keysOf(m map[string][]byte) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
