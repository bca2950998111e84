package engine

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// Graph returns the dependencies of a configuration as a plan in which nothing happens, for drawing. It needs neither
// state nor system. A resource whose instances are only known while planning is one node.
func (e *Engine) Graph(ctx context.Context, c *config.Config, in Inputs) (*plans.Plan, hcl.Diagnostics) {
	return e.graph(ctx, c, in, worldOptions{offline: true, lenient: true})
}

func (e *Engine) graph(ctx context.Context, c *config.Config, in Inputs, o worldOptions) (*plans.Plan, hcl.Diagnostics) {
	w, ds := e.world(c, in, &state.Snapshot{}, o)
	if ds.HasErrors() {
		return nil, diag.Sort(ds)
	}
	if ds = append(ds, w.prepare(ctx)...); ds.HasErrors() {
		return nil, diag.Sort(ds)
	}
	p := &planner{world: w, o: PlanOptions{Mode: plans.Normal}, changes: map[addr.Instance]*planned{}}
	p.plan = &plans.Plan{Mode: plans.Normal, Created: e.options.Now().UTC(), Base: plans.Base{Config: c.Hash, Dir: c.Dir}}
	for _, r := range w.sorted {
		if !r.expanded {
			r.addInstances([]addr.Key{addr.NoKey}, nil)
			w.linkDynamic(r)
		}
		for _, i := range r.instances {
			null := cty.NullVal(r.schema.Block.Type())
			ch := &plans.Change{Addr: i.addr, Action: plans.NoOp, Provider: r.prov.key, DependsOn: i.deps, Before: null, After: null, Range: r.cfg.Range}
			p.changes[i.addr] = &planned{Change: ch, newDeps: i.deps}
		}
	}
	return p.plan, diag.Sort(append(ds, p.order()...))
}
