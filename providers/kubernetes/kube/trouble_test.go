package kube_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// through is the same state behind a proxy.
func (r *rig) through(p *testenv.Proxy) *rig {
	out := *r
	out.Cluster = connect(p.Kubeconfig)
	return &out
}

func (r *rig) many(n int) []kube.Desired {
	var out []kube.Desired
	for i := range n {
		out = append(out, kube.Objects(r.object(fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {name: "c%d", namespace: NS}, data: {i: "%d"}}`, i, i)))...)
	}
	return out
}

func TestManyObjectsNeedFewRequests(t *testing.T) {
	r := newRig(t)
	proxy := testenv.NewProxy(t, nil)
	const n = 600
	want := r.many(n)
	first := r.through(proxy)
	plan := first.plan(kube.Record{}, none, want...)
	if got := proxy.Requests(); len(got) > 15 {
		t.Errorf("planning the creation of %d objects took %d requests: %v", n, len(got), got[:15])
	}
	rec := first.apply(kube.Record{}, plan, none, want...).Record
	if got := proxy.Requests(); len(got) > n+5 {
		t.Errorf("creating %d objects took %d requests", n, len(got))
	}
	second := r.through(proxy)
	state := second.read(rec, want...)
	if p := second.plan(state.Record, none, want...); p.Changed() {
		t.Error("the second plan is not empty")
	}
	got := proxy.Requests()
	if len(got) > 8 {
		t.Errorf("an empty plan of %d objects took %d requests: %v", n, len(got), got)
	}
	for _, request := range got {
		if !strings.HasPrefix(request, "GET ") {
			t.Errorf("a plan wrote: %s", request)
		}
	}
}

func TestReadOfManyInstancesIsBatched(t *testing.T) {
	r := newRig(t)
	proxy := testenv.NewProxy(t, nil)
	want := r.many(20)
	rec := r.make(kube.Record{}, none, want...)
	var reads []kube.SetRead
	for i, o := range rec.Objects {
		reads = append(reads, kube.SetRead{Owner: ownerOf(r.owner.Lineage, fmt.Sprintf("kubernetes_manifest.x[%d]", i)), Record: kube.Record{Objects: []kube.ObjectRecord{o}}})
	}
	states, ds := r.through(proxy).ReadSets(t.Context(), reads)
	must(t, ds)
	for i, s := range states {
		if !s.Exists() || s.Objects[0].Ref != rec.Objects[i].Ref {
			t.Errorf("state %d: %+v", i, s)
		}
	}
	if got := proxy.Requests(); len(got) > 4 {
		t.Errorf("%d requests: %v", len(got), got)
	}
}

func TestLostAnswersAreRepeated(t *testing.T) {
	r := newRig(t)
	var failures atomic.Int32
	proxy := testenv.NewProxy(t, func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method != http.MethodPatch && req.Method != http.MethodDelete {
			return false
		}
		switch failures.Add(1) {
		case 1, 4: // the connection ends without an answer
			panic(http.ErrAbortHandler)
		case 2, 5: // the server is busy
			status, _ := json.Marshal(metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
				Code: http.StatusTooManyRequests, Reason: metav1.StatusReasonTooManyRequests, Details: &metav1.StatusDetails{RetryAfterSeconds: 1}})
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write(status)
			return true
		}
		return false
	})
	p := r.through(proxy)
	rec := p.make(kube.Record{}, none, r.objects(configMap)...)
	left, ds := p.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec})
	must(t, ds)
	if len(left.Objects) > 0 || r.live(aRef) != nil {
		t.Error("not deleted")
	}
}

func TestUnreachableClusterIsOneClearFinding(t *testing.T) {
	t.Parallel()
	c := connect(writeKubeconfig(t, "https://127.0.0.1:1"))
	start := time.Now()
	reads := make([]kube.SetRead, 50)
	for i := range reads {
		reads[i] = kube.SetRead{Owner: ownerOf("l", "kubernetes_manifest.x"), Record: kube.Record{Objects: []kube.ObjectRecord{{Ref: kube.Ref{Version: "v1", Kind: "ConfigMap", Namespace: "n", Name: fmt.Sprint(i)}}}}}
	}
	_, ds := c.ReadSets(t.Context(), reads)
	wantCode(t, only(t, ds), kube.CodeUnreachable, "127.0.0.1:1")
	for range 20 {
		_, ds := c.Identity(t.Context())
		wantCode(t, only(t, ds), kube.CodeUnreachable)
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("it took %s: the failure is not remembered", took)
	}
}

func TestMissingKubeconfig(t *testing.T) {
	t.Parallel()
	_, ds := connect(t.TempDir() + "/none").Identity(t.Context())
	wantCode(t, only(t, ds), kube.CodeUnreachable)
}

// grant lets a user do something in the namespace of the test.
func (r *rig) grant(user string, verbs, resources string) {
	r.t.Helper()
	for _, text := range []string{
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: r, namespace: NS}, rules: [{apiGroups: ["", apps], resources: [` + resources + `], verbs: [` + verbs + `]}]}`,
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: r, namespace: NS}, roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ` + user + `}]}`,
	} {
		u := r.object(text)
		resource := schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: strings.ToLower(u.GetKind()) + "s"}
		if _, err := testenv.Dynamic(r.t).Resource(resource).Namespace(r.ns).Apply(r.t.Context(), "r", u, metav1.ApplyOptions{FieldManager: "test"}); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) as(user string) *rig {
	out := *r
	out.Cluster = connect(testenv.UserKubeconfig(r.t, user))
	return &out
}

func TestReadOnlyCredentialsPlanByPrediction(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(deployment)...)
	r.grant("reader-"+r.ns, "get, list", "deployments, configmaps")
	reader := r.as("reader-" + r.ns)
	state := reader.read(rec, r.objects(deployment)...)
	if p := reader.plan(state.Record, none, r.objects(deployment)...); p.Changed() {
		t.Error("an empty plan is not empty")
	}
	changed := r.objects(strings.Replace(deployment, "web:1", "web:2", 1))
	plan := reader.plan(state.Record, none, changed...)
	if o := plan.Objects[0]; o.Action != kube.Update || strings.Join(o.Changes, " ") != "spec.template.spec.containers[0].image" || !strings.Contains(strings.Join(plan.Notes, " "), "predicted") || o.Restarts != 2 {
		t.Errorf("plan: %s %v %v", r.actions(plan), o.Changes, plan.Notes)
	}
	_, ds := reader.ApplySet(t.Context(), kube.SetApplyRequest{Owner: r.owner, Prior: state.Record, Planned: plan.Private, Desired: changed})
	wantCode(t, only(t, ds), kube.CodeForbidden, "patch", "deployments.apps", "namespace "+r.ns, "kubectl create role", "meshplan rbac")
	r.apply(state.Record, plan, none, changed...) // whoever may write applies the same plan
}

func TestReadOnlyCredentialsPredictConflicts(t *testing.T) {
	r := newRig(t)
	want := r.objects(deployment)
	rec := r.make(kube.Record{}, none, want...)
	r.scale(7)
	r.grant("reader-"+r.ns, "get, list", "deployments, configmaps")
	reader := r.as("reader-" + r.ns)
	state := reader.read(rec, want...)
	wantCode(t, reader.planError(state.Record, none, want...), kube.CodeConflict, "spec.replicas", "kube-controller-manager", "scale")
	yield := kube.SetOptions{Conflicts: kube.ConflictsYield}
	if p := reader.plan(state.Record, yield, want...); p.Changed() {
		t.Errorf("with yield: %s %v", r.actions(p), p.Objects[0].Changes)
	}
	force := kube.SetOptions{Conflicts: kube.ConflictsForce}
	plan := reader.plan(state.Record, force, want...)
	if got := plan.Objects[0].Changes; strings.Join(got, " ") != "spec.replicas" || !strings.Contains(notesOf(plan), "takes spec.replicas from kube-controller-manager") {
		t.Errorf("with force: %v %v", got, plan.Notes)
	}
	r.patchAs("kubectl-edit", web, `{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"example.test/web:9","ports":[{"containerPort":8080}],"resources":{"requests":{"cpu":"1","memory":"2Gi"}}}]}}}}`)
	state = reader.read(rec, want...)
	plan = reader.plan(state.Record, force, want...) // what a person changed is drift
	if got := plan.Objects[0].Changes; strings.Join(got, " ") != "spec.replicas spec.template.spec.containers[0].image" {
		t.Errorf("after an edit: %v", got)
	}
}

func TestNoRightToReadIsNotAbsence(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(configMap)...)
	states, ds := r.as("nobody-"+r.ns).ReadSets(t.Context(), []kube.SetRead{{Owner: r.owner, Record: rec}})
	must(t, ds)
	wantCode(t, only(t, states[0].Diagnostics), kube.CodeForbidden, "get", "configmaps", "meshplan rbac")
	if !states[0].Exists() || len(states[0].Record.Objects) != 1 {
		t.Error("an object that may not be read counts as gone")
	}
}

// TestCase33SecretsThatMayNotBeListed: credentials that may get Secrets by name and not list them see what they need; those that may
// do neither know nothing, which is not absence.
func TestCase33SecretsThatMayNotBeListed(t *testing.T) {
	r := newRig(t)
	const text = `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: NS}, stringData: {user: shop, password: planted-secret}}`
	want := r.objects(text)
	rec := r.make(kube.Record{}, none, want...)
	r.grant("getter-"+r.ns, "get", "secrets")
	getter := r.as("getter-" + r.ns)
	state := getter.read(rec, want...)
	if !state.Exists() || len(state.Objects[0].Drift) > 0 {
		t.Errorf("by name: %+v", state.Objects[0])
	}
	if p := getter.plan(state.Record, none, want...); p.Changed() {
		t.Errorf("the plan is not empty: %s", r.actions(p))
	}
	r.patchSecret("s", `{"stringData":{"user":"somebody"}}`)
	if state = r.as("getter-"+r.ns).read(rec, want...); len(state.Objects[0].Drift) != 1 {
		t.Errorf("a change is not seen: %+v", state.Objects[0].Drift)
	}
	states, ds := r.as("nobody-"+r.ns).ReadSets(t.Context(), []kube.SetRead{{Owner: r.owner, Record: rec, Desired: want}})
	must(t, ds)
	wantCode(t, only(t, states[0].Diagnostics), kube.CodeForbidden, "get", "secrets")
	if !states[0].Exists() {
		t.Error("a Secret that may not be read counts as gone, and would be created")
	}
}

// patchSecret changes a Secret as somebody else would.
func (r *rig) patchSecret(name, patch string) {
	r.t.Helper()
	if _, err := testenv.Dynamic(r.t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(r.ns).
		Patch(r.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		r.t.Fatal(err)
	}
}

const (
	crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, minimum: 1}
              color: {type: string, enum: [red, blue], default: red}
`
	widget = `{apiVersion: GROUP/v1, kind: Widget, metadata: {name: w, namespace: NS}, spec: {size: 3}}`
)

