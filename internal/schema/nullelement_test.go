package schema

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
)

func TestNullElement(t *testing.T) {
	object := cty.Object(map[string]cty.Type{"name": cty.String, "codes": cty.List(cty.Number)})
	valid := cty.ObjectVal(map[string]cty.Value{"name": cty.NullVal(cty.String), "codes": cty.ListValEmpty(cty.Number)})
	deep := cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal("a"), "codes": cty.ListVal([]cty.Value{cty.NumberIntVal(1), cty.NullVal(cty.Number)})})
	for name, tc := range map[string]struct {
		value cty.Value
		typ   cty.Type // the value's own when it is not said
		at    string   // "" when nothing is found
	}{
		"list of texts":          {value: cty.ListVal([]cty.Value{cty.StringVal("a"), cty.NullVal(cty.String)}), at: "[1]"},
		"set of texts":           {value: cty.SetVal([]cty.Value{cty.StringVal("a"), cty.NullVal(cty.String)}), at: "[?]"},
		"map of texts":           {value: cty.MapVal(map[string]cty.Value{"a": cty.NullVal(cty.String)})},
		"map of objects":         {value: cty.MapVal(map[string]cty.Value{"a": valid, "b": cty.NullVal(object)}), at: `["b"]`},
		"map of lists":           {value: cty.MapVal(map[string]cty.Value{"a": cty.NullVal(cty.List(cty.Number)), "b": deep.GetAttr("codes")}), at: `["b"][1]`},
		"list of objects":        {value: cty.ListVal([]cty.Value{cty.NullVal(object)}), at: "[0]"},
		"list in an object":      {value: cty.ListVal([]cty.Value{valid, deep}), at: "[1].codes[1]"},
		"attributes may be null": {value: cty.ListVal([]cty.Value{valid})},
		"whole":                  {value: cty.NullVal(cty.List(object))},
		"unknown":                {value: cty.UnknownVal(cty.List(object))},
		"unknown element":        {value: cty.ListVal([]cty.Value{cty.UnknownVal(object), deep}), at: "[1].codes[1]"},
		"sensitive":              {value: cty.ListVal([]cty.Value{cty.NullVal(cty.String)}).Mark("x"), typ: cty.List(cty.String), at: "[0]"},
		"of any type":            {value: cty.TupleVal([]cty.Value{cty.NullVal(cty.String)}), typ: cty.DynamicPseudoType},
		"list of any type":       {value: cty.ListVal([]cty.Value{cty.NullVal(cty.String)}), typ: cty.List(cty.DynamicPseudoType)},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.typ == cty.NilType {
				tc.typ = tc.value.Type()
			}
			at, found := nullElement(tc.value, tc.typ)
			if found != (tc.at != "") || diag.PathString(at) != tc.at {
				t.Errorf("found %t at %s, want %q", found, diag.PathString(at), tc.at)
			}
		})
	}
}
