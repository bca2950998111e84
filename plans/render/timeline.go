package render

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The measures of a timeline, in pixels.
const (
	barHeight = 16.0
	barPitch  = 22.0
	axisTop   = 26.0
	barsWidth = 820.0
)

// timeline draws one bar for each step: when it began, how long it took, and which steps decided the length of the run.
func (r *Run) timeline(critical []int) (template.HTML, string) {
	rows := r.shown(critical)
	last := r.last()
	total := max(last.Sub(r.Started), time.Millisecond)
	left := 0.0
	for _, i := range rows {
		left = max(left, float64(utf8.RuneCountInString(short(oneLine(r.Steps[i].Address.String()))))*charWidth)
	}
	left += 24
	at := func(t time.Time) float64 {
		return left + barsWidth*math.Min(math.Max(float64(t.Sub(r.Started))/float64(total), 0), 1)
	}
	height := axisTop + float64(len(rows))*barPitch + margin
	var b strings.Builder
	width := left + barsWidth + 90
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="gantt" role="img" aria-label="Timeline of the run" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f">`+"\n", width, height, width, height)
	for d := time.Duration(0); d <= total; d += tick(total) {
		x := at(r.Started.Add(d))
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%.0f" x2="%.1f" y2="%.0f"/><text class="tick" x="%.1f" y="16">%s</text>`+"\n", x, axisTop-4, x, height-margin, x+3, duration(d))
	}
	for row, i := range rows {
		s := &r.Steps[i]
		y := axisTop + float64(row)*barPitch
		class := s.Outcome
		if s.Outcome == "done" && slices.Contains(critical, i) {
			class += " critical"
		}
		took := duration(s.took(last))
		x, end := at(s.Start), at(s.Start.Add(s.took(last)))
		name := oneLine(s.Address.String())
		fmt.Fprintf(&b, `<g class="%s"><title>%s</title><text x="8" y="%.1f">%s</text><rect x="%.1f" y="%.1f" width="%.1f" height="%.0f" rx="3"/><text class="tick" x="%.1f" y="%.1f">%s</text></g>`+"\n",
			class, html.EscapeString(fmt.Sprintf("%s %s: %s, %s", s.Op, name, s.Outcome, took)), y+barHeight-4, html.EscapeString(short(name)), x, y, math.Max(end-x, 2), barHeight, end+6, y+barHeight-4, took)
	}
	b.WriteString("</svg>\n")
	note := "Steps of the critical path are marked: only when they get faster does the run get faster."
	if len(rows) < len(r.Steps) {
		note = fmt.Sprintf("The longest %d of %d steps. ", len(rows), len(r.Steps)) + note
	}
	return template.HTML(b.String()), note // every text above is escaped
}

// tick returns a round distance of marks on the axis, at most ten of them.
func tick(total time.Duration) time.Duration {
	for unit := time.Millisecond; ; unit *= 10 {
		for _, n := range []time.Duration{1, 2, 5} {
			if total/(n*unit) < 10 {
				return n * unit
			}
		}
	}
}
