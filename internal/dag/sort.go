package dag

// Sort returns the nodes with dependencies first. Among the nodes whose dependencies are all out, the least by the
// compare order is next, so the result is the same for equal graphs however they were built. It costs O(V log V + E).
// If there is no such order the error is a *CycleError.
func (g *Graph[K]) Sort() ([]K, error) {
	l := g.layout()
	order := l.sort()
	if int32(len(order)) < l.len() {
		return nil, l.cycleError()
	}
	return l.keys(order), nil
}

// sort returns the ranks in topological order. Nodes on a cycle, and those that depend on them, are left out.
func (l *layout[K]) sort() []int32 {
	n := l.len()
	left := make([]int32, n)
	var ready minHeap
	for r := range n {
		left[r] = int32(len(l.deps.of(r)))
		if left[r] == 0 {
			ready.push(r)
		}
	}
	order := make([]int32, 0, n)
	for len(ready) > 0 {
		r := ready.pop()
		order = append(order, r)
		for _, d := range l.dependents.of(r) {
			if left[d]--; left[d] == 0 {
				ready.push(d)
			}
		}
	}
	return order
}
