package cli

import (
	"fmt"

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

Types that cannot be read back from one object (charts, for instance) are listed; the next apply takes them over. Journals are lost with the state: earlier
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
				fmt.Fprintf(a.out, "Found %s, which the next apply takes over.\n", oneLine(l.String()))
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
