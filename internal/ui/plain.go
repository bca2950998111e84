package ui

import (
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/engine"
)

const (
	// heartbeat keeps systems that stop silent jobs at bay, and people informed.
	heartbeat = 30 * time.Second
	// pause is how long a step stays silent about what it waits for, after it has begun and after each line. What it
	// does is always said.
	pause = 2 * time.Second
)

// NewPlain returns a view that writes one line for each thing that happens, and every 30 s what is still going on. It
// is complete and linear, for logs and screen readers.
func NewPlain(w io.Writer) View { return newPump(&plain{w: w}, heartbeat) }

type plain struct {
	w io.Writer
	t tracker
}

func (p *plain) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

func (p *plain) say(text string) { p.line("%s", text) }

func (p *plain) event(e engine.Event, at time.Time) {
	p.t.event(e, at)
	switch e := e.(type) {
	case engine.RefreshStarted:
		if e.Total > 0 {
			p.line("Refreshing %s...", objects(e.Total))
		}
	case engine.RefreshDone:
		if e.Total > 0 {
			p.line("Refreshed %s in %s, %d changed outside meshplan.", objects(e.Total), span(e.Elapsed), e.Drifted)
		}
	case engine.RunStarted:
		p.line("Run %d: %s.", e.Run, steps(e.Total))
	case engine.StepStarted:
		p.line("%s: %s...", clean(e.Step.Addr.String()), verb(e.Step))
	case engine.StepProgress:
		if a := p.t.running[e.Step.Index]; a != nil && (!e.Progress.Waiting || at.Sub(a.said) >= pause) {
			a.said = at
			p.line("%s: %s (%s)", clean(e.Step.Addr.String()), says(e.Progress), span(e.Elapsed))
		}
	case engine.StepDone:
		p.line("%s: %s done after %s (%d/%d)", clean(e.Step.Addr.String()), verb(e.Step), span(e.Elapsed), p.t.finished, p.t.total)
	case engine.StepFailed:
		p.line("%s: %s failed after %s (%d/%d): %s", clean(e.Step.Addr.String()), verb(e.Step), span(e.Elapsed), p.t.finished, p.t.total, firstError(e.Diagnostics))
	case engine.StepSkipped:
		p.line("%s: %s", clean(e.Step.Addr.String()), skipped(e))
	case engine.Stopping:
		p.line("%s", stopping(e))
	}
}

func (p *plain) tick(at time.Time) {
	for _, a := range p.t.active() {
		text := says(a.progress)
		if text != "" {
			text = ": " + text
		}
		p.line("%s: still at %s after %s%s", clean(a.step.Addr.String()), verb(a.step), span(at.Sub(a.since)), text)
	}
	waiting, _ := p.t.blocked(3)
	for _, b := range waiting {
		p.line("%s: waiting for %s", clean(b.step.Addr.String()), names(b.waitingFor))
	}
}

func (p *plain) end(time.Time) {}

func objects(n int) string {
	if n == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d objects", n)
}

func steps(n int) string {
	if n == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", n)
}

// firstError is the summary of the first error, for a line; the whole of it follows at the end of the run.
func firstError(ds hcl.Diagnostics) string {
	for _, d := range ds {
		if d.Severity == hcl.DiagError {
			return clean(d.Summary)
		}
	}
	return "unknown error"
}

func skipped(e engine.StepSkipped) string {
	if e.Cause.IsZero() {
		return "not begun, because the run was stopped"
	}
	return "skipped, because " + clean(e.Cause.String()) + " failed"
}

func stopping(e engine.Stopping) string {
	if len(e.InFlight) == 0 {
		return "Stopping: nothing is in flight."
	}
	return "Stopping: nothing new begins. Waiting for " + names(e.InFlight) + ". Interrupt again to abort."
}
