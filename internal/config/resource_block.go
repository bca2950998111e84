package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
)

// metaSchema is what a resource block may hold beside what its type declares.
func metaSchema() *hcl.BodySchema {
	return &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "count"}, {Name: "depends_on"}, {Name: "enabled"}, {Name: "for_each"}, {Name: "provider"}},
		Blocks: []hcl.BlockHeaderSchema{
			{Type: "connection"}, {Type: "lifecycle"}, {Type: "provisioner", LabelNames: []string{"type"}}, {Type: "timeouts"},
		},
	}
}

// MetaArguments returns the names of the arguments and blocks that every resource has, sorted. The schema of a
// resource type cannot use them.
func MetaArguments() []string {
	var out []string
	s := metaSchema()
	for _, a := range s.Attributes {
		out = append(out, a.Name)
	}
	for _, b := range s.Blocks {
		out = append(out, b.Type)
	}
	slices.Sort(out)
	return out
}

// resourceBlock reads a `resource` or `data` block.
func (d *decoder) resourceBlock(b *hcl.Block) {
	r := d.resource(b)
	if r == nil {
		return
	}
	first, ok := d.module.Resources[r.Addr]
	what := "resource"
	var at hcl.Range
	if ok {
		at = first.DeclRange
	}
	if r.Addr.Mode == addr.Data {
		what = "data source"
		if inner, inCheck := d.addresses.checkData[r.Addr]; inCheck {
			at, ok = inner, true
		}
	}
	if ok {
		d.duplicate(what, r.Addr.String(), b.DefRange, at)
		return
	}
	d.module.Resources[r.Addr] = r
}

// resource reads the content of a `resource` or `data` block; nil means that it cannot have its type.
func (d *decoder) resource(b *hcl.Block) *Resource {
	r := &Resource{
		Addr:      addr.Resource{Mode: addr.Managed, Type: b.Labels[0], Name: b.Labels[1]},
		DeclRange: b.DefRange,
		Range:     wholeRange(b),
	}
	if b.Type == "data" {
		r.Addr.Mode = addr.Data
	}
	if lang.IsReserved(r.Addr.Type) {
		d.report(diag.Error(CodeInvalidName, "Invalid resource type", fmt.Sprintf("The name %q has a meaning of its own in references, so it cannot be a resource type. The first label "+
			"is the type, such as kubernetes_manifest.", r.Addr.Type), b.LabelRanges[0].Ptr()))
		return nil
	}
	c, rest, ds := b.Body.PartialContent(d.meta)
	d.report(coded(ds, CodeSyntax)...)
	r.Body = rest
	r.Count, r.ForEach, r.Enabled = d.repetition(c.Attributes)
	r.DependsOn = d.dependsOn(c.Attributes["depends_on"])
	d.providerOf(r, c.Attributes["provider"])
	first := make(map[string]hcl.Range)
	for _, inner := range c.Blocks {
		at, repeated := first[inner.Type]
		first[inner.Type] = inner.DefRange
		switch {
		case inner.Type == "provisioner" || inner.Type == "connection":
			d.report(noCommands(inner))
		case repeated:
			d.duplicate("block", inner.Type, inner.DefRange, at)
		case inner.Type == "lifecycle":
			d.lifecycle(r, inner)
		case inner.Type == "timeouts":
			d.timeouts(r, inner)
		}
	}
	return r
}

// noCommands refuses provisioners.
func noCommands(b *hcl.Block) *hcl.Diagnostic {
	return diag.Error(CodeUnsupported, "Unsupported block", "meshplan runs no commands during apply, because their effects could be neither planned nor undone. "+
		"Use a resource, or run the command before or after meshplan.", b.DefRange.Ptr())
}

// wholeRange covers a block to its closing brace. In JSON there is no more than the header.
func wholeRange(b *hcl.Block) hcl.Range {
	if body, ok := b.Body.(*hclsyntax.Body); ok {
		return hcl.RangeBetween(b.DefRange, body.SrcRange)
	}
	return b.DefRange
}

// repetition reads count, for_each and enabled, which exclude one another.
func (d *decoder) repetition(attrs hcl.Attributes) (count, forEach, enabled hcl.Expression) {
	var given []*hcl.Attribute
	for _, name := range []string{"count", "for_each", "enabled"} {
		if a := attrs[name]; a != nil {
			given = append(given, a)
		}
	}
	if len(given) > 1 {
		detail := fmt.Sprintf("A block can have only one of \"count\", \"for_each\" and \"enabled\", but this one has %q and %q.", given[0].Name, given[1].Name)
		if given[1].Name == "enabled" {
			detail += " To switch it off, let the other one be empty: for_each = condition ? … : {}, or count = condition ? … : 0."
		}
		d.report(diag.Error(CodeConflict, "Conflicting arguments", detail, given[1].NameRange.Ptr()))
	}
	for _, a := range given[:min(len(given), 1)] {
		switch a.Name {
		case "count":
			count = a.Expr
		case "for_each":
			forEach = a.Expr
		case "enabled":
			enabled = a.Expr
		}
	}
	return count, forEach, enabled
}

// providerOf finds the provider configuration: chosen by a reference, or the default one of the type's prefix.
func (d *decoder) providerOf(r *Resource, a *hcl.Attribute) {
	own, _, _ := strings.Cut(r.Addr.Type, "_")
	r.Provider, r.ProviderRange = own, r.DeclRange
	if a == nil {
		return
	}
	key, name, ok := providerKey(a.Expr)
	switch {
	case !ok:
		d.report(diag.Error(CodeInvalidArgument, "Invalid provider", fmt.Sprintf("The argument \"provider\" names a provider configuration, as in %s or %s.east. "+
			"It cannot be computed.", own, own), a.Expr.Range().Ptr()))
	case name != own:
		d.report(diag.Error(CodeInvalidArgument, "Invalid provider", fmt.Sprintf("Resources of type %s belong to the provider %q, not to %q. Remove the argument, or name a configuration "+
			"of that provider, as in %s.east.", r.Addr.Type, own, name, own),
			a.Expr.Range().Ptr()))
	default:
		r.Provider, r.ProviderRange = key, a.Expr.Range()
	}
}

// timeouts reads a `timeouts` block.
func (d *decoder) timeouts(r *Resource, b *hcl.Block) {
	operations := []Operation{OpCreate, OpDelete, OpRead, OpUpdate}
	s := &hcl.BodySchema{}
	for _, op := range operations {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: string(op)})
	}
	c := d.content(b.Body, s)
	r.Timeouts = make(map[Operation]time.Duration, len(c.Attributes))
	for _, op := range operations {
		if a := c.Attributes[string(op)]; a != nil {
			if t, ok := d.constantDuration(a); ok {
				r.Timeouts[op] = t
			}
		}
	}
}
