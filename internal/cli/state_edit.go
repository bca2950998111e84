package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
)

// hold locks a state and calls fn under the lock. Findings are shown; the error ends the command.
func (a *app) hold(cmd *cobra.Command, store state.Store, wait time.Duration, fn func(state.Session) error) error {
	fail := func(err error) error { return a.fail(&console{Terminal: a.terminal()}, engine.StateError(err)) }
	session, err := store.Lock(cmd.Context(), a.holder(cmd), wait)
	if err != nil {
		return fail(err)
	}
	err = fn(session)
	if unlockErr := session.Unlock(); unlockErr != nil && err == nil {
		return fail(unlockErr)
	}
	return err
}

// edit changes records under the state's lock. The change gets the snapshot and says what to put and what to remove.
func (a *app) edit(cmd *cobra.Command, path string, wait time.Duration, change func(*state.Snapshot) ([]*state.Record, []addr.Instance, error)) error {
	fail := func(ds hcl.Diagnostics) error { return a.fail(&console{Terminal: a.terminal()}, ds) }
	store, ds := a.stored(".", path)
	if ds.HasErrors() {
		return fail(ds)
	}
	return a.hold(cmd, store, wait, func(session state.Session) error {
		snap, err := session.Snapshot(context.WithoutCancel(cmd.Context()))
		if err != nil {
			return fail(engine.StateError(err))
		}
		put, remove, err := change(snap)
		if err != nil {
			return err
		}
		if err := session.Edit(put, remove); err != nil {
			return fail(engine.StateError(err))
		}
		return nil
	})
}

func (a *app) stateRmCommand() *cobra.Command {
	var (
		in   inputFlags
		wait time.Duration
	)
	cmd := &cobra.Command{
		Use:   "rm ADDRESS...",
		Short: "Forget instances and leave their objects alone",
		Long: "Removes the records of instances, or of all instances of a resource. Their objects stay in the cluster as they are, and meshplan no longer manages them. " +
			"The next plan creates, or adopts, what the configuration still has. Objects keep the mark of this state, so that no other one adopts them; " +
			"to hand them over to another one, apply a removed block that says destroy = false instead.",
		Example: "  meshplan state rm kubernetes_manifest.web\n  meshplan state rm 'kubernetes_manifest.web[\"eu\"]'",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: a.completeRecorded(&in),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError(cmd, fmt.Errorf("an address is missing; \"meshplan state list\" lists them"))
			}
			var gone []addr.Instance
			err := a.edit(cmd, in.state, wait, func(snap *state.Snapshot) ([]*state.Record, []addr.Instance, error) {
				for _, text := range args {
					found, err := matching(snap, text)
					if err != nil {
						return nil, nil, err
					}
					for _, r := range found {
						gone = append(gone, r.Addr)
					}
				}
				return nil, gone, nil
			})
			if err != nil {
				return err
			}
			for _, g := range gone {
				fmt.Fprintf(a.out, "Forgot %s. Its object stays.\n", oneLine(g.String()))
			}
			return nil
		},
	}
	in.addState(cmd.Flags())
	addLockTimeout(cmd, &wait)
	return cmd
}

func (a *app) stateMvCommand() *cobra.Command {
	var (
		in   inputFlags
		wait time.Duration
	)
	cmd := &cobra.Command{
		Use:   "mv FROM TO",
		Short: "Give an instance, or a resource with all its instances, another address",
		Long: "Moves records to another address, as after renaming a block. The objects stay as they are; dependencies of other records follow. " +
			"Both addresses are of the same type, and nothing may be recorded at the new one.",
		Example: "  meshplan state mv kubernetes_manifest.web kubernetes_manifest.frontend\n  meshplan state mv 'kubernetes_manifest.web[0]' 'kubernetes_manifest.web[\"eu\"]'",
		Args:    cobra.ArbitraryArgs, ValidArgsFunction: a.completeRecorded(&in),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError(cmd, fmt.Errorf("two addresses are needed: the present one and the new one"))
			}
			moved := 0
			err := a.edit(cmd, in.state, wait, func(snap *state.Snapshot) (put []*state.Record, remove []addr.Instance, err error) {
				put, remove, err = move(snap, args[0], args[1])
				moved = len(remove)
				return put, remove, err
			})
			if err == nil {
				fmt.Fprintf(a.out, "Moved %s.\n", plural(moved, "record"))
			}
			return err
		},
	}
	in.addState(cmd.Flags())
	addLockTimeout(cmd, &wait)
	return cmd
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func addLockTimeout(cmd *cobra.Command, wait *time.Duration) {
	cmd.Flags().DurationVar(wait, "lock-timeout", 0, "how long to wait for another run to give the state free, for instance 30s")
}

// move returns the records to write and the addresses to remove so that everything at from is at to.
func move(snap *state.Snapshot, from, to string) (put []*state.Record, remove []addr.Instance, err error) {
	found, err := matching(snap, from)
	if err != nil {
		return nil, nil, err
	}
	source, _ := addr.Parse(from) // matching has parsed it
	target, err := addr.Parse(to)
	if err != nil {
		return nil, nil, err
	}
	if source.Type != target.Type || source.Mode != target.Mode {
		return nil, nil, fmt.Errorf("%s and %s are of different types", from, to)
	}
	whole := len(found) > 1 || found[0].Addr != source
	if whole && target.Key != addr.NoKey {
		return nil, nil, fmt.Errorf("%s has %d instances, and %s names only one", from, len(found), to)
	}
	place := map[addr.Instance]addr.Instance{}
	for _, r := range found {
		place[r.Addr] = target
		if whole {
			place[r.Addr] = target.Resource.Instance(r.Addr.Key)
		}
	}
	taken := map[addr.Instance]bool{}
	for _, r := range snap.Records {
		taken[r.Addr] = true
	}
	for _, r := range found {
		if taken[place[r.Addr]] {
			return nil, nil, fmt.Errorf("something is recorded at %s already", place[r.Addr])
		}
	}
	// A dependency on all instances of a moved resource is written with its bare address.
	if whole {
		place[source.Resource.Instance(addr.NoKey)] = target.Resource.Instance(addr.NoKey)
	}
	for _, r := range snap.Records {
		c, changed := *r, false
		if now, ok := place[r.Addr]; ok {
			remove = append(remove, r.Addr)
			c.Addr, changed = now, true
		}
		c.DependsOn = nil
		for _, d := range r.DependsOn {
			if now, ok := place[d]; ok {
				d, changed = now, true
			}
			c.DependsOn = append(c.DependsOn, d)
		}
		if changed {
			put = append(put, &c)
		}
	}
	return put, remove, nil
}
