package kube_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/internal/testenv/faultproxy"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// behind is the same state behind a proxy that misbehaves.
func (r *rig) behind(rules ...faultproxy.Rule) (*rig, *faultproxy.Proxy) {
	r.t.Helper()
	p := faultproxy.New(r.t, testenv.Kubeconfig(r.t), rules...)
	out := *r
	out.Cluster = connect(p.Kubeconfig)
	return &out, p
}

func TestCase13DefinitionEstablishedAndDiscoveredLate(t *testing.T) {
	r := newRig(t)
	group := r.ns + ".example.test"
	in := func(text string) string { return strings.ReplaceAll(text, "GROUP", group) }
	want := r.objects(in(crd), in(widget))
	plan := r.plan(kube.Record{}, none, want...)
	// Discovery is as it was before the definition, twice.
	stale := map[string][]byte{}
	for _, path := range []string{"/api", "/apis"} {
		stale[path] = r.discovery(path)
	}
	left := map[string]int{"/api": 3, "/apis": 3}
	late := testenv.NewProxy(t, func(w http.ResponseWriter, req *http.Request) bool {
		if left[req.URL.Path] == 0 {
			return false
		}
		left[req.URL.Path]--
		w.Header().Set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
		_, _ = w.Write(stale[req.URL.Path])
		return true
	})
	rec := r.through(late).apply(kube.Record{}, plan, none, want...).Record
	if left["/apis"] > 0 {
		t.Fatal("discovery was never late")
	}
	fresh := r.again()
	fresh.settled(rec, none, want...)
	_, ds := fresh.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec})
	must(t, ds)
}

// discovery returns an aggregated discovery document.
func (r *rig) discovery(path string) []byte {
	r.t.Helper()
	p := faultproxy.New(r.t, testenv.Kubeconfig(r.t))
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, p.URL+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var doc json.RawMessage
	if err := json.NewDecoder(answer.Body).Decode(&doc); err != nil {
		r.t.Fatal(err)
	}
	return doc
}