func TestDefinitionAndObjectInOnePlan(t *testing.T) {
	r := newRig(t)
	group := r.ns + ".example.test"
	in := func(text string) string { return strings.ReplaceAll(text, "GROUP", group) }
	wantCode(t, r.planError(kube.Record{}, none, r.objects(in(widget))...), kube.CodeUnknownKind, "Widget")
	wantCode(t, r.planError(kube.Record{}, none, r.objects(in(crd), strings.Replace(in(widget), "size: 3", "size: 0, hue: x", 1))...), kube.CodeInvalid, "size", "hue")

	want := r.objects(in(widget), in(crd))
	plan := r.plan(kube.Record{}, none, want...)
	if plan.Objects[0].Kind != "CustomResourceDefinition" || plan.Objects[1].Deferred == "" {
		t.Fatalf("plan: %s", r.actions(plan))
	}
	rec := r.apply(kube.Record{}, plan, none, want...).Record
	state := r.again().read(rec, want...)
	if p := r.again().plan(state.Record, none, want...); p.Changed() {
		t.Errorf("second plan: %s", r.actions(p))
	}
	left, ds := r.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec})
	must(t, ds)
	if len(left.Objects) > 0 {
		t.Errorf("left: %v", left)
	}
	if state := r.again().read(rec, want...); state.Exists() {
		t.Error("an object whose kind is gone exists")
	}
}

