package engine

import (
	"context"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/providers"
)

// prepare does everything that needs no resource's value: providers, instances, configuration that depends on no
// resource, and what providers say about order. It costs O(instances + references).
func (w *world) prepare(ctx context.Context) hcl.Diagnostics {
	for _, m := range w.modules {
		for _, n := range m.values() { // in parallel it would be too late
			if len(n.nodes) == 0 && (n.kind != nodeVariable || m.parent != nil) {
				w.staticValue(n)
			}
		}
	}
	ds := w.configureProviders(ctx)
	if ds.HasErrors() {
		return ds
	}
	w.sketchTargets()
	defer w.dropSketches()
	for _, r := range w.referredFirst {
		if r.check != nil {
			continue
		}
		done, more := w.expand(r, static)
		ds = append(ds, more...)
		if !done {
			continue
		}
		w.sketchEach(r)
		ds = append(ds, w.prepareInstances(r)...)
	}
	if !ds.HasErrors() {
		w.linkInstances()
	}
	return ds
}

// prepareInstances prepares the instances of a resource: the first one alone, which builds what they share, the others
// in parallel.
func (w *world) prepareInstances(r *resource) (ds hcl.Diagnostics) {
	if len(r.instances) == 0 {
		return nil
	}
	if ds = w.prepareInstance(r.instances[0]); ds.HasErrors() {
		return ds // the other instances would say the same
	}
	rest := r.instances[1:]
	found := make([]hcl.Diagnostics, len(rest))
	inParallel(len(rest), func(n int) { found[n] = w.prepareInstance(rest[n]) })
	for _, more := range found {
		ds = append(ds, more...)
		if more.HasErrors() {
			break // as above
		}
	}
	return ds
}

// prepareInstance evaluates the configuration as far as it is known, keeps it when no resource can change it any
// more, and asks the provider for the instance's place in the order. Where others have a say, it sees their sketches.
func (w *world) prepareInstance(i *instance) hcl.Diagnostics {
	r := i.res
	orderer := r.orderer()
	ph := static
	if r.usesNodes {
		if orderer == nil && !r.sketched {
			return nil // evaluated when it is visited
		}
		ph = ordering
	}
	v, ds := r.schema.Block.Decode(r.cfg.Body, w.context(i, ph))
	if ds.HasErrors() {
		return i.place(ds)
	}
	if !r.usesNodes {
		i.config = v
	}
	if orderer != nil {
		i.order = orderer.Order(plainOf(v))
	}
	i.sketch(v)
	return i.place(ds)
}

func (r *resource) orderer() providers.Orderer {
	var any any = r.typ
	if r.typ == nil {
		any = r.source
	}
	o, _ := any.(providers.Orderer)
	return o
}

// linkInstances resolves references and tags to direct dependencies of instances. References are written once for each
// instance; a reference to a whole resource stays one entry, however many instances that has.
func (w *world) linkInstances() {
	tags := map[providers.Tag][]*instance{}
	for _, r := range w.sorted {
		for _, i := range r.instances {
			for _, t := range i.order.Provides {
				tags[t] = append(tags[t], i)
			}
		}
	}
	for _, r := range w.sorted {
		var common []addr.Instance
		var precise []ref
		for _, ref := range w.dependencies(r) {
			if ref.Resource == r.addr {
				continue
			}
			if w.isPrecise(ref, r) && w.resources[ref.Resource].expanded {
				precise = append(precise, ref)
			} else {
				common = append(common, ref.Resource.Instance(addr.NoKey))
			}
		}
		for _, i := range r.instances {
			i.eval = slices.Clone(common)
			for _, ref := range precise {
				key := chosen(ref, i)
				if w.resources[ref.Resource].byKey[key] == nil {
					key = addr.NoKey
				}
				i.eval = append(i.eval, ref.Resource.Instance(key))
			}
			i.eval = tidy(i.eval)
			i.deps = slices.DeleteFunc(slices.Clone(i.eval), func(a addr.Instance) bool { return r.inverted[a.Resource] })
			for _, t := range i.order.After {
				for _, other := range tags[t] {
					if r.prov.shares(other.res.prov) {
						i.dependOn(other)
					}
				}
			}
		}
	}
	for _, r := range w.sorted {
		for _, i := range r.instances {
			for _, t := range i.order.Before {
				for _, other := range tags[t] {
					if r.prov.shares(other.res.prov) {
						other.dependOn(i)
					}
				}
			}
			for _, a := range i.eval {
				if !r.inverted[a.Resource] {
					continue
				}
				for _, guarded := range w.instancesOf(a) {
					guarded.dependOn(i)
				}
			}
		}
	}
	for _, r := range w.sorted {
		for _, i := range r.instances {
			i.deps = tidy(i.deps)
		}
	}
}

