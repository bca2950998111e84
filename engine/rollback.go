package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// Rollback makes the plan that undoes runs: it restores every instance that they touched to the record that it had
// before. It is an ordinary plan, to be shown, approved and applied like any other, and itself undoable. Steps that
// cannot be undone are listed in the plan with the reason. The configuration serves provider blocks only; resources
// come from the records.
func (e *Engine) Rollback(ctx context.Context, c *config.Config, o RollbackOptions) (*plans.Plan, hcl.Diagnostics) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, stateError(err)
	}
	undo, ds := e.runsToUndo(ctx, o)
	if ds.HasErrors() {
		return nil, ds
	}
	w, ds := e.world(c, o.Inputs, snap, worldOptions{})
	if ds.HasErrors() {
		return nil, diag.Sort(ds)
	}
	r := &rollback{planner: &planner{world: w, o: PlanOptions{Inputs: o.Inputs, Mode: plans.Rollback}, changes: map[addr.Instance]*planned{}}, former: map[addr.Instance]*former{}}
	r.plan = &plans.Plan{Mode: plans.Rollback, Created: e.options.Now().UTC(), Reverts: &plans.Reverts{To: uint64(o.To)}}
	r.plan.Base = plans.Base{Lineage: w.identity.Lineage, Key: w.identity.Key, Serial: snap.Serial, Config: c.Hash, Dir: c.Dir}
	for _, j := range undo {
		r.plan.Reverts.Runs = append(r.plan.Reverts.Runs, uint64(j.Run.ID))
	}
	if !o.ToSet && o.To == 0 && len(undo) > 0 {
		r.plan.Reverts.To = uint64(undo[len(undo)-1].Run.ID) - 1
	}
	w.noteLastRun(ctx, r.plan)
	ds = append(ds, r.make(ctx, undo)...)
	if ds.HasErrors() {
		return nil, diag.Sort(ds)
	}
	if d := unfinishedRollback(undo[0].Run); d != nil && !o.ToSet && o.To == 0 {
		ds = append(ds, d)
	}
	ds = diag.Sort(ds)
	r.plan.Warnings = plans.Warnings(ds)
	return r.plan, ds
}

// restores is the run whose outcome a rollback restores; 0 means the state before the first run.
func restores(rollback *state.Run) uint64 {
	if len(rollback.Reverts) == 0 {
		return 0
	}
	return uint64(slices.Min(rollback.Reverts)) - 1
}

// unfinishedRollback says how to go on with a rollback that did not come to its end, instead of undoing what it did.
func unfinishedRollback(run state.Run) *hcl.Diagnostic {
	if run.Mode != plans.Rollback.String() || run.Result == state.Succeeded || len(run.Reverts) == 0 {
		return nil
	}
	return diag.Warningf(CodeUnfinishedRollback, "Rollback did not come to its end", "Run %d is a rollback that did not come to its end, and this plan undoes what it did. To go on with it instead, run \"meshplan rollback --to %d\".", run.ID, restores(&run))
}

// runsToUndo returns the journals of the runs to undo, newest first.
func (e *Engine) runsToUndo(ctx context.Context, o RollbackOptions) ([]*state.Journal, hcl.Diagnostics) {
	runs, err := e.store.Runs(ctx)
	if err != nil {
		return nil, stateError(err)
	}
	if len(runs) == 0 {
		return nil, hcl.Diagnostics{diag.Errorf(CodeNothing, "Nothing to roll back", "The state has no runs.")}
	}
	first := runs[len(runs)-1].ID
	if o.To > 0 || o.ToSet {
		first = o.To + 1
		if o.To > runs[len(runs)-1].ID {
			return nil, hcl.Diagnostics{diag.Errorf(CodeNothing, "No such run", "There is no run %d; the last one is run %d. See \"meshplan history\".", o.To, runs[len(runs)-1].ID)}
		}
		if runs[0].ID > first {
			return nil, hcl.Diagnostics{diag.Errorf(CodeNothing, "Journal is gone", "The journal reaches back to run %d only, so what run %d left cannot be restored.", runs[0].ID, o.To)}
		}
	}
	var out []*state.Journal
	for _, r := range slices.Backward(runs) {
		if r.ID < first {
			break
		}
		j, err := e.store.Journal(ctx, r.ID)
		if err != nil {
			return nil, stateError(err)
		}
		out = append(out, j)
	}
	if len(out) == 0 {
		return nil, hcl.Diagnostics{diag.Errorf(CodeNothing, "Nothing to roll back", "Run %d is the last one: the state is as it was after it.", o.To)}
	}
	return out, nil
}

