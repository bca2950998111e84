package gate

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// gate is the resource type linkerd_gate.
type gate struct{ env env.Env }

// Schema implements providers.ResourceType.
func (gate) Schema() *schema.Resource { return gateSchema() }

// Order implements providers.Orderer: a gate comes after what it refers to, and after the injection that it would prove.
func (gate) Order(config cty.Value) providers.Order {
	ns := schema.Text(config.GetAttr("namespace"))
	if schema.Text(config.GetAttr("expect")) != expectMeshed || ns == "" {
		return providers.Order{}
	}
	return providers.Order{After: []providers.Tag{providers.Tag("linkerd:injection/" + ns)}}
}

// Reverse implements providers.Reverser: to forget a proof undoes it.
func (gate) Reverse(_, _ cty.Value) providers.Reversal {
	return providers.Reversal{Undo: providers.Restore, Reason: "a gate changes nothing; its record is restored"}
}

// Plan implements providers.ResourceType. It makes no request.
func (t gate) Plan(_ context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	if req.Config.IsNull() {
		return providers.PlanResponse{Planned: cty.NullVal(req.Prior.Type())}, nil
	}
	attrs := req.Proposed.AsValueMap()
	res := providers.PlanResponse{}
	again := req.Prior.IsNull() || req.Replacing || req.Incomplete || req.Prior.GetAttr("result").IsNull()
	if !again {
		for name, was := range req.Prior.AsValueMap() {
			switch name {
			case "result", "timeout", "recheck": // they do not decide what is proved
			default:
				again = again || !was.RawEquals(attrs[name])
			}
		}
	}
	switch {
	case again:
		attrs["result"] = cty.UnknownVal(cty.String)
	case attrs["recheck"].IsKnown() && attrs["recheck"].True() && watchesTraffic(schema.Text(attrs["expect"])):
		attrs["result"] = cty.UnknownVal(cty.String)
		res.Again = "recheck: the proof is repeated in every run"
	}
	res.Planned = cty.ObjectVal(attrs)
	return res, nil
}

func watchesTraffic(expect string) bool { return expect == expectMTLS || expect == expectSuccess }

// Apply implements providers.ResourceType. It holds no slot for writes, because it writes nothing.
func (t gate) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	if req.Deleting() {
		return providers.ApplyResponse{Value: cty.NullVal(req.Prior.Type())}, nil
	}
	if req.Planned.GetAttr("result").IsKnown() {
		return providers.ApplyResponse{Value: req.Planned}, nil // only what does not matter to the proof changed
	}
	req.Step.Release()
	result, ds := t.prove(ctx, specOf(req.Planned), req.Step)
	if ds.HasErrors() {
		return providers.ApplyResponse{Value: req.Prior}, ds
	}
	attrs := req.Planned.AsValueMap()
	attrs["result"] = cty.StringVal(result)
	return providers.ApplyResponse{Value: cty.ObjectVal(attrs)}, nil
}

// prove looks until the statement holds or time is up.
func (t gate) prove(ctx context.Context, s spec, step providers.Step) (string, hcl.Diagnostics) {
	deadline := time.Now().Add(s.timeout)
	for delay := 250 * time.Millisecond; ; delay = min(delay*2, 5*time.Second) {
		f, ds := t.look(ctx, s, step)
		if ds.HasErrors() {
			return "", ds
		}
		if f.holds() {
			return f.result, nil
		}
		over := time.Now().After(deadline)
		if !over {
			step.Progress(providers.Progress{Message: "not proved yet: " + f.summary(), Waiting: true})
		}
		if over || !pause(ctx, delay) {
			return "", hcl.Diagnostics{f.failure(ctx, s)}
		}
	}
}

// failure says what contradicts the statement.
func (f finding) failure(ctx context.Context, s spec) *hcl.Diagnostic {
	when := fmt.Sprintf("within %s", s.timeout)
	if ctx.Err() != nil {
		when = fmt.Sprintf("before the wait was interrupted (%v)", context.Cause(ctx))
	}
	if len(f.against) == 0 {
		return diag.Errorf(CodeNoData, "Not enough was measured", "The statement %q could not be proved %s: %s. What is not measured is not proved: make traffic, widen the window, or lower min_requests.",
			s.expect, when, strings.Join(f.open, "; "))
	}
	return diag.Errorf(CodeNotProved, "Statement does not hold", "The statement %q was not proved %s: %s.", s.expect, when, strings.Join(append(f.against, f.open...), "; "))
}

// Read implements providers.ResourceType. A proof stays as it was recorded; with recheck, one that can be repeated
// without waiting is, and a statement that does not hold any more loses its result.
func (t gate) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	for i, r := range reqs {
		out[i] = providers.ReadResponse{Value: r.Value}
		if r.Unresolved {
			out[i].Value = cty.NullVal(r.Value.Type()) // nothing was written: prove it again
			continue
		}
		s := specOf(r.Value)
		if recheck := r.Value.GetAttr("recheck"); recheck.IsNull() || recheck.False() || watchesTraffic(s.expect) {
			continue
		}
		f, ds := t.look(ctx, s, silent{})
		if out[i].Diagnostics = ds; !ds.HasErrors() && !f.holds() {
			attrs := r.Value.AsValueMap()
			attrs["result"] = cty.NullVal(cty.String)
			out[i].Value = cty.ObjectVal(attrs)
		}
	}
	return out, nil
}

// silent is a step that nobody watches.
type silent struct{}

func (silent) Progress(providers.Progress)        {}
func (silent) Checkpoint(cty.Value, []byte) error { return nil }
func (silent) Release()                           {}

// pause waits and reports whether the context is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
