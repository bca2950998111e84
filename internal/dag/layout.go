package dag

import (
	"cmp"
	"iter"
	"slices"
)

// layout is a graph made ready for questions. Nodes go by their rank, the position in sorted order, so comparing two
// nodes is comparing two numbers. A layout never changes once it is made.
type layout[K comparable] struct {
	nodes      []K     // in insertion order, shared with the graph, which only ever appends
	byRank     []int32 // rank → position in nodes
	rank       []int32 // position in nodes → rank
	deps       adjacency
	dependents adjacency
}

// adjacency holds the neighbours of every node, ascending, one node's after the other's.
type adjacency struct {
	start []int32 // the neighbours of r are to[start[r]:start[r+1]]
	to    []int32
}

func (a adjacency) of(r int32) []int32 { return a.to[a.start[r]:a.start[r+1]] }

func (l *layout[K]) len() int32 { return int32(len(l.byRank)) }

func (l *layout[K]) key(r int32) K { return l.nodes[l.byRank[r]] }

func (l *layout[K]) keys(ranks []int32) []K {
	ks := make([]K, len(ranks))
	for i, r := range ranks {
		ks[i] = l.key(r)
	}
	return ks
}

func (l *layout[K]) neighbours(a adjacency, g *Graph[K], n K) iter.Seq[K] {
	return func(yield func(K) bool) {
		i, ok := g.index[n]
		if !ok || int(i) >= len(l.rank) {
			return
		}
		for _, r := range a.of(l.rank[i]) {
			if !yield(l.key(r)) {
				return
			}
		}
	}
}

// layout returns the layout of the graph as it is now. Goroutines that ask at once may each make one; they are equal.
func (g *Graph[K]) layout() *layout[K] {
	if l := g.laid.Load(); l != nil {
		return l
	}
	n := len(g.nodes)
	l := &layout[K]{nodes: g.nodes, byRank: make([]int32, n), rank: make([]int32, n)}
	for i := range l.byRank {
		l.byRank[i] = int32(i)
	}
	slices.SortFunc(l.byRank, func(a, b int32) int {
		if c := g.compare(g.nodes[a], g.nodes[b]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	for r, i := range l.byRank {
		l.rank[i] = int32(r)
	}
	// Turning the edges round twice sorts them as well: the first time by dependent, the second by dependency.
	l.deps = l.bucket(g.edges).turned()
	l.dependents = l.deps.turned()
	g.laid.Store(l)
	return l
}

// bucket groups the edges by dependency, neither sorted nor rid of repetitions.
func (l *layout[K]) bucket(edges []edge) adjacency {
	a := adjacency{start: make([]int32, len(l.nodes)+1), to: make([]int32, len(edges))}
	for _, e := range edges {
		a.start[l.rank[e.dep]+1]++
	}
	a.sum()
	at := slices.Clone(a.start)
	for _, e := range edges {
		dep := l.rank[e.dep]
		a.to[at[dep]] = l.rank[e.node]
		at[dep]++
	}
	return a
}

// turned returns the edges the other way round, sorted and without repetitions.
func (a adjacency) turned() adjacency {
	n := int32(len(a.start) - 1)
	t := adjacency{start: make([]int32, n+1)}
	last := make([]int32, n) // the neighbour that the node got last, plus one
	for r := range n {
		for _, other := range a.of(r) {
			if last[other] != r+1 {
				last[other] = r + 1
				t.start[other+1]++
			}
		}
	}
	t.sum()
	t.to = make([]int32, t.start[n])
	at := slices.Clone(t.start)
	clear(last)
	for r := range n {
		for _, other := range a.of(r) {
			if last[other] != r+1 {
				last[other] = r + 1
				t.to[at[other]] = r
				at[other]++
			}
		}
	}
	return t
}

// sum turns counts, each stored one place up, into starts.
func (a adjacency) sum() {
	for i := 1; i < len(a.start); i++ {
		a.start[i] += a.start[i-1]
	}
}
