package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

func (a *app) driftCommand() *cobra.Command {
	var (
		in      inputFlags
		out     outputFlags
		plan    planFlags
		flags   driftFlags
		reports reportFlags
	)
	cmd := &cobra.Command{
		Use:   "drift [DIR]",
		Short: "Find what was changed outside meshplan",
		Long: `Compares the live objects with what the last run recorded and shows what others changed. It changes nothing, neither objects nor state, and takes
no lock. Then the providers look at what no record can show: proxies that are older than their control plane, pods that were to be in the mesh and are not,
policies that somebody else made, certificates that run out. Each of these findings has a class, which "meshplan explain CLASS" explains.

It exits with 2 when there is drift or a finding that is more than a note; what could not be read makes it exit with 1, and never counts as
no drift. While a run is under way it says so, judges nothing and exits with 0.

Changes of the configuration that have not been applied are no drift: they are listed apart as pending, and alarm with --alarm-on-pending only.

A file of acknowledgements names what is known and may stay until a date; it is listed apart and does not alarm. With --remember and --webhook people are told
what is new, changed or resolved, and the same drift once. See "meshplan help drift-jobs" for the files, messages and metrics of a drift job.

Objects whose metadata says that nobody touched our fields are not read whole. --refresh=full reads every object, which is for a weekly job.`,
		Example: `  meshplan drift
  meshplan drift --json-into drift.json prod/
  meshplan drift --refresh=full
  meshplan drift --acknowledge-template known.hcl
  meshplan drift --acknowledge known.hcl --report md:drift.md --report sarif:drift.sarif
  meshplan drift --remember configmap:meshplan/shop-drift --webhook-file /etc/meshplan/webhook --metrics-textfile /metrics/meshplan.prom`,
		Args: atMost(1), ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if plan.refresh == refreshFalse {
				return usageError(cmd, errors.New("--refresh=false would find nothing: drift is what reading the live objects shows"))
			}
			for _, check := range []func() error{flags.check, reports.check, plan.check} {
				if err := check(); err != nil {
					return usageError(cmd, err)
				}
			}
			if len(plan.targets) > 0 && (flags.remember != "" || flags.textfile != "" || flags.pushgateway != "") {
				return usageError(cmd, errors.New("a look at --target says nothing about the rest, so it can neither be remembered nor measured"))
			}
			c, err := a.console(cmd, &out)
			if err != nil {
				return err
			}
			defer c.close(&err)
			sig := catch(cmd.Context(), 0)
			defer sig.release()
			l := &driftLook{app: a, cmd: cmd, console: c, in: &in, plan: &plan, flags: &flags, reports: &reports, started: a.now()}
			l.read(sig, directory(args))
			if sig.seen() {
				return exitWith(c.stopped(sig, l.ds))
			}
			if err := l.show(); err != nil {
				return err
			}
			l.tell(sig.first)
			l.measure(sig.first)
			c.diagnostics(l.late)
			return exitWith(l.code())
		},
	}
	in.addAll(cmd.Flags())
	out.add(cmd.Flags())
	flags.add(cmd)
	reports.add(cmd, "text", "json", "md", "html", "junit", "sarif")
	plan.addRefresh(cmd.Flags())
	plan.addTarget(cmd.Flags())
	plan.addParallelism(cmd.Flags())
	a.completeAddresses(cmd, &in, "target")
	return cmd
}
