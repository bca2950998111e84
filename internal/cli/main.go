// Package cli is the command line: it parses flags, puts store, providers and engine together, shows what they
// report, and turns the outcome into an exit code.
//
// The central idea: one file for each command, and each command is a short story told with the same few parts: a
// workspace (configuration, variables, state), a console (what is shown, in which form) and the engine. Whatever is
// expensive is made by the part that needs it, when it is needed, so that `meshplan version` opens nothing.
//
// Nothing here keeps state between calls of Main, except that -C changes the working directory for as long as Main
// runs; calls with -C must not run at the same time.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// Main runs a command line (without the program's name) and returns the exit code. Results go to stdout, everything
// else to stderr. env has the form of os.Environ. It never panics.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	return MainWith(Hooks{}, args, stdin, stdout, stderr, env)
}

// Hooks let tests stand where a kill must do no harm. The zero value is what Main uses.
type Hooks struct {
	// Reached is told each boundary of what is written to the state, as it comes; see ledger.Reached.
	Reached func(boundary string)
}

// MainWith is Main with hooks.
func MainWith(h Hooks, args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	return run(&app{in: stdin, out: stdout, err: stderr, env: env, registry: builtin, now: time.Now, reached: h.Reached}, args)
}

// app is one call of Main.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      []string
	// registry makes the providers; it is called by commands that need them.
	registry func(connection) providers.Registry
	now      func() time.Time
	reached  func(boundary string) // nil but in tests

	dir   string // -C
	color string // --color

	noPager bool // --no-pager

	logFile string       // --log-file
	log     hclog.Logger // made on first use
	logging sync.Once    // makes it

	notices notices
}

// connection is what providers are told by flags.
type connection struct {
	kubeconfig, context string
	dir                 string // of the configuration
	verify              bool   // ask the server about every object, also about those that look unchanged
	logger              hclog.Logger
	waiting             func(text string) // told that a server does not answer yet
}

// getenv returns a variable of the environment, or "".
func (a *app) getenv(name string) string {
	value := ""
	for _, e := range a.env {
		if rest, ok := strings.CutPrefix(e, name+"="); ok {
			value = rest
		}
	}
	return value
}

func run(a *app, args []string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			code = a.crashed(r, debug.Stack())
		}
	}()
	a.collect(planRoom)
	a.notices.err = a.err
	root := a.root()
	root.SetArgs(args)
	defer a.enter()()
	err := root.ExecuteContext(context.Background())
	var exit exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return int(exit)
	}
	fmt.Fprintf(a.err, "Error: %v\n", err)
	return exitFailure
}

// enter remembers the working directory and returns a function that goes back to it.
func (a *app) enter() func() {
	before, err := os.Getwd()
	return func() {
		if a.dir != "" && err == nil {
			_ = os.Chdir(before) // the caller's next command fails visibly if it is gone
		}
	}
}

// crashed reports a panic. What took effect has been journalled before, so nothing is lost.
func (a *app) crashed(reason any, stack []byte) int {
	fmt.Fprintf(a.err, `
meshplan crashed. This is a bug in meshplan, not in your configuration.

Every step that took effect is recorded in the state; a step that was under way is looked up by the next run.
Run "meshplan plan" to see what is left to do.

Please report the following at https://github.com/meshplan/meshplan/issues, after looking through it for names
that should not be public:

%s
panic: %s

%s`, versionLine(), diag.Scrub(fmt.Sprint(reason)), stack)
	return exitFailure
}
