package ui

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
)

const (
	// redraw is how often the region is drawn again.
	redraw = 100 * time.Millisecond
	// maxRunning and maxWaiting bound the region, so that it fits any window.
	maxRunning, maxWaiting = 8, 3
)

// NewLive returns a view for terminals: what has finished scrolls up, and below it a few lines show what is going on.
func NewLive(t *Terminal) View {
	l := &live{w: t.Err, width: t.Width, paint: t.ErrPaint, ok: "✓", bad: "✗", busy: "…"}
	if t.ASCII {
		l.ok, l.bad, l.busy = "+", "x", "."
	}
	return newPump(l, redraw)
}

type live struct {
	w             io.Writer
	width         int
	paint         diag.Paint
	ok, bad, busy string

	t          tracker
	refreshing int      // objects, while they are being read
	news       []string // finished lines that are not written yet
	drawn      int      // lines of the region on the screen
}

func (l *live) say(text string) { l.news = append(l.news, text) }

func (l *live) sayf(format string, args ...any) { l.say(fmt.Sprintf(format, args...)) }

func (l *live) event(e engine.Event, at time.Time) {
	l.t.event(e, at)
	switch e := e.(type) {
	case engine.RefreshStarted:
		l.refreshing = e.Total
	case engine.RefreshDone:
		l.refreshing = 0
	case engine.StepDone:
		l.sayf(" %s %s", l.paint.Green(l.ok), l.row(e.Step, span(e.Elapsed), ""))
	case engine.StepFailed:
		l.finished(" "+l.paint.Red(l.bad)+" ", e.Step, span(e.Elapsed), firstError(e.Diagnostics))
	case engine.StepSkipped:
		l.finished("   ", e.Step, "", skipped(e))
	case engine.Stopping:
		l.sayf("%s", l.paint.Yellow(stopping(e)))
	}
}

// finished says what became of a step. A text for which the line has no room gets one of its own: a terminal would break
// it in the middle of an address.
func (l *live) finished(sign string, s engine.Step, elapsed, text string) {
	line := l.row(s, elapsed, text)
	if 3+utf8.RuneCountInString(line) <= l.width {
		l.say(sign + line)
		return
	}
	l.say(sign + strings.TrimRight(l.row(s, elapsed, ""), " "))
	l.say(strings.Repeat(" ", 11) + text)
}

// row writes one step.
func (l *live) row(s engine.Step, elapsed, text string) string {
	if elapsed == "" {
		return fmt.Sprintf("%-7s %-*s  %s", s.Op, l.column(), clean(s.Addr.String()), text)
	}
	return strings.TrimRight(fmt.Sprintf("%-7s %-*s %6s  %s", s.Op, l.column(), clean(s.Addr.String()), elapsed, text), " ")
}

// column is how much room addresses get.
func (l *live) column() int { return max(min(l.width/2, 60)-8, 20) }

func (l *live) tick(at time.Time) { l.draw(l.region(at)) }

func (l *live) end(time.Time) { l.draw(nil) }

// region is what stays at the bottom.
func (l *live) region(at time.Time) (out []string) {
	if l.refreshing > 0 {
		return []string{fmt.Sprintf("Refreshing %s...", objects(l.refreshing))}
	}
	if l.t.plan == nil || l.t.finished == l.t.total && len(l.t.running) == 0 {
		return nil
	}
	out = append(out, l.paint.Bold(fmt.Sprintf("[+] Applying %d/%d   %s", l.t.finished, l.t.total, span(at.Sub(l.t.started)))))
	active := l.t.active()
	for i, a := range active {
		if i == maxRunning && len(active) > maxRunning+1 {
			out = append(out, l.paint.Faint(fmt.Sprintf("   and %d more in progress", len(active)-i)))
			break
		}
		out = append(out, " "+l.paint.Yellow(l.busy)+" "+l.row(a.step, span(at.Sub(a.since)), says(a.progress)))
	}
	waiting, rest := l.t.blocked(maxWaiting)
	for _, b := range waiting {
		out = append(out, "   "+l.row(b.step, "", "waiting for: "+names(b.waitingFor)))
	}
	if more := rest - len(waiting); more > 0 {
		out = append(out, l.paint.Faint(fmt.Sprintf("   %d more to come", more)))
	}
	for i, line := range out { // a line that wrapped would break the counting of lines
		out[i] = l.fit(line)
	}
	return out
}

// fit cuts a line of the region to the width of the terminal, not counting colours. Lines that scroll up stay whole,
// so that addresses can be copied.
func (l *live) fit(s string) string {
	var b strings.Builder
	used, escape, cut := 0, false, false
	for _, r := range s {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		case used >= l.width-2:
			if !cut {
				b.WriteRune('…')
			}
			cut = true
			continue
		default:
			used++
		}
		b.WriteRune(r)
	}
	return b.String()
}

// draw replaces the region. Nothing is written when nothing changes.
func (l *live) draw(region []string) {
	if l.drawn == 0 && len(region) == 0 && len(l.news) == 0 {
		return
	}
	var b strings.Builder
	if l.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r\x1b[J", l.drawn)
	}
	for _, line := range append(l.news, region...) {
		b.WriteString(line + "\n")
	}
	l.news, l.drawn = nil, len(region)
	io.WriteString(l.w, b.String())
}
