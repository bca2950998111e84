package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/agekeys"
	"github.com/meshplan/meshplan/state/boltstore"
)

func (a *app) stateRestoreCommand() *cobra.Command {
	var in inputFlags
	cmd := &cobra.Command{
		Use:   "restore [FILE]",
		Short: "Bring a copy of the state file back, or list the copies",
		Long: `Puts a copy of the state file into its place, journals included. meshplan makes a copy before the first write of each command and keeps the last ten,
in the directory "backups" beside the file. Without an argument the copies are listed. The file that was there, damaged or not, is kept beside it.

What was recorded after the copy was made is unknown to it: run "meshplan plan" afterwards, and "meshplan state recover" if objects are missing.`,
		Example: "  meshplan state restore\n  meshplan state restore .meshplan/backups/state.db.12",
		Args:    atMost(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c := &console{Terminal: a.terminal()}
			store, ds := a.stored(".", in.state)
			if ds.HasErrors() {
				return a.fail(c, ds)
			}
			local, ok := store.Store.(*boltstore.Store)
			if !ok {
				return fmt.Errorf("the state is kept in the cluster, which has no copies: use \"meshplan state push\" with a file that was pulled, or \"meshplan state recover\"")
			}
			if len(args) == 0 {
				return a.listBackups(cmd.Context(), local, store.Keys)
			}
			former, err := local.Restore(cmd.Context(), args[0], a.holder(cmd))
			if err != nil {
				return a.fail(c, engine.StateError(err))
			}
			fmt.Fprintf(a.out, "Restored the state from %s.\n", args[0])
			if former != "" {
				fmt.Fprintf(a.out, "What was there before is %s.\n", former)
			}
			return nil
		},
	}
	in.addState(cmd.Flags())
	return cmd
}

// listBackups lists the copies with what is in them, newest first.
func (a *app) listBackups(ctx context.Context, store *boltstore.Store, keys state.Keys) error {
	copies, err := boltstore.Backups(store.Path())
	if err != nil {
		return err
	}
	if len(copies) == 0 {
		fmt.Fprintln(a.out, "There are no copies yet.")
	}
	for _, c := range copies {
		s, err := boltstore.Open(c.Path, boltstore.Options{Keys: keys})
		if err != nil {
			return err
		}
		snap, err := s.Snapshot(ctx)
		if err != nil {
			fmt.Fprintf(a.out, "%s  cannot be read: %s\n", c.Path, oneLine(err.Error()))
			continue
		}
		fmt.Fprintf(a.out, "%s  serial %d, %s\n", c.Path, snap.Serial, plural(len(snap.Records), "record"))
	}
	return nil
}

func (a *app) stateRekeyCommand() *cobra.Command {
	var (
		in   inputFlags
		wait time.Duration
		old  agekeys.Options
	)
	cmd := &cobra.Command{
		Use:   "rekey",
		Short: "Encrypt the state anew, with other keys or without",
		Long: `Encrypts every value of the state anew, with a new key under the passphrase or the recipients of the block encryption; without that block the state is
kept in the clear afterwards. The flags name the passphrase or the identity that it was sealed with until now, if that is not the one in the configuration.
All of it is one commit. Copies of the state file that were made before keep their old seal.`,
		Example: "  meshplan state rekey --old-passphrase-env OLD_PASSPHRASE\n  meshplan state rekey --old-identity-file former.key",
		Args:    atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := &console{Terminal: a.terminal()}
			target, ds := a.stored(".", in.state)
			if ds.HasErrors() {
				return a.fail(c, ds)
			}
			source := target
			if old.PassphraseFile != "" || old.PassphraseEnv != "" || old.IdentityFile != "" {
				keys, err := oldKeys(old, a.getenv)
				if err != nil {
					return usageError(cmd, err)
				}
				if source, ds = a.storedWith(".", in.state, keys); ds.HasErrors() {
					return a.fail(c, ds)
				}
			}
			err := a.hold(cmd, source, wait, func(session state.Session) error {
				if err := session.(state.Resealer).Reseal(target.Keys); err != nil {
					return a.fail(c, engine.StateError(err))
				}
				return nil
			})
			switch {
			case err != nil:
				return err
			case target.Keys == nil:
				fmt.Fprintln(a.out, "The state is kept in the clear now.")
			default:
				fmt.Fprintln(a.out, "The state is encrypted with a new key.")
			}
			return nil
		},
	}
	in.addState(cmd.Flags())
	addLockTimeout(cmd, &wait)
	cmd.Flags().StringVar(&old.PassphraseFile, "old-passphrase-file", "", "`file` with the former passphrase")
	cmd.Flags().StringVar(&old.PassphraseEnv, "old-passphrase-env", "", "environment `variable` with the former passphrase")
	cmd.Flags().StringVar(&old.IdentityFile, "old-identity-file", "", "`file` with the former age identity")
	return cmd
}

// oldKeys only open; what is written is sealed with the new ones.
func oldKeys(o agekeys.Options, getenv func(string) string) (state.Keys, error) {
	o.Getenv = getenv
	if o.IdentityFile != "" {
		return agekeys.OpenOnly(o)
	}
	return agekeys.New(o)
}
