package engine

import (
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// CodeTaken: a rollback would bring an object back to an address that another one has now.
const CodeTaken diag.Code = "rollback.address-taken"

// collect finds the first record of every instance that the runs touched, where it was, and what they did that cannot
// be undone.
func (r *rollback) collect(undo []*state.Journal) hcl.Diagnostics {
	r.moved = map[addr.Instance]addr.Instance{} // where a record is after the runs → where it was before them
	vacated := map[addr.Instance]bool{}
	for _, j := range slices.Backward(undo) { // oldest first: the first intent has the record to restore
		for _, s := range j.Steps {
			took := s.Outcome == nil || !s.Outcome.Failed || s.Outcome.After != nil || !s.Intent.From.IsZero()
			if !took || s.Intent.Addr.Deposed != "" { // former objects come and go with their instance
				continue
			}
			moved := s.Outcome != nil && (!s.Outcome.Failed || s.Outcome.After != nil)
			origin, d := r.origin(&s.Intent, moved, vacated)
			if d != nil {
				return hcl.Diagnostics{d}
			}
			if s.Intent.Irreversible != "" {
				r.plan.Reverts.Lost = append(r.plan.Reverts.Lost, plans.Lost{Addr: s.Intent.Addr, Run: uint64(j.Run.ID), Reason: s.Intent.Irreversible})
				continue
			}
			if _, known := r.former[origin]; known {
				continue
			}
			f := &former{run: j.Run.ID, imported: s.Intent.Imports}
			if s.Intent.Before != nil {
				before := *s.Intent.Before
				before.Addr = origin
				rec, err := r.record(&before)
				if err != nil {
					return diag.FromError(CodeState, "State cannot be read", err, nil)
				}
				f.record = rec
			}
			r.former[origin] = f
		}
	}
	return nil
}

// origin returns where the object of an intent was before the runs, and follows it when the step moved it.
func (r *rollback) origin(in *state.Intent, tookPlace bool, vacated map[addr.Instance]bool) (addr.Instance, *hcl.Diagnostic) {
	from := in.Addr
	if !in.From.IsZero() {
		from = in.From.Current() // a former object took the present one's place again
	}
	origin, moved := r.moved[from]
	if !moved {
		origin = from
		if vacated[from] {
			return from, diag.Errorf(CodeTaken, "Address is taken", "What was at %s has moved since, and another object is there now. Roll the later runs back first: \"meshplan history\" lists them.", from)
		}
	}
	if from == in.Addr || !tookPlace {
		return origin, nil
	}
	delete(r.moved, from)
	vacated[from] = true
	delete(vacated, in.Addr)
	if in.Addr != origin {
		r.moved[in.Addr] = origin
	}
	return origin, nil
}