func TestCase14DefinitionDeletedBehindOurBack(t *testing.T) {
	r := newRig(t)
	group := r.ns + ".example.test"
	in := func(text string) string { return strings.ReplaceAll(text, "GROUP", group) }
	definition := r.make(kube.Record{}, none, r.objects(in(crd))...)
	object := r.again().make(kube.Record{}, none, r.objects(in(widget))...)
	definitions := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	if err := definitions.Delete(t.Context(), "widgets."+group, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the kind stays", func() bool {
		_, err := r.again().Get(t.Context(), object.Objects[0].Ref)
		return kube.IsUnknownKind(err)
	})
	fresh := r.again()
	states, ds := fresh.ReadSets(t.Context(), []kube.SetRead{{Owner: r.owner, Record: definition}, {Owner: r.owner, Record: object}})
	must(t, ds)
	for i, s := range states {
		must(t, s.Diagnostics)
		if s.Exists() {
			t.Errorf("state %d: exists", i)
		}
	}
	want := r.objects(in(crd), in(widget))
	plan := fresh.plan(kube.Record{}, none, want...)
	if got := r.actions(plan); !strings.HasPrefix(got, "create CustomResourceDefinition") || !strings.Contains(got, ", create Widget") {
		t.Errorf("plan: %s", got)
	}
	left, ds := r.again().DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: object})
	must(t, ds)
	if len(left.Objects) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestCase17OwnershipOfAVersionThatIsGone(t *testing.T) {
	r := newRig(t)
	group := r.ns + ".example.test"
	in := func(text string) string { return strings.ReplaceAll(text, "GROUP", group) }
	version := func(name, served, storage string) string {
		return "  - {name: " + name + ", served: " + served + ", storage: " + storage + ", schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}}\n"
	}
	definition := func(versions ...string) []kube.Desired {
		return r.objects(in(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gizmos.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {kind: Gizmo, plural: gizmos, singular: gizmo}
  versions:
` + strings.Join(versions, "")))
	}
	gizmo := func(version string, size string) []kube.Desired {
		return r.objects(in(`{apiVersion: GROUP/` + version + `, kind: Gizmo, metadata: {name: g, namespace: NS}, spec: {size: ` + size + `}}`))
	}
	rec := r.make(kube.Record{}, none, definition(version("v1alpha1", "true", "true"), version("v1", "true", "false"))...)
	object := r.again().make(kube.Record{}, none, gizmo("v1alpha1", "1")...)
	rec = r.make(rec, none, definition(version("v1alpha1", "true", "false"), version("v1", "true", "true"))...)
	// The storage moves, as a migrator does it, and then the old version goes.
	// The server takes a moment to write the new version.
	for i := range 20 {
		r.patchAs("migrator", kube.Ref{Group: group, Kind: "Gizmo", Name: "g"}, fmt.Sprintf(`{"metadata":{"annotations":{"migrated":"%d"}}}`, i))
		<-time.After(100 * time.Millisecond)
	}
	definitions := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	if _, err := definitions.Patch(t.Context(), "gizmos."+group, types.MergePatchType, []byte(`{"status":{"storedVersions":["v1"]}}`), metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	rec = r.make(rec, none, definition(version("v1", "true", "true"))...)
	fresh := r.again()
	eventually(t, "the old version stays", func() bool {
		versions, err := r.again().ServedVersions(t.Context(), schema.GroupKind{Group: group, Kind: "Gizmo"})
		return err == nil && len(versions) == 1
	})
	want := gizmo("v1", "2")
	state := fresh.read(object, want...)
	plan := fresh.plan(state.Record, none, want...)
	if o := plan.Objects[0]; o.Action != kube.Update || strings.Join(o.Changes, " ") != "spec.size" {
		t.Fatalf("plan: %s %v %v", r.actions(plan), o.Changes, o.Notes)
	}
	object = fresh.apply(state.Record, plan, none, want...).Record
	fresh.settled(object, none, want...)
	_, ds := fresh.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: kube.Record{Objects: append(object.Objects, rec.Objects...)}})
	must(t, ds)
}

const statefulSet = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: NS}
spec:
  replicas: 1
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "example.test/db:1"}]}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], storageClassName: late-NS, resources: {requests: {storage: 1Gi}}}
`

func TestCase22ClaimsOfAStatefulSet(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(statefulSet)...)
	db := kube.Ref{Group: "apps", Version: "v1", Kind: "StatefulSet", Namespace: r.ns, Name: "db"}
	var pod string
	eventually(t, "no pod", func() bool {
		pods, err := r.Pods(t.Context(), db)
		if err != nil || len(pods) != 1 {
			return false
		}
		pod = string(pods[0].GetUID())
		return true
	})
	larger := r.objects(strings.Replace(statefulSet, "1Gi", "2Gi", 1))
	state := r.again().read(rec, larger...)
	wantCode(t, r.planError(state.Record, none, larger...), kube.CodeImmutable, "StatefulSet", `on_immutable = "orphan"`)
	if string(r.live(db).GetUID()) != rec.Objects[0].UID {
		t.Fatal("it was touched")
	}
	orphan := kube.SetOptions{OnImmutable: kube.OnImmutableOrphan}
	plan := r.plan(state.Record, orphan, larger...)
	if o := plan.Objects[0]; o.Action != kube.Replace || !strings.Contains(notesOf(plan), "stays") {
		t.Fatalf("plan: %s %v", r.actions(plan), plan.Notes)
	}
	rec = r.apply(state.Record, plan, orphan, larger...).Record
	eventually(t, "the pod was not found again", func() bool {
		pods, err := r.Pods(t.Context(), db)
		return err == nil && len(pods) == 1 && string(pods[0].GetUID()) == pod
	})
	r.settled(rec, orphan, larger...)
}

func TestCase23JobsAreDoneOnce(t *testing.T) {
	r := newRig(t)
	const job = `{apiVersion: batch/v1, kind: Job, metadata: {name: j, namespace: NS}, spec: {TTL template: {spec: {restartPolicy: Never, containers: [{name: j, image: "example.test/j:1"}]}}}}`
	plain := r.objects(strings.Replace(job, "TTL", "", 1))
	rec := r.make(kube.Record{}, none, plain...)
	other := r.objects(strings.NewReplacer("TTL", "", "j:1", "j:2").Replace(job))
	plan := r.plan(r.again().read(rec, other...).Record, none, other...)
	if plan.Objects[0].Action != kube.Replace || !strings.Contains(strings.Join(plan.Objects[0].Immutable, " "), "spec.template") {
		t.Errorf("plan: %s %v", r.actions(plan), plan.Objects[0].Immutable)
	}

	passing := r.objects(strings.NewReplacer("TTL", "ttlSecondsAfterFinished: 0,", "name: j,", "name: passing,").Replace(job))
	rec = r.make(kube.Record{}, none, passing...)
	ref := rec.Objects[0].Ref
	pods := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(r.ns)
	eventually(t, "the Job's pod does not come to its end", func() bool { // no kubelet runs it
		found, err := pods.List(t.Context(), metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=passing"})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range found.Items {
			_, err = pods.Patch(t.Context(), p.GetName(), types.MergePatchType, []byte(`{"status":{"phase":"Succeeded"}}`), metav1.PatchOptions{}, "status")
		}
		return len(found.Items) > 0 && err == nil
	})
	eventually(t, "the Job stays", func() bool { return r.live(ref) == nil })
	r.settled(rec, none, passing...)

	other = r.objects(strings.NewReplacer("TTL", "ttlSecondsAfterFinished: 0,", "name: j,", "name: passing,", "j:1", "j:2").Replace(job))
	again := r.plan(r.again().read(rec, other...).Record, none, other...)
	if again.Objects[0].Action != kube.Create || !strings.Contains(strings.Join(again.Notes, " "), "does its work once more") {
		t.Errorf("another template: %s %v", r.actions(again), again.Notes)
	}
}

func TestCase26MadeAgainBetweenPlanAndApply(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(configMap)...)
	plan := r.plan(rec, none, r.objects(changed)...)
	maps := testenv.Dynamic(t).Resource(configMaps).Namespace(r.ns)
	if err := maps.Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	apply := func(code diag.Code) {
		t.Helper()
		_, ds := r.ApplySet(t.Context(), kube.SetApplyRequest{Owner: r.owner, Prior: rec, Planned: plan.Private, Desired: r.objects(changed)})
		wantCode(t, only(t, ds), code, "again")
	}
	apply(kube.CodeGone)
	if r.live(aRef) != nil {
		t.Error("a deleted object was made again without a plan that says so")
	}
	again := r.again()
	if p := again.plan(again.read(rec, r.objects(changed)...).Record, none, r.objects(changed)...); p.Objects[0].Action != kube.Create {
		t.Errorf("planned again: %s", r.actions(p))
	}
	if _, err := maps.Create(t.Context(), r.object(configMap), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	apply(kube.CodeMoved)
	if got := r.field(aRef, "data.color"); got != "red" {
		t.Errorf("somebody else's object was changed: %v", got)
	}
	fresh := r.again()
	wantCode(t, fresh.planError(fresh.read(rec, r.objects(changed)...).Record, none, r.objects(changed)...), kube.CodeExists, "on_exists")
}

func TestCase27StatusMayChangeMeanwhile(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(deployment)...)
	next := r.objects(strings.Replace(deployment, "web:1", "web:2", 1))
	plan := r.plan(rec, none, next...)
	ref := rec.Objects[0].Ref
	if _, err := r.Patch(t.Context(), ref, types.MergePatchType, []byte(`{"status":{"conditions":[{"type":"Extra","status":"True"}]}}`), metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	rec = r.apply(rec, plan, none, next...).Record
	plan = r.plan(rec, none, r.objects(deployment)...)
	r.patchAs("kubectl-edit", web, `{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"example.test/web:9","ports":[{"containerPort":8080}],"resources":{"requests":{"cpu":"1","memory":"2Gi"}}}]}}}}`)
	_, ds := r.ApplySet(t.Context(), kube.SetApplyRequest{Owner: r.owner, Prior: rec, Planned: plan.Private, Desired: r.objects(deployment)})
	wantCode(t, only(t, ds), kube.CodeMoved, "Nothing was written")
}

func TestCase30ResetsRestartNothingTwice(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(deployment)...)
	p, proxy := r.behind(faultproxy.Rule{Match: faultproxy.Writes, Times: 2, Fault: faultproxy.LoseAnswer()})
	must(t, p.RestartWorkload(t.Context(), kube.Restart{Workload: rec.Objects[0].Ref, Token: "one", Manager: "meshplan-test", Timeout: time.Minute}, nil))
	if hits := proxy.Hits(); hits[0] != 2 {
		t.Errorf("%d answers were lost", hits[0])
	}
	if n := r.field(web, "metadata.generation"); n != int64(2) {
		t.Errorf("generation %v, want one restart", n)
	}
}

func TestCase31PatienceAndRefusal(t *testing.T) {
	r := newRig(t)
	p, proxy := r.behind(faultproxy.Rule{Match: faultproxy.Writes, Times: 3, Fault: faultproxy.Refuse(http.StatusTooManyRequests, "slow down", time.Second)})
	start := time.Now()
	p.make(kube.Record{}, none, r.many(20)...)
	if took := time.Since(start); took < time.Second || proxy.Hits()[0] != 3 {
		t.Errorf("took %s, %v refusals: Retry-After was not kept", took, proxy.Hits())
	}
	start = time.Now()
	_, ds := r.as("nobody-"+r.ns).PlanSet(t.Context(), kube.SetPlanRequest{Owner: r.owner, Prior: kube.Record{Objects: []kube.ObjectRecord{{Ref: kube.Ref{Version: "v1", Kind: "ConfigMap", Namespace: r.ns, Name: "c0"}, UID: "x"}}}, Desired: r.objects(strings.Replace(configMap, "name: a", "name: c0", 1))})
	wantCode(t, only(t, ds), kube.CodeForbidden, "get", "configmaps")
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("a refusal took %s", took)
	}
}

func TestCase35WebhookWhoseServiceIsNotThereYet(t *testing.T) {
	r := newRig(t)
	config := r.object(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: NS}
webhooks:
- name: hook.example.test
  sideEffects: None
  failurePolicy: Fail
  admissionReviewVersions: [v1]
  clientConfig: {service: {namespace: NS, name: nobody}}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NS}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [services]}]
