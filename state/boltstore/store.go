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
	"github.com/meshplan/meshplan/state/ledger"
)

// Options adjusts a Store. The zero value is ready for use.
type Options struct {
	// Timeout bounds how long a reader waits for a commit, and a commit for readers; 0 means 10 seconds. A stopped
	// process that holds the file can delay others by this much, not for ever.
	Timeout time.Duration
	// Keep says how long steps and summaries of runs are kept.
	Keep ledger.Retention
	// Keys seal and open the values; nil means that the state is not sealed. A state that is not sealed yet becomes so
	// with the first write.
	Keys state.Keys
	// NoBackup leaves out the copy of the file before the first write of a session. Files of more than 64 MiB are
	// never copied; for others, a copy that cannot be made fails the write.
	NoBackup bool
	// Backups is how many copies are kept; 0 means 10.
	Backups int
	// Reached is told the boundaries at which a process may die without harm; nil means that nobody listens.
	Reached ledger.Reached
	// Now is the clock for the end of runs; nil means time.Now.
	Now func() time.Time
}

// Store is a state in a bbolt file. It is safe for concurrent use and holds nothing open between calls.
type Store struct {
	path string
	o    Options
}

var (
	_ state.Store  = (*Store)(nil)
	_ state.Prober = (*Store)(nil)
	_ state.Dumper = (*Store)(nil)
)

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
	if o.Backups <= 0 {
		o.Backups = 10
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
	return s.reader().Snapshot(ctx)
}

// Runs implements state.Store. A run whose result is state.Running is either under way or was killed.
func (s *Store) Runs(ctx context.Context) ([]state.Run, error) { return s.reader().Runs(ctx) }

// Journal implements state.Store.
func (s *Store) Journal(ctx context.Context, id state.RunID) (*state.Journal, error) {
	return s.reader().Journal(ctx, id)
}

// KeepsSecrets implements state.SecretKeeper.
func (s *Store) KeepsSecrets() bool { return s.o.Keys != nil }

// Dump implements state.Dumper.
func (s *Store) Dump(ctx context.Context) (*state.Dump, error) { return s.reader().Dump(ctx) }

func (s *Store) reader() *ledger.Reader {
	return &ledger.Reader{View: s.view, Damaged: func(err error) error { return damaged(s.path, err) }, Keys: s.o.Keys}
}

// view calls fn in a read transaction, while no commit can happen; see ledger.Reader.
func (s *Store) view(ctx context.Context, fn func(ledger.Tx) error) error {
	f, err := openFile(ctx, s.path, false, s.o.Timeout)
	if err != nil {
		return err
	}
	err = f.read(s.path, func(b *bolt.Tx) error {
		t, err := newTx(b)
		if err != nil {
			return fmt.Errorf("%w: it is not a state of meshplan", err)
		}
		if err := ledger.CheckFormat(t, s.path); err != nil {
			return err
		}
		return fn(t)
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
	l, err := acquire(ctx, s.lockPath(), holder, wait)
	if err != nil {
		return nil, err
	}
	reader := s.reader()
	c := &committer{store: s, reader: reader}
	return &ledger.Session{Reader: reader, Commits: ledger.NewLine(linger, c.try), Holder: holder, Keep: s.o.Keep, Now: s.o.Now, Reached: s.o.Reached,
		End: func() error { return errors.Join(c.close(), l.release()) }}, nil
}

func (s *Store) lockPath() string { return s.path + ".lock" }

// Locked implements state.Prober.
func (s *Store) Locked(ctx context.Context) (bool, state.Holder, error) { return probe(s.lockPath()) }
