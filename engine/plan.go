package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/dag"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// planner makes one plan.
type planner struct {
	*world
	o         PlanOptions
	plan      *plans.Plan
	wanted    map[addr.Instance]bool // nil means everything
	wantedOf  map[addr.Resource]bool // the resources that have a wanted instance
	toReplace map[addr.Instance]bool

	mu sync.Mutex // guards ds and changes while nodes are visited
	ds hcl.Diagnostics
	// changes holds what becomes of each instance.
	changes map[addr.Instance]*planned
	// unread says why objects could not be read when the others are looked at all the same.
	unread hcl.Diagnostics
}

// planned is a change together with what ordering needs to know.
type planned struct {
	*plans.Change
	newDeps, oldDeps []addr.Instance
	write            bool // the record must be written although nothing happens to the object
	reclaim          bool // the object may bear the mark of another address
}

// claims reports whether the record of an object that stays as it is gets a new address, or is made by an import.
func (c *planned) claims() bool {
	return c.Action == plans.NoOp && (!c.PreviousAddr.IsZero() || c.Import != "" || c.reclaim)
}

// Plan compares the configuration with state and system and says what would be done. It never writes. With errors the
// plan is nil, or incomplete: objects that could not be read are left out, and plans.Plan.Unread names them. Such a plan
// can be shown but not applied.
func (e *Engine) Plan(ctx context.Context, c *config.Config, o PlanOptions) (*plans.Plan, hcl.Diagnostics) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, stateError(err)
	}
	p, ds := e.planOn(ctx, c, o, snap)
	ds = diag.Sort(ds)
	if p != nil {
		p.Warnings = plans.Warnings(ds)
	}
	return p, ds
}

func (e *Engine) planOn(ctx context.Context, c *config.Config, o PlanOptions, snap *state.Snapshot) (*plans.Plan, hcl.Diagnostics) {
	if o.Mode == 0 {
		o.Mode = plans.Normal
	}
	w, ds := e.world(c, o.Inputs, snap, worldOptions{offline: o.Offline})
	if ds.HasErrors() {
		return nil, ds
	}
	p := &planner{world: w, o: o, changes: map[addr.Instance]*planned{}}
	p.plan = &plans.Plan{Mode: o.Mode, Created: e.options.Now().UTC(), Targets: o.Targets, Offline: o.Offline}
	w.noteLastRun(ctx, p.plan)
	p.plan.Base = plans.Base{Lineage: w.identity.Lineage, Key: w.identity.Key, Serial: snap.Serial, Config: c.Hash, Dir: c.Dir}
	for name := range w.root.vars {
		if v, ok := o.Variables[name]; ok {
			p.plan.Base.Variables = append(p.plan.Base.Variables, plans.Variable{Name: name, Value: v})
		}
	}
	slices.SortFunc(p.plan.Base.Variables, func(a, b plans.Variable) int { return strings.Compare(a.Name, b.Name) })
	ds = append(ds, p.start(ctx)...)
	if ds.HasErrors() {
		return nil, ds
	}
	ds = append(ds, p.run(ctx)...)
	if ds.HasErrors() {
		return nil, append(ds, p.unread...)
	}
	return p.plan, append(ds, p.unread...)
}

// start brings records, providers and instances into being and refreshes.
func (p *planner) start(ctx context.Context) hcl.Diagnostics {
	ds := p.readRecords(ctx)
	if ds.HasErrors() {
		return ds
	}
	if p.o.Mode == plans.Rollback {
		p.carryOut()
	} else if ds = append(ds, p.move()...); ds.HasErrors() {
		return ds
	}
	p.indexDeposed()
	if ds = append(ds, p.adoptRecords()...); ds.HasErrors() {
		return ds
	}
	if ds = append(ds, p.prepare(ctx)...); ds.HasErrors() {
		return ds
	}
	if ds = append(ds, p.adoptUnresolved()...); ds.HasErrors() {
		return ds
	}
	if p.o.Offline {
		p.revive()
		return append(ds, p.unseenImports()...)
	}
	if !p.o.NoRefresh || len(p.config.Root.Imports) > 0 {
		p.awaitSettled(ctx)
	}
	clusters, more := p.identify(ctx)
	p.plan.Base.Clusters, p.plan.Base.Places = clusters, p.places()
	if ds = append(ds, more...); ds.HasErrors() {
		return ds
	}
	if p.o.NoRefresh {
		p.revive()
		return append(ds, p.importObjects(ctx)...)
	}
	started := p.engine.options.Now()
	p.engine.emit(RefreshStarted{Total: len(p.records)})
	more = p.refresh(ctx, func(rec *record) bool { return !rec.provider.dynamic })
	if ds = append(ds, p.withoutUnread(more)...); ds.HasErrors() {
		return ds
	}
	p.plan.Drift = p.drift()
	p.engine.emit(RefreshDone{Total: len(p.records), Drifted: len(p.plan.Drift), Elapsed: p.engine.options.Now().Sub(started)})
	if p.o.Mode != plans.RefreshOnly {
		p.revive()
		ds = append(ds, p.importObjects(ctx)...)
	}
	return ds
}

