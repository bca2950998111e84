package config

import (
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/schema"
)

// Generate writes the resource block that describes an existing object with value v of a type's block. What only the
// provider sets, what has its default, and what is absent is left out; secrets are left to the reader as comments. The
// text is formatted and the same for the same value.
func Generate(a addr.Resource, b *schema.Block, v cty.Value) []byte {
	f := hclwrite.NewEmptyFile()
	generate(f.Body().AppendNewBlock("resource", []string{a.Type, a.Name}).Body(), b, v)
	return hclwrite.Format(f.Bytes())
}

func generate(body *hclwrite.Body, b *schema.Block, v cty.Value) {
	v, _ = v.Unmark()
	for _, name := range b.Names() {
		a := b.Attributes[name]
		if a == nil || !a.Settable() {
			continue
		}
		at := v.GetAttr(name)
		plain, _ := at.UnmarkDeep()
		switch {
		case plain.IsNull() && !(a.Sensitive && a.Required), !plain.IsWhollyKnown():
		case a.Sensitive || at.ContainsMarked():
			comment(body, name+" is secret: set it from a sensitive variable")
		case a.Default != cty.NilVal && plain.RawEquals(a.Default):
		default:
			body.SetAttributeValue(name, withoutNulls(plain))
		}
	}
	for _, name := range b.Names() {
		if n := b.Blocks[name]; n != nil {
			generateBlocks(body, name, n, v.GetAttr(name))
		}
	}
}

func generateBlocks(body *hclwrite.Body, name string, n *schema.NestedBlock, v cty.Value) {
	v, _ = v.Unmark()
	if v.IsNull() || !v.IsKnown() {
		return
	}
	switch n.Nesting {
	case schema.Single:
		generate(body.AppendNewBlock(name, nil).Body(), &n.Block, v)
	case schema.List:
		for _, each := range v.AsValueSlice() {
			generate(body.AppendNewBlock(name, nil).Body(), &n.Block, each)
		}
	case schema.Map:
		all := v.AsValueMap()
		for _, label := range sortedLabels(all) {
			generate(body.AppendNewBlock(name, []string{label}).Body(), &n.Block, all[label])
		}
	}
}

func sortedLabels(m map[string]cty.Value) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func comment(body *hclwrite.Body, text string) {
	body.AppendUnstructuredTokens(hclwrite.Tokens{{Type: hclsyntax.TokenComment, Bytes: []byte("# " + text + "\n")}})
}

// withoutNulls leaves out the attributes of objects that say nothing.
func withoutNulls(v cty.Value) cty.Value {
	if v.IsNull() || !v.Type().IsObjectType() {
		return v
	}
	out := map[string]cty.Value{}
	for name, at := range v.AsValueMap() {
		if !at.IsNull() {
			out[name] = withoutNulls(at)
		}
	}
	return cty.ObjectVal(out)
}
