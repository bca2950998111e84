package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/backend"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/rbac"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

func (a *app) doctorCommand() *cobra.Command {
	var (
		in      inputFlags
		purpose string
		asJSON  bool
	)
	cmd := &cobra.Command{
		Use:   "doctor [DIR]",
		Short: "Look whether a run could work: configuration, state, clusters, rights, Linkerd, certificates",
		Long: `Looks at everything that a run stands on, and says in one place what is in its way: whether the configuration is valid, the state can be read and
nobody holds its lock, every cluster answers and is the one of the state, the credentials have the rights that "meshplan rbac" prints, and the
control plane and its certificates are in order. It writes nothing, neither here nor in a cluster. It exits with 1 when a run would fail; warnings pass.`,
		Example: "  meshplan doctor\n  meshplan doctor --for plan prod/\n  meshplan doctor --json",
		Args:    atMost(1), ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := purposes[purpose]; !ok {
				return usageError(cmd, fmt.Errorf("--for is plan, apply or drift, not %q", purpose))
			}
			d := &doctor{app: a, cmd: cmd, in: &in, purpose: purpose}
			d.examine(cmd.Context(), directory(args))
			if err := d.write(asJSON); err != nil {
				return err
			}
			if unfit, _ := d.count(); unfit > 0 {
				return exitWith(exitFailure)
			}
			return nil
		},
	}
	in.addAll(cmd.Flags())
	cmd.Flags().StringVar(&purpose, "for", "apply", "what the rights must be enough `for`: plan, apply or drift")
	completeWords(cmd, "for", "plan", "apply", "drift")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// doctor collects what is found, one section for each thing that a run stands on.
type doctor struct {
	app      *app
	cmd      *cobra.Command
	in       *inputFlags
	purpose  string
	sections []section
}

// section is what was looked at together.
type section struct {
	title string
	found []providers.Examination
}

func (d *doctor) begin(title string) { d.sections = append(d.sections, section{title: title}) }

func (d *doctor) add(h providers.Health, advice, format string, args ...any) {
	last := &d.sections[len(d.sections)-1]
	last.found = append(last.found, providers.Examination{Health: h, Text: fmt.Sprintf(format, args...), Advice: advice})
}

// report adds diagnostics and reports whether none was an error.
func (d *doctor) report(ds hcl.Diagnostics) bool {
	for _, g := range diag.Sort(ds) {
		health := providers.Doubtful
		if g.Severity == hcl.DiagError {
			health = providers.Unfit
		}
		text := strings.TrimSuffix(g.Summary, ".")
		if address := diag.AddressOf(g); address != "" {
			text = address + ": " + text
		}
		if g.Subject != nil {
			text = fmt.Sprintf("%s:%d: %s", g.Subject.Filename, g.Subject.Start.Line, text)
		}
		if code := diag.CodeOf(g); code != "" {
			text += fmt.Sprintf(" [%s]", code)
		}
		d.add(health, g.Detail, "%s", text)
	}
	return !ds.HasErrors()
}

// examine looks at one thing after the other, as far as they are known.
func (d *doctor) examine(ctx context.Context, dir string) {
	d.begin("Configuration in " + dir)
	w := &workspace{app: d.app, cmd: d.cmd, in: d.in, dir: dir}
	var ds hcl.Diagnostics
	w.config, ds = config.Load(dir, config.Options{Version: versionNumber()})
	if !d.report(ds) {
		return
	}
	valid := d.report(append(w.assign(nil), d.app.validate(ctx, d.cmd, w.config, d.in)...))
	if valid {
		d.add(providers.Fit, "", "valid: %s in %s", plural(len(checked(w.config, nil).cases), "block"), plural(len(w.config.Files), "file"))
	}
	d.begin("State")
	store, ds := d.app.openStore(dir, d.in.state, d.in.kubeconfig, &w.config.Settings)
	readable := d.report(ds)
	if readable {
		w.store = store.Store
		readable = d.state(ctx, store)
	}
	if valid && readable {
		d.systems(ctx, w)
	}
}

