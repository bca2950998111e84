package ui

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
)

// CompleteLine returns the line that sums a finished run up; scripts look for it.
func CompleteLine(r *engine.Result) string {
	if r.AlreadyApplied != 0 {
		return fmt.Sprintf("Nothing to do: already applied (run %d).", r.AlreadyApplied)
	}
	s := r.Summary
	counts := fmt.Sprintf("%d created, %d updated, %d replaced, %d deleted.", s.Created, s.Updated, s.Replaced, s.Deleted)
	if s.Imported > 0 {
		counts = fmt.Sprintf("%d imported, %s", s.Imported, counts)
	}
	switch {
	case len(r.Failed) > 0 || r.Outcome.String() == "failed":
		return "Apply failed: " + counts
	case r.Outcome.String() == "interrupted":
		return "Apply interrupted: " + counts
	}
	return "Apply complete: " + counts
}

// Next is a command that the reader may want to run, and what for.
type Next struct{ Command, Why string }

// maxPath bounds how much of the longest chain of steps is named.
const maxPath = 6

// Success says how a run went that needs no further attention.
func Success(w io.Writer, r *engine.Result, paint diag.Paint) {
	fmt.Fprintf(w, "%s\n", paint.Green(paint.Bold(CompleteLine(r))))
	if r.AlreadyApplied != 0 {
		return
	}
	if s := r.Summary.Forgot; s > 0 {
		fmt.Fprintf(w, "%s forgotten: the records are gone, the objects stay.\n", objects(s))
	}
	fmt.Fprintf(w, "Run %d took %s.", r.Run, span(r.Elapsed))
	if len(r.Critical) > 1 && r.Elapsed >= 2*time.Second {
		fmt.Fprintf(w, " The longest chain of steps was %s.", path(r.Critical))
	}
	fmt.Fprintln(w)
}

func path(chain []addr.Instance) string {
	s := ""
	for i, a := range chain {
		if i == maxPath-1 && len(chain) > maxPath {
			return s + fmt.Sprintf(" → … → %s", clean(chain[len(chain)-1].String()))
		}
		if i > 0 {
			s += " → "
		}
		s += clean(a.String())
	}
	return s
}

// maxRows bounds the lists of what was skipped or not begun; what failed is listed whole.
const maxRows = 20

// Failure says what a run that failed or was stopped left undone, with the last words of what failed, and what can be
// done now. It goes to the error stream of t. trail may be nil.
func Failure(t *Terminal, r *engine.Result, trail *Trail, next []Next) {
	w, paint := t.Err, t.ErrPaint
	failed := func(run uint64, a addr.Instance) {
		fmt.Fprintf(w, "  %s   %s\n", paint.Red("failed "), clean(a.String()))
		for _, l := range trail.lines(run, a) {
			for i, part := range diag.Wrap(l, t.Width-14) {
				fmt.Fprintf(w, "%*s%s\n", 12+2*min(i, 1), "", part)
			}
		}
	}
	fmt.Fprintf(w, "%s\n", paint.Red(paint.Bold(CompleteLine(r))))
	fmt.Fprintf(w, "Run %d ended after %s. Everything that took effect is recorded in the state.\n\n", r.Run, span(r.Elapsed))
	for _, a := range r.Failed {
		failed(uint64(r.Run), a)
	}
	for i, s := range r.Skipped {
		if i == maxRows && len(r.Skipped) > maxRows+1 {
			fmt.Fprintf(w, "  %s   %d more\n", paint.Yellow("skipped"), len(r.Skipped)-i)
			break
		}
		name, why := clean(s.Addr.String()), "because "+clean(s.Cause.String())+" failed"
		apart := "   "
		if t.Width > 0 && 12+utf8.RuneCountInString(name+apart+why) > t.Width { // a terminal would break an address
			apart = "\n" + strings.Repeat(" ", 12)
		}
		fmt.Fprintf(w, "  %s   %s%s%s\n", paint.Yellow("skipped"), name, apart, why)
	}
	for i, a := range r.Canceled {
		if i == maxRows && len(r.Canceled) > maxRows+1 {
			fmt.Fprintf(w, "  %s   %d more\n", paint.Yellow("not run"), len(r.Canceled)-i)
			break
		}
		fmt.Fprintf(w, "  %s   %s\n", paint.Yellow("not run"), clean(a.String()))
	}
	if back := r.RolledBack; back != nil {
		fmt.Fprintf(w, "\nThe run was rolled back by run %d: %s\n", back.Run, back.Outcome)
		for _, a := range back.Failed {
			failed(uint64(back.Run), a)
		}
	}
	if len(next) == 0 {
		return
	}
	width := 0
	for _, n := range next {
		width = max(width, len(n.Command))
	}
	fmt.Fprintln(w, "\nWhat you can do now:")
	for _, n := range next {
		if t.Width > 0 && 5+width+len(n.Why) > t.Width { // a command must stay whole, or it cannot be copied
			fmt.Fprintf(w, "  %s\n      %s\n", n.Command, n.Why)
			continue
		}
		fmt.Fprintf(w, "  %-*s   %s\n", width, n.Command, n.Why)
	}
}
