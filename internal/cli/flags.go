package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/meshplan/meshplan/internal/ui"
	"github.com/meshplan/meshplan/plans"
)

// inputFlags say where state, cluster and variables are.
type inputFlags struct {
	state               string
	kubeconfig, context string
	vars, varFiles      []string
}

func (f *inputFlags) addState(fs *pflag.FlagSet) {
	fs.StringVar(&f.state, "state", "", "`path` of the state file (default .meshplan/state.db in the configuration directory)")
}

func (f *inputFlags) addVariables(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.vars, "var", nil, "give a variable a value, as in `name=value`; may be repeated")
	fs.StringArrayVar(&f.varFiles, "var-file", nil, "read values of variables from a `file`; may be repeated")
}

func (f *inputFlags) addCluster(fs *pflag.FlagSet) {
	fs.StringVar(&f.kubeconfig, "kubeconfig", "", "`path` of the kubeconfig (default: KUBECONFIG, then ~/.kube/config, then the pod's service account)")
	fs.StringVar(&f.context, "context", "", "`name` of the kubeconfig context (default: its current context)")
}

func (f *inputFlags) addAll(fs *pflag.FlagSet) {
	f.addState(fs)
	f.addVariables(fs)
	f.addCluster(fs)
}

// outputFlags say what is shown.
type outputFlags struct {
	json     bool
	jsonInto string
	progress string
	full     bool
	summary  bool
	only     []string
}

func (f *outputFlags) add(fs *pflag.FlagSet) {
	fs.BoolVar(&f.json, "json", false, "write messages for machines to standard output instead of text")
	addLayout(fs, &f.full, &f.summary, &f.only)
	fs.StringVar(&f.jsonInto, "json-into", "", "write messages for machines to a `file` as well")
	fs.StringVar(&f.progress, "progress", string(ui.ProgressAuto), "`mode` of progress on standard error: auto, tty, plain, json or quiet")
}

// addLayout adds the flags that say how much of a plan is shown.
func addLayout(fs *pflag.FlagSet, full, summary *bool, only *[]string) {
	fs.BoolVar(full, "full", false, "show long values whole, and defaults of what is created or deleted as well")
	fs.BoolVar(summary, "summary", false, "show one line for each change, without values")
	fs.StringSliceVar(only, "only", nil, "show only changes of these `actions`: create, update, replace, delete, read, forget; all are counted and made")
}

// actions reads the value of --only.
func actions(names []string) (out []plans.Action, err error) {
	known := []plans.Action{plans.Create, plans.Update, plans.Replace, plans.Delete, plans.Read, plans.Forget}
	for _, name := range names {
		i := slices.IndexFunc(known, func(a plans.Action) bool { return a.String() == name })
		if i < 0 {
			return nil, fmt.Errorf("--only: %q is not one of create, update, replace, delete, read and forget", name)
		}
		out = append(out, known[i])
	}
	return out, nil
}

// planFlags say what to plan.
type planFlags struct {
	targets, replace []string
	refresh          refreshMode
	refreshOnly      bool
	parallelism      int
}

func (f *planFlags) addParallelism(fs *pflag.FlagSet) {
	fs.IntVar(&f.parallelism, "parallelism", 16, "at most `n` writes in flight at a time; waiting does not count")
}

func (f *planFlags) addTarget(fs *pflag.FlagSet) {
	fs.StringArrayVar(&f.targets, "target", nil, "restrict the plan to an `address` and what it needs; may be repeated")
}

func (f *planFlags) addRefresh(fs *pflag.FlagSet) {
	f.refresh = refreshTrue
	fs.Var(&f.refresh, "refresh", "read the live objects before comparing: true, false (trust the state) or full (ask the server about every object)")
	fs.Lookup("refresh").NoOptDefVal = string(refreshTrue)
}

func (f *planFlags) addAll(fs *pflag.FlagSet) {
	f.addTarget(fs)
	fs.StringArrayVar(&f.replace, "replace", nil, "replace the instance at an `address`; may be repeated")
	f.addRefresh(fs)
	fs.BoolVar(&f.refreshOnly, "refresh-only", false, "only record what others changed, and touch no object")
	f.addParallelism(fs)
}

// check refuses values that cannot be meant.
func (f *planFlags) check() error {
	switch {
	case f.parallelism < 1:
		return fmt.Errorf("--parallelism must be at least 1, not %d", f.parallelism)
	case f.refreshOnly && f.refresh == refreshFalse:
		return fmt.Errorf("--refresh-only and --refresh=false contradict each other")
	case f.refreshOnly && len(f.replace) > 0:
		return fmt.Errorf("--refresh-only touches no object, so it cannot go with --replace")
	}
	return nil
}

// applyFlags say how to apply.
type applyFlags struct {
	autoApprove       bool
	destructive       int
	lockTimeout       time.Duration
	stopTimeout       time.Duration
	rollbackOnFailure bool
}

func (f *applyFlags) add(fs *pflag.FlagSet, rollback bool) {
	fs.BoolVar(&f.autoApprove, "auto-approve", false, "do not ask before anything is changed")
	fs.DurationVar(&f.lockTimeout, "lock-timeout", 0, "how long to wait for another run to give the state free, for instance 30s")
	fs.DurationVar(&f.stopTimeout, "stop-timeout", 7*time.Second, "how long after SIGTERM steps in flight may go on before they are aborted; 0 lets them finish")
	if rollback {
		fs.BoolVar(&f.rollbackOnFailure, "rollback-on-failure", false, "undo the run when a step fails (default: on_failure of the configuration)")
	}
}

// fromEnvironment gives flags that were not set the value of MESHPLAN_<NAME>. Flags that approve or restrict are left
// out: what they do must be visible in the command itself.
func (a *app) fromEnvironment(cmd *cobra.Command) error {
	var err error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := envName(f)
		if f.Changed || name == "" || err != nil {
			return
		}
		if v := a.getenv(name); v != "" {
			if e := f.Value.Set(v); e != nil {
				err = fmt.Errorf("the environment variable %s: %w", name, e)
			}
		}
	})
	return err
}

// envName returns the environment variable of a flag, or "".
func envName(f *pflag.Flag) string {
	switch f.Name {
	case "state", "kubeconfig", "context", "progress", "color", "parallelism", "lock-timeout", "stop-timeout", "log-file", "json-into", "webhook", "pushgateway":
		return "MESHPLAN_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
	}
	return ""
}
