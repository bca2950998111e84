package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/ui"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
)

func (a *app) applyCommand() *cobra.Command {
	var (
		in    inputFlags
		out   outputFlags
		plan  planFlags
		apply applyFlags
		hash  string
	)
	cmd := &cobra.Command{
		Use:   "apply [DIR|PLANFILE]",
		Short: "Make the changes that a plan shows",
		Long: `Makes a plan, shows it, asks, and carries it out. With a file that "plan --out" saved it carries out exactly that plan and asks nothing.

A step begins as soon as what it depends on is done. When a step fails, what depends on it is left alone and everything else goes on. The first
interrupt lets steps in flight finish; the second one aborts. Applying again goes on where it stopped.`,
		Example: `  meshplan apply
  meshplan apply rollout.plan
  meshplan apply --auto-approve --rollback-on-failure prod/`,
		Args: atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := plan.check(); err != nil {
				return usageError(cmd, err)
			}
			r := &runner{app: a, cmd: cmd, in: &in, plan: &plan, apply: &apply, question: "Do you want to perform these actions?"}
			dir := directory(args)
			info, err := os.Stat(dir)
			switch {
			case err != nil:
				return fmt.Errorf("%q is neither a directory nor a plan file: %w", dir, err)
			case info.Mode().IsRegular():
				r.file = dir
				if err := refuseWithPlanFile(cmd); err != nil {
					return err
				}
				r.hash = hash
			case hash != "":
				return usageError(cmd, fmt.Errorf("--expect-sha256 is for a saved plan"))
			}
			return r.run(&out, dir, func(ctx context.Context, e *engine.Engine, w *workspace) (*plans.Plan, hcl.Diagnostics) {
				return e.Plan(ctx, w.config, w.planOptions(&plan))
			})
		},
	}
	in.addAll(cmd.Flags())
	out.add(cmd.Flags())
	plan.addAll(cmd.Flags())
	apply.add(cmd.Flags(), true)
	cmd.Flags().IntVar(&apply.destructive, destructiveFlag, 0, "with --auto-approve: approve up to `n` deletions or replacements of what others stand on, such as trust anchors, control planes and namespaces")
	cmd.Flags().StringVar(&hash, "expect-sha256", "", "carry out a saved plan only if this is its `hash`, as plan writes it to GITHUB_OUTPUT and into comments")
	a.completeAddresses(cmd, &in, "target", "replace")
	return cmd
}

// refuseWithPlanFile refuses flags that would make another plan.
func refuseWithPlanFile(cmd *cobra.Command) error {
	for _, name := range []string{"target", "replace", "refresh", "refresh-only"} {
		if cmd.Flags().Changed(name) {
			return usageError(cmd, fmt.Errorf("--%s cannot go with a saved plan, which is carried out as it is", name))
		}
	}
	return nil
}

// runner is what apply, destroy and rollback have in common: plan, show, ask, carry out.
type runner struct {
	app      *app
	cmd      *cobra.Command
	in       *inputFlags
	plan     *planFlags
	apply    *applyFlags
	question string
	file     string // a saved plan; it counts as approved
	hash     string // that it must have; "" when nobody says
	save     string // where to save the plan instead of carrying it out
}

// planFunc makes the plan.
type planFunc func(ctx context.Context, e *engine.Engine, w *workspace) (*plans.Plan, hcl.Diagnostics)

func (r *runner) run(out *outputFlags, dir string, plan planFunc) (err error) {
	c, err := r.app.console(r.cmd, out)
	if err != nil {
		return err
	}
	defer c.close(&err)
	if r.file == "" && r.save == "" && !r.apply.autoApprove && (!c.InTTY || c.json) {
		return usageError(r.cmd, fmt.Errorf("there is nobody to ask: the input is not a terminal. Approve with --auto-approve, or apply a plan that was saved with \"meshplan plan --out\""))
	}
	w, p, ds := r.open(c, dir)
	if ds.HasErrors() {
		c.diagnostics(ds)
		return exitWith(codeOf(ds))
	}
	if p != nil {
		c.prepare(p)
	}
	sig := catch(r.cmd.Context(), r.apply.stopTimeout)
	defer sig.release()
	if p == nil {
		var more hcl.Diagnostics
		p, more = r.makePlan(c, w, sig, plan)
		if ds = append(ds, more...); p == nil || ds.HasErrors() || sig.seen() {
			return exitWith(c.stopped(sig, ds))
		}
	}
	if r.file == "" || p.Empty() && len(p.Steps) == 0 { // a saved plan is shown when it has been found to fit
		if err := c.plan(p); err != nil {
			return err
		}
	}
	c.diagnostics(ds)
	if r.save != "" {
		return r.savePlan(c, w, p)
	}
	if done, err := r.approve(c, sig, p); done {
		return err
	}
	res, ds := r.carryOut(c, w, sig, p)
	return r.finish(c, w, p, res, sig, ds)
}

