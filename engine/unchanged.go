package engine

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
)

// unchanged reports whether an update that was planned because of something unknown turns out to change nothing. An
// update with another reason, such as an unfinished wait, is carried out all the same.
func (s *stepRun) unchanged(req *providers.ApplyRequest) bool {
	c := s.c
	return s.op == plans.OpUpdate && s.a.plan.Mode == plans.Normal && c.Reason == plans.NoReason && c.PreviousAddr.IsZero() && c.Import == "" && !c.Adopted &&
		!plainOf(c.After).IsWhollyKnown() && req.Planned.IsWhollyKnown() && req.Planned.RawEquals(req.Prior)
}

// pass ends such a step: the record is renewed, the object is not touched and does not count as updated.
func (s *stepRun) pass(ctx context.Context, i *instance, v cty.Value) hcl.Diagnostics {
	c := *s.c
	c.After, c.AfterSecret = s.marked(v), nil
	ds := s.a.recordOnly(ctx, s.n, &c, plans.OpRecord)
	if ds.HasErrors() {
		return ds
	}
	i.value = c.After
	i.res.forget()
	return append(ds, s.a.postconditions(i)...)
}
