package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/dag"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// CodeRights: it cannot be said which rights a part of the configuration needs.
const CodeRights diag.Code = "rbac.unknown"

// Permissions are the rights that are needed in one place, a cluster as one identity sees it.
type Permissions struct {
	// Place is how people name it; Providers are the keys of the configurations that lead there.
	Place     string
	Providers []string
	Rights    []Permission
	// Ask asks the system about a right with one verb and at most one name or URL; nil where it cannot be asked. It is safe for
	// concurrent use.
	Ask func(ctx context.Context, right providers.Right) (allowed bool, ds hcl.Diagnostics)
}

// Permission is a right and who needs it.
type Permission struct {
	providers.Right
	// Addr is the instance that needs it; zero for what the provider itself needs.
	Addr addr.Instance
}

// PermitOptions say about what rights are asked.
type PermitOptions struct {
	Inputs
	// NoState leaves recorded objects out whose blocks are gone.
	NoState bool
}

// Permissions says which rights the configuration needs, place by place and for all purposes. It evaluates the configuration
// as a plan without the system does; objects that are recorded and not configured any more count with what their deletion
// needs. Values that are known only after apply make a right wider (no names), never narrower.
func (e *Engine) Permissions(ctx context.Context, c *config.Config, o PermitOptions) ([]Permissions, hcl.Diagnostics) {
	p, ds := e.permits(ctx, c, o)
	if ds.HasErrors() {
		return nil, ds
	}
	out, more := p.places(ctx)
	return out, diag.Sort(append(ds, more...))
}

// permits asks every instance what it needs.
func (e *Engine) permits(ctx context.Context, c *config.Config, o PermitOptions) (*permits, hcl.Diagnostics) {
	snap := &state.Snapshot{}
	if !o.NoState {
		var err error
		if snap, err = e.store.Snapshot(ctx); err != nil {
			return nil, stateError(err)
		}
	}
	w, ds := e.world(c, o.Inputs, snap, worldOptions{offline: true})
	if ds.HasErrors() {
		return nil, diag.Sort(ds)
	}
	p := &permits{asked: map[*provider][]Permission{}}
	p.planner = &planner{world: w, o: PlanOptions{Inputs: o.Inputs, Mode: plans.Normal, Offline: true}, plan: &plans.Plan{}, changes: map[addr.Instance]*planned{}}
	ds = append(ds, p.readRecords(ctx)...)
	if ds = append(ds, p.move()...); !ds.HasErrors() {
		p.indexDeposed()
		if ds = append(ds, p.adoptRecords()...); !ds.HasErrors() {
			ds = append(ds, p.prepare(ctx)...)
		}
	}
	if ds.HasErrors() {
		return nil, diag.Sort(ds)
	}
	p.visitAll(ctx)
	p.recorded(ctx)
	return p, diag.Sort(append(ds, p.ds...))
}

// permits collects what instances ask for. The planner's mutex guards asked.
type permits struct {
	*planner
	asked map[*provider][]Permission
}

// visitAll evaluates the configuration in the order of its references and asks every instance.
func (p *permits) visitAll(ctx context.Context) {
	g := p.evalGraph(true)
	if _, err := g.Sort(); err != nil {
		g = p.evalGraph(false)
	}
	report := dag.Walk(ctx, g, dag.WalkOptions[node]{Limit: p.engine.options.Parallelism, Abort: ctx},
		func(ctx context.Context, n node, _ *dag.Slot) error { return p.visit(ctx, n) })
	if report.Count(dag.Failed) == 0 && report.Err() != nil {
		_ = p.report(diag.FromError(CodeState, "Interrupted", report.Err(), nil))
	}
}

func (p *permits) visit(ctx context.Context, n node) error {
	switch n.kind {
	case nodeVariable, nodeLocal:
		return p.report(p.visitNamed(p.namedAt(n)))
	case nodeOutput:
		if n.mod != "" {
			return p.report(p.visitNamed(p.namedAt(n)))
		}
	case nodeProvider: // one that is not known yet is taken for the default place
		known, ds := p.configure(ctx, p.providers[n.name], dynamic)
		p.mu.Lock()
		p.providers[n.name].pending = !known
		p.mu.Unlock()
		return p.report(ds)
	case nodeCheck:
		if c := p.checkAt[n]; c.data != nil {
			_, _ = p.readCheckData(ctx, c, true) // makes its instance; what is wrong with it is only a warning
			return p.ask(ctx, c.data.instances[0])
		}
	case nodeResource:
		return p.visitResource(ctx, p.resources[n.inst.Resource])
	case nodeInstance:
		return p.ask(ctx, p.resources[n.inst.Resource].byKey[n.inst.Key])
	}
	return nil
}

