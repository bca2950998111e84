package dag

import (
	"cmp"
	"context"
	"errors"
	"math"
	"runtime/debug"
	"slices"
	"time"
)

// reportedLast is the number of dependencies from which on a waiting node is reported again.
const reportedLast = 8

// walker is the state of a walk. It belongs to the goroutine that called Walk; visits only send events.
type walker[K comparable] struct {
	*layout[K]
	o        WalkOptions[K]
	visit    func(ctx context.Context, n K, s *Slot) error
	visitCtx context.Context
	report   *Report[K]
	events   chan event
	over     chan struct{} // closed when nobody receives events any more

	left    []int32 // dependencies that are not final
	cause   []int32 // the least failed root among the dependencies, plus one
	place   []int32 // position in the order of preference
	byPlace []int32

	free     int     // slots
	holds    []bool  // nodes that hold a slot
	ready    minHeap // places of nodes that are ready and need a slot
	slotless minHeap // places of nodes that are ready and need none
	wants    minHeap // places of visits that want a slot again; some may have withdrawn
	granting map[int32]chan struct{}
	inFlight int
	jobs     chan job // to goroutines that have finished a visit and wait for another one
	idle     int      // how many do
	draining bool
	panicked *VisitPanic
}

func newWalker[K comparable](ctx context.Context, g *Graph[K], o WalkOptions[K], visit func(context.Context, K, *Slot) error) *walker[K] {
	if o.Limit <= 0 {
		o.Limit = DefaultLimit
	}
	if o.Abort == nil {
		o.Abort = context.Background()
	}
	l := g.layout()
	n := l.len()
	w := &walker[K]{
		layout:   l,
		o:        o,
		visit:    visit,
		visitCtx: context.WithoutCancel(ctx),
		report:   &Report[K]{Outcomes: make([]Outcome[K], n), graph: g, layout: l},
		events:   make(chan event, 64),
		over:     make(chan struct{}),
		jobs:     make(chan job),
		left:     make([]int32, n),
		cause:    make([]int32, n),
		place:    make([]int32, n),
		byPlace:  make([]int32, n),
		free:     o.Limit,
		holds:    make([]bool, n),
		granting: make(map[int32]chan struct{}),
	}
	for i := range n {
		w.report.Outcomes[i].Node = l.key(i)
	}
	return w
}

