package report

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strings"
)

// The measures of a drawing, in pixels.
const (
	boxHeight, rowGap  = 34, 22
	columnGap, margin  = 150, 20
	glyph, minBoxWidth = 8, 90
)

// SVG writes the map as a drawing: callers on the left of what they call, traffic without mTLS dashed and red. It
// refers to nothing outside itself and follows the viewer's dark or light preference. Its size grows linearly.
func SVG(w io.Writer, edges []Edge) error {
	edges = sorted(edges)
	columns := layers(edges)
	type place struct{ x, y, width int }
	at := map[string]place{}
	x, height := margin, 0
	for _, column := range columns {
		width := minBoxWidth
		for _, n := range column {
			width = max(width, glyph*len([]rune(n))+16)
		}
		for i, n := range column {
			at[n] = place{x, margin + i*(boxHeight+rowGap), width}
		}
		height = max(height, len(column)*(boxHeight+rowGap))
		x += width + columnGap
	}
	width, height := max(x-columnGap+margin, 200), height+2*margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="Dependency map">`+"\n", width, height, width, height)
	b.WriteString(`<style>
.box { fill: #eef3fb; stroke: #4a6fa5 } .name { fill: #1d2b3a } .edge { fill: none; stroke: #3c7a4b; stroke-width: 1.6 } .plain { stroke: #b3261e; stroke-dasharray: 6 4 }
.count { fill: #47566a; font-size: 11px } text { font: 13px ui-monospace, monospace }
@media (prefers-color-scheme: dark) { .box { fill: #1d2b3a; stroke: #7fa3d6 } .name { fill: #e6edf6 } .edge { stroke: #7cc48d } .plain { stroke: #ff8a80 } .count { fill: #a9b7c8 } }
</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto-start-reverse"><path d="M0 0 8 4 0 8Z" fill="context-stroke"/></marker></defs>
`)
	for _, e := range edges {
		from, to := at[e.Caller()], at[e.Callee()]
		x1, y1, x2, y2 := from.x+from.width, from.y+boxHeight/2, to.x, to.y+boxHeight/2
		bend := max((x2-x1)/2, 40)
		if x2 <= x1 { // back, or within a column: around the right side
			x2, bend = to.x+to.width, 70
		}
		class, end := "edge", x2-bend
		if to.x <= from.x {
			end = x2 + bend
		}
		if !e.MTLS {
			class = "edge plain"
		}
		fmt.Fprintf(&b, `<path class="%s" d="M%d %d C%d %d %d %d %d %d" marker-end="url(#tip)"/>`+"\n", class, x1, y1, x1+bend, y1, end, y2, x2, y2)
		fmt.Fprintf(&b, `<text class="count" x="%d" y="%d" text-anchor="middle">%s</text>`+"\n", (x1+x2)/2, (y1+y2)/2-5, html.EscapeString(e.label()))
	}
	for _, n := range nodes(edges) {
		p := at[n]
		fmt.Fprintf(&b, `<rect class="box" x="%d" y="%d" width="%d" height="%d" rx="6"/><text class="name" x="%d" y="%d" text-anchor="middle">%s</text>`+"\n",
			p.x, p.y, p.width, boxHeight, p.x+p.width/2, p.y+boxHeight/2+5, html.EscapeString(n))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// layers puts every name into a column to the right of its callers; a call that closes a circle is left out of account.
func layers(edges []Edge) [][]string {
	calls := map[string][]string{}
	for _, e := range edges {
		if e.Caller() != e.Callee() {
			calls[e.Caller()] = append(calls[e.Caller()], e.Callee())
		}
	}
	names := nodes(edges)
	depth, state := map[string]int{}, map[string]int{}
	var order []string // callees first
	var visit func(string)
	visit = func(n string) {
		state[n] = 1
		for _, m := range calls[n] {
			if state[m] == 0 {
				visit(m)
			}
		}
		state[n] = 2
		order = append(order, n)
	}
	for _, n := range names {
		if state[n] == 0 {
			visit(n)
		}
	}
	rank := map[string]int{}
	for i, n := range order {
		rank[n] = i
	}
	slices.Reverse(order)
	deepest := 0
	for _, n := range order {
		for _, m := range calls[n] {
			if rank[m] < rank[n] {
				depth[m] = max(depth[m], depth[n]+1)
				deepest = max(deepest, depth[m])
			}
		}
	}
	out := make([][]string, deepest+1)
	for _, n := range names {
		out[depth[n]] = append(out[depth[n]], n)
	}
	return out
}
