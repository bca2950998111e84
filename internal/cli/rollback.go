package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

func (a *app) rollbackCommand() *cobra.Command {
	var (
		in       inputFlags
		out      outputFlags
		plan     planFlags
		apply    applyFlags
		to, save string
	)
	cmd := &cobra.Command{
		Use:   "rollback [DIR]",
		Short: "Undo the last run, or several",
		Long: `Undoes the last run, whether it succeeded, failed or was interrupted: what was created is deleted, what was changed gets its former value, and
what was deleted is made again, in the reverse order. The rollback is a plan: it is shown, it says what cannot be undone, it asks, and it can
be rolled back itself. "meshplan history" lists the runs.`,
		Example: `  meshplan rollback
  meshplan rollback --to 41                 restore what was there after run 41
  meshplan rollback --out back.plan         only save the plan`,
		Args: atMost(1), ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := plan.check(); err != nil {
				return usageError(cmd, err)
			}
			options := engine.RollbackOptions{}
			if cmd.Flags().Changed("to") {
				run, err := parseRun(to)
				if err != nil {
					return usageError(cmd, fmt.Errorf("--to: %w", err))
				}
				options.To, options.ToSet = run, true
			}
			r := &runner{app: a, cmd: cmd, in: &in, plan: &plan, apply: &apply, save: save, question: "Do you want to roll this back?"}
			return r.run(&out, directory(args), func(ctx context.Context, e *engine.Engine, w *workspace) (*plans.Plan, hcl.Diagnostics) {
				options.Inputs = w.inputs
				return e.Rollback(ctx, w.config, options)
			})
		},
	}
	in.addAll(cmd.Flags())
	out.add(cmd.Flags())
	plan.addParallelism(cmd.Flags())
	apply.add(cmd.Flags(), false)
	cmd.Flags().StringVar(&to, "to", "", "restore what was there after `run` N; 0 means before the first one")
	cmd.Flags().StringVar(&save, "out", "", "save the plan to a `file` for apply instead of carrying it out")
	_ = cmd.RegisterFlagCompletionFunc("to", a.completeRuns(&in, ""))
	return cmd
}

// parseRun reads the number of a run, with or without the prefix that `show` wants.
func parseRun(s string) (state.RunID, error) {
	n, err := strconv.ParseUint(strings.TrimPrefix(s, runPrefix), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not the number of a run; \"meshplan history\" lists them", s)
	}
	return state.RunID(n), nil
}
