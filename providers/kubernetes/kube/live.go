package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// evaluateLive plans the change of an object that exists.
func (c *Cluster) evaluateLive(ctx context.Context, owner providers.Owner, w *wish, rec *ObjectRecord, o SetOptions) (evaluation, hcl.Diagnostics) {
	live, err := c.Get(ctx, w.ref)
	if err != nil {
		return evaluation{}, c.Diagnose(err, "get", w.ref)
	}
	if live == nil {
		if o.Partial && c.world.PlansObject(w.ref.ID()) {
			return evaluation{plan: ObjectPlan{Action: Update, Deferred: "the object is made by the same plan"}}, nil
		}
		if o.Partial {
			return evaluation{}, hcl.Diagnostics{diag.Errorf(CodeGone, "Object does not exist", "%s does not exist, and this resource only changes objects that others make. Create it first, or refer to the resource that makes it.", w.ref)}
		}
		return c.evaluateCreate(ctx, owner, w, o, false)
	}
	return c.evaluateChange(ctx, owner, w, rec, o, live)
}

// evaluateChange asks the server what an apply would change on a live object.
func (c *Cluster) evaluateChange(ctx context.Context, owner providers.Owner, w *wish, rec *ObjectRecord, o SetOptions, live *unstructured.Unstructured) (evaluation, hcl.Diagnostics) {
	e := evaluation{rv: live.GetResourceVersion()}
	e.plan = ObjectPlan{Action: Update, UID: string(live.GetUID()), Before: projected(w.body, live)}
	if live.GetDeletionTimestamp() != nil && !o.Partial {
		return terminating(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{UID: live.GetUID(), Finalizers: live.GetFinalizers()}}), nil
	}
	adopting := false
	if !o.Partial {
		var ds hcl.Diagnostics
		if adopting, ds = c.mayTake(owner, w.ref, rec, o, live); ds.HasErrors() {
			return e, ds
		}
	}
	if adopting {
		e.plan.Action = Adopt
		e.plan.Notes = append(e.plan.Notes, "takes over an existing object")
	}
	if len(w.Unknown) > 0 {
		e.plan.Deferred = "parts of it are known after apply"
		return e, nil
	}
	body := w.sent(owner, o)
	body.SetUID(live.GetUID()) // somebody else's object of that name is not to be changed
	for _, path := range recordedYield(rec, o) {
		e.yieldField(body, live, path)
	}
	dry, err := c.dryRun(ctx, w, rec, o, live, body, adopting, &e)
	if predicted := prediction(err); predicted != "" {
		e.plan.Changes = predictedChanges(owner, w, rec, live)
		e.plan.Notes = append(e.plan.Notes, predicted)
		e.settle(w, live, adopting || len(e.plan.Changes) > 0)
		return e, nil
	}
	if err != nil {
		var conflict *conflictError
		if errors.As(err, &conflict) {
			return e, hcl.Diagnostics{conflict.diagnostic(w.ref)}
		}
		return c.refused(ctx, owner, w, rec, live, err, e)
	}
	changes, ownership := effect(live, dry, managerOf(o))
	e.plan.Changes = changes
	e.effect = digestOfEffect(owner.Key, dry, managerOf(o), changes)
	if dropped := soleOwned(live, dry, managerOf(o), changes); len(dropped) > 0 {
		e.plan.Notes = append(e.plan.Notes, fmt.Sprintf("no longer sets %s: the server's default applies", strings.Join(dropped, ", ")))
	}
	e.settle(w, live, adopting || len(changes) > 0 || ownership)
	return e, nil
}

// predictedChanges compares without the server: what it wrote differently before counts as equal.
func predictedChanges(owner providers.Owner, w *wish, rec *ObjectRecord, live *unstructured.Unstructured) []string {
	var out []string
	for _, d := range differences(w.body.Object, live.Object, allFields(live.GetManagedFields())) {
		if rec != nil && rec.Canon[d.path.String()] == canonDigest(owner.Key, d) {
			continue
		}
		out = append(out, d.path.String())
	}
	slices.Sort(out)
	return out
}

