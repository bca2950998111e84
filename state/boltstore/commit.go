package boltstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/ledger"
)

// linger is how long a group of writes waits for others: much less than a commit takes.
const linger = 100 * time.Microsecond

// committer owns the file while a session lasts. Its fields belong to the goroutine that calls try.
type committer struct {
	store  *Store
	reader *ledger.Reader

	file   *file // nil until the first write and after a failed commit
	copied bool  // the backup of this session is made
	broken error // the file is damaged: nothing is written any more
}

// close closes the file. Nothing is in flight any more.
func (c *committer) close() error {
	if c.file == nil {
		return nil
	}
	return c.file.close()
}

// try writes a group in one transaction; see ledger.NewLine.
func (c *committer) try(group []ledger.Write) (failed int, err error) {
	if err := c.open(); err != nil {
		return -1, err
	}
	failed = -1
	var t *ledger.Txn
	err = guard(c.store.path, func() error {
		b, err := c.file.db.Begin(true)
		if err != nil {
			return err
		}
		abort := func(err error) error { return errors.Join(err, b.Rollback()) }
		if t, err = ledger.NewTxn(tx{b}, c.reader.Keys); err != nil {
			return abort(err)
		}
		for i, write := range group {
			if err := write(t); err != nil {
				failed = i
				return abort(err)
			}
		}
		if err := t.Finish(); err != nil {
			return abort(err)
		}
		return c.write(b)
	})
	var corrupt *state.CorruptError
	if failed < 0 && errors.As(err, &corrupt) {
		// bbolt was stopped in the middle and cannot even be closed. Closing the descriptor gives its lock back.
		c.broken = err
		c.file.os.Close()
		c.file = nil
		return -1, err
	}
	if err != nil || failed >= 0 {
		return failed, err
	}
	t.Committed()
	return -1, nil
}

// write commits while no reader is at the file. When that fails the file is opened anew before the next commit: what is
// in memory may differ from what is on disk.
func (c *committer) write(b *bolt.Tx) error {
	if err := waitLock(context.Background(), c.file.os, exclusive, c.store.o.Timeout); err != nil {
		return errors.Join(fmt.Errorf("writing the state: %w by a reader", err), b.Rollback())
	}
	if err := b.Commit(); err != nil {
		err = errors.Join(fmt.Errorf("writing the state: %w", err), c.file.db.Close()) // with the lock held
		c.file = nil
		return err
	}
	return unlock(c.file.os)
}

// open makes sure that the file is there, can be read, has been backed up, and is open without keeping readers out.
func (c *committer) open() error {
	if c.file != nil || c.broken != nil {
		return c.broken
	}
	s, ctx := c.store, context.Background()
	err := s.view(ctx, func(ledger.Tx) error { return nil })
	switch {
	case errors.Is(err, ledger.ErrAbsent):
		if err := create(s.path, s.o.Timeout, s.o.Reached); err != nil {
			return err
		}
		c.copied = true
	case err != nil:
		return err
	case !c.copied:
		if !s.o.NoBackup {
			s.o.Reached.Before("backup")
			if err := s.backup(); err != nil {
				return fmt.Errorf("backing up the state: %w", err)
			}
			s.o.Reached.After("backup")
		}
		c.copied = true
		if err := s.compact(ctx); err != nil {
			return fmt.Errorf("compacting the state: %w", err)
		}
	}
	f, err := openFile(ctx, s.path, true, s.o.Timeout)
	if err != nil {
		return err
	}
	if err := unlock(f.os); err != nil {
		return errors.Join(err, f.db.Close()) // with the lock held
	}
	c.file = f
	return nil
}