// state reports whether the state can be read.
func (d *doctor) state(ctx context.Context, store *backend.Backend) bool {
	snap, err := store.Snapshot(ctx)
	if err != nil {
		return d.report(engine.StateError(err))
	}
	if snap.Serial == 0 && len(snap.Records) == 0 {
		d.add(providers.Fit, "", "%s: nothing is recorded yet", store.Place)
	} else {
		d.add(providers.Fit, "", "%s: serial %d, %s", store.Place, snap.Serial, plural(len(snap.Records), "object"))
	}
	held := false
	if p, ok := store.Store.(state.Prober); ok {
		var by state.Holder
		if held, by, err = p.Locked(ctx); err != nil {
			return d.report(engine.StateError(err))
		}
		if held {
			d.add(providers.Doubtful, "A run that begins now waits for it, and gives up after --lock-timeout.", "%s@%s holds the lock since %s: %s (process %d)", diag.Scrub(by.User), diag.Scrub(by.Host),
				by.Since.UTC().Format("2006-01-02 15:04:05 UTC"), diag.Scrub(by.Command), by.PID)
		} else {
			d.add(providers.Fit, "", "nobody holds the lock")
		}
	}
	if run := snap.UnfinishedRun; run != nil && !held {
		d.add(providers.Doubtful, `"meshplan plan" says what the next apply makes of it.`, "run %d (%s) was interrupted", run.ID, modeName(run.Mode))
	}
	return true
}

// systems asks every cluster.
func (d *doctor) systems(ctx context.Context, w *workspace) {
	places, ds := w.engine(nil, 0).Examine(ctx, w.config, engine.PermitOptions{Inputs: w.inputs})
	if len(ds) > 0 {
		d.begin("Clusters")
		d.report(ds)
	}
	for _, place := range places {
		title := place.Location
		if title == "" {
			title = place.Place
		}
		d.begin(fmt.Sprintf("Cluster: %s (%s)", title, strings.Join(place.Providers, ", ")))
		d.sections[len(d.sections)-1].found = place.Findings
		d.report(place.Diagnostics)
		if place.Answers && place.Ask != nil {
			d.rights(ctx, place.Permissions)
		}
	}
}

// rights asks for those that "meshplan rbac" prints.
func (d *doctor) rights(ctx context.Context, p engine.Permissions) {
	var mu sync.Mutex // guards ds
	var ds hcl.Diagnostics
	lacking, asked := rbac.Lacking(p, purposes[d.purpose], func(right providers.Right) bool {
		mu.Lock()
		failed := ds.HasErrors()
		mu.Unlock()
		if failed {
			return true // the other answers would be the same
		}
		allowed, more := p.Ask(ctx, right)
		mu.Lock()
		defer mu.Unlock()
		ds = append(ds, more...)
		return allowed || more.HasErrors()
	})
	if len(ds) > 0 {
		ds = ds[:1]
	}
	if !d.report(ds) {
		return
	}
	rules := 0
	for _, role := range lacking.Roles {
		for _, rule := range role.Rules {
			rules++
			health := providers.Unfit
			if rule.Rare {
				health = providers.Doubtful
			}
			d.add(health, strings.Join(rule.Needs, "\n"), "no right to %s", rule.Sentence(role.Namespace))
		}
	}
	if rules == 0 {
		d.add(providers.Fit, "", "all %d rights that %s needs", asked, article(d.purpose))
		return
	}
	d.add(providers.Doubtful, fmt.Sprintf("\"meshplan rbac --for %s\" prints the roles with all of them, for somebody who may grant them.", d.purpose), "some of the %d rights that %s needs are missing", asked, article(d.purpose))
}

// article puts a purpose into a sentence.
func article(purpose string) string {
	switch purpose {
	case "apply":
		return "an apply"
	case "drift":
		return "a look for drift"
	}
	return "a plan"
}

// count returns how many things stand in the way, and how many need attention.
func (d *doctor) count() (unfit, doubtful int) {
	for _, s := range d.sections {
		for _, x := range s.found {
			switch x.Health {
			case providers.Unfit:
				unfit++
			case providers.Doubtful:
				doubtful++
			}
		}
	}
	return unfit, doubtful
}
