package engine

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
)

const (
	// CodeCondition: a precondition or postcondition does not hold.
	CodeCondition diag.Code = "config.condition-failed"
	// CodeInvalidConfig: a provider refuses a configuration whose parts are valid each by itself.
	CodeInvalidConfig diag.Code = "config.invalid"
)

// problem turns a finding of a schema into a diagnostic.
func problem(p schema.Problem) *hcl.Diagnostic {
	d := diag.Error(CodeInvalidConfig, p.Summary, p.Detail, nil)
	if p.Warning {
		d.Severity = hcl.DiagWarning
	}
	return diag.At(d, p.Path)
}

// checkRules evaluates conditions. One that is not known yet is left for the apply.
func checkRules(rules []*config.CheckRule, ctx *hcl.EvalContext, what string) (ds hcl.Diagnostics) {
	for _, rule := range rules {
		v, more := rule.Condition.Value(ctx)
		ds = append(ds, more...)
		if more.HasErrors() {
			continue
		}
		v, _ = v.Unmark()
		if !v.IsKnown() {
			continue
		}
		rng := rule.Condition.Range()
		ok, err := convert.Convert(v, cty.Bool)
		if err != nil || ok.IsNull() {
			ds = append(ds, diag.Error(CodeCondition, "Invalid condition", "The condition must be true or false.", &rng))
			continue
		}
		if ok.True() {
			continue
		}
		text := "The condition does not hold."
		if rule.ErrorMessage != nil {
			msg, more := rule.ErrorMessage.Value(ctx)
			if !more.HasErrors() && msg.IsKnown() && !msg.IsNull() && msg.Type() == cty.String {
				if schema.IsSensitive(msg) || schema.IsEphemeral(msg) {
					text = "The message refers to a sensitive value and is not shown."
				} else {
					text = msg.AsString()
				}
			}
		}
		ds = append(ds, diag.Error(CodeCondition, what+" failed", text, &rng))
	}
	return ds
}