// open opens the workspace, and the saved plan when there is one: it knows its directory and its variables.
func (r *runner) open(c *console, dir string) (*workspace, *plans.Plan, hcl.Diagnostics) {
	var saved *plans.Plan
	var variables []plans.Variable
	if r.file != "" {
		var ds hcl.Diagnostics
		if saved, ds = readPlan(r.file); ds.HasErrors() {
			return nil, nil, ds
		}
		if ds = expect(saved, r.hash); ds.HasErrors() {
			return nil, nil, ds
		}
		dir, variables = saved.Base.Dir, saved.Base.Variables
	}
	w, ds := r.app.open(r.cmd, dir, r.in, variables)
	c.files = w.config.Files
	return w, saved, ds
}

// CodeUnexpected: a saved plan is not the one whose hash was announced.
const CodeUnexpected diag.Code = "plan.unexpected"

// expect refuses a plan that is not the one with a hash.
func expect(p *plans.Plan, hash string) hcl.Diagnostics {
	if hash == "" {
		return nil
	}
	got, err := p.Hash()
	if err != nil {
		return diag.FromError(CodePlanFile, "Plan file cannot be read", err, nil)
	}
	if !strings.EqualFold(strings.TrimPrefix(hash, "sha256:"), got) {
		return hcl.Diagnostics{diag.Errorf(CodeUnexpected, "Another plan than announced", "The plan in the file has the hash %s, and --expect-sha256 says %s. Somebody has replaced the file, or the hash belongs to another plan.", got, hash)}
	}
	return nil
}

// savePlan ends a command that was asked for the plan only.
func (r *runner) savePlan(c *console, w *workspace, p *plans.Plan) error {
	if ds := writePlan(r.save, p); ds.HasErrors() {
		c.diagnostics(ds)
		return exitWith(codeOf(ds))
	}
	c.say("\nSaved to %s. To carry out exactly this, run:\n  %s", r.save, w.applyPlan(r.save))
	return nil
}

// makePlan makes the plan. The view is closed even by a panic: it would draw over the report.
func (r *runner) makePlan(c *console, w *workspace, sig *interrupts, plan planFunc) (*plans.Plan, hcl.Diagnostics) {
	view := c.view()
	defer view.Close()
	w.verify = r.plan.refresh == refreshFull
	return plan(sig.first, w.engine(view, r.plan.parallelism), w)
}

// carryOut applies the plan.
func (r *runner) carryOut(c *console, w *workspace, sig *interrupts, p *plans.Plan) (*engine.Result, hcl.Diagnostics) {
	r.app.collect(applyRoom)
	view := c.view()
	defer view.Close()
	sig.onAbort(func() {
		view.Say("Interrupted again: aborting. The outcome of steps in flight is looked up by the next run.")
	})
	defer sig.onAbort(nil)
	o := engine.ApplyOptions{Inputs: w.inputs, LockTimeout: r.apply.lockTimeout, RollbackOnFailure: r.rollback(w), Stop: sig.first.Done()}
	if r.file != "" {
		o.Accepted = func() error { return c.plan(p) }
	}
	return w.engine(view, r.plan.parallelism).Apply(sig.second, w.config, p, o)
}

// approve asks, where that is needed. It reports true when the command ends here.
func (r *runner) approve(c *console, sig *interrupts, p *plans.Plan) (bool, error) {
	if sig.seen() { // from here on a signal would leave a run behind, though one without effect
		return true, exitWith(c.stopped(sig, nil))
	}
	if p.Empty() && len(p.Steps) == 0 {
		return true, nil
	}
	if r.file != "" || p.Empty() {
		return false, nil
	}
	if r.apply.autoApprove {
		// destroy and rollback say in their names what they do; an apply may come to it by a slip in a file.
		found := r.app.critical(p)
		if r.cmd.Flags().Lookup(destructiveFlag) != nil && len(found) > r.apply.destructive {
			return true, r.app.unapproved(found, r.apply.destructive)
		}
		return false, nil
	}
	ok, err := r.ask(c, sig, p)
	switch {
	case sig.seen():
		return true, exitWith(c.stopped(sig, nil))
	case err != nil:
		return true, fmt.Errorf("reading the answer: %w", err)
	case !ok:
		c.say("Not approved. Nothing was changed.")
		return true, exitWith(exitFailure)
	}
	return false, nil
}

