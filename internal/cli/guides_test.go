package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/meshplan/meshplan/internal/docs"
	"github.com/meshplan/meshplan/internal/explain"
)

var inline = regexp.MustCompile("`(meshplan [^`…]+)`")

// TestGuides holds the guides to what the program can do: every command with its flags is one, and every block of
// configuration is valid, without a warning.
func TestGuides(t *testing.T) {
	guides := docs.Guides()
	if len(guides) < 9 {
		t.Fatalf("there are %d guides", len(guides))
	}
	for _, g := range guides {
		t.Run(g.Name, func(t *testing.T) {
			commands, blocks := 0, 0
			fences, prose := g.Fences()
			for _, f := range fences {
				switch f.Language {
				case "sh":
					for l := range strings.Lines(f.Text) {
						checkCommand(t, l)
						commands++
					}
				case "hcl":
					blocks++
					checkExample(t, f.Text)
				}
			}
			for _, m := range inline.FindAllStringSubmatch(prose, -1) {
				checkCommand(t, m[1])
				commands++
			}
			if commands == 0 || blocks == 0 && g.Name != "ci" && g.Name != "editors" {
				t.Errorf("the test finds %d commands and %d blocks", commands, blocks)
			}
			if plain := g.Plain(); strings.Contains(plain, "```") || strings.Contains(plain, "**") {
				t.Errorf("for the terminal there is markup left:\n%s", plain)
			}
		})
	}
}

// TestPagesOfCodes holds the pages of codes to the same: commands are such, and blocks of configuration say nothing wrong but what
// they leave out.
func TestPagesOfCodes(t *testing.T) {
	block := regexp.MustCompile(`^(resource|data|moved|import|removed|meshplan|provider) [^\n]*\{\n`)
	commands, blocks := 0, 0
	for _, p := range explain.Pages() {
		for _, text := range examples(p.Mend) {
			switch {
			case strings.HasPrefix(text, "meshplan ") && !block.MatchString(text):
				for l := range strings.Lines(text) {
					if strings.HasPrefix(l, "meshplan ") {
						checkCommand(t, strings.TrimSuffix(strings.TrimSpace(l), "…"))
						commands++
					}
				}
			case block.MatchString(text):
				blocks++
				wrong := strings.Contains(text, "# wrong")
				for _, d := range problems(t, text) {
					if !wrong && d.Code != "config.no-such-reference" && d.Code != "config.unknown-provider" {
						t.Errorf("%s: %s (%s): %s\n%s", p.Code, d.Summary, d.Code, d.Detail, text)
					}
				}
			}
		}
	}
	if commands < 10 || blocks < 8 {
		t.Errorf("the test finds %d commands and %d blocks", commands, blocks)
	}
}

// examples are the parts of a page that are indented by four spaces, without the indent.
func examples(page string) (out []string) {
	var b strings.Builder
	for line := range strings.Lines(page + "\n") {
		rest, indented := strings.CutPrefix(line, "    ")
		switch {
		case indented:
			b.WriteString(rest)
		case strings.TrimSpace(line) == "" && strings.Count(b.String(), "{") > strings.Count(b.String(), "}"):
			b.WriteByte('\n') // within a block
		case b.Len() > 0:
			out = append(out, b.String())
			b.Reset()
		}
	}
	if b.Len() > 0 {
		out = append(out, b.String())
	}
	return out
}

type problem struct{ Code, Summary, Detail string }

// problems validates a configuration and returns what is wrong with it.
func problems(t *testing.T, text string) []problem {
	t.Helper()
	_, out, errs := newExample(t, text).run("validate", "--json")
	var result struct{ Diagnostics []problem }
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	return result.Diagnostics
}

// checkCommand parses a command line as the program would, up to where it begins to work.
func checkCommand(t *testing.T, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " #")
	line, _, _ = strings.Cut(line, " | ")
	line, _, _ = strings.Cut(line, " >")
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "meshplan" {
		t.Errorf("%q is not a command of meshplan", line)
		return
	}
	root := (&app{in: strings.NewReader(""), out: io.Discard, err: io.Discard, registry: builtin, now: time.Now}).root()
	cmd, rest, err := root.Find(words[1:])
	if err == nil {
		err = cmd.ParseFlags(rest)
	}
	switch {
	case err != nil:
	case cmd.Name() == "help":
		if topic, _, e := root.Find(cmd.Flags().Args()); e != nil || topic == root {
			err = fmt.Errorf("there is no such topic: %v", cmd.Flags().Args())
		}
	case cmd == root || !cmd.Runnable():
		err = fmt.Errorf("there is no such command")
	default:
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil {
		t.Errorf("%q: %v", line, err)
	}
}

// TestPreCommitHooks checks the hooks that other repositories use.
func TestPreCommitHooks(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", ".pre-commit-hooks.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var hooks []struct{ ID, Entry, Files string }
	if err := yaml.Unmarshal(b, &hooks); err != nil {
		t.Fatal(err)
	}
	for _, h := range hooks {
		checkCommand(t, h.Entry)
		if files, err := regexp.Compile(h.Files); err != nil || !files.MatchString("a/main.mesh.hcl") || files.MatchString("main.hcl") {
			t.Errorf("%s is for the files %q, %v", h.ID, h.Files, err)
		}
	}
	if len(hooks) != 2 {
		t.Errorf("there are %d hooks", len(hooks))
	}
}

// TestExampleOfEveryType holds the example of every type to the same.
func TestExampleOfEveryType(t *testing.T) {
	for _, p := range (&app{registry: builtin}).catalog() {
		for _, typ := range p.Types {
			t.Run(typ.Title(), func(t *testing.T) {
				text := strings.Trim(typ.Schema.Example, "\n") + "\n"
				if !strings.Contains(text, fmt.Sprintf("%s %q", typ.Keyword(), typ.Name)) {
					t.Errorf("the example does not use the type:\n%s", text)
				}
				checkExample(t, text)
			})
		}
	}
}

var fileRead = regexp.MustCompile(`\bfile\("([\w.-]+)"\)`)

// exampleDir holds a configuration that commands are tried on in this process.
type exampleDir string

// newExample makes a directory with a configuration.
func newExample(t *testing.T, text string) exampleDir {
	t.Helper()
	dir := exampleDir(t.TempDir())
	dir.write(t, text)
	return dir
}

// write replaces the configuration. Files that it reads are there.
func (d exampleDir) write(t *testing.T, text string) {
	t.Helper()
	files := map[string]string{"main.mesh.hcl": text}
	for _, m := range fileRead.FindAllStringSubmatch(text, -1) {
		files[m[1]] = "x"
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(string(d), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// run runs a command that takes the directory as its argument.
func (d exampleDir) run(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &errs, env: []string{"HOME=" + string(d)}, registry: builtin, now: time.Now}
	code = run(a, append(args, string(d)))
	return code, out.String(), errs.String()
}

// checkExample checks that a configuration is formatted, and valid without a warning.
func checkExample(t *testing.T, text string) {
	t.Helper()
	dir := newExample(t, text)
	if code, out, errs := dir.run("validate"); code != exitOK || errs != "" {
		t.Errorf("validate exits with %d:\n%s%s\n%s", code, errs, out, text)
	}
	if code, _, errs := dir.run("fmt", "--check"); code != exitOK {
		t.Errorf("it is not formatted: %s\n%s", errs, text)
	}
}
