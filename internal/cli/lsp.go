package cli

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/backend"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/lsp"
)

func (a *app) lspCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lsp",
		Short: "Serve an editor: findings while typing, completion, explanations",
		Long: `Speaks the Language Server Protocol over standard input and output. Editors start it for files *.mesh.hcl; "meshplan help guide-editors" shows the settings for
some of them.

It reports what validate reports, for the directory with the unsaved texts laid over its files, and offers completion, explanations, definitions, references, symbols and
formatting. It reads configuration only: no state, no cluster, no network, and it runs nothing.`,
		Example: "  meshplan lsp",
		Args:    atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			orderly, err := lsp.Serve(cmd.Context(), a.in, a.out, lsp.Options{
				Catalog:  a.catalog,
				Backends: backend.Schemas(),
				Check: func(ctx context.Context, cfg *config.Config) hcl.Diagnostics {
					return a.validate(ctx, cmd, cfg, &inputFlags{})
				},
				Version: versionNumber(),
				Logger:  a.logger(),
			})
			if err == nil && !orderly {
				return exitWith(exitFailure) // as the protocol wants it
			}
			return err
		},
	}
}
