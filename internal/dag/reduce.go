package dag

import "slices"

// Reduce returns a new graph with the fewest edges that leave the same nodes reachable from each other (the transitive
// reduction), for drawing. A graph with a cycle has no single such graph and is returned as a copy, so that it can be
// drawn with its cycle.
//
// It needs O(V) memory on top of the result. The time is O(V·E) at worst, for layers that are densely connected over
// long distances; a node with one dependency costs nothing, and a search never goes below the lowest direct dependency
// of the node that it is for, so configurations of the usual kind cost little more than O(V + E).
func (g *Graph[K]) Reduce() *Graph[K] {
	l := g.layout()
	order := l.sort()
	if int32(len(order)) < l.len() {
		return g.with(slices.Clone(g.edges))
	}
	place := make([]int32, l.len())
	for i, r := range order {
		place[r] = int32(i)
	}
	// All below is in places, so "depends on" always points to a lower number, and what is reduced already serves the
	// searches that follow.
	var (
		edges []edge
		kept  = adjacency{start: make([]int32, 1, len(order)+1)}
		seen  = make([]int32, len(order)) // the node, plus one, of the last search that came by
		deps  []int32
		stack []int32
	)
	for p, r := range order {
		deps = deps[:0]
		for _, dep := range l.deps.of(r) {
			deps = append(deps, place[dep])
		}
		slices.Sort(deps)
		for i := len(deps) - 1; i >= 0; i-- { // the nearest first: it may reach the others, never the other way round
			dep := deps[i]
			if seen[dep] == int32(p)+1 {
				continue
			}
			kept.to = append(kept.to, dep)
			edges = append(edges, edge{node: l.byRank[r], dep: l.byRank[order[dep]]})
			if i == 0 {
				break
			}
			stack = append(stack[:0], dep)
			for len(stack) > 0 {
				at := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				for _, below := range kept.of(at) {
					if below >= deps[0] && seen[below] != int32(p)+1 {
						seen[below] = int32(p) + 1
						stack = append(stack, below)
					}
				}
			}
		}
		kept.start = append(kept.start, int32(len(kept.to)))
	}
	return g.with(edges)
}
