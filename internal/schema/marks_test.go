package schema

import (
	"testing"

	"github.com/zclconf/go-cty/cty"
)

func TestContainsMarkedAgreesWithCty(t *testing.T) {
	secret := cty.StringVal("s").Mark(Sensitive)
	for name, v := range map[string]cty.Value{
		"text":             cty.StringVal("s"),
		"secret":           secret,
		"null":             cty.NullVal(cty.DynamicPseudoType),
		"marked null":      cty.NullVal(cty.String).Mark(Sensitive),
		"unknown":          cty.DynamicVal,
		"marked unknown":   cty.UnknownVal(cty.String).Mark(Sensitive),
		"unknown object":   cty.UnknownVal(cty.Object(map[string]cty.Type{"a": cty.String})),
		"object":           cty.ObjectVal(map[string]cty.Value{"a": cty.StringVal("s"), "b": cty.NullVal(cty.String)}),
		"object of secret": cty.ObjectVal(map[string]cty.Value{"a": cty.StringVal("s"), "b": cty.TupleVal([]cty.Value{cty.True, secret})}),
		"empty":            cty.EmptyObjectVal,
		"list":             cty.ListVal([]cty.Value{cty.StringVal("s")}),
		"list of secret":   cty.ListVal([]cty.Value{secret}),
		"map of secret":    cty.MapVal(map[string]cty.Value{"k": secret}),
		"set":              cty.SetVal([]cty.Value{cty.StringVal("s")}),
		"set of secret":    cty.SetVal([]cty.Value{secret}),
	} {
		if got, want := ContainsMarked(v), v.ContainsMarked(); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
