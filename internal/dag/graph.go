// Package dag is a directed graph of dependencies, the algorithms on it and a bounded concurrent walk over it.
//
// The central idea: an edge always reads "n depends on dep", and every answer comes in one order, that of the compare
// function given to New. The graph is built first and asked afterwards. The first question lays the edges out in two
// flat arrays, one for each direction, numbered by that order, so that a neighbour list is a sub-slice that is already
// sorted, and a graph of 100,000 nodes costs a few megabytes.
//
// Caveats:
//   - Adding after asking throws the layout away, and the next question pays O(V log V + E) again. To derive edges from
//     the graph itself, collect them first and add them in one go.
//   - Sorting by compare is the dearest part with large keys. Nodes that are added in order cost almost nothing there.
//   - Cycles may be built. Sort reports them with one shortest cycle, Cycles lists all knots, and Walk refuses them.
//   - No algorithm here recurses: a chain of a million nodes is as good as any other graph.
package dag

import (
	"iter"
	"maps"
	"slices"
	"sync/atomic"
)

// Graph is a directed graph whose edges say "n depends on dep". Make one with New. Any number of goroutines may ask
// at once, but nobody may ask while somebody adds.
type Graph[K comparable] struct {
	compare func(a, b K) int
	index   map[K]int32 // position in nodes
	nodes   []K         // as they were added
	edges   []edge      // as they were added, repetitions included
	laid    atomic.Pointer[layout[K]]
}

// edge holds positions in Graph.nodes.
type edge struct{ node, dep int32 }

// New returns an empty graph whose answers are sorted by compare. Different nodes that compare as equal stay in the
// order in which they were added.
func New[K comparable](compare func(a, b K) int) *Graph[K] {
	return &Graph[K]{compare: compare, index: make(map[K]int32)}
}

// Add adds n and its dependencies, which need not have been added before. Nodes and edges that are there already are
// not doubled. A node that depends on itself is a cycle of length one.
func (g *Graph[K]) Add(n K, deps ...K) {
	i := g.add(n)
	for _, dep := range deps {
		g.edges = append(g.edges, edge{i, g.add(dep)})
	}
	g.laid.Store(nil)
}

// AddEdge says that n depends on dep and adds both if need be.
func (g *Graph[K]) AddEdge(n, dep K) { g.Add(n, dep) }

func (g *Graph[K]) add(n K) int32 {
	i, ok := g.index[n]
	if !ok {
		i = int32(len(g.nodes))
		g.index[n] = i
		g.nodes = append(g.nodes, n)
	}
	return i
}

// Has reports whether n is a node. It needs no layout, so it may be mixed freely with Add.
func (g *Graph[K]) Has(n K) bool {
	_, ok := g.index[n]
	return ok
}

// Len returns the number of nodes. It needs no layout, so it may be mixed freely with Add.
func (g *Graph[K]) Len() int { return len(g.nodes) }

// EdgeCount returns the number of different edges.
func (g *Graph[K]) EdgeCount() int { return len(g.layout().deps.to) }

// Nodes yields every node, sorted.
func (g *Graph[K]) Nodes() iter.Seq[K] {
	l := g.layout()
	return func(yield func(K) bool) {
		for r := range l.len() {
			if !yield(l.key(r)) {
				return
			}
		}
	}
}

// Deps yields what n depends on directly, sorted; nothing if n is not a node.
func (g *Graph[K]) Deps(n K) iter.Seq[K] {
	l := g.layout()
	return l.neighbours(l.deps, g, n)
}

// Dependents yields what depends on n directly, sorted; nothing if n is not a node.
func (g *Graph[K]) Dependents(n K) iter.Seq[K] {
	l := g.layout()
	return l.neighbours(l.dependents, g, n)
}

// Reverse returns a new graph with the same nodes and every edge turned round: the order in which to take down what g
// builds up. The two graphs share nothing that changes.
func (g *Graph[K]) Reverse() *Graph[K] {
	l := g.layout()
	r := g.with(make([]edge, len(g.edges)))
	for i, e := range g.edges {
		r.edges[i] = edge{node: e.dep, dep: e.node}
	}
	turned := *l
	turned.deps, turned.dependents = l.dependents, l.deps
	r.laid.Store(&turned)
	return r
}

// with returns a graph of the same nodes with other edges.
func (g *Graph[K]) with(edges []edge) *Graph[K] {
	return &Graph[K]{compare: g.compare, index: maps.Clone(g.index), nodes: slices.Clone(g.nodes), edges: edges}
}
