package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/ci"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
	"github.com/meshplan/meshplan/state"
)

// runPrefix tells the number of a run from a file and an address.
const runPrefix = "run:"

func (a *app) showCommand() *cobra.Command {
	var (
		in      inputFlags
		build   ciFlags
		asJSON  bool
		format  string
		bytes   int
		full    bool
		only    []string
		summary bool
	)
	cmd := &cobra.Command{
		Use:   "show [PLANFILE | run:N | ADDRESS]",
		Short: "Show a saved plan, a run, or what is recorded",
		Long: `Shows a saved plan, even a stale one; a run with what became of each of its steps; the record of a resource; or, without an argument, everything that
is recorded. Sensitive values are never shown: they are not stored.

The JSON of a plan is Terraform's representation, so tools that read "terraform show -json" read it.`,
		Example: `  meshplan show rollout.plan
  meshplan show --json rollout.plan | jq .resource_changes
  meshplan show --format md rollout.plan      for a comment on a pull request
  meshplan show --format html rollout.plan > plan.html
  meshplan show run:42
  meshplan show --format html run:42 > run.html
  meshplan show linkerd_trust_anchor.main`,
		Args:              atMost(1),
		ValidArgsFunction: a.completeShown(&in),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON {
				if format != "text" {
					return usageError(cmd, fmt.Errorf("--json and --format %s contradict each other", format))
				}
				format = "json"
			}
			if err := build.check(); err != nil {
				return usageError(cmd, err)
			}
			arg := ""
			if len(args) > 0 {
				arg = args[0]
			}
			info, err := os.Stat(arg)
			switch {
			case arg != "" && err == nil && info.Mode().IsRegular():
				p, ds := readPlan(arg)
				if ds.HasErrors() {
					return a.fail(&console{Terminal: a.terminal()}, ds)
				}
				if err := a.showPlan(cmd, p, format, bytes, full, summary, only); err != nil {
					return err
				}
				again := []string{"meshplan", "plan"}
				if p.Offline {
					again = append(again, "--offline")
				}
				told := &published{plan: p, ds: p.Diagnostics(), dir: p.Base.Dir, shown: true, reproduce: strings.Join(append(again, quote(p.Base.Dir)), " ")}
				return exitWith(a.publish(&console{Terminal: a.terminal()}, &build, told, exitOK))
			case build.asked():
				return usageError(cmd, errors.New("--comment-file, --step-summary, --annotations and --report are for a saved plan"))
			case strings.HasPrefix(arg, runPrefix):
				return a.showRun(cmd, &in, arg, format)
			case format != "text" && format != "json":
				return usageError(cmd, fmt.Errorf("--format %s is for saved plans and runs; records are shown as text or json", format))
			}
			return a.showRecords(cmd.Context(), &in, arg, format == "json")
		},
	}
	in.addState(cmd.Flags())
	build.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "the same as --format json")
	cmd.Flags().StringVar(&format, "format", "text", "`format` of a plan: text, json, md, html, svg, dot, mermaid or tree; of a run: text, json, html or svg")
	completeWords(cmd, "format", "text", "json", "md", "html", "svg", "dot", "mermaid", "tree")
	addLayout(cmd.Flags(), &full, &summary, &only)
	cmd.Flags().IntVar(&bytes, "max-bytes", ci.MaxComment, "leave details out of --format md beyond this many `bytes`; 0 leaves nothing out")
	return cmd
}

func (a *app) showPlan(cmd *cobra.Command, p *plans.Plan, format string, bytes int, full, summary bool, names []string) error {
	t := a.terminal()
	only, err := actions(names)
	if err != nil {
		return usageError(cmd, err)
	}
	switch format {
	case "text":
		if err := render.Text(a.out, p, render.TextOptions{Width: t.Width, Paint: t.OutPaint, Full: full, Summary: summary, Only: only, Types: a.types()}); err != nil {
			return err
		}
		(&console{Terminal: t}).diagnostics(p.Diagnostics())
		return nil
	case "json":
		return render.JSON(a.out, p)
	case "md", "markdown":
		return render.Markdown(a.out, p, render.MarkdownOptions{MaxBytes: bytes, Types: a.types()})
	case "html":
		return render.HTML(a.out, p, render.HTMLOptions{Types: a.types()})
	}
	return a.showGraph(cmd, p, format)
}

func (a *app) showGraph(cmd *cobra.Command, p *plans.Plan, format string) error {
	switch format {
	case "dot":
		return render.DOT(a.out, p)
	case "mermaid":
		_, err := render.Mermaid(a.out, p, render.MermaidOptions{})
		return err
	case "svg":
		return render.SVG(a.out, p)
	case "tree":
		return render.Tree(a.out, p, render.TreeOptions{ASCII: a.terminal().ASCII})
	}
	return usageError(cmd, fmt.Errorf("there is no format %q", format))
}

func (a *app) showRecords(ctx context.Context, in *inputFlags, address string, asJSON bool) error {
	c := &console{Terminal: a.terminal()}
	_, snap, ds := a.recorded(ctx, ".", in.state)
	if ds.HasErrors() {
		return a.fail(c, ds)
	}
	records, stored := snap.Records, snap.Outputs
	if address != "" {
		var err error
		if records, err = matching(snap, address); err != nil {
			return fmt.Errorf("%w\n\nAn argument is the file of a saved plan, run:N, or an address in the state", err)
		}
		stored = nil
	}
	objs, err := objects(records)
	if err != nil {
		return err
	}
	outs, err := outputs(stored)
	if err != nil {
		return err
	}
	if asJSON {
		return render.ObjectsJSON(a.out, objs, outs)
	}
	if len(objs) == 0 && len(outs) == 0 {
		fmt.Fprintln(a.out, "Nothing is recorded.")
		return nil
	}
	return render.Objects(a.out, objs, outs, render.TextOptions{Width: c.Width, Paint: c.OutPaint})
}

func (a *app) showRun(cmd *cobra.Command, in *inputFlags, arg, format string) error {
	ctx := cmd.Context()
	id, err := parseRun(arg)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"text", "json", "html", "svg"}, format) {
		return usageError(cmd, fmt.Errorf("a run can be shown as text, json, html or svg, not as %s", format))
	}
	store, ds := a.stored(".", in.state)
	if ds.HasErrors() {
		return a.fail(&console{Terminal: a.terminal()}, ds)
	}
	j, err := store.Journal(ctx, id)
	switch {
	case errors.Is(err, state.ErrNoRun):
		return fmt.Errorf("there is no run %d; \"meshplan history\" lists them", id)
	case errors.Is(err, state.ErrPruned):
		return fmt.Errorf("the steps of run %d are no longer kept; \"meshplan history\" still has its summary", id)
	case err != nil:
		return err
	}
	findDead(ctx, store, &j.Run)
	switch format {
	case "json":
		return writeRunJSON(a.out, j)
	case "html":
		return render.RunHTML(a.out, runOf(j))
	case "svg":
		return render.RunSVG(a.out, runOf(j))
	}
	writeRun(a.out, j, a.terminal())
	return nil
}

// fail shows findings and returns the error that ends the command.
func (a *app) fail(c *console, ds hcl.Diagnostics) error {
	c.diagnostics(ds)
	return exitWith(codeOf(ds))
}
