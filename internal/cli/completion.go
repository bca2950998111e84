package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/config"
)

// Completion looks into configuration and state only: pressing a key must not touch a cluster. The hook that runs
// before commands does not run before completion, so each function below calls it.

// completeDirs offers directories.
func completeDirs(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// completeAddresses offers addresses of configuration and state for flags.
func (a *app) completeAddresses(cmd *cobra.Command, in *inputFlags, flags ...string) {
	for _, name := range flags {
		_ = cmd.RegisterFlagCompletionFunc(name, func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if a.prepare(cmd) != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			dir := directory(args)
			seen := map[string]bool{}
			var out []string
			add := func(s string) {
				if !seen[s] {
					seen[s] = true
					out = append(out, s)
				}
			}
			cfg, _ := config.Load(dir, config.Options{})
			for _, r := range cfg.Root.SortedResources() {
				add(r.Addr.String())
			}
			if _, snap, ds := a.recorded(cmd.Context(), dir, in.state); !ds.HasErrors() {
				for _, r := range snap.Records {
					add(r.Addr.String())
				}
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		})
	}
}

// completeRecorded offers addresses of the state.
func (a *app) completeRecorded(in *inputFlags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		if a.prepare(cmd) != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		_, snap, ds := a.recorded(cmd.Context(), ".", in.state)
		if ds.HasErrors() {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var out []string
		for _, r := range snap.Records {
			out = append(out, r.Addr.String())
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeRuns offers the numbers of runs, the newest first, with what they were.
func (a *app) completeRuns(in *inputFlags, prefix string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		if a.prepare(cmd) != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		store, ds := a.stored(".", in.state)
		if ds.HasErrors() {
			return nil, cobra.ShellCompDirectiveDefault
		}
		runs, err := store.Runs(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		var out []string
		for i := len(runs) - 1; i >= 0; i-- {
			out = append(out, fmt.Sprintf("%s%d\t%s %s", prefix, runs[i].ID, runs[i].Mode, runs[i].Result))
		}
		return out, cobra.ShellCompDirectiveKeepOrder
	}
}
