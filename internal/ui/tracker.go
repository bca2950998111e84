package ui

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
)

// tracker follows a run.
type tracker struct {
	plan            *plans.Plan
	started         time.Time
	total, finished int
	running         map[int]*active
	final           []bool
	low             int // every step below is final or carries only order
}

// active is a step in flight.
type active struct {
	step     engine.Step
	since    time.Time
	progress providers.Progress
	said     time.Time // when it was last written about
}

func (t *tracker) event(e engine.Event, at time.Time) {
	switch e := e.(type) {
	case engine.RunStarted:
		*t = tracker{plan: e.Plan, started: at, total: e.Total, running: map[int]*active{}, final: make([]bool, len(e.Plan.Steps))}
		for _, n := range e.Done {
			t.final[n] = true
		}
	case engine.StepStarted:
		t.running[e.Step.Index] = &active{step: e.Step, since: at, said: at}
	case engine.StepProgress:
		if a := t.running[e.Step.Index]; a != nil {
			a.progress = e.Progress
		}
	case engine.StepDone:
		t.finish(e.Step.Index)
	case engine.StepFailed:
		t.finish(e.Step.Index)
	case engine.StepSkipped:
		t.finish(e.Step.Index)
	}
}

func (t *tracker) finish(n int) {
	delete(t.running, n)
	if n < len(t.final) && !t.final[n] {
		t.final[n] = true
		t.finished++
	}
	for t.low < len(t.final) && (t.final[t.low] || t.plan.Steps[t.low].Op == plans.OpPass) {
		t.low++
	}
}

// active returns the steps in flight, those that began first at the front.
func (t *tracker) active() []*active {
	return slices.SortedFunc(maps.Values(t.running), func(a, b *active) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.step.Index, b.step.Index))
	})
}

// blocked is a step that cannot begin yet.
type blocked struct {
	step       engine.Step
	waitingFor []addr.Instance
}

// maxNamed bounds how many reasons for waiting are named.
const maxNamed = 4

// blocked returns the first steps that wait for others, at most limit, and how many steps have not begun altogether.
func (t *tracker) blocked(limit int) (out []blocked, rest int) {
	if t.plan == nil {
		return nil, 0
	}
	rest = t.total - t.finished - len(t.running)
	for n := t.low; n < len(t.final) && len(out) < limit; n++ {
		s := t.plan.Steps[n]
		if t.final[n] || t.running[n] != nil || s.Op == plans.OpPass || s.Change < 0 {
			continue
		}
		if on := t.waitingFor(n); len(on) > 0 {
			c := t.plan.Changes[s.Change]
			out = append(out, blocked{engine.Step{Index: n, Addr: c.Addr, Op: s.Op, Action: c.Action}, on})
		}
	}
	return out, rest
}

// waitingFor names what a step waits for, looking through steps that only carry order.
func (t *tracker) waitingFor(n int) (out []addr.Instance) {
	seen := map[int]bool{}
	todo := slices.Clone(t.plan.Steps[n].Deps)
	for len(todo) > 0 && len(out) < maxNamed {
		d := todo[0]
		todo = todo[1:]
		if seen[d] || t.final[d] {
			continue
		}
		seen[d] = true
		s := t.plan.Steps[d]
		if s.Op == plans.OpPass {
			todo = append(todo, s.Deps...)
		} else if s.Change >= 0 {
			out = append(out, t.plan.Changes[s.Change].Addr)
		}
	}
	return out
}

// names writes addresses as a list.
func names(list []addr.Instance) string {
	var parts []string
	for i, a := range list {
		if i == maxNamed-1 && len(list) >= maxNamed {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, clean(a.String()))
	}
	return strings.Join(parts, ", ")
}

// says writes what a step is doing.
func says(p providers.Progress) string {
	s := clean(p.Message)
	if p.Total > 0 {
		s = strings.TrimSpace(fmt.Sprintf("%d/%d %s", p.Done, p.Total, s))
	}
	return s
}

// clean makes text from a cluster safe within a line.
func clean(s string) string { return strings.ReplaceAll(diag.Scrub(s), "\n", " ") }

// span writes a duration as short as it can be read: 0.4s, 41s, 2m05s, 1h02m.
func span(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// verb is what a step does, in the words of the plan.
func verb(s engine.Step) string {
	if s.Action == plans.Replace {
		return "replace: " + s.Op.String()
	}
	return s.Op.String()
}
