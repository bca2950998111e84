package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/plans"
)

func (a *app) driftCommand() *cobra.Command {
	var (
		in   inputFlags
		out  outputFlags
		plan planFlags
	)
	cmd := &cobra.Command{
		Use:   "drift [DIR]",
		Short: "Find what was changed outside meshplan",
		Long: `Compares the live objects with what the last run recorded and shows what others changed. It changes nothing, neither objects nor state, and takes
no lock. It exits with 2 when there is drift. Changes of the configuration are no drift: "meshplan plan" shows those.

Objects whose metadata says that nobody touched our fields are not read whole. --refresh=full reads every object, which is for a weekly job.`,
		Example: "  meshplan drift\n  meshplan drift --json-into drift.json prod/\n  meshplan drift --refresh=full",
		Args:    atMost(1), ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if plan.refresh == refreshFalse {
				return usageError(cmd, errors.New("--refresh=false would find nothing: drift is what reading the live objects shows"))
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
			sig := catch(cmd.Context())
			defer sig.release()
			options := w.planOptions(&plan)
			options.Mode = plans.RefreshOnly
			p, more := w.plan(c, sig, &plan, options)
			if ds = append(ds, more...); p == nil || ds.HasErrors() {
				return exitWith(c.stopped(sig, ds))
			}
			if len(p.Drift) == 0 {
				c.diagnostics(ds)
				c.print("No drift.")
				return nil
			}
			if err := c.drift(p); err != nil {
				return err
			}
			c.diagnostics(ds)
			return exitWith(exitChanges)
		},
	}
	in.addAll(cmd.Flags())
	out.add(cmd.Flags())
	plan.addRefresh(cmd.Flags())
	plan.addTarget(cmd.Flags())
	plan.addParallelism(cmd.Flags())
	a.completeAddresses(cmd, &in, "target")
	return cmd
}

// print writes a line that is the result of a command.
func (c *console) print(line string) {
	for _, s := range c.streams {
		s.Log(line)
	}
	if !c.json {
		fmt.Fprintln(c.Out, line)
	}
}
