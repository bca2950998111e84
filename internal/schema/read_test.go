package schema

import (
	"slices"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

func TestRead(t *testing.T) {
	null, unknown := cty.NullVal(cty.String), cty.UnknownVal(cty.String)
	if Text(cty.StringVal("a")) != "a" || Text(null) != "" || Text(unknown) != "" {
		t.Error("Text")
	}
	if got := Texts(cty.ListVal([]cty.Value{cty.StringVal("a"), null, unknown})); !slices.Equal(got, []string{"a", "", ""}) {
		t.Errorf("Texts = %q", got)
	}
	if Texts(cty.NullVal(cty.List(cty.String))) != nil || Texts(cty.UnknownVal(cty.List(cty.String))) != nil {
		t.Error("Texts of nothing")
	}
	if !True(cty.True) || True(cty.False) || True(cty.NullVal(cty.Bool)) || True(cty.UnknownVal(cty.Bool)) {
		t.Error("True")
	}
}
