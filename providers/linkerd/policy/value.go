package policy

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

// stringList returns a list, or null for an empty one when the recorded list was null.
func stringList(list []string, recorded cty.Value) cty.Value {
	switch {
	case len(list) == 0 && recorded.IsNull():
		return cty.NullVal(cty.List(cty.String))
	case len(list) == 0:
		return cty.ListValEmpty(cty.String)
	}
	out := make([]cty.Value, len(list))
	for i, s := range list {
		out[i] = cty.StringVal(s)
	}
	return cty.ListVal(out)
}

func stringMap(v cty.Value) map[string]string {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	out := map[string]string{}
	for k, e := range v.AsValueMap() {
		out[k] = schema.Text(e)
	}
	return out
}

func mapValue(m map[string]string) cty.Value {
	if len(m) == 0 {
		return cty.MapValEmpty(cty.String)
	}
	out := map[string]cty.Value{}
	for k, s := range m {
		out[k] = cty.StringVal(s)
	}
	return cty.MapVal(out)
}

func orNull(s string) cty.Value {
	if s == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(s)
}

// anyList turns strings into what JSON holds.
func anyList(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// sortedUnique returns a sorted copy without repetitions.
func sortedUnique(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

// sortedPorts returns a sorted copy without repetitions.
func sortedPorts(list []int) []int {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}
