package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
)

// write brings one object to the server.
func (s *setRun) write(ctx context.Context, w *wish, rec *ObjectRecord, p *plannedObject) hcl.Diagnostics {
	c := s.cluster
	if w.mapping.Planned {
		m, ds := c.awaitKind(ctx, w.ref)
		if ds.HasErrors() {
			return ds
		}
		w.mapping = m
	}
	switch p.Action {
	case Create:
		return s.create(ctx, w, rec)
	case Replace:
		if !s.req.Options.Recreate && s.req.Options.OnImmutable != OnImmutableOrphan {
			return s.change(ctx, w, rec, p)
		}
		s.progress("replacing %s", w.ref)
		propagation := metav1.DeletePropagationForeground
		if s.req.Options.OnImmutable == OnImmutableOrphan {
			propagation = metav1.DeletePropagationOrphan
		}
		if err := c.Delete(ctx, w.ref, DeleteOptions{UID: p.UID, Propagation: string(propagation)}); err != nil {
			return c.Diagnose(err, "delete", w.ref)
		}
		c.forget(w.mapping, w.ref, nil)
		if ds := c.WaitGone(ctx, w.ref, p.UID, 0, s.req.Step); ds.HasErrors() {
			return ds
		}
		return s.create(ctx, w, nil)
	}
	return s.change(ctx, w, rec, p)
}

// create makes an object that was not there. Only the server knows whether it still is not: its answer says so, and
// fields that went into somebody else's object by that race are given back.
func (s *setRun) create(ctx context.Context, w *wish, rec *ObjectRecord) hcl.Diagnostics {
	c, o := s.cluster, s.req.Options
	found, err := c.lookup(ctx, w.mapping, w.ref)
	if err != nil && !apierrors.IsForbidden(err) {
		return c.Diagnose(err, "get", w.ref)
	}
	if found != nil && found.DeletionTimestamp != nil {
		if ds := c.WaitGone(ctx, w.ref, string(found.UID), 0, s.req.Step); ds.HasErrors() {
			return ds
		}
		c.forget(w.mapping, w.ref, nil)
		found = nil
	}
	if found != nil {
		return s.change(ctx, w, rec, &plannedObject{Ref: w.ref, Action: Create})
	}
	live, created, err := c.applyPatiently(ctx, w.sent(s.req.Owner, o), ApplyOptions{Manager: o.Manager})
	if conflicts := conflictsOf(err); len(conflicts) > 0 {
		return hcl.Diagnostics{appeared(w.ref)}
	}
	if err != nil {
		return c.Diagnose(err, "create", w.ref)
	}
	if !created && foreignFields(live, managerOf(o)) {
		if _, _, err := c.Apply(ctx, w.ref.object(), ApplyOptions{Manager: o.Manager}); err != nil {
			return append(c.Diagnose(err, "patch", w.ref), appeared(w.ref))
		}
		return hcl.Diagnostics{appeared(w.ref)}
	}
	c.forget(w.mapping, w.ref, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: w.ref.Name, Namespace: w.ref.Namespace, UID: live.GetUID(), Annotations: live.GetAnnotations()}})
	s.note(c.remember(s.req.Owner, w, live, o, nil, s.req.Wait.Waits()), live)
	return nil
}

func appeared(r Ref) *hcl.Diagnostic {
	return diag.Errorf(CodeExists, "Object appeared meanwhile", "%s did not exist when the plan was made; somebody made it since. Nothing of it was changed. Plan again; `on_exists = \"adopt\"` takes it over.", r)
}

// foreignFields reports whether anybody but us set fields of the object itself.
func foreignFields(live *unstructured.Unstructured, manager string) bool {
	return slices.ContainsFunc(live.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool {
		return e.Subresource == "" && e.Manager != manager
	})
}

