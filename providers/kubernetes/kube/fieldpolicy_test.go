package kube_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

func TestFieldConflictsNameFieldsAsPeopleAndServersDo(t *testing.T) {
	for _, c := range []struct{ pattern, field, want string }{
		{"spec.replicas", ".spec.replicas", "yield"},
		{".spec.replicas", ".spec.replicas", "yield"},
		{"spec", ".spec.template.spec.containers[name=\"app\"].image", "yield"},
		{"spec.template.spec.containers[name=app]", `.spec.template.spec.containers[name="app"].image`, "yield"},
		{`spec.template.spec.containers[name="app"].image`, `.spec.template.spec.containers[name="app"].image`, "yield"},
		{"spec.template.spec.containers[*].image", `.spec.template.spec.containers[name="app"].image`, "yield"},
		{"spec.template.spec.containers[*].image", `.spec.template.spec.containers[name="app"].command`, "error"},
		{"spec.ports[port=80,protocol=TCP]", `.spec.ports[port=80,protocol="TCP"].nodePort`, "yield"},
		{`metadata.annotations["linkerd.io/inject"]`, ".metadata.annotations.linkerd.io/inject", "yield"},
		{"metadata.annotations.linkerd.io/inject", ".metadata.annotations.linkerd.io/inject", "yield"},
		{"spec.replica", ".spec.replicas", "error"},
		{"spec.replicas.more", ".spec.replicas", "error"},
	} {
		o := kube.SetOptions{FieldConflicts: map[string]string{c.pattern: kube.ConflictsYield}}
		if got := kube.ConflictPolicy(o, c.field); got != c.want {
			t.Errorf("%s for %s: %s, want %s", c.pattern, c.field, got, c.want)
		}
	}
	o := kube.SetOptions{Conflicts: kube.ConflictsForce, FieldConflicts: map[string]string{"spec": kube.ConflictsError, "spec.template.spec.containers[*]": kube.ConflictsYield,
		"spec.template.spec.containers[name=app]": kube.ConflictsForce, "spec.template.spec.containers[name=app].image": kube.ConflictsError}}
	for field, want := range map[string]string{
		".metadata.labels.a": "force", ".spec.replicas": "error", `.spec.template.spec.containers[name="b"].image`: "yield", `.spec.template.spec.containers[name="app"].image`: "error",
	} {
		if got := kube.ConflictPolicy(o, field); got != want {
			t.Errorf("%s: %s, want %s", field, got, want)
		}
	}
	for bad, word := range map[string]string{"..": "no path", "spec": "none of"} {
		if err := kube.CheckFieldConflicts(map[string]string{bad: "x"}); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v, want %q", bad, err, word)
		}
	}
}

// readWith reads in a new process, with options.
func (r *rig) readWith(rec kube.Record, o kube.SetOptions, desired ...kube.Desired) kube.SetState {
	r.t.Helper()
	states, ds := r.again().ReadSets(r.t.Context(), []kube.SetRead{{Owner: r.owner, Record: rec, Desired: desired, Options: o}})
	must(r.t, ds)
	must(r.t, states[0].Diagnostics)
	return states[0]
}

