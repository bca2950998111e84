package cli

import (
	"errors"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/ui"
	"github.com/meshplan/meshplan/plans"
)

func (a *app) planCommand() *cobra.Command {
	p := &planning{app: a}
	cmd := &cobra.Command{
		Use:   "plan [DIR]",
		Short: "Show what would change",
		Long: `Compares the configuration with the state and the live cluster and shows what apply would do. It changes nothing and takes no lock;
credentials that can only read are enough.

With --offline it needs neither cluster nor credentials: it compares the configuration with the state alone, or with a copy of it that "meshplan state pull"
printed. That is what a pull request from a stranger may cause: no network, no program is run, nothing is read outside of the directory. The plan says what it
could not look at, and cannot be applied.`,
		Example: `  meshplan plan
  meshplan plan --out rollout.plan prod/     save the plan for apply
  meshplan plan --detailed-exitcode          exit with 2 when there are changes
  meshplan plan --refresh=full               ask the server about every object, changed or not
  meshplan plan --target linkerd_trust_anchor.main
  meshplan plan --offline --state state.json prod/
  meshplan plan --comment-file comment.json --step-summary prod/`,
		Args:              atMost(1),
		ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.check(); err != nil {
				return usageError(cmd, err)
			}
			return p.run(directory(args))
		},
	}
	p.cmd = cmd
	p.in.addAll(cmd.Flags())
	p.out.add(cmd.Flags())
	p.plan.addAll(cmd.Flags())
	p.build.add(cmd)
	cmd.Flags().StringVar(&p.file, "out", "", "save the plan to a `file` for apply")
	cmd.Flags().BoolVar(&p.offline, "offline", false, "compare with the state only: no cluster, no network, nothing of the configuration is trusted")
	cmd.Flags().StringVar(&p.generate, "generate-config-out", "", "write resource blocks for imports that have none to a new `file`")
	cmd.Flags().BoolVar(&p.detailed, "detailed-exitcode", false, "exit with 2 when there are changes")
	cmd.Flags().BoolVar(&p.destroy, "destroy", false, "plan to delete everything that is recorded")
	a.completeAddresses(cmd, &p.in, "target", "replace")
	return cmd
}

// planning is one call of plan.
type planning struct {
	app                        *app
	cmd                        *cobra.Command
	in                         inputFlags
	out                        outputFlags
	plan                       planFlags
	build                      ciFlags
	file, generate             string
	detailed, destroy, offline bool
}

// check refuses flags that cannot be meant.
func (p *planning) check() error {
	if err := p.plan.check(); err != nil {
		return err
	}
	if p.offline && (p.plan.refreshOnly || p.plan.refresh == refreshFull || p.generate != "") {
		return errors.New("--offline looks at no object, so it cannot go with --refresh-only, --refresh=full or --generate-config-out")
	}
	return p.build.check()
}

func (p *planning) run(dir string) (err error) {
	c, err := p.app.console(p.cmd, &p.out)
	if err != nil {
		return err
	}
	defer c.close(&err)
	w, ds := p.open(dir)
	c.files = w.config.Files
	told := &published{files: w.config.Files, dir: dir, context: p.in.context, reproduce: p.again(w)}
	stop := func(code int) error {
		told.ds = ds
		return exitWith(p.app.publish(c, &p.build, told, code))
	}
	if ds.HasErrors() {
		c.diagnostics(ds)
		return stop(codeOf(ds))
	}
	options := w.planOptions(&p.plan)
	if p.destroy {
		options.Mode = plans.Destroy
	}
	options.Generate, options.Offline = p.generate != "", p.offline
	sig := catch(p.cmd.Context(), 0)
	defer sig.release()
	made, more := w.plan(c, sig, &p.plan, options)
	ds = append(ds, more...)
	if made != nil && len(made.Unread) > 0 && !sig.seen() {
		if err := c.plan(made); err != nil {
			return err
		}
	}
	if made == nil || ds.HasErrors() {
		if code := c.stopped(sig, ds); sig.seen() {
			return exitWith(code)
		}
		return stop(codeOf(ds))
	}
	made.Warnings = plans.Warnings(ds) // those of loading the configuration included
	if err := p.show(c, made); err != nil {
		return err
	}
	c.diagnostics(ds)
	if ds := p.save(c, w, made); ds.HasErrors() {
		c.diagnostics(ds)
		return exitWith(exitFailure)
	}
	told.plan = made
	if p.detailed && !made.Empty() {
		return stop(exitChanges)
	}
	return stop(exitOK)
}

