package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"github.com/meshplan/meshplan/internal/schema"
)

// FuzzLoad loads arbitrary text as native and as JSON configuration: no panic, and every range within its file.
func FuzzLoad(f *testing.F) {
	archives, _ := filepath.Glob("testdata/invalid/*.txtar")
	for _, path := range archives {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			f.Add(string(file.Data))
		}
	}
	f.Add(rollout)
	f.Add(wrongValues)
	for _, path := range archives {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, text string) { loadAny(t, t.TempDir(), text) })
}

// TestLoadRandom puts pieces of configuration together that mostly do not fit.
func TestLoadRandom(t *testing.T) {
	piece := rapid.SampledFrom([]string{"resource \"t_a\" \"b\" {\n", "data \"t_a\" \"b\" {\n", "variable \"v\" {\n", "locals {\n", "output \"o\" {\n", "meshplan {\n", "provider \"t\" {\n", "}\n", "}\n",
		"module \"m\" {\n", "check \"c\" {\n", "assert {\n", "moved {\n", "removed {\n", "import {\n", "required_providers {\n", "source = ", "providers = ", "from = ", "to = ", "id = ", "destroy = ",
		"\"./sub\"\n", "\"..\"\n", "\"./x/../.\"\n", "t_a.b[each.key]\n", "module.m[0].t_a.b\n", "{ t = t.x, t.y = t }\n", "{ configuration_aliases = [t.x] }\n",
		"lifecycle {\n", "timeouts {\n", "validation {\n", "precondition {\n", "backend \"local\" {\n", "count = ", "for_each = ", "enabled = ", "provider = ", "depends_on = ", "type = ", "default = ",
		"condition = ", "error_message = ", "ignore_changes = ", "replace_triggered_by = ", "alias = ", "required_version = ", "create = ", "value = ", "sensitive = ",
		"null\n", "true\n", "\"x\"\n", "\"5m\"\n", "[t_a.b, \"t_a.b\"]\n", "all\n", "\"${var.v}\"\n", "var.v\n", "t.x\n", "string\n", "object({ a = optional(number, 1) })\n", "{}\n", "[\n", "]\n", "é", "\x00", "\"", "{\"resource\":", "}"})
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		var text string
		for _, p := range rapid.SliceOfN(piece, 0, 25).Draw(t, "pieces") {
			text += p
		}
		loadAny(t, dir, text)
	})
}

// loadAny loads text in both syntaxes, as a root module that calls a module of the same text. Text that names files
// itself, in the form of a txtar archive, is a tree.
func loadAny(t tester, dir, text string) {
	for _, name := range []string{"f.mesh.hcl", "g.mesh.hcl.json", "sub/f.mesh.hcl", "sub/g.mesh.hcl.json"} {
		write(t, dir, name, text)
	}
	write(t, dir, "call.mesh.hcl", "module \"sub\" {\n  source = \"./sub\"\n  v = 1\n}\n")
	for _, f := range txtar.Parse([]byte(text)).Files {
		if fs.ValidPath(f.Name) && len(f.Name) < 100 && !strings.ContainsAny(f.Name, "\\\x00") {
			path := filepath.Join(dir, filepath.FromSlash(f.Name))
			if os.MkdirAll(filepath.Dir(path), 0o700) == nil {
				_ = os.WriteFile(path, f.Data, 0o600) // it may be a directory already
			}
		}
	}
	c, ds := Load(dir, Options{Version: "1.0.0"})
	checkDiagnostics(t, c.Files, ds)
	_, ds = c.Root.VariableValues([]Assignment{{Name: "v", Source: "a test", Text: text}})
	checkDiagnostics(t, c.Files, ds)
	for _, i := range c.Root.Imports {
		_, ds := i.Address(&hcl.EvalContext{})
		checkDiagnostics(t, c.Files, ds)
	}
	for _, v := range c.Root.SortedVariables() {
		for _, raw := range []cty.Value{cty.NilVal, cty.DynamicVal, cty.NullVal(cty.DynamicPseudoType), cty.EmptyObjectVal, cty.StringVal(text).Mark(schema.Sensitive)} {
			_, ds := v.Accept(raw, v.DeclRange.Ptr())
			checkDiagnostics(t, c.Files, ds)
		}
	}
}

// tester is what testing.TB and rapid.T have in common.
type tester interface {
	Helper()
	Errorf(string, ...any)
	Fatal(...any)
}
