package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/dag"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// applier carries one plan out.
type applier struct {
	*world
	plan    *plans.Plan
	session state.Session
	writer  state.Writer
	done    map[int]bool // steps that an earlier run of the same plan has finished
	awaited []bool       // by step: whether a write comes after it
	writes  writeSlots

	mu      sync.Mutex // guards the fields below
	ds      hcl.Diagnostics
	summary state.Summary
	running map[int]*stepRun
	// clusters are those of the plan and of providers that were configured while applying.
	clusters map[string]string
	// stopping says that the run was told to stop.
	stopping bool
}

// Apply carries a plan out under the state's lock. It refuses a plan that no longer fits (CodeStale, CodeForeign)
// before anything is written. The result is nil when nothing was begun. Errors of single steps are in the
// diagnostics, and the result says what became of the others.
func (e *Engine) Apply(ctx context.Context, c *config.Config, p *plans.Plan, o ApplyOptions) (*Result, hcl.Diagnostics) {
	session, err := e.store.Lock(ctx, e.options.Holder, o.LockTimeout)
	if err != nil {
		return nil, stateError(err)
	}
	defer session.Unlock()
	ctx, release := whileHeld(ctx, session)
	defer release()
	res, ds := e.applyLocked(ctx, session, c, p, o)
	if res == nil || res.Outcome != state.Failed || !o.RollbackOnFailure || p.Mode == plans.Rollback {
		return res, diag.Sort(ds)
	}
	back, more := e.Rollback(ctx, c, RollbackOptions{Inputs: o.Inputs})
	ds = append(ds, more...)
	if back == nil || more.HasErrors() {
		return res, diag.Sort(ds)
	}
	for _, l := range back.Reverts.Lost { // nobody is shown the plan
		ds = append(ds, undone(l))
	}
	if back.Empty() && len(back.Steps) == 0 {
		return res, diag.Sort(ds)
	}
	res.RolledBack, more = e.applyLocked(ctx, session, c, back, ApplyOptions{Inputs: o.Inputs, Stop: o.Stop})
	return res, diag.Sort(append(ds, more...))
}

func (e *Engine) applyLocked(ctx context.Context, session state.Session, c *config.Config, p *plans.Plan, o ApplyOptions) (*Result, hcl.Diagnostics) {
	started := e.options.Now()
	if len(p.Unread) > 0 && p.Mode != plans.RefreshOnly {
		return nil, hcl.Diagnostics{diag.Errorf(CodeIncomplete, "Plan is incomplete", "%s could not be read when the plan was made. Plan again.", listed(p.Unread))}
	}
	snap, err := session.Snapshot(ctx)
	if err != nil {
		return nil, stateError(err)
	}
	hash, err := p.Hash()
	if err != nil {
		return nil, stateError(err)
	}
	runs, err := e.store.Runs(ctx)
	if err != nil {
		return nil, stateError(err)
	}
	for _, r := range runs {
		if r.Plan == hash && r.Result == state.Succeeded {
			return &Result{Run: r.ID, Outcome: state.Succeeded, AlreadyApplied: r.ID}, nil
		}
	}
	if ds := checkBase(c, p, snap, o.Inputs); ds.HasErrors() {
		return nil, ds
	}
	w, ds := e.world(c, o.Inputs, snap, worldOptions{})
	if ds.HasErrors() {
		return nil, ds
	}
	w.identity, w.applying = state.Identity{Lineage: p.Base.Lineage, Key: p.Base.Key}, true
	a := &applier{world: w, plan: p, session: session, done: map[int]bool{}, running: map[int]*stepRun{}, clusters: maps.Clone(p.Base.Clusters)}
	if a.clusters == nil {
		a.clusters = map[string]string{}
	}
	earlier, ds2 := a.earlier(ctx, runs, hash)
	if ds = append(ds, ds2...); ds.HasErrors() {
		return nil, ds
	}
	if ds = append(ds, a.start(ctx, earlier)...); ds.HasErrors() {
		return nil, ds
	}
	if o.Accepted != nil {
		if err := o.Accepted(); err != nil {
			return nil, append(ds, diag.FromError(CodeState, "Run not begun", err, nil)...)
		}
	}
	if err := session.Adopt(w.identity); err != nil {
		return nil, append(ds, stateError(err)...)
	}
	run := state.Run{Mode: p.Mode.String(), Started: started.UTC(), Holder: e.options.Holder, Plan: hash, Outputs: snap.Outputs}
	if p.Reverts != nil {
		for _, id := range p.Reverts.Runs {
			run.Reverts = append(run.Reverts, state.RunID(id))
		}
	}
	if a.writer, err = session.Begin(run); err != nil {
		return nil, append(ds, stateError(err)...)
	}
	res, more := a.run(ctx, o)
	res.Elapsed = e.options.Now().Sub(started)
	e.emit(RunDone{Result: res})
	return res, append(ds, more...)
}

