package config

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
)

// variableBlock reads a `variable` block.
func (d *decoder) variableBlock(b *hcl.Block) {
	name := b.Labels[0]
	if slices.Contains([]string{"count", "depends_on", "enabled", "for_each", "lifecycle", "locals", "providers", "source", "version"}, name) {
		d.report(diag.Error(CodeInvalidName, "Invalid name", fmt.Sprintf("The name %q is reserved, because module blocks have an argument of that name. Choose another one.", name),
			b.LabelRanges[0].Ptr()))
		return
	}
	if first, ok := d.module.Variables[name]; ok {
		d.duplicate("variable", name, b.DefRange, first.DeclRange)
		return
	}
	c := d.content(b.Body, &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "default"}, {Name: "deprecated"}, {Name: "description"}, {Name: "ephemeral"}, {Name: "nullable"}, {Name: "sensitive"}, {Name: "type"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "validation"}},
	})
	v := &Variable{Name: name, Type: cty.DynamicPseudoType, DeclRange: b.DefRange, Description: d.constantString(c.Attributes["description"]),
		Deprecated: d.constantString(c.Attributes["deprecated"])}
	v.Sensitive, _ = d.constantBool(c.Attributes["sensitive"], false)
	v.Ephemeral, _ = d.constantBool(c.Attributes["ephemeral"], false)
	v.Nullable, _ = d.constantBool(c.Attributes["nullable"], true)
	d.typeAndDefault(v, c.Attributes["type"], c.Attributes["default"])
	for _, inner := range c.Blocks {
		if r := d.rule(inner); r != nil && d.validationValid(v, r) {
			v.Validations = append(v.Validations, r)
		}
	}
	d.module.Variables[name] = v
}

// typeAndDefault reads the constraint and converts the default to it. Without a constraint the default tells the
// type, if it is a string, a number or a bool.
//
// Why no variable is without a type: in Terraform a list given on the command line to an untyped variable silently
// becomes a string.
func (d *decoder) typeAndDefault(v *Variable, typ, def *hcl.Attribute) {
	typed := false
	if typ != nil {
		t, defaults, ds := typeexpr.TypeConstraintWithDefaults(unquote(typ.Expr))
		for _, found := range coded(ds, CodeInvalidArgument) {
			found.Detail += " A type is for instance string, number, bool, list(string), map(number), object({ name = string, port = optional(number, 80) }) or any."
			d.report(found)
		}
		if !ds.HasErrors() {
			v.Type, v.Defaults, v.constraint, typed = t.WithoutOptionalAttributesDeep(), defaults, t, true
		}
	}
	if def == nil {
		if typ == nil {
			d.report(diag.Error(CodeMissingArgument, "Missing type", fmt.Sprintf("The variable %q has neither a type nor a default that would tell it. Add the type, "+
				"as in type = string.", v.Name), v.DeclRange.Ptr()))
		}
		return
	}
	v.DefaultRange = def.Expr.Range()
	value, ds := def.Expr.Value(nil)
	if ds.HasErrors() {
		d.report(diag.Error(CodeInvalidArgument, "Constant required", "The default of a variable must be a constant: it cannot refer to anything or call a function. Use a local "+
			"value for what is computed.", def.Expr.Range().Ptr()))
		v.Default = cty.UnknownVal(v.Type) // the variable is not required: say no more about it
		return
	}
	if !value.IsWhollyKnown() { // a syntax error, which is reported already
		v.Default = cty.UnknownVal(v.Type)
		return
	}
	if typ == nil {
		t := value.Type()
		if !t.IsPrimitiveType() {
			d.report(diag.Error(CodeMissingArgument, "Missing type", fmt.Sprintf("The variable %q needs a type, because its default fits several.%s", v.Name, typeHint(value)),
				def.Expr.Range().Ptr()))
		} else {
			v.Type, typed = t, true
		}
	}
	v.Default = cty.UnknownVal(v.Type)
	if !typed {
		return
	}
	converted, err := v.convert(value)
	switch {
	case err != nil:
		detail, at := fmt.Sprintf("The default of the variable %q does not suit its type: %s.", v.Name, mismatch(err)), def.Expr.Range()
		if v.secret() { // neither the error nor the line of the source is to be shown
			detail, at = fmt.Sprintf("The default of the variable %q does not suit its type, which is %s.", v.Name, typeexpr.TypeString(v.Type)), v.DeclRange
		}
		d.report(diag.Error(CodeInvalidArgument, "Invalid default", detail, at.Ptr()))
	case converted.IsNull() && !v.Nullable:
		d.report(diag.Error(CodeInvalidArgument, "Invalid default", fmt.Sprintf("The default of the variable %q is null, but nullable is false. Remove the default to make "+
			"the variable required.", v.Name), def.Expr.Range().Ptr()))
	default:
		v.Default = converted
	}
}

// convert makes value one of the variable's type, with the defaults of optional attributes.
func (v *Variable) convert(value cty.Value) (cty.Value, error) {
	if v.Defaults != nil && !value.IsNull() {
		value = v.Defaults.Apply(value)
	}
	if v.constraint == cty.NilType {
		return convert.Convert(value, v.Type)
	}
	return convert.Convert(value, v.constraint)
}

// typeHint proposes a type for a default.
func typeHint(value cty.Value) string {
	t := value.Type()
	var kind string
	var elements []cty.Type
	switch {
	case t.IsTupleType():
		kind, elements = "list", t.TupleElementTypes()
	case t.IsObjectType():
		kind = "map"
		for _, e := range t.AttributeTypes() {
			elements = append(elements, e)
		}
	}
	of := "string"
	if len(elements) > 0 {
		unified, _ := convert.Unify(elements)
		if unified == cty.NilType || unified.HasDynamicTypes() {
			return fmt.Sprintf(" Add type = %s.", typeexpr.TypeString(t))
		}
		of = typeexpr.TypeString(unified)
	}
	if kind == "" {
		return " Add for instance type = string."
	}
	return fmt.Sprintf(" Add for instance type = %s(%s).", kind, of)
}

// validationValid checks that a rule can be evaluated from variables alone.
func (d *decoder) validationValid(v *Variable, r *CheckRule) bool {
	valid, own := true, false
	for _, e := range []hcl.Expression{r.Condition, r.ErrorMessage} {
		refs, ds := lang.ExprReferences(e)
		d.report(ds...)
		valid = valid && !ds.HasErrors()
		for _, ref := range refs {
			own = own || ref.Kind == lang.RefVar && ref.Name == v.Name && e == r.Condition
			if ref.Kind != lang.RefVar {
				d.report(diag.Error(CodeInvalidArgument, "Invalid reference in validation", "A validation rule can refer to variables only, because values are checked before anything "+
					"else is known. Use a precondition for the rest.", ref.Range.Ptr()))
				valid = false
			}
		}
	}
	if valid && !own {
		d.report(diag.Error(CodeInvalidArgument, "Validation does not check the variable", fmt.Sprintf("The condition must refer to var.%s, the variable that it validates.", v.Name),
			r.Condition.Range().Ptr()))
	}
	return valid && own
}
