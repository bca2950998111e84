package engine

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
)

// planData reads a data source now, or leaves it to the apply when it depends on what will change.
func (p *planner) planData(ctx context.Context, i *instance) (*planned, hcl.Diagnostics) {
	v, ds := p.evaluate(i)
	if ds.HasErrors() {
		return nil, ds
	}
	block := &i.res.schema.Block
	c := p.newChange(i, nil)
	c.Before = block.Null()
	config, marks := unmark(v)
	if !config.IsWhollyKnown() || p.awaits(i) || p.o.Offline || i.res.prov.pending {
		c.Action, c.Reason = plans.Read, plans.BecauseDeferred
		i.value = remark(block.Propose(block.Null(), config), marks)
		c.After = i.value
		return &planned{Change: c, newDeps: i.deps}, ds
	}
	got, more := p.readData(ctx, i, v)
	ds = append(ds, more...)
	if ds.HasErrors() {
		return nil, ds
	}
	i.value = got
	c.Action, c.Before, c.After = plans.NoOp, got, got
	return &planned{Change: c, newDeps: i.deps}, append(ds, p.postconditions(i)...)
}

// readData asks a data source and checks the answer.
func (w *world) readData(ctx context.Context, i *instance, given cty.Value) (cty.Value, hcl.Diagnostics) {
	plain, marks := unmark(given)
	ctx, cancel := i.deadline(ctx, config.OpRead)
	defer cancel()
	got, ds := i.res.source.Read(ctx, providers.DataRequest{Owner: w.owner(i.addr), Config: plain})
	ds = i.place(ds)
	if ds.HasErrors() {
		return cty.NilVal, ds
	}
	got, more := unmark(got)
	if got == cty.NilVal || got.IsNull() || !got.IsWhollyKnown() {
		return cty.NilVal, append(ds, providerBug(i, "The data source returned a value that is null or not known."))
	}
	return i.res.schema.Block.MarkSensitive(remark(got, append(marks, more...))), ds
}

// awaits reports whether something that a data source depends on will change.
func (p *planner) awaits(i *instance) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range i.deps {
		for _, other := range p.instancesOf(d) {
			if c := p.changes[other.addr]; c != nil && c.Action != plans.NoOp {
				return true
			}
		}
	}
	return false
}
