package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/docs"
	"github.com/meshplan/meshplan/internal/ui"
)

// root builds the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "meshplan",
		Short: "Plan, apply and roll back service-mesh rollouts on Kubernetes",
		Long: `meshplan reads a rollout from *.mesh.hcl files, compares it with what it recorded and with the live cluster, shows
what it would change, and carries that out in the right order. Every run can be undone by a rollback, which is a plan as well.`,
		Example: `  meshplan plan                     show what would change
  meshplan apply                    show it, ask, and do it
  meshplan plan --out rollout.plan  save the plan ...
  meshplan apply rollout.plan       ... and carry exactly that out
  meshplan drift                    find what others changed
  meshplan rollback                 undo the last run`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.prepare(cmd)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(cmd, fmt.Errorf("there is no command %q%s", args[0], suggest(cmd, args[0])))
			}
			return cmd.Help()
		},
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(usageError)
	a.setHelp(root)
	root.PersistentFlags().StringVarP(&a.dir, "chdir", "C", "", "run as if started in this `directory`")
	root.PersistentFlags().StringVar(&a.color, "color", string(ui.ColorAuto), "`when` to colour: auto, always or never")
	completeWords(root, "color", "auto", "always", "never")
	root.PersistentFlags().BoolVar(&a.noPager, "no-pager", false, "write long text to the terminal at once, not through a pager")
	root.PersistentFlags().StringVar(&a.logFile, "log-file", "", "append the log to a `file` instead of standard error; its level is that of MESHPLAN_LOG, or debug")
	root.AddGroup(&cobra.Group{ID: "write", Title: "Write a rollout:"}, &cobra.Group{ID: "run", Title: "Carry it out:"}, &cobra.Group{ID: "look", Title: "Look at it:"})
	group := func(id string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	group("write", a.initCommand(), a.validateCommand(), a.fmtCommand(), a.paged(a.graphCommand()), a.consoleCommand(), a.paged(a.schemaCommand()), a.lspCommand())
	group("run", a.planCommand(), a.applyCommand(), a.destroyCommand(), a.rollbackCommand(), a.importCommand())
	group("look", a.doctorCommand(), a.linkerdCommand(), a.paged(a.explainCommand()), a.driftCommand(), a.rbacCommand(), a.paged(a.showCommand()), a.paged(a.historyCommand()), a.outputCommand(), a.stateCommand(), a.forceUnlockCommand())
	root.AddCommand(a.versionCommand(), a.docsCommand(), topic("exit-codes", "What the exit codes mean", exitCodesHelp), topic("environment", "Environment variables that are read", environmentHelp), topic("drift-jobs", "How a drift job tells people and systems", driftJobsHelp))
	for _, g := range docs.Guides() {
		root.AddCommand(topic("guide-"+g.Name, g.Title, g.Plain()))
	}
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	return root
}

// prepare runs before every command.
func (a *app) prepare(cmd *cobra.Command) error {
	if err := a.fromEnvironment(cmd); err != nil {
		return err
	}
	if _, err := ui.ParseColor(a.color); err != nil {
		return usageError(cmd, fmt.Errorf("--color: %w", err))
	}
	if a.dir != "" {
		if err := os.Chdir(a.dir); err != nil {
			return fmt.Errorf("-C: %w", err)
		}
	}
	return nil
}

func usageError(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w\n\nRun \"%s --help\" to see how it is used", err, cmd.CommandPath())
}

func suggest(cmd *cobra.Command, name string) string {
	cmd.SuggestionsMinimumDistance = 2
	if found := cmd.SuggestionsFor(name); len(found) > 0 {
		return fmt.Sprintf("; did you mean %q?", found[0])
	}
	return ""
}

// atMost refuses more than n arguments and says which they may be.
func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError(cmd, fmt.Errorf("%q is one argument too many", args[n]))
		}
		return nil
	}
}

// topic is a page of help without a command.
func topic(name, short, text string) *cobra.Command {
	return &cobra.Command{Use: name, Short: short, Long: short + ":\n\n" + text}
}

const environmentHelp = `  MESHPLAN_VAR_<name>      value of the variable <name>; files and --var go before it
  MESHPLAN_STATE           like --state; in the same way MESHPLAN_KUBECONFIG, MESHPLAN_CONTEXT, MESHPLAN_PROGRESS,
                           MESHPLAN_COLOR, MESHPLAN_PARALLELISM, MESHPLAN_LOCK_TIMEOUT, MESHPLAN_STOP_TIMEOUT, MESHPLAN_LOG_FILE, MESHPLAN_JSON_INTO,
                           MESHPLAN_WEBHOOK and MESHPLAN_PUSHGATEWAY
  MESHPLAN_WEBHOOK_SECRET  signs the messages of "meshplan drift"
  MESHPLAN_STATE_KUBECONFIG  kubeconfig of a state in a cluster, where it is not that of the objects
  MESHPLAN_LOG             trace, debug, info, warn or error: log to standard error
  MESHPLAN_LOG_FORMAT      json: log in JSON
  KUBECONFIG               kubeconfig files, as for kubectl
  GITHUB_OUTPUT            in a step of GitHub's workflows, plan appends result, changes, creates, updates, replaces,
                           deletes, drift and plan_sha256 to this file
  MESHPLAN_PAGER           shows long output of show, history, explain, help, schema and graph on a terminal, and
                           plans as well; without it PAGER does (not plans), or less. Empty, cat, --no-pager or CI: none
  NO_COLOR                 not empty: no colour
  CLICOLOR_FORCE           not 0: colour even without a terminal; FORCE_COLOR means the same
  COLUMNS                  width to wrap text to`
