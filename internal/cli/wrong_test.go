package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/memory"
)

// TestWrong runs each directory of testdata/wrong, a configuration that is wrong in one way, and compares all that is
// printed: it must say where, what and how to mend it. The file args.txt holds the command when it is not validate.
func TestWrong(t *testing.T) {
	cases, err := filepath.Glob("testdata/wrong/*")
	if err != nil || len(cases) < 60 {
		t.Fatalf("found %d cases, %v", len(cases), err)
	}
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range cases {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join(home, path))); err != nil {
				t.Fatal(err)
			}
			args := []string{"validate"}
			if b, err := os.ReadFile(filepath.Join(dir, "args.txt")); err == nil {
				args = strings.Fields(string(b))
			}
			t.Chdir(dir)
			var out, errs bytes.Buffer
			code := run(&app{in: strings.NewReader(""), out: &out, err: &errs, env: []string{"COLUMNS=100", "LANG=C.UTF-8"}, registry: wrongRegistry, now: time.Now}, args)
			if code == exitOK {
				t.Error("the command succeeded")
			}
			got := fmt.Sprintf("$ meshplan %s\n%s%sexit code %d\n", strings.Join(args, " "), errs.String(), out.String(), code)
			if strings.Contains(got, "hunter2") {
				t.Error("a secret is shown")
			}
			t.Chdir(home)
			golden.Check(t, "wrong/"+name+"/want", []byte(strings.ReplaceAll(got, dir, "DIR")))
		})
	}
}

// wrongRegistry has the compiled-in providers, which connect to nothing here, and the one in memory.
func wrongRegistry(c connection) providers.Registry {
	r := builtin(c)
	r["memory"] = memory.New(memory.NewWorld())
	return r
}
