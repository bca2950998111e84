package cli

import (
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
)

func (a *app) graphCommand() *cobra.Command {
	var (
		in     inputFlags
		format string
	)
	cmd := &cobra.Command{
		Use:   "graph [DIR]",
		Short: "Draw what depends on what",
		Long: `Draws the dependencies of the configuration with the fewest edges that say the same: references, depends_on, and the order that providers
add. It reads neither state nor cluster. To draw the order of a plan's steps, use "meshplan show --format mermaid PLANFILE".`,
		Example: "  meshplan graph\n  meshplan graph --format mermaid\n  meshplan graph --format svg > graph.svg",
		Args:    atMost(1), ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c := &console{Terminal: a.terminal()}
			w, ds := a.open(cmd, directory(args), &in, nil)
			c.files = w.config.Files
			if ds.HasErrors() {
				return a.fail(c, ds)
			}
			p, more := w.engine(nil, 0).Graph(cmd.Context(), w.config, engine.Inputs{Variables: w.inputs.Variables})
			if ds = append(ds, more...); p == nil || ds.HasErrors() {
				return a.fail(c, ds)
			}
			c.diagnostics(ds)
			return a.showGraph(cmd, p, format)
		},
	}
	in.addVariables(cmd.Flags())
	cmd.Flags().StringVar(&format, "format", "tree", "`format` of the drawing: tree, dot, mermaid or svg")
	completeWords(cmd, "format", "tree", "dot", "mermaid", "svg")
	return cmd
}
