package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/golden"
)

// TestInvalid loads every archive in testdata/invalid and compares all that is reported.
func TestInvalid(t *testing.T) {
	archives, err := filepath.Glob("testdata/invalid/*.txtar")
	if err != nil || len(archives) < 30 {
		t.Fatalf("found %d archives, %v", len(archives), err)
	}
	for _, path := range archives {
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		t.Run(name, func(t *testing.T) {
			dir := extract(t, path)
			cfg, ds := Load(dir, Options{Version: "0.3.1-dev"})
			if !ds.HasErrors() {
				t.Error("Load found no error")
			}
			if cfg == nil || cfg.Root == nil {
				t.Fatal("Load returned no partial configuration")
			}
			checkDiagnostics(t, cfg.Files, ds)
			golden.Check(t, "invalid/"+name, []byte(render(cfg.Files, ds)), without(dir))
		})
	}
}

// extract writes the files of an archive to a new directory.
func extract(t *testing.T, path string) string {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range a.Files {
		write(t, dir, f.Name, string(f.Data))
	}
	return dir
}

func write(t tester, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// without takes the directory out of messages.
func without(dir string) func([]byte) []byte {
	return func(b []byte) []byte {
		s := strings.ReplaceAll(string(b), dir+string(filepath.Separator), "")
		return []byte(strings.ReplaceAll(s, dir, "DIR"))
	}
}

// render prints diagnostics with the text that their ranges cover.
func render(files map[string]*hcl.File, ds hcl.Diagnostics) string {
	var b strings.Builder
	for _, d := range ds {
		kind := "error"
		if d.Severity == hcl.DiagWarning {
			kind = "warning"
		}
		fmt.Fprintf(&b, "%s [%s] %s\n", kind, diag.CodeOf(d), d.Summary)
		if d.Subject != nil {
			fmt.Fprintf(&b, "  at %s", d.Subject)
			if f := files[d.Subject.Filename]; f != nil {
				text, _, _ := strings.Cut(string(f.Bytes[d.Subject.Start.Byte:d.Subject.End.Byte]), "\n")
				fmt.Fprintf(&b, " `%s`", text)
			}
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(d.Detail, "\n", "\n  "))
	}
	return b.String()
}

// checkDiagnostics checks what every diagnostic promises: a code, a text, and a range within its file.
func checkDiagnostics(t interface{ Errorf(string, ...any) }, files map[string]*hcl.File, ds hcl.Diagnostics) {
	for _, d := range ds {
		if diag.CodeOf(d) == "" || d.Summary == "" || d.Detail == "" {
			t.Errorf("diagnostic without code or text: %v", d)
		}
		for _, r := range []*hcl.Range{d.Subject, d.Context} {
			if r == nil {
				continue
			}
			f := files[r.Filename]
			if f == nil || r.Start.Byte < 0 || r.Start.Byte > r.End.Byte || r.End.Byte > len(f.Bytes) {
				t.Errorf("range %s (bytes %d to %d) is not within its file: %v", r, r.Start.Byte, r.End.Byte, d)
			}
		}
	}
}
