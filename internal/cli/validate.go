package cli

import (
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
)

func (a *app) validateCommand() *cobra.Command {
	var (
		in     inputFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "validate [DIR]",
		Short: "Check the configuration",
		Long: `Checks the configuration as far as that is possible without state, cluster and network: syntax, references, types, values and circles. Variables need no
values; those that have none count as unknown.`,
		Example: "  meshplan validate\n  meshplan validate --json prod/",
		Args:    atMost(1), ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			c := &console{Terminal: a.terminal()}
			cfg, ds := config.Load(directory(args), config.Options{Version: versionNumber()})
			c.files = cfg.Files
			if !ds.HasErrors() {
				inputs, more := a.givenVariables(cfg, &in)
				ds = append(ds, more...)
				w := &workspace{app: a, cmd: cmd, in: &in, dir: directory(args), config: cfg}
				if !more.HasErrors() {
					ds = append(ds, w.engine(nil, 0).Validate(cmd.Context(), cfg, inputs)...)
				}
			}
			ds = diag.Sort(ds)
			if asJSON {
				if err := json.NewEncoder(a.out).Encode(validation(ds, c.snippets())); err != nil {
					return err
				}
				return exitWith(codeOf(ds))
			}
			c.diagnostics(ds)
			if ds.HasErrors() {
				return exitWith(codeOf(ds))
			}
			text := "The configuration is valid."
			if len(ds) > 0 {
				text = "The configuration is valid, with warnings."
			}
			fmt.Fprintln(a.out, c.OutPaint.Green(text))
			return nil
		},
	}
	in.addVariables(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, in the form of Terraform's validate")
	return cmd
}

// givenVariables evaluates the variables that were given values and leaves the others out.
func (a *app) givenVariables(cfg *config.Config, in *inputFlags) (engine.Inputs, hcl.Diagnostics) {
	assigned, ds := cfg.Assignments(config.Inputs{Environ: a.env, Files: in.varFiles, Flags: in.vars})
	values, more := cfg.Root.VariableValues(assigned)
	for _, d := range more {
		if diag.CodeOf(d) != config.CodeMissingValue {
			ds = append(ds, d)
		}
	}
	inputs := engine.Inputs{Variables: map[string]cty.Value{}}
	for name, v := range values {
		inputs.Variables[name] = v.Value
	}
	return inputs, ds
}

// validation has the form of `terraform validate -json`.
func validation(ds hcl.Diagnostics, files map[string]*hcl.File) any {
	out := struct {
		FormatVersion string      `json:"format_version"`
		Valid         bool        `json:"valid"`
		Errors        int         `json:"error_count"`
		Warnings      int         `json:"warning_count"`
		Diagnostics   []diag.JSON `json:"diagnostics"`
	}{FormatVersion: "1.0", Valid: !ds.HasErrors(), Diagnostics: []diag.JSON{}}
	for _, d := range ds {
		if d.Severity == hcl.DiagError {
			out.Errors++
		} else {
			out.Warnings++
		}
		out.Diagnostics = append(out.Diagnostics, diag.ToJSON(d, files))
	}
	return out
}
