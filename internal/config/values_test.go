package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/internal/schema"
)

func loadText(t *testing.T, text string) *Config {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "main.mesh.hcl", text)
	c, ds := Load(dir, Options{})
	if ds.HasErrors() {
		t.Fatal(render(c.Files, ds))
	}
	return c
}

// Each source beats the ones before it.
func TestPrecedence(t *testing.T) {
	c := loadText(t, `variable "a" {
  type    = string
  default = "default"
}
`)
	in := Inputs{}
	check := func(want, source string) {
		t.Helper()
		as, ds := c.Assignments(in)
		if ds.HasErrors() {
			t.Fatal(ds)
		}
		values, ds := c.Root.VariableValues(as)
		if ds.HasErrors() {
			t.Fatal(ds)
		}
		if got := values["a"]; got.Value.AsString() != want || got.Source != source {
			t.Errorf("a = %#v from %s, want %s from %s", got.Value, got.Source, want, source)
		}
	}
	check("default", "default")
	in.Environ = []string{"HOME=/x", "MESHPLAN_VAR_a=env", "MESHPLAN_VAR_of_another_directory=1"}
	check("env", "the environment variable MESHPLAN_VAR_a")
	write(t, c.Dir, "b.auto.vars.hcl", `a = "auto b"`)
	write(t, c.Dir, "a.auto.vars.hcl", `a = "auto a"`)
	check("auto b", "b.auto.vars.hcl")
	write(t, c.Dir, "c.auto.vars.hcl.json", `{"a": "auto c"}`)
	check("auto c", "c.auto.vars.hcl.json")
	write(t, c.Dir, "one.hcl", `a = "one"`)
	write(t, c.Dir, "two.hcl", `a = "two"`)
	in.Files = []string{filepath.Join(c.Dir, "two.hcl"), filepath.Join(c.Dir, "one.hcl")}
	check("one", "one.hcl")
	in.Flags = []string{"a=x", "a = y=z"}
	check(" y=z", "the flag --var")
	if c.Files[in.Files[0]] != nil {
		t.Error("a variable file is in Files, from which lines are shown")
	}
}

func TestParseText(t *testing.T) {
	for _, tc := range []struct {
		typ, text string
		want      cty.Value
	}{
		{"string", `["a"]`, cty.StringVal(`["a"]`)},
		{"string", `null`, cty.StringVal(`null`)},
		{"string", ``, cty.StringVal(``)},
		{"number", ` 12345678901234567890123 `, cty.MustParseNumberVal("12345678901234567890123")},
		{"number", `null`, cty.NullVal(cty.Number)},
		{"bool", `true`, cty.True},
		{"list(string)", `["b", "c"]`, cty.ListVal([]cty.Value{cty.StringVal("b"), cty.StringVal("c")})},
		{"set(string)", `["b", "b"]`, cty.SetVal([]cty.Value{cty.StringVal("b")})},
		{"map(number)", `{"a": "1"}`, cty.MapVal(map[string]cty.Value{"a": cty.NumberIntVal(1)})},
		{"any", `[1, "a"]`, cty.TupleVal([]cty.Value{cty.NumberIntVal(1), cty.StringVal("a")})},
		{`object({ name = string, port = optional(number, 80) })`, `{ name = "x" }`,
			cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal("x"), "port": cty.NumberIntVal(80)})},
		{`list(object({ port = optional(number, 80) }))`, `[{}, { port = 1 }]`, cty.ListVal([]cty.Value{
			cty.ObjectVal(map[string]cty.Value{"port": cty.NumberIntVal(80)}), cty.ObjectVal(map[string]cty.Value{"port": cty.NumberIntVal(1)})})},
	} {
		c := loadText(t, fmt.Sprintf("variable \"v\" {\n  type = %s\n}", tc.typ))
		values, ds := c.Root.VariableValues([]Assignment{{Name: "v", Text: tc.text}})
		if ds.HasErrors() || !values["v"].Value.RawEquals(tc.want) {
			t.Errorf("%s from %q = %#v, %v; want %#v", tc.typ, tc.text, values["v"].Value, ds, tc.want)
		}
	}
}

// A variable without a type does not turn a list into its text.
func TestInferredType(t *testing.T) {
	c := loadText(t, "variable \"n\" {\n  default = 3\n}")
	if v := c.Root.Variables["n"]; v.Type != cty.Number || v.Required() {
		t.Errorf("n = %+v", v)
	}
	if _, ds := c.Root.VariableValues([]Assignment{{Name: "n", Text: "[1]"}}); !ds.HasErrors() {
		t.Error("a list was accepted as a number")
	}
}

func TestNullable(t *testing.T) {
	c := loadText(t, `variable "yes" {
  type    = string
  default = "d"
}
variable "no" {
  type     = string
  default  = "d"
  nullable = false
}
`)
	write(t, c.Dir, "n.auto.vars.hcl", "yes = null\nno = null")
	as, _ := c.Assignments(Inputs{})
	values, ds := c.Root.VariableValues(as)
	if ds.HasErrors() || !values["yes"].Value.IsNull() || values["no"].Value.AsString() != "d" || values["no"].Source != "default" {
		t.Errorf("values = %+v, %v", values, ds)
	}
}

