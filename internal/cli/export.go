package cli

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/plans/render"
)

// exportHCL writes recorded objects as resource blocks. What only the provider sets is left out where the type is known;
// a secret becomes a comment.
func (a *app) exportHCL(objs []render.Object) error {
	registry := a.registry(connection{dir: ".", logger: a.logger()})
	types := map[string]*schema.Block{}
	for _, name := range registry.Names() {
		for typ, r := range registry[name]().ResourceTypes() {
			types[typ] = &r.Schema().Block
		}
	}
	f := hclwrite.NewEmptyFile()
	for i, o := range objs {
		if o.Addr.Mode != addr.Managed || o.Value.IsNull() {
			continue
		}
		if i > 0 {
			f.Body().AppendNewline()
		}
		comment(f.Body(), oneLine(o.Addr.String()))
		b := f.Body().AppendNewBlock("resource", []string{o.Addr.Type, o.Addr.Name}).Body()
		v := o.Value
		if t := types[o.Addr.Type]; t != nil && v.Type().IsObjectType() {
			v = t.Configured(v)
		}
		secret := map[string]bool{}
		for _, p := range o.Secret {
			if len(p) > 0 {
				if s, ok := p[0].(cty.GetAttrStep); ok {
					secret[s.Name] = true
				}
			}
		}
		exportBody(b, v, types[o.Addr.Type], secret)
	}
	_, err := f.WriteTo(a.out)
	return err
}

// exportBody writes the attributes of an object, and as blocks what the schema declares as such.
func exportBody(b *hclwrite.Body, v cty.Value, block *schema.Block, secret map[string]bool) {
	if v.IsNull() || !v.Type().IsObjectType() {
		return
	}
	for it := v.ElementIterator(); it.Next(); {
		k, e := it.Element()
		name := k.AsString()
		var nested *schema.NestedBlock
		if block != nil {
			nested = block.Blocks[name]
		}
		switch {
		case secret[name]:
			comment(b, name+" holds a secret, which is not recorded")
			if !e.IsNull() && nested == nil {
				b.SetAttributeValue(name, e)
			}
		case e.IsNull() || !e.IsWhollyKnown():
		case nested == nil:
			b.SetAttributeValue(name, e)
		case nested.Nesting == schema.Single:
			exportBody(b.AppendNewBlock(name, nil).Body(), e, &nested.Block, nil)
		default:
			for inner := e.ElementIterator(); inner.Next(); {
				label, item := inner.Element()
				var labels []string
				if nested.Nesting == schema.Map {
					labels = []string{label.AsString()}
				}
				exportBody(b.AppendNewBlock(name, labels).Body(), item, &nested.Block, nil)
			}
		}
	}
}

func comment(b *hclwrite.Body, text string) {
	b.AppendUnstructuredTokens(hclwrite.Tokens{{Type: hclsyntax.TokenComment, Bytes: []byte("# " + text + "\n")}})
}