`)
	client := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"})
	if _, err := client.Create(t.Context(), config, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	gone := func() {
		if err := client.Delete(context.Background(), r.ns, metav1.DeleteOptions{}); err != nil && !strings.Contains(err.Error(), "not found") {
			t.Error(err)
		}
	}
	t.Cleanup(gone)
	want := r.objects(`{apiVersion: v1, kind: Service, metadata: {name: web, namespace: NS}, spec: {selector: {app: web}, ports: [{port: 80}]}}`)
	var plan kube.SetPlan
	eventually(t, "the webhook is never in the way", func() bool {
		plan = r.plan(kube.Record{}, none, want...)
		return strings.Contains(notesOf(plan), "webhook could not be called")
	})
	// The apply waits for the webhook; here it goes away instead of coming up.
	time.AfterFunc(2*time.Second, gone)
	rec := r.apply(kube.Record{}, plan, none, want...).Record
	r.settled(rec, none, want...)
}

// TestCase35WebhookAndItsServiceInOnePlan makes a webhook that must answer together with the Service and the workload
// behind it and an object that it guards: it comes last, it goes first, and while nobody answers, plans are predicted.
func TestCase35WebhookAndItsServiceInOnePlan(t *testing.T) {
	r := newRig(t)
	texts := []string{`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: NS}
