package dag

import (
	"context"
	"errors"
	"time"
)

// errOver is what Acquire returns to a goroutine that outlived its visit and the walk.
var errOver = errors.New("the walk is over")

// Slot is a visit's share of WalkOptions.Limit. A visit that only waits for something can give it up, so that others
// proceed meanwhile, and take one again afterwards. Whatever the visit holds when it returns is given back. A Slot
// belongs to the goroutine of its visit and must not be used by several at once.
type Slot struct {
	node   int32
	held   bool
	events chan<- event
	over   <-chan struct{}
}

// Release gives the slot up. It does nothing if the visit holds none.
func (s *Slot) Release() {
	if s.held {
		s.held = false
		s.send(event{kind: released, node: s.node})
	}
}

// Acquire waits for a slot; visits that wait here come before nodes that are not started. It returns nil at once if the
// visit holds a slot already, and context.Cause(ctx) if ctx ends first. Stopping the walk does not end the wait: visits
// in flight are there to finish.
func (s *Slot) Acquire(ctx context.Context) error {
	if s.held {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	granted := make(chan struct{})
	s.send(event{kind: wanted, node: s.node, granted: granted})
	select {
	case <-granted:
		s.held = true
		return nil
	case <-ctx.Done():
		s.send(event{kind: withdrawn, node: s.node})
		return context.Cause(ctx)
	case <-s.over:
		return errOver
	}
}

func (s *Slot) send(e event) {
	select {
	case s.events <- e:
	case <-s.over:
	}
}

// event is what a visit tells the goroutine that owns the walk.
type event struct {
	kind     eventKind
	node     int32
	granted  chan struct{} // wanted: closed when the slot is there
	err      error         // finished
	panicked *VisitPanic   // finished; err as well then
	at       time.Time     // finished
}

type eventKind uint8

const (
	finished  eventKind = iota + 1
	released            // the slot is free
	wanted              // a slot is wanted again
	withdrawn           // a slot is not wanted any more, though it may have been granted meanwhile
)