// withoutUnread takes the findings about single objects that could not be read out of those of a refresh: the plan goes on
// without these objects, can be looked at, and cannot be applied. A rollback needs all objects, and when none can be read
// there is nothing to look at.
func (p *planner) withoutUnread(ds hcl.Diagnostics) hcl.Diagnostics {
	p.mu.Lock()
	defer p.mu.Unlock()
	failed := p.failed()
	if !ds.HasErrors() || p.o.Mode == plans.Rollback || p.o.Mode != plans.RefreshOnly && len(failed) == len(p.records) {
		return ds
	}
	p.unread, p.plan.Unread = append(p.unread, ds...), failed
	return nil
}

// run makes the changes, their order and the outputs.
func (p *planner) run(ctx context.Context) hcl.Diagnostics {
	if ds := p.choose(); ds.HasErrors() {
		return ds
	}
	switch p.o.Mode {
	case plans.Destroy:
		p.ds = append(p.ds, p.settleProviders(ctx)...)
		p.planOutputs(nil)
	case plans.RefreshOnly:
		p.ds = append(p.ds, p.settleProviders(ctx)...)
		p.lateDrift()
		if p.wanted != nil {
			p.plan.Drift = slices.DeleteFunc(p.plan.Drift, func(c *plans.Change) bool { return !p.wanted[c.Addr] })
		}
		p.acceptDrift()
		p.ds = append(p.ds, p.inspect(ctx)...)
	default:
		p.walk(ctx)
		p.dropAwaited()
		p.lateDrift()
	}
	if p.ds.HasErrors() {
		return p.ds
	}
	if p.o.Mode != plans.RefreshOnly {
		p.planRemovals(ctx)
		p.planFormer(ctx)
	}
	if p.ds.HasErrors() {
		return p.ds
	}
	if p.ds = append(p.ds, p.createFirst()...); p.ds.HasErrors() {
		return p.ds
	}
	if p.o.Mode == plans.Normal && !p.o.Offline {
		p.ds = append(p.ds, p.review(ctx)...)
	}
	p.ds = append(p.ds, p.order()...)
	return p.ds
}

// lateDrift finds drift again when some objects could only be read in the course of the walk.
func (p *planner) lateDrift() {
	if p.hasDynamic() && !p.o.Offline && !p.o.NoRefresh {
		p.plan.Drift = p.drift()
	}
}

// choose resolves --target and --replace.
func (p *planner) choose() (ds hcl.Diagnostics) {
	p.toReplace = map[addr.Instance]bool{}
	for _, text := range p.o.Replace {
		found, d := p.match(text)
		if d != nil {
			ds = append(ds, d)
		}
		if len(found) > 1 {
			ds = append(ds, diag.Errorf(CodeTarget, "Several instances", "%s names %d instances. Replacing means deleting, so name them one by one: %s.", text, len(found), listed(found)))
			continue
		}
		for _, a := range found {
			p.toReplace[a] = true
		}
	}
	if len(p.o.Targets) == 0 {
		return ds
	}
	p.wanted, p.wantedOf = map[addr.Instance]bool{}, map[addr.Resource]bool{}
	var todo []addr.Instance
	for _, text := range p.o.Targets {
		found, d := p.match(text)
		if d != nil {
			ds = append(ds, d)
		}
		todo = append(todo, found...)
	}
	above := map[addr.Resource][]addr.Instance{} // records by what they depend on
	if p.o.Mode == plans.Destroy {
		for _, b := range sortedKeys(p.records) {
			for _, d := range p.records[b].DependsOn {
				above[d.Resource] = append(above[d.Resource], b)
			}
		}
	}
	for len(todo) > 0 {
		a := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if p.wanted[a] {
			continue
		}
		p.wanted[a], p.wantedOf[a.Resource] = true, true
		if p.o.Mode == plans.Destroy { // on the way down dependents come along
			for _, b := range above[a.Resource] {
				for _, d := range p.records[b].DependsOn {
					if d == a || d.Key == addr.NoKey && d.Resource == a.Resource {
						todo = append(todo, b)
					}
				}
			}
			continue
		}
		if r := p.resources[a.Resource]; r != nil {
			if i := r.byKey[a.Key]; i != nil {
				for _, d := range slices.Concat(i.deps, i.eval) {
					for _, other := range p.instancesOf(d) {
						todo = append(todo, other.addr)
					}
				}
			}
		}
	}
	return ds
}

