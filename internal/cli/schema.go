package cli

import (
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/backend"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/docs"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/plans/render"
)

func (a *app) schemaCommand() *cobra.Command {
	var asJSON, editor bool
	var output string
	cmd := &cobra.Command{
		Use:   "schema [TYPE]",
		Short: "Describe resource types and data sources",
		Long: `Lists the types that resource and data blocks can have, or describes one of them: its arguments, nested blocks, defaults and what can be referred to. It needs
neither a configuration nor a cluster.

With --json it prints Terraform's representation of provider schemas, which other tools read. With --editor it prints one JSON Schema for
files *.mesh.hcl.json; name it in the settings of an editor to get completion and validation there.

With --json-output it prints the JSON Schema of what meshplan itself prints for machines: plan is "show --json", stream is a line of --json and
--json-into, validate is "validate --json". Later versions add members; what is there keeps its meaning.`,
		Example: `  meshplan schema
  meshplan schema linkerd_server
  meshplan schema --json | jq '.provider_schemas.linkerd.resource_schemas | keys'
  meshplan schema --editor > meshplan.schema.json
  meshplan schema --json-output stream`,
		Args: atMost(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return docs.Names(a.catalog()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "" {
				if len(args) > 0 || asJSON || editor {
					return usageError(cmd, fmt.Errorf("--json-output stands alone: it describes no types"))
				}
				return a.writeOutputSchema(output)
			}
			catalog := a.catalog()
			switch {
			case asJSON && editor:
				return usageError(cmd, fmt.Errorf("--json and --editor contradict each other"))
			case editor && len(args) > 0:
				return usageError(cmd, fmt.Errorf("--editor describes whole files, so it takes no type"))
			case editor:
				return docs.Editor(a.out, catalog, backend.Schemas())
			}
			if len(args) > 0 {
				if len(docs.Find(catalog, args[0])) == 0 {
					return fmt.Errorf("there is no type %q.%s \"meshplan schema\" lists them", args[0], diag.Suggest(args[0], docs.Names(catalog)))
				}
				catalog = docs.Only(catalog, args[0])
			}
			if asJSON {
				return docs.Terraform(a.out, catalog)
			}
			t := a.terminal()
			o := docs.PageOptions{Width: min(t.Width, maxHelpWidth), Paint: t.OutPaint}
			if len(args) == 0 {
				return docs.List(a.out, catalog, o)
			}
			for _, found := range docs.Find(catalog, args[0]) {
				if err := docs.Page(a.out, found, o); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print Terraform's representation of provider schemas")
	cmd.Flags().StringVar(&output, "json-output", "", "print the JSON Schema of an `output`: "+words(outputSchemaNames()))
	completeWords(cmd, "json-output", outputSchemaNames()...)
	cmd.Flags().BoolVar(&editor, "editor", false, "print a JSON Schema for files in JSON syntax")
	return cmd
}

// types returns the declarations of resource types. Nothing is made before it is asked.
func (a *app) types() render.Types {
	declared := sync.OnceValue(func() map[string]*schema.Resource {
		out := map[string]*schema.Resource{}
		for _, p := range a.catalog() {
			for _, t := range p.Types {
				if !t.Data {
					out[t.Name] = t.Schema
				}
			}
		}
		return out
	})
	return func(r addr.Resource) *schema.Resource {
		if r.Mode != addr.Managed {
			return nil
		}
		return declared()[r.Type]
	}
}

// catalog returns what the compiled-in providers declare. Nothing is connected.
func (a *app) catalog() []docs.Provider {
	return docs.Catalog(a.registry(connection{dir: ".", logger: a.logger()}))
}
