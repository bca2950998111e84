package engine

import (
	"cmp"
	"slices"

	"github.com/zclconf/go-cty/cty"
)

// What a provider says about order is asked for before anything is planned. An attribute that comes by reference, most of all
// the name of a namespace, would be unknown then and order nothing, so this phase sees of each resource a sketch: the values
// that its own block gives it. Whatever only planning or applying finds out stays unknown.

// sketchTargets marks the resources whose sketches others need to say their place in the order. It costs O(references).
func (w *world) sketchTargets() {
	for _, r := range slices.Backward(w.referredFirst) {
		if !r.usesNodes || !r.sketched && r.orderer() == nil {
			continue
		}
		for _, ref := range w.dependencies(r) {
			if to := w.resources[ref.Resource]; to != nil && to.typ != nil {
				to.sketched = true
			}
		}
	}
}

// sketchEach evaluates for_each of a resource whose values, though not its keys, come from others.
func (w *world) sketchEach(r *resource) {
	if r.eachLate {
		if values, done, _ := w.forEach(&r.repetition, ordering); done {
			r.eachSketch = values
		}
	}
}

// sketch keeps what the block of an instance says of it. Attributes whose changes are ignored may have other values.
func (i *instance) sketch(config cty.Value) {
	r := i.res
	if !r.sketched || r.cfg.Lifecycle.IgnoreAll {
		return
	}
	plain, marks := unmark(config)
	v := r.schema.Block.Propose(r.schema.Block.Null(), plain)
	if ignored := r.cfg.Lifecycle.IgnoreChanges; len(ignored) > 0 && v.IsKnown() && !v.IsNull() {
		attrs := v.AsValueMap()
		for _, t := range ignored {
			if step, ok := toPath(t)[0].(cty.GetAttrStep); ok {
				attrs[step.Name] = cty.UnknownVal(v.GetAttr(step.Name).Type())
			}
		}
		v = cty.ObjectVal(attrs)
	}
	i.sketched = remark(v, marks)
}

// sketchOf returns the sketch of an instance, or an unknown value when there is none.
func sketchOf(i *instance) cty.Value {
	if i.sketched == cty.NilVal {
		return cty.UnknownVal(i.res.schema.Block.Type())
	}
	return i.sketched
}

// sketchOfAll returns the sketches of a resource with all its instances.
func (w *world) sketchOfAll(r *resource) cty.Value {
	switch {
	case !r.expanded:
		return w.wholeValue(r, static)
	case r.keyed():
		return r.collect(w, ordering)
	case len(r.instances) == 0:
		return cty.NullVal(r.schema.Block.Type())
	}
	return sketchOf(r.instances[0])
}

// dropSketches frees them: planning has better values.
func (w *world) dropSketches() {
	for _, r := range w.sorted {
		r.eachSketch = nil
		for _, i := range r.instances {
			i.sketched = cty.NilVal
		}
	}
}

// eachValueOf returns each.value of an instance.
func (i *instance) eachValueOf(ph phase) cty.Value {
	if ph == ordering && i.res.eachSketch != nil {
		key, _ := i.addr.Key.Str()
		return cmp.Or(i.res.eachSketch[key], i.each)
	}
	return i.each
}
