package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
)

const region = `
meshplan {
  required_version = ">= 0.1"
  required_providers {
    kubernetes = { configuration_aliases = [kubernetes.a, kubernetes.b] }
  }
}
variable "name" {
  type     = string
  nullable = false
}
variable "labels" {
  type    = map(string)
  default = {}
}
resource "kubernetes_namespace" "ns" {
  provider = kubernetes.a
}
module "inner" {
  source    = "../inner"
  providers = { kubernetes.b = kubernetes.b }
}
output "name" {
  value      = var.name
  ephemeral  = true
  deprecated = "Use id."
}
`

// files writes a configuration and loads it.
func files(t *testing.T, all map[string]string) (*Config, hcl.Diagnostics) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range all {
		write(t, dir, name, text)
	}
	return Load(dir, Options{Version: "0.2.0"})
}

func loaded(t *testing.T, all map[string]string) *Config {
	t.Helper()
	c, ds := files(t, all)
	if len(ds) > 0 {
		t.Fatal(render(c.Files, ds))
	}
	return c
}

func tree() map[string]string {
	return map[string]string{
		"main.mesh.hcl": `
provider "kubernetes" { alias = "east" }
module "one" {
  source     = "./modules/region"
  for_each   = toset(["x"])
  depends_on = [module.two, kubernetes_namespace.first]
  providers  = { kubernetes = kubernetes.east, "kubernetes.a" = kubernetes, kubernetes.b = kubernetes.east }
  name       = "one"
  labels     = { a = "b" }
}
module "two" {
  source    = "./modules//region/"
  providers = { kubernetes.a = kubernetes.east, kubernetes.b = kubernetes.east }
  name      = "two"
}
resource "kubernetes_namespace" "first" {}
`,
		"modules/region/region.mesh.hcl": region,
		"modules/inner/inner.mesh.hcl.json": `{"meshplan": {"required_providers": {"kubernetes": {"configuration_aliases": ["kubernetes.b"]}}},
			"resource": {"kubernetes_namespace": {"n": {"provider": "kubernetes.b"}}}}`,
	}
}

