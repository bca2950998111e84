package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// ApplySet makes the objects as desired, rank by rank, deletes those of Prior that are not desired any more, and waits if asked. It may be
// called again after a kill: what is done already is recognised. Without Planned it plans first.
func (c *Cluster) ApplySet(ctx context.Context, req SetApplyRequest) (SetResult, hcl.Diagnostics) {
	run := &setRun{cluster: c, req: req, result: SetResult{Record: req.Prior, Live: map[ID]*unstructured.Unstructured{}}}
	if len(req.Planned) == 0 {
		plan, ds := c.PlanSet(ctx, SetPlanRequest{Owner: req.Owner, Prior: req.Prior, Desired: req.Desired, Options: req.Options})
		if ds.HasErrors() {
			return run.result, ds
		}
		req.Planned = plan.Private
	}
	planned, err := decodePlanned(req.Planned)
	if err != nil {
		return run.result, hcl.Diagnostics{diag.Errorf(CodeRecord, "Plan not readable", "The private part of the plan cannot be read: %s. Make a new plan.", err)}
	}
	for i := range req.Desired {
		if len(req.Desired[i].Unknown) > 0 {
			return run.result, hcl.Diagnostics{diag.Errorf(CodeManifest, "Value not known", "%s is not known when %s is applied.", req.Desired[i].Unknown[0], RefOf(req.Desired[i].Object))}
		}
	}
	wishes, ds := c.wishes(ctx, req.Owner, req.Desired, req.Prior, false)
	if ds.HasErrors() {
		return run.result, ds
	}
	for len(wishes) > 0 && !ds.HasErrors() {
		n := 1
		for n < len(wishes) && Rank(wishes[n].ref.GroupKind()) == Rank(wishes[0].ref.GroupKind()) {
			n++
		}
		ds = append(ds, run.rank(ctx, wishes[:n], planned)...)
		wishes = wishes[n:]
	}
	if !ds.HasErrors() {
		ds = append(ds, run.prune(ctx, planned)...)
	}
	if !ds.HasErrors() && req.Wait.Waits() {
		ds = append(ds, run.wait(ctx)...)
	}
	return run.result, append(ds, c.Warnings()...)
}

// setRun is one ApplySet under way.
type setRun struct {
	cluster *Cluster
	req     SetApplyRequest
	mu      sync.Mutex // guards result while a rank is being written
	result  SetResult
}

// rank writes objects of one rank in parallel.
func (s *setRun) rank(ctx context.Context, wishes []*wish, planned plannedSet) hcl.Diagnostics {
	found := make([]hcl.Diagnostics, len(wishes))
	var wrote bool
	var group errgroup.Group
	group.SetLimit(setParallelism)
	for i, w := range wishes {
		p, rec := planned.find(w.ref.ID()), s.req.Prior.Find(w.ref.ID())
		if p != nil && p.Action == NoOp && rec != nil && rec.Desired == w.digest && !rec.Dirty {
			continue
		}
		wrote = true
		if p == nil {
			p = &plannedObject{Ref: w.ref, Action: Create}
		}
		if s.req.Options.Partial && p.Action == Create {
			p = &plannedObject{Ref: w.ref, Action: Update} // what belongs to others is never made
		}
		group.Go(func() error {
			found[i] = s.write(ctx, w, rec, p)
			return nil
		})
	}
	_ = group.Wait() // the functions report through found
	ds := slices.Concat(found...)
	if !wrote {
		return ds
	}
	if s.req.Checkpoint != nil && len(s.req.Desired) > 1 {
		if err := s.req.Checkpoint(s.result.Record); err != nil {
			return append(ds, diag.FromError(CodeRecord, "Progress not recorded", err, nil)...)
		}
	}
	if !ds.HasErrors() {
		ds = append(ds, s.established(ctx, wishes)...)
	}
	return ds
}

