package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
)

// Accept turns what the argument of a module call evaluates to into the variable's value: converted to the type, with the
// defaults of optional attributes, and marked as declared. The variable's default stands in for cty.NilVal, which means
// that there is no argument, and for a null that the variable does not take. What is unknown stays so. With errors, which
// point at the argument and quote no secret, the result is unknown. It costs O(size of the value) and has no effects.
func (v *Variable) Accept(raw cty.Value, at *hcl.Range) (cty.Value, hcl.Diagnostics) {
	unknown := v.mark(cty.UnknownVal(v.Type))
	source := "the module call"
	if raw != cty.NilVal && !v.Ephemeral && schema.IsEphemeral(raw) {
		return unknown, hcl.Diagnostics{diag.Error(CodeInvalidVariable, "Ephemeral value for variable", fmt.Sprintf("The value is ephemeral and must not be stored, but the variable %q of the "+
			"module is not. Add ephemeral = true to the variable.", v.Name), at)}
	}
	if raw != cty.NilVal {
		value, err := v.convert(raw)
		switch {
		case err != nil && schema.IsSensitive(raw):
			return unknown, hcl.Diagnostics{v.unsuitableSecret(source, at)}
		case err != nil:
			return unknown, hcl.Diagnostics{v.unsuitable(source, err, at)}
		case v.Nullable:
			return v.mark(value), nil
		case !value.IsNull():
			if !value.IsKnown() && !value.IsMarked() {
				value = value.RefineNotNull() // a null would be refused, or replaced by the default
			}
			return v.mark(value), nil
		}
	}
	switch {
	case !v.Required():
		return v.mark(v.Default), nil
	case raw == cty.NilVal:
		return unknown, hcl.Diagnostics{diag.Error(CodeMissingArgument, "Missing argument of module", fmt.Sprintf("The module requires a value for %q.", v.Name), at)}
	}
	return unknown, hcl.Diagnostics{v.notNullable(source, at)}
}

// unsuitable reports a value that cannot be converted to the type.
func (v *Variable) unsuitable(source string, err error, at *hcl.Range) *hcl.Diagnostic {
	if v.secret() {
		return v.unsuitableSecret(source, at)
	}
	return diag.Error(CodeInvalidVariable, "Invalid value for variable", fmt.Sprintf("The value that %s gives to the variable %q does not suit its type: %s.", source, v.Name, mismatch(err)), at)
}

// mismatch says which part of a value does not suit, and why.
func mismatch(err error) string {
	text := strings.TrimSuffix(err.Error(), ".")
	var part cty.PathError
	if errors.As(err, &part) && len(part.Path) > 0 {
		return diag.PathString(part.Path) + ": " + text
	}
	return text
}

func (v *Variable) unsuitableSecret(source string, at *hcl.Range) *hcl.Diagnostic {
	return diag.Error(CodeInvalidVariable, "Invalid value for variable", fmt.Sprintf("The value that %s gives to the variable %q does not suit its type, which is %s. The reason is not shown "+
		"because it could quote the value.", source, v.Name, typeexpr.TypeString(v.Type)), at)
}

func (v *Variable) notNullable(source string, at *hcl.Range) *hcl.Diagnostic {
	return diag.Error(CodeInvalidVariable, "Invalid value for variable", fmt.Sprintf("The value that %s gives to the variable %q is null, but the variable is not nullable and has no default.",
		source, v.Name), at)
}

// warned returns the warning about a value for a deprecated variable.
func (v *Variable) warned(at *hcl.Range) hcl.Diagnostics {
	if v.Deprecated == "" {
		return nil
	}
	return hcl.Diagnostics{v.deprecated(at)}
}

func (v *Variable) deprecated(at *hcl.Range) *hcl.Diagnostic {
	return diag.Warning(schema.CodeDeprecated, "Deprecated variable", fmt.Sprintf("The variable %q is deprecated, so give it no value: %s", v.Name, diag.Scrub(v.Deprecated)), at)
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
