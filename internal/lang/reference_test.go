package lang

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
)

// show writes a reference so that a test can state it in one line.
func show(r Reference) string {
	name := r.Name
	if r.Kind == RefResource || r.Kind == RefData {
		name = r.Resource.String()
	}
	kind := []string{"", "var", "local", "resource", "data", "module", "each", "count", "path", "self", "meshplan"}[r.Kind]
	key := []string{"", r.Key.String(), "[each.key]", "[each.value]", "[count.index]", "[?]"}[r.KeyExpr]
	var rest strings.Builder
	for _, s := range r.Remaining {
		switch s := s.(type) {
		case hcl.TraverseAttr:
			rest.WriteString("." + s.Name)
		case hcl.TraverseIndex:
			fmt.Fprintf(&rest, "[%s]", diag.PathString(cty.Path{cty.IndexStep{Key: s.Key}}))
		}
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s%s%s", kind, name, key, rest.String()))
}

func showAll(refs []Reference) []string {
	var out []string
	for _, r := range refs {
		out = append(out, show(r))
	}
	return out
}

func TestExprReferences(t *testing.T) {
	for _, tc := range []struct {
		expr string
		want []string
	}{
		{`1 + 2`, nil},
		{`var.a`, []string{"var a"}},
		{`local.a.b`, []string{"local a.b"}},
		{`path.module`, []string{"path module"}},
		{`self.uid`, []string{"self .uid"}},
		{`module.east.id`, []string{"module east.id"}},
		{`module.east[each.key].id`, []string{"module east[each.key].id", "each key"}},
		{`meshplan.version`, []string{"meshplan version"}},
		{`t_a.b`, []string{"resource t_a.b"}},
		{`t_a.b.c[0].d`, []string{"resource t_a.b.c[[0]].d"}},
		{`t_a.b["x"].c`, []string{`resource t_a.b["x"].c`}},
		{`t_a.b[0]`, []string{"resource t_a.b[0]"}},
		{`t_a.b.0.c`, []string{"resource t_a.b[0].c"}},
		{`data.t_a.b["x"].c`, []string{`data data.t_a.b["x"].c`}},
		{`t_a.b[each.key]`, []string{"resource t_a.b[each.key]", "each key"}},
		{`t_a.b[each.key].metadata.uid`, []string{"resource t_a.b[each.key].metadata.uid", "each key"}},
		{`t_a.b[(each.key)].c`, []string{"resource t_a.b[each.key].c", "each key"}},
		{`t_a.b["${each.key}"].c`, []string{"resource t_a.b[each.key].c", "each key"}},
		{`t_a.b["x-${each.key}"].c`, []string{"resource t_a.b[?].c", "each key"}},
		{`t_a.b[each.value]`, []string{"resource t_a.b[each.value]", "each value"}},
		{`t_a.b[each.value.name]`, []string{"resource t_a.b[?]", "each value.name"}},
		{`t_a.b[count.index]`, []string{"resource t_a.b[count.index]", "count index"}},
		{`t_a.b[count.index + 1]`, []string{"resource t_a.b[?]", "count index"}},
		{`t_a.b[local.k][each.key]`, []string{"resource t_a.b[?]", "local k", "each key"}},
		{`t_a.b[t_c.d[each.key].n].m`, []string{"resource t_a.b[?].m", "resource t_c.d[each.key].n", "each key"}},
		{`data.t_a.b[each.key].c`, []string{"data data.t_a.b[each.key].c", "each key"}},
		{`t_a.b.c[each.key]`, []string{"resource t_a.b.c", "each key"}}, // the index belongs to the attribute
		{`var.m[each.key].x`, []string{"var m", "each key"}},
		{`t_a.b[*].c`, []string{"resource t_a.b"}},
		{`t_a.b[each.key].list[*].x`, []string{"resource t_a.b[each.key].list", "each key"}},
		{`"x-${t_a.b.c}-${var.d}"`, []string{"resource t_a.b.c", "var d"}},
		{`[for k, v in t_a.b : v.id if k != var.x]`, []string{"resource t_a.b", "var x"}},
		{`[for each in local.l : t_a.b[each.key]]`, []string{"local l", "resource t_a.b[?]"}},
		{`{ for k in var.l : k => { for k2 in k : k2 => t_a.b[k] } }`, []string{"var l", "resource t_a.b[?]"}},
		{`[for v in var.l : v[each.key]]`, []string{"var l", "each key"}},
		{`try(t_a.b[each.key].c, null)`, []string{"resource t_a.b[each.key].c", "each key"}},
		{`var.c ? t_a.b : t_a.c`, []string{"var c", "resource t_a.b", "resource t_a.c"}},
		{`{ (var.k) = 1, plain = local.v }`, []string{"var k", "local v"}},
	} {
		expr, ds := hclsyntax.ParseExpression([]byte(tc.expr), "t.mesh.hcl", hcl.InitialPos)
		if ds.HasErrors() {
			t.Fatal(ds)
		}
		refs, ds := ExprReferences(expr)
		if diff := cmp.Diff(tc.want, showAll(refs)); diff != "" || ds.HasErrors() {
			t.Errorf("%s: %v (-want +got):\n%s", tc.expr, ds, diff)
		}
		for _, r := range refs {
			if r.Range.Start.Byte < 0 || r.Range.End.Byte > len(tc.expr) || r.Range.Empty() {
				t.Errorf("%s: range %s of %s", tc.expr, r.Range, show(r))
			}
		}
		// The JSON syntax gives the same, with ranges inside the string.
		quoted, _ := json.Marshal(map[string]any{"x": []string{"${" + tc.expr + "}"}})
		file, ds := hcljson.Parse(quoted, "t.json")
		if ds.HasErrors() {
			t.Fatal(ds)
		}
		attrs, _ := file.Body.JustAttributes()
		refs, ds = ExprReferences(attrs["x"].Expr)
		if diff := cmp.Diff(tc.want, showAll(refs)); diff != "" || ds.HasErrors() {
			t.Errorf("JSON %s: %v (-want +got):\n%s", tc.expr, ds, diff)
		}
		for _, r := range refs {
			if r.Range.Start.Byte < 6 || r.Range.End.Byte > len(quoted) {
				t.Errorf("JSON %s: range %v of %s", tc.expr, r.Range, show(r))
			}
		}
	}
}

func TestInvalidReferences(t *testing.T) {
	for expr, want := range map[string]string{
		`var`:                 "name a variable",
		`var["x"]`:            "name a variable",
		`local`:               "name a local value",
		`lonely`:              "put it in quotes",
		`vra`:                 `Did you mean "var"?`,
		`each`:                "each.key, each.value",
		`each.kye`:            `Did you mean "key"?`,
		`count.x`:             "count.index",
		`path.x`:              "path.module",
		`data.t_a`:            "three names",
		`data`:                "three names",
		`module[0]`:           "name a module call",
		`t_a.b[1.5]`:          "whole number",
		`terraform.workspace`: "workspaces",
		`resource.t_a.b`:      `leave out "resource."`,
		`t_a["b"]`:            "stands alone",
	} {
		e, ds := hclsyntax.ParseExpression([]byte(expr), "t.mesh.hcl", hcl.InitialPos)
		if ds.HasErrors() {
			t.Fatal(ds)
		}
		refs, ds := ExprReferences(e)
		if len(refs) != 0 || len(ds) != 1 || !strings.Contains(ds[0].Detail, want) || diag.CodeOf(ds[0]) != CodeInvalidReference || ds[0].Subject == nil {
			t.Errorf("%s = %v, %v; want %q", expr, showAll(refs), ds, want)
		}
	}
}

func TestBodyReferences(t *testing.T) {
	field := func() map[string]*schema.Attribute {
		return map[string]*schema.Attribute{"field": {Type: cty.String, Optional: true}}
	}
	b := &schema.Block{
		Attributes: map[string]*schema.Attribute{"name": {Type: cty.String, Optional: true}, "labels": {Type: cty.Map(cty.String), Optional: true}},
		Blocks: map[string]*schema.NestedBlock{
			"wait": {Nesting: schema.List, Block: schema.Block{Attributes: field()}},
			"rule": {Nesting: schema.Map, Label: "name", Block: schema.Block{Blocks: map[string]*schema.NestedBlock{"deep": {Nesting: schema.Single, Block: schema.Block{Attributes: field()}}}}},
		},
	}
	const native = `
name   = t_a.b[each.key].name
labels = { app = var.app }
wait {
  field = local.f
}
rule "x" {
  deep {
    field = data.t_c.d[0].e
  }
}
dynamic "wait" {
  for_each = t_a.list[each.key].items
  content {
    field = wait.value.f[var.i]
  }
}
dynamic "rule" {
  for_each = local.rules
  iterator = r
  labels   = [r.key, local.suffix]
  content {
    dynamic "deep" {
      for_each = r.value.deep
      content {
        field = "${deep.value}-${r.key}-${rule.x}"
      }
    }
  }
}
unknown = var.not_in_schema
`
	const inJSON = `{
"name": "${t_a.b[each.key].name}",
"labels": {"app": "${var.app}"},
"wait": {"field": "${local.f}"},
"rule": {"x": {"deep": {"field": "${data.t_c.d[0].e}"}}},
"dynamic": [
  {"wait": {"for_each": "${t_a.list[each.key].items}", "content": {"field": "${wait.value.f[var.i]}"}}},
  {"rule": {"for_each": "${local.rules}", "iterator": "r", "labels": ["${r.key}", "${local.suffix}"],
    "content": {"dynamic": {"deep": {"for_each": "${r.value.deep}", "content": {"field": "${deep.value}-${r.key}-${rule.x}"}}}}}}
],
"unknown": "${var.not_in_schema}"
}`
	want := []string{"resource t_a.b[each.key].name", "each key", "var app", "local f", "data data.t_c.d[0].e", "resource t_a.list[each.key].items", "each key", "var i",
		"local rules", "local suffix", "resource rule.x"}
	f, ds := hclsyntax.ParseConfig([]byte(native), "t.mesh.hcl", hcl.InitialPos)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	refs, ds := BodyReferences(f.Body, b)
	if diff := cmp.Diff(want, showAll(refs)); diff != "" || ds.HasErrors() {
		t.Errorf("native: %v (-want +got):\n%s", ds, diff)
	}
	f, ds = hcljson.Parse([]byte(inJSON), "t.mesh.hcl.json")
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	refs, ds = BodyReferences(f.Body, b)
	if diff := cmp.Diff(want, showAll(refs)); diff != "" || ds.HasErrors() {
		t.Errorf("JSON: %v (-want +got):\n%s", ds, diff)
	}
}

// Whatever the expression, no reference that HCL finds is lost.
func FuzzExprReferences(f *testing.F) {
	for _, s := range []string{`t_a.b[each.key].c`, `[for k in a.b : k[c.d]]`, `a.b[c.d[e.f]][*].g`, `"${a.b["${each.key}"]}"`, `a.b[(count.index)]`, "f(a.b...)", "<<X\n${a.b}\nX\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if CheckNesting([]byte(src), Native, hcl.Range{}) != nil {
			return
		}
		expr, ds := hclsyntax.ParseExpression([]byte(src), "f", hcl.InitialPos)
		if ds.HasErrors() {
			return
		}
		refs, ds := ExprReferences(expr)
		if got, want := len(refs)+len(ds), len(expr.Variables()); got != want {
			t.Errorf("%q: %d references and errors, but HCL finds %d variables", src, got, want)
		}
	})
}

