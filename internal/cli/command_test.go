package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/state"
)

// Every command says what it is for, at length, with examples; every flag has a text and a named value.
func TestHelp(t *testing.T) {
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		path := c.CommandPath()
		switch {
		case c.Name() == "help" || strings.Contains(path, " completion"): // cobra's own
			return
		case c.Short == "" || c.Long == "" || strings.HasSuffix(c.Short, "."):
			t.Errorf("%s: Short = %q, Long = %q", path, c.Short, c.Long)
		case c.Runnable() && c.Example == "":
			t.Errorf("%s has no example", path)
		}
		for l := range strings.Lines(c.Long) {
			if strings.ContainsRune(l, '\t') {
				t.Errorf("%s: a tab in the help: %q", path, l)
			}
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" {
				return
			}
			if len(f.Usage) < 8 {
				t.Errorf("%s --%s: help is %q", path, f.Name, f.Usage)
			}
			if name, _ := pflag.UnquoteUsage(f); name == "string" || name == "int" || name == "stringArray" {
				t.Errorf("%s --%s does not name its value: quote a word of its help with backquotes", path, f.Name)
			}
		})
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit((&app{}).root())
}

// The flags of the contract are there, and mean the same everywhere.
func TestContract(t *testing.T) {
	root := (&app{}).root()
	want := map[string]string{
		"plan":     "state kubeconfig context var var-file parallelism target replace refresh refresh-only detailed-exitcode out json json-into progress color chdir",
		"apply":    "state kubeconfig context var var-file parallelism target replace refresh refresh-only lock-timeout auto-approve rollback-on-failure json json-into progress",
		"destroy":  "state kubeconfig context var var-file parallelism target lock-timeout auto-approve rollback-on-failure json json-into progress",
		"rollback": "state kubeconfig context var var-file parallelism lock-timeout auto-approve to json json-into progress",
		"drift":    "state kubeconfig context var var-file parallelism json json-into progress",
		"show":     "state json format", "history": "state json", "output": "state json raw", "graph": "var var-file format",
		"validate": "var var-file json", "fmt": "check diff recursive", "version": "json",
	}
	usage := map[string]string{}
	for name, flags := range want {
		cmd, _, err := root.Find([]string{name})
		if err != nil {
			t.Fatal(err)
		}
		for flag := range strings.FieldsSeq(flags) {
			f := cmd.Flag(flag)
			if f == nil {
				t.Errorf("%s has no flag --%s", name, flag)
				continue
			}
			if flag == "json" || flag == "out" || flag == "format" {
				continue // what they write differs
			}
			if was := usage[flag]; was != "" && was != f.Usage {
				t.Errorf("--%s is explained in two ways: %q and %q", flag, was, f.Usage)
			}
			usage[flag] = f.Usage
		}
	}
}

func TestCodeOf(t *testing.T) {
	d := func(code diag.Code) hcl.Diagnostics { return hcl.Diagnostics{diag.Errorf(code, "x", "y")} }
	for _, tt := range []struct {
		ds   hcl.Diagnostics
		want int
	}{
		{nil, 0}, {hcl.Diagnostics{diag.Warningf(engine.CodeLocked, "x", "y")}, 0}, {d("a.b"), 1}, {d(engine.CodeLocked), 4}, {d(engine.CodeStale), 5},
		{append(d("a.b"), d(engine.CodeForeign)...), 5},
	} {
		if got := codeOf(tt.ds); got != tt.want {
			t.Errorf("codeOf(%v) = %d, want %d", tt.ds, got, tt.want)
		}
	}
}

func TestCodeOfRun(t *testing.T) {
	for _, tt := range []struct {
		name string
		r    *engine.Result
		ds   hcl.Diagnostics
		want int
	}{
		{"failed", &engine.Result{Outcome: state.Failed, Failed: []addr.Instance{{}}}, nil, 3},
		{"interrupted", &engine.Result{Outcome: state.Interrupted, Failed: []addr.Instance{{}}}, nil, 130},
		{"done", &engine.Result{Outcome: state.Succeeded}, hcl.Diagnostics{diag.Warningf("a.b", "x", "y")}, 0},
		{"done, but the state was not written", &engine.Result{Outcome: state.Succeeded}, hcl.Diagnostics{diag.Errorf(engine.CodeState, "x", "y")}, 3},
	} {
		if got := codeOfRun(tt.r, tt.ds); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"prod/eu": "prod/eu", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$(x)": "'$(x)'"} {
		if got := quote(in); got != want {
			t.Errorf("quote(%q) = %s, want %s", in, got, want)
		}
	}
}

// What is suggested works when it is pasted where the failed command was typed.
func TestSuggestedCommands(t *testing.T) {
	for _, tt := range []struct {
		chdir, dir, state string
		command, history  string
	}{
		{"", ".", "", "meshplan apply", "meshplan history"},
		{"", "prod", "", "meshplan apply prod", "meshplan -C prod history"},
		{"a b", ".", "", "meshplan -C 'a b' apply", "meshplan -C 'a b' history"},
		{"up", "prod", "", "meshplan -C up apply prod", "meshplan -C up/prod history"},
		{"up", "prod", "s.db", "meshplan -C up apply --state s.db prod", "meshplan -C up history --state s.db"},
		{"up", "/abs", "", "meshplan -C up apply /abs", "meshplan -C /abs history"},
	} {
		w := &workspace{app: &app{dir: tt.chdir}, dir: tt.dir, in: &inputFlags{state: tt.state}}
		if got := w.command("apply"); got != tt.command {
			t.Errorf("%+v: %s", tt, got)
		}
		if got := w.stateCommand("history"); got != tt.history {
			t.Errorf("%+v: %s", tt, got)
		}
	}
	w := &workspace{app: &app{}, dir: ".", in: &inputFlags{vars: []string{"password=planted"}, varFiles: []string{"x.vars.hcl"}, context: "east"}}
	if got, want := w.command("apply"), "meshplan apply --context east --var-file x.vars.hcl --var 'password=…'"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestExitErrorIsAnError(t *testing.T) {
	if err := exitWith(0); err != nil {
		t.Errorf("exitWith(0) = %v", err)
	}
	var exit exitError
	if !errors.As(exitWith(3), &exit) || exit != 3 {
		t.Errorf("exitWith(3) = %v", exit)
	}
}
