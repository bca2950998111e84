package cli

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/plans"
)

func (a *app) destroyCommand() *cobra.Command {
	var (
		in    inputFlags
		out   outputFlags
		plan  planFlags
		apply applyFlags
	)
	cmd := &cobra.Command{
		Use:   "destroy [DIR]",
		Short: "Delete everything that was made",
		Long: `Deletes all objects that the state records, dependents before what they depend on. It shows the plan and asks first. What was made by hand
is left alone. To see the plan only, use "meshplan plan --destroy".`,
		Example: "  meshplan destroy\n  meshplan destroy --target kubernetes_namespace.shop",
		Args:    atMost(1), ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := plan.check(); err != nil {
				return usageError(cmd, err)
			}
			r := &runner{app: a, cmd: cmd, in: &in, plan: &plan, apply: &apply, question: "Do you really want to delete all of this?"}
			return r.run(&out, directory(args), func(ctx context.Context, e *engine.Engine, w *workspace) (*plans.Plan, hcl.Diagnostics) {
				o := w.planOptions(&plan)
				o.Mode = plans.Destroy
				return e.Plan(ctx, w.config, o)
			})
		},
	}
	in.addAll(cmd.Flags())
	out.add(cmd.Flags())
	plan.addTarget(cmd.Flags())
	plan.addRefresh(cmd.Flags())
	plan.addParallelism(cmd.Flags())
	apply.add(cmd.Flags(), true)
	a.completeAddresses(cmd, &in, "target")
	return cmd
}