// checkBase refuses a plan that was made from something else.
func checkBase(c *config.Config, p *plans.Plan, snap *state.Snapshot, in Inputs) hcl.Diagnostics {
	foreign := func(format string, args ...any) hcl.Diagnostics {
		return hcl.Diagnostics{diag.Errorf(CodeForeign, "Plan does not fit", format, args...)}
	}
	if p.Offline {
		return hcl.Diagnostics{diag.Errorf(CodeOffline, "Plan was made offline", "It was made with --offline, without a look at the cluster, so it says nothing about what is there now. Plan again without --offline and apply that.")}
	}
	if snap.Lineage != "" && snap.Lineage != p.Base.Lineage {
		return foreign("The plan was made for a state of lineage %s, and this one has the lineage %s. Use the state that the plan was made with, or plan again.", p.Base.Lineage, snap.Lineage)
	}
	if snap.Lineage == "" && p.Base.Serial > 0 {
		return foreign("The plan was made from a state at serial %d, and there is no state here. Check --state and the directory, or plan again.", p.Base.Serial)
	}
	if c.Hash != p.Base.Config && p.Mode != plans.Rollback {
		return foreign("The configuration in %s is not the one that the plan was made from. Restore it, or plan again.", c.Dir)
	}
	for i := range p.Base.Variables {
		v := &p.Base.Variables[i]
		given, ok := in.Variables[v.Name]
		if !ok || v.Matches(given) {
			continue
		}
		return foreign("The variable %q has another value than when the plan was made. Give it the same value, or plan again.", v.Name)
	}
	return nil
}

// earlier finds what former runs of the same plan have finished already: those steps are not repeated, and records
// that they wrote do not make the plan stale.
func (a *applier) earlier(ctx context.Context, runs []state.Run, hash string) (map[state.RunID]bool, hcl.Diagnostics) {
	out := map[state.RunID]bool{}
	for _, r := range runs {
		if r.Plan != hash {
			continue
		}
		out[r.ID] = true
		j, err := a.engine.store.Journal(ctx, r.ID)
		if err != nil {
			return nil, stateError(err)
		}
		for _, s := range j.Steps {
			if s.Outcome != nil && !s.Outcome.Failed && s.Intent.Step < len(a.plan.Steps) {
				a.done[s.Intent.Step] = true
			}
		}
	}
	return out, nil
}

