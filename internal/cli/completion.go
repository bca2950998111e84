package cli

import (
	"fmt"
	"maps"
	"slices"

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
		return a.recordedAddresses(cmd, in), cobra.ShellCompDirectiveNoFileComp
	}
}

// recordedAddresses returns the addresses of the state, or nothing when it cannot be read.
func (a *app) recordedAddresses(cmd *cobra.Command, in *inputFlags) (out []string) {
	_, snap, ds := a.recorded(cmd.Context(), ".", in.state)
	if ds.HasErrors() {
		return nil
	}
	for _, r := range snap.Records {
		out = append(out, r.Addr.String())
	}
	return out
}

// completeShown offers what show can show: runs first, then addresses of the state, and files.
func (a *app) completeShown(in *inputFlags) cobra.CompletionFunc {
	runs := a.completeRuns(in, runPrefix)
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		out, _ := runs(cmd, args, word) // it goes to the directory of -C as well
		return append(out, a.recordedAddresses(cmd, in)...), cobra.ShellCompDirectiveKeepOrder
	}
}

// completeOutputs offers the names of recorded outputs.
func (a *app) completeOutputs(in *inputFlags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if a.prepare(cmd) != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		_, snap, ds := a.recorded(cmd.Context(), ".", in.state)
		if ds.HasErrors() {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return slices.Sorted(maps.Keys(snap.Outputs)), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeWords offers the words that a flag may have.
func completeWords(cmd *cobra.Command, flag string, words ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
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
