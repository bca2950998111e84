package kube_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

const (
	configMap = `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: NS}, data: {color: red, size: big}}`
	changed   = `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: NS}, data: {color: blue, size: big}}`
	// deployment omits what the server defaults and writes quantities as the server does not.
	deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      tolerations: []
      containers:
      - name: web
        image: example.test/web:1
        ports: [{containerPort: 8080}]
        resources: {requests: {cpu: 1000m, memory: 2048Mi}}
`
)

var (
	none = kube.SetOptions{}
	aRef = kube.Ref{Kind: "ConfigMap", Name: "a"}
	web  = kube.Ref{Group: "apps", Kind: "Deployment", Name: "web"}
)

// patchAs changes an object behind the product's back.
func (r *rig) patchAs(manager string, ref kube.Ref, patch string) {
	r.t.Helper()
	ref.Version, ref.Namespace = "v1", r.ns
	if _, err := r.Patch(r.t.Context(), ref, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager}); err != nil {
		r.t.Fatal(err)
	}
}

func TestCreateThenNothingToDo(t *testing.T) {
	r := newRig(t)
	want := r.objects(configMap, deployment)
	plan := r.plan(kube.Record{}, none, want...)
	if got, w := r.actions(plan), "create ConfigMap/NS/a, create Deployment/NS/web"; got != w {
		t.Fatalf("plan: %s, want %s", got, w)
	}
	rec := r.apply(kube.Record{}, plan, none, want...).Record
	live := r.live(aRef)
	if live.GetLabels()[kube.LabelState] != kube.StateLabel(r.owner.Lineage) || live.GetAnnotations()[kube.AnnotationOwner] != kube.OwnerMark(r.owner) {
		t.Errorf("marks: %v %v", live.GetLabels(), live.GetAnnotations())
	}
	state := r.again().read(rec, want...)
	for _, o := range state.Objects {
		if !o.Exists || len(o.Drift) > 0 {
			t.Errorf("%s: exists %v, drift %v", o.Ref, o.Exists, o.Drift)
		}
	}
	if p := r.again().plan(state.Record, none, want...); p.Changed() {
		t.Errorf("second plan: %s", r.actions(p))
	}
}

func TestStatusInAManifestIsIgnored(t *testing.T) {
	r := newRig(t)
	want := r.objects(deployment + "status: {replicas: 9}\n")
	rec := r.make(kube.Record{}, none, want...)
	must(t, r.WaitReady(t.Context(), []kube.Ref{rec.Objects[0].Ref}, kube.WaitOptions{Rollout: true}, nil))
	r.patchAs("kubectl-edit", web, `{"metadata":{"labels":{"`+kube.LabelState+`":null}}}`) // so that the object is looked at
	if state := r.again().read(rec, want...); len(state.Objects[0].Drift) > 0 {
		t.Errorf("drift %v", state.Objects[0].Drift)
	}
}

func TestUpdateShowsOnlyOwnedFields(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(configMap)...)
	r.patchAs("kubectl-edit", aRef, `{"data":{"foreign":"field"}}`)
	state := r.read(rec, r.objects(configMap)...)
	if len(state.Objects[0].Drift) > 0 {
		t.Fatalf("a foreign field is drift: %v", state.Objects[0].Drift)
	}
	plan := r.plan(state.Record, none, r.objects(changed)...)
	if got := plan.Objects[0].Changes; len(got) != 1 || got[0] != "data.color" {
		t.Errorf("changes %v, want data.color", got)
	}
	r.apply(state.Record, plan, none, r.objects(changed)...)
	data := r.live(aRef).Object["data"].(map[string]any)
	if data["color"] != "blue" || data["foreign"] != "field" {
		t.Errorf("data %v", data)
	}
}

func TestDriftIsFoundAndUndone(t *testing.T) {
	r := newRig(t)
	want := r.objects(deployment)
	rec := r.make(kube.Record{}, none, want...)
	r.patchAs("kubectl-edit", web, `{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"example.test/web:2","resources":{"requests":{"cpu":"1","memory":"2Gi"}},"ports":[{"containerPort":8080}]},{"name":"sidecar","image":"example.test/s"}]}}}}`)
	state := r.again().read(rec, want...)
	drift := state.Objects[0].Drift
	if len(drift) != 1 || drift[0].Path.String() != "spec.template.spec.containers[0].image" || drift[0].Live != "example.test/web:2" {
		t.Fatalf("drift %v", drift)
	}
	plan := r.plan(state.Record, none, want...)
	if plan.Restarts != 2 || !strings.Contains(strings.Join(plan.Notes, "\n"), "kubectl-edit") {
		t.Errorf("restarts %d, notes %v", plan.Restarts, plan.Notes)
	}
	rec = r.apply(state.Record, plan, none, want...).Record
	if state = r.again().read(rec, want...); len(state.Objects[0].Drift) > 0 || r.plan(state.Record, none, want...).Changed() {
		t.Errorf("not undone: %v", state.Objects[0].Drift)
	}
}

func TestAutoscalerOwnsReplicas(t *testing.T) {
	r := newRig(t)
	want := r.objects(deployment)
	rec := r.make(kube.Record{}, none, want...)
	ref := web
	ref.Version, ref.Namespace = "v1", r.ns
	if _, err := r.Patch(t.Context(), ref, types.MergePatchType, []byte(`{"spec":{"replicas":7}}`), metav1.PatchOptions{FieldManager: "kube-controller-manager"}, "scale"); err != nil {
		t.Fatal(err)
	}
	state := r.read(rec, want...)
	wantCode(t, r.planError(state.Record, kube.SetOptions{Conflicts: kube.ConflictsError}, want...), kube.CodeConflict, "spec.replicas", "kube-controller-manager", "yield", "field_conflicts")
	d := r.planError(state.Record, none, want...) // a type without a choice offers none
	if wantCode(t, d, kube.CodeConflict, "spec.replicas", "kube-controller-manager"); strings.Contains(d.Detail, "conflicts =") {
		t.Error(d.Detail)
	}
	yield := kube.SetOptions{Conflicts: kube.ConflictsYield}
	rec = r.make(state.Record, yield, want...)
	state = r.again().read(rec, want...)
	if p := r.plan(state.Record, yield, want...); p.Changed() {
		t.Errorf("with yield: %s %v", r.actions(p), p.Objects[0].Changes)
	}
	if n := r.live(web).Object["spec"].(map[string]any)["replicas"]; n != int64(7) {
		t.Errorf("replicas %v, want the autoscaler's 7", n)
	}
	force := kube.SetOptions{Conflicts: kube.ConflictsForce}
	edited := r.objects(strings.Replace(deployment, "web:1", "web:3", 1))
	r.make(state.Record, force, edited...)
	if n := r.live(web).Object["spec"].(map[string]any)["replicas"]; n != int64(2) {
		t.Errorf("replicas %v after force, want 2", n)
	}
}

func TestForeignObjectIsRefusedOrAdopted(t *testing.T) {
	r := newRig(t)
	u := r.object(configMap)
	if _, err := testenv.Dynamic(t).Resource(configMaps).Namespace(r.ns).Create(t.Context(), u, metav1.CreateOptions{FieldManager: "kubectl-create"}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, r.planError(kube.Record{}, none, r.objects(changed)...), kube.CodeExists, "kubectl-create", `on_exists = "adopt"`)
	adopt := kube.SetOptions{OnExists: kube.OnExistsAdopt}
	plan := r.plan(kube.Record{}, adopt, r.objects(changed)...)
	if plan.Objects[0].Action != kube.Adopt || strings.Join(plan.Objects[0].Changes, " ") != "data.color" {
		t.Fatalf("plan: %s %v", r.actions(plan), plan.Objects[0].Changes)
	}
	rec := r.apply(kube.Record{}, plan, adopt, r.objects(changed)...).Record
	other := *r
	other.owner = ownerOf("another lineage", "kubernetes_manifest.x")
	wantCode(t, other.planError(kube.Record{}, adopt, r.objects(configMap)...), kube.CodeForeign, "another meshplan state")
	if p := r.plan(r.read(rec, r.objects(changed)...).Record, adopt, r.objects(changed)...); p.Changed() {
		t.Errorf("after adoption: %s", r.actions(p))
	}
}

func TestLostOutcomeIsAdoptedByItsMark(t *testing.T) {
	r := newRig(t)
	want := r.objects(configMap)
	r.make(kube.Record{}, none, want...) // and its record is lost
	fresh := r.again()
	states, ds := fresh.ReadSets(t.Context(), []kube.SetRead{{Owner: r.owner, Desired: want, Unresolved: true}})
	must(t, ds)
	if !states[0].Exists() || states[0].Objects[0].UID == "" {
		t.Fatalf("not found: %+v", states[0])
	}
	if p := fresh.plan(states[0].Record, none, want...); p.Changed() {
		t.Errorf("plan after adoption: %s %v", r.actions(p), p.Objects[0].Changes)
	}
	foreign := *fresh
	foreign.owner = ownerOf("another lineage", "kubernetes_manifest.x")
	states, ds = foreign.ReadSets(t.Context(), []kube.SetRead{{Owner: foreign.owner, Desired: want, Unresolved: true}})
	must(t, ds)
	if states[0].Exists() {
		t.Error("another state's object was adopted")
	}
	if p := r.again().plan(kube.Record{}, none, want...); p.Changed() {
		t.Errorf("without a record and without an intent: %s", r.actions(p))
	}
}

func TestObjectMovedSinceThePlan(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(configMap)...)
	plan := r.plan(rec, none, r.objects(changed)...)
	r.patchAs("script", aRef, `{"metadata":{"labels":{"unrelated":"yes"}}}`)
	rec2 := r.apply(rec, plan, none, r.objects(changed)...).Record // the change is still the approved one

	plan = r.plan(rec2, none, r.objects(configMap)...)
	r.patchAs("script", aRef, `{"data":{"size":"small"}}`)
	_, ds := r.ApplySet(t.Context(), kube.SetApplyRequest{Owner: r.owner, Prior: rec2, Planned: plan.Private, Desired: r.objects(configMap)})
	wantCode(t, only(t, ds), kube.CodeMoved, "Plan again")
	if got := r.live(aRef).Object["data"].(map[string]any)["color"]; got != "blue" {
		t.Errorf("color %v: something was written", got)
	}
}

func TestObjectThatAppearsAfterThePlanIsLeftAlone(t *testing.T) {
	r := newRig(t)
	plan := r.plan(kube.Record{}, none, r.objects(configMap)...)
	u := r.object(`{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: NS}, data: {theirs: x}}`)
	if _, err := testenv.Dynamic(t).Resource(configMaps).Namespace(r.ns).Create(t.Context(), u, metav1.CreateOptions{FieldManager: "someone"}); err != nil {
		t.Fatal(err)
	}
	_, ds := r.ApplySet(t.Context(), kube.SetApplyRequest{Owner: r.owner, Planned: plan.Private, Desired: r.objects(configMap)})
	wantCode(t, only(t, ds), kube.CodeExists)
	live := r.live(aRef)
	if len(live.Object["data"].(map[string]any)) != 1 || live.GetAnnotations()[kube.AnnotationOwner] != "" {
		t.Errorf("traces were left: %v", live.Object)
	}
}

func TestImmutableFieldPlansReplacement(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(deployment)...)
	other := strings.ReplaceAll(deployment, "app: web", "app: other")
	plan := r.plan(rec, none, r.objects(other)...)
	if o := plan.Objects[0]; o.Action != kube.Replace || len(o.Immutable) == 0 {
		t.Fatalf("plan: %s %v", r.actions(plan), o.Immutable)
	}
	recreate := kube.SetOptions{Recreate: true}
	r.apply(rec, plan, recreate, r.objects(other)...)
	if uid := string(r.live(web).GetUID()); uid == rec.Objects[0].UID {
		t.Error("the object was not replaced")
	}
	typo := strings.Replace(other, "name: web\n        image: example.test/web:1", "name: web\n        image: ''", 1)
	wantCode(t, r.planError(rec, none, r.objects(typo)...), kube.CodeInvalid, "image")
}

func TestNamespaceAndContentInOnePlan(t *testing.T) {
	r := newRig(t)
	name := testenv.Name(t)
	want := r.objects(strings.ReplaceAll(deployment, "NS", name), "{apiVersion: v1, kind: Namespace, metadata: {name: "+name+"}}",
		"{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: "+name+"}}")
	plan := r.plan(kube.Record{}, none, want...)
	if plan.Objects[2].Deferred == "" || plan.Objects[0].Kind != "Namespace" {
		t.Fatalf("plan: %s", r.actions(plan))
	}
	rec := r.apply(kube.Record{}, plan, none, want...).Record
	left, ds := r.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec})
	must(t, ds)
	if len(left.Objects) > 0 {
		t.Errorf("left: %v", left)
	}
	if u, err := r.Get(t.Context(), kube.Ref{Version: "v1", Kind: "Namespace", Name: name}); err != nil || u != nil {
		t.Errorf("namespace %v %v", u, err)
	}
}

func TestMissingNamespaceIsAnError(t *testing.T) {
	r := newRig(t)
	wantCode(t, r.planError(kube.Record{}, none, r.objects(strings.ReplaceAll(configMap, "NS", "nowhere"))...), kube.CodeNoNamespace, "nowhere", "kubernetes_namespace")
}

func TestUnwantedObjectIsPruned(t *testing.T) {
	r := newRig(t)
	second := strings.ReplaceAll(configMap, "name: a", "name: b")
	rec := r.make(kube.Record{}, none, r.objects(configMap, second)...)
	plan := r.plan(rec, none, r.objects(second)...)
	if got, w := r.actions(plan), "no-op ConfigMap/NS/b, delete ConfigMap/NS/a"; got != w {
		t.Fatalf("plan: %s, want %s", got, w)
	}
	rec = r.apply(rec, plan, none, r.objects(second)...).Record
	if r.live(aRef) != nil || len(rec.Objects) != 1 {
		t.Errorf("a is still there, or recorded: %v", rec)
	}
}

func TestDeletionLeavesWhatOthersMade(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(configMap)...)
	maps := testenv.Dynamic(t).Resource(configMaps).Namespace(r.ns)
	if err := maps.Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := maps.Create(t.Context(), r.object(configMap), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if state := r.again().read(rec, r.objects(configMap)...); state.Exists() {
		t.Error("another object of that name counts as ours")
	}
	_, ds := r.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec})
	must(t, ds)
	if r.live(aRef) == nil {
		t.Error("the others' object was deleted")
	}
}

func TestFinalizerIsReported(t *testing.T) {
	r := newRig(t)
	held := `{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: NS, finalizers: [example.test/hold]}}`
	rec := r.make(kube.Record{}, none, r.objects(held)...)
	_, ds := r.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec, Timeout: 1e9})
	wantCode(t, only(t, ds), kube.CodeStuckDeletion, "example.test/hold", "kubectl patch")
	plan := r.again().plan(kube.Record{}, none, r.objects(configMap)...)
	if !strings.Contains(strings.Join(plan.Notes, ""), "being deleted") {
		t.Errorf("plan while it goes away: %s %v", r.actions(plan), plan.Notes)
	}
	r.patchAs("controller", aRef, `{"metadata":{"finalizers":null}}`)
	r.apply(kube.Record{}, plan, none, r.objects(configMap)...)
	if r.live(aRef) == nil {
		t.Error("it was not made again")
	}
}

func TestOrphanKeepsTheObject(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(configMap)...)
	_, ds := r.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec, Options: kube.SetOptions{OnDestroy: kube.OnDestroyOrphan}})
	must(t, ds)
	live := r.live(aRef)
	if live == nil || live.GetAnnotations()[kube.AnnotationOwner] != "" || live.GetLabels()[kube.LabelState] != "" {
		t.Errorf("orphan: %v", live)
	}
}

func TestProtectedNamespace(t *testing.T) {
	r := newRig(t)
	rec := kube.Record{Objects: []kube.ObjectRecord{{Ref: kube.Ref{Version: "v1", Kind: "Namespace", Name: "kube-public"}}}}
	wantCode(t, r.planError(rec, none), kube.CodeProtected, "kube-public")
}

// What many objects lack alike is said once.
func TestMissingNamespaceIsOneFinding(t *testing.T) {
	r := newRig(t)
	text := func(kind, version, name string) string {
		return "{apiVersion: " + version + ", kind: " + kind + ", metadata: {name: " + name + ", namespace: not-there}}"
	}
	d := r.planError(kube.Record{}, kube.SetOptions{}, r.objects(text("ConfigMap", "v1", "a"), text("ConfigMap", "v1", "b"), text("ServiceAccount", "v1", "c"))...)
	if diag.CodeOf(d) != kube.CodeNoNamespace || !strings.Contains(d.Detail, "ServiceAccount not-there/c and 2 more need the namespace not-there") {
		t.Errorf("finding: %s: %s", d.Summary, d.Detail)
	}
}

// TestAWriteWithoutOutcomeInTheSameSecond: times of managed fields are whole seconds. A run that died after its write may leave an
// object whose entry is that of the record with another value, and the next plan must see that.
func TestAWriteWithoutOutcomeInTheSameSecond(t *testing.T) {
	r := newRig(t)
	before, after := r.objects(configMap), r.objects(changed)
	for attempt := 1; ; attempt++ {
		rec := r.make(kube.Record{}, none, before...)
		recorded := r.live(aRef)
		r.make(rec, none, after...) // and its outcome is lost
		live := r.live(aRef)
		if !live.GetManagedFields()[0].Time.Equal(recorded.GetManagedFields()[0].Time) {
			if attempt > 20 {
				t.Fatal("two writes never fell into one second")
			}
			continue // once more, from the other value
		}
		states, ds := r.again().ReadSets(t.Context(), []kube.SetRead{{Owner: r.owner, Record: rec, Desired: before, Unresolved: true}})
		must(t, ds)
		if drift := states[0].Objects[0].Drift; len(drift) != 1 || drift[0].Path.String() != "data.color" {
			t.Errorf("the write is not seen: %v", drift)
		}
		if p := r.plan(states[0].Record, none, before...); !p.Changed() {
			t.Error("the plan wants nothing")
		}
		// A plan that wants what stands there writes nothing, and records it. The wish of the apply before is then not fulfilled any more.
		if p := r.plan(states[0].Record, none, after...); p.Changed() {
			t.Errorf("the write was not what the plan wants: %s", r.actions(p))
		}
		state := r.again().read(states[0].Record, after...)
		if p := r.plan(state.Record, none, before...); !p.Changed() {
			t.Error("the former value is taken for applied")
		}
		if state.Record = r.make(state.Record, none, before...); r.live(aRef).Object["data"].(map[string]any)["color"] != "red" {
			t.Errorf("nothing was written: %v", r.live(aRef).Object["data"])
		}
		return
	}
}
