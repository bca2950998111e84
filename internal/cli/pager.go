package cli

import (
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/ui"
)

// paged lets people read what a command prints a screen at a time, where it is long.
func (a *app) paged(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		defer a.page()()
		return run(cmd, args)
	}
	return cmd
}

// page sends the output through a pager, where there is one, until the function that it returns is called. What goes to
// standard error goes through it as well when both are the same terminal: the pager would draw over it.
func (a *app) page() func() {
	if a.noPager {
		return func() {}
	}
	p := ui.NewPager(a.out, a.env)
	if p == nil {
		return func() {}
	}
	out, err := a.out, a.err
	if a.terminal().ErrTTY {
		a.err = p
	}
	a.out = p
	return func() {
		a.out, a.err = out, err
		_ = p.Close() // the terminal is gone: nobody can be told
	}
}

// pagePlan is page for plans. The end of a plan is what people look for, and less would hide it, so that plans are paged
// for those only who ask meshplan to.
func (a *app) pagePlan() func() {
	if a.getenv("MESHPLAN_PAGER") == "" {
		return func() {}
	}
	return a.page()
}
