package engine

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/dag"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// visit carries out one step.
func (a *applier) visit(ctx context.Context, n int, slot *dag.Slot) error {
	s := a.plan.Steps[n]
	if s.Op == plans.OpPass || a.done[n] {
		return nil
	}
	c := a.plan.Changes[s.Change]
	switch s.Op {
	case plans.OpRecord, plans.OpForget, plans.OpClaim:
		return a.failed(a.recordOnly(ctx, n, c, s.Op))
	}
	started := a.engine.options.Now()
	a.engine.emit(StepStarted{Step: a.step(n)})
	run := &stepRun{a: a, n: n, c: c, op: s.Op, started: started, slot: slot}
	run.after, run.afterMarks = unmark(c.After)
	a.mu.Lock()
	a.running[n] = run
	run.stopped = a.stopping
	a.mu.Unlock()
	ds := a.ready(ctx, a.providerOf(c))
	switch {
	case ds.HasErrors():
	case s.Op == plans.OpRead:
		ds = append(ds, a.readNow(ctx, c)...)
	default:
		ds = append(ds, run.write(ctx)...)
	}
	elapsed := a.engine.options.Now().Sub(started)
	a.mu.Lock()
	delete(a.running, n)
	a.ds = append(a.ds, ds...)
	a.mu.Unlock()
	if ds.HasErrors() {
		a.engine.emit(StepFailed{Step: a.step(n), Elapsed: elapsed, Diagnostics: ds})
		return errFailed
	}
	a.engine.emit(StepDone{Step: a.step(n), Elapsed: elapsed})
	return nil
}

func (a *applier) failed(ds hcl.Diagnostics) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ds = append(a.ds, ds...)
	if ds.HasErrors() {
		return errFailed
	}
	return nil
}

// readNow reads a data source that had to wait for the apply.
func (a *applier) readNow(ctx context.Context, c *plans.Change) hcl.Diagnostics {
	i := a.instance(c)
	v, ds := a.evaluate(i)
	if ds.HasErrors() {
		return ds
	}
	got, more := a.readData(ctx, i, v)
	if ds = append(ds, more...); ds.HasErrors() {
		return ds
	}
	i.value = got
	i.res.forget()
	return append(ds, a.postconditions(i)...)
}

// instance returns the instance that a change is about; one without a block for what is recorded only.
func (a *applier) instance(c *plans.Change) *instance {
	if r := a.resources[c.Addr.Resource]; r != nil {
		if i := r.byKey[c.Addr.Key]; i != nil {
			return i
		}
		return &instance{addr: c.Addr, res: r}
	}
	return &instance{addr: c.Addr}
}

// stepRun is one write in progress; it is what providers see as providers.Step.
type stepRun struct {
	a       *applier
	n       int
	c       *plans.Change
	op      plans.Op
	started time.Time

	// What the step starts from; see begin.
	addr    addr.Instance // of the record that it is about
	before  *state.Record // at the address that it will have; nil when there is none
	from    addr.Instance // where that record is stored until now; zero when it stays there; guarded by mu once it is at work
	deposes string        // the former object that before becomes; empty when it does not

	// The planned value without its marks, and those: taken apart once.
	after      cty.Value
	afterMarks []cty.PathValueMarks

	mu       sync.Mutex // guards the fields below
	slot     *dag.Slot
	writing  bool                    // it has one of the run's write slots
	released bool                    // it only waits now
	stopped  bool                    // the run is stopping
	cancel   context.CancelCauseFunc // ends the operation; nil before it begins
}

func (s *stepRun) Progress(p providers.Progress) {
	p.Message = diag.Scrub(p.Message)
	s.a.engine.emit(StepProgress{Step: s.a.step(s.n), Progress: p, Elapsed: s.a.engine.options.Now().Sub(s.started)})
}

func (s *stepRun) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slot.Release()
	s.giveWriteSlot()
	s.released = true
	s.giveUp()
}

