package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/statefile"
	"github.com/meshplan/meshplan/plans/render"
	"github.com/meshplan/meshplan/state"
)

func (a *app) statePullCommand() *cobra.Command {
	var (
		in      inputFlags
		withKey bool
	)
	cmd := &cobra.Command{
		Use:   "pull",
		Short: "Print the whole state as JSON",
		Long: `Prints records, outputs and identity of the state as JSON, from whatever backend keeps it: as a backup, for review, or for repair by hand and
"meshplan state push". It holds no secret, only fingerprints, and no journal.

The key of the fingerprints is left out as well. A state that is rebuilt without it shows every secret as changed once; --with-key adds it for a copy
that is kept as safely as the state itself.`,
		Example: "  meshplan state pull >state.json\n  meshplan state pull | jq '.resources[].address'",
		Args:    atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, snap, ds := a.recorded(cmd.Context(), ".", in.state)
			if ds.HasErrors() {
				return a.fail(&console{Terminal: a.terminal()}, ds)
			}
			if snap.Lineage == "" {
				return fmt.Errorf("there is no state yet")
			}
			return statefile.Write(a.out, snap, withKey)
		},
	}
	in.addState(cmd.Flags())
	cmd.Flags().BoolVar(&withKey, "with-key", false, "add the key of the fingerprints; keep such a copy safe")
	return cmd
}

func (a *app) statePushCommand() *cobra.Command {
	var (
		in    inputFlags
		wait  time.Duration
		force bool
	)
	cmd := &cobra.Command{
		Use:   "push FILE",
		Short: "Put a state that was pulled into the place of the present one",
		Long: `Puts records and outputs of a file that "meshplan state pull" printed into the place of those in the state; - reads standard input. Runs and their
journals stay, but what was pushed cannot be rolled back beyond this point.

A file of another lineage, or one that is older than the state, is refused: it would undo what others have recorded. --force puts it there all the same.`,
		Example: "  meshplan state push state.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pushed, err := a.readState(args[0])
			if err != nil {
				return err
			}
			store, ds := a.stored(".", in.state)
			if ds.HasErrors() {
				return a.fail(&console{Terminal: a.terminal()}, ds)
			}
			err = a.hold(cmd, store, wait, func(session state.Session) error {
				now, err := session.Snapshot(context.WithoutCancel(cmd.Context()))
				if err != nil {
					return a.fail(&console{Terminal: a.terminal()}, engine.StateError(err))
				}
				if err := mayPush(now, pushed); err != nil && !force {
					return err
				}
				return session.(state.Loader).Replace(pushed, force)
			})
			if err == nil {
				fmt.Fprintf(a.out, "Pushed %s.\n", plural(len(pushed.Records), "record"))
			}
			return err
		},
	}
	in.addState(cmd.Flags())
	addLockTimeout(cmd, &wait)
	cmd.Flags().BoolVar(&force, "force", false, "push a state of another lineage, or an older one")
	return cmd
}

// mayPush refuses what would undo the records of others.
func mayPush(now, pushed *state.Snapshot) error {
	switch {
	case now.Lineage == "":
		return nil
	case now.Lineage != pushed.Lineage:
		return fmt.Errorf("the file has the lineage %s, and the state has %s: they are of different rollouts. Check -C and --state; --force replaces the state all the same", pushed.Lineage, now.Lineage)
	case now.Serial > pushed.Serial:
		return fmt.Errorf("the file has the serial %d, and the state is at %d: something was recorded since it was pulled. Pull again and repeat the change; --force discards what was recorded since", pushed.Serial, now.Serial)
	}
	return nil
}

// readState reads a pulled state.
func (a *app) readState(name string) (*state.Snapshot, error) {
	var r io.Reader = a.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	s, err := statefile.Read(r)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be pushed: %w", name, err)
	}
	return s, nil
}

func (a *app) stateExportCommand() *cobra.Command {
	var (
		in     inputFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:     "export [ADDRESS...]",
		Short:   "Print the recorded values as HCL or JSON",
		Long:    "Prints the recorded attributes of all instances, or of the given resources, as HCL to be copied into a configuration, or as JSON. Secrets are not recorded and not printed.",
		Example: "  meshplan state export kubernetes_manifest.web\n  meshplan state export --json",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: a.completeRecorded(&in),
		RunE: func(cmd *cobra.Command, args []string) error {
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
			return a.exportHCL(objs)
		},
	}
	in.addState(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, in Terraform's representation of a state")
	return cmd
}
