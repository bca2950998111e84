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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// ApplySet makes the objects as desired, rank by rank, deletes those of Prior that are not desired any more, and
// waits if asked. It may be called again after a kill: what is done already is recognised. Without Planned it plans
// first.
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
		if ds = append(ds, run.servers(ctx, wishes[:n], planned)...); ds.HasErrors() {
			break
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
		if len(wishes) == 1 { // a goroutine of its own would have to grow its stack first
			found[i] = s.write(ctx, w, rec, p)
			continue
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

// servers waits, before webhook configurations that must be answered are written, until the workloads of the set are
// rolled out.
func (s *setRun) servers(ctx context.Context, wishes []*wish, planned plannedSet) hcl.Diagnostics {
	if s.req.Wait == nil || !s.req.Wait.ServersFirst || !slices.ContainsFunc(wishes, func(w *wish) bool {
		p := planned.find(w.ref.ID())
		return refuses(w.body) && (p == nil || p.Action != NoOp)
	}) {
		return nil
	}
	var refs []Ref
	for _, o := range s.result.Record.Objects {
		if Rank(o.GroupKind()) == rankWorkload {
			refs = append(refs, o.Ref)
		}
	}
	if s.req.Checkpoint != nil {
		if err := s.req.Checkpoint(s.result.Record); err != nil {
			return diag.FromError(CodeRecord, "Progress not recorded", err, nil)
		}
	}
	return s.cluster.WaitReady(ctx, refs, WaitOptions{Rollout: true, Timeout: s.req.Wait.Timeout}, s.req.Step)
}

// refuses reports whether an object is a webhook configuration with a webhook that must answer. Fail is what the
// server takes when nothing is said.
func refuses(u *unstructured.Unstructured) bool {
	if u.GroupVersionKind().Group != "admissionregistration.k8s.io" {
		return false
	}
	hooks, _, _ := unstructured.NestedSlice(u.Object, "webhooks")
	return slices.ContainsFunc(hooks, func(h any) bool {
		m, ok := h.(map[string]any)
		return ok && m["failurePolicy"] != "Ignore"
	})
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

// remember makes the record of an object as the server returned it.
func (c *Cluster) remember(owner providers.Owner, w *wish, live *unstructured.Unstructured, o SetOptions, yielded []string, pending bool) ObjectRecord {
	manager, fields := managerOf(o), live.GetManagedFields()
	rec := ObjectRecord{
		Ref: w.ref, UID: string(live.GetUID()), ResourceVersion: live.GetResourceVersion(), Generation: live.GetGeneration(),
		Desired: w.digest, Entry: entryDigest(fields, manager), Yielded: yielded, Pending: pending,
	}
	if o.Manager != "" {
		rec.Manager = o.Manager
	}
	if w.ref.GroupKind().String() == "Job.batch" {
		_, rec.Once, _ = unstructured.NestedInt64(live.Object, "spec", "ttlSecondsAfterFinished")
	}
	for _, p := range w.Null {
		rec.Null = append(rec.Null, p.String())
	}
	slices.Sort(rec.Null)
	for _, d := range differencesFrom(unyielded(w.Object, live, yielded), denormalized(w.Object, live), fields) {
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

// unyielded returns the desired object without fields that were left to others or that only the server writes.
func unyielded(desired, live *unstructured.Unstructured, yielded []string) map[string]any {
	object := dropNulls(desired.Object).(map[string]any)
	dropServerFields(object)
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
