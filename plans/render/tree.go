package render

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/meshplan/meshplan/plans"
)

// TreeOptions say how Tree draws. The zero value uses box characters.
type TreeOptions struct{ ASCII bool }

// Tree writes what depends on what as an indented tree. Its roots are what nothing depends on, and below a node is
// what it depends on. A node is unfolded where it appears first; later places refer to it with an arrow.
func Tree(w io.Writer, p *plans.Plan, o TreeOptions) error {
	d := draw(p)
	t := &treeWriter{w: bufio.NewWriter(w), d: d, seen: map[int]bool{}, tee: "├─ ", end: "└─ ", bar: "│  ", up: " ↑"}
	if o.ASCII {
		t.tee, t.end, t.bar, t.up = "|- ", "`- ", "|  ", " (above)"
	}
	for n := range d.graph.Nodes() {
		root := true
		for range d.graph.Dependents(n) {
			root = false
			break
		}
		if root {
			t.unfold(n)
		}
	}
	return t.w.Flush()
}

type treeWriter struct {
	w                 *bufio.Writer
	d                 *drawing
	seen              map[int]bool
	tee, end, bar, up string
}

// branch is a node that waits to be written.
type branch struct {
	node           int
	prefix, joiner string
}

// unfold writes a root and all below it, without recursion: a chain may be long.
func (t *treeWriter) unfold(root int) {
	todo := []branch{{node: root}}
	for len(todo) > 0 {
		b := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		deps := slices.Collect(t.d.graph.Deps(b.node))
		again := t.seen[b.node] && len(deps) > 0
		t.seen[b.node] = true
		t.line(b, again)
		if again {
			continue
		}
		prefix := b.prefix
		switch b.joiner {
		case t.tee:
			prefix += t.bar
		case t.end:
			prefix += strings.Repeat(" ", len([]rune(t.end)))
		}
		for i, dep := range slices.Backward(deps) {
			joiner := t.tee
			if i == len(deps)-1 {
				joiner = t.end
			}
			todo = append(todo, branch{dep, prefix, joiner})
		}
	}
}

func (t *treeWriter) line(b branch, again bool) {
	v := t.d.nodes[b.node]
	label := v.label
	switch {
	case v.hub && label == "":
		label = "(all of:)"
	case v.hub:
		label += " (all of:)"
	case v.verb != "":
		label = v.verb + " " + label
	}
	if again {
		label += t.up
	}
	fmt.Fprintf(t.w, "%s%s%s\n", b.prefix, b.joiner, label)
}
