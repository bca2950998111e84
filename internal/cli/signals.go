package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

var errInterrupted = errors.New("interrupted")

// interrupts turns SIGINT and SIGTERM into two contexts: the first ends with the first signal and stops planning at once and applying
// gently; the second ends with the second signal and aborts.
type interrupts struct {
	first, second context.Context
	release       func()
}

// catch begins to listen. aborting is called, from another goroutine, when the second signal comes.
func catch(parent context.Context, aborting func()) *interrupts {
	first, one := context.WithCancelCause(parent)
	second, two := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	done := make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for _, cancel := range []context.CancelCauseFunc{one, two} {
			select {
			case <-done:
				return
			case <-signals:
			}
			if first.Err() != nil {
				aborting()
			}
			cancel(errInterrupted)
		}
	}()
	return &interrupts{first: first, second: second, release: func() {
		signal.Stop(signals)
		close(done)
		one(nil)
		two(nil)
	}}
}

// seen reports whether a signal has come.
func (i *interrupts) seen() bool { return errors.Is(context.Cause(i.first), errInterrupted) }
