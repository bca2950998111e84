package kube_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// settled fails unless a new process finds nothing to do.
func (r *rig) settled(rec kube.Record, o kube.SetOptions, want ...kube.Desired) {
	r.t.Helper()
	fresh := r.again()
	state := fresh.read(rec, want...)
	for _, found := range state.Objects {
		if !found.Exists || len(found.Drift) > 0 {
			r.t.Errorf("%s: exists %v, drift %v", found.Ref, found.Exists, found.Drift)
		}
	}
	if p := fresh.plan(state.Record, o, want...); p.Changed() {
		for _, found := range p.Objects {
			r.t.Errorf("not settled: %s %s %v %v", found.Action, found.Ref, found.Changes, found.Notes)
		}
	}
}

// eventually waits for something that the cluster does in its own time.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !f(); {
		if time.Now().After(end) {
			t.Fatal(what)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal(what)
		}
	}
}

// scale changes replicas as an autoscaler does.
func (r *rig) scale(n int) {
	r.t.Helper()
	ref := web
	ref.Version, ref.Namespace = "v1", r.ns
	if _, err := r.Patch(r.t.Context(), ref, types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, n), metav1.PatchOptions{FieldManager: "kube-controller-manager"}, "scale"); err != nil {
		r.t.Fatal(err)
	}
}

// field returns a field of a live object, by a dotted path.
func (r *rig) field(ref kube.Ref, path string) any {
	r.t.Helper()
	u := r.live(ref)
	if u == nil {
		r.t.Fatalf("%s does not exist", ref)
	}
	var v any = u.Object
	for _, step := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[step]
	}
	return v
}

func notesOf(p kube.SetPlan) string { return strings.Join(p.Notes, "\n") }

func TestCase02ReplicasGivenUpFallToTheDefault(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(deployment)...)
	without := r.objects(strings.Replace(deployment, "  replicas: 2\n", "", 1))
	plan := r.plan(rec, none, without...)
	if got := plan.Objects[0].Changes; len(got) != 1 || got[0] != "spec.replicas" || !strings.Contains(notesOf(plan), "no longer sets spec.replicas (2 → 1): the server's default applies") {
		t.Errorf("changes %v, notes %v", got, plan.Notes)
	}
	rec = r.apply(rec, plan, none, without...).Record
	if n := r.field(web, "spec.replicas"); n != int64(1) {
		t.Errorf("replicas %v", n)
	}
	r.settled(rec, none, without...)
}

func TestCase03ReplicasGivenUpToTheAutoscaler(t *testing.T) {
	r := newRig(t)
	rec := r.make(kube.Record{}, none, r.objects(deployment)...)
	r.scale(7)
	without := r.objects(strings.Replace(deployment, "  replicas: 2\n", "", 1))
	state := r.again().read(rec, without...)
	plan := r.plan(state.Record, none, without...)
	if got := plan.Objects[0].Changes; len(got) > 0 {
		t.Errorf("changes %v", got)
	}
	rec = r.apply(state.Record, plan, none, without...).Record
	if n := r.field(web, "spec.replicas"); n != int64(7) {
		t.Errorf("replicas %v, want the autoscaler's 7", n)
	}
	r.settled(rec, none, without...)
}

func TestCase06InjectedContainersAreNoChange(t *testing.T) {
	r := newRig(t)
	h := &hook{resource: "deployments", answer: func(o map[string]any) (string, string) {
		if strings.Contains(fmt.Sprint(o), "example.test/sidecar") {
			return "", ""
		}
		return `[{"op":"add","path":"/spec/template/spec/containers/-","value":{"name":"sidecar","image":"example.test/sidecar"}},
			{"op":"add","path":"/metadata/annotations/example.test~1injected","value":"yes"}]`, ""
	}}
	h.serve(t, r.ns)
	h.active(r, strings.Replace(deployment, "{name: web, namespace", "{annotations: {a: b}, name: probe, namespace", 1))
	want := r.objects(deployment)
	rec := r.make(kube.Record{}, none, want...)
	if r.field(web, "metadata.annotations").(map[string]any)["example.test/injected"] != "yes" {
		t.Fatal("the webhook was not asked")
	}
	r.settled(rec, none, want...)

	// The server answers a change with what the webhook injects: that is no part of the change, and the change removes none of it.
	want = r.objects(strings.Replace(deployment, "web:1", "web:2", 1))
	plan := r.plan(r.again().read(rec, want...).Record, none, want...)
	if got := strings.Join(plan.Objects[0].Changes, " "); got != `spec.template.spec.containers[name="web"].image` {
		t.Errorf("changes %s", got)
	}
	rec = r.apply(rec, plan, none, want...).Record
	if all := r.field(web, "spec.template.spec.containers").([]any); len(all) != 2 {
		t.Errorf("%d containers", len(all))
	}
	r.settled(rec, none, want...)
}