// dependOn makes i come after other when applying.
func (i *instance) dependOn(other *instance) {
	if i != other {
		i.deps = append(i.deps, other.addr)
	}
}

// instancesOf returns the instances that an entry of a dependency list means.
func (w *world) instancesOf(a addr.Instance) []*instance {
	r := w.resources[a.Resource]
	if r == nil {
		return nil
	}
	if i := r.byKey[a.Key]; i != nil {
		return []*instance{i}
	}
	if a.Key == addr.NoKey {
		return r.instances
	}
	return nil
}

// tidy sorts a dependency list and drops what is said twice: an instance beside its whole resource as well.
func tidy(deps []addr.Instance) []addr.Instance {
	slices.SortFunc(deps, addr.Compare)
	out := deps[:0]
	for _, d := range deps {
		if n := len(out); n > 0 && (out[n-1] == d || out[n-1].Resource == d.Resource && out[n-1].Key == addr.NoKey) {
			continue
		}
		out = append(out, d)
	}
	return out
}

// linkDynamic completes a resource whose instances became known only now: they depend on all that the block mentions.
func (w *world) linkDynamic(r *resource) {
	var all []addr.Instance
	for _, ref := range w.dependencies(r) {
		if ref.Resource != r.addr {
			all = append(all, ref.Resource.Instance(addr.NoKey))
		}
	}
	all = tidy(all)
	for _, i := range r.instances {
		i.eval = all
		i.deps = slices.DeleteFunc(slices.Clone(all), func(a addr.Instance) bool { return r.inverted[a.Resource] })
		if o := r.orderer(); o != nil && i.config != cty.NilVal {
			i.order = o.Order(plainOf(i.config))
		}
	}
}

// validate checks what can be checked without state and system.
func (w *world) validate(ctx context.Context) hcl.Diagnostics {
	ds := w.configureProviders(ctx)
	for _, r := range w.sorted {
		if done, more := w.expand(r, static); !done {
			ds = append(ds, more...)
			r.addInstances([]addr.Key{addr.NoKey}, nil)
		}
		for n, i := range r.instances {
			if n == sample {
				break
			}
			if r.forEach != nil && i.each == cty.NilVal {
				i.each = cty.DynamicVal
			}
			v, more := r.schema.Block.Decode(r.cfg.Body, w.context(i, static))
			ds = append(ds, i.place(more)...)
			if more.HasErrors() {
				break
			}
			ds = append(ds, w.checkConfig(i, v)...)
		}
	}
	for _, m := range w.modules {
		for _, n := range m.values() {
			if n.kind != nodeVariable || m.parent != nil {
				w.staticValue(n)
				ds = append(ds, n.ds...)
			}
		}
	}
	for _, c := range w.checks {
		for _, rule := range c.cfg.Asserts {
			_, more := rule.Condition.Value(w.contextFor(c.in, c.refs, static))
			ds = append(ds, more...)
		}
	}
	return ds
}

// checkConfig runs the type's own validation and places its findings.
func (w *world) checkConfig(i *instance, config cty.Value) (ds hcl.Diagnostics) {
	if i.res.schema.Validate == nil {
		return nil
	}
	for _, p := range i.res.schema.Validate(plainOf(config)) {
		ds = append(ds, problem(p))
	}
	return i.place(ds)
}
