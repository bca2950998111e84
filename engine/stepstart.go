package engine

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// begin finds out what the step starts from: which record it is about, where that is stored, and whether it stands aside
// while a new object is made. An earlier run of the same plan may have gone some of the way.
func (s *stepRun) begin() {
	c, rec := s.c, s.a.records[s.c.Addr]
	s.addr = c.Addr
	if c.Action == plans.Replace && c.CreateFirst {
		s.beginCreateFirst(rec)
		return
	}
	if rec == nil || c.Action == plans.Replace && s.op == plans.OpCreate {
		return
	}
	s.from = rec.from // what is only begun moves as well
	if rec.Revision > 0 {
		s.before = rec.Record
	}
}

func (s *stepRun) beginCreateFirst(rec *record) {
	c := s.c
	old := c.Addr
	old.Deposed = c.Deposed
	aside := s.a.records[old]
	present := s.present(rec)
	if s.op == plans.OpDelete {
		s.addr = old
	}
	switch {
	case aside != nil && s.op == plans.OpDelete:
		s.before = aside.Record
	case aside != nil:
		s.before = at(aside.Record, c.Addr)
	case present == nil:
	case s.op == plans.OpDelete:
		s.before = at(present, old)
	default:
		s.before, s.deposes = present, c.Deposed
		if rec != nil {
			s.from = rec.from
		}
	}
}

// present returns the record of the object that is to be replaced. One that is known only because a write without
// outcome was looked into has none, and gets one.
func (s *stepRun) present(rec *record) *state.Record {
	if rec != nil && rec.Revision > 0 {
		return rec.Record
	}
	if plainOf(s.c.Before).IsNull() {
		return nil
	}
	r, ds := s.a.makeRecord(s.c, s.c.Before, s.c.PriorPrivate, state.Ready)
	if ds.HasErrors() {
		return nil
	}
	return r
}

// at returns a copy of a record at another address.
func at(r *state.Record, a addr.Instance) *state.Record {
	c := *r
	c.Addr = a
	return &c
}

// revived is the address of the former object that becomes the present one again.
func (s *stepRun) revived() addr.Instance {
	a := s.c.Addr
	a.Deposed = s.c.Revives
	return a
}

// collides stops a replacement that creates first when it turns out only now that old and new are one object: deleting
// the old one would delete the new one.
func (s *stepRun) collides(i *instance, t providers.ResourceType, req *providers.ApplyRequest) hcl.Diagnostics {
	if !s.c.CreateFirst || s.op != plans.OpCreate {
		return nil
	}
	why := coexist(t.Schema(), s.c.Before, req.Planned)
	if why == "" {
		return nil
	}
	return i.place(hcl.Diagnostics{diag.Errorf(CodeCreateFirst, "Cannot create before destroying", "The new object of %s cannot exist beside the old one: %s. This was not known "+
		"when the plan was made. Nothing was changed; plan again.", s.c.Addr, why)})
}

// leaves lists the addresses whose records end with the outcome of the step, beside its own.
func (s *stepRun) leaves(made bool) (out []addr.Instance) {
	if !s.from.IsZero() {
		out = append(out, s.from)
	}
	if rec := s.a.records[s.c.Addr]; rec != nil && !rec.marked.IsZero() && rec.marked != s.addr {
		out = append(out, rec.marked) // what was begun there is resolved as well
	}
	if made && s.c.Revives != "" && s.op == plans.OpCreate {
		out = append(out, s.revived())
	}
	return out
}

// restored is the outcome of a creation that made nothing: the old object is the present one again.
func (s *stepRun) restored(out *state.Outcome) {
	out.After = s.before
	old := s.addr
	old.Deposed = s.c.Deposed
	out.Remove = append(out.Remove, old)
}

// replacesFirst reports whether the step makes the new object of a replacement while the old one stands aside.
func (s *stepRun) replacesFirst() bool { return s.c.CreateFirst && s.op == plans.OpCreate }

// untouched reports whether a value says that a refused step left everything as it was.
func untouched(v, prior cty.Value) bool { return v.IsNull() || same(v, prior) }
