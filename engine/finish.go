package engine

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/dag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// finish writes outputs, closes the run and reports.
func (a *applier) finish(ctx context.Context, report *dag.Report[int]) (*Result, hcl.Diagnostics) {
	res := &Result{Run: a.writer.ID(), Outcome: state.Succeeded, Summary: a.summary}
	seen := map[addr.Instance]bool{}
	for _, o := range report.Outcomes {
		s := a.step(o.Node)
		if o.Status == dag.Done || s.Op == plans.OpPass || seen[s.Addr] {
			continue
		}
		seen[s.Addr] = true
		switch o.Status {
		case dag.Failed:
			res.Failed = append(res.Failed, s.Addr)
		case dag.Skipped:
			res.Skipped = append(res.Skipped, Skip{Addr: s.Addr, Cause: a.step(o.Cause.Node).Addr})
		case dag.Canceled:
			res.Canceled = append(res.Canceled, s.Addr)
		}
	}
	for _, n := range report.CriticalPath() {
		if s := a.step(n); s.Op != plans.OpPass && !a.done[n] {
			res.Critical = append(res.Critical, s.Addr)
		}
	}
	a.mu.Lock()
	stopping := a.stopping
	a.mu.Unlock()
	switch {
	case len(res.Canceled) > 0 || ctx.Err() != nil || stopping && len(res.Failed) > 0:
		res.Outcome = state.Interrupted
	case len(res.Failed) > 0:
		res.Outcome = state.Failed
	}
	ds := a.ds
	if res.Outcome == state.Succeeded && a.plan.Mode == plans.Normal {
		for _, c := range a.checks {
			ds = append(ds, a.evaluateCheck(ctx, c, false)...)
		}
	}
	if more := a.finishOutputs(res); more != nil {
		ds = append(ds, more...)
	}
	f := state.Finish{Result: res.Outcome, Summary: a.summary, Clusters: a.clusters, Error: firstError(ds)}
	if err := a.writer.Finish(f); err != nil {
		ds = append(ds, stateError(err)...)
	}
	return res, ds
}

// storedOutput returns the former value that a rollback restores.
func (a *applier) storedOutput(name string) ([]byte, bool) {
	if a.plan.Reverts == nil {
		return nil, false
	}
	stored, ok := a.plan.Reverts.Outputs[name]
	return stored, ok
}

// finishOutputs stores the outputs. Those that depend on a failure keep their former values.
func (a *applier) finishOutputs(res *Result) (ds hcl.Diagnostics) {
	out, unapplied := map[string]state.Output{}, res.unapplied()
	for i := range a.plan.Outputs {
		o := a.plan.Outputs[i]
		former, had := a.snapshot.Outputs[o.Name]
		v := o.After
		if v == cty.NilVal {
			if res.Outcome != state.Succeeded && had {
				out[o.Name] = former
			}
			continue
		}
		if stored, ok := a.storedOutput(o.Name); ok {
			if had {
				out[o.Name] = former
			}
			v = cty.NilVal
			if res.Outcome == state.Succeeded {
				out[o.Name] = state.Output{Value: stored, Sensitive: o.Sensitive}
			}
		} else if n := a.outputs[o.Name]; n != nil {
			if n.restsOn(unapplied) {
				if had {
					out[o.Name] = former
				}
				continue
			}
			got, more := a.evaluateOutput(o.Name)
			plain, _ := unmark(got)
			if more.HasErrors() || !plain.IsWhollyKnown() {
				if res.Outcome == state.Succeeded {
					ds = append(ds, more...)
				}
				if had {
					out[o.Name] = former
				}
				continue
			}
			v = got
			sealedOut, err := a.sealOutput(v, o.Sensitive)
			if err != nil {
				ds = append(ds, stateError(err)...)
				continue
			}
			out[o.Name] = sealedOut
		}
		if v != cty.NilVal {
			o.After = v
		}
		res.Outputs = append(res.Outputs, o)
	}
	if err := a.writer.Outputs(out); err != nil {
		ds = append(ds, stateError(err)...)
	}
	return ds
}
