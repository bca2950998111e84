package meshtest

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

// CheckExample decodes and validates every block of a schema's example whose type is among the schemas. References
// between blocks have the type of what they refer to and no value, as in a plan of something new.
func CheckExample(t testing.TB, typeName string, all map[string]*schema.Resource) {
	t.Helper()
	example := all[typeName].Example
	f, ds := hclsyntax.ParseConfig([]byte(example), typeName+".mesh.hcl", hcl.InitialPos)
	Fail(t, ds)
	body := f.Body.(*hclsyntax.Body)
	names := map[string]map[string]cty.Value{}
	found := false
	for _, b := range body.Blocks {
		if len(b.Labels) == 2 && all[b.Labels[0]] != nil {
			if names[b.Labels[0]] == nil {
				names[b.Labels[0]] = map[string]cty.Value{}
			}
			names[b.Labels[0]][b.Labels[1]] = cty.UnknownVal(all[b.Labels[0]].Block.Type())
			found = found || b.Labels[0] == typeName
		} else if len(b.Labels) == 2 {
			names[b.Labels[0]] = map[string]cty.Value{b.Labels[1]: cty.DynamicVal}
		}
	}
	if !found {
		t.Errorf("the example of %s has no block of that type", typeName)
	}
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{}}
	for name, values := range names {
		ctx.Variables[name] = cty.ObjectVal(values)
	}
	for _, b := range body.Blocks {
		if len(b.Labels) != 2 || all[b.Labels[0]] == nil {
			continue
		}
		delete(b.Body.Attributes, "depends_on") // a meta-argument
		s := all[b.Labels[0]]
		v, ds := s.Block.Decode(b.Body, ctx)
		for _, d := range ds {
			t.Errorf("%s: %s: %s", typeName, d.Summary, d.Detail)
		}
		if ds.HasErrors() || s.Validate == nil {
			continue
		}
		for _, p := range s.Validate(v) {
			t.Errorf("%s: %s: %s", typeName, p.Summary, p.Detail)
		}
	}
}

// CheckDocs wants a summary, an example and a description of every attribute and block.
func CheckDocs(t testing.TB, typeName string, s *schema.Resource) {
	t.Helper()
	if s.Summary == "" || s.Description == "" || s.Example == "" {
		t.Errorf("%s lacks its summary, description or example", typeName)
	}
	var walk func(where string, b *schema.Block)
	walk = func(where string, b *schema.Block) {
		for name, a := range b.Attributes {
			if a.Description == "" {
				t.Errorf("%s.%s has no description", where, name)
			}
		}
		for name, n := range b.Blocks {
			if n.Description == "" {
				t.Errorf("%s.%s has no description", where, name)
			}
			walk(where+"."+name, &n.Block)
		}
	}
	walk(typeName, &s.Block)
}
