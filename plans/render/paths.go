package render

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
)

// Difference is an attribute in which the values of a change differ. It holds no value.
type Difference struct {
	// Path names the attribute as configuration would: `labels.team`, `wait[0].timeout`. It has no control characters.
	Path string
	// Action is plans.Create for an attribute that was not set before, plans.Delete for one that is not set any more, and
	// plans.Update otherwise.
	Action plans.Action
}

// Differences returns the attributes in which a change's values differ, sorted by path. What comes or goes as a whole is
// named as a whole; lists of different length are named by the list. A creation or a deletion has none.
func Differences(c *plans.Change) []Difference {
	b := newBuilder()
	before, after := b.before(c), b.build(c.After, c.AfterSecret)
	if !before.is(object) || !after.is(object) {
		return nil
	}
	var out []Difference
	walkDifferent(before, after, nil, func(p cty.Path, before, after *node) {
		d := Difference{oneLine(diag.PathString(p)), plans.Update}
		switch {
		case before.is(null):
			d.Action = plans.Create
		case after.is(null):
			d.Action = plans.Delete
		}
		out = append(out, d)
	})
	slices.SortFunc(out, func(a, b Difference) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), int(a.Action)-int(b.Action))
	})
	return slices.Compact(out)
}

// Paths returns the paths of Differences, each once.
func Paths(c *plans.Change) []string {
	var out []string
	for _, d := range Differences(c) {
		out = append(out, d.Path)
	}
	return slices.Compact(out)
}

// walkDifferent calls visit with the smallest parts that differ.
func walkDifferent(before, after *node, path cty.Path, visit func(path cty.Path, before, after *node)) {
	switch {
	case same(before, after):
	case before.is(object) && after.is(object):
		keys := slices.Concat(before.keys, after.keys)
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			var step cty.PathStep = cty.GetAttrStep{Name: k}
			if !hclsyntax.ValidIdentifier(k) {
				step = cty.IndexStep{Key: cty.StringVal(k)}
			}
			walkDifferent(before.get(k), after.get(k), append(slices.Clip(path), step), visit)
		}
	case before.is(list) && after.is(list) && !before.set && !after.set && len(before.kids) == len(after.kids):
		for i := range before.kids {
			walkDifferent(before.kids[i], after.kids[i], append(slices.Clip(path), cty.IndexStep{Key: cty.NumberIntVal(int64(i))}), visit)
		}
	default:
		visit(path, before, after)
	}
}
