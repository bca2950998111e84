package engine

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

// A step evaluates its configuration and has its intent committed, then it writes, and then it has the outcome committed. Only the
// write counts against Options.Parallelism, or a good part of it would wait for the disk all the time. So twice as many steps are
// under way as may write; who asks for one write at a time wants one step after the other, and gets that.

// stepsAtOnce is how many steps may be under way.
func (o *Options) stepsAtOnce() int {
	if o.Parallelism == 1 {
		return 1
	}
	return 2 * o.Parallelism
}

// writeSlots bound the writes in flight; nil does not.
type writeSlots chan struct{}

func (o *Options) writeSlots() writeSlots {
	if o.Parallelism == 1 { // the walk sees to it
		return nil
	}
	return make(writeSlots, o.Parallelism)
}

// takeWriteSlot waits until the step may write. Its intent is committed by then: when the run is told to stop meanwhile, the step goes
// on, as all do that have begun.
func (s *stepRun) takeWriteSlot(ctx context.Context) hcl.Diagnostics {
	if s.a.writes == nil {
		return nil
	}
	select {
	case s.a.writes <- struct{}{}:
	case <-ctx.Done():
		return diag.FromError(CodeState, "Interrupted", context.Cause(ctx), nil)
	}
	s.mu.Lock()
	s.writing = true
	s.mu.Unlock()
	return nil
}

// giveWriteSlot lets another step write. The caller holds the mutex.
func (s *stepRun) giveWriteSlot() {
	if s.writing {
		s.writing = false
		<-s.a.writes
	}
}