func TestMarks(t *testing.T) {
	c := loadText(t, `variable "secret" {
  type      = string
  sensitive = true
}
variable "short" {
  type      = string
  ephemeral = true
  default   = "x"
}
`)
	values, ds := c.Root.VariableValues([]Assignment{{Name: "secret", Text: "s"}})
	if ds.HasErrors() || !values["secret"].Value.HasMark(schema.Sensitive) || values["secret"].Value.HasMark(schema.Ephemeral) || !values["short"].Value.HasMark(schema.Ephemeral) {
		t.Errorf("values = %#v, %v", values, ds)
	}
	if v := ValueMap(values); v.GetAttr("secret").HasMark(schema.Sensitive) == false {
		t.Error("ValueMap lost a mark")
	}
}

const wrongValues = `variable "region" {
  type = string
  validation {
    condition     = contains(["eu", "us"], var.region)
    error_message = "The region is eu or us, not ${var.region}."
  }
}
variable "replicas" {
  type = number
  validation {
    condition     = var.replicas > 0 && var.replicas <= var.limit
    error_message = "Replicas must be between 1 and ${var.limit}."
  }
}
variable "limit" {
  type    = number
  default = 3
}
variable "token" {
  type      = string
  sensitive = true
  validation {
    condition     = length(var.token) > 20
    error_message = "The token ${var.token} is too short."
  }
  validation {
    condition     = tonumber(var.token) > 0
    error_message = "x"
  }
}
variable "host" {
  type    = string
  default = "a.b"
  validation {
    condition     = regex("^[", var.host) != ""
    error_message = "x"
  }
}
variable "pin" {
  type      = number
  sensitive = true
}
variable "ports" {
  type     = list(number)
  nullable = false
}
variable "needed" {
  type = string
}
`

// What is wrong with values, and that no secret is quoted.
func TestWrongValues(t *testing.T) {
	c := loadText(t, wrongValues)
	write(t, c.Dir, "x.auto.vars.hcl", "region = \"asia\"\nreplcas = 1\nports = [upper(\"a\")]\n")
	write(t, c.Dir, "terraform.tfvars", "region = \"eu\"\n")
	in := Inputs{
		Environ: []string{"MESHPLAN_VAR_pin=hunter2"},
		Files:   []string{filepath.Join(c.Dir, "absent.hcl")},
		Flags:   []string{"replicas=5", "token=hunter2", "regoin=eu", "novalue"},
	}
	as, ds := c.Assignments(in)
	values, more := c.Root.VariableValues(as)
	ds = diag.Sort(append(ds, more...))
	vars := filepath.Join(c.Dir, "x.auto.vars.hcl")
	b, err := os.ReadFile(vars)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*hcl.File{vars: {Bytes: b}}
	maps.Copy(files, c.Files)
	text := render(files, ds)
	golden.Check(t, "wrong_values", []byte(text), without(c.Dir))
	checkDiagnostics(t, files, ds)
	if strings.Contains(text, "hunter2") {
		t.Error("a secret is quoted")
	}
	for _, d := range ds {
		if d.EvalContext != nil {
			t.Errorf("the values beside %q would be printed with the message", d.Summary)
		}
	}
	for _, name := range []string{"pin", "ports", "needed"} {
		if _, ok := values[name]; ok {
			t.Errorf("%s has a value", name)
		}
	}
}

// Optional attributes may be left out by some elements of a collection and written by others.
func TestOptionalAttributesInCollections(t *testing.T) {
	c := loadText(t, `variable "services" {
  type = list(object({
    name = string
    port = optional(number)
    tls  = optional(object({ mode = optional(string, "strict"), ca = optional(string) }))
  }))
  default = [{ name = "a" }, { name = "b", port = "80", more = true }, { name = "c", tls = {} }]
}`)
	vals, ds := c.Root.VariableValues(nil)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	v := vals["services"].Value
	at := func(i int64, path cty.Path) cty.Value {
		got, err := append(cty.IndexIntPath(int(i)), path...).Apply(v)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, tc := range []struct{ got, want cty.Value }{
		{at(0, cty.GetAttrPath("port")), cty.NullVal(cty.Number)},
		{at(1, cty.GetAttrPath("port")), cty.NumberIntVal(80)},
		{at(2, cty.GetAttrPath("tls").GetAttr("mode")), cty.StringVal("strict")},
		{at(2, cty.GetAttrPath("tls").GetAttr("ca")), cty.NullVal(cty.String)},
	} {
		if !tc.got.RawEquals(tc.want) {
			t.Errorf("%#v, want %#v", tc.got, tc.want)
		}
	}
	if !v.Type().Equals(c.Root.Variables["services"].Type) {
		t.Errorf("type %#v", v.Type())
	}
}
