package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/meshplan/meshplan/plans"
)

// DOT writes the order of the plan's steps for Graphviz: an arrow leads from what comes first to what waits for it.
func DOT(w io.Writer, p *plans.Plan) error {
	d := draw(p)
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, "digraph meshplan {")
	fmt.Fprintln(b, "  rankdir = LR;")
	fmt.Fprintln(b, `  node [shape = box, style = "rounded,filled", fillcolor = white, fontname = "monospace"];`)
	for n := range d.graph.Nodes() {
		v := d.nodes[n]
		switch {
		case v.hub:
			fmt.Fprintf(b, "  n%d [shape = point, tooltip = %s];\n", n, dotString(v.label))
		case v.verb != "":
			fmt.Fprintf(b, "  n%d [label = %s, fillcolor = %s];\n", n, dotString(v.verb+"\n"+v.label), dotColor(v.action))
		default:
			fmt.Fprintf(b, "  n%d [label = %s];\n", n, dotString(v.label))
		}
	}
	for n := range d.graph.Nodes() {
		for dep := range d.graph.Deps(n) {
			fmt.Fprintf(b, "  n%d -> n%d;\n", dep, n)
		}
	}
	fmt.Fprintln(b, "}")
	return b.Flush()
}

// dotString quotes a label. The backslash is doubled because Graphviz reads escapes of its own.
func dotString(s string) string {
	s = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s)
	return `"` + s + `"`
}

func dotColor(a plans.Action) string {
	switch a {
	case plans.Create:
		return "palegreen"
	case plans.Update:
		return "khaki"
	case plans.Replace:
		return "plum"
	case plans.Delete:
		return "lightcoral"
	case plans.Read:
		return "lightblue"
	}
	return "white"
}