// TestReplicasAreHandedToTheAutoscaler follows a Deployment from the first apply with a number of replicas to a
// configuration without one, while an autoscaler comes, scales and goes.
func TestReplicasAreHandedToTheAutoscaler(t *testing.T) {
	r := newRig(t)
	yield := kube.SetOptions{FieldConflicts: map[string]string{"spec.replicas": kube.ConflictsYield}}
	want := r.objects(deployment)
	without := r.objects(strings.Replace(deployment, "  replicas: 2\n", "", 1))
	replicas := func(n int) {
		t.Helper()
		if got := r.field(web, "spec.replicas"); got != int64(n) {
			t.Fatalf("%v replicas, want %d", got, n)
		}
	}
	rec := r.make(kube.Record{}, yield, want...)

	// Nobody else has set it yet: giving it up keeps the number.
	plan := r.plan(rec, yield, without...)
	if got := plan.Objects[0].Changes; len(got) > 0 || !strings.Contains(notesOf(plan), "keeps spec.replicas (2)") {
		t.Errorf("changes %v, notes %v", got, plan.Notes)
	}
	rec = r.apply(rec, plan, yield, without...).Record
	replicas(2)

	// The autoscaler takes it: no drift, no change, and from then on no question either.
	r.scale(7)
	state := r.readWith(rec, yield, without...)
	if len(state.Objects[0].Drift) > 0 {
		t.Errorf("drift %v", state.Objects[0].Drift)
	}
	if p := r.again().plan(state.Record, yield, without...); p.Changed() {
		t.Errorf("not settled: %v %v", p.Objects[0].Changes, p.Notes)
	}
	rec = r.make(state.Record, yield, r.objects(strings.Replace(strings.Replace(deployment, "  replicas: 2\n", "", 1), "image: ", "image: new/", 1))...)
	replicas(7)

	// The configuration names a number again: the autoscaler's stands.
	rec = r.make(rec, yield, want...)
	replicas(7)
	r.scale(5)
	state = r.readWith(rec, yield, want...)
	if len(state.Objects[0].Drift) > 0 {
		t.Errorf("drift %v", state.Objects[0].Drift)
	}
	if again := r.readWith(state.Record, yield, want...); again.Objects[0].Live != nil {
		t.Error("an object with a field left to others is fetched each time")
	}

	// Without the policy it is a conflict, which names the way out.
	_, ds := r.PlanSet(t.Context(), kube.SetPlanRequest{Owner: r.owner, Prior: state.Record, Desired: want, Options: kube.SetOptions{Conflicts: kube.ConflictsError}})
	wantCode(t, only(t, ds), kube.CodeConflict, "spec.replicas is set by kube-controller-manager", `field_conflicts = { "spec.replicas" = "yield" }`)
	rec = r.make(state.Record, kube.SetOptions{FieldConflicts: map[string]string{"spec.replicas": kube.ConflictsForce}}, want...)
	replicas(2)
	r.settled(rec, none, want...)
}

// TestNamedFieldsDecideAboutPeopleToo changes two fields by hand: one that is left to people by name, and one that is
// not.
func TestNamedFieldsDecideAboutPeopleToo(t *testing.T) {
	r := newRig(t)
	want := r.objects(configMap)
	rec := r.make(kube.Record{}, none, want...)
	edit := func(key string) {
		t.Helper()
		r.patchAs("kubectl-edit", aRef, fmt.Sprintf(`{"data":{%q:%q}}`, key, "theirs"))
	}
	edit("color")
	edit("size")
	o := kube.SetOptions{FieldConflicts: map[string]string{"data.color": kube.ConflictsYield}}
	state := r.readWith(rec, o, want...)
	if len(state.Objects[0].Drift) != 1 || state.Objects[0].Drift[0].Path.String() != "data.size" {
		t.Errorf("drift %v, want data.size", state.Objects[0].Drift)
	}
	plan := r.plan(state.Record, o, want...)
	if got := plan.Objects[0].Changes; !slices.Equal(got, []string{"data.size"}) {
		t.Errorf("changes %v", got)
	}
	rec = r.apply(state.Record, plan, o, want...).Record
	if data := r.field(aRef, "data").(map[string]any); data["color"] != "theirs" || data["size"] != "big" {
		t.Errorf("data %v", data)
	}
	if p := r.again().plan(r.readWith(rec, o, want...).Record, o, want...); p.Changed() {
		t.Errorf("not settled: %v", p.Objects[0].Changes)
	}
	refused := kube.SetOptions{FieldConflicts: map[string]string{"data": kube.ConflictsError}}
	edit("size")
	_, ds := r.again().PlanSet(t.Context(), kube.SetPlanRequest{Owner: r.owner, Prior: r.readWith(rec, refused, want...).Record, Desired: want, Options: refused})
	wantCode(t, only(t, ds), kube.CodeConflict, "data.size is set by kubectl-edit")
}