webhooks:
- name: hook.example.test
  sideEffects: None
  failurePolicy: Fail
  timeoutSeconds: 2
  admissionReviewVersions: [v1]
  clientConfig: {service: {namespace: NS, name: web}}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NS}}
  rules: [{apiGroups: ["", apps], apiVersions: [v1], operations: ["*"], resources: [configmaps, services, deployments]}]
`, `{apiVersion: v1, kind: Service, metadata: {name: web, namespace: NS}, spec: {selector: {app: web}, ports: [{port: 443, targetPort: 8080}]}}`, deployment, configMap}
	want := r.objects(texts...)
	p, proxy := r.behind()
	plan := p.plan(kube.Record{}, none, want...)
	if got, w := r.actions(plan), "create ConfigMap/NS/a, create Service/NS/web, create Deployment/NS/web, create ValidatingWebhookConfiguration/"; !strings.HasPrefix(got, w) {
		t.Fatalf("plan: %s, want %s", got, w)
	}
	proxy.Requests()
	rec := p.apply(kube.Record{}, plan, none, want...).Record
	order := func(method string) string {
		var out []string
		for _, q := range proxy.Requests() {
			path, _, _ := strings.Cut(q.URI, "?")
			if parts := strings.Split(path, "/"); q.Method == method {
				out = append(out, parts[len(parts)-2])
			}
		}
		return strings.Join(out, " ")
	}
	if got, w := order(http.MethodPatch), "configmaps services deployments validatingwebhookconfigurations"; got != w {
		t.Errorf("made in the order %s, want %s", got, w)
	}
	// Nothing answers for the Service here, so the webhook is in the way of every change of what it guards.
	other := r.objects(texts[0], texts[1], texts[2], changed)
	eventually(t, "the webhook is never in the way", func() bool {
		plan = r.again().plan(rec, none, other...)
		return strings.Contains(notesOf(plan), "webhook could not be called")
	})
	if o := plan.Find(r.ref(aRef).ID()); o.Action != kube.Update || strings.Join(o.Changes, " ") != "data.color" {
		t.Errorf("plan: %s %v", r.actions(plan), o.Changes)
	}
	proxy.Requests()
	left, ds := p.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec})
	must(t, ds)
	if len(left.Objects) > 0 {
		t.Errorf("left: %v", left)
	}
	if got := order(http.MethodDelete); !strings.HasPrefix(got, "validatingwebhookconfigurations ") {
		t.Errorf("deleted in the order %s", got)
	}
}

// The API server of today refuses sideEffects Some in a webhook of v1, and has no other version, so no webhook can be
// made here that it would not dry-run. Clusters that have been upgraded still hold such webhooks. A proxy gives the
// answer that their API servers give to a dry run; everything else comes from the real one.
func TestCase36WebhookThatCannotDryRun(t *testing.T) {
	r := newRig(t)
	h := &hook{resource: "services", sideEffects: "NoneOnDryRun", answer: func(map[string]any) (string, string) { return "", "" }}
	h.serve(t, r.ns)
	service := `{apiVersion: v1, kind: Service, metadata: {name: web, namespace: NS}, spec: {selector: {app: web}, ports: [{port: 80}]}}`
	h.active(r, service)
	refuse := testenv.NewProxy(t, func(w http.ResponseWriter, req *http.Request) bool {
		if !req.URL.Query().Has("dryRun") {
			return false
		}
		status, _ := json.Marshal(metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: http.StatusBadRequest,
			Reason: metav1.StatusReasonBadRequest, Message: `admission webhook "hook.example.test" does not support dry run`})
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(status)
		return true
	})
	p := r.through(refuse)
	plan := p.plan(kube.Record{}, none, r.objects(service)...)
	if !strings.Contains(notesOf(plan), "does not support dry runs") {
		t.Errorf("notes %v", plan.Notes)
	}
	rec := p.apply(kube.Record{}, plan, none, r.objects(service)...).Record
	other := r.objects(strings.Replace(service, "80", "81", 1))
	plan = p.plan(rec, none, other...)
	if o := plan.Objects[0]; o.Action != kube.Update || strings.Join(o.Changes, " ") != "spec.ports[0]" {
		t.Errorf("plan: %s %v", r.actions(plan), o.Changes)
	}
	rec = p.apply(rec, plan, none, other...).Record
	r.settled(rec, none, other...)
}

func TestCase52ForgottenList(t *testing.T) {
	r := newRig(t)
	want := r.many(600)
	rec := r.make(kube.Record{}, none, want...)
	p, proxy := r.behind(faultproxy.Rule{
		Match: func(req *http.Request) bool { return req.URL.Query().Has("continue") }, Times: 1,
		Fault: faultproxy.Refuse(http.StatusGone, "The provided continue parameter is too old to display a consistent list result.", 0)})
	state := p.read(rec, want...)
	for _, o := range state.Objects {
		if !o.Exists {
			t.Fatalf("%s was lost with the list", o.Ref)
		}
	}
	if proxy.Hits()[0] != 1 {
		t.Error("no page was forgotten")
	}
	if p := p.plan(state.Record, none, want...); p.Changed() {
		t.Error("the plan is not empty")
	}
}
