package engine

import (
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/lang"
)

// phase says how much of the world references may see.
type phase uint8

const (
	static   phase = iota + 1 // resources and data are unknown
	ordering                  // resources are known as far as their own blocks say
	dynamic                   // everything that has been planned or applied
)

// baseScope holds what the expressions of one resource see in common: variables, locals, modules, whole resources. It
// is built once for all instances, so that instances cost what they alone refer to.
type baseScope struct {
	resource *resource
	mu       sync.Mutex // guards the fields below; instances are evaluated in parallel
	built    phase
	roots    map[string]cty.Value
	spaces   spaces
	precise  []ref // references to single instances
}

// spaces hold values of resources and data sources: TYPE → NAME → value.
type spaces struct {
	managed, data map[string]map[string]cty.Value
}

func (s spaces) put(r addr.Resource, v cty.Value) {
	space := s.managed
	if r.Mode == addr.Data {
		space = s.data
	}
	if space[r.Type] == nil {
		space[r.Type] = map[string]cty.Value{}
	}
	space[r.Type][r.Name] = v
}

func (s spaces) clone() spaces {
	return spaces{clone(s.managed), clone(s.data)}
}

func clone(m map[string]map[string]cty.Value) map[string]map[string]cty.Value {
	out := make(map[string]map[string]cty.Value, len(m))
	for typ, names := range m {
		out[typ] = make(map[string]cty.Value, len(names)+1)
		for n, v := range names {
			out[typ][n] = v
		}
	}
	return out
}

// addTo makes the values visible under their names.
func (s spaces) addTo(roots map[string]cty.Value) {
	for typ, names := range s.managed {
		roots[typ] = cty.ObjectVal(names)
	}
	if len(s.data) > 0 {
		all := make(map[string]cty.Value, len(s.data))
		for typ, names := range s.data {
			all[typ] = cty.ObjectVal(names)
		}
		roots["data"] = cty.ObjectVal(all)
	}
}

// build fills the scope for a phase with what references of module m name. Names that do not exist are left out: the
// check of references reports them.
func (b *baseScope) build(w *world, m *module, refs []ref, ph phase) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.built == ph {
		return
	}
	b.built = ph
	b.roots = map[string]cty.Value{"path": m.pathValue, "meshplan": w.facts}
	b.spaces, b.precise = spaces{map[string]map[string]cty.Value{}, map[string]map[string]cty.Value{}}, nil
	vars, locals := map[string]cty.Value{}, map[string]cty.Value{}
	calls := map[string]map[string]bool{} // the outputs that are used, by call
	wholes := map[addr.Resource]bool{}
	for _, r := range refs {
		if r.in == m && (r.Kind == lang.RefResource || r.Kind == lang.RefData) && !w.isPrecise(r, b.resource) {
			wholes[r.Resource] = true
		}
	}
	for _, r := range refs {
		if r.in != m {
			continue
		}
		switch r.Kind {
		case lang.RefVar:
			if n := m.vars[r.Name]; n != nil && vars[r.Name] == cty.NilVal {
				vars[r.Name] = w.valueOf(n, ph)
			}
		case lang.RefLocal:
			if n := m.locals[r.Name]; n != nil && locals[r.Name] == cty.NilVal {
				locals[r.Name] = w.valueOf(n, ph)
			}
		case lang.RefModule:
			if c := m.calls[r.Name]; c != nil {
				w.expandCall(c)
				if calls[r.Name] == nil {
					calls[r.Name] = map[string]bool{}
				}
				for _, name := range c.outputsOf(r) {
					calls[r.Name][name] = true
				}
			}
		case lang.RefResource, lang.RefData:
			to := w.resources[r.Resource]
			switch {
			case to == nil && ph != dynamic: // while modules are expanded
				b.spaces.put(r.Resource, cty.DynamicVal)
			case to == nil:
			case wholes[r.Resource]:
				b.spaces.put(r.Resource, w.wholeValue(to, ph))
			default:
				b.precise = append(b.precise, r)
			}
		}
	}
	b.roots["var"], b.roots["local"] = cty.ObjectVal(vars), cty.ObjectVal(locals)
	if len(calls) > 0 {
		modules := make(map[string]cty.Value, len(calls))
		for name, outputs := range calls {
			modules[name] = m.calls[name].value(w, outputs, ph)
		}
		b.roots["module"] = cty.ObjectVal(modules)
	}
}

// isPrecise reports whether a reference names one instance of a resource with for_each or count.
func (w *world) isPrecise(r ref, from *resource) bool {
	to := w.resources[r.Resource]
	if to == nil || !to.keyed() || from == nil {
		return false
	}
	switch r.KeyExpr {
	case lang.KeyStatic:
		return true
	case lang.KeyEachKey:
		return from.forEach != nil
	case lang.KeyCountIndex:
		return from.count != nil
	}
	return false
}

// chosen returns the key of the instance that a precise reference means.
func chosen(r ref, from *instance) addr.Key {
	if r.KeyExpr == lang.KeyStatic {
		return r.Key
	}
	return from.addr.Key
}

