package render

import (
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
)

// Paths returns the attributes in which a change's values differ, as configuration would name them, sorted and each
// once: `labels.team`, `wait[0].timeout`. What comes or goes as a whole is named as a whole; lists of different length
// are named by the list. A creation or a deletion has none. Names are free of control characters, and no value is shown.
func Paths(c *plans.Change) []string {
	b := newBuilder()
	before, after := b.build(c.Before, c.BeforeSecret), b.build(c.After, c.AfterSecret)
	if !before.is(object) || !after.is(object) {
		return nil
	}
	var out []string
	walkDifferent(before, after, nil, func(p cty.Path) { out = append(out, oneLine(diag.PathString(p))) })
	slices.Sort(out)
	return slices.Compact(out)
}

// walkDifferent calls visit with the smallest parts that differ.
func walkDifferent(before, after *node, path cty.Path, visit func(cty.Path)) {
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
		visit(path)
	}
}