func TestCase07WebhookThatStampsTheTimeIsNoChange(t *testing.T) {
	r := newRig(t)
	h := &hook{resource: "configmaps", answer: func(map[string]any) (string, string) {
		return fmt.Sprintf(`[{"op":"add","path":"/data/stamp","value":"%d"}]`, time.Now().UnixNano()), ""
	}}
	h.serve(t, r.ns)
	h.active(r, strings.ReplaceAll(configMap, "name: a", "name: probe"))
	want := r.objects(configMap)
	rec := r.make(kube.Record{}, none, want...)
	asked := h.calls.Load()
	r.settled(rec, none, want...)
	r.settled(rec, none, want...)
	if n := h.calls.Load() - asked; n > 0 {
		t.Errorf("unchanged objects were sent to the webhook %d times", n)
	}
	r.patchAs("kubectl-edit", aRef, `{"metadata":{"labels":{"`+kube.LabelState+`":null}}}`) // so that the server is asked
	state := r.again().read(rec, want...)
	if got := r.plan(state.Record, none, want...).Objects[0].Changes; len(got) > 0 {
		t.Errorf("changes %v", got)
	}
}

func TestCase08InjectedBundleOfAWebhook(t *testing.T) {
	r := newRig(t)
	name := testenv.Name(t)
	config := func(bundle string) []kube.Desired {
		return r.objects(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: %s}
webhooks:
- name: hook.example.test
  sideEffects: None
  admissionReviewVersions: [v1]
  clientConfig: {%s service: {namespace: NS, name: nobody}}
  namespaceSelector: {matchLabels: {nothing: has-this}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}]
`, name, bundle))
	}
	ref := kube.Ref{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingWebhookConfiguration", Name: name}
	inject := func() {
		t.Helper()
		if _, err := r.Patch(t.Context(), ref, types.JSONPatchType, []byte(`[{"op":"add","path":"/webhooks/0/clientConfig/caBundle","value":"aW5qZWN0ZWQ="}]`), metav1.PatchOptions{FieldManager: "cainjector-controller"}); err != nil {
			t.Fatal(err)
		}
	}
	rec := r.make(kube.Record{}, none, config("")...)
	t.Cleanup(func() {
		if err := r.Delete(context.Background(), ref, kube.DeleteOptions{}); err != nil {
			t.Log(err)
		}
	})
	inject()
	r.settled(rec, none, config("")...)
	forced := kube.SetOptions{Conflicts: kube.ConflictsForce}
	rec = r.make(r.read(rec, config("")...).Record, forced, config("caBundle: Y29uZmlndXJlZA==,")...)
	inject()
	state := r.again().read(rec, config("caBundle: Y29uZmlndXJlZA==,")...)
	wantCode(t, r.planError(state.Record, none, config("caBundle: Y29uZmlndXJlZA==,")...), kube.CodeConflict, "caBundle", "cainjector-controller")
}

func TestCase09OtherSpellingsOfTheSameValueAreNoChange(t *testing.T) {
	r := newRig(t)
	service := `{apiVersion: v1, kind: Service, metadata: {name: web, namespace: NS}, spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}}`
	claims := `{apiVersion: v1, kind: LimitRange, metadata: {name: l, namespace: NS}, spec: {limits: [{type: Container, max: {memory: 2048Mi, cpu: 1000m}}]}}`
	definition := strings.Replace(strings.ReplaceAll(crd, "GROUP", r.ns+".example.test"), "names: {", "names: {shortNames: [], categories: [], ", 1)
	if !strings.Contains(definition, "shortNames: []") {
		t.Fatal("the definition has no empty list")
	}
	want := r.objects(deployment, service, claims, definition)
	rec := r.make(kube.Record{}, none, want...)
	t.Cleanup(func() {
		_, ds := r.DeleteSet(context.Background(), kube.SetDeleteRequest{Owner: r.owner, Record: rec})
		must(t, ds)
	})
	r.settled(rec, none, want...)
	for _, ref := range []kube.Ref{web, {Kind: "Service", Name: "web"}} { // and when the server is asked
		r.patchAs("kubectl-edit", ref, `{"metadata":{"labels":{"`+kube.LabelState+`":null}}}`)
	}
	state := r.again().read(rec, want...)
	for _, o := range r.plan(state.Record, none, want...).Objects {
		if len(o.Changes) > 0 {
			t.Errorf("%s: changes %v", o.Ref, o.Changes)
		}
	}
}

func TestCase10RemovedKeyOfStringData(t *testing.T) {
	r := newRig(t)
	const text = `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: NS}, stringData: {user: shop, password: planted-secret}}`
	rec := r.make(kube.Record{}, none, r.objects(text)...)
	less := r.objects(strings.Replace(text, ", password: planted-secret", "", 1))
	state := r.again().read(rec, less...)
	plan := r.plan(state.Record, none, less...)
	if got := plan.Objects[0].Changes; len(got) != 1 || got[0] != "data.password" {
		t.Errorf("changes %v", got)
	}
	rec = r.apply(state.Record, plan, none, less...).Record
	if data := r.field(kube.Ref{Kind: "Secret", Name: "s"}, "data").(map[string]any); len(data) != 1 {
		t.Errorf("%d keys", len(data))
	}
	r.settled(rec, none, less...)
}

func TestCase11ValuesOfASecretInErrors(t *testing.T) {
	r := newRig(t)
	const planted = "planted-secret-value"
	h := &hook{resource: "secrets", validating: true, answer: func(o map[string]any) (string, string) {
		return "", fmt.Sprintf("I do not like %v", o["data"])
	}}
	h.serve(t, r.ns)
	secret := `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: NS}, stringData: {password: ` + planted + `}}`
	h.active(r, strings.Replace(secret, planted, "x", 1))
	_, ds := r.ApplySet(t.Context(), kube.SetApplyRequest{Owner: r.owner, Desired: r.objects(secret)})
	if d := only(t, ds); strings.Contains(d.Detail, planted) || strings.Contains(d.Detail, "cGxhbnRlZC") {
		t.Errorf("the value is quoted: %s", d.Detail)
	} else {
		wantCode(t, d, kube.CodeWebhook)
	}
	bad := `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: NS}, type: kubernetes.io/tls, stringData: {tls.crt: ` + planted + `}}`
	_, ds = r.ApplySet(t.Context(), kube.SetApplyRequest{Owner: r.owner, Desired: r.objects(bad)})
	if d := only(t, ds); strings.Contains(d.Detail, planted) || strings.Contains(d.Detail, "cGxhbnRlZC") {
		t.Errorf("the value is quoted: %s", d.Detail)
	}
}

func TestCase18PortCoOwnedByAnotherManager(t *testing.T) {
	r := newRig(t)
	service := func(port string) string {
		return `{apiVersion: v1, kind: Service, metadata: {name: web, namespace: NS}, spec: {selector: {app: web}, ports: [{name: http, port: ` + port + `}]}}`
	}
	rec := r.make(kube.Record{}, none, r.objects(service("80"))...)
	services := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).Namespace(r.ns)
	if _, err := services.Apply(t.Context(), "web", r.object(service("80")), metav1.ApplyOptions{FieldManager: "someone"}); err != nil {
		t.Fatal(err)
	}
	state := r.again().read(rec, r.objects(service("81"))...)
	d := r.planError(state.Record, kube.SetOptions{Conflicts: kube.ConflictsError}, r.objects(service("81"))...)
	wantCode(t, d, kube.CodeConflict, "spec.ports", "someone", `conflicts = "force"`)
	forced := kube.SetOptions{Conflicts: kube.ConflictsForce}
	plan := r.plan(state.Record, forced, r.objects(service("81"))...)
	if o := plan.Objects[0]; o.Action != kube.Update || !strings.Contains(notesOf(plan), "someone") {
		t.Fatalf("plan: %s %v", r.actions(plan), plan.Notes)
	}
	rec = r.apply(state.Record, plan, forced, r.objects(service("81"))...).Record
	if ports := r.field(kube.Ref{Kind: "Service", Name: "web"}, "spec.ports").([]any); len(ports) != 1 || ports[0].(map[string]any)["port"] != int64(81) {
		t.Errorf("ports %v", ports)
	}
	r.settled(rec, forced, r.objects(service("81"))...)
}

func TestCase19OnePortWithTwoProtocols(t *testing.T) {
	r := newRig(t)
	want := r.objects(`{apiVersion: v1, kind: Service, metadata: {name: dns, namespace: NS}, spec: {selector: {app: dns}, ports: [{name: udp, port: 53, protocol: UDP}, {name: tcp, port: 53}]}}`)
	rec := r.make(kube.Record{}, none, want...)
	if ports := r.field(kube.Ref{Kind: "Service", Name: "dns"}, "spec.ports").([]any); len(ports) != 2 {
		t.Errorf("ports %v", ports)
	}
	r.settled(rec, none, want...)
}

func TestCase21TypoIsNoReasonToReplace(t *testing.T) {
	r := newRig(t)
	service := `{apiVersion: v1, kind: Service, metadata: {name: web, namespace: NS}, spec: {selector: {app: web}, ports: [{port: 80}]}}`
	rec := r.make(kube.Record{}, none, r.objects(service)...)
	typo := r.objects(strings.Replace(service, "[{port: 80}]", "[]", 1))
	d := r.planError(rec, none, typo...)
	wantCode(t, d, kube.CodeInvalid, "spec.ports")
	if got := string(r.live(kube.Ref{Kind: "Service", Name: "web"}).GetUID()); got != rec.Objects[0].UID {
		t.Error("the Service was touched")
	}
}

func TestCase50NamespaceThatDoesNotFitTheScope(t *testing.T) {
	r := newRig(t)
	name := testenv.Name(t)
	role := r.objects(`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: ` + name + `, namespace: NS}, rules: []}`)
	plan := r.plan(kube.Record{}, none, role...)
	if !strings.Contains(notesOf(plan), "belongs to no namespace") {
		t.Errorf("notes %v", plan.Notes)
	}
	rec := r.apply(kube.Record{}, plan, none, role...).Record
	r.settled(rec, none, role...)
	_, ds := r.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec})
	must(t, ds)
	without := r.objects(`{apiVersion: v1, kind: ConfigMap, metadata: {name: ` + name + `}}`)
	plan = r.plan(kube.Record{}, none, without...)
	if plan.Objects[0].Namespace != kube.DefaultNamespace || plan.Objects[0].After.GetNamespace() != kube.DefaultNamespace {
		t.Errorf("planned in %q", plan.Objects[0].Namespace)
	}
}

func TestCase51LargeObjects(t *testing.T) {
	r := newRig(t)
	big := r.objects(`{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: NS}, data: {k: ` + strings.Repeat("x", 900<<10) + `}}`)
	rec := r.make(kube.Record{}, none, big...)
	if notes := r.live(aRef).GetAnnotations(); len(notes) != 1 {
		t.Errorf("annotations %d", len(notes))
	}
	r.settled(rec, none, big...)
	huge := r.objects(`{apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: NS}, data: {k: ` + strings.Repeat("x", 4<<20) + `}}`)
	_, ds := r.ApplySet(t.Context(), kube.SetApplyRequest{Owner: r.owner, Desired: huge})
	wantCode(t, only(t, ds), kube.CodeInvalid, "1 MiB")

	group := r.ns + ".example.test"
	definition := strings.ReplaceAll(crd, "GROUP", group)
	definition = strings.Replace(definition, "type: object\n        properties:", "type: object\n        description: "+strings.Repeat("words ", 50<<10)+"\n        properties:", 1)
	if len(definition) < 256<<10 {
		t.Fatal("the definition is not large")
	}
	want := r.objects(definition)
	rec = r.make(kube.Record{}, none, want...)
	r.settled(rec, none, want...)
	_, ds = r.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec})
	must(t, ds)
}

func TestCase53NumbersAndTexts(t *testing.T) {
	r := newRig(t)
	want := r.objects(`{apiVersion: v1, kind: Service, metadata: {name: web, namespace: NS, labels: null, annotations: {n: "5"}}, spec: {selector: {app: web}, ports: [{name: a, port: 80, targetPort: 5}, {name: b, port: 81, targetPort: "http"}]}}`)
	rec := r.make(kube.Record{}, none, want...)
	ports := r.field(kube.Ref{Kind: "Service", Name: "web"}, "spec.ports").([]any)
	if a, b := ports[0].(map[string]any)["targetPort"], ports[1].(map[string]any)["targetPort"]; a != int64(5) || b != "http" {
		t.Errorf("target ports %#v and %#v", a, b)
	}
	if labels := r.live(kube.Ref{Kind: "Service", Name: "web"}).GetLabels(); len(labels) != 1 {
		t.Errorf("labels %v", labels)
	}
	r.settled(rec, none, want...)
}

func TestCase54FieldsThatTheControlPlaneFills(t *testing.T) {
	r := newRig(t)
	name := testenv.Name(t)
	want := r.objects(
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: `+name+`}, aggregationRule: {clusterRoleSelectors: [{matchLabels: {for: `+name+`}}]}}`,
		`{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: `+name+`-part, labels: {for: `+name+`}}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}`,
		`{apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: NS}}`)
	rec := r.make(kube.Record{}, none, want...)
	role := kube.Ref{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole", Name: name}
	eventually(t, "the rules are never filled in", func() bool {
		u, err := r.Get(t.Context(), role)
		rules, _ := u.Object["rules"].([]any)
		return err == nil && len(rules) > 0
	})
	r.patchAs("legacy-token-controller", kube.Ref{Kind: "ServiceAccount", Name: "a"}, `{"secrets":[{"name":"a-token"}]}`)
	r.settled(rec, none, want...)
	_, ds := r.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: rec})
	must(t, ds)
}

