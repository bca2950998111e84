package engine

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

const (
	// CodeTaken: a rollback would bring an object back to an address that another one has now.
	CodeTaken diag.Code = "rollback.address-taken"
	// CodeUnfinishedRollback: the run that is undone was a rollback that did not come to its end.
	CodeUnfinishedRollback diag.Code = "rollback.unfinished"
	// CodeNotUndone: a rollback that a failure started leaves something as it is.
	CodeNotUndone diag.Code = "rollback.not-undone"
)

// former is what an instance was before the runs that are undone; a nil record says that it did not exist.
type former struct {
	record   *record
	run      state.RunID
	imported bool // it existed before and was taken over: undoing that gives it back
	// left is the revision that the runs left the record with, 0 when they left none, and known whether that is known.
	left  uint64
	known bool
}

// collect finds the first record of every instance that the runs touched, where it was, how they left it, and what
// they did that cannot be undone.
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
			if s.Outcome == nil && !s.Intent.From.IsZero() {
				moved = r.hasMoved(&s.Intent, undo)
			}
			origin, d := r.origin(&s.Intent, moved, vacated)
			if d != nil {
				return hcl.Diagnostics{d}
			}
			f, known := r.former[origin]
			switch {
			case s.Intent.Irreversible != "" && known && f.record == nil && !f.imported:
				// The runs made the object: it goes as a whole, whatever became of it in between.
			case s.Intent.Irreversible != "":
				r.lose(s.Intent.Addr, j.Run.ID, s.Intent.Irreversible)
				delete(r.former, origin) // what was before the step is out of reach
				continue
			case !known:
				if f, d = r.formerOf(&s.Intent, j.Run.ID, origin); d != nil {
					return hcl.Diagnostics{d}
				}
				r.former[origin] = f
			}
			f.left, f.known = leftBy(s.Outcome)
		}
	}
	r.moveFormer()
	return nil
}

// moveFormer lets former objects go where their instances go.
func (r *rollback) moveFormer() {
	for _, rec := range r.snapshot.Records {
		if to, ok := r.moved[rec.Addr.Current()]; ok && rec.Addr.Deposed != "" {
			to.Deposed = rec.Addr.Deposed
			r.moved[rec.Addr] = to
		}
	}
}

// hasMoved reports whether a step without outcome moved the record, as a checkpoint does: where the next step found it
// tells, or else where it is now. It costs O(steps of later runs), for such steps only.
func (r *rollback) hasMoved(in *state.Intent, undo []*state.Journal) bool {
	for _, j := range slices.Backward(undo) {
		if j.Run.ID <= in.Run {
			continue
		}
		for _, s := range j.Steps {
			found := s.Intent.Addr
			if !s.Intent.From.IsZero() {
				found = s.Intent.From
			}
			if found == in.Addr || found == in.From {
				return found == in.Addr
			}
		}
	}
	return !slices.ContainsFunc(r.snapshot.Records, func(rec *state.Record) bool { return rec.Addr == in.From })
}

// formerOf reads what an intent says of the time before it.
func (r *rollback) formerOf(in *state.Intent, run state.RunID, origin addr.Instance) (*former, *hcl.Diagnostic) {
	f := &former{run: run, imported: in.Imports}
	if in.Before != nil {
		before := *in.Before
		before.Addr = origin
		rec, err := r.record(&before)
		if err != nil {
			return nil, diag.FromError(CodeState, "State cannot be read", err, nil)[0]
		}
		f.record = rec
	}
	return f, nil
}

// leftBy returns the revision of the record that an outcome left, and whether that is known.
func leftBy(o *state.Outcome) (revision uint64, known bool) {
	switch {
	case o == nil || o.Failed && o.After == nil: // the next step of the address tells
		return 0, false
	case o.After == nil:
		return 0, true
	}
	return o.After.Revision, true
}

// changedSince says why the runs cannot be undone for an instance whose record others have changed since, or "". Only
// what is outside of runs can do that: every later run is undone as well.
func (f *former) changedSince(rec *record) string {
	if !f.known || rec != nil && (rec.unresolved || rec.Revision == f.left) || rec == nil && f.left == 0 {
		return ""
	}
	if rec == nil || rec.Revision == 0 {
		return "its record has been removed since, outside of a run (state rm, mv or push), so the object is left alone"
	}
	return "its record has been changed since, outside of a run (state mv, push or recover), so it may be about another object; apply the former configuration instead"
}

func (r *rollback) lose(a addr.Instance, run state.RunID, reason string) {
	r.plan.Reverts.Lost = append(r.plan.Reverts.Lost, plans.Lost{Addr: a, Run: uint64(run), Reason: reason})
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

// undone words a step that cannot be undone for a place where there is no preview.
func undone(l plans.Lost) *hcl.Diagnostic {
	return diag.For(diag.Warningf(CodeNotUndone, "Step is not undone", "%s (run %d) stays as it is: %s.", l.Addr, l.Run, l.Reason), l.Addr.String())
}

// givenBack says where an object that was taken over ends.
func givenBack(run state.RunID, restored bool) string {
	if restored {
		return fmt.Sprintf("run %d took it over: it gets its values from before that, and is no longer managed or marked as ours", run)
	}
	return fmt.Sprintf("run %d took it over: it stays as it is and is no longer managed or marked as ours", run)
}
