package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
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
			if len(ds) > maxFindings {
				continue
			}
			ds = append(ds, m.undeclared(a))
			continue
		}
		given[a.Name] = a
	}
	values := make(map[string]VariableValue, len(m.Variables))
	for _, v := range m.SortedVariables() {
		a, ok := given[v.Name]
		value, more := v.value(a, ok)
		if ds = append(ds, more...); more.HasErrors() {
			continue
		}
		values[v.Name] = value
	}
	ds = append(ds, m.validate(values)...)
	return values, diag.Sort(slices.DeleteFunc(ds, func(d *hcl.Diagnostic) bool { return d == nil }))
}

// sourceDefault is VariableValue.Source of a default.
const sourceDefault = "default"

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
func (v *Variable) value(a Assignment, given bool) (VariableValue, hcl.Diagnostics) {
	if given {
		value, err := v.read(a)
		if err != nil {
			return VariableValue{}, hcl.Diagnostics{v.unsuitable(a.Source, err, subject(a.Range))}
		}
		if !value.IsNull() || v.Nullable {
			return VariableValue{Value: v.mark(value), Source: a.Source, Range: a.Range}, v.warned(subject(a.Range))
		}
		if v.Required() {
			return VariableValue{}, hcl.Diagnostics{v.notNullable(a.Source, subject(a.Range))}
		}
	}
	if v.Required() {
		return VariableValue{}, hcl.Diagnostics{diag.Error(CodeMissingValue, "No value for required variable", fmt.Sprintf("The variable %q has no default, so it must be given a value: with "+
			"--var '%s=…', in a file named with --var-file or ending in %s, or in the environment as %s%s.", v.Name, v.Name, autoSuffix, EnvPrefix, v.Name), v.DeclRange.Ptr())}
	}
	value := VariableValue{Value: v.mark(v.Default), Source: sourceDefault, Range: v.DefaultRange}
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
		typeexpr.TypeString(v.Type), why)
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
