package config

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"
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
	f.Fuzz(func(t *testing.T, text string) { loadAny(t, t.TempDir(), text) })
}

// TestLoadRandom puts pieces of configuration together that mostly do not fit.
func TestLoadRandom(t *testing.T) {
	piece := rapid.SampledFrom([]string{"resource \"t_a\" \"b\" {\n", "data \"t_a\" \"b\" {\n", "variable \"v\" {\n", "locals {\n", "output \"o\" {\n", "meshplan {\n", "provider \"t\" {\n", "}\n", "}\n",
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

func loadAny(t tester, dir, text string) {
	for _, name := range []string{"f.mesh.hcl", "g.mesh.hcl.json"} {
		write(t, dir, name, text)
	}
	c, ds := Load(dir, Options{Version: "1.0.0"})
	checkDiagnostics(t, c.Files, ds)
	_, ds = c.Root.VariableValues([]Assignment{{Name: "v", Source: "a test", Text: text}})
	checkDiagnostics(t, c.Files, ds)
}

// tester is what testing.TB and rapid.T have in common.
type tester interface {
	Helper()
	Errorf(string, ...any)
	Fatal(...any)
}
