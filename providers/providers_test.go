package providers

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

func TestMarkedAttribute(t *testing.T) {
	config := cty.ObjectVal(map[string]cty.Value{
		"values": cty.ObjectVal(map[string]cty.Value{"password": cty.StringVal("p"), "port": cty.NumberIntVal(1)}),
		"name":   cty.StringVal("n"),
	})
	req := PlanRequest{Config: config, Sensitive: []cty.Path{cty.GetAttrPath("values").GetAttr("password")}}
	got := req.Marked("values")
	if !got.GetAttr("password").HasMark(schema.Sensitive) || got.GetAttr("port").IsMarked() || req.Marked("name").IsMarked() {
		t.Errorf("Marked = %#v", got)
	}
	whole := ApplyRequest{Config: config, Sensitive: []cty.Path{cty.GetAttrPath("values")}}
	if !whole.Marked("values").HasMark(schema.Sensitive) {
		t.Error("an attribute that is sensitive as a whole must be marked")
	}
}

func TestForType(t *testing.T) {
	r := Registry{"kubernetes": nil, "memory": nil}
	if name, ok := r.ForType("kubernetes_manifest"); name != "kubernetes" || !ok {
		t.Errorf("ForType = %q, %v", name, ok)
	}
	if name, ok := r.ForType("aws_vpc"); name != "aws" || ok {
		t.Errorf("ForType = %q, %v", name, ok)
	}
}
