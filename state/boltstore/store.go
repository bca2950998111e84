package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/meshplan/meshplan/state"
)

// Options adjusts a Store. The zero value is ready for use.
type Options struct {
	// Timeout bounds how long a reader waits for a commit, and a commit for readers; 0 means 10 seconds. A stopped
	// process that holds the file can delay others by this much, not for ever.
	Timeout time.Duration
	// KeepRuns is how many runs keep their steps, so that they can be rolled back; 0 means 100. The summary of a run
	// is kept for ever.
	KeepRuns int
	// NoBackup leaves out the copy of the file before the first write of a session. Files of more than 64 MiB are
	// never copied; for others, a copy that cannot be made fails the write.
	NoBackup bool
	// Now is the clock for the end of runs; nil means time.Now.
	Now func() time.Time
}

// Store is a state in a bbolt file. It is safe for concurrent use and holds nothing open between calls.
type Store struct {
	path string
	o    Options
}

var _ state.Store = (*Store)(nil)

// Open returns the store of the file at path. It touches nothing: the file and its directory (mode 0600 and 0700) are
// made by the first write, the lock file by the first lock. An empty path is an error.
func Open(path string, o Options) (*Store, error) {
	if path == "" {
		return nil, errors.New("a state needs a path")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.KeepRuns <= 0 {
		o.KeepRuns = 100
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{path: path, o: o}, nil
}

// Path returns the absolute path of the file.
func (s *Store) Path() string { return s.path }

// Close releases nothing, because nothing is held. Sessions are ended by Unlock.
func (s *Store) Close() error { return nil }

// Snapshot implements state.Store. It keeps a running apply from committing for as long as it takes to copy the
// file's content, not for as long as it takes to decode it.
func (s *Store) Snapshot(ctx context.Context) (*state.Snapshot, error) {
	var raw rawSnapshot
	if err := s.view(ctx, raw.copy); err != nil {
		if errors.Is(err, errAbsent) {
			return &state.Snapshot{}, nil
		}
		return nil, err
	}
	snapshot, err := raw.decode()
	if err != nil {
		return nil, damaged(s.path, err)
	}
	return snapshot, nil
}

// meta returns what describes the state, without its records.
func (s *Store) meta(ctx context.Context) (m state.Meta, err error) {
	var es []entry
	err = s.view(ctx, func(tx *bolt.Tx) (err error) {
		es, err = entriesOf(tx, bucketMeta)
		return err
	})
	if err == nil {
		err = decodeMeta(es, &m)
		if err != nil {
			err = damaged(s.path, err)
		}
	}
	if errors.Is(err, errAbsent) {
		err = nil
	}
	return m, err
}

// Runs implements state.Store. A run whose result is state.Running is either under way or was killed.
func (s *Store) Runs(ctx context.Context) ([]state.Run, error) {
	var es []entry
	err := s.view(ctx, func(tx *bolt.Tx) (err error) {
		es, err = entriesOf(tx, bucketRuns)
		return err
	})
	if err != nil {
		if errors.Is(err, errAbsent) {
			return nil, nil
		}
		return nil, err
	}
	out := make([]state.Run, len(es))
	for i, e := range es {
		run, _, err := decode[state.Run](e)
		if err != nil {
			return nil, damaged(s.path, fmt.Errorf("run %d of %d: %w", i+1, len(es), err))
		}
		out[i] = *run
	}
	return out, nil
}

// Journal implements state.Store.
func (s *Store) Journal(ctx context.Context, id state.RunID) (*state.Journal, error) {
	var run entry
	var steps []entry
	missing := errAbsent // what the transaction found out, apart from damage
	err := s.view(ctx, func(tx *bolt.Tx) error {
		runs, err := bucket(tx, bucketRuns)
		if err != nil {
			return err
		}
		journals, err := bucket(tx, bucketJournal)
		if err != nil {
			return err
		}
		key := runKey(id)
		v, journal := runs.Get(key), journals.Bucket(key)
		switch {
		case v == nil:
			missing = state.ErrNoRun
			return nil
		case journal == nil:
			missing = state.ErrPruned
			return nil
		}
		missing = nil
		run = clone(key, v)
		steps, err = entries(journal)
		return err
	})
	if errors.Is(err, errAbsent) {
		err, missing = nil, state.ErrNoRun
	}
	if err = errors.Join(err, missing); err != nil {
		return nil, fmt.Errorf("run %d: %w", id, err)
	}
	r, _, err := decode[state.Run](run)
	if err != nil {
		return nil, damaged(s.path, fmt.Errorf("run %d: %w", id, err))
	}
	j := &state.Journal{Run: *r}
	if j.Steps, err = decodeJournal(steps); err != nil {
		return nil, damaged(s.path, fmt.Errorf("run %d: %w", id, err))
	}
	return j, nil
}

// view calls fn in a read transaction, while no commit can happen. Errors of fn are damage. Errors: errAbsent,
// *state.CorruptError, *state.FormatError.
func (s *Store) view(ctx context.Context, fn func(*bolt.Tx) error) error {
	f, err := openFile(ctx, s.path, false, s.o.Timeout)
	if err != nil {
		return err
	}
	err = f.read(s.path, func(tx *bolt.Tx) error {
		if err := checkFormat(tx, s.path); err != nil {
			return err
		}
		return fn(tx)
	})
	err = errors.Join(err, f.db.Close())
	var format *state.FormatError
	if err == nil || errors.As(err, &format) {
		return err
	}
	return damaged(s.path, err)
}

// Lock implements state.Store. Errors: *state.LockedError.
func (s *Store) Lock(ctx context.Context, holder state.Holder, wait time.Duration) (state.Session, error) {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return nil, fmt.Errorf("locking the state: %w", err)
	}
	l, err := acquire(ctx, s.path+".lock", holder, wait)
	if err != nil {
		return nil, err
	}
	return &session{store: s, lock: l, holder: holder, commits: newCommitter(s)}, nil
}
