package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/internal/schema"
)

// validate evaluates the rules of every variable.
func (m *Module) validate(values map[string]VariableValue) hcl.Diagnostics {
	all := make(map[string]cty.Value, len(m.Variables))
	for name, v := range m.Variables {
		all[name] = v.mark(cty.UnknownVal(v.Type)) // a wrong value is reported already
		if got, ok := values[name]; ok {
			all[name] = got.Value
		}
	}
	ctx := &hcl.EvalContext{Functions: m.functions, Variables: map[string]cty.Value{"var": cty.ObjectVal(all)}}
	var ds hcl.Diagnostics
	for _, v := range m.SortedVariables() {
		got, ok := values[v.Name]
		if !ok {
			continue
		}
		at := subject(got.Range)
		if got.Source == sourceDefault {
			at = nil
		}
		ds = append(ds, v.Validate(ctx, got.Source, at)...)
	}
	return ds
}

// Validate evaluates the validation rules. The context must hold functions and, as `var`, the values of all variables that
// RuleVariables names. The findings point at the place where the value was given, or at the variable when at is nil;
// source says for people where that was. A rule whose outcome is not known yet is passed over. No finding quotes a
// secret. It has no effects.
//
// Why the order of variables does not matter: a rule takes part in no value, so two variables whose rules mention each
// other are no circle.
func (v *Variable) Validate(ctx *hcl.EvalContext, source string, at *hcl.Range) (ds hcl.Diagnostics) {
	if at == nil {
		at = v.DeclRange.Ptr()
	}
	for _, r := range v.Validations {
		ds = append(ds, r.check(v, source, at, ctx)...)
	}
	return ds
}

// RuleVariables names the variables that the validation rules mention, v itself included, sorted. It is empty when there
// are no rules.
func (v *Variable) RuleVariables() []string {
	names := map[string]bool{}
	for _, r := range v.Validations {
		for _, e := range []hcl.Expression{r.Condition, r.ErrorMessage} {
			refs, _ := lang.ExprReferences(e)
			for _, ref := range refs {
				names[ref.Name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// check evaluates one validation rule.
func (r *CheckRule) check(v *Variable, source string, at *hcl.Range, ctx *hcl.EvalContext) hcl.Diagnostics {
	result, ds := r.Condition.Value(ctx)
	if ds.HasErrors() {
		return hcl.Diagnostics{r.unevaluable(ds, ctx)}
	}
	result, _ = result.Unmark()
	if !result.IsKnown() {
		return nil
	}
	result, err := convert.Convert(result, cty.Bool)
	if err != nil || result.IsNull() {
		return hcl.Diagnostics{diag.Error(CodeValidation, "Invalid condition", "The condition of a validation rule must be true or false.", r.Condition.Range().Ptr())}
	}
	if result.True() {
		return nil
	}
	where := "comes from " + source
	if source == sourceDefault {
		where = "is its default"
	}
	rule := r.Range
	return hcl.Diagnostics{diag.Error(CodeValidation, "Invalid value for variable", fmt.Sprintf("%s\n\nThe value of the variable %q %s. The rule is at %s:%d,%d.",
		r.message(ctx), v.Name, where, rule.Filename, rule.Start.Line, rule.Start.Column), at)}
}

// message evaluates the error message, which may not give a secret away.
func (r *CheckRule) message(ctx *hcl.EvalContext) string {
	v, ds := r.ErrorMessage.Value(ctx)
	if ds.HasErrors() {
		return "The value is not valid. (The error message of the rule cannot be evaluated.)"
	}
	v, err := convert.Convert(v, cty.String)
	switch {
	case err != nil || v.IsNull() || !v.IsKnown():
		return "The value is not valid. (The error message of the rule is not a text.)"
	case schema.IsSensitive(v) || schema.IsEphemeral(v):
		return "The value is not valid. (The error message of the rule is not shown because it quotes a sensitive value.)"
	}
	return diag.Scrub(v.AsString())
}

// unevaluable says why a condition cannot be evaluated. HCL's own diagnostics would carry the values along, and may
// quote them, so with secrets they are not passed on.
func (r *CheckRule) unevaluable(ds hcl.Diagnostics, ctx *hcl.EvalContext) *hcl.Diagnostic {
	at := r.Condition.Range().Ptr()
	for _, t := range r.Condition.Variables() {
		if v, more := t.TraverseAbs(ctx); more.HasErrors() || schema.IsSensitive(v) || schema.IsEphemeral(v) {
			return diag.Error(CodeValidation, "Condition cannot be evaluated", "An operation or function in the condition fails for this value. The reason is not shown because "+
				"it could quote a sensitive value.", at)
		}
	}
	first := ds[slices.IndexFunc(ds, func(d *hcl.Diagnostic) bool { return d.Severity == hcl.DiagError })]
	if first.Subject != nil {
		at = first.Subject
	}
	return diag.Error(CodeValidation, "Condition cannot be evaluated", fmt.Sprintf("%s: %s", first.Summary, first.Detail), at)
}
