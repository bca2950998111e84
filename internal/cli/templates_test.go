package cli

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

const templates = "../../examples/ci"

// eachTemplate calls visit with every file of the templates.
func eachTemplate(t *testing.T, visit func(name, text string)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(templates, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		visit(strings.TrimPrefix(filepath.ToSlash(path), templates+"/"), string(b))
		return nil
	})
	if err != nil || n < 8 {
		t.Fatalf("%d templates: %v", n, err)
	}
}

// Every template is YAML that means something, and the workflows keep what makes them safe.
func TestTemplatesParse(t *testing.T) {
	eachTemplate(t, func(name, text string) {
		if ext := filepath.Ext(name); ext != ".yml" && ext != ".yaml" {
			return
		}
		d := yaml.NewDecoder(strings.NewReader(text))
		docs := 0
		for {
			var v any
			err := d.Decode(&v)
			if err == io.EOF {
				break
			}
			if err != nil || v == nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			docs++
		}
		if docs == 0 {
			t.Errorf("%s is empty", name)
		}
		if !strings.HasPrefix(name, "github/workflows/") {
			return
		}
		var wf struct {
			On          map[string]any
			Permissions map[string]string
			Jobs        map[string]struct {
				Timeout int `yaml:"timeout-minutes"`
				Steps   []map[string]any
			}
		}
		if err := yaml.Unmarshal([]byte(text), &wf); err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if _, ok := wf.On["pull_request_target"]; ok || len(wf.On) == 0 {
			t.Errorf("%s: its triggers are %v", name, wf.On)
		}
		if wf.Permissions["contents"] != "read" {
			t.Errorf("%s: a token that may do more than it needs: %v", name, wf.Permissions)
		}
		for job, j := range wf.Jobs {
			if j.Timeout == 0 || len(j.Steps) == 0 {
				t.Errorf("%s: job %s has no timeout or no steps", name, job)
			}
			for _, s := range j.Steps {
				// An expression within a script is code that others write: values come by the environment.
				if run, ok := s["run"].(string); ok && strings.Contains(run, "${{") {
					t.Errorf("%s: the script of a step in %s holds an expression:\n%s", name, job, run)
				}
			}
		}
	})
}

// command finds calls of meshplan in scripts, up to whatever ends a command.
var calls = regexp.MustCompile("(?:^|[\\s\"'`(])meshplan((?: +[^\\s|&;>)`]+)+)")

// Every command and flag that a template, its README or a comment in it names exists.
func TestTemplatesCallWhatExists(t *testing.T) {
	root := (&app{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}, registry: builtin, now: time.Now}).root()
	seen := 0
	eachTemplate(t, func(name, text string) {
		for _, m := range calls.FindAllStringSubmatch(text, -1) {
			words := strings.Fields(strings.Trim(m[1], "\"'"))
			if !isCommand(root, words[0]) {
				continue // a sentence, a name, an option of something else
			}
			seen++
			cmd, _, err := root.Find(words)
			if err != nil {
				t.Errorf("%s: meshplan%s: %v", name, m[1], err)
				continue
			}
			for _, w := range words {
				flag, _, _ := strings.Cut(strings.Trim(w, "\"'.,"), "=")
				if strings.HasPrefix(flag, "--") && flag != "--" && find(cmd, flag[2:]) == nil {
					t.Errorf("%s: meshplan%s: there is no flag %s", name, m[1], flag)
				}
			}
		}
	})
	if seen < 20 {
		t.Errorf("only %d calls found", seen)
	}
}

func isCommand(root *cobra.Command, word string) bool {
	return slices.ContainsFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == word })
}

func find(cmd *cobra.Command, name string) *pflag.Flag {
	if f := cmd.Flags().Lookup(name); f != nil {
		return f
	}
	return cmd.InheritedFlags().Lookup(name)
}

// Workflows start meshplan as the process of the step where it may be interrupted: signals go to that process only.
func TestTemplatesExec(t *testing.T) {
	eachTemplate(t, func(name, text string) {
		if !strings.HasPrefix(name, "github/workflows/") && !strings.HasPrefix(name, "gitlab/") {
			return
		}
		for l := range strings.Lines(text) {
			if strings.Contains(l, "meshplan apply ") && !strings.HasPrefix(strings.TrimSpace(l), "#") && !strings.Contains(l, "exec meshplan apply") {
				t.Errorf("%s: %s", name, strings.TrimSpace(l))
			}
		}
	})
}