func TestWaitForConditionAndField(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(deployment)...)
	refs := []kube.Ref{rec.Objects[0].Ref}
	must(t, r.WaitReady(t.Context(), refs, kube.WaitOptions{Rollout: true, Conditions: []kube.WaitCondition{{Type: "Available"}},
		Fields: []kube.WaitField{{Path: "status.readyReplicas", Value: "2"}, {Path: "status.replicas"}}, Timeout: time.Minute}, nil))
	ds := r.WaitReady(t.Context(), refs, kube.WaitOptions{Fields: []kube.WaitField{{Path: "status.readyReplicas", Value: "9"}}, Timeout: time.Second}, nil)
	wantCode(t, only(t, ds), kube.CodeNotReady, "status.readyReplicas is 2, not 9")
}

func TestPausedDeploymentFailsAtOnce(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(strings.Replace(deployment, "replicas: 2", "replicas: 2\n  paused: true", 1))...)
	ds := r.WaitReady(t.Context(), []kube.Ref{rec.Objects[0].Ref}, kube.WaitOptions{Rollout: true}, nil)
	wantCode(t, only(t, ds), kube.CodeFailed, "paused")
}

func TestCrashingPodEndsTheWaitWithItsWords(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(strings.Replace(deployment, "spec:\n      tolerations", "spec:\n      nodeSelector: {nowhere: \"yes\"}\n      tolerations", 1))...)
	ds := r.WaitReady(t.Context(), []kube.Ref{rec.Objects[0].Ref}, kube.WaitOptions{Rollout: true, Timeout: time.Minute, Grace: time.Second}, nil)
	wantCode(t, only(t, ds), kube.CodeFailed, "Unschedulable")
}

