package engine

import (
	"context"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/sealed"
)

// Evaluator gives the value of an expression in the root module. It is not safe for concurrent use.
type Evaluator func(hcl.Expression) (cty.Value, hcl.Diagnostics)

// Console returns an evaluator that sees variables, local values and functions as configured, and resources and outputs
// as the last run recorded them; `output.NAME`, which configuration cannot write, is the recorded output. What is not
// recorded, data sources among it, is unknown. Recorded secrets are unknown and marked sensitive: only their
// fingerprints are kept. It reads the state and touches no system.
func (e *Engine) Console(ctx context.Context, c *config.Config, in Inputs) (Evaluator, hcl.Diagnostics) {
	snap, err := e.store.Snapshot(ctx)
	if err != nil {
		return nil, stateError(err)
	}
	w, ds := e.world(c, in, snap, worldOptions{offline: true})
	if ds.HasErrors() {
		return nil, ds
	}
	if ds = append(ds, w.readRecords(ctx)...); ds.HasErrors() {
		return nil, ds
	}
	w.recall()
	outputs := map[string]cty.Value{}
	for name := range snap.Outputs {
		if v, ok := w.outputBefore(name); ok {
			outputs[name] = unreveal(v)
			if snap.Outputs[name].Sensitive {
				outputs[name] = outputs[name].Mark(schema.Sensitive)
			}
		}
	}
	return func(expr hcl.Expression) (cty.Value, hcl.Diagnostics) {
		refs, ds := lang.ExprReferences(expr)
		seen := slices.DeleteFunc(w.root.place(refs), func(r ref) bool { return r.Kind == lang.RefResource && r.Resource.Type == "output" })
		ds = w.checkAll(ds, seen, site{})
		if ds.HasErrors() {
			return cty.DynamicVal, ds
		}
		scope := w.contextFor(w.root, seen, dynamic)
		scope.Variables["output"] = cty.ObjectVal(outputs)
		v, more := expr.Value(scope)
		return v, append(ds, more...)
	}, ds
}

// recall gives every instance the value that is recorded for it. A resource has the instances that are recorded; one
// without any, of which there could be several, stays unknown.
func (w *world) recall() {
	w.applying = true // local values are evaluated when they are needed
	recorded := map[addr.Resource][]addr.Key{}
	for _, a := range sortedKeys(w.records) {
		recorded[a.Resource] = append(recorded[a.Resource], a.Key)
	}
	for _, r := range w.sorted {
		keys := recorded[r.addr]
		if len(keys) == 0 && !r.keyed() {
			keys = []addr.Key{addr.NoKey}
		}
		if len(keys) == 0 {
			continue
		}
		r.addInstances(keys, nil)
		for _, i := range r.instances {
			if rec := w.records[i.addr]; rec != nil {
				i.value = unreveal(rec.sealed)
			}
		}
	}
}

// unreveal returns a stored value with an unknown, marked sensitive, in the place of each secret.
func unreveal(v sealed.Value) cty.Value {
	if len(v.Secrets) == 0 {
		return v.Plain
	}
	out, err := cty.Transform(v.Plain, func(p cty.Path, part cty.Value) (cty.Value, error) {
		for _, s := range v.Secrets {
			if s.Path.Equals(p) {
				return cty.UnknownVal(part.Type()).Mark(schema.Sensitive), nil
			}
		}
		return part, nil
	})
	if err != nil {
		return cty.DynamicVal.Mark(schema.Sensitive)
	}
	return out
}
