package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
)

// Modules are expanded before anything else: each instance of a module has blocks of its own, with addresses of its
// own, and everything behind that treats them like those of the root. So the keys of a module must follow from
// variables, locals and functions; values may be unknown.

// maxModules bounds the instances of modules: nested calls multiply.
const maxModules = 100_000

// module is one instance of a module: the root, or what a call makes for one of its keys.
type module struct {
	path      addr.Module
	cfg       *config.Module
	parent    *module // nil for the root
	call      *call   // what made it; nil for the root
	key       addr.Key
	pathValue cty.Value // the object `path`
	functions map[string]function.Function

	vars, locals, outputs map[string]*named
	calls                 map[string]*call
	after                 []ref // depends_on of the calls around it
}

// call is a `module` block in one instance of the module that holds it.
type call struct {
	repetition
	cfg       *config.ModuleCall
	busy      bool // being expanded
	expanded  bool
	instances []*module // sorted by key
	byKey     map[addr.Key]*module
	ds        hcl.Diagnostics // of the expansion

	values map[string]cty.Value // each.value by key
	sketch map[string]cty.Value // the same as sketches give it; nil unless an order needs it
	once   sync.Once            // evaluates values with all that is known by then
}

// newModule makes an instance without blocks.
func (w *world) newModule(cfg *config.Module, c *call, key addr.Key) *module {
	m := &module{cfg: cfg, call: c, key: key, vars: map[string]*named{}, locals: map[string]*named{}, outputs: map[string]*named{}, calls: map[string]*call{}}
	if c != nil {
		m.parent, m.path = c.in, c.in.path.Child(c.cfg.Name, key)
		m.after = append(slices.Clone(c.in.after), c.in.place(c.cfg.DependsOn)...)
	}
	m.pathValue = cty.ObjectVal(map[string]cty.Value{
		"module": cty.StringVal(cfg.Dir), "root": cty.StringVal("."), "cwd": cty.StringVal(w.cwd),
	})
	m.functions = w.functionsFor(cfg.Dir)
	return m
}

// addModule registers a module's values and calls and expands the calls, then does the same for what they made.
func (w *world) addModule(m *module) (ds hcl.Diagnostics) {
	w.modules = append(w.modules, m)
	for _, v := range m.cfg.SortedVariables() {
		ds = append(ds, w.addVariable(m, v)...)
	}
	for _, l := range m.cfg.SortedLocals() {
		n := &named{kind: nodeLocal, name: l.Name, mod: m, scope: m, expr: l.Expr, rng: l.Range}
		n.refs = m.references(&ds, l.Expr)
		m.locals[l.Name] = n
	}
	for _, o := range m.cfg.SortedOutputs() {
		n := &named{kind: nodeOutput, name: o.Name, mod: m, scope: m, expr: o.Expr, rng: o.DeclRange, output: o}
		n.refs = append(m.references(&ds, o.Expr), m.ruleReferences(&ds, o.Preconditions)...)
		n.depends = m.place(o.DependsOn)
		m.outputs[o.Name] = n
	}
	for _, c := range m.cfg.SortedCalls() {
		if c.Module == nil {
			continue
		}
		rep := repetition{what: string(m.path.Child(c.Name, addr.NoKey)), in: m, count: c.Count, forEach: c.ForEach, enabled: c.Enabled}
		rep.refs = m.references(&ds, c.Count, c.ForEach, c.Enabled)
		m.calls[c.Name] = &call{repetition: rep, cfg: c}
	}
	return ds
}

// addVariable registers a variable: of the root with its value, of a called module with the argument of the call.
func (w *world) addVariable(m *module, v *config.Variable) (ds hcl.Diagnostics) {
	n := &named{kind: nodeVariable, name: v.Name, mod: m, scope: m, variable: v, rng: v.DeclRange}
	m.vars[v.Name] = n
	if m.parent == nil {
		return nil
	}
	n.scope = m.parent
	if a := m.call.cfg.Arguments[v.Name]; a != nil {
		n.expr, n.rng = a.Expr, a.Range
		n.refs = m.parent.references(&ds, a.Expr)
		if slices.ContainsFunc(n.refs, func(r ref) bool { return r.Kind == lang.RefEach && r.Name == "value" }) {
			n.refs = append(n.refs, m.call.refs...)
		}
	}
	for _, r := range m.ruleReferences(&ds, v.Validations) {
		if r.Kind != lang.RefVar || r.Name != v.Name {
			n.refs = append(n.refs, r)
		}
	}
	return ds
}

// expandModules expands every call, from the outside in. What cannot be expanded keeps its diagnostics: references and
// cycles are checked first, because they explain more.
func (w *world) expandModules() (ds hcl.Diagnostics) {
	for i := 0; i < len(w.modules); i++ { // grows while it runs
		m := w.modules[i]
		for _, name := range sortedStrings(m.calls) {
			ds = append(ds, w.expandCall(m.calls[name])...)
		}
	}
	return ds
}

