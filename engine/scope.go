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
	static  phase = iota + 1 // resources and data are unknown
	dynamic                  // everything that has been planned or applied
)

// baseScope holds what the expressions of one resource see in common: variables, locals, whole resources. It is built
// once for all instances, so that instances cost what they alone refer to.
type baseScope struct {
	resource *resource
	mu       sync.Mutex // guards the fields below; instances are evaluated in parallel
	built    phase
	roots    map[string]cty.Value
	types    map[string]map[string]cty.Value // TYPE → NAME → value, for whole resources
	data     map[string]map[string]cty.Value
	precise  []lang.Reference // references to single instances
}

// build fills the scope for a phase.
func (b *baseScope) build(w *world, refs []lang.Reference, ph phase) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.built == ph {
		return
	}
	b.built = ph
	b.roots = map[string]cty.Value{"var": w.vars, "path": w.path}
	b.types, b.data, b.precise = map[string]map[string]cty.Value{}, map[string]map[string]cty.Value{}, nil
	locals := map[string]cty.Value{}
	wholes := map[addr.Resource]bool{}
	for _, ref := range refs {
		if (ref.Kind == lang.RefResource || ref.Kind == lang.RefData) && !w.isPrecise(ref, b.resource) {
			wholes[ref.Resource] = true
		}
	}
	for _, ref := range refs {
		switch ref.Kind {
		case lang.RefLocal:
			l := w.locals[ref.Name]
			switch {
			case ph == static:
				locals[ref.Name] = w.staticLocal(l)
			case w.applying:
				locals[ref.Name] = w.lateLocal(l)
			default:
				locals[ref.Name] = l.value
			}
		case lang.RefResource, lang.RefData:
			if !wholes[ref.Resource] {
				b.precise = append(b.precise, ref)
				continue
			}
			put(b.space(ref.Resource.Mode), ref.Resource, w.wholeValue(w.resources[ref.Resource], ph))
		}
	}
	b.roots["local"] = cty.ObjectVal(locals)
}

func (b *baseScope) space(m addr.Mode) map[string]map[string]cty.Value {
	if m == addr.Data {
		return b.data
	}
	return b.types
}

func put(space map[string]map[string]cty.Value, r addr.Resource, v cty.Value) {
	if space[r.Type] == nil {
		space[r.Type] = map[string]cty.Value{}
	}
	space[r.Type][r.Name] = v
}

// isPrecise reports whether a reference names one instance of a resource with for_each or count.
func (w *world) isPrecise(ref lang.Reference, from *resource) bool {
	to := w.resources[ref.Resource]
	if to.cfg.ForEach == nil && to.cfg.Count == nil || from == nil {
		return false
	}
	switch ref.KeyExpr {
	case lang.KeyStatic:
		return true
	case lang.KeyEachKey:
		return from.cfg.ForEach != nil
	case lang.KeyCountIndex:
		return from.cfg.Count != nil
	}
	return false
}

// chosen returns the key of the instance that a precise reference means.
func chosen(ref lang.Reference, from *instance) addr.Key {
	if ref.KeyExpr == lang.KeyStatic {
		return ref.Key
	}
	return from.addr.Key
}

// context returns what the expressions of an instance see.
func (w *world) context(i *instance, ph phase) *hcl.EvalContext {
	b := &i.res.base
	b.build(w, i.res.refs, ph)
	roots := make(map[string]cty.Value, len(b.roots)+4)
	for k, v := range b.roots {
		roots[k] = v
	}
	types, data := b.types, b.data
	if len(b.precise) > 0 {
		types, data = clone(b.types), clone(b.data)
		chosenOnly := map[addr.Resource]map[string]cty.Value{}
		for _, ref := range b.precise {
			to := w.resources[ref.Resource]
			inner := chosenOnly[ref.Resource]
			if inner == nil {
				inner = map[string]cty.Value{}
				chosenOnly[ref.Resource] = inner
			}
			key := chosen(ref, i)
			if other := to.byKey[key]; other != nil {
				inner[keyText(key)] = w.instanceValue(other, ph)
			} else {
				inner = nil // let the expression fail on the real collection, with its own message
			}
			space := types
			if ref.Kind == lang.RefData {
				space = data
			}
			if inner == nil || !to.expanded {
				delete(chosenOnly, ref.Resource)
				put(space, ref.Resource, w.wholeValue(to, ph))
				continue
			}
			put(space, ref.Resource, cty.ObjectVal(inner))
		}
	}
	for typ, names := range types {
		roots[typ] = cty.ObjectVal(names)
	}
	if len(data) > 0 {
		all := make(map[string]cty.Value, len(data))
		for typ, names := range data {
			all[typ] = cty.ObjectVal(names)
		}
		roots["data"] = cty.ObjectVal(all)
	}
	if i.res.cfg.ForEach != nil {
		key, _ := i.addr.Key.Str()
		roots["each"] = cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal(key), "value": i.each})
	}
	if i.res.cfg.Count != nil {
		n, _ := i.addr.Key.Int()
		roots["count"] = cty.ObjectVal(map[string]cty.Value{"index": cty.NumberIntVal(int64(n))})
	}
	return &hcl.EvalContext{Variables: roots, Functions: w.functions}
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