// rollback is a planner that wants former records instead of a configuration.
type rollback struct {
	*planner
	former map[addr.Instance]*former
}

func (r *rollback) make(ctx context.Context, undo []*state.Journal) hcl.Diagnostics {
	ds := r.collect(undo)
	if ds.HasErrors() {
		return ds
	}
	for _, f := range r.former {
		if f.record != nil {
			if _, _, more := r.recordType(f.record.Record); more.HasErrors() {
				return append(ds, more...)
			}
		}
	}
	if ds = append(ds, r.start(ctx)...); ds.HasErrors() {
		return ds
	}
	for _, a := range sortedKeys(r.former) {
		c, more := r.undoInstance(ctx, a, r.former[a])
		ds = append(ds, more...)
		if c != nil {
			r.changes[a] = c
		}
	}
	r.leaveOthers()
	r.planFormer(ctx)
	if ds = append(ds, r.ds...); ds.HasErrors() {
		return ds
	}
	if ds = append(ds, r.createFirst()...); ds.HasErrors() {
		return ds
	}
	ds = append(ds, r.planFormerOutputs(undo[len(undo)-1].Run.Outputs)...)
	return append(ds, r.order()...)
}

// undoInstance plans the way back of one instance.
func (r *rollback) undoInstance(ctx context.Context, a addr.Instance, f *former) (*planned, hcl.Diagnostics) {
	rec := r.records[a]
	if why := f.changedSince(rec); why != "" {
		r.lose(a, f.run, why)
		return nil, nil
	}
	if f.record == nil {
		return r.undoCreation(ctx, a, f, rec)
	}
	if f.imported && rec != nil && rec.Revision == 0 && plainOf(rec.live).IsNull() {
		return r.giveBack(ctx, a, f, rec) // it was never taken over
	}
	prov, t, ds := r.recordType(f.record.Record)
	if t == nil {
		return nil, ds
	}
	block := &t.Schema().Block
	plain, d := upgraded(t, f.record)
	if d != nil {
		return nil, append(ds, d)
	}
	value := sealed.Value{Plain: conform(block, plain), Secrets: f.record.sealed.Secrets}
	candidates := []cty.Value{}
	if v, ok := r.kept(f.record.Record); ok {
		candidates = append(candidates, v)
	}
	if rec != nil {
		candidates = append(candidates, rec.live)
	}
	want, missing := r.reveal(value, a, candidates)
	if len(missing) > 0 {
		r.lose(a, f.run, fmt.Sprintf("the former value of %s is a secret, of which only a fingerprint is kept; set it in the configuration and apply", diag.PathString(missing[0])))
		if f.imported && rec != nil {
			return r.giveBack(ctx, a, f, rec)
		}
		return nil, ds
	}
	i := &instance{addr: a, res: r.formerResource(a, prov, t)}
	c, more := r.planObject(ctx, i, rec, desired{config: block.Configured(want), deps: f.record.DependsOn})
	if r.refusedByProtection(a, f, more) {
		return nil, ds
	}
	if ds = append(ds, more...); ds.HasErrors() {
		return nil, ds
	}
	c.Provider, c.Protected, c.CreateBeforeDestroy = f.record.Record.Provider, f.record.Protected, f.record.CreateFirst
	switch {
	case f.imported && c.Action == plans.NoOp && rec != nil:
		back, more := r.giveBack(ctx, a, f, rec)
		return back, append(ds, more...)
	case f.imported:
		c.Forgets = true
		c.Notes = append(c.Notes, givenBack(f.run, true))
	case c.Action == plans.NoOp && rec != nil && !sameRecord(rec.Record, c.Change):
		c.write = true
	}
	if c.Action != plans.NoOp && c.Reason == plans.NoReason {
		c.Reason = plans.BecauseRollback
	}
	return c, ds
}

// sameRecord reports whether a record says what a change would record beside the value.
func sameRecord(r *state.Record, c *plans.Change) bool {
	return slices.Equal(r.DependsOn, c.DependsOn) && r.Provider == c.Provider && r.Protected == c.Protected && r.CreateFirst == c.CreateBeforeDestroy
}

