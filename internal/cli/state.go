package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/plans/render"
	"github.com/meshplan/meshplan/state"
)

func (a *app) stateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "state",
		Short:   "Look into the state, or correct it",
		Long:    "Looks into the state, or corrects it: the record of every instance that meshplan manages. It never touches the cluster; list and show take no lock.",
		Example: "  meshplan state list\n  meshplan state show linkerd_trust_anchor.main",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(cmd, fmt.Errorf("there is no command %q%s", "state "+args[0], suggest(cmd, args[0])))
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(a.stateListCommand(), a.stateShowCommand(), a.stateRmCommand(), a.stateMvCommand(), a.statePullCommand(), a.statePushCommand(), a.stateExportCommand(),
		a.stateRestoreCommand(), a.stateRecoverCommand(), a.stateRekeyCommand())
	return cmd
}

func (a *app) stateListCommand() *cobra.Command {
	var in inputFlags
	cmd := &cobra.Command{
		Use:     "list [ADDRESS...]",
		Short:   "List the addresses that are recorded",
		Long:    "Lists the addresses of all instances that are recorded, or of the given resources, one a line.",
		Example: "  meshplan state list\n  meshplan state list kubernetes_manifest.web",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: a.completeRecorded(&in),
		RunE: func(cmd *cobra.Command, args []string) error {
			records, err := a.records(cmd, &in, args)
			if err != nil {
				return err
			}
			for _, r := range records {
				fmt.Fprintln(a.out, oneLine(r.Addr.String()))
			}
			return nil
		},
	}
	in.addState(cmd.Flags())
	return cmd
}

func (a *app) stateShowCommand() *cobra.Command {
	var (
		in     inputFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:     "show ADDRESS...",
		Short:   "Show what is recorded about instances",
		Long:    "Shows the recorded attributes of instances. Sensitive ones are not recorded: the state holds their fingerprints only.",
		Example: "  meshplan state show 'kubernetes_manifest.web[\"eu\"]'\n  meshplan state show --json linkerd_trust_anchor.main",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: a.completeRecorded(&in),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, fmt.Errorf("an address is missing; \"meshplan state list\" lists them"))
			}
			records, err := a.records(cmd, &in, args)
			if err != nil {
				return err
			}
			objs, err := objects(records)
			if err != nil {
				return err
			}
			if asJSON {
				return render.ObjectsJSON(a.out, objs, nil)
			}
			t := a.terminal()
			return render.Objects(a.out, objs, nil, render.TextOptions{Width: t.Width, Paint: t.OutPaint})
		},
	}
	in.addState(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, in Terraform's representation of a state")
	return cmd
}

// records returns the records of the addresses, or all of them, in the order of the state.
func (a *app) records(cmd *cobra.Command, in *inputFlags, addresses []string) ([]*state.Record, error) {
	_, snap, ds := a.recorded(cmd.Context(), ".", in.state)
	if ds.HasErrors() {
		return nil, a.fail(&console{Terminal: a.terminal()}, ds)
	}
	if len(addresses) == 0 {
		return snap.Records, nil
	}
	wanted := map[*state.Record]bool{}
	for _, text := range addresses {
		found, err := matching(snap, text)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			wanted[r] = true
		}
	}
	var out []*state.Record
	for _, r := range snap.Records {
		if wanted[r] {
			out = append(out, r)
		}
	}
	return out, nil
}
