package engine

import (
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/internal/schema"
)

// named is a value with a name: a local, a variable or an output.
type named struct {
	kind     nodeKind
	name     string
	mod      *module // that declares it
	scope    *module // that holds the expression: for a variable, the caller
	expr     hcl.Expression
	rng      hcl.Range
	variable *config.Variable
	output   *config.Output

	refs    []ref // of the expression in scope, and of rules in mod
	depends []ref // depends_on of an output
	nodes   []ref // resources and data that it depends on, through others too

	static cty.Value       // with resources unknown
	sketch cty.Value       // with resources known as far as their own blocks say; NilVal unless an order needs it
	value  cty.Value       // with what planning or applying has found; NilVal before
	busy   bool            // static or sketch is being evaluated: cycles are reported by checkCycles
	ds     hcl.Diagnostics // of the evaluation that gave value, or static
	late   sync.Once       // evaluates value while applying
}

func (n *named) node() node { return node{kind: n.kind, mod: n.mod.path, name: n.name} }

// valueOf returns a value for a phase.
func (w *world) valueOf(n *named, ph phase) cty.Value {
	switch {
	case n.kind == nodeVariable && n.mod.parent == nil:
		return n.value
	case ph == static || len(n.nodes) == 0:
		return w.staticValue(n)
	case ph == ordering:
		return w.early(n, &n.sketch, ordering)
	case w.applying: // whoever needs it comes after everything that it depends on
		n.late.Do(func() { n.value, n.ds = w.evaluateNamed(n, dynamic) })
		return n.value
	case n.value == cty.NilVal:
		return w.staticValue(n)
	}
	return n.value
}

// staticValue evaluates with resources unknown.
func (w *world) staticValue(n *named) cty.Value {
	return w.early(n, &n.static, static)
}

// early evaluates for a phase before planning, once. A cycle gives an unknown value.
func (w *world) early(n *named, v *cty.Value, ph phase) cty.Value {
	if *v == cty.NilVal {
		if n.busy {
			return cty.DynamicVal
		}
		n.busy = true
		value, ds := w.evaluateNamed(n, ph)
		if n.busy, *v = false, value; ph == static { // what is wrong with a sketch is wrong with the value
			n.ds = ds
		}
	}
	return *v
}

// evaluateNamed gives a value as its block means it. With errors it is unknown, so that they are reported once.
func (w *world) evaluateNamed(n *named, ph phase) (v cty.Value, ds hcl.Diagnostics) {
	ctx := w.contextFor(n.scope, n.refs, ph)
	if n.kind == nodeVariable {
		w.addEach(ctx, n.mod, ph)
	}
	if w.applying {
		ds = w.lateDiagnostics(n.refs)
	}
	if n.expr != nil && !ds.HasErrors() {
		v, ds = n.expr.Value(ctx)
	}
	switch {
	case ds.HasErrors():
	case n.kind == nodeVariable:
		v, ds = w.accept(n, v, ph)
	case n.kind == nodeOutput:
		var more hcl.Diagnostics
		v, more = n.finish(v, ctx)
		ds = append(ds, more...)
	}
	if ds.HasErrors() || v == cty.NilVal {
		v = cty.DynamicVal
	}
	return v, n.mod.name(ds)
}

// name says in which instance of a module something was found: its blocks stand in the text once.
func (m *module) name(ds hcl.Diagnostics) hcl.Diagnostics {
	if m.parent == nil {
		return ds
	}
	out := make(hcl.Diagnostics, len(ds))
	for i, d := range ds {
		c := *d
		if out[i] = &c; diag.AddressOf(d) == "" {
			out[i] = diag.For(&c, string(m.path))
		}
	}
	return out
}

// addEach gives the arguments of a call their each and count.
func (w *world) addEach(ctx *hcl.EvalContext, m *module, ph phase) {
	if m.call == nil {
		return
	}
	switch {
	case m.call.forEach != nil:
		ctx.Variables["each"] = cty.ObjectVal(map[string]cty.Value{"key": keyValue(m.key, cty.String), "value": w.eachValue(m, ph)})
	case m.call.count != nil:
		ctx.Variables["count"] = cty.ObjectVal(map[string]cty.Value{"index": keyValue(m.key, cty.Number)})
	}
}

// accept makes the value of a called module's variable out of the argument: default, type, marks and rules.
func (w *world) accept(n *named, raw cty.Value, ph phase) (cty.Value, hcl.Diagnostics) {
	v, ds := n.variable.Accept(raw, n.rng.Ptr())
	if ds.HasErrors() || len(n.variable.Validations) == 0 {
		return v, ds
	}
	ctx := w.contextFor(n.mod, n.refs, ph)
	vars := map[string]cty.Value{n.name: v}
	for name, other := range ctx.Variables["var"].AsValueMap() {
		vars[name] = other
	}
	ctx.Variables["var"] = cty.ObjectVal(vars)
	return v, append(ds, n.variable.Validate(ctx, "the module call", n.rng.Ptr())...)
}

// finish applies what an output block says about its value. Preconditions that fail are errors.
func (n *named) finish(v cty.Value, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	ds := checkRules(n.output.Preconditions, ctx, "Precondition")
	if ds.HasErrors() {
		return v, ds
	}
	if n.output.Sensitive {
		v = v.Mark(schema.Sensitive)
	}
	if n.mod.parent != nil {
		return v, append(ds, n.leak(v)...)
	}
	return v, ds
}

// visitNamed evaluates a value at its place in a plan.
func (p *planner) visitNamed(n *named) hcl.Diagnostics {
	if len(n.nodes) == 0 { // nothing that planning finds out can change it
		p.staticValue(n)
		return n.ds
	}
	n.value, n.ds = p.evaluateNamed(n, dynamic)
	return n.ds
}

// lateDiagnostics returns the errors of values that were evaluated while applying.
func (w *world) lateDiagnostics(refs []ref) (ds hcl.Diagnostics) {
	for _, r := range refs {
		if n := r.named(); n != nil && len(n.nodes) > 0 && n.ds.HasErrors() {
			ds = append(ds, n.ds...)
		}
	}
	return ds
}

// named returns the local or variable that a reference names, or nil.
func (r ref) named() *named {
	switch r.Kind {
	case lang.RefVar:
		return r.in.vars[r.Name]
	case lang.RefLocal:
		return r.in.locals[r.Name]
	}
	return nil
}
