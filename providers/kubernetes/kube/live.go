package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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
		e, ds := c.evaluateCreate(ctx, owner, w, o, false)
		if rec != nil && rec.Once {
			e.plan.Notes = append(e.plan.Notes, "it had done its work and was removed when its time to live was over: it is made again, and does its work once more")
		}
		return e, ds
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
		e.rewrite.from = tools(live)
	}
	if rec.imported() && !o.Partial { // what made it lets go of it, or a field that is removed here would stay for ever
		e.rewrite.from = tools(live)
	}
	former := rec.former(managerOf(o))
	if former != "" && entryOf(live.GetManagedFields(), former) != nil {
		e.rewrite.from = append(e.rewrite.from, former)
	}
	if len(w.Unknown) > 0 {
		e.plan.Deferred = "parts of it are known after apply"
		return e, nil
	}
	body := w.sent(owner, o)
	body.SetUID(live.GetUID()) // somebody else's object of that name is not to be changed
	e.body = body
	for _, path := range recordedYield(rec, o) {
		e.yieldField(body, live, path)
	}
	e.keep(body, live, o)
	dry, err := c.dryRun(ctx, w, rec, o, live, body, adopting, &e)
	if predicted := prediction(err); predicted != "" {
		e.plan.Notes = append(e.plan.Notes, predicted)
		if err := e.predict(owner, w, rec, o, live, adopting); err != nil {
			var conflict *conflictError
			errors.As(err, &conflict)
			return e, hcl.Diagnostics{conflict.diagnostic(w.ref)}
		}
		e.settle(w, live, adopting || len(e.plan.Changes) > 0)
		return e, nil
	}
	if err != nil {
		var conflict *conflictError
		if errors.As(err, &conflict) {
			return e, hcl.Diagnostics{conflict.diagnostic(w.ref)}
		}
		return c.refused(ctx, owner, w, rec, o, live, err, e)
	}
	changes, ownership := effect(live, dry, managerOf(o))
	if dropped := leftBehind(live, dry, w.body, managerOf(o), e.rewrite.from); len(dropped) > 0 {
		changes = append(changes, dropped...)
		slices.Sort(changes)
		if former == "" { // what we set ourselves needs no word
			e.plan.Notes = append(e.plan.Notes, fmt.Sprintf("removes %s: set by %s and not part of this configuration", strings.Join(dropped, ", "), strings.Join(e.rewrite.from, ", ")))
		}
	}
	e.plan.Changes = changes
	e.effect = digestOfEffect(owner.Key, live, dry, managerOf(o), changes)
	if dropped := soleOwned(live, dry, managerOf(o), changes); len(dropped) > 0 {
		e.plan.Notes = append(e.plan.Notes, fmt.Sprintf("no longer sets %s: the server's default applies", strings.Join(dropped, ", ")))
	}
	e.settle(w, live, adopting || len(changes) > 0 || ownership)
	return e, nil
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
		return false, hcl.Diagnostics{diag.Errorf(CodeForeign, "Object belongs to another state", "%s carries the mark of another meshplan state (%s). Let it go there, with a removed block that says destroy = false, then adopt it here.", r, diag.Scrub(mark))}
	case sameObject: // our mark was removed by hand
		return false, nil
	case o.OnExists == OnExistsAdopt:
		return true, nil
	}
	return false, hcl.Diagnostics{diag.Errorf(CodeExists, "Object exists already", "%s exists and is not managed by this state; its fields are set by %s. Set `on_exists = \"adopt\"` to take it over, or choose another name.",
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

// projected returns the live object at the fields of want.
func projected(want, live *unstructured.Unstructured) *unstructured.Unstructured {
	out := want.DeepCopy()
	for _, d := range differences(want.Object, live.Object, allFields(live.GetManagedFields())) {
		setAt(out.Object, d.path, d.live, d.exists)
	}
	return out
}

// Project returns a live object in the shape of another one, as configured: with its values where they differ, and
// without the fields that it lacks. Elements of lists are matched by their keys, and data of a Secret is text where the
// other has stringData.
func Project(want, live *unstructured.Unstructured) map[string]any {
	out := want.DeepCopy()
	for _, d := range differences(want.Object, denormalized(want, live), allFields(live.GetManagedFields())) {
		setAt(out.Object, d.path, d.live, d.exists)
	}
	return out.Object
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