// expandCall makes the instances of a call, unless that is under way.
func (w *world) expandCall(c *call) (ds hcl.Diagnostics) {
	if c.expanded || c.busy {
		return nil
	}
	c.busy = true
	defer func() { c.busy, c.expanded = false, true }()
	keys, values, done, ds := w.keys(&c.repetition, static)
	switch {
	case done:
	case ds.HasErrors():
		c.ds = ds
	case w.lenient:
		keys = []addr.Key{addr.NoKey} // stands for all of them
	default:
		c.ds = hcl.Diagnostics{c.notStatic()}
	}
	c.byKey, c.values = make(map[addr.Key]*module, len(keys)), values
	ds = nil
	for _, k := range keys {
		if len(w.modules) >= maxModules {
			c.ds = hcl.Diagnostics{diag.Error(CodeExpansion, "Too many modules", fmt.Sprintf("There are more than %d instances of modules. Use fewer keys in the count and for_each of nested calls.", maxModules), &c.cfg.DeclRange)}
			break
		}
		m := w.newModule(c.cfg.Module, c, k)
		c.byKey[k] = m
		c.instances = append(c.instances, m)
		ds = append(ds, w.addModule(m)...)
	}
	return ds
}

func (c *call) notStatic() *hcl.Diagnostic {
	what, e := c.expression()
	return diag.Error(CodeExpansion, "Instances cannot be known yet", fmt.Sprintf("The value of %s depends on a resource or a data source. "+
		"The instances of a module must follow from variables, locals and functions: they decide which resources there are at all. "+
		"Put such a condition on the resources inside the module, or give the module a variable for it.", what), e.Range().Ptr())
}

// one returns the instance that a reference names, if it names one and there is such an instance.
func (c *call) one(r ref) *module {
	key := addr.NoKey
	switch {
	case r.KeyExpr == lang.KeyStatic:
		key = r.Key
	case r.KeyExpr != lang.KeyNone || c.count != nil || c.forEach != nil:
		return nil
	}
	return c.byKey[key]
}

// outputsOf returns the names of the outputs that a reference means: one, or all of them.
func (c *call) outputsOf(r ref) []string {
	if len(r.Remaining) > 0 {
		if a, ok := r.Remaining[0].(hcl.TraverseAttr); ok {
			if c.cfg.Module.Outputs[a.Name] == nil {
				return nil
			}
			return []string{a.Name}
		}
	}
	return slices.Sorted(maps.Keys(c.cfg.Module.Outputs))
}

// value returns what `module.NAME` means to an expression that uses the given outputs.
func (c *call) value(w *world, outputs map[string]bool, ph phase) cty.Value {
	if !c.expanded || c.ds.HasErrors() || w.lenient && len(c.instances) == 1 && c.keyed() && c.instances[0].key == addr.NoKey {
		return cty.DynamicVal
	}
	one := func(m *module) cty.Value {
		vals := make(map[string]cty.Value, len(outputs))
		for name := range outputs {
			vals[name] = w.valueOf(m.outputs[name], ph)
		}
		return cty.ObjectVal(vals)
	}
	switch {
	case c.count != nil:
		vals := make([]cty.Value, len(c.instances))
		for i, m := range c.instances {
			vals[i] = one(m)
		}
		return cty.TupleVal(vals)
	case c.forEach != nil:
		vals := make(map[string]cty.Value, len(c.instances))
		for _, m := range c.instances {
			key, _ := m.key.Str()
			vals[key] = one(m)
		}
		return cty.ObjectVal(vals)
	case len(c.instances) == 0:
		return cty.NullVal(cty.DynamicPseudoType) // enabled = false
	}
	return one(c.instances[0])
}

// eachValue returns each.value of a module instance for the arguments of its call.
func (w *world) eachValue(m *module, ph phase) cty.Value {
	c := m.call
	key, ok := m.key.Str()
	if !ok {
		return cty.DynamicVal
	}
	v := c.values[key]
	if ph == static || v.IsWhollyKnown() {
		return v
	}
	if ph == ordering {
		if c.sketch == nil {
			if c.sketch, _, _ = w.forEach(&c.repetition, ordering); c.sketch == nil {
				c.sketch = c.values
			}
		}
		return cmp.Or(c.sketch[key], v)
	}
	c.once.Do(func() {
		if _, values, done, _ := w.keys(&c.repetition, dynamic); done {
			c.values = values
		}
	})
	return c.values[key]
}

// resources returns the resources within a call and within what it calls, sorted.
func (w *world) within(c *call) (out []*resource) {
	for _, m := range c.instances {
		out = append(out, w.byModule[m.path]...)
		for _, name := range sortedStrings(m.calls) {
			out = append(out, w.within(m.calls[name])...)
		}
	}
	return out
}
