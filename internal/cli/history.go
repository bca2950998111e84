package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/backend"
	"github.com/meshplan/meshplan/state"
)

func (a *app) historyCommand() *cobra.Command {
	var (
		in     inputFlags
		asJSON bool
		limit  int
	)
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List the runs",
		Long: `Lists what was applied, destroyed and rolled back, the newest run first: when, by whom, with what effect. "meshplan show run:N" shows a run
with all its steps.`,
		Example: "  meshplan history\n  meshplan history --limit 0 --json",
		Args:    atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := &console{Terminal: a.terminal()}
			store, ds := a.stored(".", in.state)
			if ds.HasErrors() {
				return a.fail(c, ds)
			}
			runs, err := store.Runs(cmd.Context())
			if err != nil {
				return a.fail(c, engine.StateError(err))
			}
			if n := len(runs); n > 0 {
				findDead(cmd.Context(), store, &runs[n-1])
			}
			views := []runView{}
			for i := len(runs) - 1; i >= 0 && (limit <= 0 || len(views) < limit); i-- {
				views = append(views, viewRun(&runs[i]))
			}
			if asJSON {
				return json.NewEncoder(a.out).Encode(views)
			}
			if len(views) == 0 {
				fmt.Fprintln(a.out, "There are no runs yet.")
				return nil
			}
			a.writeHistory(c, views, len(runs))
			return nil
		},
	}
	in.addState(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().IntVar(&limit, "limit", 20, "how many `runs` to list; 0 lists all")
	return cmd
}

func (a *app) writeHistory(c *console, views []runView, all int) {
	fmt.Fprintln(a.out, c.OutPaint.Bold(fmt.Sprintf("%5s  %-12s %-12s %-20s %8s  %-24s %s", "RUN", "MODE", "RESULT", "STARTED (UTC)", "TOOK", "EFFECT", "BY")))
	for _, v := range views {
		took := "-"
		if v.Finished != nil {
			took = v.Finished.Sub(v.Started).Round(10 * time.Millisecond).String()
		}
		effect := fmt.Sprintf("+%d ~%d -/+%d -%d", v.Created, v.Updated, v.Replaced, v.Deleted)
		fmt.Fprintf(a.out, "%5d  %-12s %s %-20s %8s  %-24s %s\n", v.Run, modeName(v.Mode), paintResult(c.Terminal, fmt.Sprintf("%-12s", v.Result)), v.Started.Format("2006-01-02 15:04:05"),
			took, effect, oneLine(v.User+"@"+v.Host))
	}
	if len(views) < all {
		fmt.Fprintf(a.out, "\n%d older runs; --limit 0 lists all.\n", all-len(views))
	}
}

// findDead corrects what the last run is shown as: one that runs while nobody holds the lock was killed.
func findDead(ctx context.Context, store *backend.Backend, run *state.Run) {
	p, ok := store.Store.(state.Prober)
	if !ok || run.Result != state.Running {
		return
	}
	if held, _, err := p.Locked(ctx); err == nil && !held {
		run.Result = state.Interrupted
	}
}
