package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/meshplan/meshplan/internal/diag"
)

// providerBlock reads a `provider` block.
func (d *decoder) providerBlock(b *hcl.Block) {
	c, rest, ds := b.Body.PartialContent(&hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "alias"}}})
	d.report(coded(ds, CodeSyntax)...)
	p := &ProviderConfig{Name: b.Labels[0], Alias: d.constantString(c.Attributes["alias"]), Body: rest, DeclRange: b.DefRange}
	if p.Alias != "" && !hclsyntax.ValidIdentifier(p.Alias) {
		d.report(diag.Error(CodeInvalidName, "Invalid name", fmt.Sprintf("The alias %q cannot be used: a name starts with a letter or an underscore, "+
			"followed by letters, digits, underscores and dashes.", p.Alias), c.Attributes["alias"].Expr.Range().Ptr()))
		return
	}
	if first, ok := d.module.Providers[p.Key()]; ok {
		d.duplicate("provider configuration", p.Key(), b.DefRange, first.DeclRange)
		return
	}
	d.module.Providers[p.Key()] = p
}

// localsBlock reads a `locals` block.
func (d *decoder) localsBlock(b *hcl.Block) {
	attrs, ds := b.Body.JustAttributes()
	d.report(coded(ds, CodeSyntax)...)
	for _, a := range inOrder(attrs) {
		if first, ok := d.module.Locals[a.Name]; ok {
			d.duplicate("local value", a.Name, a.NameRange, first.Range)
			continue
		}
		if !hclsyntax.ValidIdentifier(a.Name) { // possible in JSON
			d.report(diag.Error(CodeInvalidName, "Invalid name", fmt.Sprintf("The name %q cannot be used for a local value: a name starts with a letter or an "+
				"underscore, followed by letters, digits, underscores and dashes.", a.Name), a.NameRange.Ptr()))
			continue
		}
		d.module.Locals[a.Name] = &Local{Name: a.Name, Expr: a.Expr, Range: a.Range}
	}
}

// outputBlock reads an `output` block.
func (d *decoder) outputBlock(b *hcl.Block) {
	name := b.Labels[0]
	if first, ok := d.module.Outputs[name]; ok {
		d.duplicate("output", name, b.DefRange, first.DeclRange)
		return
	}
	c := d.content(b.Body, &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "value", Required: true}, {Name: "description"}, {Name: "sensitive"}, {Name: "ephemeral"}, {Name: "depends_on"}, {Name: "deprecated"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "precondition"}},
	})
	o := &Output{Name: name, DeclRange: b.DefRange, Description: d.constantString(c.Attributes["description"]), DependsOn: d.dependsOn(c.Attributes["depends_on"])}
	o.Deprecated = d.constantString(c.Attributes["deprecated"])
	if a := c.Attributes["value"]; a != nil {
		o.Expr = a.Expr
	}
	o.Sensitive, _ = d.constantBool(c.Attributes["sensitive"], false)
	o.Ephemeral, _ = d.constantBool(c.Attributes["ephemeral"], false)
	for _, inner := range c.Blocks {
		if r := d.rule(inner); r != nil {
			o.Preconditions = append(o.Preconditions, r)
		}
	}
	d.module.Outputs[name] = o
}

// inOrder returns attributes in the order of the text.
func inOrder(attrs hcl.Attributes) []*hcl.Attribute {
	return slices.SortedFunc(maps.Values(attrs), func(a, b *hcl.Attribute) int { return a.Range.Start.Byte - b.Range.Start.Byte })
}