// show shows the plan, through a pager where that is asked for.
func (p *planning) show(c *console, made *plans.Plan) error {
	if c.json {
		return c.plan(made)
	}
	defer p.app.pagePlan()()
	defer func(t *ui.Terminal) { c.Terminal = t }(c.Terminal)
	terminal := *c.Terminal
	terminal.Out, c.Terminal = p.app.out, &terminal
	return c.plan(made)
}

func (p *planning) open(dir string) (*workspace, hcl.Diagnostics) {
	if p.offline {
		return p.app.openOffline(p.cmd, dir, &p.in)
	}
	return p.app.open(p.cmd, dir, &p.in, nil)
}

// save writes the files that flags name.
func (p *planning) save(c *console, w *workspace, made *plans.Plan) hcl.Diagnostics {
	if p.generate != "" {
		if ds := c.writeGenerated(p.generate, made); ds.HasErrors() {
			return ds
		}
	}
	if p.file == "" {
		return nil
	}
	if ds := writePlan(p.file, made); ds.HasErrors() {
		return ds
	}
	if p.offline {
		c.say("\nSaved to %s, for \"meshplan show\".", p.file)
	} else {
		c.say("\nSaved to %s. To carry out exactly this, run:\n  %s", p.file, w.applyPlan(p.file))
	}
	return nil
}

// again writes the command that makes this plan again.
func (p *planning) again(w *workspace) string {
	words := []string{"plan"}
	if p.offline {
		words = append(words, "--offline")
	}
	if p.destroy {
		words = append(words, "--destroy")
	}
	if p.plan.refreshOnly {
		words = append(words, "--refresh-only")
	}
	for _, t := range p.plan.targets {
		words = append(words, "--target", quote(t))
	}
	for _, t := range p.plan.replace {
		words = append(words, "--replace", quote(t))
	}
	return w.command(words...)
}

// CodeGenerated: generated configuration cannot be written.
const CodeGenerated diag.Code = "cli.generate-config"

// writeGenerated writes resource blocks for imports that have none. It never changes a file that exists.
func (c *console) writeGenerated(file string, p *plans.Plan) hcl.Diagnostics {
	if len(p.Generated) == 0 {
		c.say("\nEvery import has a resource block: nothing was generated.")
		return nil
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return hcl.Diagnostics{diag.Errorf(CodeGenerated, "Configuration cannot be written", "%s. Name a file that does not exist yet.", err)}
	}
	var text []byte
	for i, g := range p.Generated {
		if i > 0 {
			text = append(text, '\n')
		}
		text = append(text, g.Text...)
	}
	if _, err := f.Write(text); err != nil {
		f.Close()
		return hcl.Diagnostics{diag.Errorf(CodeGenerated, "Configuration cannot be written", "%s.", err)}
	}
	if err := f.Close(); err != nil {
		return hcl.Diagnostics{diag.Errorf(CodeGenerated, "Configuration cannot be written", "%s.", err)}
	}
	c.say("\nWrote %s. Review it, then plan again: the plan above does not hold these imports yet.", file)
	return nil
}

func (w *workspace) planOptions(f *planFlags) engine.PlanOptions {
	o := engine.PlanOptions{Inputs: w.inputs, Mode: plans.Normal, Targets: f.targets, Replace: f.replace, NoRefresh: f.refresh == refreshFalse}
	if f.refreshOnly {
		o.Mode = plans.RefreshOnly
	}
	return o
}

// plan makes a plan and shows the progress of it.
func (w *workspace) plan(c *console, sig *interrupts, f *planFlags, o engine.PlanOptions) (*plans.Plan, hcl.Diagnostics) {
	view := c.view()
	defer view.Close()
	w.verify = f.refresh == refreshFull
	return w.engine(view, f.parallelism).Plan(sig.first, w.config, o)
}

// stopped shows why a command ended before anything was changed and returns its exit code. After a signal the
// findings are but the consequence of it.
func (c *console) stopped(sig *interrupts, ds hcl.Diagnostics) int {
	if sig.seen() {
		c.say("Interrupted. Nothing was changed.")
		return exitInterrupted
	}
	c.diagnostics(ds)
	if code := codeOf(ds); code != exitOK {
		return code
	}
	return exitFailure
}

// applyPlan writes the command that applies a saved plan; it brings its directory along.
func (w *workspace) applyPlan(file string) string {
	there := *w
	there.dir = "."
	return there.command("apply", quote(file))
}