// listed names some addresses.
func listed(as []addr.Instance) string {
	const most = 5
	var names []string
	for i, a := range as {
		if i == most {
			return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", len(as)-most)
		}
		names = append(names, a.String())
	}
	return strings.Join(names, ", ")
}

// match finds the instances that an address names: one, all of a resource, all of a module.
func (p *planner) match(text string) (out []addr.Instance, d *hcl.Diagnostic) {
	t, err := addr.ParseTarget(text)
	if err != nil {
		return nil, diag.Errorf(CodeTarget, "Invalid address", "%s.", capital(err.Error()))
	}
	seen := map[addr.Instance]bool{}
	take := func(b addr.Instance) {
		if !seen[b] && t.Contains(b) {
			seen[b] = true
			out = append(out, b)
		}
	}
	var known []string
	for _, r := range p.sorted {
		known = append(known, r.addr.String())
		for _, i := range r.instances {
			take(i.addr)
		}
	}
	for _, m := range p.modules[1:] {
		known = append(known, string(m.path))
	}
	for _, b := range sortedKeys(p.records) {
		take(b)
	}
	if len(out) == 0 {
		return nil, diag.Errorf(CodeTarget, "No such address", "Neither configuration nor state has %s.%s", text, diag.Suggest(text, known))
	}
	return out, nil
}

// walk evaluates the configuration in the order of its references and plans every instance.
func (p *planner) walk(ctx context.Context) {
	g := p.evalGraph(true)
	if _, err := g.Sort(); err != nil {
		g = p.evalGraph(false) // what providers say about order must never stop an evaluation
	}
	report := dag.Walk(ctx, g, dag.WalkOptions[node]{Limit: p.engine.options.Parallelism, Abort: ctx},
		func(ctx context.Context, n node, _ *dag.Slot) error { return p.visit(ctx, n) })
	if report.Count(dag.Failed) == 0 && report.Err() != nil {
		p.report(diag.FromError(CodeState, "Planning stopped", report.Err(), nil))
	}
}

var errFailed = errors.New("failed") // its diagnostics have been reported

func (p *planner) report(ds hcl.Diagnostics) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ds = append(p.ds, ds...)
	if ds.HasErrors() {
		return errFailed
	}
	return nil
}

func (p *planner) visit(ctx context.Context, n node) error {
	switch n.kind {
	case nodeVariable, nodeLocal:
		return p.report(p.visitNamed(p.namedAt(n)))
	case nodeOutput:
		if n.mod == "" {
			return p.report(p.planOutput(n.name))
		}
		return p.report(p.visitNamed(p.namedAt(n)))
	case nodeProvider:
		return p.report(p.visitProvider(ctx, p.providers[n.name]))
	case nodeCheck:
		p.visitCheck(ctx, p.checkAt[n])
		return nil
	case nodeResource:
		return p.visitResource(ctx, p.resources[n.inst.Resource])
	case nodeInstance:
		return p.planNode(ctx, p.resources[n.inst.Resource].byKey[n.inst.Key])
	}
	return nil
}

// visitResource expands a resource whose instances were not known before.
func (p *planner) visitResource(ctx context.Context, r *resource) error {
	if r == nil || r.expanded {
		return nil
	}
	done, ds := p.expand(r, dynamic)
	if !done {
		return p.report(ds)
	}
	p.linkDynamic(r)
	for _, i := range r.instances {
		if err := p.planNode(ctx, i); err != nil {
			return err
		}
	}
	return p.report(ds)
}