// start checks the plan against records and cluster and gives every instance the value that the plan promises.
func (a *applier) start(ctx context.Context, earlier map[state.RunID]bool) hcl.Diagnostics {
	ds := a.readRecords(ctx)
	if ds.HasErrors() {
		return ds
	}
	a.moveAsPlanned()
	a.indexDeposed()
	if ds = append(ds, a.adoptRecords()...); ds.HasErrors() {
		return ds
	}
	// A rollback may bring back what neither configuration nor state mentions: its provider must be configured too.
	for _, c := range a.plan.Changes {
		if _, more := a.recordedProvider(c.Provider); more.HasErrors() {
			return append(ds, more...)
		}
	}
	if ds = append(ds, a.prepare(ctx)...); ds.HasErrors() {
		return ds
	}
	clusters, more := a.identify(ctx)
	if ds = append(ds, more...); ds.HasErrors() {
		return ds
	}
	for _, key := range sortedStrings(a.plan.Base.Clusters) {
		if was, is := a.plan.Base.Clusters[key], clusters[key]; is != was && is != "" {
			return append(ds, diag.Errorf(CodeForeign, "Plan does not fit", "The plan was made for the cluster whose kube-system namespace has the UID %s, but provider %q is now connected to %s. Choose the right one with --context or --kubeconfig.", was, key, is))
		}
	}
	if d := a.stale(earlier); d != nil {
		return append(ds, d)
	}
	if ds = append(ds, a.adoptUnresolved()...); ds.HasErrors() {
		return ds
	}
	a.awaitSettled(ctx)
	a.setValues(earlier)
	return ds
}

// stale finds a record that has moved since the plan was made.
func (a *applier) stale(earlier map[state.RunID]bool) *hcl.Diagnostic {
	observed := a.observed()
	for _, c := range a.plan.Changes {
		if c.Addr.Mode != addr.Managed || !observed(c.Addr) {
			continue
		}
		var revision uint64
		rec := a.records[c.Addr]
		if rec != nil {
			if earlier[rec.Run] {
				continue
			}
			revision = rec.Revision
		}
		if revision == c.Revision || rec == nil && len(earlier) > 0 {
			continue
		}
		what := "was recorded by run " + fmt.Sprint(recordRun(rec))
		if rec == nil {
			what = "is no longer recorded"
		}
		return diag.Errorf(CodeStale, "Plan is stale", "Since the plan was made, %s %s. Plan again.", c.Addr, what)
	}
	return nil
}

// observed reports on what the plan rests: everything, or in a plan that is restricted to targets what changes and what
// that depends on.
func (a *applier) observed() func(addr.Instance) bool {
	if len(a.plan.Targets) == 0 {
		return func(addr.Instance) bool { return true }
	}
	deps := make(map[addr.Instance][]addr.Instance, len(a.plan.Changes))
	instances := make(map[addr.Resource][]addr.Instance)
	var todo []addr.Instance
	for _, c := range a.plan.Changes {
		deps[c.Addr] = c.DependsOn
		instances[c.Addr.Resource] = append(instances[c.Addr.Resource], c.Addr)
		if c.Action != plans.NoOp {
			todo = append(todo, c.Addr)
		}
	}
	seen := make(map[addr.Instance]bool)
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		if todo = todo[:len(todo)-1]; seen[i] {
			continue
		}
		seen[i] = true
		todo = append(todo, deps[i]...)
		if i.Key == addr.NoKey { // a dependency without a key means all instances
			todo = append(todo, instances[i.Resource]...)
		}
	}
	return func(i addr.Instance) bool { return seen[i] }
}

func recordRun(r *record) state.RunID {
	if r == nil {
		return 0
	}
	return r.Run
}

// setValues gives references what the plan promises, or what an earlier run of the plan has recorded.
func (a *applier) setValues(earlier map[state.RunID]bool) {
	for _, c := range a.plan.Changes {
		r := a.resources[c.Addr.Resource]
		if r == nil || c.Addr.Deposed != "" { // nothing refers to former objects
			continue
		}
		if !r.expanded {
			a.expandFromPlan(r)
		}
		i := r.byKey[c.Addr.Key]
		if i == nil {
			continue
		}
		if c.Action == plans.Delete || c.Action == plans.Forget {
			i.value = c.Before // a provider may be configured from what it deletes later
			continue
		}
		i.value = c.After
		rec := a.records[c.Addr]
		if rec != nil && earlier[rec.Run] && rec.Status == state.Ready {
			i.value = r.schema.Block.MarkSensitive(rec.sealed.Plain)
		}
		if len(c.AfterSecret) > 0 {
			if v, ds := a.evaluate(i); !ds.HasErrors() {
				revealed, _ := c.RevealAfter(v)
				i.value = r.schema.Block.MarkSensitive(revealed)
			}
		}
	}
}

