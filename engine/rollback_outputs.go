package engine

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// planFormerOutputs restores the outputs as they were before the oldest run that is undone. A former value is not
// always true afterwards: an object that is made anew has another identity. So an output whose block in the
// configuration still means what it meant then is evaluated again, when the rollback is applied; and a value that shows
// an identity which is gone is dropped, with a warning, rather than kept as a lie.
func (r *rollback) planFormerOutputs(was map[string]state.Output) (ds hcl.Diagnostics) {
	r.plan.Reverts.Outputs = map[string][]byte{}
	before, after := r.outputValues(was)
	gone := r.goneIdentities()
	keep := map[string]*named{}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		keep[name] = &named{}
		stored, err := r.decoder.Decode(was[name].Value)
		if err != nil {
			continue
		}
		o := plans.OutputChange{Name: name, Sensitive: was[name].Sensitive}
		now, had := r.outputBefore(name)
		if had {
			o.Before = now.Plain
		}
		full, missing := stored.Reveal(before[name], r.identity.Key)
		switch {
		case before[name] != cty.NilVal && len(missing) == 0 && same(full, before[name]):
			o.After = after[name]
			if had {
				o.Before, _ = now.Reveal(o.After, r.identity.Key)
			}
		case shows(stored.Plain, gone):
			o.After = cty.NilVal
			ds = append(ds, diag.Warningf(CodeFormerOutput, "Output has no former value", "The output %q showed the identity of an object that is made anew, and its block in the configuration "+
				"is not what it was then. It is removed; apply the former configuration to have it again.", name))
		default:
			r.plan.Reverts.Outputs[name] = was[name].Value
			o.After = stored.Plain
			if o.Sensitive && had && now.Same(stored) {
				o.Before = o.After
			}
			if o.Sensitive {
				o.After = o.After.Mark(schema.Sensitive)
			}
		}
		r.plan.Outputs = append(r.plan.Outputs, o)
	}
	r.planOutputs(keep)
	return ds
}

// outputValues evaluates the outputs of the configuration that were there before, with the values of then and with those
// that the rollback gives. What cannot be known is left out of the former. It costs two evaluations of the values that
// outputs need.
func (r *rollback) outputValues(was map[string]state.Output) (before, after map[string]cty.Value) {
	evaluate := func(valueOf func(*instance) cty.Value, known bool) map[string]cty.Value {
		for _, res := range r.sorted {
			for _, i := range res.instances {
				i.value = valueOf(i)
			}
			res.forget()
		}
		out := map[string]cty.Value{}
		order, err := r.evalGraph(false).Sort()
		if err != nil {
			return out
		}
		for _, n := range order {
			switch {
			case n.kind == nodeOutput && n.mod == "":
				if _, ok := was[n.name]; !ok {
					continue
				}
				if v, ds := r.evaluateOutput(n.name); !ds.HasErrors() && (!known || plainOf(v).IsWhollyKnown()) {
					out[n.name] = v
				}
			case n.kind == nodeVariable, n.kind == nodeLocal, n.kind == nodeOutput:
				r.visitNamed(r.namedAt(n)) // errors come again with what needs the value
			}
		}
		return out
	}
	before = evaluate(r.formerValue, true)
	after = evaluate(func(i *instance) cty.Value {
		if c := r.changes[i.addr]; c != nil {
			return c.After
		}
		return i.res.schema.Block.Null()
	}, false)
	for name := range before {
		if after[name] == cty.NilVal {
			delete(before, name)
		}
	}
	return before, after
}

// formerValue is what a reference to an instance saw before the runs that are undone. Data sources are not read for a
// rollback.
func (r *rollback) formerValue(i *instance) cty.Value {
	switch f := r.former[i.addr]; {
	case i.res.source != nil:
		return cty.UnknownVal(i.res.schema.Block.Type())
	case f != nil && f.record != nil:
		return i.res.schema.Block.MarkSensitive(f.record.sealed.Plain)
	case f != nil:
		return i.res.schema.Block.Null()
	}
	if rec := r.records[i.addr]; rec != nil {
		return i.res.schema.Block.MarkSensitive(rec.sealed.Plain)
	}
	return i.res.schema.Block.Null()
}

// goneIdentities lists the texts that objects had computed for them and that they get anew.
func (r *rollback) goneIdentities() map[string]bool {
	gone := map[string]bool{}
	for a, f := range r.former {
		c := r.changes[a]
		if c == nil || f.record == nil || plainOf(c.After).IsWhollyKnown() {
			continue
		}
		_ = cty.Walk(plainOf(c.After), func(p cty.Path, v cty.Value) (bool, error) {
			if !v.IsKnown() {
				if was, err := p.Apply(f.record.sealed.Plain); err == nil {
					texts(was, func(s string) { gone[s] = true })
				}
			}
			return v.IsKnown(), nil
		})
	}
	return gone
}

// shows reports whether one of some texts stands in a value.
func shows(v cty.Value, any map[string]bool) (found bool) {
	texts(v, func(s string) { found = found || any[s] })
	return found
}

// texts calls fn for every text of a value that is not empty.
func texts(v cty.Value, fn func(string)) {
	if v == cty.NilVal {
		return
	}
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if v.IsKnown() && !v.IsNull() && v.Type() == cty.String && v.AsString() != "" {
			fn(v.AsString())
		}
		return true, nil
	})
}