// settle decides between NoOp and the planned action and counts restarts.
func (e *evaluation) settle(w *wish, live *unstructured.Unstructured, changed bool) {
	if !changed {
		e.plan.Action = NoOp
		return
	}
	slices.Sort(e.plan.Changes)
	e.plan.Changes = slices.Compact(e.plan.Changes)
	if n := restarts(w.ref, live, e.plan.Changes); n > 0 {
		e.plan.Restarts = n
		e.plan.Notes = append(e.plan.Notes, fmt.Sprintf("restarts %d pods", n))
	}
}

// mayTake decides whether a live object may be changed by this owner, and whether that is an adoption.
func (c *Cluster) mayTake(owner providers.Owner, r Ref, rec *ObjectRecord, o SetOptions, live *unstructured.Unstructured) (bool, hcl.Diagnostics) {
	whose, mark := ownershipOf(live.GetAnnotations(), owner)
	sameObject := rec != nil && rec.UID == string(live.GetUID())
	switch {
	case whose == ours:
		return false, nil
	case whose == sibling && sameObject: // the block was renamed: the mark follows
		return false, nil
	case whose == sibling:
		return false, hcl.Diagnostics{diag.Errorf(CodeForeign, "Object belongs to another resource", "%s is already managed as %s in the same state. Two resources cannot manage one object: remove one of them, or declare a `moved` block.", r, mark)}
	case whose == foreigner:
		return false, hcl.Diagnostics{diag.Errorf(CodeForeign, "Object belongs to another state", "%s carries the mark of another meshplan state (%s). Remove it there first (`meshplan state rm`), then import or adopt it here.", r, diag.Scrub(mark))}
	case sameObject: // our mark was removed by hand
		return false, nil
	case o.OnExists == OnExistsAdopt:
		return true, nil
	}
	return false, hcl.Diagnostics{diag.Errorf(CodeExists, "Object exists already", "%s exists and is not managed by this state; its fields are set by %s. Set `on_exists = \"adopt\"` to take it over, `meshplan import` it, or choose another name.",
		r, strings.Join(managers(live), ", "))}
}

