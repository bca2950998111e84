package cli

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/state"
)

// The exit codes; `meshplan help exit-codes` explains them.
const (
	exitOK          = 0
	exitFailure     = 1
	exitChanges     = 2
	exitPartly      = 3
	exitLocked      = 4
	exitStale       = 5
	exitInterrupted = 130
)

const exitCodesHelp = `  0    success; for plan with --detailed-exitcode: and nothing to change
  1    an error, before anything was changed
  2    plan --detailed-exitcode: there are changes; drift: something is not as the last run left it
  3    apply, destroy or rollback failed part-way; what took effect is recorded in the state
  4    the state is locked by another process
  5    the saved plan is stale, or belongs to another state, configuration or cluster
  130  interrupted by a signal; what took effect is recorded in the state`

// exitError ends a command with a code after everything has been said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exitWith returns nil for code 0.
func exitWith(code int) error {
	if code == exitOK {
		return nil
	}
	return exitError(code)
}

// codeOf returns the exit code of findings that stopped a command before anything was changed.
func codeOf(ds hcl.Diagnostics) int {
	code := exitOK
	for _, d := range ds {
		if d.Severity != hcl.DiagError {
			continue
		}
		switch diag.CodeOf(d) {
		case engine.CodeLocked:
			return exitLocked
		case engine.CodeStale, engine.CodeForeign, engine.CodeOffline, CodeUnexpected:
			return exitStale
		}
		code = exitFailure
	}
	return code
}

// codeOfRun returns the exit code of a run that began.
func codeOfRun(r *engine.Result, ds hcl.Diagnostics) int {
	lost := slices.ContainsFunc(ds, func(d *hcl.Diagnostic) bool { return diag.CodeOf(d) == engine.CodeLost })
	switch {
	case r.Outcome == state.Interrupted && !lost: // a lost lock stops a run as well, and nobody has asked for that
		return exitInterrupted
	case r.Outcome != state.Succeeded || len(r.Failed) > 0 || ds.HasErrors():
		return exitPartly
	}
	return exitOK
}