// wrote gives the slots back: while the outcome is committed somebody else may write. A wait does not begin with it, so
// that stopping the run ends nothing. With a single slot, whoever asks for it wants one step after the other.
func (s *stepRun) wrote() {
	if s.a.engine.options.Parallelism == 1 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slot.Release()
	s.giveWriteSlot()
}

// Awaited implements providers.Awaiter.
func (s *stepRun) Awaited() bool { return s.a.awaited[s.n] }

// stop tells the step that the run is stopping: writes finish, waits end.
func (s *stepRun) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	s.giveUp()
}

// giveUp ends the operation if it only waits and the run is stopping. The caller holds the mutex.
func (s *stepRun) giveUp() {
	if s.stopped && s.released && s.cancel != nil {
		s.cancel(errStopped)
	}
}

func (s *stepRun) Checkpoint(v cty.Value, private []byte) error {
	r, ds := s.a.makeRecord(s.c, s.marked(v), private, state.Incomplete)
	if ds.HasErrors() {
		return ds
	}
	r.Addr = s.addr
	s.mu.Lock()
	from := s.from
	s.mu.Unlock()
	if from.IsZero() {
		return s.a.writer.Checkpoint(s.n, r)
	}
	if err := s.a.writer.Checkpoint(s.n, r, from); err != nil {
		return err
	}
	s.mu.Lock()
	s.from = addr.Instance{} // it has moved
	s.mu.Unlock()
	return nil
}

// marked puts the marks of the plan and of the schema back onto a value from a provider.
func (s *stepRun) marked(v cty.Value) cty.Value {
	plain, marks := unmark(v)
	return s.remarked(plain, marks)
}

// remarked is marked for a value that has been taken apart already.
func (s *stepRun) remarked(plain cty.Value, marks []cty.PathValueMarks) cty.Value {
	marks = append(slices.Clip(marks), s.afterMarks...)
	for _, p := range s.c.AfterSecret {
		marks = append(marks, cty.PathValueMarks{Path: p, Marks: cty.NewValueMarks(schema.Sensitive)})
	}
	v := remark(plain, marks)
	if t := s.a.typeOf(s.c); t != nil {
		v = t.Schema().Block.MarkSensitive(v)
	}
	return v
}

func (a *applier) typeOf(c *plans.Change) providers.ResourceType {
	p := a.providerOf(c)
	if p == nil {
		return nil
	}
	return p.types()[c.Addr.Type]
}

// write creates, updates or deletes one object between an intent and its outcome.
func (s *stepRun) write(ctx context.Context) hcl.Diagnostics {
	a, c := s.a, s.c
	i := a.instance(c)
	t := a.typeOf(c)
	if t == nil {
		return hcl.Diagnostics{diag.Errorf(CodeUnknownType, "Unknown resource type", "There is no resource type %q any more.", c.Addr.Type)}
	}
	block := &t.Schema().Block
	req := providers.ApplyRequest{Owner: a.owner(c.Addr), Prior: block.Null(), Config: block.Null(), Planned: block.Null(),
		PriorPrivate: c.PriorPrivate, PlannedPrivate: c.Private, Step: s}
	var ds hcl.Diagnostics
	s.begin()
	rec := a.records[c.Addr]
	if aside := a.records[s.addr]; s.addr != c.Addr && aside != nil {
		rec = aside
	}
	switch {
	case !(c.Action == plans.Replace && s.op == plans.OpCreate):
		req.Prior = plainOf(c.Before)
	case c.Revives != "":
		if old := a.records[s.revived()]; old != nil {
			req.Prior, req.PriorPrivate = old.sealed.Plain, old.Private
		}
	}
	if s.op != plans.OpDelete {
		if ds = s.configure(i, &req); ds.HasErrors() {
			return ds
		}
	}
	if ds = append(ds, s.collides(i, t, &req)...); ds.HasErrors() {
		return ds
	}
	if s.unchanged(&req) {
		return append(ds, s.pass(ctx, i, req.Planned)...)
	}
	if s.deposes == "" { // otherwise what is not resolved is about the object that stands aside
		if ds = append(ds, s.resume(ctx, t, rec, &req)...); ds.HasErrors() {
			return ds
		}
	}
	if err := a.writer.Intend(s.intent(req.Planned)); err != nil {
		return append(ds, stateError(err)...)
	}
	if more := s.takeWriteSlot(ctx); more.HasErrors() {
		return append(ds, more...)
	}
	opCtx, cancel := i.deadline(ctx, operation(s.op))
	defer cancel()
	opCtx, end := context.WithCancelCause(opCtx)
	defer end(nil)
	s.mu.Lock()
	s.cancel = end
	s.mu.Unlock()
	resp, more := t.Apply(opCtx, req)
	if more.HasErrors() && errors.Is(opCtx.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		more = append(more, diag.Errorf(CodeTimeout, "Timeout", "%s: %s.", c.Addr, context.Cause(opCtx)))
	}
	if c.Forgets && !more.HasErrors() {
		more = append(more, a.release(ctx, c, resp.Value, resp.Private)...)
	}
	ds = append(ds, i.place(more)...)
	s.wrote()
	if ds.HasErrors() && !diag.AllRefused(more) && s.op == plans.OpCreate && (resp.Value == cty.NilVal || plainOf(resp.Value).IsNull()) {
		found, known := s.look(ctx, t, &req)
		if !known {
			return ds // the intent stays without outcome: the next run looks again
		}
		resp = found
	}
	return append(ds, s.settle(i, resp, &req, outcomeOf(ds, more))...)
}

