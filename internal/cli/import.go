package cli

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/plans"
)

func (a *app) importCommand() *cobra.Command {
	var (
		in    inputFlags
		out   outputFlags
		plan  planFlags
		apply applyFlags
	)
	cmd := &cobra.Command{
		Use:   "import ADDRESS ID",
		Short: "Take an existing object over as an instance",
		Long: `Takes an object that exists over, as the instance at an address of the configuration, and makes what the configuration says of it true. It does what an import
block does, for this instance and what it depends on only; the plan is shown and asked for first, and "meshplan rollback" lets the object go again.

An import block is reviewed with the configuration and works for many objects at once: prefer it where that matters. How an ID is written depends on the type: for
kubernetes_manifest it is apiVersion/kind/namespace/name.`,
		Example: "  meshplan import kubernetes_manifest.web apps/v1/Deployment/shop/web",
		Args:    cobra.ExactArgs(2), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := plan.check(); err != nil {
				return usageError(cmd, err)
			}
			block, ds := config.NewImport(args[0], args[1])
			if ds.HasErrors() {
				return a.fail(&console{Terminal: a.terminal()}, ds)
			}
			plan.targets = []string{args[0]}
			r := &runner{app: a, cmd: cmd, in: &in, plan: &plan, apply: &apply, question: "Do you want to import this object?"}
			return r.run(&out, ".", func(ctx context.Context, e *engine.Engine, w *workspace) (*plans.Plan, hcl.Diagnostics) {
				w.config.Root.Imports = append(w.config.Root.Imports, block)
				return e.Plan(ctx, w.config, w.planOptions(&plan))
			})
		},
	}
	in.addAll(cmd.Flags())
	out.add(cmd.Flags())
	plan.addParallelism(cmd.Flags())
	apply.add(cmd.Flags(), false)
	return cmd
}
