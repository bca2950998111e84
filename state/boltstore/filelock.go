package boltstore

import (
	"context"
	"errors"
	"os"
	"time"
)

// lockMode is how a file is locked. The locks belong to an open file, not to a process, so that two goroutines with a
// descriptor of their own keep each other out, and whoever is killed holds nothing any more. Each system has its calls:
// tryLock and unlock.
type lockMode bool

const (
	shared    lockMode = false
	exclusive lockMode = true
)

// errBusy says that a lock was not to be had in time.
var errBusy = errors.New("the file is in use")

// waitLock polls for a lock: a blocking call could not be given up, neither when ctx ends nor when a stopped process
// holds the lock for ever. Commits take about a millisecond with a gap between them, so the polls are that close.
// Errors: errBusy after timeout, the cause of ctx.
func waitLock(ctx context.Context, f *os.File, mode lockMode, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, time.Millisecond) {
		if ok, err := tryLock(f, mode); ok || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return errBusy
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pause):
		}
	}
}
