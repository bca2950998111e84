package dag

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Report is the outcome of a walk. It is complete when Walk returns it, and never changes afterwards.
type Report[K comparable] struct {
	Outcomes []Outcome[K] // one for each node, sorted by the compare order of the graph
	Started  time.Time    // UTC
	Finished time.Time    // UTC

	graph   *Graph[K]
	layout  *layout[K]
	refused error // the graph has a cycle, so nothing was visited
	stopped error // why the walk was told to stop
	counts  [Canceled + 1]int
}

// Outcome is what became of one node.
type Outcome[K comparable] struct {
	Node   K
	Status Status // Done, Failed, Skipped or Canceled
	Err    error  // what the visit returned; nil unless Failed

	// Cause is the outcome of the failed node because of which this one was Skipped: the root of the trouble, not the
	// neighbour that was skipped as well. If there are several it is the least by the compare order. It points into
	// Report.Outcomes and is nil unless Skipped.
	Cause *Outcome[K]

	Started  time.Time // UTC; zero if the node was never visited
	Finished time.Time // UTC; zero if the node was never visited
}

// Outcome returns what became of n, or nil if n was not a node of the graph.
func (r *Report[K]) Outcome(n K) *Outcome[K] {
	i, ok := r.graph.index[n]
	if !ok || int(i) >= len(r.layout.rank) {
		return nil
	}
	return &r.Outcomes[r.layout.rank[i]]
}

// Count returns how many nodes ended with the status s.
func (r *Report[K]) Count(s Status) int { return r.counts[s] }

// With yields the outcomes that have the status s, sorted by node.
func (r *Report[K]) With(s Status) iter.Seq[*Outcome[K]] {
	return func(yield func(*Outcome[K]) bool) {
		for i := range r.Outcomes {
			if r.Outcomes[i].Status == s && !yield(&r.Outcomes[i]) {
				return
			}
		}
	}
}

// Err returns nil if every node is Done. Otherwise it is the *CycleError for which the graph was refused, or all errors
// of visits in the order of their nodes, joined, each with its node in front; and, if nodes are Canceled, the cause of
// the context that stopped the walk.
func (r *Report[K]) Err() error {
	if r.refused != nil {
		return r.refused
	}
	var errs []error
	for o := range r.With(Failed) {
		errs = append(errs, fmt.Errorf("%v: %w", o.Node, o.Err))
	}
	if r.Count(Canceled) > 0 {
		errs = append(errs, r.stopped)
	}
	return errors.Join(errs...)
}

// CriticalPath returns the nodes that set the length of the walk, in the order in which they ran: the node that
// finished last, before it the one of its dependencies that finished last, and so on. Ties go to the least node. It is
// empty if nothing was visited.
func (r *Report[K]) CriticalPath() []K {
	var path []K
	all := make([]int32, len(r.Outcomes))
	for i := range all {
		all[i] = int32(i)
	}
	for last, ok := r.last(all); ok; last, ok = r.last(r.layout.deps.of(last)) {
		path = append(path, r.Outcomes[last].Node)
	}
	slices.Reverse(path)
	return path
}

// last returns which of some nodes finished last.
func (r *Report[K]) last(among []int32) (last int32, ok bool) {
	for _, i := range among {
		o := &r.Outcomes[i]
		if !o.Started.IsZero() && (!ok || o.Finished.After(r.Outcomes[last].Finished)) {
			last, ok = i, true
		}
	}
	return last, ok
}

// stop records why no further node may start, once.
func (r *Report[K]) stop(ctx context.Context) {
	if r.stopped == nil {
		r.stopped = context.Cause(ctx)
	}
}

// VisitPanic is the value with which Walk panics after a visit panicked.
type VisitPanic struct {
	Node  any    // the node, of the graph's type
	Value any    // what the visit panicked with
	Stack []byte // where, as debug.Stack prints it
}

// Error names the node and the value, then the stack.
func (p *VisitPanic) Error() string {
	return fmt.Sprintf("panic during the visit of %v: %v\n\n%s", p.Node, p.Value, p.Stack)
}

// Unwrap returns the value if it is an error.
func (p *VisitPanic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}