// visitResource expands a resource whose instances follow from others. When they are not known yet, one stands for all.
func (p *permits) visitResource(ctx context.Context, r *resource) error {
	if r == nil || r.expanded {
		return nil
	}
	if done, _ := p.expand(r, dynamic); !done {
		r.addInstances([]addr.Key{addr.NoKey}, nil)
		r.instances[0].each = cty.DynamicVal
		_ = p.report(hcl.Diagnostics{diag.Warning(CodeRights, "Instances are not known yet",
			fmt.Sprintf("Which instances %s has is known only after apply, so its rights are printed without names.", r.addr), &r.cfg.DeclRange)})
	}
	p.linkDynamic(r)
	for _, i := range r.instances {
		if err := p.ask(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// ask evaluates an instance, gives references its value, and asks its type.
func (p *permits) ask(ctx context.Context, i *instance) error {
	v, ds := p.evaluate(i)
	if ds.HasErrors() {
		return p.report(ds)
	}
	block := &i.res.schema.Block
	plain, marks := unmark(v)
	before := block.Null()
	if rec := p.records[i.addr]; rec != nil && !rec.live.IsNull() {
		before = plainOf(rec.live)
	}
	i.value = remark(block.Propose(before, plain), marks)
	var typ any = i.res.typ
	if i.res.source != nil {
		typ = i.res.source
	}
	more := p.permit(ctx, i.res.prov, typ, providers.PermitRequest{Owner: p.owner(i.addr), Config: plainOf(i.value)}, i.addr)
	return p.report(append(ds, i.place(more)...))
}

// recorded asks about what the next apply deletes.
func (p *permits) recorded(ctx context.Context) {
	for _, a := range sortedKeys(p.records) {
		if r := p.resources[a.Resource]; r != nil && r.byKey[a.Key] != nil && a.Deposed == "" {
			continue
		}
		rec := p.records[a]
		prov, typ, ds := p.recordType(rec.Record)
		if typ != nil && !rec.live.IsNull() {
			ds = append(ds, p.permit(ctx, prov, typ, providers.PermitRequest{Owner: p.owner(a), Config: plainOf(rec.live), Deleting: true}, a)...)
		}
		_ = p.report(ds)
	}
}

func (p *permits) permit(ctx context.Context, prov *provider, typ any, req providers.PermitRequest, a addr.Instance) hcl.Diagnostics {
	permitter, ok := typ.(providers.Permitter)
	if !ok {
		if _, roles := prov.instance.(providers.Authorizer); roles {
			return hcl.Diagnostics{diag.Warningf(CodeRights, "Rights are not known", "What %s needs is not known, and so is missing from the roles.", a)}
		}
		return nil
	}
	rights, ds := permitter.Permit(ctx, req)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked[prov] == nil {
		p.asked[prov] = []Permission{}
	}
	for _, r := range rights {
		p.asked[prov] = append(p.asked[prov], Permission{r, a})
	}
	return ds
}

// places completes the rights and puts providers together that lead to the same place.
func (p *permits) places(ctx context.Context) (out []Permissions, ds hcl.Diagnostics) {
	for _, key := range sortedStrings(p.providers) {
		prov := p.providers[key]
		authorizer, ok := prov.instance.(providers.Authorizer)
		asked := p.asked[prov]
		if !ok || asked == nil {
			continue
		}
		slices.SortStableFunc(asked, func(a, b Permission) int { return addr.Compare(a.Addr, b.Addr) })
		rights := make([]providers.Right, 0, len(asked))
		for _, a := range asked {
			rights = append(rights, a.Right)
		}
		whole, more := authorizer.Authorize(ctx, rights)
		if ds = append(ds, prov.place(more)...); len(whole) < len(asked) {
			continue
		}
		place := authorizer.Place()
		i := slices.IndexFunc(out, func(o Permissions) bool { return o.Place == place })
		if i < 0 {
			i, out = len(out), append(out, Permissions{Place: place})
			if asker, ok := authorizer.(providers.Asker); ok {
				out[i].Ask = asker.Ask
			}
		}
		out[i].Providers = append(out[i].Providers, key)
		for n, r := range whole {
			granted := Permission{Right: r}
			if n < len(asked) { // the provider's own rights come after those that it was asked about
				granted.Addr = asked[n].Addr
			}
			out[i].Rights = append(out[i].Rights, granted)
		}
	}
	return out, ds
}
