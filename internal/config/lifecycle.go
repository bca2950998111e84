package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
)

// lifecycle reads a `lifecycle` block. A data source, which has no life of its own, can have conditions only.
func (d *decoder) lifecycle(r *Resource, b *hcl.Block) {
	l := &r.Lifecycle
	l.Range = b.DefRange
	c := d.content(b.Body, &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "create_before_destroy"}, {Name: "ignore_changes"}, {Name: "prevent_destroy"}, {Name: "replace_triggered_by"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "postcondition"}, {Type: "precondition"}},
	})
	for _, inner := range c.Blocks {
		rule := d.rule(inner)
		switch {
		case rule == nil:
		case inner.Type == "precondition":
			l.Preconditions = append(l.Preconditions, rule)
		default:
			l.Postconditions = append(l.Postconditions, rule)
		}
	}
	if r.Addr.Mode == addr.Data {
		for _, a := range inOrder(c.Attributes) {
			d.report(diag.Error(CodeUnsupported, "Unsupported argument", fmt.Sprintf("A data source is only read, so %q means nothing for it. Its lifecycle block can have "+
				"precondition and postcondition blocks.", a.Name), a.NameRange.Ptr()))
		}
		return
	}
	l.PreventDestroy, _ = d.constantBool(c.Attributes["prevent_destroy"], false)
	l.CreateBeforeDestroy, l.CreateBeforeDestroySet = d.constantBool(c.Attributes["create_before_destroy"], false)
	d.ignoreChanges(l, c.Attributes["ignore_changes"])
	d.replaceTriggers(l, c.Attributes["replace_triggered_by"])
}

// ignoreChanges reads `all` or a list of paths into the resource.
func (d *decoder) ignoreChanges(l *Lifecycle, a *hcl.Attribute) {
	if a == nil {
		return
	}
	if hcl.ExprAsKeyword(unquote(a.Expr)) == "all" {
		l.IgnoreAll = true
		return
	}
	list, ds := hcl.ExprList(a.Expr)
	if ds.HasErrors() {
		d.report(diag.Error(CodeInvalidArgument, "Invalid ignore_changes", "The argument must be a list in brackets of attributes of this resource, as in [labels], or the "+
			"word all.", a.Expr.Range().Ptr()))
		return
	}
	for _, e := range list {
		t, ds := hcl.RelTraversalForExpr(unquote(e))
		if ds.HasErrors() {
			d.report(diag.Error(CodeInvalidArgument, "Invalid ignore_changes", "Each element names an attribute of this resource, or a part of one with constant keys, as in "+
				"labels or labels[\"app\"].", e.Range().Ptr()))
			continue
		}
		l.IgnoreChanges = append(l.IgnoreChanges, t)
	}
}

// replaceTriggers reads a list of references to managed resources.
func (d *decoder) replaceTriggers(l *Lifecycle, a *hcl.Attribute) {
	if a == nil {
		return
	}
	list, ds := hcl.ExprList(a.Expr)
	if ds.HasErrors() {
		d.report(invalidTrigger(a.Expr.Range()))
		return
	}
	for _, e := range list {
		e = unquote(e)
		refs, ds := lang.ExprReferences(e)
		d.report(ds...)
		switch {
		case ds.HasErrors():
		case len(refs) == 0 || refs[0].Kind != lang.RefResource || refs[0].Range != e.Range() && !jsonString(e):
			d.report(invalidTrigger(e.Range()))
		default:
			l.ReplaceTriggeredBy = append(l.ReplaceTriggeredBy, e)
		}
	}
}

// jsonString reports whether e comes from the JSON syntax, where the reference stands inside a string.
func jsonString(e hcl.Expression) bool {
	_, ok := e.(interface{ ExprList() []hcl.Expression })
	return ok
}

func invalidTrigger(at hcl.Range) *hcl.Diagnostic {
	return diag.Error(CodeInvalidArgument, "Invalid replace_triggered_by", "The argument must be a list in brackets of managed resources or their attributes, as in "+
		"[linkerd_identity_issuer.main.fingerprint].", at.Ptr())
}