// change applies to an object that exists, provided that what would change is what was approved.
func (s *setRun) change(ctx context.Context, w *wish, rec *ObjectRecord, p *plannedObject) hcl.Diagnostics {
	c, o := s.cluster, s.req.Options
	found, err := c.getMetadata(ctx, w.mapping, w.ref)
	switch {
	case err != nil:
		return c.Diagnose(err, "get", w.ref)
	case found == nil && p.Action == Create:
		c.forget(w.mapping, w.ref, nil) // or create would find the object of an older list again, and come back here
		return s.create(ctx, w, nil)
	case found == nil:
		return hcl.Diagnostics{diag.Errorf(CodeGone, "Object is gone", "%s was deleted since the plan was made. Plan again: it will be created.", w.ref)}
	case p.UID != "" && p.UID != string(found.UID):
		return hcl.Diagnostics{moved(w.ref, "it was deleted and made again")}
	}
	e := evaluation{force: p.Force}
	body := w.sent(s.req.Owner, o)
	if p.Effect == "" || p.ResourceVersion != found.ResourceVersion || len(p.Yield) > 0 || p.Rewrite || len(o.FieldConflicts) > 0 {
		live, err := c.Get(ctx, w.ref)
		if err != nil {
			return c.Diagnose(err, "get", w.ref)
		}
		if live == nil {
			return hcl.Diagnostics{moved(w.ref, "it was deleted")}
		}
		var ds hcl.Diagnostics
		if e, ds = c.evaluateChange(ctx, s.req.Owner, w, rec, o, live); ds.HasErrors() {
			return ds
		}
		switch {
		case e.plan.Action == Replace:
			return hcl.Diagnostics{diag.Errorf(CodeImmutable, "Field cannot be changed", "The server does not change %s of %s in place, and the plan did not replace it. Plan again.", orWhole(e.plan.Immutable), w.ref)}
		case e.plan.Action == NoOp: // done already, perhaps by the attempt before a kill
			s.note(c.remember(s.req.Owner, w, live, o, e.yield, rec != nil && rec.Pending || s.req.Wait.Waits()), live)
			return nil
		case p.Effect != "" && e.effect != p.Effect:
			return hcl.Diagnostics{moved(w.ref, "the change would now be another one ("+shortList(e.plan.Changes)+")")}
		}
		if e.rewrite.any() {
			if err := c.rewrite(ctx, w, live, managerOf(o), e.rewrite); err != nil {
				return c.Diagnose(err, "patch", w.ref)
			}
			if e.rewrite.version != "" { // only now the server can say what the change is
				if live, err = c.Get(ctx, w.ref); err != nil || live == nil {
					return append(c.Diagnose(err, "get", w.ref), moved(w.ref, "it could not be read again"))
				}
				if e, ds = c.evaluateChange(ctx, s.req.Owner, w, rec, o, live); ds.HasErrors() {
					return ds
				}
			}
		}
		body = e.body
	}
	body.SetUID(found.UID)
	live, _, err := c.applyPatiently(ctx, body, ApplyOptions{Manager: o.Manager, Force: e.force})
	if conflicts := conflictsOf(err); len(conflicts) > 0 {
		return hcl.Diagnostics{(&conflictError{conflicts, o}).diagnostic(w.ref)}
	}
	if err != nil && isUIDMismatch(err) && (apierrors.IsConflict(err) || apierrors.IsInvalid(err)) {
		return hcl.Diagnostics{moved(w.ref, "it was deleted or made again")}
	}
	if err != nil {
		return c.Diagnose(err, "patch", w.ref)
	}
	s.note(c.remember(s.req.Owner, w, live, o, e.yield, s.req.Wait.Waits()), live)
	return nil
}

func moved(r Ref, how string) *hcl.Diagnostic {
	return diag.Refused(diag.Errorf(CodeMoved, "Approved change no longer fits", "%s changed since the plan was made: %s. Nothing was written. Plan again.", r, how))
}

func shortList(items []string) string {
	const most = 5
	if len(items) <= most {
		return fmt.Sprint(items)
	}
	return fmt.Sprintf("%v and %d more", items[:most], len(items)-most)
}

// webhookBudget is how long a write waits for an admission webhook that does not answer: it may be rolling out.
const webhookBudget = time.Minute

// applyPatiently is Apply that waits for a webhook to come up.
func (c *Cluster) applyPatiently(ctx context.Context, u *unstructured.Unstructured, o ApplyOptions) (*unstructured.Unstructured, bool, error) {
	lost := false
	for start := time.Now(); ; {
		live, created, err := c.Apply(ctx, u, o)
		var doubtful *doubtfulError
		lost = lost || errors.As(err, &doubtful)
		if !isWebhookDown(err) || time.Since(start) > webhookBudget {
			if lost && err != nil {
				err = &doubtfulError{err}
			}
			return live, created, err
		}
		select {
		case <-ctx.Done():
			return nil, false, ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
}
