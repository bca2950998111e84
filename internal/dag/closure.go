package dag

// Ancestors returns the given nodes and everything that they depend on, directly or not, sorted. What is not a node is
// ignored. The cost is that of looking at all nodes once, so ask once for many nodes instead of many times for one.
func (g *Graph[K]) Ancestors(ns ...K) []K {
	l := g.layout()
	return l.closure(l.deps, g, ns)
}

// Descendants returns the given nodes and everything that depends on them, directly or not, sorted. What is not a node
// is ignored. The cost is that of Ancestors.
func (g *Graph[K]) Descendants(ns ...K) []K {
	l := g.layout()
	return l.closure(l.dependents, g, ns)
}

func (l *layout[K]) closure(a adjacency, g *Graph[K], ns []K) []K {
	seen := make([]bool, l.len())
	var stack []int32
	var count int
	mark := func(r int32) {
		if !seen[r] {
			seen[r] = true
			count++
			stack = append(stack, r)
		}
	}
	for _, n := range ns {
		if i, ok := g.index[n]; ok {
			mark(l.rank[i])
		}
	}
	for len(stack) > 0 {
		r := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		for _, other := range a.of(r) {
			mark(other)
		}
	}
	ks := make([]K, 0, count)
	for r := range l.len() {
		if seen[r] {
			ks = append(ks, l.key(r))
		}
	}
	return ks
}
