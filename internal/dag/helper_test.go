package dag

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parse reads "b: a c; d: b" as: b depends on a and c, and d on b.
func parse(s string) *Graph[string] {
	g := New(strings.Compare)
	for part := range strings.SplitSeq(s, ";") {
		if n, deps, _ := strings.Cut(part, ":"); strings.TrimSpace(n) != "" {
			g.Add(strings.TrimSpace(n), strings.Fields(deps)...)
		}
	}
	return g
}

// text is the inverse of parse.
func text[K ~string](g *Graph[K]) string {
	var parts []string
	for n := range g.Nodes() {
		part := string(n) + ":"
		for dep := range g.Deps(n) {
			part += " " + string(dep)
		}
		parts = append(parts, strings.TrimSuffix(part, ":"))
	}
	return strings.Join(parts, "; ")
}

// anyGraph draws a small graph, with cycles more often than not.
func anyGraph(t *rapid.T) *Graph[int] {
	n := rapid.IntRange(1, 10).Draw(t, "nodes")
	g := New(cmp.Compare[int])
	for i := range n {
		g.Add(i)
	}
	node := rapid.IntRange(0, n-1)
	for range rapid.IntRange(0, 2*n).Draw(t, "edges") {
		g.AddEdge(node.Draw(t, "node"), node.Draw(t, "dep"))
	}
	return g
}

// acyclic draws a small graph without cycles; the numbers of its nodes say nothing about their order.
func acyclic(t *rapid.T) *Graph[int] {
	n := rapid.IntRange(1, 12).Draw(t, "nodes")
	name := rapid.Permutation(upTo(n)).Draw(t, "names")
	g := New(cmp.Compare[int])
	for i := range n {
		g.Add(name[i])
		for range rapid.IntRange(0, min(i, 3)).Draw(t, "deps") {
			g.AddEdge(name[i], name[rapid.IntRange(0, i-1).Draw(t, "dep")])
		}
	}
	return g
}

func upTo(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// reaches is the plain meaning of "depends on, directly or not": the transitive closure by repeated relaxation.
func reaches(g *Graph[int]) map[[2]int]bool {
	c := make(map[[2]int]bool)
	for n := range g.Nodes() {
		for dep := range g.Deps(n) {
			c[[2]int{n, dep}] = true
		}
	}
	for m := range g.Nodes() {
		for a := range g.Nodes() {
			for b := range g.Nodes() {
				if c[[2]int{a, m}] && c[[2]int{m, b}] {
					c[[2]int{a, b}] = true
				}
			}
		}
	}
	return c
}

func hasEdge(g *Graph[int], n, dep int) bool { return slices.Contains(slices.Collect(g.Deps(n)), dep) }

// The shapes of large graphs.
var shapes = []struct {
	name string
	add  func(g *Graph[int], n int)
}{
	{"chain", func(g *Graph[int], n int) {
		g.Add(0)
		for i := 1; i < n; i++ {
			g.AddEdge(i, i-1)
		}
	}},
	{"fan-in", func(g *Graph[int], n int) { // one node depends on all others
		for i := range n - 1 {
			g.AddEdge(n-1, i)
		}
	}},
	{"fan-out", func(g *Graph[int], n int) { // all others depend on one node
		for i := 1; i < n; i++ {
			g.AddEdge(i, 0)
		}
	}},
	{"wide", func(g *Graph[int], n int) {
		for i := range n {
			g.Add(i)
		}
	}},
	{"random", func(g *Graph[int], n int) { // three edges a node, added in no order
		r := rand.New(rand.NewPCG(1, 2))
		name := r.Perm(n)
		for i := range n {
			g.Add(name[i])
			for range min(i, 3) {
				g.AddEdge(name[i], name[r.IntN(i)])
			}
		}
	}},
}
