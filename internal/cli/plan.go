package cli

import (
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
)

func (a *app) planCommand() *cobra.Command {
	var (
		in       inputFlags
		out      outputFlags
		plan     planFlags
		file     string
		detailed bool
		destroy  bool
		generate string
	)
	cmd := &cobra.Command{
		Use:   "plan [DIR]",
		Short: "Show what would change",
		Long: `Compares the configuration with the state and the live cluster and shows what apply would do. It changes nothing and takes no lock;
credentials that can only read are enough.`,
		Example: `  meshplan plan
  meshplan plan --out rollout.plan prod/     save the plan for apply
  meshplan plan --detailed-exitcode          exit with 2 when there are changes
  meshplan plan --refresh=full               ask the server about every object, changed or not
  meshplan plan --target linkerd_trust_anchor.main`,
		Args:              atMost(1),
		ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if err := plan.check(); err != nil {
				return usageError(cmd, err)
			}
			c, err := a.console(cmd, &out)
			if err != nil {
				return err
			}
			defer c.close(&err)
			w, ds := a.open(cmd, directory(args), &in, nil)
			c.files = w.config.Files
			if ds.HasErrors() {
				c.diagnostics(ds)
				return exitWith(codeOf(ds))
			}
			options := w.planOptions(&plan)
			if destroy {
				options.Mode = plans.Destroy
			}
			options.Generate = generate != ""
			sig := catch(cmd.Context(), 0)
			defer sig.release()
			p, more := w.plan(c, sig, &plan, options)
			ds = append(ds, more...)
			if p != nil && len(p.Unread) > 0 && !sig.seen() {
				if err := c.plan(p); err != nil {
					return err
				}
			}
			if p == nil || ds.HasErrors() {
				return exitWith(c.stopped(sig, ds))
			}
			if err := c.plan(p); err != nil {
				return err
			}
			c.diagnostics(ds)
			if generate != "" {
				if ds := c.writeGenerated(generate, p); ds.HasErrors() {
					c.diagnostics(ds)
					return exitWith(exitFailure)
				}
			}
			if file != "" {
				if ds := writePlan(file, p); ds.HasErrors() {
					c.diagnostics(ds)
					return exitWith(exitFailure)
				}
				c.say("\nSaved to %s. To carry out exactly this, run:\n  %s", file, w.applyPlan(file))
			}
			if detailed && !p.Empty() {
				return exitWith(exitChanges)
			}
			return nil
		},
	}
	in.addAll(cmd.Flags())
	out.add(cmd.Flags())
	plan.addAll(cmd.Flags())
	cmd.Flags().StringVar(&file, "out", "", "save the plan to a `file` for apply")
	cmd.Flags().StringVar(&generate, "generate-config-out", "", "write resource blocks for imports that have none to a new `file`")
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit with 2 when there are changes")
	cmd.Flags().BoolVar(&destroy, "destroy", false, "plan to delete everything that is recorded")
	a.completeAddresses(cmd, &in, "target", "replace")
	return cmd
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