// expandFromPlan gives a resource the instances that the plan found; what each.value is turns out when they are applied.
func (a *applier) expandFromPlan(r *resource) {
	var keys []addr.Key
	for _, c := range a.plan.Changes {
		if c.Addr.Resource == r.addr && c.Action != plans.Delete && c.Action != plans.Forget {
			keys = append(keys, c.Addr.Key)
		}
	}
	slices.SortFunc(keys, addr.CompareKey)
	r.addInstances(keys, nil)
}

// run walks the steps and closes the run.
func (a *applier) run(ctx context.Context, o ApplyOptions) (*Result, hcl.Diagnostics) {
	total := 0
	g := dag.New(func(x, y int) int { return x - y })
	for n, s := range a.plan.Steps {
		g.Add(n, s.Deps...)
		switch s.Op {
		case plans.OpPass, plans.OpRecord, plans.OpForget, plans.OpClaim: // nothing to watch
		default:
			if !a.done[n] {
				total++
			}
		}
	}
	a.awaited = awaited(a.plan.Steps)
	a.writes = a.engine.options.writeSlots()
	a.engine.emit(RunStarted{Run: a.writer.ID(), Plan: a.plan, Total: total, Done: slices.Sorted(maps.Keys(a.done))})
	draining, drain := context.WithCancelCause(context.WithoutCancel(ctx))
	defer drain(nil)
	finished := make(chan struct{})
	go a.watchStop(ctx, o.Stop, drain, finished)
	report := dag.Walk(draining, g, dag.WalkOptions[int]{
		Limit: a.engine.options.stepsAtOnce(),
		Abort: ctx,
		NeedsSlot: func(n int) bool {
			return a.plan.Steps[n].Op != plans.OpPass && a.plan.Steps[n].Op != plans.OpRecord
		},
		Observe: a.observe,
	}, a.visit)
	close(finished)
	return a.finish(ctx, report)
}

// awaited reports for each step whether a step that writes comes after it, directly or by way of steps that do not.
func awaited(steps []plans.Step) []bool {
	out := make([]bool, len(steps))
	var todo []int
	for n, s := range steps {
		if s.Op != plans.OpPass && s.Op != plans.OpRecord {
			todo = append(todo, n)
		}
	}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, d := range steps[n].Deps {
			if out[d] {
				continue
			}
			out[d] = true
			if op := steps[d].Op; op == plans.OpPass || op == plans.OpRecord {
				todo = append(todo, d)
			}
		}
	}
	return out
}

var errStopped = errors.New("stopped by the user")

// watchStop turns the two ways to stop into the two stops of the walk.
func (a *applier) watchStop(ctx context.Context, stop <-chan struct{}, drain context.CancelCauseFunc, finished <-chan struct{}) {
	select {
	case <-finished:
		return
	case <-stop:
	case <-ctx.Done():
	}
	a.mu.Lock()
	var flying []addr.Instance
	var runs []*stepRun
	a.stopping = true
	for _, run := range a.running {
		flying = append(flying, run.c.Addr)
		runs = append(runs, run)
	}
	a.mu.Unlock()
	for _, run := range runs {
		run.stop()
	}
	slices.SortFunc(flying, addr.Compare)
	a.engine.emit(Stopping{InFlight: flying})
	drain(errStopped)
}

func (a *applier) observe(n int, s dag.Status, cause []int) {
	if s != dag.Skipped && s != dag.Canceled || a.plan.Steps[n].Op == plans.OpPass {
		return
	}
	ev := StepSkipped{Step: a.step(n)}
	if s == dag.Skipped && len(cause) > 0 {
		ev.Cause = a.step(cause[0]).Addr
	}
	a.engine.emit(ev)
}

func (a *applier) step(n int) Step {
	s := a.plan.Steps[n]
	out := Step{Index: n, Op: s.Op}
	if s.Change >= 0 {
		out.Addr, out.Action = a.plan.Changes[s.Change].Addr, a.plan.Changes[s.Change].Action
	}
	return out
}
