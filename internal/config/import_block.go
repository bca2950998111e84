package config

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
)

// importBlock reads an `import` block.
func (d *decoder) importBlock(b *hcl.Block) {
	c := d.content(b.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "for_each"}, {Name: "id", Required: true}, {Name: "provider"}, {Name: "to", Required: true},
	}})
	if !d.root {
		d.report(diag.Error(CodeRootOnly, "Import block in a called module", "Only the root module can have import blocks, because an identifier belongs to one place. Move the block there, and write the "+
			"address with the module in front, as in module.east.kubernetes_manifest.web.", b.DefRange.Ptr()))
		return
	}
	i := &Import{DeclRange: b.DefRange}
	if a := c.Attributes["id"]; a != nil {
		i.ID = a.Expr
	}
	if a := c.Attributes["for_each"]; a != nil {
		i.ForEach = a.Expr
	}
	if a := c.Attributes["provider"]; a != nil {
		var ok bool
		if i.Provider, _, ok = providerKey(a.Expr); !ok {
			d.report(diag.Error(CodeInvalidArgument, "Invalid provider", "The argument \"provider\" names a provider configuration, as in kubernetes or kubernetes.east. It cannot be computed.",
				a.Expr.Range().Ptr()))
		}
	}
	a := c.Attributes["to"]
	if a == nil || i.ID == nil {
		return
	}
	i.To = unquote(a.Expr)
	t, dynamic, err := targetTraversal(i.To)
	if err == nil {
		i.Target, err = addr.TargetFromTraversal(t)
	}
	switch {
	case err != nil:
		d.report(diag.Error(CodeInvalidArgument, "Invalid address", fmt.Sprintf("The argument \"to\" names the resource instance that the object becomes, as in kubernetes_manifest.web or "+
			"kubernetes_manifest.web[each.key]: %s.", err), a.Expr.Range().Ptr()))
		return
	case i.Target.Mode != addr.Managed || lang.IsReserved(i.Target.Type):
		d.report(diag.Error(CodeInvalidArgument, "Invalid address", "Only a managed resource can be imported, as in kubernetes_manifest.web; not a data source, nor a whole module.", a.Expr.Range().Ptr()))
		return
	case i.ForEach != nil && !dynamic:
		d.report(diag.Error(CodeInvalidArgument, "Invalid import block", "With for_each every object needs an address of its own, so \"to\" must use each.key or each.value, as in "+
			"kubernetes_manifest.web[each.key].", a.Expr.Range().Ptr()))
		return
	}
	if !dynamic {
		if first, ok := d.addresses.imported[i.Target.String()]; ok {
			d.report(diag.Error(CodeDuplicate, "Imported twice", fmt.Sprintf("Another block, at %s, imports an object as %s already. Remove one of them.", position(first), i.Target), b.DefRange.Ptr()))
			return
		}
		d.addresses.imported[i.Target.String()] = b.DefRange
	}
	d.module.Imports = append(d.module.Imports, i)
}

// Address evaluates the keys of To. The context must hold each.key and each.value when there is a ForEach.
func (i *Import) Address(ctx *hcl.EvalContext) (addr.Target, hcl.Diagnostics) {
	t, ds := evaluatedTraversal(i.To, ctx)
	if ds.HasErrors() {
		return i.Target, ds
	}
	target, err := addr.TargetFromTraversal(t)
	if err != nil {
		return i.Target, append(ds, diag.Error(CodeInvalidArgument, "Invalid address", fmt.Sprintf("The object cannot be imported: %s.", err), i.To.Range().Ptr()))
	}
	return target, ds
}

var errNoAddress = errors.New("it is not an address")

// targetTraversal reads an address, leaving out computed keys, and reports whether there were any.
func targetTraversal(e hcl.Expression) (hcl.Traversal, bool, error) {
	if t, ds := hcl.AbsTraversalForExpr(e); !ds.HasErrors() {
		return t, false, nil
	}
	switch e := e.(type) {
	case *hclsyntax.IndexExpr:
		t, _, err := targetTraversal(e.Collection)
		return t, true, err
	case *hclsyntax.RelativeTraversalExpr:
		t, dynamic, err := targetTraversal(e.Source)
		return slices.Concat(t, e.Traversal), dynamic, err
	}
	return nil, false, errNoAddress
}

// evaluatedTraversal reads an address with its computed keys.
func evaluatedTraversal(e hcl.Expression, ctx *hcl.EvalContext) (hcl.Traversal, hcl.Diagnostics) {
	if t, ds := hcl.AbsTraversalForExpr(e); !ds.HasErrors() {
		return t, nil
	}
	switch e := e.(type) {
	case *hclsyntax.IndexExpr:
		t, ds := evaluatedTraversal(e.Collection, ctx)
		key, more := e.Key.Value(ctx)
		if ds = append(ds, more...); ds.HasErrors() {
			return nil, ds
		}
		if key.IsMarked() || !key.IsKnown() || key.IsNull() || key.Type() != cty.String && key.Type() != cty.Number {
			return nil, append(ds, diag.Error(CodeInvalidArgument, "Invalid instance key", "The key must be a text or a number that is known before anything is applied, and not sensitive.", e.Key.Range().Ptr()))
		}
		return append(slices.Clip(t), hcl.TraverseIndex{Key: key, SrcRange: e.Key.Range()}), ds
	case *hclsyntax.RelativeTraversalExpr:
		t, ds := evaluatedTraversal(e.Source, ctx)
		return slices.Concat(t, e.Traversal), ds
	}
	return nil, hcl.Diagnostics{diag.Error(CodeInvalidArgument, "Invalid address", "The argument \"to\" is not an address.", e.Range().Ptr())}
}

// NewImport returns what an import block with a literal address and id would be; the command line makes one.
func NewImport(address, id string) (*Import, hcl.Diagnostics) {
	e, ds := hclsyntax.ParseExpression([]byte(address), "ADDRESS", hcl.InitialPos)
	if ds.HasErrors() {
		return nil, ds
	}
	i := &Import{To: e, ID: hcl.StaticExpr(cty.StringVal(id), e.Range()), DeclRange: e.Range()}
	t, _, err := targetTraversal(e)
	if err == nil {
		i.Target, err = addr.TargetFromTraversal(t)
	}
	if err != nil || i.Target.Mode != addr.Managed || lang.IsReserved(i.Target.Type) {
		return nil, hcl.Diagnostics{diag.Error(CodeInvalidArgument, "Invalid address", fmt.Sprintf("%q does not name an instance of a managed resource, as in kubernetes_manifest.web or "+
			"'kubernetes_manifest.web[\"eu\"]'.", address), e.Range().Ptr())}
	}
	return i, nil
}
