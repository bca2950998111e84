package cli

import (
	"crypto/rand"
	"fmt"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
)

// logger returns the log that MESHPLAN_LOG and --log-file ask for. Without them nothing is logged. Every line names the
// call, since several may write to one file.
func (a *app) logger() hclog.Logger {
	a.logging.Do(func() { a.log = a.newLogger() })
	return a.log
}

func (a *app) newLogger() hclog.Logger {
	level := hclog.LevelFromString(a.getenv("MESHPLAN_LOG"))
	if level == hclog.NoLevel && a.logFile != "" {
		level = hclog.Debug
	}
	if level == hclog.NoLevel || level == hclog.Off {
		return hclog.NewNullLogger()
	}
	out := a.err
	if a.logFile != "" {
		f, err := os.OpenFile(a.logFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			fmt.Fprintf(a.err, "Warning: nothing is logged: --log-file: %v\n", err)
			return hclog.NewNullLogger()
		}
		out = f // it stays open until the program ends; every line is written at once
	}
	l := hclog.New(&hclog.LoggerOptions{Name: "meshplan", Level: level, Output: out, JSONFormat: a.getenv("MESHPLAN_LOG_FORMAT") == "json"})
	return l.With("call", rand.Text()[:8])
}

// logged writes what happens to the log before it goes on. From the beginning of a run every line has its number. Values are
// never logged.
type logged struct {
	log  hclog.Logger
	next engine.Sink // may be nil
}

// Handle implements engine.Sink.
func (l *logged) Handle(e engine.Event) {
	switch e := e.(type) {
	case engine.RefreshDone:
		l.log.Info("refreshed", "objects", e.Total, "drifted", e.Drifted, "took", e.Elapsed)
	case engine.RunStarted:
		l.log = l.log.With("run", e.Run)
		l.log.Info("run started", "steps", e.Total)
	case engine.StepStarted:
		l.log.Debug("step started", "address", e.Step.Addr.String(), "op", e.Step.Op.String())
	case engine.StepProgress:
		l.log.Trace("step goes on", "address", e.Step.Addr.String(), "message", diag.Scrub(e.Progress.Message), "done", e.Progress.Done, "total", e.Progress.Total)
	case engine.StepDone:
		l.log.Info("step done", "address", e.Step.Addr.String(), "op", e.Step.Op.String(), "took", e.Elapsed)
	case engine.StepFailed:
		l.log.Error("step failed", "address", e.Step.Addr.String(), "op", e.Step.Op.String(), "took", e.Elapsed, "code", failureCode(e.Diagnostics))
	case engine.StepSkipped:
		l.log.Warn("step skipped", "address", e.Step.Addr.String())
	}
	if l.next != nil {
		l.next.Handle(e)
	}
}

// failureCode is the code of the first error.
func failureCode(ds hcl.Diagnostics) string {
	for _, d := range ds {
		if d.Severity == hcl.DiagError {
			return string(diag.CodeOf(d))
		}
	}
	return ""
}