func (p *planner) planNode(ctx context.Context, i *instance) error {
	var c *planned
	var ds hcl.Diagnostics
	rec := p.records[i.addr]
	switch {
	case p.wanted != nil && !p.wanted[i.addr], rec != nil && rec.failed:
		c = p.leaveAlone(i)
	case i.res.source != nil:
		c, ds = p.planData(ctx, i)
	default:
		c, ds = p.planInstance(ctx, i)
	}
	p.mu.Lock()
	if c != nil {
		p.changes[i.addr] = c
	}
	p.mu.Unlock()
	return p.report(ds)
}

// leaveAlone keeps an instance out of a plan with targets: references see what is recorded.
func (p *planner) leaveAlone(i *instance) *planned {
	i.value = cty.UnknownVal(i.res.schema.Block.Type())
	rec := p.records[i.addr]
	if rec == nil || rec.live.IsNull() {
		return nil
	}
	i.value = i.res.schema.Block.MarkSensitive(rec.live)
	c := p.newChange(i, rec)
	c.Action, c.Before, c.After = plans.NoOp, i.value, i.value
	c.DependsOn = rec.DependsOn
	return &planned{Change: c, newDeps: rec.DependsOn, oldDeps: rec.DependsOn}
}

// acceptDrift makes a refresh-only plan: records follow the objects, objects stay as they are.
func (p *planner) acceptDrift() {
	for _, d := range p.plan.Drift {
		rec := p.records[d.Addr]
		c := *d
		c.Action, c.Private, c.PriorPrivate = plans.NoOp, rec.private, rec.Private
		p.changes[d.Addr] = &planned{Change: &c, oldDeps: rec.DependsOn, newDeps: rec.DependsOn, write: true}
		c.DependsOn = rec.DependsOn
	}
}

func (p *planner) newChange(i *instance, rec *record) *plans.Change {
	c := &plans.Change{Addr: i.addr, Provider: i.res.prov.key, Range: i.res.cfg.Range, DependsOn: i.deps, Protected: i.res.cfg.Lifecycle.PreventDestroy}
	if rec != nil {
		c.PriorPrivate, c.Revision = rec.private, rec.Revision
		c.PreviousAddr, c.Import = rec.from, rec.imported
		if rec.unresolved && rec.Revision == 0 {
			c.Adopted = true
		}
	}
	return c
}

// evaluate decodes the configuration of an instance, checks it, and keeps preconditions.
func (w *world) evaluate(i *instance) (cty.Value, hcl.Diagnostics) {
	v := i.config
	ds := w.evaluateEach(i.res)
	if ds.HasErrors() {
		return cty.DynamicVal, ds
	}
	ctx := (*hcl.EvalContext)(nil)
	if v == cty.NilVal {
		ctx = w.context(i, dynamic)
		if w.applying {
			if ds = w.lateDiagnostics(i.res.refs); ds.HasErrors() {
				return cty.DynamicVal, i.place(ds)
			}
		}
		v, ds = i.res.schema.Block.Decode(i.res.cfg.Body, ctx)
		if ds = i.place(ds); ds.HasErrors() {
			return v, ds
		}
	}
	if rules := i.res.cfg.Lifecycle.Preconditions; len(rules) > 0 {
		if ctx == nil {
			ctx = w.context(i, dynamic)
		}
		ds = append(ds, i.place(checkRules(rules, ctx, "Precondition"))...)
	}
	if !ds.HasErrors() && (ctx != nil || !w.applying) { // what depends on no resource is checked by the plan, and is held to it
		ds = append(ds, w.checkConfig(i, v)...)
	}
	return v, ds
}

// postconditions checks an instance's value against its own rules.
func (w *world) postconditions(i *instance) hcl.Diagnostics {
	rules := i.res.cfg.Lifecycle.Postconditions
	if len(rules) == 0 {
		return nil
	}
	ctx := w.context(i, dynamic)
	ctx.Variables["self"] = i.value
	return i.place(checkRules(rules, ctx, "Postcondition"))
}

// deadline bounds one operation by the timeout of the configuration, if it has one.
func (i *instance) deadline(ctx context.Context, op config.Operation) (context.Context, context.CancelFunc) {
	if i.res == nil {
		return context.WithCancel(ctx)
	}
	if d := i.res.cfg.Timeouts[op]; d > 0 {
		return context.WithTimeoutCause(ctx, d, fmt.Errorf("the timeout of %s for %s has passed", d.Round(time.Second), op))
	}
	return context.WithCancel(ctx)
}