// undoCreation plans the end of what did not exist before, or was not recorded.
func (r *rollback) undoCreation(ctx context.Context, a addr.Instance, f *former, rec *record) (*planned, hcl.Diagnostics) {
	switch {
	case rec == nil:
		return nil, nil
	case f.imported:
		return r.giveBack(ctx, a, f, rec)
	}
	c, ds := r.planRemoval(ctx, r.recordedInstance(a), rec, plans.BecauseRollback)
	if r.refusedByProtection(a, f, ds) {
		return nil, nil
	}
	return c, ds
}

// giveBack forgets what was taken over and leaves the object as it is.
func (r *rollback) giveBack(ctx context.Context, a addr.Instance, f *former, rec *record) (*planned, hcl.Diagnostics) {
	unprotected := *rec
	stored := *rec.Record
	stored.Protected = false // it protects the object, which stays
	unprotected.Record = &stored
	c, ds := r.planRemoval(ctx, &instance{addr: a}, &unprotected, plans.BecauseRollback)
	if c != nil {
		c.Action, c.Reverse = plans.Forget, plans.Reverse{}
		c.Notes = []string{givenBack(f.run, false)}
	}
	return c, ds
}

// refusedByProtection takes an object that prevent_destroy protects off the list, and says so.
func (r *rollback) refusedByProtection(a addr.Instance, f *former, ds hcl.Diagnostics) bool {
	if len(ds) != 1 || diag.CodeOf(ds[0]) != CodeProtected {
		return false
	}
	r.lose(a, f.run, "lifecycle.prevent_destroy protects it from being deleted; remove that setting and apply once, then roll back")
	return true
}

// reveal looks for a former secret in the places that may still hold it: the live object and the configuration.
func (r *rollback) reveal(v sealed.Value, a addr.Instance, candidates []cty.Value) (cty.Value, []cty.Path) {
	if res := r.resources[a.Resource]; res != nil {
		if i := res.byKey[a.Key]; i != nil && len(v.Secrets) > 0 {
			if config, ds := res.schema.Block.Decode(res.cfg.Body, r.context(i, static)); !ds.HasErrors() {
				candidates = append(candidates, config)
			}
		}
	}
	out, missing := v.Reveal(cty.NilVal, nil)
	for _, c := range candidates {
		if len(missing) == 0 {
			break
		}
		out, missing = v.Reveal(c, r.identity.Key)
	}
	return out, missing
}

// formerResource stands for the block of a former record; the real one is used for positions when it still exists.
func (r *rollback) formerResource(a addr.Instance, prov *provider, t providers.ResourceType) *resource {
	if res := r.resources[a.Resource]; res != nil && res.typ != nil {
		return res
	}
	return &resource{addr: a.Resource, typ: t, schema: t.Schema(), prov: prov, repetition: repetition{what: a.Resource.String(), in: r.root},
		cfg: &config.Resource{Addr: a.Resource, Body: hcl.EmptyBody()}, inverted: map[addr.Resource]bool{}}
}

// leaveOthers adds the records that the runs did not touch: they carry order between those that they did.
func (r *rollback) leaveOthers() {
	for _, a := range sortedKeys(r.records) {
		if r.changes[a] == nil && a.Deposed == "" {
			r.changes[a] = r.leaveRecord(a)
		}
	}
}

// leaveRecord leaves an instance as it is recorded.
func (p *planner) leaveRecord(a addr.Instance) *planned {
	rec := p.records[a]
	v := rec.live
	if prov, ok := p.providers[rec.Record.Provider]; ok {
		if t := prov.types()[a.Type]; t != nil {
			v = t.Schema().Block.MarkSensitive(v)
		}
	}
	c := &plans.Change{Addr: a, Action: plans.NoOp, Provider: rec.Record.Provider, Before: v, After: v, DependsOn: rec.DependsOn, Protected: rec.Protected,
		CreateBeforeDestroy: rec.CreateFirst, PreviousAddr: rec.from, PriorPrivate: rec.private, Revision: rec.Revision}
	return &planned{Change: c, newDeps: rec.DependsOn, oldDeps: rec.DependsOn}
}
