package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/ci"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
)

func (a *app) validateCommand() *cobra.Command {
	var (
		in      inputFlags
		reports reportFlags
		asJSON  bool
	)
	cmd := &cobra.Command{
		Use:   "validate [DIR]",
		Short: "Check the configuration",
		Long: `Checks the configuration as far as that is possible without state, cluster and network: syntax, references, types, values and circles. Variables need no
values; those that have none count as unknown.`,
		Example: "  meshplan validate\n  meshplan validate --json prod/\n  meshplan validate --report sarif:meshplan.sarif --report junit:meshplan.xml",
		Args:    atMost(1), ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := reports.check(); err != nil {
				return usageError(cmd, err)
			}
			started := a.now()
			c := &console{Terminal: a.terminal()}
			cfg, ds := config.Load(directory(args), config.Options{Version: versionNumber()})
			c.files = cfg.Files
			if !ds.HasErrors() {
				ds = append(ds, a.validate(cmd.Context(), cmd, cfg, &in)...)
			}
			ds = diag.Sort(ds)
			found := checked(cfg, ds)
			found.took, found.place = a.now().Sub(started), a.place(cfg.Files)
			if ds := reports.write(found.report); ds.HasErrors() {
				return a.fail(c, ds)
			}
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
	reports.add(cmd, "sarif", "junit")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, in the form of Terraform's validate")
	return cmd
}

// checked returns the findings of a validation, and a case for each resource block. A finding within a block belongs to
// its case.
func checked(cfg *config.Config, ds hcl.Diagnostics) *findings {
	f := &findings{command: "validate", list: ci.FromDiagnostics(ds, cfg.Files)}
	type block struct {
		address string
		rng     hcl.Range
	}
	byFile := map[string][]block{}
	seen := map[*config.Module]bool{} // a directory that is called twice is checked once
	var walk func(m *config.Module, path addr.Module)
	walk = func(m *config.Module, path addr.Module) {
		if m == nil || seen[m] {
			return
		}
		seen[m] = true
		for _, r := range m.SortedResources() {
			a := r.Addr.Instance(addr.NoKey)
			a.Module = path
			f.cases = append(f.cases, a.String())
			byFile[r.Range.Filename] = append(byFile[r.Range.Filename], block{a.String(), r.Range})
		}
		for _, c := range m.SortedCalls() {
			walk(c.Module, path.Child(c.Name, addr.NoKey))
		}
	}
	walk(cfg.Root, "")
	for i := range f.list {
		found := &f.list[i]
		if found.Address != "" || found.Range == nil {
			continue
		}
		for _, b := range byFile[found.Range.Filename] {
			if b.rng.Start.Byte <= found.Range.Start.Byte && found.Range.Start.Byte < b.rng.End.Byte {
				found.Address = b.address
			}
		}
	}
	return f
}

// validate checks a configuration that was loaded without errors.
func (a *app) validate(ctx context.Context, cmd *cobra.Command, cfg *config.Config, in *inputFlags) hcl.Diagnostics {
	inputs, ds := a.givenVariables(cfg, in)
	if ds.HasErrors() {
		return ds
	}
	w := &workspace{app: a, cmd: cmd, in: in, dir: cfg.Dir, config: cfg}
	return append(ds, w.engine(nil, 0).Validate(ctx, cfg, inputs)...)
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
