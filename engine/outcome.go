package engine

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// failure says how a step failed; the zero value means that it did not.
type failure struct {
	text    string
	refused bool // the system said no, and nothing was changed
}

func outcomeOf(all, fromProvider hcl.Diagnostics) failure {
	return failure{firstError(all), diag.AllRefused(fromProvider)}
}

// firstError returns the first error as a sentence or two, or "".
func firstError(ds hcl.Diagnostics) string {
	for _, d := range ds {
		if d.Severity == hcl.DiagError {
			return d.Summary + ": " + d.Detail
		}
	}
	return ""
}

// settle commits the outcome together with the record.
func (s *stepRun) settle(i *instance, resp providers.ApplyResponse, req *providers.ApplyRequest, fail failure) (ds hcl.Diagnostics) {
	a, c, before := s.a, s.c, s.before
	failed := fail.text != ""
	v := resp.Value
	if v == cty.NilVal {
		v = cty.NullVal(cty.DynamicPseudoType)
	}
	plain, marks := unmark(v)
	marked := s.remarked(plain, marks)
	if !failed {
		if d := s.consistent(i, plain, req); d != nil {
			ds = append(ds, d)
			failed, fail = true, failure{text: firstError(ds)}
		}
	}
	out := state.Outcome{Step: s.n, Addr: s.addr, Failed: failed, Error: fail.text, At: a.engine.options.Now().UTC()}
	status := state.Ready
	if failed {
		status = state.Incomplete
	}
	switch {
	case s.replacesFirst() && before != nil && failed && (plain.IsNull() || fail.refused && untouched(plain, req.Prior)):
		s.restored(&out)
	case failed && !s.from.IsZero() && untouched(plain, req.Prior):
		// The record stays where it is: the next plan moves it again, and takes the object with either mark.
	case fail.refused && before != nil && untouched(plain, req.Prior):
		out.After = before
	case s.addr.Deposed != "" && before != nil && !plain.IsNull():
		kept := *before
		kept.Status = state.Incomplete
		out.After = &kept
	case c.Forgets && !failed:
		out.Remove = s.leaves(false)
	case !plain.IsNull() && plain.IsWhollyKnown():
		r, more := a.makeRecord(c, marked, resp.Private, status)
		ds = append(ds, more...)
		out.After, out.Remove = r, s.leaves(true)
	case failed && before != nil: // nothing is known of an effect: the former record stays, to be looked at again
		kept := *before
		kept.Status = state.Incomplete
		out.After, out.Remove = &kept, s.leaves(false)
	case !failed:
		out.Remove = s.leaves(false)
	}
	if err := a.writer.Record(out); err != nil {
		return append(ds, stateError(err)...)
	}
	if failed || ds.HasErrors() {
		return ds
	}
	if s.op != plans.OpDelete {
		i.value = marked
		if i.res != nil {
			i.res.forget()
			if a.plan.Mode != plans.Rollback {
				ds = append(ds, a.postconditions(i)...)
			}
		}
	}
	a.count(c, s.op)
	return ds
}

// consistent holds a provider to its plan.
func (s *stepRun) consistent(i *instance, got cty.Value, req *providers.ApplyRequest) *hcl.Diagnostic {
	if s.op == plans.OpDelete {
		if !got.IsNull() {
			return providerBug(i, "After deleting %s it returned a value.", s.c.Addr)
		}
		return nil
	}
	if got.IsNull() || !got.IsWhollyKnown() {
		return providerBug(i, "After applying %s it returned a value that is null or not known.", s.c.Addr)
	}
	if path, ok := agrees(req.Planned, got, nil); !ok {
		return providerBug(i, "It planned another value for %s than it applied, at %q.", s.c.Addr, diag.PathString(path))
	}
	return nil
}

func (a *applier) count(c *plans.Change, op plans.Op) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.Import != "" {
		a.summary.Imported++
	}
	switch {
	case op == plans.OpForget:
		a.summary.Forgot++
	case c.Action == plans.Replace && op == plans.OpCreate:
		a.summary.Replaced++
	case c.Action == plans.Replace:
	case op == plans.OpCreate:
		a.summary.Created++
	case op == plans.OpUpdate:
		a.summary.Updated++
	case op == plans.OpDelete:
		a.summary.Deleted++
	}
}

// makeRecord seals a value into a record.
func (a *applier) makeRecord(c *plans.Change, v cty.Value, private []byte, status state.Status) (*state.Record, hcl.Diagnostics) {
	b, err := a.encoder.Encode(sealed.Seal(v, a.identity.Key))
	if err != nil {
		return nil, diag.FromError(CodeState, "Value cannot be recorded", err, nil)
	}
	r := &state.Record{Addr: c.Addr, Provider: c.Provider, Value: b, Private: private, DependsOn: c.DependsOn, Status: status,
		Protected: c.Protected, CreateFirst: c.CreateBeforeDestroy, Run: a.writer.ID()}
	if t := a.typeOf(c); t != nil {
		r.SchemaVersion = t.Schema().Version
	}
	if r.Secret, err = a.secrets(c, v); err != nil {
		return nil, diag.FromError(CodeState, "Value cannot be recorded", err, nil)
	}
	return r, nil
}
