package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
)

// movedBlock reads a `moved` block.
func (d *decoder) movedBlock(b *hcl.Block) {
	c := d.content(b.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}, {Name: "to", Required: true}}})
	from, fromOK := d.target(c.Attributes["from"])
	to, toOK := d.target(c.Attributes["to"])
	if !fromOK || !toOK {
		return
	}
	invalid := func(detail string) {
		d.report(diag.Error(CodeInvalidArgument, "Invalid moved block", detail, c.Attributes["to"].Expr.Range().Ptr()))
	}
	switch {
	case from.IsModule() != to.IsModule():
		invalid(fmt.Sprintf("A module cannot become a resource, nor a resource a module: %s and %s must be of one kind.", from, to))
		return
	case !from.IsModule() && from.Type != to.Type:
		invalid(fmt.Sprintf("An object keeps its type: %s cannot become %s. Remove the block, and let the old object be deleted and a new one created; or keep it with a removed block and an "+
			"import block.", from, to))
		return
	case from.String() == to.String():
		invalid(fmt.Sprintf("Both sides are %s, so nothing would move. Write the former address behind \"from\", or remove the block.", from))
		return
	}
	if other := d.addresses.movedFrom[from.String()]; other != nil {
		d.report(diag.Error(CodeDuplicate, "Moved twice", fmt.Sprintf("Another block, at %s, says that %s moved to %s. Remove one of them.", position(other.DeclRange), from, other.To), b.DefRange.Ptr()))
		return
	}
	if other := d.addresses.movedTo[to.String()]; other != nil {
		d.report(diag.Error(CodeDuplicate, "Moved to one address", fmt.Sprintf("Another block, at %s, says that %s moved to %s as well, but only one object can have that address. Remove one of them.",
			position(other.DeclRange), other.From, to), b.DefRange.Ptr()))
		return
	}
	m := &Moved{From: from, To: to, DeclRange: b.DefRange}
	d.module.Moved = append(d.module.Moved, m)
	d.addresses.movedFrom[from.String()], d.addresses.movedTo[to.String()] = m, m
}

// removedBlock reads a `removed` block.
func (d *decoder) removedBlock(b *hcl.Block) {
	c := d.content(b.Body, &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "from", Required: true}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "connection"}, {Type: "lifecycle"}, {Type: "provisioner", LabelNames: []string{"type"}}},
	})
	r := &Removed{Destroy: true, DeclRange: b.DefRange}
	var lifecycle *hcl.Range
	for _, inner := range c.Blocks {
		switch {
		case inner.Type != "lifecycle":
			d.report(noCommands(inner))
		case lifecycle != nil:
			d.duplicate("block", inner.Type, inner.DefRange, *lifecycle)
		default:
			lifecycle = inner.DefRange.Ptr()
			l := d.content(inner.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "destroy", Required: true}}})
			r.Destroy, _ = d.constantBool(l.Attributes["destroy"], true)
		}
	}
	from, ok := d.target(c.Attributes["from"])
	if !ok {
		return
	}
	if !keyless(from) {
		d.report(diag.Error(CodeInvalidArgument, "Invalid removed block", fmt.Sprintf("A removed block stands for a block that is gone, so it names all instances: write %s. Single instances are removed with "+
			"for_each or count of their block, or with \"meshplan state rm\".", withoutKeys(from)), c.Attributes["from"].Expr.Range().Ptr()))
		return
	}
	if first, ok := d.addresses.removed[from.String()]; ok {
		d.duplicate("removed block", from.String(), b.DefRange, first)
		return
	}
	d.addresses.removed[from.String()] = b.DefRange
	r.From = from
	d.module.Removed = append(d.module.Removed, r)
}

// target reads the address of a managed resource, an instance of one, or a module.
func (d *decoder) target(a *hcl.Attribute) (addr.Target, bool) {
	if a == nil {
		return addr.Target{}, false
	}
	t, ds := hcl.AbsTraversalForExpr(unquote(a.Expr))
	if ds.HasErrors() {
		d.report(diag.Error(CodeInvalidArgument, "Invalid address", fmt.Sprintf("The argument %q names a resource, an instance with a constant key, or a module, as in kubernetes_manifest.web, "+
			"kubernetes_manifest.web[\"a\"] or module.east.", a.Name), a.Expr.Range().Ptr()))
		return addr.Target{}, false
	}
	target, err := addr.TargetFromTraversal(t)
	switch {
	case err != nil:
		d.report(diag.Error(CodeInvalidArgument, "Invalid address", fmt.Sprintf("The address cannot be understood: %s.", err), a.Expr.Range().Ptr()))
		return addr.Target{}, false
	case !target.IsModule() && lang.IsReserved(target.Type):
		d.report(diag.Error(CodeInvalidArgument, "Invalid address", fmt.Sprintf("%s is not a resource. Only managed resources and modules can stand here.", target), a.Expr.Range().Ptr()))
		return addr.Target{}, false
	case target.Mode == addr.Data:
		d.report(diag.Error(CodeInvalidArgument, "Invalid address", "A data source has no object of its own that could move, be kept or be imported. Only managed resources and modules can stand here.",
			a.Expr.Range().Ptr()))
		return addr.Target{}, false
	}
	return target, true
}