// established waits until the CustomResourceDefinitions of a rank are served, since later ranks need them.
func (s *setRun) established(ctx context.Context, wishes []*wish) hcl.Diagnostics {
	var refs []Ref
	for _, w := range wishes {
		if w.ref.GroupKind() == crdKind {
			refs = append(refs, w.ref)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	return s.cluster.WaitReady(ctx, refs, WaitOptions{Rollout: true, Timeout: time.Minute}, s.req.Step)
}

// note records what the server returned for an object.
func (s *setRun) note(rec ObjectRecord, live *unstructured.Unstructured) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Record = s.result.Record.with(rec)
	s.result.Live[rec.ID()] = live
}

func (s *setRun) progress(format string, args ...any) {
	if s.req.Step != nil {
		s.req.Step.Progress(providers.Progress{Message: fmt.Sprintf(format, args...)})
	}
}

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
		if !s.req.Options.Recreate {
			return s.change(ctx, w, rec, p)
		}
		s.progress("replacing %s", w.ref)
		if err := c.Delete(ctx, w.ref, DeleteOptions{UID: p.UID, Propagation: "Foreground"}); err != nil {
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

// create makes an object that was not there. Only the server knows whether it still is not: its answer says so, and fields that
// went into somebody else's object by that race are given back.
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
		return s.create(ctx, w, nil)
	case found == nil:
		return hcl.Diagnostics{diag.Errorf(CodeGone, "Object is gone", "%s was deleted since the plan was made. Plan again: it will be created.", w.ref)}
	case p.UID != "" && p.UID != string(found.UID):
		return hcl.Diagnostics{moved(w.ref, "it was deleted and made again")}
	}
	e := evaluation{force: p.Force}
	body := w.sent(s.req.Owner, o)
	if p.Effect == "" || p.ResourceVersion != found.ResourceVersion || len(p.Yield) > 0 {
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
		if e.migrate {
			if err := c.migrate(ctx, w, live); err != nil {
				return c.Diagnose(err, "patch", w.ref)
			}
			if live, err = c.Get(ctx, w.ref); err != nil || live == nil {
				return append(c.Diagnose(err, "get", w.ref), moved(w.ref, "it could not be read again"))
			}
			if e, ds = c.evaluateChange(ctx, s.req.Owner, w, rec, o, live); ds.HasErrors() {
				return ds
			}
		}
		for _, field := range e.yield {
			e.yieldField(body, live, field)
		}
	}
	body.SetUID(found.UID)
	live, _, err := c.applyPatiently(ctx, body, ApplyOptions{Manager: o.Manager, Force: e.force})
	if conflicts := conflictsOf(err); len(conflicts) > 0 {
		return hcl.Diagnostics{(&conflictError{conflicts}).diagnostic(w.ref)}
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
	return diag.Errorf(CodeMoved, "Approved change no longer fits", "%s changed since the plan was made: %s. Nothing was written. Plan again.", r, how)
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
	for start := time.Now(); ; {
		live, created, err := c.Apply(ctx, u, o)
		if !isWebhookDown(err) || time.Since(start) > webhookBudget {
			return live, created, err
		}
		select {
		case <-ctx.Done():
			return nil, false, ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
}

// remember makes the record of an object as the server returned it.
func (c *Cluster) remember(owner providers.Owner, w *wish, live *unstructured.Unstructured, o SetOptions, yielded []string, pending bool) ObjectRecord {
	manager := managerOf(o)
	rec := ObjectRecord{
		Ref: w.ref, UID: string(live.GetUID()), ResourceVersion: live.GetResourceVersion(), Generation: live.GetGeneration(),
		Desired: w.digest, Entry: entryDigest(live.GetManagedFields(), manager), Yielded: yielded, Pending: pending,
	}
	if o.Manager != "" {
		rec.Manager = o.Manager
	}
	for _, p := range w.Null {
		rec.Null = append(rec.Null, p.String())
	}
	slices.Sort(rec.Null)
	for _, d := range differences(unyielded(w.Object, live, yielded), denormalized(w.Object, live), allFields(live.GetManagedFields())) {
		if rec.Canon == nil {
			rec.Canon = map[string]string{}
		}
		rec.Canon[d.path.String()] = canonDigest(owner.Key, d)
	}
	return rec
}

// canonDigest is the digest of a live value that is not as it was sent.
func canonDigest(key []byte, d difference) string {
	if !d.exists {
		return "absent"
	}
	return Digest(key, d.live)
}

// unyielded returns the desired object without fields that were left to others.
func unyielded(desired, live *unstructured.Unstructured, yielded []string) map[string]any {
	object := dropNulls(desired.Object).(map[string]any)
	if len(yielded) == 0 {
		return object
	}
	for _, field := range yielded {
		if path, ok := pathNamed(live, field); ok {
			object, _ = mustRemove(object, path)
		}
	}
	return object
}

func mustRemove(object map[string]any, path fieldpath.Path) (map[string]any, bool) {
	root, removed := remove(object, path)
	out, ok := root.(map[string]any)
	if !ok {
		return object, false
	}
	return out, removed
}

// awaitKind waits until a kind is served, whose CustomResourceDefinition this run made.
func (c *Cluster) awaitKind(ctx context.Context, r Ref) (Mapping, hcl.Diagnostics) {
	const limit = time.Minute
	pause := 100 * time.Millisecond
	for start := time.Now(); ; {
		m, ok, err := c.served(ctx, r.GVK())
		if err != nil {
			return m, c.Diagnose(err, "find the kind of", r)
		}
		if ok {
			return m, nil
		}
		if time.Since(start) > limit {
			return m, c.Diagnose(&UnknownKindError{GVK: r.GVK(), Broken: errors.New("its CustomResourceDefinition is not served after a minute")}, "find the kind of", r)
		}
		select {
		case <-ctx.Done():
			return m, c.Diagnose(ctx.Err(), "find the kind of", r)
		case <-time.After(pause):
		}
		pause = min(2*pause, 2*time.Second)
	}
}

// prune deletes what the plan says is not wanted any more.
func (s *setRun) prune(ctx context.Context, planned plannedSet) hcl.Diagnostics {
	var gone Record
	for _, p := range planned.Objects {
		if p.Action != Delete && p.Action != Forget {
			continue
		}
		if rec := s.req.Prior.Find(p.ID()); rec != nil {
			gone.Objects = append(gone.Objects, *rec)
		}
	}
	if len(gone.Objects) == 0 {
		return nil
	}
	left, ds := s.cluster.DeleteSet(ctx, SetDeleteRequest{Owner: s.req.Owner, Record: gone, Options: s.req.Options, Step: s.req.Step})
	for _, o := range gone.Objects {
		if left.Find(o.ID()) == nil {
			s.result.Record = s.result.Record.without(o.ID())
		}
	}
	return ds
}

// wait checkpoints, gives the slot back, waits, and marks the objects ready.
func (s *setRun) wait(ctx context.Context) hcl.Diagnostics {
	if s.req.Checkpoint != nil {
		if err := s.req.Checkpoint(s.result.Record); err != nil {
			return diag.FromError(CodeRecord, "Progress not recorded", err, nil)
		}
	}
	if s.req.Step != nil {
		s.req.Step.Release()
	}
	var refs []Ref
	for _, o := range s.result.Record.Objects {
		refs = append(refs, o.Ref)
	}
	ds := s.cluster.WaitReady(ctx, refs, *s.req.Wait, s.req.Step)
	if !ds.HasErrors() {
		objects := slices.Clone(s.result.Record.Objects)
		for i := range objects {
			objects[i].Pending = false
		}
		s.result.Record = Record{objects}
	}
	return ds
}
