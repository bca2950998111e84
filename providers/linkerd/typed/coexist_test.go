package typed

import (
	"testing"

	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/schema"
)

// Objects of one kind can exist side by side when they differ in name or namespace: create_before_destroy works then.
func TestObjectsCoexistUnderDifferentNames(t *testing.T) {
	kind := Kind{GroupKind: kschema.GroupKind{Group: "policy.linkerd.io", Kind: "Server"}, Version: "v1beta3", Declare: func() *schema.Resource { return &schema.Resource{} }}
	object := func(ns, name cty.Value) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"namespace": ns, "name": name})
	}
	a, b := cty.StringVal("a"), cty.StringVal("b")
	coexist := Type{Kind: kind}.Schema().Coexist
	for name, tc := range map[string]struct {
		before, after cty.Value
		want          string
	}{
		"same":               {object(a, b), object(a, b), "both are Server a/b"},
		"other name":         {object(a, a), object(a, b), ""},
		"other namespace":    {object(b, a), object(a, a), ""},
		"name not known yet": {object(a, a), object(a, cty.UnknownVal(cty.String)), ""},
	} {
		if got := coexist(tc.before, tc.after); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	kind.Partial = true
	if (Type{Kind: kind}).Schema().Coexist != nil {
		t.Error("objects of others are never made anew")
	}
}