func TestModules(t *testing.T) {
	c := loaded(t, tree())
	one, two := c.Root.Calls["one"], c.Root.Calls["two"]
	if one.Module == nil || one.Module != two.Module || one.Module.Dir != "modules/region" {
		t.Fatalf("the directory was not read once: %p %p", one.Module, two.Module)
	}
	inner := one.Module.Calls["inner"].Module
	if inner.Dir != "modules/inner" || len(inner.Resources) != 1 {
		t.Errorf("inner = %+v", inner)
	}
	if one.ForEach == nil || len(one.DependsOn) != 2 || len(one.Arguments) != 2 || one.DeclRange.Start.Line != 3 || one.Range.End.Line != 10 {
		t.Errorf("one = %+v", one)
	}
	got := []string{one.CallerProvider("kubernetes"), one.CallerProvider("kubernetes.a"), one.CallerProvider("kubernetes.b"), one.CallerProvider("linkerd"), two.CallerProvider("kubernetes")}
	if diff := cmp.Diff([]string{"kubernetes.east", "kubernetes", "kubernetes.east", "linkerd", "kubernetes"}, got); diff != "" {
		t.Errorf("providers (-want +got):\n%s", diff)
	}
	if o := one.Module.Outputs["name"]; !o.Ephemeral || o.Deprecated != "Use id." {
		t.Errorf("output = %+v", o)
	}
	names := sortedKeys(c.Files)
	for i := range names {
		names[i], _ = filepath.Rel(c.Dir, names[i])
	}
	if diff := cmp.Diff([]string{"main.mesh.hcl", "modules/inner/inner.mesh.hcl.json", "modules/region/region.mesh.hcl"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// Every file of every module counts for the identity of a configuration, and the place of the whole does not.
func TestModulesHash(t *testing.T) {
	first := loaded(t, tree()).Hash
	if loaded(t, tree()).Hash != first {
		t.Error("the hash depends on where the configuration stands")
	}
	for name := range tree() {
		changed := tree()
		changed[name] += "\n"
		if c, _ := files(t, changed); c.Hash == first {
			t.Errorf("a change of %s does not change the hash", name)
		}
	}
}

// A link that leads back is found by the real directory, whatever the path says.
func TestModuleLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "main.mesh.hcl", "module \"a\" {\n  source = \"./loop\"\n}\nmodule \"b\" {\n  source = \"./linked\"\n}\n")
	write(t, dir, "real/real.mesh.hcl", "")
	if err := os.Symlink(".", filepath.Join(dir, "loop")); err != nil {
		t.Skip(err)
	}
	_ = os.Symlink("real", filepath.Join(dir, "linked"))
	c, ds := Load(dir, Options{})
	if len(ds) != 1 || ds[0].Summary != "Module calls itself" || c.Root.Calls["b"].Module == nil {
		t.Errorf("Load = %s", render(c.Files, ds))
	}
}

// A few files that call each other twice at every level stand for a number of modules that nobody can hold.
func TestModuleLimits(t *testing.T) {
	bomb := map[string]string{}
	for i := range 40 {
		name := fmt.Sprintf("m%d/main.mesh.hcl", i)
		if i == 0 {
			name = "main.mesh.hcl"
		}
		for _, call := range []string{"a", "b"} {
			source := fmt.Sprintf("../m%d", i+1)
			if i == 0 {
				source = "./m1"
			}
			bomb[name] += fmt.Sprintf("module %q {\n  source = %q\n}\n", call, source)
		}
	}
	bomb["m40/main.mesh.hcl"] = ""
	_, ds := files(t, bomb)
	if len(ds) != 1 || !strings.Contains(ds[0].Detail, "more than 1000000 declarations") {
		t.Errorf("Load = %v", ds)
	}
	deep := map[string]string{"main.mesh.hcl": "module \"m\" {\n  source = \"./d\"\n}\n"}
	for i := range 100 {
		deep["d"+strings.Repeat("/d", i)+"/main.mesh.hcl"] = "module \"m\" {\n  source = \"./d\"\n}\n"
	}
	_, ds = files(t, deep)
	if len(ds) != 1 || !strings.Contains(ds[0].Detail, "more than 64 levels") {
		t.Errorf("Load = %v", ds)
	}
	b := newBudget(10)
	if b.take(10) != nil || b.take(1) == nil {
		t.Error("the budget of bytes is not kept")
	}
}

func TestRefactorings(t *testing.T) {
	native := `
moved {
  from = t_a.x
  to   = module.m["k"].t_a.x[0]
}
removed {
  from = module.gone.t_a.b
  lifecycle { destroy = false }
}
removed {
  from = module.other
}
import {
  for_each = { a = "1" }
  to       = module.m[each.key].t_a.imported[each.value]
  id       = each.value
  provider = t
}
import {
  to = t_a.single
  id = "x"
}
check "c" {
  data "t_a" "d" { name = "x" }
  assert {
    condition     = data.t_a.d.name == "x"
    error_message = "no"
  }
}
module "m" {
  source = "./m"
}
`
	json := `{"moved": [{"from": "t_a.x", "to": "module.m[\"k\"].t_a.x[0]"}],
"removed": [{"from": "module.gone.t_a.b", "lifecycle": {"destroy": false}}, {"from": "module.other"}],
"import": [{"for_each": {"a": "1"}, "to": "${module.m[each.key].t_a.imported[each.value]}", "id": "${each.value}", "provider": "t"}, {"to": "t_a.single", "id": "x"}],
"check": {"c": {"data": {"t_a": {"d": {"name": "x"}}}, "assert": {"condition": "${data.t_a.d.name == \"x\"}", "error_message": "no"}}},
"module": {"m": {"source": "./m"}}}`
	for name, text := range map[string]string{"main.mesh.hcl": native, "main.mesh.hcl.json": json} {
		c := loaded(t, map[string]string{name: text, "m/m.mesh.hcl": ""})
		var got []string
		for _, m := range c.Root.Moved {
			got = append(got, fmt.Sprintf("moved %s %s", m.From, m.To))
		}
		for _, r := range c.Root.Removed {
			got = append(got, fmt.Sprintf("removed %s %t", r.From, r.Destroy))
		}
		ctx := &hcl.EvalContext{Variables: map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal("a"), "value": cty.StringVal("1")})}}
		for _, i := range c.Root.Imports {
			to, ds := i.Address(ctx)
			id, more := i.ID.Value(ctx)
			if ds.HasErrors() || more.HasErrors() {
				t.Fatal(ds, more)
			}
			got = append(got, fmt.Sprintf("import %s %s %s %q", i.Target, to, id.AsString(), i.Provider))
		}
		check := c.Root.Checks["c"]
		got = append(got, fmt.Sprintf("check %s %d", check.Data.Addr, len(check.Asserts)))
		want := []string{
			`moved t_a.x module.m["k"].t_a.x[0]`, `removed module.gone.t_a.b false`, `removed module.other true`,
			`import module.m.t_a.imported module.m["a"].t_a.imported["1"] 1 "t"`, `import t_a.single t_a.single x ""`, `check data.t_a.d 1`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if len(c.Root.Resources) != 0 {
			t.Errorf("the data source of a check is one of the module: %v", c.Root.SortedResources())
		}
	}
}

