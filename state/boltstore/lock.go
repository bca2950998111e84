package boltstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/meshplan/meshplan/state"
)

// probing is how long a lock is waited for in any case: somebody may be looking whether it is free, which takes it for
// some microseconds.
const probing = 50 * time.Millisecond

// maxHolderBytes bounds what is read of a holder's description.
const maxHolderBytes = 64 << 10

// sessionLock is the right to write. The file stays when the lock is gone: removing it would let two processes hold
// locks on two files of the same name.
type sessionLock struct{ f *os.File }

// acquire takes the lock, waiting up to wait for another holder. Errors: *state.LockedError, the cause of ctx.
func acquire(ctx context.Context, path string, holder state.Holder, wait time.Duration) (*sessionLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the state: %w", err)
	}
	if err := waitSession(ctx, f, wait); err != nil {
		if errors.Is(err, errBusy) {
			err = &state.LockedError{Holder: readHolder(f)}
		} else {
			err = fmt.Errorf("waiting for the lock of the state: %w", err)
		}
		f.Close()
		return nil, err
	}
	l := &sessionLock{f}
	if err := l.describe(holder); err != nil {
		return nil, errors.Join(fmt.Errorf("locking the state: %w", err), l.release())
	}
	return l, nil
}

// waitSession polls at longer and longer intervals: a session lasts seconds or minutes. Errors: errBusy, the cause of
// ctx.
func waitSession(ctx context.Context, f *os.File, wait time.Duration) error {
	deadline := time.Now().Add(max(wait, probing))
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		if ok, err := tryLock(f, exclusive); ok || err != nil {
			return err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return errBusy
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(min(pause, left)):
		}
	}
}

// describe writes who holds the lock, for those who wait for it.
func (l *sessionLock) describe(h state.Holder) error {
	b, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := l.f.Truncate(0); err != nil {
		return err
	}
	_, err = l.f.WriteAt(b, 0)
	return err
}

// release gives the lock back.
func (l *sessionLock) release() error {
	// The description would be wrong from now on. Closing the file unlocks it, even when truncating fails.
	return errors.Join(l.f.Truncate(0), l.f.Close())
}

// readHolder returns who holds the lock, or the zero Holder while that is being written.
func readHolder(f *os.File) (h state.Holder) {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, maxHolderBytes))
	if err != nil || json.Unmarshal(b, &h) != nil {
		return state.Holder{}
	}
	return h
}

// probe tells whether a session holds the lock.
func probe(path string) (bool, state.Holder, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, state.Holder{}, nil
	}
	if err != nil {
		return false, state.Holder{}, fmt.Errorf("looking at the lock of the state: %w", err)
	}
	defer f.Close() // unlocks
	free, err := tryLock(f, shared)
	if err != nil || free {
		return false, state.Holder{}, err
	}
	return true, readHolder(f), nil
}
