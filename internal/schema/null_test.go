package schema

import (
	"math/big"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// A null has no type where any value may stand.
func TestUntypedNulls(t *testing.T) {
	b := &Block{Attributes: map[string]*Attribute{"any": {Type: cty.DynamicPseudoType, Optional: true}, "text": {Type: cty.String, Optional: true}}}
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{
		"none": cty.NullVal(cty.String), "secret": cty.NullVal(cty.Number).Mark(Sensitive), "list": cty.ListVal([]cty.Value{cty.NullVal(cty.String)}),
	}}
	for expr, want := range map[string]cty.Value{
		`none`:                       cty.NullVal(cty.DynamicPseudoType),
		`secret`:                     cty.NullVal(cty.DynamicPseudoType).Mark(Sensitive),
		`{ a = none, b = [none, 1]}`: cty.ObjectVal(map[string]cty.Value{"a": cty.NullVal(cty.DynamicPseudoType), "b": cty.TupleVal([]cty.Value{cty.NullVal(cty.DynamicPseudoType), cty.NumberIntVal(1)})}),
		`list`:                       cty.ListVal([]cty.Value{cty.NullVal(cty.String)}),
		`"x"`:                        cty.StringVal("x"),
	} {
		v, ds := b.Decode(body(t, "any = "+expr+"\ntext = none\n"), ctx)
		if ds.HasErrors() || !v.GetAttr("any").RawEquals(want) || !v.GetAttr("text").RawEquals(cty.NullVal(cty.String)) {
			t.Errorf("%s: %#v, %v", expr, v, ds)
		}
	}
}

// An infinite number is refused wherever it is.
func TestInfiniteNumbersAreRefused(t *testing.T) {
	b := &Block{Attributes: map[string]*Attribute{
		"any": {Type: cty.DynamicPseudoType, Optional: true}, "n": {Type: cty.Number, Optional: true}, "list": {Type: cty.List(cty.Number), Optional: true},
	}}
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{"inf": cty.NumberVal(new(big.Float).SetInf(true))}}
	for _, src := range []string{"n = inf", "any = inf", "any = { a = [1, inf] }", "list = [1, inf]"} {
		if _, ds := b.Decode(body(t, src+"\n"), ctx); !ds.HasErrors() || ds[0].Subject == nil {
			t.Errorf("%s: %v", src, ds)
		}
		if _, ds := b.Decode(body(t, src+"\n"), &hcl.EvalContext{Variables: map[string]cty.Value{"inf": cty.Zero}}); ds.HasErrors() {
			t.Errorf("%s: %v", src, ds)
		}
	}
}
