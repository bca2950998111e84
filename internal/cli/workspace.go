package cli

import (
	"crypto/rand"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/backend"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// CodePlanFile: a plan file cannot be read or written.
const CodePlanFile diag.Code = "plan.file"

// workspace is a configuration with its state.
type workspace struct {
	app    *app
	cmd    *cobra.Command
	in     *inputFlags
	dir    string
	config *config.Config
	inputs engine.Inputs
	store  state.Store
	verify bool // the server is asked about every object
}

// open loads the configuration in dir and gives its variables values; those of a saved plan count less than flags.
// Without errors the workspace is complete.
func (a *app) open(cmd *cobra.Command, dir string, in *inputFlags, saved []plans.Variable) (*workspace, hcl.Diagnostics) {
	w := &workspace{app: a, cmd: cmd, in: in, dir: dir}
	var ds hcl.Diagnostics
	w.config, ds = config.Load(dir, config.Options{Version: versionNumber()})
	if ds.HasErrors() {
		return w, ds
	}
	more := w.assign(saved)
	if ds = append(ds, more...); ds.HasErrors() {
		return w, ds
	}
	store, more := a.openStore(dir, in.state, in.kubeconfig, &w.config.Settings)
	if ds = append(ds, more...); !ds.HasErrors() {
		w.store = store.Store // with its capabilities
	}
	return w, ds
}

func (w *workspace) assign(saved []plans.Variable) hcl.Diagnostics {
	given, ds := w.config.Assignments(config.Inputs{Environ: w.app.env, Files: w.in.varFiles, Flags: w.in.vars})
	if ds.HasErrors() {
		return ds
	}
	var assignments []config.Assignment
	for _, v := range saved {
		// A sensitive value is not in the plan file: it must be given again, and the engine compares it.
		if declared := w.config.Root.Variables[v.Name]; declared == nil || declared.Sensitive || declared.Ephemeral || v.Value == cty.NilVal {
			continue
		}
		assignments = append(assignments, config.Assignment{Name: v.Name, Source: "the saved plan", Expr: hcl.StaticExpr(v.Value, hcl.Range{})})
	}
	values, more := w.config.Root.VariableValues(append(assignments, given...))
	w.inputs.Variables = make(map[string]cty.Value, len(values))
	for name, v := range values {
		w.inputs.Variables[name] = v.Value
	}
	return append(ds, more...)
}

// openStore opens the state that the settings name, or the file at path. It touches nothing yet.
func (a *app) openStore(dir, path, kubeconfig string, settings *config.Settings) (*backend.Backend, hcl.Diagnostics) {
	if kubeconfig == "" {
		kubeconfig = a.getenv("MESHPLAN_KUBECONFIG") // commands that look at the state only have no such flag
	}
	return backend.Open(settings, backend.Options{Dir: dir, Path: path, Kubeconfig: kubeconfig, Getenv: a.getenv, UserAgent: "meshplan/" + readVersion().Version, Now: a.now, Waiting: a.notices.say, Reached: a.reached})
}

// settling is how long a write of a killed run is waited for. Its connections are closed with it, and an API server drops
// requests whose client is gone, so that only what it was carrying out at that moment still lands: a commit of etcd, which
// takes milliseconds, and up to a second on a machine that is short of everything.
const settling = 2 * time.Second

// engine makes an engine whose events go to events, which may be nil.
func (w *workspace) engine(events engine.Sink, parallelism int) *engine.Engine {
	registry := w.app.registry(connection{dir: w.dir, kubeconfig: w.in.kubeconfig, context: w.in.context, logger: w.app.logger(), verify: w.verify, waiting: w.app.notices.say})
	if log := w.app.logger(); log.IsError() {
		events = &logged{log: log, next: events}
	}
	return engine.New(w.store, registry, engine.Options{Parallelism: parallelism, Holder: w.app.holder(w.cmd), Events: events, Now: w.app.now, Version: versionNumber(), Settling: settling})
}

// holder says who is at work. The command is named without its arguments: they may hold values of variables.
func (a *app) holder(cmd *cobra.Command) state.Holder {
	h := state.Holder{ID: rand.Text(), PID: os.Getpid(), Command: cmd.CommandPath(), Since: a.now().UTC()}
	if u, err := user.Current(); err == nil {
		h.User = u.Username
	}
	if h.User == "" {
		h.User = "unknown"
	}
	h.Host, _ = os.Hostname()
	return h
}

// command writes another command for the same workspace, to be copied.
func (w *workspace) command(words ...string) string {
	parts := append(begin(w.app.dir), words...)
	for _, f := range []struct{ name, value string }{{"state", w.in.state}, {"kubeconfig", w.in.kubeconfig}, {"context", w.in.context}} {
		if f.value != "" {
			parts = append(parts, "--"+f.name, quote(f.value))
		}
	}
	for _, f := range w.in.varFiles {
		parts = append(parts, "--var-file", quote(f))
	}
	for _, v := range w.in.vars {
		if name, _, _ := strings.Cut(v, "="); !w.public(name) {
			v = name + "=…"
		}
		parts = append(parts, "--var", quote(v))
	}
	if w.dir != "." {
		parts = append(parts, quote(w.dir))
	}
	return strings.Join(parts, " ")
}

// public reports whether the value of a variable is no secret.
func (w *workspace) public(name string) bool {
	if w.config == nil || w.config.Root == nil {
		return false
	}
	v := w.config.Root.Variables[name]
	return v != nil && !v.Sensitive && !v.Ephemeral
}

// stateCommand writes a command that needs the state only. Such commands take no directory but -C.
func (w *workspace) stateCommand(words ...string) string {
	if w.in.state != "" {
		return strings.Join(append(append(begin(w.app.dir), words...), "--state", quote(w.in.state)), " ")
	}
	dir := w.dir
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(w.app.dir, dir)
	}
	if dir == "." {
		dir = ""
	}
	return strings.Join(append(begin(dir), words...), " ")
}

// begin starts a command line that runs in a directory.
func begin(dir string) []string {
	if dir == "" {
		return []string{"meshplan"}
	}
	return []string{"meshplan", "-C", quote(dir)}
}

// quote makes a word safe for a shell.
func quote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+=,-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// directory returns the directory that a command is about.
func directory(args []string) string {
	if len(args) > 0 {
		return filepath.Clean(args[0])
	}
	return "."
}

// readPlan reads a saved plan.
func readPlan(path string) (*plans.Plan, hcl.Diagnostics) {
	p, err := plans.ReadFile(path)
	if err != nil {
		return nil, diag.FromError(CodePlanFile, "Plan file cannot be read", err, nil)
	}
	return p, nil
}

// writePlan saves a plan.
func writePlan(path string, p *plans.Plan) hcl.Diagnostics {
	if err := plans.WriteFile(path, p); err != nil {
		return diag.FromError(CodePlanFile, "Plan file cannot be written", err, nil)
	}
	return nil
}
