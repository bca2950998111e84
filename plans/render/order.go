package render

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
)

// shown lists the actions in the order in which changes appear: what destroys comes last, nearest to the question
// whether to go on.
var shown = [...]plans.Action{plans.Read, plans.Create, plans.Update, plans.Forget, plans.Replace, plans.Delete}

// group holds the changes of one action, in execution order.
type group struct {
	action  plans.Action
	changes []*plans.Change
}

// groups sorts changes by action and leaves out what stays as it is.
func groups(changes []*plans.Change) (out []group) {
	for _, action := range shown {
		g := group{action: action}
		for _, c := range changes {
			if c.Action == action {
				g.changes = append(g.changes, c)
			}
		}
		if len(g.changes) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// symbol is the action's sign; a replacement shows what comes first.
func symbol(c *plans.Change) string {
	if c.Action == plans.Replace && c.CreateFirst {
		return "+/-"
	}
	return c.Action.Symbol()
}

// CountLine returns the line that sums a plan up, the same in every format: scripts look for it.
func CountLine(p *plans.Plan) string {
	if p.Empty() {
		if len(p.Unread) > 0 {
			return "No changes of what could be read."
		}
		return "No changes."
	}
	n := p.Counts()
	if n.Import > 0 {
		return fmt.Sprintf("Plan: %d to import, %d to create, %d to update, %d to replace, %d to delete.", n.Import, n.Create, n.Update, n.Replace, n.Delete)
	}
	return fmt.Sprintf("Plan: %d to create, %d to update, %d to replace, %d to delete.", n.Create, n.Update, n.Replace, n.Delete)
}

// recordSteps counts the records that are written although nothing happens to their objects, for reasons that matter to a reader.
func recordSteps(p *plans.Plan) (n int) {
	for _, s := range p.Steps {
		if s.Op == plans.OpRecord && (s.Change < 0 || !p.Changes[s.Change].Refreshed) {
			n++
		}
	}
	return n
}

// claims returns the changes of objects that stay as they are under a new address, or under management from now on.
func claims(p *plans.Plan) (out []*plans.Change) {
	for _, c := range p.Changes {
		if c.Action == plans.NoOp && (!c.PreviousAddr.IsZero() || c.Import != "") {
			out = append(out, c)
		}
	}
	return out
}

// notes returns the facts about a change that are no difference of values: where it comes from, and what the provider
// says.
func notes(c *plans.Change) (out []string) {
	if s := origin(c); s != "" {
		out = append(out, s)
	}
	return append(out, c.Notes...)
}

// origin says where an object was known before, or how it is found.
func origin(c *plans.Change) string {
	switch {
	case c.PreviousAddr.Deposed != "":
		return c.Addr.String() + " is its former object again"
	case !c.PreviousAddr.IsZero():
		return c.PreviousAddr.String() + " has moved to " + c.Addr.String()
	case c.Import != "":
		return c.Addr.String() + " is imported from " + c.Import
	}
	return ""
}

// why says in a few words why a change is made and where it is configured.
func why(c *plans.Change) string {
	s := c.Reason.String()
	if c.Range.Filename != "" {
		place := fmt.Sprintf("%s:%d", filepath.Base(c.Range.Filename), c.Range.Start.Line)
		if s == "" {
			return oneLine(place)
		}
		s += " (" + place + ")"
	}
	return oneLine(s)
}

// impact sums up what a plan means beyond its own objects: what it takes from those who stand on them, and what it
// restarts; "" when it means nothing.
func impact(p *plans.Plan, types Types) string {
	return strings.Join(slices.DeleteFunc([]string{taken(p, types), restarts(p)}, func(s string) bool { return s == "" }), "; ")
}

// maxTaken is how many objects are named that others stand on; the reader sees the others in the plan.
const maxTaken = 5

// taken names the objects that others stand on, and what is lost with them.
func taken(p *plans.Plan, types Types) string {
	var parts []string
	more := 0
	for _, c := range Taken(p, types) {
		if len(parts) == maxTaken {
			more++
			continue
		}
		parts = append(parts, fmt.Sprintf("%ss %s (%s)", c.Action, c.Addr, types(c.Addr.Resource).Takes(c.Before)))
	}
	if more > 0 {
		parts = append(parts, fmt.Sprintf("takes away %d more that others stand on", more))
	}
	return strings.Join(parts, "; ")
}

// Taken lists the changes that delete or replace what others stand on, as their types say it.
func Taken(p *plans.Plan, types Types) (out []*plans.Change) {
	if types == nil {
		return nil
	}
	for _, c := range p.Changes {
		if destroys(c.Action) && types(c.Addr.Resource).Takes(c.Before) != "" {
			out = append(out, c)
		}
	}
	return out
}

// restarts sums up the restarts of a plan, those that restart most first; "" when it restarts nothing.
func restarts(p *plans.Plan) string {
	var by []*plans.Change
	total := 0
	for _, c := range p.Changes {
		if c.Restarts > 0 {
			by = append(by, c)
			total += c.Restarts
		}
	}
	if total == 0 {
		return ""
	}
	slices.SortStableFunc(by, func(a, b *plans.Change) int {
		return cmp.Or(cmp.Compare(b.Restarts, a.Restarts), addr.Compare(a.Addr, b.Addr))
	})
	var parts []string
	for i, c := range by {
		if i == 5 && len(by) > 6 {
			parts = append(parts, fmt.Sprintf("%d more", len(by)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s: %d", c.Addr, c.Restarts))
	}
	where := ""
	if n := len(namespaces(by)); n > 0 {
		where = " in " + plural(n, "namespace")
	}
	return fmt.Sprintf("restarts %s%s (%s)", plural(total, "pod"), where, strings.Join(parts, ", "))
}

// namespaces lists where changes happen, as far as their attribute namespace, or that of their manifest, says it.
func namespaces(changes []*plans.Change) map[string]bool {
	out := map[string]bool{}
	for _, c := range changes {
		v, _ := c.After.UnmarkDeep()
		if v == cty.NilVal || v.IsNull() || !v.IsKnown() || !v.Type().IsObjectType() || !v.Type().HasAttribute("namespace") {
			continue
		}
		if ns := v.GetAttr("namespace"); ns.Type() == cty.String && ns.IsKnown() && !ns.IsNull() && ns.AsString() != "" {
			out[ns.AsString()] = true
		}
	}
	return out
}

// oneWay lists the changes that no rollback can undo.
func oneWay(p *plans.Plan) (out []*plans.Change) {
	for _, c := range p.Changes {
		if c.Reverse.Kind == plans.Irreversible && c.Action != plans.NoOp {
			out = append(out, c)
		}
	}
	return out
}

// changedOutputs returns the outputs that become another value.
func changedOutputs(p *plans.Plan) (out []*plans.OutputChange) {
	for i := range p.Outputs {
		if p.Outputs[i].Changed() {
			out = append(out, &p.Outputs[i])
		}
	}
	return out
}

// output returns the difference of an output as lines. Names are padded to a width.
func (b *builder) output(o *plans.OutputChange, width int) []line {
	before, after := b.build(o.Before, nil), b.build(o.After, nil)
	if o.Sensitive {
		hide := func(n *node) *node {
			if n.is(null) {
				return n
			}
			return &node{kind: secret}
		}
		before, after = hide(before), hide(after)
	}
	d := &differ{limit: b.limit, height: b.limit}
	d.value(before, after, 0, nil, fmt.Sprintf("%-*s = ", width, key(o.Name)))
	return d.lines
}
