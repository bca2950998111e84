package cli

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

func (a *app) outputCommand() *cobra.Command {
	var (
		in          inputFlags
		asJSON, raw bool
	)
	cmd := &cobra.Command{
		Use:   "output [NAME]",
		Short: "Print outputs of the last run",
		Long:  `Prints the outputs as the last run recorded them, or one of them. The value of a sensitive output is not recorded and cannot be printed.`,
		Example: `  meshplan output
  meshplan output --raw url
  meshplan output --json`,
		Args: atMost(1), ValidArgsFunction: a.completeOutputs(&in),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case raw && asJSON:
				return usageError(cmd, fmt.Errorf("--raw and --json contradict each other"))
			case raw && len(args) == 0:
				return usageError(cmd, fmt.Errorf("--raw needs the name of one output"))
			}
			c := &console{Terminal: a.terminal()}
			_, snap, ds := a.recorded(cmd.Context(), ".", in.state)
			if ds.HasErrors() {
				return a.fail(c, ds)
			}
			all, err := outputs(snap.Outputs)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				return a.printOutput(c, all, args[0], asJSON, raw)
			}
			if asJSON {
				m := map[string]any{}
				for _, o := range all {
					m[o.Name] = map[string]any{"sensitive": o.Sensitive, "value": render.OutputJSON(o)}
				}
				return json.NewEncoder(a.out).Encode(m)
			}
			if len(all) == 0 {
				fmt.Fprintln(a.err, "There are no outputs. They appear when a configuration with output blocks has been applied.")
				return nil
			}
			return render.Outputs(a.out, all, render.TextOptions{Width: c.Width, Paint: c.OutPaint})
		},
	}
	in.addState(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&raw, "raw", false, "print a string, number or bool as it is, without quotes and line break")
	return cmd
}

func (a *app) printOutput(c *console, all []render.Output, name string, asJSON, raw bool) error {
	var names []string
	for _, o := range all {
		names = append(names, o.Name)
		if o.Name != name {
			continue
		}
		switch {
		case o.Sensitive && (raw || asJSON):
			return fmt.Errorf("the output %q is sensitive: its value is not recorded", name)
		case asJSON:
			return json.NewEncoder(a.out).Encode(render.OutputJSON(o))
		case raw:
			v, err := convert.Convert(o.Value, cty.String)
			if err != nil || v.IsNull() {
				return fmt.Errorf("the output %q is no string, number or bool; use --json", name)
			}
			_, err = fmt.Fprint(a.out, v.AsString())
			return err
		}
		return render.Outputs(a.out, []render.Output{o}, render.TextOptions{Width: c.Width, Paint: c.OutPaint})
	}
	return fmt.Errorf("there is no output %q.%s", name, diag.Suggest(name, names))
}

// outputs shows the outputs of a run that has just finished.
func (c *console) outputs(list []plans.OutputChange) {
	var out []render.Output
	for _, o := range list {
		if o.After != cty.NilVal && !o.After.IsNull() {
			out = append(out, render.Output{Name: o.Name, Value: o.After, Sensitive: o.Sensitive})
		}
	}
	if len(out) == 0 || c.json {
		return
	}
	fmt.Fprintf(c.Out, "\n%s\n\n", c.OutPaint.Bold("Outputs:"))
	_ = render.Outputs(c.Out, out, render.TextOptions{Width: c.Width, Paint: c.OutPaint})
}
