package config

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

func TestAccept(t *testing.T) {
	c := loaded(t, map[string]string{"main.mesh.hcl": `
variable "needed" {
  type     = string
  nullable = false
}
variable "defaulted" {
  type     = number
  default  = 5
  nullable = false
}
variable "nullable" {
  type    = number
  default = 5
}
variable "any" {
  type = any
}
variable "object" {
  type = object({ name = string, ports = optional(list(object({ port = optional(number, 80) })), [{}]) })
}
variable "sensitive" {
  type      = string
  sensitive = true
}
variable "ephemeral" {
  type      = string
  ephemeral = true
}
`})
	port := func(n int64) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"port": cty.NumberIntVal(n)})
	}
	object := func(ports ...cty.Value) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal("x"), "ports": cty.ListVal(ports)})
	}
	named := cty.StringVal("x")
	secret := cty.StringVal("hunter2").Mark(schema.Sensitive)
	for _, tc := range []struct {
		name      string
		raw, want cty.Value // no want: an error
	}{
		{"needed", cty.NilVal, cty.NilVal},
		{"needed", cty.NullVal(cty.DynamicPseudoType), cty.NilVal},
		{"needed", cty.NumberIntVal(1), cty.StringVal("1")},
		{"needed", cty.EmptyObjectVal, cty.NilVal},
		{"needed", cty.UnknownVal(cty.Number), cty.UnknownVal(cty.String).RefineNotNull()},
		{"needed", cty.DynamicVal, cty.UnknownVal(cty.String).RefineNotNull()},
		{"needed", secret, secret},
		{"needed", cty.StringVal("x").Mark(schema.Ephemeral), cty.NilVal},
		{"defaulted", cty.NilVal, cty.NumberIntVal(5)},
		{"defaulted", cty.NullVal(cty.String), cty.NumberIntVal(5)},
		{"defaulted", cty.StringVal("7"), cty.NumberIntVal(7)},
		{"defaulted", secret, cty.NilVal},
		{"nullable", cty.NilVal, cty.NumberIntVal(5)},
		{"nullable", cty.NullVal(cty.DynamicPseudoType), cty.NullVal(cty.Number)},
		{"nullable", cty.UnknownVal(cty.Number), cty.UnknownVal(cty.Number)},
		{"any", cty.TupleVal([]cty.Value{named, cty.True}), cty.TupleVal([]cty.Value{named, cty.True})},
		{"any", cty.DynamicVal, cty.DynamicVal},
		{"object", cty.ObjectVal(map[string]cty.Value{"name": named}), object(port(80))},
		{"object", cty.ObjectVal(map[string]cty.Value{"name": named, "more": cty.True, "ports": cty.TupleVal([]cty.Value{cty.EmptyObjectVal, port(1)})}), object(port(80), port(1))},
		{"object", cty.UnknownVal(cty.EmptyObject), cty.NilVal},
		{"object", cty.ObjectVal(map[string]cty.Value{"name": cty.UnknownVal(cty.String)}),
			cty.ObjectVal(map[string]cty.Value{"name": cty.UnknownVal(cty.String), "ports": cty.ListVal([]cty.Value{port(80)})})},
		{"object", cty.ObjectVal(map[string]cty.Value{"name": secret}),
			cty.ObjectVal(map[string]cty.Value{"name": secret, "ports": cty.ListVal([]cty.Value{port(80)})})},
		{"sensitive", named, named.Mark(schema.Sensitive)},
		{"sensitive", cty.UnknownVal(cty.String), cty.UnknownVal(cty.String).Mark(schema.Sensitive)},
		{"sensitive", cty.ListValEmpty(cty.String), cty.NilVal},
		{"ephemeral", named.Mark(schema.Ephemeral), named.Mark(schema.Ephemeral)},
		{"ephemeral", named, named.Mark(schema.Ephemeral)},
	} {
		at := &hcl.Range{Filename: "x"}
		got, ds := c.Root.Variables[tc.name].Accept(tc.raw, at)
		if tc.want == cty.NilVal {
			if !ds.HasErrors() || got.IsKnown() || ds[0].Subject != at || strings.Contains(ds[0].Detail, "hunter2") {
				t.Errorf("%s: Accept(%#v) = %#v, %v", tc.name, tc.raw, got, ds)
			}
			continue
		}
		if ds.HasErrors() || !got.RawEquals(tc.want) {
			t.Errorf("%s: Accept(%#v) = %#v, %v; want %#v", tc.name, tc.raw, got, ds, tc.want)
		}
	}
}

// Rules may mention other variables, also each other's; what is not known yet is left for later.
func TestValidate(t *testing.T) {
	c := loaded(t, map[string]string{"main.mesh.hcl": `
variable "low" {
  type = number
  validation {
    condition     = var.low < var.high
    error_message = "low must be below ${var.high}"
  }
  validation {
    condition     = var.low > 0
    error_message = "low must be positive"
  }
}
variable "high" {
  type = number
  validation {
    condition     = var.high > var.low
    error_message = "high must be above ${var.low}"
  }
}
`})
	low := c.Root.Variables["low"]
	if got := strings.Join(low.RuleVariables(), " "); got != "high low" {
		t.Errorf("RuleVariables = %s", got)
	}
	check := func(l, h cty.Value) string {
		ctx := &hcl.EvalContext{Variables: map[string]cty.Value{"var": cty.ObjectVal(map[string]cty.Value{"low": l, "high": h})}}
		var out []string
		for _, d := range low.Validate(ctx, "the module call", &hcl.Range{Filename: "call"}) {
			first, _, _ := strings.Cut(d.Detail, "\n")
			out = append(out, d.Subject.Filename+": "+first)
		}
		return strings.Join(out, "; ")
	}
	n := cty.NumberIntVal
	for _, tc := range []struct {
		low, high cty.Value
		want      string
	}{
		{n(1), n(2), ""},
		{n(3), n(2), "call: low must be below 2"},
		{n(-1), n(-2), "call: low must be below -2; call: low must be positive"},
		{n(3), cty.UnknownVal(cty.Number), ""},
		{n(-3), cty.UnknownVal(cty.Number), "call: low must be positive"},
		{cty.UnknownVal(cty.Number), n(1), ""},
		{n(3), n(2).Mark(schema.Sensitive), "call: The value is not valid. (The error message of the rule is not shown because it quotes a sensitive value.)"},
	} {
		if got := check(tc.low, tc.high); got != tc.want {
			t.Errorf("low %#v, high %#v: %q, want %q", tc.low, tc.high, got, tc.want)
		}
	}
}
