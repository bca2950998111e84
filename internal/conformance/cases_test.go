package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/memory"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/boltstore"
)

// Every directory below testdata/cases is a configuration with what comes of it. It goes through the real engine, a
// store on disk and the provider in memory: load, plan, write the plan and read it back, apply, plan again, which must
// find nothing to do.
//
//	before/        a configuration that is applied first
//	run.txt        how to run, one instruction a line; see script
//	plan.txt       the findings and the plan, as people see them
//	applied.txt    the findings of the apply and the writes in their order
//	outputs.json   the outputs after the apply; sensitive ones are not shown
//	error.txt      the errors, when there are any: then nothing else happens
//
// MESHPLAN_UPDATE=1 writes the files anew: read the difference.
func TestCases(t *testing.T) {
	for _, dir := range caseDirs(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			newCase(t, dir).run()
		})
	}
}

// script is how to run a case.
type script struct {
	vars     []string // var NAME=VALUE
	varFiles []string // var-file FILE
	env      []string // env NAME=VALUE
	options  engine.PlanOptions
	// deleted are objects that somebody deletes in the system, after before/ was applied: deleted NAME
	deleted []string
	// foreign are objects that somebody made: foreign NAME
	foreign []string
	// fails are objects whose creation, change or deletion fails: fails NAME
	fails []string
	// unreadable are objects that cannot be read: unreadable NAME
	unreadable []string
	// again is what a second plan finds, when it is not nothing: again REASON
	again string
	// beforeOnly are variables for before/ only: before-var NAME=VALUE
	beforeVars []string
}

// whole returns a script for a plan of everything.
func (s script) whole() script {
	s.fails, s.unreadable, s.options.Targets, s.options.Replace, s.options.NoRefresh = nil, nil, nil, nil, false
	if s.options.Mode != plans.Destroy {
		s.options.Mode = 0
	}
	return s
}

func readScript(t *testing.T, path string) script {
	t.Helper()
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return script{}
	} else if err != nil {
		t.Fatal(err)
	}
	var s script
	for line := range strings.Lines(string(src)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "var":
			s.vars = append(s.vars, rest)
		case "before-var":
			s.beforeVars = append(s.beforeVars, rest)
		case "var-file":
			s.varFiles = append(s.varFiles, rest)
		case "env":
			s.env = append(s.env, rest)
		case "target":
			s.options.Targets = append(s.options.Targets, rest)
		case "replace":
			s.options.Replace = append(s.options.Replace, rest)
		case "destroy":
			s.options.Mode = plans.Destroy
		case "refresh-only":
			s.options.Mode = plans.RefreshOnly
		case "no-refresh":
			s.options.NoRefresh = true
		case "foreign":
			s.foreign = append(s.foreign, rest)
		case "deleted":
			s.deleted = append(s.deleted, rest)
		case "fails":
			s.fails = append(s.fails, rest)
		case "unreadable":
			s.unreadable = append(s.unreadable, rest)
		case "again":
			s.again = rest
		default:
			t.Fatalf("%s: %q is no instruction", path, word)
		}
	}
	return s
}

// conformanceCase is one directory with its engine.
type conformanceCase struct {
	t      *testing.T
	dir    string
	script script
	world  *memory.World
	store  state.Store
	engine *engine.Engine
}

func newCase(t *testing.T, dir string) *conformanceCase {
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "state.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	c := &conformanceCase{t: t, dir: dir, script: readScript(t, filepath.Join(dir, "run.txt")), world: memory.NewWorld(), store: store}
	now := func() time.Time { return time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC) }
	c.engine = engine.New(store, providers.Registry{"memory": memory.New(c.world)},
		engine.Options{Parallelism: 1, Holder: state.Holder{User: "tester"}, Now: now, Version: "1.0.0"})
	return c
}

func (c *conformanceCase) run() {
	c.t.Helper()
	if before := filepath.Join(c.dir, "before"); exists(before) {
		s := readScript(c.t, filepath.Join(before, "run.txt"))
		s.vars = append(s.vars, c.script.beforeVars...)
		p, cfg, in, ds := c.plan(before, s)
		if ds.HasErrors() {
			c.t.Fatalf("before: %v", ds)
		}
		_, ds = c.engine.Apply(context.Background(), cfg, p, engine.ApplyOptions{Inputs: in})
		if ds.HasErrors() && len(s.fails) == 0 {
			c.t.Fatalf("before: %v", ds)
		}
		c.world.Log()
		c.world.SetFault(nil)
	}
	for _, name := range c.script.deleted {
		c.world.Remove(name)
	}
	for _, name := range c.script.foreign {
		c.world.Put(name, memory.Object{ID: "id-" + name, Owner: "somebody", Input: `{"type":"string","value":"text"}`})
	}
	p, cfg, in, ds := c.plan(c.dir, c.script)
	var b bytes.Buffer
	if ds.HasErrors() {
		c.golden("error.txt", text(ds, cfg))
		if p != nil && len(p.Changes) > 0 {
			if err := render.Text(&b, p, render.TextOptions{}); err != nil {
				c.t.Fatal(err)
			}
		}
		for name, text := range map[string]string{"plan.txt": b.String(), "applied.txt": "", "outputs.json": ""} {
			c.golden(name, text)
		}
		return
	}
	c.golden("error.txt", "")
	b.WriteString(text(ds, cfg))
	if err := render.Text(&b, p, render.TextOptions{}); err != nil {
		c.t.Fatal(err)
	}
	c.golden("plan.txt", b.String())
	c.apply(saved(c.t, p), cfg, in)
}

