package engine

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// CodeSensitiveOutput: an output shows a sensitive value without saying so.
const CodeSensitiveOutput diag.Code = "config.sensitive-output"

// outputBefore returns the stored value of an output; secrets are null.
func (w *world) outputBefore(name string) (sealed.Value, bool) {
	o, ok := w.snapshot.Outputs[name]
	if !ok {
		return sealed.Value{}, false
	}
	v, err := w.decoder.Decode(o.Value)
	return v, err == nil
}

// evaluateOutput returns the value of an output of the root as far as it is known.
func (w *world) evaluateOutput(name string) (cty.Value, hcl.Diagnostics) {
	n := w.outputs[name]
	v, ds := w.evaluateNamed(n, dynamic)
	if ds.HasErrors() {
		return v, ds
	}
	if !schema.Finite(v) {
		return v, append(ds, diag.Error(schema.CodeInvalidValue, "Infinite number",
			"The value of output \""+name+"\" has a number that is infinite, as after a division by zero. Only finite numbers can be kept.", n.valueRange()))
	}
	if schema.IsEphemeral(v) {
		return v, append(ds, diag.Error(CodeSensitiveOutput, "Ephemeral output", "Outputs are stored, and an ephemeral value must not be.", n.valueRange()))
	}
	if schema.IsSensitive(v) && !n.output.Sensitive {
		return v, append(ds, diag.Error(CodeSensitiveOutput, "Output shows a sensitive value",
			"The value of output \""+name+"\" holds something sensitive. Write sensitive = true to keep it out of sight, or nonsensitive() if it is no secret.", n.valueRange()))
	}
	return v, ds
}

// leak refuses an ephemeral value in an output of a called module that does not say so. Sensitive ones stay marked.
func (n *named) leak(v cty.Value) hcl.Diagnostics {
	if n.output.Ephemeral || !schema.IsEphemeral(v) {
		return nil
	}
	return hcl.Diagnostics{diag.Error(CodeSensitiveOutput, "Ephemeral output", "The value is ephemeral. Write ephemeral = true, so that the caller knows that it cannot be stored.", n.valueRange())}
}

func (n *named) valueRange() *hcl.Range {
	if n.expr == nil {
		return n.rng.Ptr()
	}
	return n.expr.Range().Ptr()
}

// planOutput records what an output becomes.
func (p *planner) planOutput(name string) hcl.Diagnostics {
	if !p.wantsOutput(p.outputs[name]) {
		if before, had := p.outputBefore(name); had {
			p.addOutput(plans.OutputChange{Name: name, Before: before.Plain, After: before.Plain, Sensitive: p.snapshot.Outputs[name].Sensitive})
		}
		return nil
	}
	v, ds := p.evaluateOutput(name)
	if ds.HasErrors() {
		return ds
	}
	before, had := p.outputBefore(name)
	o := plans.OutputChange{Name: name, After: v, Before: cty.NilVal, Sensitive: p.outputs[name].output.Sensitive, Description: p.outputs[name].output.Description}
	if had {
		o.Before, _ = before.Reveal(v, p.identity.Key)
	}
	p.addOutput(o)
	return ds
}

func (p *planner) addOutput(o plans.OutputChange) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan.Outputs = append(p.plan.Outputs, o)
}

// wantsOutput reports whether a plan with targets has to do with an output: one that depends only on what is left alone
// stays as it is.
func (p *planner) wantsOutput(n *named) bool {
	return p.wanted == nil || len(n.nodes) == 0 || n.restsOn(p.wantedOf)
}

// restsOn reports whether a value depends on one of the resources.
func (n *named) restsOn(resources map[addr.Resource]bool) bool {
	return slices.ContainsFunc(n.nodes, func(r ref) bool { return resources[r.Resource] })
}

// unapplied returns the resources of which something was not applied as planned.
func (r *Result) unapplied() map[addr.Resource]bool {
	out := map[addr.Resource]bool{}
	for _, a := range slices.Concat(r.Failed, r.Canceled) {
		out[a.Resource] = true
	}
	for _, s := range r.Skipped {
		out[s.Addr.Resource] = true
	}
	return out
}

// planOutputs adds the outputs that go away, and sorts them. keep says which names stay.
func (p *planner) planOutputs(keep map[string]*named) {
	for _, name := range slices.Sorted(maps.Keys(p.snapshot.Outputs)) {
		if keep[name] == nil {
			before, _ := p.outputBefore(name)
			p.plan.Outputs = append(p.plan.Outputs, plans.OutputChange{Name: name, Before: before.Plain, After: cty.NilVal, Sensitive: p.snapshot.Outputs[name].Sensitive})
		}
	}
}

// sealOutput encodes an output's value for the state.
func (w *world) sealOutput(v cty.Value, sensitive bool) (state.Output, error) {
	b, err := w.encoder.Encode(sealed.Seal(v, w.identity.Key))
	return state.Output{Value: b, Sensitive: sensitive}, err
}