// context returns what the expressions of an instance see.
func (w *world) context(i *instance, ph phase) *hcl.EvalContext {
	b := &i.res.base
	b.build(w, i.res.in, i.res.refs, ph)
	roots := make(map[string]cty.Value, len(b.roots)+4)
	for k, v := range b.roots {
		roots[k] = v
	}
	s := b.spaces
	if len(b.precise) > 0 {
		s = s.clone()
		w.addPrecise(s, b.precise, i, ph)
	}
	s.addTo(roots)
	if i.res.forEach != nil {
		roots["each"] = cty.ObjectVal(map[string]cty.Value{"key": keyValue(i.addr.Key, cty.String), "value": i.eachValueOf(ph)})
	}
	if i.res.count != nil {
		roots["count"] = cty.ObjectVal(map[string]cty.Value{"index": keyValue(i.addr.Key, cty.Number)})
	}
	return &hcl.EvalContext{Variables: roots, Functions: i.res.in.functions}
}

// addPrecise adds the single instances that an instance refers to, as collections of just these.
func (w *world) addPrecise(s spaces, refs []ref, i *instance, ph phase) {
	chosenOnly := map[addr.Resource]map[string]cty.Value{}
	for _, r := range refs {
		to := w.resources[r.Resource]
		inner, known := chosenOnly[r.Resource]
		if known && inner == nil {
			continue
		}
		key := chosen(r, i)
		other := to.byKey[key]
		if !to.expanded || other == nil { // let the expression fail on the real collection, with its own message
			chosenOnly[r.Resource] = nil
			s.put(r.Resource, w.wholeValue(to, ph))
			continue
		}
		if inner == nil {
			inner = map[string]cty.Value{}
			chosenOnly[r.Resource] = inner
		}
		inner[keyText(key)] = w.instanceValue(other, ph)
		s.put(r.Resource, cty.ObjectVal(inner))
	}
}

// keyValue returns a key as each.key or count.index gives it. A block whose instances are not known has an unknown one.
func keyValue(k addr.Key, ty cty.Type) cty.Value {
	if k == addr.NoKey {
		return cty.UnknownVal(ty)
	}
	return k.Value()
}

// keyText is the attribute name under which a precise reference finds its instance: HCL converts the index to a string.
func keyText(k addr.Key) string {
	if s, ok := k.Str(); ok {
		return s
	}
	n, _ := k.Int()
	return cty.NumberIntVal(int64(n)).AsBigFloat().Text('f', -1)
}

// contextFor returns what expressions of a module with the given references see outside of instances: locals, outputs,
// for_each.
func (w *world) contextFor(m *module, refs []ref, ph phase) *hcl.EvalContext {
	b := &baseScope{}
	b.build(w, m, refs, ph)
	b.spaces.addTo(b.roots)
	return &hcl.EvalContext{Variables: b.roots, Functions: m.functions}
}

// wholeValue caches the value of a resource with all its instances.
type wholeValue struct {
	mu    sync.Mutex // guards the fields below
	valid bool
	value cty.Value
}

// wholeValue returns what `type.name` means: an object, a tuple for count, an object of objects for for_each. It is
// built once and shared.
func (w *world) wholeValue(r *resource, ph phase) cty.Value {
	if ph == static {
		if r.keyed() || r.enabled != nil {
			return cty.DynamicVal
		}
		return cty.UnknownVal(r.schema.Block.Type())
	}
	if ph == ordering {
		return w.sketchOfAll(r)
	}
	if !r.expanded {
		return cty.DynamicVal
	}
	if !r.keyed() {
		if len(r.instances) == 0 {
			return cty.NullVal(r.schema.Block.Type())
		}
		return w.instanceValue(r.instances[0], ph)
	}
	r.whole.mu.Lock()
	defer r.whole.mu.Unlock()
	if !r.whole.valid {
		r.whole.value, r.whole.valid = r.collect(w, dynamic), true
	}
	return r.whole.value
}

// forget drops the cached value: an instance has got another one.
func (r *resource) forget() {
	r.whole.mu.Lock()
	r.whole.valid = false
	r.whole.mu.Unlock()
}

func (r *resource) collect(w *world, ph phase) cty.Value {
	if r.count != nil {
		vals := make([]cty.Value, len(r.instances))
		for i, inst := range r.instances {
			vals[i] = w.instanceValue(inst, ph)
		}
		return cty.TupleVal(vals)
	}
	vals := make(map[string]cty.Value, len(r.instances))
	for _, inst := range r.instances {
		key, _ := inst.addr.Key.Str()
		vals[key] = w.instanceValue(inst, ph)
	}
	return cty.ObjectVal(vals)
}

// instanceValue returns what a reference to one instance sees.
func (w *world) instanceValue(i *instance, ph phase) cty.Value {
	if ph == ordering {
		return sketchOf(i)
	}
	if ph == static || i.value == cty.NilVal {
		return cty.UnknownVal(i.res.schema.Block.Type())
	}
	return i.value
}
