package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
)

func (a *app) stateRecoverCommand() *cobra.Command {
	var (
		in    inputFlags
		apply applyFlags
		o     engine.RecoverOptions
	)
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "Rebuild lost records from the marks on live objects",
		Long: `Looks for the marks that meshplan leaves on the objects it manages, and rebuilds the records that are missing in the state: after the file was lost, or
after a copy was restored that is older than some objects. It touches no object, and no record that exists.

What cannot be read back from one object (charts, certificates, waves) is listed with its objects and with what to do: in general the next apply takes it
over. Journals are lost with the state: earlier
runs cannot be rolled back, and secrets show as changed once. Before this command, try "meshplan state restore".`,
		Example: "  meshplan state recover\n  meshplan state recover --lineage 0f3a…",
		Args:    atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c := &console{Terminal: a.terminal()}
			w, ds := a.open(cmd, ".", &in, nil)
			c.files = w.config.Files
			if ds.HasErrors() {
				return a.fail(c, ds)
			}
			o.Inputs, o.LockTimeout = w.inputs, apply.lockTimeout
			got, more := w.engine(nil, 0).Recover(cmd.Context(), w.config, o)
			if ds = append(ds, more...); got == nil || ds.HasErrors() {
				return a.fail(c, ds)
			}
			c.diagnostics(ds)
			for _, r := range got.Records {
				fmt.Fprintf(a.out, "Recovered %s.\n", oneLine(r.String()))
			}
			for _, l := range got.Left {
				fmt.Fprintf(a.out, "Left %s (%s). %s\n", oneLine(l.Addr.String()), oneLine(few(l.Objects)), l.Todo)
			}
			fmt.Fprintf(a.out, "Recovered %s of the lineage %s; %d recorded already.\nRun \"meshplan plan\" to see what differs.\n", plural(len(got.Records), "record"), got.Lineage, got.Known)
			return nil
		},
	}
	in.addAll(cmd.Flags())
	addLockTimeout(cmd, &apply.lockTimeout)
	cmd.Flags().StringVar(&o.Lineage, "lineage", "", "`lineage` of the lost state, where several have left marks")
	return cmd
}

// few names some of several things.
func few(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
