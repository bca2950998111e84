package boltstore

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/meshplan/meshplan/state"
)

// maxGroup bounds how many writes one commit carries, so that the first of them does not wait for ever.
const maxGroup = 1024

// linger is how long a group waits for others: much less than a commit takes.
const linger = 100 * time.Microsecond

// errClosed says that the session has been unlocked.
var errClosed = errors.New("the session on the state has ended")

// request is a write that waits in line. The write may be called more than once: it must change nothing but the
// transaction.
type request struct {
	write func(*txn) error
	done  chan error
}

// committer owns the file while a session lasts. Its fields belong to the goroutine that runs loop.
type committer struct {
	store    *Store
	requests chan *request
	quit     chan struct{} // closed to end
	ended    chan struct{} // closed at the end

	file   *file // nil until the first write and after a failed commit
	last   int   // how many writes the last group had
	copied bool  // the backup of this session is made
	broken error // the file is damaged: nothing is written any more
}

func newCommitter(s *Store) *committer {
	c := &committer{store: s, requests: make(chan *request), quit: make(chan struct{}), ended: make(chan struct{})}
	go c.loop()
	return c
}

// do carries out a write together with others and returns when it is durable or has failed.
func (c *committer) do(write func(*txn) error) error {
	r := &request{write: write, done: make(chan error, 1)}
	select {
	case c.requests <- r:
		return <-r.done
	case <-c.quit:
		return errClosed
	}
}

// close ends the goroutine. Writes that have been taken are finished first.
func (c *committer) close() error {
	close(c.quit)
	<-c.ended
	if c.file == nil {
		return nil
	}
	return c.file.db.Close()
}

func (c *committer) loop() {
	defer close(c.ended)
	for {
		select {
		case r := <-c.requests:
			c.commit(c.group(r))
		case <-c.quit:
			return
		}
	}
}

// group takes everybody who waits in line behind r. When the last commit carried several writes it lingers a moment:
// those who were just answered come back with their next write, and sharing a commit with them is cheaper than
// another one.
func (c *committer) group(r *request) []*request {
	group := []*request{r}
	var patience <-chan time.Time
	if c.last > 1 {
		patience = time.After(linger)
	}
	for len(group) < maxGroup {
		select {
		case r := <-c.requests:
			group = append(group, r)
			continue
		default:
		}
		if patience == nil {
			return group
		}
		select {
		case r := <-c.requests:
			group = append(group, r)
		case <-patience:
			patience = nil
		}
	}
	return group
}

// commit carries out a group and answers everybody. A write that fails is taken out and the others are tried again.
func (c *committer) commit(group []*request) {
	c.last = len(group)
	for len(group) > 0 {
		failed, err := c.try(group)
		if failed < 0 {
			for _, r := range group {
				r.done <- err
			}
			return
		}
		group[failed].done <- err
		group = append(group[:failed], group[failed+1:]...)
	}
}

// try writes a group in one transaction. failed is the index of the write that could not be carried out, or -1 when
// err is everybody's.
func (c *committer) try(group []*request) (failed int, err error) {
	if err := c.open(); err != nil {
		return -1, err
	}
	failed = -1
	var t txn
	err = guard(c.store.path, func() error {
		tx, err := c.file.db.Begin(true)
		if err != nil {
			return err
		}
		if t, err = newTxn(tx); err != nil {
			return damaged(c.store.path, errors.Join(err, tx.Rollback()))
		}
		for i, r := range group {
			if err := r.write(&t); err != nil {
				failed = i
				return errors.Join(err, tx.Rollback())
			}
		}
		if err := t.counts.put(t.bucket(bucketMeta)); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return c.write(tx)
	})
	var corrupt *state.CorruptError
	if errors.As(err, &corrupt) {
		// bbolt was stopped in the middle and cannot even be closed. Closing the descriptor gives its lock back.
		c.broken = err
		c.file.os.Close()
		c.file = nil
		return -1, err
	}
	if err != nil || failed >= 0 {
		return failed, err
	}
	for _, f := range t.after {
		f()
	}
	return -1, nil
}

// write commits while no reader is at the file. When that fails the file is opened anew before the next commit: what is
// in memory may differ from what is on disk.
func (c *committer) write(tx *bolt.Tx) error {
	if err := waitFlock(context.Background(), c.file.os, syscall.LOCK_EX, c.store.o.Timeout); err != nil {
		return errors.Join(fmt.Errorf("writing the state: %w by a reader", err), tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		err = errors.Join(fmt.Errorf("writing the state: %w", err), c.file.db.Close())
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
	err := s.view(ctx, func(tx *bolt.Tx) error {
		for _, name := range buckets() {
			if _, err := bucket(tx, name); err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, errAbsent):
		if err := create(s.path, s.o.Timeout); err != nil {
			return err
		}
		c.copied = true
	case err != nil:
		return err
	case !c.copied && !s.o.NoBackup:
		if err := backup(s.path); err != nil {
			return fmt.Errorf("backing up the state: %w", err)
		}
		c.copied = true
	}
	f, err := openFile(ctx, s.path, true, s.o.Timeout)
	if err != nil {
		return err
	}
	if err := unlock(f.os); err != nil {
		return errors.Join(err, f.db.Close())
	}
	c.file = f
	return nil
}
