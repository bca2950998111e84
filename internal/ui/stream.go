package ui

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// StreamVersion is the version of Terraform's machine-readable UI that the messages follow.
const StreamVersion = "1.2"

// Stream writes Terraform's machine-readable UI messages, one JSON object a line: version, planned_change,
// resource_drift, change_summary, outputs, apply_start, apply_progress, apply_complete, apply_errored, diagnostic and
// log; and two that Terraform does not have: apply_waiting says what a step waits for, apply_skipped that it was not
// begun. It is safe for concurrent use.
type Stream struct {
	now func() time.Time

	mu  sync.Mutex // guards enc
	enc *json.Encoder
}

// NewStream begins a stream with the version message.
func NewStream(w io.Writer, version string, now func() time.Time) *Stream {
	s := &Stream{now: now, enc: json.NewEncoder(w)}
	s.send("info", "meshplan "+version, "version", map[string]any{"meshplan": version, "ui": StreamVersion})
	return s
}

func (s *Stream) send(level, message, kind string, fields map[string]any) {
	m := map[string]any{"@level": level, "@message": message, "@module": "meshplan.ui", "@timestamp": s.now().UTC().Format(time.RFC3339Nano), "type": kind}
	for k, v := range fields {
		m[k] = v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.enc.Encode(m) // a reader that has gone away must not stop a rollout
}

// Log writes a message for people.
func (s *Stream) Log(message string) { s.send("info", message, "log", nil) }

// Diagnostics writes findings; files serve their snippets.
func (s *Stream) Diagnostics(ds hcl.Diagnostics, files map[string]*hcl.File) {
	for _, d := range ds {
		level, word := "error", "Error: "
		if d.Severity == hcl.DiagWarning {
			level, word = "warn", "Warning: "
		}
		s.send(level, word+d.Summary, "diagnostic", map[string]any{"diagnostic": diag.ToJSON(d, files)})
	}
}

// Plan writes what a plan changes. Values are not part of it: `show --json` has them.
func (s *Stream) Plan(p *plans.Plan) {
	s.Drift(p.Drift)
	s.Findings(p.Findings)
	for _, c := range p.Changes {
		if c.Action != plans.NoOp {
			s.change("planned_change", "Plan to "+c.Action.String(), c)
		}
	}
	n := p.Counts()
	operation := "plan"
	if p.Mode == plans.Destroy {
		operation = "destroy"
	}
	// Terraform counts a replacement as an addition and a removal; `replace` tells them apart.
	s.send("info", render.CountLine(p), "change_summary", map[string]any{"changes": map[string]any{
		"add": n.Create + n.Replace, "change": n.Update, "import": n.Import, "remove": n.Delete + n.Replace, "replace": n.Replace, "forget": n.Forget, "operation": operation}})
	outputs := map[string]any{}
	for i := range p.Outputs {
		if o := &p.Outputs[i]; o.Changed() {
			outputs[o.Name] = map[string]any{"sensitive": o.Sensitive, "action": outputAction(o)}
		}
	}
	if len(outputs) > 0 {
		s.send("info", fmt.Sprintf("Outputs: %d", len(outputs)), "outputs", map[string]any{"outputs": outputs})
	}
}

// Drift writes what others changed.
func (s *Stream) Drift(list []*plans.Change) {
	for _, c := range list {
		s.change("resource_drift", "Drift detected ("+c.Action.String()+")", c)
	}
}

// Findings writes what providers found in the running system.
func (s *Stream) Findings(list []plans.Finding) {
	for i := range list {
		f := &list[i]
		level := "info"
		if f.Severity > plans.SeverityNote {
			level = "warn"
		}
		s.send(level, render.FindingLine(f), "drift_finding", map[string]any{"finding": render.FindingJSON(f)})
	}
}

func outputAction(o *plans.OutputChange) string {
	switch {
	case o.Before.IsNull():
		return "create"
	case o.After.IsNull():
		return "delete"
	}
	return "update"
}

func (s *Stream) change(kind, message string, c *plans.Change) {
	change := map[string]any{"resource": resource(c.Addr), "action": c.Action.String()}
	if reason := c.Reason.String(); reason != "" {
		change["reason"] = reason
	}
	if len(c.Notes) > 0 {
		change["notes"] = c.Notes
	}
	s.send("info", c.Addr.String()+": "+message, kind, map[string]any{"change": change})
}

// Result writes the counts of a run.
func (s *Stream) Result(r *engine.Result) {
	c := r.Summary
	s.send("info", CompleteLine(r), "change_summary", map[string]any{"changes": map[string]any{
		"add": c.Created + c.Replaced, "change": c.Updated, "import": 0, "remove": c.Deleted + c.Replaced, "replace": c.Replaced, "forget": c.Forgot, "operation": "apply"},
		"run": r.Run, "outcome": r.Outcome.String()})
}

// resource names an instance as Terraform's messages do.
func resource(a addr.Instance) map[string]any {
	var key any
	if n, ok := a.Key.Int(); ok {
		key = n
	} else if k, ok := a.Key.Str(); ok {
		key = k
	}
	provider := a.Type
	for i, r := range a.Type {
		if r == '_' {
			provider = a.Type[:i]
			break
		}
	}
	return map[string]any{"addr": a.String(), "module": string(a.Module), "resource": a.Resource.String(), "implied_provider": provider,
		"resource_type": a.Type, "resource_name": a.Name, "resource_key": key}
}

// NewStreamView returns a view that writes the progress of a run to s. It closes nothing.
func NewStreamView(s *Stream) View { return newPump(&streamView{s: s}, heartbeat) }

type streamView struct {
	s *Stream
	t tracker
}

// maxWaitingMessages bounds how many steps are said to wait at a time.
const maxWaitingMessages = 100

func (v *streamView) hook(kind, level, message string, step engine.Step, elapsed time.Duration, more map[string]any) {
	hook := map[string]any{"resource": resource(step.Addr), "action": step.Op.String(), "elapsed_seconds": elapsed.Seconds()}
	for k, val := range more {
		hook[k] = val
	}
	v.s.send(level, step.Addr.String()+": "+message, kind, map[string]any{"hook": hook})
}

func (v *streamView) say(text string) { v.s.Log(text) }

func (v *streamView) event(e engine.Event, at time.Time) {
	v.t.event(e, at)
	switch e := e.(type) {
	case engine.RefreshStarted:
		v.s.Log(fmt.Sprintf("Refreshing %s", objects(e.Total)))
	case engine.RefreshDone:
		v.s.Log(fmt.Sprintf("Refreshed %s, %d changed outside meshplan", objects(e.Total), e.Drifted))
	case engine.RunStarted:
		v.s.Log(fmt.Sprintf("Run %d: %s", e.Run, steps(e.Total)))
		v.waiting()
	case engine.StepStarted:
		v.hook("apply_start", "info", verb(e.Step)+"...", e.Step, 0, nil)
	case engine.StepProgress:
		v.hook("apply_progress", "info", says(e.Progress), e.Step, e.Elapsed, map[string]any{"message": clean(e.Progress.Message), "done": e.Progress.Done, "total": e.Progress.Total})
	case engine.StepDone:
		v.hook("apply_complete", "info", verb(e.Step)+" done", e.Step, e.Elapsed, nil)
	case engine.StepFailed:
		v.hook("apply_errored", "error", verb(e.Step)+" failed: "+firstError(e.Diagnostics), e.Step, e.Elapsed, nil)
	case engine.StepSkipped:
		more := map[string]any{}
		if !e.Cause.IsZero() {
			more["cause"] = e.Cause.String()
		}
		v.hook("apply_skipped", "warn", skipped(e), e.Step, 0, more)
	case engine.Stopping:
		v.s.Log(stopping(e))
	}
}

// tick repeats what is in flight, as Terraform does.
func (v *streamView) tick(at time.Time) {
	for _, a := range v.t.active() {
		v.hook("apply_progress", "info", "still at "+verb(a.step), a.step, at.Sub(a.since), map[string]any{"message": clean(a.progress.Message), "done": a.progress.Done, "total": a.progress.Total})
	}
	v.waiting()
}

func (v *streamView) waiting() {
	waiting, _ := v.t.blocked(maxWaitingMessages)
	for _, b := range waiting {
		on := []string{}
		for _, a := range b.waitingFor {
			on = append(on, a.String())
		}
		v.hook("apply_waiting", "info", "waiting for "+names(b.waitingFor), b.step, 0, map[string]any{"waiting_for": on})
	}
}

func (v *streamView) end(time.Time) {}