// lookTimeout bounds the look at an object after its creation failed; the run may be stopping.
const lookTimeout = 10 * time.Second

// look finds out whether a creation that failed made the object nevertheless, as when the answer was lost.
func (s *stepRun) look(ctx context.Context, t providers.ResourceType, req *providers.ApplyRequest) (providers.ApplyResponse, bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	got, ds := t.Read(ctx, []providers.ReadRequest{{Owner: req.Owner, Value: req.Planned, Unresolved: true}})
	if ds.HasErrors() || len(got) != 1 || got[0].Diagnostics.HasErrors() {
		return providers.ApplyResponse{}, false
	}
	return providers.ApplyResponse{Value: got[0].Value, Private: got[0].Private}, true
}

const (
	// CodeTimeout: an operation took longer than its block's timeouts allow.
	CodeTimeout diag.Code = "apply.timeout"
	// CodeUnknownNow: a value is not known although everything that it depends on has been applied.
	CodeUnknownNow diag.Code = "apply.unknown-value"
)

func operation(op plans.Op) config.Operation {
	switch op {
	case plans.OpCreate:
		return config.OpCreate
	case plans.OpDelete:
		return config.OpDelete
	}
	return config.OpUpdate
}

// configure evaluates the configuration with what has been applied and holds it to the plan.
func (s *stepRun) configure(i *instance, req *providers.ApplyRequest) (ds hcl.Diagnostics) {
	c, planned := s.c, s.after
	var config cty.Value
	if s.a.plan.Mode == plans.Rollback {
		t := s.a.typeOf(c)
		config = known(t.Schema().Block.Configured(planned))
		req.Sensitive = paths(s.afterMarks)
		if len(c.AfterSecret) > 0 {
			return hcl.Diagnostics{diag.Errorf(CodeSecretNeeded, "Secret is needed", "Rolling %s back needs a secret value that a plan file does not hold. Run \"meshplan rollback\" without a saved plan.", c.Addr)}
		}
	} else {
		v, more := s.a.evaluate(i)
		if ds = append(ds, more...); ds.HasErrors() {
			return ds
		}
		var marks []cty.PathValueMarks
		config, marks = unmark(v)
		req.Sensitive = paths(marks)
		if rec := s.a.records[c.Addr]; rec != nil && (i.res.cfg.Lifecycle.IgnoreAll || len(i.res.cfg.Lifecycle.IgnoreChanges) > 0) {
			config = s.keepIgnored(i, config)
		}
	}
	if !config.IsWhollyKnown() {
		path := firstUnknown(config)
		return append(ds, i.place(hcl.Diagnostics{diag.At(diag.Errorf(CodeUnknownNow, "Value is not known",
			"%s of %s depends on something that is only known after %s itself has been applied.", diag.PathString(path), c.Addr, c.Addr), path)})...)
	}
	req.Config = config
	req.Planned = resolve(planned, config, c.AfterSecret)
	if t := s.a.typeOf(c); t != nil {
		for name, at := range t.Schema().Block.Attributes {
			if !at.Settable() || at.Computed {
				continue
			}
			if path, ok := agrees(planned.GetAttr(name), config.GetAttr(name), under(c.AfterSecret, name)); !ok {
				return append(ds, i.place(hcl.Diagnostics{diag.Errorf(CodeStale, "Configuration has changed since the plan",
					"The value of %s is no longer what the plan shows for %s. It depends on something outside the plan, such as a file or the time: plan again.", name+textPath(path), c.Addr)})...)
			}
		}
	}
	return ds
}

