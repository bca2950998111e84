package cli

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestDocs writes the whole reference and checks that every type and command has its page, and every link its target.
func TestDocs(t *testing.T) {
	dir := t.TempDir()
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &errs, registry: builtin, now: time.Now}
	if code := run(a, []string{"docs", "--out", dir}); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	for _, p := range catalog() {
		for _, typ := range p.Types {
			folder := "resources"
			if typ.Data {
				folder = "data-sources"
			}
			b, err := os.ReadFile(filepath.Join(dir, folder, typ.Name+".md"))
			if err != nil {
				t.Error(err)
				continue
			}
			for name := range typ.Schema.Block.Attributes {
				if !strings.Contains(string(b), "| `"+name+"` |") {
					t.Errorf("the page of %s does not mention %s", typ.Title(), name)
				}
			}
			if !strings.Contains(string(b), strings.Trim(typ.Schema.Example, "\n")) {
				t.Errorf("the page of %s lacks the example", typ.Title())
			}
		}
	}
	link := regexp.MustCompile(`\]\(([^)#:]+\.md)\)`)
	pages := 0
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		pages++
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			target := filepath.Join(filepath.Dir(name), filepath.FromSlash(path.Clean(m[1])))
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			}
		}
		return nil
	})
	if err != nil || pages < 50 {
		t.Errorf("%d pages: %v", pages, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "commands", "meshplan_plan.md")); err != nil {
		t.Error(err)
	}

	man := t.TempDir()
	if code := run(a, []string{"docs", "--out", man, "--format", "man"}); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	b, err := os.ReadFile(filepath.Join(man, "meshplan-state-list.1"))
	if err != nil || !strings.Contains(string(b), ".SH SYNOPSIS") || !strings.Contains(string(b), "MESHPLAN-STATE-LIST") {
		t.Errorf("the manual page is %q (%v)", b, err)
	}
	for _, args := range [][]string{{"docs"}, {"docs", "--out", man, "--format", "pdf"}} {
		if code := run(a, args); code != exitFailure {
			t.Errorf("%q exits with %d", args, code)
		}
	}
}
