package engine

import (
	"testing"

	"github.com/zclconf/go-cty/cty"
)

func TestPlannedValuesBind(t *testing.T) {
	s, u := cty.StringVal, cty.UnknownVal(cty.String)
	set := func(vs ...cty.Value) cty.Value { return cty.SetVal(vs) }
	for name, c := range map[string]struct {
		planned, actual cty.Value
		want            bool
	}{
		"equal":                    {s("a"), s("a"), true},
		"other":                    {s("a"), s("b"), false},
		"null became known":        {cty.NullVal(cty.String), s("a"), false},
		"known became null":        {s("a"), cty.NullVal(cty.String), false},
		"known became unknown":     {s("a"), u, false},
		"unknown became null":      {u, cty.NullVal(cty.String), true},
		"not null became null":     {u.RefineNotNull(), cty.NullVal(cty.String), false},
		"prefix kept":              {u.Refine().NotNull().StringPrefixFull("id-").NewValue(), s("id-7"), true},
		"prefix broken":            {u.Refine().NotNull().StringPrefixFull("id-").NewValue(), s("7"), false},
		"list element":             {cty.ListVal([]cty.Value{u, s("b")}), cty.ListVal([]cty.Value{s("x"), s("b")}), true},
		"list grew":                {cty.ListVal([]cty.Value{u}), cty.ListVal([]cty.Value{s("x"), s("b")}), false},
		"map lost a key":           {cty.MapVal(map[string]cty.Value{"k": u, "l": u}), cty.MapVal(map[string]cty.Value{"k": s("a")}), false},
		"set element":              {set(u, s("b")), set(s("x"), s("b")), true},
		"set shrank":               {set(u, s("b")), set(s("b")), true},
		"set lost a known element": {set(u, s("b")), set(s("x")), false},
		"set grew":                 {set(u, s("b")), set(s("x"), s("y"), s("b")), false},
		"unknown of dynamic type":  {cty.DynamicVal, cty.ObjectVal(map[string]cty.Value{"a": s("b")}), true},
	} {
		if path, ok := agrees(c.planned, c.actual, nil); ok != c.want {
			t.Errorf("%s: %v at %v, want %v", name, ok, path, c.want)
		}
	}
}