// under returns what is left of the paths that start with an attribute.
func under(paths []cty.Path, name string) (out []cty.Path) {
	for _, p := range paths {
		if len(p) == 0 {
			out = append(out, p)
		} else if a, ok := p[0].(cty.GetAttrStep); ok && a.Name == name {
			out = append(out, p[1:])
		}
	}
	return out
}

// keepIgnored gives ignored attributes the values that the plan kept.
func (s *stepRun) keepIgnored(i *instance, config cty.Value) cty.Value {
	planned := s.after
	if i.res.cfg.Lifecycle.IgnoreAll {
		return known(i.res.schema.Block.Configured(planned))
	}
	for _, t := range i.res.cfg.Lifecycle.IgnoreChanges {
		config = setAt(config, planned, toPath(t))
	}
	return config
}

// resume looks at the live object first when an earlier write has no known outcome.
func (s *stepRun) resume(ctx context.Context, t providers.ResourceType, rec *record, req *providers.ApplyRequest) hcl.Diagnostics {
	if rec == nil || !rec.unresolved || s.c.Adopted {
		return nil
	}
	got, ds := t.Read(ctx, []providers.ReadRequest{{Owner: req.Owner, Value: rec.sealed.Plain, Private: rec.Private, Unresolved: rec.unnamed}})
	if ds.HasErrors() || len(got) != 1 {
		return ds
	}
	if ds = append(ds, got[0].Diagnostics...); ds.HasErrors() {
		return ds
	}
	if plain := plainOf(got[0].Value); plain != cty.NilVal && !plain.IsNull() {
		req.Prior, req.PriorPrivate = plain, got[0].Private
	}
	return ds
}

func (s *stepRun) intent(planned cty.Value) state.Intent {
	in := s.a.intend(s.n, s.c, s.op.String())
	if s.before != nil {
		in.Before, in.Imports = s.before, false
	}
	in.Addr, in.From, in.Deposes, in.Irreversible = s.addr, s.from, s.deposes, s.c.Reverse.Reason
	in.Gone = in.Before != nil && s.op == plans.OpCreate && s.c.Action == plans.Create
	if !planned.IsNull() {
		if b, err := s.a.encoder.Encode(sealed.Seal(s.marked(planned), s.a.identity.Key)); err == nil {
			in.Planned = b
		}
	}
	return in
}

// intend returns what every intent of a change has. An object that is taken over goes into it as it was found.
func (a *applier) intend(n int, c *plans.Change, op string) state.Intent {
	in := state.Intent{Run: a.writer.ID(), Step: n, Addr: c.Addr, Op: op, Private: c.Private, Provider: c.Provider,
		At: a.engine.options.Now().UTC(), Deps: a.plan.Steps[n].Deps}
	rec := a.records[c.Addr]
	if recorded := rec != nil && (rec.Revision > 0 || rec.unresolved); recorded || c.Import == "" && !c.Adopted {
		return in
	}
	in.Imports = true
	if r, ds := a.makeRecord(c, c.Before, c.PriorPrivate, state.Ready); !ds.HasErrors() {
		in.Before = r
	}
	return in
}
