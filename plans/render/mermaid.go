package render

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/meshplan/meshplan/plans"
)

// MermaidOptions bound a drawing. The zero value draws everything; whoever shows it may refuse one that is too large
// (GitHub and others stop at 500 edges and 50,000 characters).
type MermaidOptions struct{ MaxNodes, MaxEdges, MaxBytes int }

// Mermaid writes the order of the plan's steps as a Mermaid flowchart: an arrow leads from what comes first to what
// waits for it. It reports false, and writes nothing, when the drawing is larger than the options allow.
func Mermaid(w io.Writer, p *plans.Plan, o MermaidOptions) (bool, error) {
	d := draw(p)
	over := func(n, limit int) bool { return limit > 0 && n > limit }
	if over(d.graph.Len(), o.MaxNodes) || over(d.graph.EdgeCount(), o.MaxEdges) {
		return false, nil
	}
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	classes := map[plans.Action][]string{}
	for n := range d.graph.Nodes() {
		v := d.nodes[n]
		switch {
		case v.hub:
			fmt.Fprintf(&b, "  n%d(( ))\n", n)
		case v.verb != "":
			fmt.Fprintf(&b, "  n%d[\"%s %s\"]\n", n, v.verb, mermaidText(v.label))
			classes[v.action] = append(classes[v.action], fmt.Sprintf("n%d", n))
		default:
			fmt.Fprintf(&b, "  n%d[\"%s\"]\n", n, mermaidText(v.label))
		}
	}
	for n := range d.graph.Nodes() {
		for dep := range d.graph.Deps(n) {
			fmt.Fprintf(&b, "  n%d --> n%d\n", dep, n)
		}
	}
	for _, a := range shown {
		if nodes := classes[a]; len(nodes) > 0 {
			fmt.Fprintf(&b, "  classDef %s %s\n  class %s %s\n", mermaidClass(a), mermaidStyle(a), strings.Join(nodes, ","), mermaidClass(a))
		}
	}
	if over(b.Len(), o.MaxBytes) {
		return false, nil
	}
	out := bufio.NewWriter(w)
	out.WriteString(b.String())
	return true, out.Flush()
}

// mermaidText writes every character that could mean something to Mermaid, HTML or Markdown as an entity.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || slices.Contains([]rune("._-/ []:"), r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}

func mermaidClass(a plans.Action) string { return "a" + strings.ReplaceAll(a.String(), "-", "") }

// mermaidStyle names the colour of the text as well, so that it can be read on dark pages.
func mermaidStyle(a plans.Action) string {
	switch a {
	case plans.Create:
		return "fill:#d5f5d5,stroke:#2a7a2a,color:#000"
	case plans.Update:
		return "fill:#fbf3c4,stroke:#8a7a10,color:#000"
	case plans.Replace:
		return "fill:#ecd5f5,stroke:#7a2a8a,color:#000"
	case plans.Delete:
		return "fill:#f8d0d0,stroke:#a02020,color:#000"
	}
	return "fill:#d8e8f8,stroke:#3060a0,color:#000"
}