func TestCase55NewDefaultsAreNoChange(t *testing.T) {
	r := newRig(t)
	group := r.ns + ".example.test"
	in := func(text string) string { return strings.ReplaceAll(text, "GROUP", group) }
	definition := r.make(kube.Record{}, none, r.objects(in(crd))...)
	want := r.objects(in(widget))
	fresh := r.again()
	rec := fresh.make(kube.Record{}, none, want...)
	// The next release of the kind has one more field, with a default.
	r.make(definition, none, r.objects(strings.Replace(in(crd), "color:", "shape: {type: string, default: round}\n              color:", 1))...)
	w := kube.Ref{Group: group, Version: "v1", Kind: "Widget", Name: "w", Namespace: r.ns}
	eventually(t, "the default never shows", func() bool { return fresh.field(w, "spec.shape") == "round" })
	fresh.patchAs("someone", kube.Ref{Group: group, Kind: "Widget", Name: "w"}, `{"metadata":{"annotations":{"touched":"yes"}}}`)
	fresh.settled(rec, none, want...)
	state := r.again().read(rec, want...)
	if p := fresh.plan(state.Record, none, want...); slices.ContainsFunc(p.Objects, func(o kube.ObjectPlan) bool { return len(o.Changes) > 0 }) {
		t.Errorf("changes: %v", p.Objects[0].Changes)
	}
	_, ds := fresh.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: r.owner, Record: kube.Record{Objects: append(rec.Objects, definition.Objects...)}})
	must(t, ds)
}