// ask asks whether to go on. What takes away what others stand on is approved by the name of the environment.
func (r *runner) ask(c *console, sig *interrupts, p *plans.Plan) (bool, error) {
	found := r.app.critical(p)
	if len(found) == 0 {
		return ui.Confirm(sig.first, c.Terminal, r.question)
	}
	c.say("\nThis takes away what others stand on:")
	for _, change := range found {
		for i, l := range diag.Wrap(r.app.taken(change), c.Width-10) {
			c.say("%*s%s", 2+8*min(i, 1), "", l)
		}
	}
	return ui.ConfirmWord(sig.first, c.Terminal, r.question+" Type the name of the environment.", environment(p))
}

// rollback says whether a failure undoes the run: the flag decides, and without it the configuration.
func (r *runner) rollback(w *workspace) bool {
	if f := r.cmd.Flags().Lookup("rollback-on-failure"); f == nil || f.Changed {
		return r.apply.rollbackOnFailure
	}
	return w.config.Settings.OnFailure == config.OnFailureRollback
}

// finish says how it ended.
func (r *runner) finish(c *console, w *workspace, p *plans.Plan, res *engine.Result, sig *interrupts, ds hcl.Diagnostics) error {
	if res == nil {
		return exitWith(c.stopped(sig, ds))
	}
	c.gap()
	c.diagnostics(ds)
	code := codeOfRun(res, ds)
	if code == exitOK {
		c.result(res, nil)
		c.outputs(res.Outputs)
		return nil
	}
	c.result(res, r.next(w, p, res, ds))
	return exitWith(code)
}

// outdated reports whether a step was refused because its object is not the one that the plan was made for. The same
// plan would be refused again.
func outdated(ds hcl.Diagnostics) bool {
	return slices.ContainsFunc(ds, func(d *hcl.Diagnostic) bool {
		switch diag.CodeOf(d) {
		case engine.CodeStale, kube.CodeMoved, chart.CodeOutdated, certs.CodeAnchorMoved:
			return true
		}
		return false
	})
}

// anew are the words of the command that carries out what a plan wanted, or only plans it: no more than that, so that nobody
// who destroyed a part is told to apply, or to destroy, the whole.
func anew(p *plans.Plan, onlyPlan bool) []string {
	words := []string{"apply"}
	switch {
	case p.Mode == plans.Destroy && onlyPlan:
		words = []string{"plan", "--destroy"}
	case p.Mode == plans.Destroy:
		words = []string{"destroy"}
	case onlyPlan:
		words = []string{"plan"}
	}
	if p.Mode == plans.RefreshOnly {
		words = append(words, "--refresh-only")
	}
	for _, target := range p.Targets {
		words = append(words, "--target", quote(target))
	}
	return words
}

// next lists what can be done after a run that did not end well.
func (r *runner) next(w *workspace, p *plans.Plan, res *engine.Result, ds hcl.Diagnostics) []ui.Next {
	next := []ui.Next{{Command: w.command(anew(p, false)...), Why: "go on where it stopped"}}
	switch {
	case p.Mode == plans.Rollback && (r.file == "" || outdated(ds)):
		next[0] = ui.Next{Command: w.command("rollback", "--to", fmt.Sprint(p.Reverts.To)), Why: "go on undoing"}
	case r.file != "" && outdated(ds):
		next[0] = ui.Next{Command: w.command(append(anew(p, true), "--out", quote(r.file))...), Why: "plan what is left, against what is there now"}
	case r.file != "":
		next[0].Command = w.applyPlan(r.file)
	case outdated(ds):
		next[0].Why = "plan what is left, against what is there now, and go on"
	}
	switch {
	case res.RolledBack != nil && len(res.RolledBack.Failed) == 0:
		next[0].Why = "try it again"
		if r.file != "" && outdated(ds) {
			next[0].Why = "plan it again, against what is there now"
		}
	case res.RolledBack != nil:
		next = append(next, ui.Next{Command: w.command("plan"), Why: "see what is left"})
	default:
		next = append(next, ui.Next{Command: w.command("rollback"), Why: fmt.Sprintf("undo run %d (shown first)", res.Run)})
	}
	return append(next, ui.Next{Command: w.stateCommand("show", fmt.Sprintf("run:%d", res.Run)), Why: "see every step of the run"})
}
