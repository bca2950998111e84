package engine

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/dag"
	"github.com/meshplan/meshplan/internal/diag"
)

// CodeOrder: the steps of a plan cannot be ordered.
const CodeOrder diag.Code = "plan.no-order"

// circle explains why there is no order. Blocks alone never make a circle (checkCycles finds those), so at least one step
// comes after another because a provider wants it; a reference is what people can change, so that is where it points.
func (s *sorter) circle(err error, cycle *dag.CycleError[orderNode]) *hcl.Diagnostic {
	if cycle == nil {
		return diag.FromError(CodeOrder, "No order of steps", err, nil)[0]
	}
	if d := s.needsCreateFirst(cycle.Cycle); d != nil {
		return d
	}
	const most = 8
	var at *hcl.Range
	var waits []string
	from, why := s.label(cycle.Cycle[0]), ""
	for k, n := range cycle.Cycle {
		next := cycle.Cycle[(k+1)%len(cycle.Cycle)]
		switch refers, known := s.refers(n, next); {
		case refers:
			why = ", to which it refers"
			if r := s.change(int(n) / 2).Range; at == nil && r.Filename != "" {
				at = &r
			}
		case known:
			why = ", as its provider orders them"
		}
		if int(next)/2 >= len(s.addrs) {
			continue // a join is no step: one of those that it stands for comes next
		}
		waits = append(waits, from+" after "+s.label(next)+why)
		from, why = s.label(next), ""
	}
	if hidden := len(waits) - most; hidden > 0 {
		waits = append(waits[:most-1], "and so on, until "+waits[len(waits)-1])
	}
	d := diag.Errorf(CodeOrder, "No order of steps", "These steps wait for each other in a circle: %s. "+
		"Remove the reference that goes against the provider's order; the documentation of the types says what that is.", strings.Join(waits, "; "))
	d.Subject = at
	return d
}

// refers reports whether n is made or changed after next because its block refers to it. It is not known of deletions, which
// follow what was recorded, and of steps whose block is gone.
func (s *sorter) refers(n, next orderNode) (refers, known bool) {
	i := int(n) / 2
	if i >= len(s.addrs) || n != up(i) {
		return false, false
	}
	a := s.addrs[i]
	r := s.p.resources[a.Resource]
	if r == nil || r.byKey[a.Key] == nil {
		return false, false
	}
	j := int(next) / 2
	if j >= len(s.addrs) {
		return true, true // to all instances of a resource
	}
	if next != up(j) {
		return false, false
	}
	to := s.addrs[j]
	return slices.ContainsFunc(r.byKey[a.Key].eval, func(d addr.Instance) bool {
		return d == to || d.Resource == to.Resource && d.Key == addr.NoKey
	}), true
}