// prefer fills in the order of preference.
func (w *walker[K]) prefer(order []int32) {
	chain := make([]int64, w.len())
	for _, i := range slices.Backward(order) {
		var longest int64
		for _, d := range w.dependents.of(i) {
			longest = max(longest, chain[d])
		}
		weight := int64(1)
		if w.o.Weight != nil {
			weight = max(0, w.o.Weight(w.key(i)))
		}
		chain[i] = longest + min(weight, math.MaxInt64-longest)
	}
	for i := range w.byPlace {
		w.byPlace[i] = int32(i)
	}
	slices.SortFunc(w.byPlace, func(a, b int32) int {
		if c := cmp.Compare(chain[b], chain[a]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	for p, i := range w.byPlace {
		w.place[i] = int32(p)
	}
}

func (w *walker[K]) run(ctx context.Context) {
	visitCtx, cancel := context.WithCancelCause(w.visitCtx)
	defer cancel(nil)
	defer context.AfterFunc(w.o.Abort, func() { cancel(context.Cause(w.o.Abort)) })()
	w.visitCtx = visitCtx

	for i := range w.len() {
		w.left[i] = int32(len(w.deps.of(i)))
		if w.left[i] == 0 {
			w.makeReady(i)
		} else {
			w.set(i, Waiting)
		}
	}
	defer close(w.jobs)
	done, aborted := ctx.Done(), w.o.Abort.Done()
	for {
		w.dispatch(ctx)
		if w.inFlight == 0 {
			return
		}
		// Nothing needs doing for the two stops here: dispatch looks at the contexts themselves, so that an event that
		// comes at the same moment cannot start another node.
		select {
		case e := <-w.events:
			w.handle(e)
		case <-done:
			done = nil
		case <-aborted:
			aborted = nil
		}
	}
}

// dispatch hands out the free slots and starts what can start.
func (w *walker[K]) dispatch(ctx context.Context) {
	for w.free > 0 && len(w.wants) > 0 {
		i := w.byPlace[w.wants.pop()]
		if granted, ok := w.granting[i]; ok {
			delete(w.granting, i)
			w.take(i)
			close(granted)
		}
	}
	for _, c := range []context.Context{ctx, w.o.Abort} {
		if c.Err() != nil {
			w.report.stop(c)
			w.draining = true
		}
	}
	if w.draining {
		for _, h := range []*minHeap{&w.slotless, &w.ready} {
			for len(*h) > 0 {
				w.settle(w.byPlace[h.pop()], Canceled)
			}
		}
		return
	}
	for len(w.slotless) > 0 {
		w.start(w.byPlace[w.slotless.pop()])
	}
	for w.free > 0 && len(w.ready) > 0 {
		i := w.byPlace[w.ready.pop()]
		w.take(i)
		w.start(i)
	}
}

func (w *walker[K]) take(i int32) {
	w.free--
	w.holds[i] = true
}

func (w *walker[K]) giveBack(i int32) {
	if w.holds[i] {
		w.holds[i] = false
		w.free++
	}
}

// errExited is the outcome of a visit that neither returned nor panicked.
var errExited = errors.New("the visit ended its goroutine (runtime.Goexit)")

func (w *walker[K]) start(i int32) {
	w.inFlight++
	w.report.Outcomes[i].Started = time.Now().UTC()
	w.set(i, Running)
	j := job{node: i, slot: &Slot{node: i, held: w.holds[i], events: w.events, over: w.over}}
	if w.idle > 0 {
		w.idle--
		w.jobs <- j
		return
	}
	go func() {
		for more := true; more; j, more = <-w.jobs {
			w.carryOut(j)
		}
	}()
}

// job is one visit. Goroutines carry out one after the other: visits go deep, and a new goroutine would have to grow its stack
// for each of them.
type job struct {
	node int32
	slot *Slot
}

// carryOut visits a node and says how that ended. It does not return when the visit ends its goroutine.
func (w *walker[K]) carryOut(j job) {
	e := event{kind: finished, node: j.node, err: errExited}
	n := w.key(j.node)
	defer func() {
		if v := recover(); v != nil {
			e.panicked = &VisitPanic{Node: n, Value: v, Stack: debug.Stack()}
			e.err = e.panicked
		}
		e.at = time.Now().UTC()
		j.slot.send(e)
	}()
	e.err = w.visit(w.visitCtx, n, j.slot)
}

func (w *walker[K]) handle(e event) {
	o := &w.report.Outcomes[e.node]
	if o.Status != Running {
		return // from a goroutine that outlived its visit
	}
	switch e.kind {
	case released:
		w.giveBack(e.node)
	case wanted:
		w.granting[e.node] = e.granted
		w.wants.push(w.place[e.node])
	case withdrawn:
		delete(w.granting, e.node)
		w.giveBack(e.node)
	case finished:
		w.inFlight--
		if e.err != errExited {
			w.idle++
		}
		delete(w.granting, e.node)
		w.giveBack(e.node)
		o.Finished, o.Err = e.at, e.err
		if e.panicked != nil && w.panicked == nil {
			w.panicked, w.draining = e.panicked, true
		}
		if e.err != nil {
			w.settle(e.node, Failed)
		} else {
			w.settle(e.node, Done)
		}
	}
}

// settle makes node i final and tells its dependents, which may make them final in turn: those are Skipped if they have
// a cause, else Canceled.
func (w *walker[K]) settle(i int32, s Status) {
	for queue := []int32{i}; len(queue) > 0; s = Canceled {
		i, queue = queue[len(queue)-1], queue[:len(queue)-1]
		root := w.cause[i]
		switch {
		case s == Failed:
			root = i + 1
		case root != 0:
			s = Skipped
		}
		w.set(i, s)
		for _, d := range w.dependents.of(i) {
			if root != 0 && (w.cause[d] == 0 || root < w.cause[d]) {
				w.cause[d] = root
			}
			switch w.left[d]--; {
			case w.left[d] > 0:
				if w.left[d] < reportedLast {
					w.observe(d, Waiting)
				}
			case w.cause[d] != 0 || w.draining:
				queue = append(queue, d)
			default:
				w.makeReady(d)
			}
		}
	}
}

func (w *walker[K]) makeReady(i int32) {
	if w.o.NeedsSlot == nil || w.o.NeedsSlot(w.key(i)) {
		w.ready.push(w.place[i])
	} else {
		w.slotless.push(w.place[i])
	}
	w.set(i, Ready)
}

func (w *walker[K]) set(i int32, s Status) {
	o := &w.report.Outcomes[i]
	o.Status = s
	switch s {
	case Skipped:
		o.Cause = &w.report.Outcomes[w.cause[i]-1]
		w.report.counts[s]++
	case Done, Failed, Canceled:
		w.report.counts[s]++
	}
	if w.report.refused == nil {
		w.observe(i, s)
	}
}

func (w *walker[K]) observe(i int32, s Status) {
	if w.o.Observe == nil {
		return
	}
	var why []K
	switch s {
	case Skipped:
		why = []K{w.report.Outcomes[i].Cause.Node}
	case Waiting:
		why = make([]K, 0, w.left[i])
		for _, dep := range w.deps.of(i) {
			if w.report.Outcomes[dep].Status < Done {
				why = append(why, w.key(dep))
			}
		}
	}
	w.o.Observe(w.key(i), s, why)
}