// keyText is the attribute name under which a precise reference finds its instance: HCL converts the index to a string.
func keyText(k addr.Key) string {
	if s, ok := k.Str(); ok {
		return s
	}
	n, _ := k.Int()
	return cty.NumberIntVal(int64(n)).AsBigFloat().Text('f', -1)
}

// contextFor returns what the expressions with the given references see outside of instances: locals, outputs, for_each.
func (w *world) contextFor(refs []lang.Reference, ph phase) *hcl.EvalContext {
	b := &baseScope{}
	b.build(w, refs, ph)
	for typ, names := range b.types {
		b.roots[typ] = cty.ObjectVal(names)
	}
	if len(b.data) > 0 {
		all := make(map[string]cty.Value, len(b.data))
		for typ, names := range b.data {
			all[typ] = cty.ObjectVal(names)
		}
		b.roots["data"] = cty.ObjectVal(all)
	}
	return &hcl.EvalContext{Variables: b.roots, Functions: w.functions}
}

func (w *world) staticContext(refs []lang.Reference) (*hcl.EvalContext, hcl.Diagnostics) {
	return w.contextFor(refs, static), nil
}

// staticLocal evaluates a local with resources unknown. Cycles have been excluded.
func (w *world) staticLocal(l *local) cty.Value {
	if l.value == cty.NilVal {
		v, ds := l.cfg.Expr.Value(w.contextFor(l.refs, static))
		if ds.HasErrors() {
			v = cty.DynamicVal
		}
		l.value, l.diags = v, ds // reported when the local is visited
	}
	return l.value
}

// lateLocal evaluates a local while applying, once: whoever needs it comes after everything that it depends on.
func (w *world) lateLocal(l *local) cty.Value {
	l.late.Do(func() {
		v, ds := l.cfg.Expr.Value(w.contextFor(l.refs, dynamic))
		if ds.HasErrors() {
			v = cty.DynamicVal // it shows where the local is used
		}
		l.value = v
	})
	return l.value
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
	keyed := r.cfg.Count != nil || r.cfg.ForEach != nil
	if ph == static {
		if keyed || r.cfg.Enabled != nil {
			return cty.DynamicVal
		}
		return cty.UnknownVal(r.schema.Block.Type())
	}
	if !r.expanded {
		return cty.DynamicVal
	}
	if !keyed {
		if len(r.instances) == 0 {
			return cty.NullVal(r.schema.Block.Type())
		}
		return w.instanceValue(r.instances[0], ph)
	}
	r.whole.mu.Lock()
	defer r.whole.mu.Unlock()
	if !r.whole.valid {
		r.whole.value, r.whole.valid = r.collect(w), true
	}
	return r.whole.value
}

// forget drops the cached value: an instance has got another one.
func (r *resource) forget() {
	r.whole.mu.Lock()
	r.whole.valid = false
	r.whole.mu.Unlock()
}

func (r *resource) collect(w *world) cty.Value {
	if r.cfg.Count != nil {
		vals := make([]cty.Value, len(r.instances))
		for i, inst := range r.instances {
			vals[i] = w.instanceValue(inst, dynamic)
		}
		return cty.TupleVal(vals)
	}
	vals := make(map[string]cty.Value, len(r.instances))
	for _, inst := range r.instances {
		key, _ := inst.addr.Key.Str()
		vals[key] = w.instanceValue(inst, dynamic)
	}
	return cty.ObjectVal(vals)
}

// instanceValue returns what a reference to one instance sees.
func (w *world) instanceValue(i *instance, ph phase) cty.Value {
	if ph == static || i.value == cty.NilVal {
		return cty.UnknownVal(i.res.schema.Block.Type())
	}
	return i.value
}