// managers returns who set fields of an object, sorted.
func managers(live *unstructured.Unstructured) []string {
	var out []string
	for _, e := range live.GetManagedFields() {
		out = append(out, diag.Scrub(e.Manager))
	}
	if len(out) == 0 {
		return []string{"nobody known"}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func managerOf(o SetOptions) string {
	if o.Manager == "" {
		return FieldManager
	}
	return o.Manager
}

// effect compares a live object with what it would be, at the fields that we own before or after. Everything else is
// the server's or other people's business.
func effect(live, dry *unstructured.Unstructured, manager string) (changes []string, ownership bool) {
	before, after := fieldsOf(entryOf(live.GetManagedFields(), manager)), fieldsOf(entryOf(dry.GetManagedFields(), manager))
	before.Union(after).Leaves().Iterate(func(p fieldpath.Path) {
		was, had := resolve(live.Object, p)
		is, has := resolve(dry.Object, p)
		if had == has && equal(was, is) {
			return
		}
		if text := fieldText(p); text == markPaths[0] || text == markPaths[1] {
			ownership = true
		} else {
			changes = append(changes, text)
		}
	})
	slices.Sort(changes)
	return changes, ownership || !before.Equals(after)
}

// markPaths are the fields of our marks: they are ownership, not changes.
var markPaths = [...]string{
	fieldText(fieldpath.MakePathOrDie("metadata", "labels", LabelState)),
	fieldText(fieldpath.MakePathOrDie("metadata", "annotations", AnnotationOwner)),
}

// fieldText writes a path of managedFields as people read it.
func fieldText(p fieldpath.Path) string {
	var b strings.Builder
	for _, step := range p {
		switch {
		case step.FieldName != nil:
			b.WriteString(strings.TrimPrefix(Path{*step.FieldName}.String(), ""))
			b.WriteByte('.')
		default:
			text := strings.TrimSuffix(b.String(), ".")
			b.Reset()
			b.WriteString(text + step.String() + ".")
		}
	}
	return strings.TrimSuffix(b.String(), ".")
}

// digestOfEffect is what the reader of a plan approves: the fields that change and what they become.
func digestOfEffect(key []byte, dry *unstructured.Unstructured, manager string, changes []string) string {
	after := map[string]any{}
	fieldsOf(entryOf(dry.GetManagedFields(), manager)).Leaves().Iterate(func(p fieldpath.Path) {
		text := fieldText(p)
		if _, ok := slices.BinarySearch(changes, text); ok {
			v, _ := resolve(dry.Object, p)
			after[text] = v
		}
	})
	return Digest(key, []any{changes, after})
}

// soleOwned returns the fields that go away because nobody but us owned them.
func soleOwned(live, dry *unstructured.Unstructured, manager string, changes []string) []string {
	var out []string
	before := fieldsOf(entryOf(live.GetManagedFields(), manager))
	before.Difference(fieldsOf(entryOf(dry.GetManagedFields(), manager))).Leaves().Iterate(func(p fieldpath.Path) {
		text := fieldText(p)
		if _, ok := slices.BinarySearch(changes, text); ok && strings.HasPrefix(text, "spec.") {
			out = append(out, text)
		}
	})
	slices.Sort(out)
	return out
}

// projected returns the live object at the fields of want.
func projected(want, live *unstructured.Unstructured) *unstructured.Unstructured {
	out := want.DeepCopy()
	for _, d := range differences(want.Object, live.Object, allFields(live.GetManagedFields())) {
		setAt(out.Object, d.path, d.live, d.exists)
	}
	return out
}

// setAt puts a value where a path leads, or removes the field.
func setAt(root map[string]any, path Path, v any, exists bool) {
	parent, ok := at(root, path[:len(path)-1])
	if !ok {
		return
	}
	switch p := parent.(type) {
	case map[string]any:
		if key, ok := path[len(path)-1].(string); ok {
			if exists {
				p[key] = v
			} else {
				delete(p, key)
			}
		}
	case []any:
		if i, ok := path[len(path)-1].(int); ok && i < len(p) {
			p[i] = v
		}
	}
}

// restarts counts the pods that a change of the pod template restarts.
func restarts(r Ref, live *unstructured.Unstructured, changes []string) int {
	if r.Group != "apps" || !slices.ContainsFunc(changes, func(s string) bool { return strings.HasPrefix(s, "spec.template") }) {
		return 0
	}
	field := []string{"spec", "replicas"}
	if r.Kind == "DaemonSet" {
		field = []string{"status", "desiredNumberScheduled"}
	}
	n, _, _ := unstructured.NestedInt64(live.Object, field...)
	return int(n)
}

// refused explains why the server refuses a change: a field that cannot be changed needs a new object, anything else is an
// error of the manifest.
func (c *Cluster) refused(ctx context.Context, owner providers.Owner, w *wish, rec *ObjectRecord, live *unstructured.Unstructured, err error, e evaluation) (evaluation, hcl.Diagnostics) {
	if needsMigration(err, live, w) {
		e.migrate = true
		e.plan.Notes = append(e.plan.Notes, "its field ownership is first moved to "+w.ref.APIVersion()+", since the recorded version has other fields")
		e.plan.Changes = predictedChanges(owner, w, rec, live)
		e.settle(w, live, true)
		return e, nil
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Code != http.StatusUnprocessableEntity {
		return e, c.Diagnose(err, "patch", w.ref)
	}
	fields := immutableFields(status.Status())
	if len(fields) == 0 && !c.transitionForbidden(ctx, w, live) {
		return e, c.Diagnose(err, "patch", w.ref)
	}
	if neverReplaced(w.ref) {
		return e, hcl.Diagnostics{diag.Errorf(CodeImmutable, "Field cannot be changed", "%s cannot be changed in place, and replacing a %s destroys what it holds. Undo the change of %s, or move to a new object by hand.",
			w.ref, w.ref.Kind, orWhole(fields))}
	}
	e.plan.Action = Replace
	e.plan.Immutable = fields
	e.plan.Notes = append(e.plan.Notes, "the server does not change "+orWhole(fields)+" of a live object: it is deleted and made again")
	e.plan.Changes = predictedChanges(owner, w, rec, live)
	return e, nil
}

func orWhole(fields []string) string {
	if len(fields) == 0 {
		return "the object"
	}
	return strings.Join(fields, ", ")
}

// immutableFields returns the fields of which the server says that they cannot be changed, sorted.
func immutableFields(s metav1.Status) []string {
	if s.Details == nil {
		return nil
	}
	var out []string
	for _, cause := range s.Details.Causes {
		if containsAny(cause.Message, "field is immutable", "may not be changed", "may not change once set", "updates to statefulset spec for fields other than", "cannot change", "is immutable") {
			out = append(out, cause.Field)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// transitionForbidden asks whether the same object could be created under another name: then it is the change that is
// forbidden, not the object that is wrong.
func (c *Cluster) transitionForbidden(ctx context.Context, w *wish, live *unstructured.Unstructured) bool {
	switch w.ref.GroupKind().String() {
	case crdKind.String(), "APIService.apiregistration.k8s.io", "Namespace", "Node":
		return false // the name says what they are
	}
	probe := w.body.DeepCopy()
	probe.SetName("meshplan-probe-" + string(live.GetUID())[:8])
	if w.ref.GroupKind().String() == "Service" {
		spec, _ := probe.Object["spec"].(map[string]any)
		delete(spec, "clusterIP")
		delete(spec, "clusterIPs")
		if ports, ok := spec["ports"].([]any); ok {
			for _, p := range ports {
				if m, ok := p.(map[string]any); ok {
					delete(m, "nodePort")
				}
			}
		}
	}
	_, err := c.CreateDryRun(ctx, probe)
	return err == nil
}

// neverReplaced lists kinds whose deletion destroys more than the object.
func neverReplaced(r Ref) bool {
	switch r.GroupKind().String() {
	case "Namespace", crdKind.String(), "PersistentVolume", "PersistentVolumeClaim":
		return true
	}
	return false
}

// needsMigration recognises managedFields of a version whose schema lacks fields that ours has.
func needsMigration(err error, live *unstructured.Unstructured, w *wish) bool {
	return containsAny(err.Error(), "field not declared in schema") && staleVersions(live, w.ref.APIVersion())
}

func staleVersions(live *unstructured.Unstructured, version string) bool {
	return slices.ContainsFunc(live.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return e.APIVersion != version })
}

// migrate rewrites our managedFields entry to the version that is applied now, guarded by the resource version.
func (c *Cluster) migrate(ctx context.Context, w *wish, live *unstructured.Unstructured) error {
	entries := live.GetManagedFields()
	for i := range entries {
		entries[i].APIVersion = w.ref.APIVersion()
	}
	patch, err := jsonPatch(
		patchOp{"test", "/metadata/resourceVersion", live.GetResourceVersion()},
		patchOp{"replace", "/metadata/managedFields", entries},
	)
	if err != nil {
		return err
	}
	_, err = c.Patch(ctx, w.ref, types.JSONPatchType, patch, metav1.PatchOptions{})
	return err
}

func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}

// isRBAC reports whether a 403 comes from the authorizer and not from an admission plugin.
func isRBAC(err error) bool { return strings.Contains(err.Error(), "cannot ") }
