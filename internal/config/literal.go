package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
)

// Some arguments are needed before anything can be evaluated. They must be constants, and these methods read them. A
// missing attribute, null and a mistake give the zero value.

func (d *decoder) constant(a *hcl.Attribute, t cty.Type) (cty.Value, bool) {
	if a == nil {
		return cty.NilVal, false
	}
	v, ds := a.Expr.Value(nil)
	if ds.HasErrors() {
		detail := fmt.Sprintf("The argument %q is needed before variables and resources exist, so it must be a constant: %s.", a.Name, kindOf(t))
		d.report(diag.Error(CodeInvalidArgument, "Constant required", detail, a.Expr.Range().Ptr()))
		return cty.NilVal, false
	}
	if !v.IsWhollyKnown() {
		return cty.NilVal, false // a syntax error, which is reported already
	}
	v, err := convert.Convert(v, t)
	if err != nil {
		d.report(diag.Error(CodeInvalidArgument, "Invalid argument", fmt.Sprintf("The argument %q must be %s.", a.Name, kindOf(t)), a.Expr.Range().Ptr()))
		return cty.NilVal, false
	}
	return v, !v.IsNull()
}

func kindOf(t cty.Type) string {
	if t == cty.Bool {
		return "true or false"
	}
	return "a text in quotes"
}

func (d *decoder) constantString(a *hcl.Attribute) string {
	if v, ok := d.constant(a, cty.String); ok {
		return v.AsString()
	}
	return ""
}

// constantBool also says whether the argument was given.
func (d *decoder) constantBool(a *hcl.Attribute, absent bool) (value, given bool) {
	if v, ok := d.constant(a, cty.Bool); ok {
		return v.True(), true
	}
	return absent, false
}

func (d *decoder) constantDuration(a *hcl.Attribute) (time.Duration, bool) {
	v, ok := d.constant(a, cty.String)
	if !ok {
		return 0, false
	}
	t, err := time.ParseDuration(v.AsString())
	if err != nil || t <= 0 {
		d.report(diag.Error(CodeInvalidArgument, "Invalid duration", fmt.Sprintf("The value %q is not a duration. Write a number with a unit that is "+
			"more than zero, such as \"90s\", \"10m\" or \"1h30m\".", v.AsString()), a.Expr.Range().Ptr()))
		return 0, false
	}
	return t, true
}

// dependsOn reads a list of references to whole resources, data sources or modules.
func (d *decoder) dependsOn(a *hcl.Attribute) []lang.Reference {
	if a == nil {
		return nil
	}
	list, ds := hcl.ExprList(a.Expr)
	if ds.HasErrors() {
		d.report(invalidDependsOn("The argument \"depends_on\" must be a list in brackets of references, as in [linkerd_crds.main].", a.Expr.Range()))
		return nil
	}
	var out []lang.Reference
	for _, e := range list {
		t, ds := hcl.AbsTraversalForExpr(unquote(e))
		if ds.HasErrors() {
			d.report(invalidDependsOn("Only references can stand here, as in [linkerd_crds.main]; the order of a run must be known before anything is evaluated.", e.Range()))
			continue
		}
		refs, ds := lang.ParseReferences([]hcl.Traversal{t})
		d.report(ds...)
		for _, r := range refs {
			switch {
			case r.Kind != lang.RefResource && r.Kind != lang.RefData && r.Kind != lang.RefModule:
				d.report(invalidDependsOn(fmt.Sprintf("Resources can depend on resources, data sources and modules only, not on %s.", traversalRoot(t)), e.Range()))
			case len(r.Remaining) > 0:
				d.report(invalidDependsOn(fmt.Sprintf("Name the whole resource, %s, and not an attribute of it.", r.Resource.Instance(r.Key)), e.Range()))
			default:
				out = append(out, r)
			}
		}
	}
	return out
}

func invalidDependsOn(detail string, at hcl.Range) *hcl.Diagnostic {
	return diag.Error(CodeInvalidArgument, "Invalid depends_on", detail, at.Ptr())
}

func traversalRoot(t hcl.Traversal) string { return fmt.Sprintf("%q", t.RootName()) }

// unquote turns a quoted reference, as old Terraform wanted it and as the JSON syntax has it, into the reference.
func unquote(e hcl.Expression) hcl.Expression {
	if tmpl, ok := e.(*hclsyntax.TemplateExpr); !jsonString(e) && (!ok || !tmpl.IsStringLiteral()) {
		return e
	}
	v, ds := e.Value(nil)
	if ds.HasErrors() || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return e
	}
	text := v.AsString()
	r := e.Range()
	start := hcl.Pos{Line: r.Start.Line, Column: r.Start.Column + 1, Byte: r.Start.Byte + 1}
	if inner, ok := strings.CutPrefix(text, "${"); ok && jsonString(e) && strings.HasSuffix(inner, "}") {
		text, start.Column, start.Byte = strings.TrimSuffix(inner, "}"), start.Column+2, start.Byte+2
	}
	if lang.CheckNesting([]byte(text), lang.Native, r) != nil {
		return e // nobody refers to anything with so many brackets, and the parser would not survive them
	}
	inner, ds := hclsyntax.ParseExpression([]byte(text), r.Filename, start)
	if ds.HasErrors() {
		return e
	}
	return inner
}

// rule reads a precondition, postcondition or validation block; nil means that a part is missing.
func (d *decoder) rule(b *hcl.Block) *CheckRule {
	c := d.content(b.Body, &hcl.BodySchema{Attributes: []hcl.AttributeSchema{
		{Name: "condition", Required: true}, {Name: "error_message", Required: true},
	}})
	r := &CheckRule{Range: b.DefRange}
	if a := c.Attributes["condition"]; a != nil {
		r.Condition = a.Expr
	}
	if a := c.Attributes["error_message"]; a != nil {
		r.ErrorMessage = a.Expr
	}
	if r.Condition == nil || r.ErrorMessage == nil {
		return nil
	}
	return r
}