func TestPodsThatAreNotAdmittedEndTheWait(t *testing.T) {
	r := newRig(t)
	r.make(kube.Record{}, none, r.objects(`{apiVersion: v1, kind: ResourceQuota, metadata: {name: no-pods, namespace: NS}, spec: {hard: {pods: "0"}}}`)...)
	rec := r.make(kube.Record{}, none, r.objects(deployment)...)
	ds := r.WaitReady(t.Context(), []kube.Ref{rec.Objects[0].Ref}, kube.WaitOptions{Rollout: true, Timeout: 2 * time.Minute, Grace: time.Second}, nil)
	wantCode(t, only(t, ds), kube.CodeFailed, "pods cannot be created", "exceeded quota", "no-pods")
}

func TestNamespaceThatGoesAwayIsNotWaitedFor(t *testing.T) {
	r := newRig(t)
	name := r.ns + "-gone"
	rec := r.make(kube.Record{}, none, r.objects(`{apiVersion: v1, kind: Namespace, metadata: {name: `+name+`}}`)...)
	held := r.make(kube.Record{}, none, r.objects(`{apiVersion: v1, kind: ConfigMap, metadata: {name: held, namespace: `+name+`, finalizers: [example.test/hold]}}`)...)
	t.Cleanup(func() {
		_, err := r.Patch(context.Background(), held.Objects[0].Ref, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err != nil {
			t.Error(err)
		}
	})
	if err := r.Delete(t.Context(), rec.Objects[0].Ref, kube.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	ds := r.WaitReady(t.Context(), []kube.Ref{rec.Objects[0].Ref}, kube.WaitOptions{Rollout: true, Timeout: 2 * time.Minute}, nil)
	wantCode(t, only(t, ds), kube.CodeFailed, "it is being deleted")
}

func TestPodsOfAWorkload(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(deployment)...)
	must(t, r.WaitReady(t.Context(), []kube.Ref{rec.Objects[0].Ref}, kube.WaitOptions{Rollout: true}, nil))
	stray := r.object(`{apiVersion: v1, kind: Pod, metadata: {name: stray, namespace: NS, labels: {app: web}}, spec: {containers: [{name: x, image: x}]}}`)
	if _, err := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(r.ns).Create(t.Context(), stray, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pods, err := r.Pods(t.Context(), rec.Objects[0].Ref)
	if err != nil || len(pods) != 2 {
		t.Fatalf("%d pods, %v; the stray one belongs to nobody", len(pods), err)
	}
}

func TestOwnWordsOfPods(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"status":{"containerStatuses":[{"name":"web","state":{"waiting":{"reason":"ImagePullBackOff","message":"no such image"}}}]}}`:                                  "container web: ImagePullBackOff no such image",
		`{"status":{"containerStatuses":[{"name":"web","state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"reason":"Error","exitCode":3}}}]}}`: "container web: CrashLoopBackOff (last exit: Error, code 3)",
		`{"status":{"initContainerStatuses":[{"name":"init","state":{"waiting":{"reason":"CreateContainerConfigError","message":"secret missing"}}}]}}`:                  "container init: CreateContainerConfigError secret missing",
		`{"status":{"containerStatuses":[{"name":"web","state":{"waiting":{"reason":"ContainerCreating"}}}]}}`:                                                           "",
		`{"status":{"conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/1 nodes"}]}}`:                                            "Unschedulable: 0/1 nodes",
	} {
		u := &unstructured.Unstructured{}
		if err := utiljson.Unmarshal([]byte(text), &u.Object); err != nil {
			t.Fatal(err)
		}
		if got := kube.TroubleOf(u); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestAccess(t *testing.T) {
	r := newRig(t)
	for user, want := range map[string]bool{"": true, "nobody": false} {
		c := r.Cluster
		if user != "" {
			c = connect(testenv.UserKubeconfig(t, user))
		}
		if got, err := c.CanI(t.Context(), kube.Access{Verb: "delete", Resource: "secrets", Namespace: r.ns}); err != nil || got != want {
			t.Errorf("user %q: %v %v, want %v", user, got, err, want)
		}
	}
}

func TestServerWarningsBecomeDiagnostics(t *testing.T) {
	r := newRig(t)
	old := strings.Replace(deployment, "      tolerations", "      nodeSelector: {beta.kubernetes.io/os: linux}\n      tolerations", 1)
	_, ds := r.PlanSet(t.Context(), kube.SetPlanRequest{Owner: r.owner, Desired: r.objects(old)})
	wantCode(t, only(t, ds), kube.CodeServerWarning, "beta.kubernetes.io/os")
}
