package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/ui"
	"github.com/meshplan/meshplan/plans/render"
	"github.com/meshplan/meshplan/state"
)

// runView is a run as it is shown, in JSON too.
type runView struct {
	Run      uint64     `json:"run"`
	Mode     string     `json:"mode"`
	Result   string     `json:"result"`
	Started  time.Time  `json:"started"`
	Finished *time.Time `json:"finished,omitempty"`
	User     string     `json:"user"`
	Host     string     `json:"host"`
	Command  string     `json:"command,omitempty"`
	Created  int        `json:"created"`
	Updated  int        `json:"updated"`
	Replaced int        `json:"replaced"`
	Deleted  int        `json:"deleted"`
	Forgot   int        `json:"forgotten"`
	Reverts  []uint64   `json:"reverts,omitempty"`
	Error    string     `json:"error,omitempty"`
	Steps    []stepView `json:"steps,omitempty"`
}

type stepView struct {
	Address      string  `json:"address"`
	Op           string  `json:"op"`
	Outcome      string  `json:"outcome"` // done, failed or unknown
	Seconds      float64 `json:"elapsed_seconds"`
	Error        string  `json:"error,omitempty"`
	Irreversible string  `json:"irreversible,omitempty"`
	Deps         []int   `json:"deps,omitempty"`
}

func viewRun(r *state.Run) runView {
	v := runView{Run: uint64(r.ID), Mode: r.Mode, Result: r.Result.String(), Started: r.Started.UTC(), User: r.Holder.User, Host: r.Holder.Host, Command: r.Holder.Command,
		Created: r.Summary.Created, Updated: r.Summary.Updated, Replaced: r.Summary.Replaced, Deleted: r.Summary.Deleted, Forgot: r.Summary.Forgot, Error: r.Error}
	if !r.Finished.IsZero() {
		at := r.Finished.UTC()
		v.Finished = &at
	}
	for _, id := range r.Reverts {
		v.Reverts = append(v.Reverts, uint64(id))
	}
	return v
}

func viewJournal(j *state.Journal) runView {
	v := viewRun(&j.Run)
	for _, e := range j.Steps {
		s := stepView{Address: e.Intent.Addr.String(), Op: e.Intent.Op, Outcome: "unknown", Irreversible: e.Intent.Irreversible, Deps: e.Intent.Deps}
		if e.Outcome != nil {
			s.Outcome, s.Error = "done", e.Outcome.Error
			if e.Outcome.Failed {
				s.Outcome = "failed"
			}
			s.Seconds = max(e.Outcome.At.Sub(e.Intent.At), 0).Seconds()
		}
		v.Steps = append(v.Steps, s)
	}
	return v
}

// runOf turns a journal into what reports are made of.
func runOf(j *state.Journal) *render.Run {
	v := viewRun(&j.Run)
	r := &render.Run{Number: v.Run, Mode: modeName(v.Mode), Result: cmp.Or(v.Result, "unknown"), Started: v.Started, By: v.User + "@" + v.Host, Effect: summary(&v), Error: v.Error}
	if v.Finished != nil {
		r.Finished = *v.Finished
	}
	for i, s := range viewJournal(j).Steps {
		e := &j.Steps[i]
		step := render.RunStep{Step: e.Intent.Step, Address: e.Intent.Addr, Op: e.Intent.Op, Outcome: s.Outcome, Start: e.Intent.At.UTC(), Error: s.Error, Irreversible: s.Irreversible, Deps: s.Deps}
		if e.Outcome != nil {
			step.End = e.Outcome.At.UTC()
		}
		r.Steps = append(r.Steps, step)
	}
	return r
}

// modeName is what people call the mode of a run.
func modeName(mode string) string {
	if mode == "normal" {
		return "apply"
	}
	return mode
}

func writeRunJSON(w io.Writer, j *state.Journal) error {
	return json.NewEncoder(w).Encode(viewJournal(j))
}

// writeRun shows a run for people.
func writeRun(w io.Writer, j *state.Journal, t *ui.Terminal) {
	v := viewJournal(j)
	fmt.Fprintf(w, "%s  %s, %s\n", t.OutPaint.Bold(fmt.Sprintf("Run %d", v.Run)), modeName(v.Mode), paintResult(t, v.Result))
	fmt.Fprintf(w, "  started   %s by %s\n", v.Started.Format(time.RFC3339), oneLine(v.User+"@"+v.Host))
	if v.Finished != nil {
		fmt.Fprintf(w, "  finished  %s, after %s\n", v.Finished.Format(time.RFC3339), v.Finished.Sub(v.Started).Round(time.Millisecond))
	}
	if len(v.Reverts) > 0 {
		fmt.Fprintf(w, "  undid     run %s\n", strings.Trim(strings.ReplaceAll(fmt.Sprint(v.Reverts), " ", ", "), "[]"))
	}
	fmt.Fprintf(w, "  effect    %s\n", summary(&v))
	if v.Error != "" {
		for i, l := range diag.Wrap(oneLine(v.Error), t.Width-12) {
			fmt.Fprintf(w, "  %-9s %s\n", map[bool]string{true: "error"}[i == 0], l)
		}
	}
	if len(v.Steps) > 0 {
		fmt.Fprintln(w)
	}
	width := 0
	for _, s := range v.Steps {
		width = max(width, len(s.Address))
	}
	for _, s := range v.Steps {
		took := ""
		if s.Outcome != "unknown" {
			took = fmt.Sprintf("%.1fs", s.Seconds)
		}
		line := fmt.Sprintf("  %-7s %-7s %-*s %8s", paintOutcome(t, s.Outcome), s.Op, min(width, 60), oneLine(s.Address), took)
		if s.Irreversible != "" {
			line += "   cannot be undone: " + oneLine(s.Irreversible)
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
		if s.Error != "" {
			for _, l := range diag.Wrap(oneLine(s.Error), t.Width-10) {
				fmt.Fprintf(w, "          %s\n", l)
			}
		}
	}
}

func summary(v *runView) string {
	s := fmt.Sprintf("%d created, %d updated, %d replaced, %d deleted", v.Created, v.Updated, v.Replaced, v.Deleted)
	if v.Forgot > 0 {
		s += fmt.Sprintf(", %d forgotten", v.Forgot)
	}
	return s
}

func paintResult(t *ui.Terminal, result string) string {
	switch strings.TrimSpace(result) { // padded in tables
	case "succeeded":
		return t.OutPaint.Green(result)
	case "failed", "interrupted":
		return t.OutPaint.Red(result)
	}
	return cmp.Or(result, "unknown")
}

// paintOutcome pads before it paints, because colours count as characters.
func paintOutcome(t *ui.Terminal, outcome string) string {
	padded := fmt.Sprintf("%-7s", outcome)
	switch outcome {
	case "done":
		return t.OutPaint.Green(padded)
	case "failed":
		return t.OutPaint.Red(padded)
	}
	return t.OutPaint.Yellow(padded)
}

func oneLine(s string) string { return strings.ReplaceAll(diag.Scrub(s), "\n", " ") }