// BenchmarkBodyReferences is what the engine pays for every resource block.
func BenchmarkBodyReferences(b *testing.B) {
	s := &schema.Block{Attributes: map[string]*schema.Attribute{"manifest": {Type: cty.DynamicPseudoType, Required: true}}}
	f, ds := hclsyntax.ParseConfig([]byte(`manifest = {
  kind     = "ConfigMap"
  metadata = { name = "n-${local.x}", namespace = kubernetes_namespace.ns[each.key].name }
}`), "t.mesh.hcl", hcl.InitialPos)
	if ds.HasErrors() {
		b.Fatal(ds)
	}
	b.ReportAllocs()
	for b.Loop() {
		if refs, _ := BodyReferences(f.Body, s); len(refs) != 3 {
			b.Fatal(refs)
		}
	}
}

// The result does not depend on the order in which a map gives its elements.
func TestBodyReferencesDeterministic(t *testing.T) {
	s := &schema.Block{Attributes: map[string]*schema.Attribute{}}
	var src strings.Builder
	for i := range 8 {
		s.Attributes[fmt.Sprintf("a%d", i)] = &schema.Attribute{Type: cty.String, Optional: true}
		fmt.Fprintf(&src, "a%d = t.n%d + lonely%d\n", i, i, i)
	}
	f, ds := hclsyntax.ParseConfig([]byte(src.String()), "t.mesh.hcl", hcl.InitialPos)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	first, firstErrors := BodyReferences(f.Body, s)
	for range 10 {
		refs, errs := BodyReferences(f.Body, s)
		if diff := cmp.Diff(showAll(first), showAll(refs)); diff != "" {
			t.Fatalf("references differ (-first +now):\n%s", diff)
		}
		for i := range errs {
			if errs[i].Error() != firstErrors[i].Error() {
				t.Fatalf("error %d was %v, is %v", i, firstErrors[i], errs[i])
			}
		}
	}
}
