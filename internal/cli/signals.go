package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

var errInterrupted = errors.New("interrupted")

// interrupts turns SIGINT and SIGTERM into two contexts: the first ends with the first signal and stops planning at
// once and applying gently; the second ends with the second signal and aborts.
type interrupts struct {
	first, second context.Context
	release       func()
	// aborting is called, from another goroutine, when the second signal comes.
	aborting atomic.Pointer[func()]
}

// onAbort says what to do when the second signal comes; nil means nothing.
func (i *interrupts) onAbort(f func()) { i.aborting.Store(&f) }

// catch begins to listen; release ends it. When SIGTERM comes first, whoever sent it will kill before long: after stop (0
// means never) it counts as a second signal, so that what is in flight is noted and the state closed in time.
func catch(parent context.Context, stop time.Duration) *interrupts {
	first, one := context.WithCancelCause(parent)
	second, two := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	done := make(chan struct{})
	i := &interrupts{first: first, second: second}
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		var late <-chan time.Time
		for n, cancel := range []context.CancelCauseFunc{one, two} {
			select {
			case <-done:
				return
			case s := <-signals:
				if n == 0 && s == syscall.SIGTERM && stop > 0 {
					timer := time.NewTimer(stop)
					defer timer.Stop()
					late = timer.C
				}
			case <-late:
			}
			if f := i.aborting.Load(); f != nil && *f != nil && first.Err() != nil {
				(*f)()
			}
			cancel(errInterrupted)
		}
	}()
	i.release = func() {
		signal.Stop(signals)
		close(done)
		one(nil)
		two(nil)
	}
	return i
}

// seen reports whether a signal has come.
func (i *interrupts) seen() bool { return errors.Is(context.Cause(i.first), errInterrupted) }