// Keys of imports must be known and not secret.
func TestImportAddress(t *testing.T) {
	c := loaded(t, map[string]string{"main.mesh.hcl": "import {\n  for_each = {}\n  to = t_a.x[each.key]\n  id = \"x\"\n}\n"})
	for _, key := range []cty.Value{cty.UnknownVal(cty.String), cty.NullVal(cty.String), cty.StringVal("a").Mark("sensitive"), cty.True, cty.NumberFloatVal(0.5)} {
		_, ds := c.Root.Imports[0].Address(&hcl.EvalContext{Variables: map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": key})}})
		if !ds.HasErrors() {
			t.Errorf("the key %#v was accepted", key)
		}
	}
	if _, ds := c.Root.Imports[0].Address(nil); !ds.HasErrors() {
		t.Error("a key without a context was accepted")
	}
	// Evaluating does not write into the expression.
	ctx := func(k string) *hcl.EvalContext {
		return &hcl.EvalContext{Variables: map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal(k)})}}
	}
	a, _ := c.Root.Imports[0].Address(ctx("a"))
	b, _ := c.Root.Imports[0].Address(ctx("b"))
	if a.Key != addr.StringKey("a") || b.Key != addr.StringKey("b") {
		t.Errorf("keys = %s, %s", a, b)
	}
}

// Loading a tree twice gives the same findings in the same order.
func TestModulesDeterministic(t *testing.T) {
	archives, _ := filepath.Glob("testdata/invalid/m*.txtar")
	for _, path := range archives {
		dir := extract(t, path)
		var first []string
		for n := range 5 {
			c, ds := Load(dir, Options{})
			if all := []string{render(c.Files, ds), c.Hash}; n == 0 {
				first = all
			} else if !slices.Equal(all, first) {
				t.Fatalf("%s: other findings than before", path)
			}
		}
	}
}

// However many mistakes there are, as many are reported as somebody may read, and they are found in a time that grows with
// the text and not with its square.
func TestManyMistakes(t *testing.T) {
	const n = 20000
	for name, line := range map[string]string{
		"calls":   "module \"m%d\" {\n  source = \"./m\"\n  x = 1\n}\n",
		"blocks":  "variabel \"v%d\" {\n}\n",
		"aliases": "resource \"t_a\" \"x%d\" {\n  provider = t.nowhere\n}\n",
		"syntax":  "locals {\n  x%d = = 1\n}\n",
	} {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, line, i)
		}
		_, ds := files(t, map[string]string{"main.mesh.hcl": text.String(), "m/m.mesh.hcl": "variable \"needed\" {\n  type = string\n}\n"})
		last := ds[len(ds)-1]
		if len(ds) > maxFindings+1 || name != "syntax" && last.Summary != "Too many findings" || name == "syntax" && len(ds) > maxSyntaxErrors {
			t.Errorf("%s: %d findings, the last is %v", name, len(ds), last)
		}
	}
	var circle strings.Builder
	for i := range n {
		fmt.Fprintf(&circle, "moved {\n  from = t_a.x%d\n  to = t_a.x%d\n}\n", i, (i+1)%n)
	}
	if _, ds := files(t, map[string]string{"main.mesh.hcl": circle.String()}); len(ds) != 1 || len(ds[0].Detail) > 500 {
		t.Errorf("a circle of %d blocks: %v", n, ds)
	}
}
