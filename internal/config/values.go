package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/internal/schema"
)

// VariableValues gives every variable of the module its value: of several assignments to one variable the last counts.
// A value that is null counts as none where the variable is not nullable. Variables whose value is missing or does not
// suit the type are missing from the result; those that fail a validation rule are there.
//
// No diagnostic quotes the value of a sensitive or ephemeral variable.
func (m *Module) VariableValues(in []Assignment) (map[string]VariableValue, hcl.Diagnostics) {
	var ds hcl.Diagnostics
	given := make(map[string]Assignment, len(in))
	for _, a := range in {
		if m.Variables[a.Name] == nil {
			ds = append(ds, m.undeclared(a))
			continue
		}
		given[a.Name] = a
	}
	values := make(map[string]VariableValue, len(m.Variables))
	for _, v := range m.SortedVariables() {
		a, ok := given[v.Name]
		value, d := v.value(a, ok)
		if d != nil {
			ds = append(ds, d)
			continue
		}
		values[v.Name] = value
	}
	ds = append(ds, m.validate(values)...)
	return values, diag.Sort(slices.DeleteFunc(ds, func(d *hcl.Diagnostic) bool { return d == nil }))
}

// undeclared reports an assignment to a variable that does not exist. In the environment that is normal, because one
// environment serves several directories; in a file it may be shared; typed by hand it is a mistake.
func (m *Module) undeclared(a Assignment) *hcl.Diagnostic {
	detail := fmt.Sprintf("The variable %q, to which %s gives a value, is not declared. Remove the value, or declare the variable.%s", a.Name, a.Source,
		diag.Suggest(a.Name, sortedKeys(m.Variables)))
	switch {
	case a.origin == fromEnvironment:
		return nil
	case a.origin == fromFile:
		return diag.Warning(CodeUndeclared, "Value for undeclared variable", detail, subject(a.Range))
	}
	return diag.Error(CodeUndeclared, "Value for undeclared variable", detail, subject(a.Range))
}

// value evaluates the assignment, if there is one, or else takes the default.
func (v *Variable) value(a Assignment, given bool) (VariableValue, *hcl.Diagnostic) {
	if given {
		value, err := v.read(a)
		if err != nil {
			detail := fmt.Sprintf("The value that %s gives to the variable %q does not suit its type: %s.", a.Source, v.Name, strings.TrimSuffix(err.Error(), "."))
			if v.secret() {
				detail = fmt.Sprintf("The value that %s gives to the variable %q does not suit its type, which is %s. The reason is not shown because it could quote the value.",
					a.Source, v.Name, v.Type.FriendlyNameForConstraint())
			}
			return VariableValue{}, diag.Error(CodeInvalidVariable, "Invalid value for variable", detail, subject(a.Range))
		}
		if !value.IsNull() || v.Nullable {
			return VariableValue{Value: v.mark(value), Source: a.Source, Range: a.Range}, nil
		}
		if v.Required() {
			return VariableValue{}, diag.Error(CodeInvalidVariable, "Invalid value for variable", fmt.Sprintf("The value that %s gives to the variable %q is null, "+
				"but the variable is not nullable and has no default.", a.Source, v.Name), subject(a.Range))
		}
	}
	if v.Required() {
		return VariableValue{}, diag.Error(CodeMissingValue, "No value for required variable", fmt.Sprintf("The variable %q has no default, so it must be given a value: with "+
			"--var '%s=…', in a file named with --var-file or ending in %s, or in the environment as %s%s.", v.Name, v.Name, autoSuffix, EnvPrefix, v.Name), v.DeclRange.Ptr())
	}
	value := VariableValue{Value: v.mark(v.Default), Source: "default", Range: v.DefaultRange}
	if v.secret() {
		value.Range = hcl.Range{}
	}
	return value, nil
}

// read evaluates an assignment and converts it.
func (v *Variable) read(a Assignment) (cty.Value, error) {
	if a.Expr == nil {
		return v.parse(a.Text)
	}
	value, ds := a.Expr.Value(nil)
	if ds.HasErrors() {
		return cty.NilVal, errors.New("a variable file holds constants only, without references and function calls")
	}
	if !value.IsWhollyKnown() {
		return cty.NilVal, errors.New("it has a syntax error")
	}
	return v.convert(value)
}

// parse reads what was typed: for a string it is the text itself, for everything else an expression.
func (v *Variable) parse(text string) (cty.Value, error) {
	switch {
	case v.Type == cty.String:
		return cty.StringVal(text), nil
	case v.Type.IsPrimitiveType() && strings.TrimSpace(text) != "null":
		return convert.Convert(cty.StringVal(strings.TrimSpace(text)), v.Type)
	}
	if d := lang.CheckNesting([]byte(text), lang.Native, hcl.Range{}); d != nil {
		return cty.NilVal, errors.New(d.Detail)
	}
	expr, ds := hclsyntax.ParseExpression([]byte(text), "value", hcl.InitialPos)
	if ds.HasErrors() {
		return cty.NilVal, v.notAnExpression(ds[0].Detail)
	}
	value, ds := expr.Value(nil)
	if ds.HasErrors() {
		return cty.NilVal, v.notAnExpression("It refers to something or calls a function.")
	}
	return v.convert(value)
}

func (v *Variable) notAnExpression(why string) error {
	return fmt.Errorf("for the type %s it must be a constant in the syntax of the configuration, such as [\"a\", \"b\"] or { a = 1 }, with texts in quotes. %s",
		v.Type.FriendlyNameForConstraint(), why)
}

// secret reports whether messages may quote the value.
func (v *Variable) secret() bool { return v.Sensitive || v.Ephemeral }

func (v *Variable) mark(value cty.Value) cty.Value {
	if v.Sensitive {
		value = value.Mark(schema.Sensitive)
	}
	if v.Ephemeral {
		value = value.Mark(schema.Ephemeral)
	}
	return value
}

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
		for _, r := range v.Validations {
			ds = append(ds, r.check(v, got, ctx)...)
		}
	}
	return ds
}

// check evaluates one validation rule. The finding points at the value, or at the variable when the value has no place.
func (r *CheckRule) check(v *Variable, got VariableValue, ctx *hcl.EvalContext) hcl.Diagnostics {
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
	at := subject(got.Range)
	if at == nil || got.Source == "default" {
		at = v.DeclRange.Ptr()
	}
	rule := r.Range
	return hcl.Diagnostics{diag.Error(CodeValidation, "Invalid value for variable", fmt.Sprintf("%s\n\nThe value of the variable %q comes from %s. The rule is at %s:%d,%d.",
		r.message(ctx), v.Name, got.Source, rule.Filename, rule.Start.Line, rule.Start.Column), at)}
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

func subject(r hcl.Range) *hcl.Range {
	if r == (hcl.Range{}) {
		return nil
	}
	return &r
}

// ValueMap returns the values alone, as the object that `var` is.
func ValueMap(values map[string]VariableValue) cty.Value {
	out := make(map[string]cty.Value, len(values))
	for name, v := range values {
		out[name] = v.Value
	}
	return cty.ObjectVal(out)
}
