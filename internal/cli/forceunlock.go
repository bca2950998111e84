package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/ui"
	"github.com/meshplan/meshplan/state"
)

func (a *app) forceUnlockCommand() *cobra.Command {
	var (
		in    inputFlags
		force bool
	)
	cmd := &cobra.Command{
		Use:   "force-unlock ID",
		Short: "Take the lock of a state in the cluster away from its holder",
		Long: `Takes the lock of a state that is kept in a cluster away from its holder. The message of a command that found the state locked names the ID.

This is rarely needed: the lock of a holder that died becomes free by itself, after the lease_duration of the backend. A holder that is alive stops writing at once, and
its run ends as interrupted; steps that it had under way are looked up by the next run. The lock of a state file goes away with its process.`,
		Example: "  meshplan force-unlock 7KXQ2M4N",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := &console{Terminal: a.terminal()}
			store, ds := a.stored(".", in.state)
			if ds.HasErrors() {
				return a.fail(c, ds)
			}
			unlocker, ok := store.Store.(state.Unlocker)
			if !ok {
				return fmt.Errorf("the lock of the state file %s goes away with the process that holds it: end that process instead", store.Place)
			}
			if !force {
				if !c.InTTY {
					return usageError(cmd, fmt.Errorf("there is nobody to ask: the input is not a terminal. Confirm with --force"))
				}
				if p, ok := store.Store.(state.Prober); ok {
					if held, by, err := p.Locked(cmd.Context()); err == nil && held {
						c.say("The lock is held by %s@%s since %s, running %q.", oneLine(by.User), oneLine(by.Host), by.Since.UTC().Format(time.RFC3339), oneLine(by.Command))
					}
				}
				yes, err := ui.Confirm(cmd.Context(), c.Terminal, "Do you really want to take the lock away? Its holder may be in the middle of a run.")
				if err != nil || !yes {
					c.say("Not approved. Nothing was changed.")
					return exitWith(exitFailure)
				}
			}
			err := unlocker.ForceUnlock(cmd.Context(), args[0])
			var locked *state.LockedError
			switch {
			case errors.Is(err, state.ErrNotLocked):
				fmt.Fprintln(a.out, "The state is not locked.")
				return nil
			case errors.As(err, &locked):
				return fmt.Errorf("the lock has another ID, %s: %w", locked.Holder.ID, err)
			case err != nil:
				return a.fail(c, engine.StateError(err))
			}
			fmt.Fprintln(a.out, "The lock was taken away.")
			return nil
		},
	}
	in.addState(cmd.Flags())
	cmd.Flags().BoolVar(&force, "force", false, "do not ask")
	return cmd
}
