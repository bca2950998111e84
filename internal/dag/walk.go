package dag

import (
	"context"
	"time"
)

// DefaultLimit is the number of slots if WalkOptions.Limit is zero.
const DefaultLimit = 10

// WalkOptions says how to walk. The zero value visits ten nodes at a time and cannot abort visits.
type WalkOptions[K comparable] struct {
	// Limit is the number of slots, that is of visits at work at a time; zero or less means DefaultLimit. Visits that
	// have released their slot, and those that need none, do not count.
	Limit int

	// NeedsSlot reports whether the visit of n must hold a slot from the start. Nodes for which it is false start as
	// soon as they are ready, each on a goroutine of its own. Nil means that all do.
	NeedsSlot func(n K) bool

	// Weight is what the visit of n is expected to take, in any unit. Nodes that are ready start in the order of the
	// heaviest chain of dependents that they begin, themselves included. Less than zero counts as zero; nil means that
	// every node weighs one.
	Weight func(n K) int64

	// Abort is the second stop: the contexts of the visits in flight end with it, with its cause. No further node
	// starts either. Nil means that the visits in flight always finish undisturbed.
	Abort context.Context

	// Observe is told about every change of status, from the goroutine that called Walk and before the walk goes on; so
	// it should be quick and must not wait for a visit. For Waiting, waitingFor holds the dependencies that are not
	// final: a node is reported with all of them at the start, and again each time one of its last eight becomes final
	// (not more often, so that the reports of a node with 10,000 dependencies stay linear). For Skipped it holds the
	// root cause alone; otherwise it is nil. Observe may keep it.
	Observe func(n K, s Status, waitingFor []K)
}

// Walk visits every node of g once, dependencies first, and returns what became of each.
//
//   - A node starts the moment its last dependency is Done, if a slot is free. Ready nodes start by weight, see
//     WalkOptions.Weight, then in the compare order.
//   - An error stops only what depends on the node: it becomes Skipped once all its dependencies are final, so that its
//     root cause does not depend on timing. Everything else goes on.
//   - When ctx ends no further node starts. Visits in flight do not notice: their contexts carry the values of ctx but
//     neither its end nor its deadline, and end only with WalkOptions.Abort. Nodes never started become Canceled,
//     except those that are Skipped anyway.
//   - If g has a cycle nothing is visited or observed: all nodes are Canceled and Report.Err is a *CycleError.
//   - If a visit panics no further node starts, and when the visits in flight have finished Walk panics with a
//     *VisitPanic, on the goroutine of the caller, who can recover from it.
//
// Walk returns when all visits have. The graph must not be added to meanwhile. The bookkeeping costs O(V log V + E).
func Walk[K comparable](ctx context.Context, g *Graph[K], o WalkOptions[K], visit func(ctx context.Context, n K, s *Slot) error) *Report[K] {
	w := newWalker(ctx, g, o, visit)
	defer close(w.over)
	r := w.report
	r.Started = time.Now().UTC()
	if order := w.sort(); int32(len(order)) < w.len() {
		r.refused = w.cycleError()
		for i := range w.len() {
			w.set(i, Canceled)
		}
	} else {
		w.prefer(order)
		w.run(ctx)
	}
	r.Finished = time.Now().UTC()
	if w.panicked != nil {
		panic(w.panicked)
	}
	return r
}
