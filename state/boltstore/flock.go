package boltstore

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// errBusy says that a lock was not to be had in time.
var errBusy = errors.New("the file is in use")

// tryFlock takes a lock on an open file without waiting, or reports false. how is syscall.LOCK_SH or LOCK_EX.
func tryFlock(f *os.File, how int) (bool, error) {
	for {
		switch err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, os.NewSyscallError("flock", err)
		}
	}
}

// waitFlock polls for a lock: a blocking call could not be given up, neither when ctx ends nor when a stopped process
// holds the lock for ever. Commits take about a millisecond with a gap between them, so the polls are that close.
// Errors: errBusy after timeout, the cause of ctx.
func waitFlock(ctx context.Context, f *os.File, how int, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, time.Millisecond) {
		if ok, err := tryFlock(f, how); ok || err != nil {
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

func unlock(f *os.File) error {
	return os.NewSyscallError("flock", syscall.Flock(int(f.Fd()), syscall.LOCK_UN))
}