// apply applies the plan and plans again.
func (c *conformanceCase) apply(p *plans.Plan, cfg *config.Config, in engine.Inputs) {
	c.t.Helper()
	_, ds := c.engine.Apply(context.Background(), cfg, p, engine.ApplyOptions{Inputs: in})
	c.golden("applied.txt", text(ds, cfg)+strings.Join(append(c.world.Log(), ""), "\n"))
	c.golden("outputs.json", c.outputs(cfg))
	if ds.HasErrors() {
		return
	}
	c.world.SetFault(nil) // what failed works again
	again, _, _, ds := c.plan(c.dir, c.script.whole())
	var b bytes.Buffer
	if ds.HasErrors() {
		b.WriteString(text(ds, cfg))
	} else if err := render.Text(&b, again, render.TextOptions{}); err != nil {
		c.t.Fatal(err)
	}
	empty := !ds.HasErrors() && again.Empty() && len(again.Drift) == 0
	switch {
	case c.script.again == "" && !empty:
		c.t.Errorf("the second plan is not empty:\n%s", b.String())
	case c.script.again != "" && !strings.Contains(b.String(), c.script.again):
		c.t.Errorf("the second plan does not say %q:\n%s", c.script.again, b.String())
	}
}

// plan loads a directory and plans it.
func (c *conformanceCase) plan(dir string, s script) (*plans.Plan, *config.Config, engine.Inputs, hcl.Diagnostics) {
	c.t.Helper()
	cfg, ds := config.Load(dir, config.Options{Version: "1.0.0"})
	if ds.HasErrors() {
		return nil, cfg, engine.Inputs{}, ds
	}
	files := make([]string, len(s.varFiles))
	for i, f := range s.varFiles {
		files[i] = filepath.Join(dir, f)
	}
	given, more := cfg.Assignments(config.Inputs{Environ: s.env, Files: files, Flags: s.vars})
	if ds = append(ds, more...); ds.HasErrors() {
		return nil, cfg, engine.Inputs{}, ds
	}
	values, more := cfg.Root.VariableValues(given)
	if ds = append(ds, more...); ds.HasErrors() {
		return nil, cfg, engine.Inputs{}, ds
	}
	in := engine.Inputs{Variables: map[string]cty.Value{}}
	for name, v := range values {
		in.Variables[name] = v.Value
	}
	if len(s.fails)+len(s.unreadable) > 0 {
		c.world.SetFault(func(op, name string) (error, bool) {
			if op == "read" && slices.Contains(s.unreadable, name) {
				return errors.New("it cannot be read in this case"), false
			}
			if slices.Contains(s.fails, name) && op != "read" && op != "plan" {
				return errors.New("it fails in this case"), false
			}
			return nil, false
		})
	}
	o := s.options
	o.Inputs = in
	p, more := c.engine.Plan(context.Background(), cfg, o)
	return p, cfg, in, append(ds, more...)
}

// saved writes a plan as a file and reads it.
func saved(t *testing.T, p *plans.Plan) *plans.Plan {
	t.Helper()
	var b bytes.Buffer
	if err := plans.Encode(&b, p); err != nil {
		t.Fatal(err)
	}
	q, err := plans.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// outputs are the values of the outputs, as a plan of nothing shows them.
func (c *conformanceCase) outputs(cfg *config.Config) string {
	c.t.Helper()
	p, _, _, ds := c.plan(c.dir, c.script.whole())
	if ds.HasErrors() || len(cfg.Root.Outputs) == 0 || c.script.options.Mode == plans.Destroy {
		return ""
	}
	var b strings.Builder
	b.WriteString("{\n")
	for i, o := range slices.SortedFunc(slices.Values(p.Outputs), func(a, b plans.OutputChange) int { return strings.Compare(a.Name, b.Name) }) {
		value := `"(sensitive)"`
		if !schema.IsSensitive(o.Before) && !o.Sensitive {
			raw, err := ctyjson.Marshal(o.Before, o.Before.Type())
			if err != nil {
				c.t.Fatal(err)
			}
			if value, err = canonical(raw); err != nil {
				c.t.Fatal(err)
			}
		}
		if i > 0 {
			b.WriteString(",\n")
		}
		name, _ := json.Marshal(o.Name)
		fmt.Fprintf(&b, "  %s: %s", name, value)
	}
	b.WriteString("\n}\n")
	return b.String()
}

// text shows findings as on a terminal.
func text(ds hcl.Diagnostics, cfg *config.Config) string {
	var b strings.Builder
	if err := diag.WriteText(&b, ds, diag.TextOptions{Files: cfg.Files, Width: 100}); err != nil {
		return err.Error()
	}
	return b.String()
}

// golden compares a file of the case, which is not there when it would be empty.
func (c *conformanceCase) golden(name, got string) {
	c.t.Helper()
	got = lineage.ReplaceAllString(got, "LINEAGE")
	path := filepath.Join(c.dir, name)
	want, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.t.Fatal(err)
	}
	if string(want) == got {
		return
	}
	if !golden.Update() {
		c.t.Errorf("%s differs (-want +got):\n%s", path, cmp.Diff(string(want), got))
		return
	}
	if got == "" {
		err = os.Remove(path)
	} else {
		err = os.WriteFile(path, []byte(got), 0o644)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// lineage is different in every run.
var lineage = regexp.MustCompile(`\b[0-9a-f]{32}\b`)

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
