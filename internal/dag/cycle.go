package dag

import (
	"fmt"
	"slices"
	"strings"
)

// CycleError says that a graph has no topological order.
type CycleError[K comparable] struct {
	// Cycle is a shortest cycle: each member depends on the next and the last on the first. It begins with its least
	// member; of several shortest cycles it is the one whose least member is least.
	Cycle []K
}

// Error names the members of the cycle; of a very long one only the ends.
func (e *CycleError[K]) Error() string {
	const ends = 8
	var b strings.Builder
	b.WriteString("dependency cycle: ")
	for i, n := range e.Cycle {
		switch hidden := len(e.Cycle) - 2*ends; {
		case hidden <= 1 || i < ends || i >= len(e.Cycle)-ends:
			fmt.Fprintf(&b, "%v → ", n)
		case i == ends:
			fmt.Fprintf(&b, "(%d more) → ", hidden)
		}
	}
	fmt.Fprintf(&b, "%v", e.Cycle[0])
	return b.String()
}

// Cycles returns every set of nodes that depend on each other in a circle (the strongly connected components that hold
// a cycle), sorted inside and by their first members; none if the graph can be sorted. It costs O(V + E).
func (g *Graph[K]) Cycles() [][]K {
	l := g.layout()
	knot := l.knots()
	var sets [][]K
	place := make(map[int32]int)
	for r := range l.len() {
		if knot[r] < 0 {
			continue
		}
		i, ok := place[knot[r]]
		if !ok {
			i = len(sets)
			place[knot[r]] = i
			sets = append(sets, nil)
		}
		sets[i] = append(sets[i], l.key(r))
	}
	return sets
}

// knots returns for each node a number that it shares with exactly the nodes which it depends on and which depend on
// it, or -1 if it is on no cycle. This is Tarjan's algorithm with the call stack in a slice.
func (l *layout[K]) knots() []int32 {
	n := l.len()
	var (
		knot  = make([]int32, n) // 0: not decided yet
		found = make([]int32, n) // order of discovery from 1
		low   = make([]int32, n) // the earliest discovered node on the path that can be reached
		next  = slices.Clone(l.deps.start[:n])
		path  []int32 // the call stack
		open  []int32 // discovered, not decided
		count int32
	)
	for root := range n {
		if found[root] != 0 {
			continue
		}
		path = append(path, root)
		for len(path) > 0 {
			r := path[len(path)-1]
			if found[r] == 0 {
				count++
				found[r], low[r] = count, count
				open = append(open, r)
			}
			if next[r] < l.deps.start[r+1] {
				dep := l.deps.to[next[r]]
				next[r]++
				if found[dep] == 0 {
					path = append(path, dep)
				} else if knot[dep] == 0 {
					low[r] = min(low[r], found[dep])
				}
				continue
			}
			path = path[:len(path)-1]
			if len(path) > 0 {
				up := path[len(path)-1]
				low[up] = min(low[up], low[r])
			}
			if low[r] < found[r] {
				continue
			}
			from := len(open) - 1
			for open[from] != r {
				from--
			}
			id := found[r]
			if _, self := slices.BinarySearch(l.deps.of(r), r); from == len(open)-1 && !self {
				id = -1
			}
			for _, member := range open[from:] {
				knot[member] = id
			}
			open = open[:from]
		}
	}
	return knot
}

// cycleBudget bounds the edges looked at in search of a shorter cycle. It is never reached by a graph in which cycles
// are few or short; beyond it, the shortest cycle found so far has to do.
const cycleBudget = 50_000_000

// cycleError finds a shortest cycle of a graph that has one. It searches breadth first from each node in turn, no
// deeper than the best cycle so far, then removes the node, because all cycles through it are known, together with
// all nodes that are on no cycle without it. So a single ring costs O(V + E), whatever its length.
func (l *layout[K]) cycleError() *CycleError[K] {
	s := cycleSearch[K]{layout: l, knot: l.knots(), seen: make([]int32, l.len()), parent: make([]int32, l.len())}
	s.countDegrees()
	var best []int32
	for r := range l.len() {
		if s.knot[r] < 0 {
			continue
		}
		if c := s.through(r, len(best)); c != nil {
			best = c
		}
		if len(best) == 1 || s.cost > cycleBudget {
			break
		}
		s.remove(r)
	}
	return &CycleError[K]{Cycle: l.keys(best)}
}

type cycleSearch[K comparable] struct {
	*layout[K]
	knot    []int32 // as knots returns it; -1 once a node is removed
	in, out []int32 // edges to and from nodes of the same knot that are left
	seen    []int32 // the start, plus one, of the last search that came by
	parent  []int32
	queue   []int32
	cost    int
}

func (s *cycleSearch[K]) countDegrees() {
	s.in, s.out = make([]int32, s.len()), make([]int32, s.len())
	for r := range s.len() {
		for _, dep := range s.deps.of(r) {
			if s.knot[r] >= 0 && s.knot[r] == s.knot[dep] {
				s.out[r]++
				s.in[dep]++
			}
		}
	}
}

// through returns a shortest cycle through start if it is shorter than limit; a limit of zero stands for none.
func (s *cycleSearch[K]) through(start int32, limit int) []int32 {
	s.queue = append(s.queue[:0], start)
	s.seen[start] = start + 1
	from := 0
	for length := 1; from < len(s.queue) && (limit == 0 || length < limit); length++ {
		for level := len(s.queue); from < level; from++ {
			r := s.queue[from]
			for _, dep := range s.deps.of(r) {
				s.cost++
				if dep == start {
					return s.trace(r, start, length)
				}
				if s.knot[dep] == s.knot[start] && s.seen[dep] != start+1 {
					s.seen[dep] = start + 1
					s.parent[dep] = r
					s.queue = append(s.queue, dep)
				}
			}
		}
	}
	return nil
}

func (s *cycleSearch[K]) trace(last, start int32, length int) []int32 {
	c := make([]int32, length)
	for i := length - 1; i > 0; i-- {
		c[i] = last
		last = s.parent[last]
	}
	c[0] = start
	return c
}

// remove takes r out of its knot, and then whatever has lost its last edge into or out of it.
func (s *cycleSearch[K]) remove(r int32) {
	gone := append(s.queue[:0], r)
	id := s.knot[r]
	s.knot[r] = -1
	for len(gone) > 0 {
		r, gone = gone[len(gone)-1], gone[:len(gone)-1]
		for _, dep := range s.deps.of(r) {
			if s.knot[dep] == id {
				if s.in[dep]--; s.in[dep] == 0 {
					s.knot[dep] = -1
					gone = append(gone, dep)
				}
			}
		}
		for _, d := range s.dependents.of(r) {
			if s.knot[d] == id {
				if s.out[d]--; s.out[d] == 0 {
					s.knot[d] = -1
					gone = append(gone, d)
				}
			}
		}
	}
	s.queue = gone
}
