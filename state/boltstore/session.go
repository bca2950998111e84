package boltstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
)

// session implements state.Session.
type session struct {
	store   *Store
	lock    *sessionLock
	holder  state.Holder
	commits *committer
	unlock  sync.Once
}

func (s *session) Snapshot(ctx context.Context) (*state.Snapshot, error) {
	return s.store.Snapshot(ctx)
}

func (s *session) Adopt(id state.Identity) error {
	if id.Lineage == "" {
		return errors.New("a state needs a lineage")
	}
	now, err := s.store.meta(context.Background())
	if err != nil {
		return err
	}
	switch {
	case now.Lineage == id.Lineage && bytes.Equal(now.Key, id.Key):
		return nil
	case now.Lineage != "":
		return fmt.Errorf("%w: it is %s, not %s", state.ErrForeign, now.Lineage, id.Lineage)
	}
	payload, err := state.Encode(&id)
	if err != nil {
		return err
	}
	return s.commits.do(func(t *txn) error {
		return t.put(t.bucket(bucketMeta), []byte(metaIdentity), payload)
	})
}

func (s *session) Edit(put []*state.Record, remove []addr.Instance) error {
	e, err := newEdit(put, remove, 0)
	if err != nil {
		return err
	}
	return s.commits.do(func(t *txn) error {
		return e.apply(t, func(state.RunID, int) bool { return true })
	})
}

// Begin implements state.Session. It also drops the steps of runs that are too old to be kept.
func (s *session) Begin(meta state.Run) (state.Writer, error) {
	meta.Result = state.Running
	if meta.Holder.ID == "" {
		meta.Holder = s.holder
	}
	w := &writer{session: s}
	err := s.commits.do(func(t *txn) error {
		run := meta // the write may be repeated
		last, err := interrupt(t)
		if err == nil && run.Outputs == nil {
			run.Outputs, err = outputs(t)
		}
		run.ID = last + 1
		if err == nil {
			err = prune(t, s.store.o.KeepRuns, run.ID)
		}
		if err != nil {
			return damaged(s.store.path, err)
		}
		if _, err := t.bucket(bucketJournal).CreateBucket(runKey(run.ID)); err != nil {
			return err
		}
		w.run = run
		return putRun(t, &run)
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// interrupt closes the last run if nobody did, and returns its number. Only the last one can be open.
func interrupt(t *txn) (state.RunID, error) {
	k, v := t.bucket(bucketRuns).Cursor().Last()
	if k == nil {
		return 0, nil
	}
	run, _, err := decode[state.Run](clone(k, v))
	if err != nil {
		return 0, fmt.Errorf("last run: %w", err)
	}
	if run.Result != state.Running {
		return run.ID, nil
	}
	run.Result = state.Interrupted
	return run.ID, putRun(t, run)
}

func putRun(t *txn, run *state.Run) error {
	payload, err := state.Encode(run)
	if err != nil {
		return err
	}
	return t.put(t.bucket(bucketRuns), runKey(run.ID), payload)
}

// outputs returns the outputs as they are.
func outputs(t *txn) (map[string]state.Output, error) {
	es, err := entries(t.bucket(bucketOutputs))
	if err != nil || len(es) == 0 {
		return nil, err
	}
	out := make(map[string]state.Output, len(es))
	for _, e := range es {
		o, _, err := decode[state.Output](e)
		if err != nil {
			return nil, err
		}
		out[string(e.key)] = *o
	}
	return out, nil
}

// prune drops the journals of all but the last keep runs, next included, unless an intent in them is unresolved.
func prune(t *txn, keep int, next state.RunID) error {
	if next <= state.RunID(keep) {
		return nil
	}
	needed := map[state.RunID]bool{}
	err := t.bucket(bucketUnresolved).ForEach(func(k, _ []byte) error {
		run, _, err := parseUnresolvedKey(k)
		needed[run] = true
		return err
	})
	if err != nil {
		return err
	}
	journals := t.bucket(bucketJournal)
	var old [][]byte
	c := journals.Cursor()
	for k, _ := c.First(); len(k) == 8; k, _ = c.Next() {
		id := state.RunID(binary.BigEndian.Uint64(k))
		if id > next-state.RunID(keep) {
			break
		}
		if !needed[id] {
			old = append(old, bytes.Clone(k)) // deleting would move the cursor
		}
	}
	for _, k := range old {
		if err := journals.DeleteBucket(k); err != nil {
			return err
		}
	}
	return nil
}

// Unlock implements state.Session. Only the first call can fail.
func (s *session) Unlock() (err error) {
	s.unlock.Do(func() { err = errors.Join(s.commits.close(), s.lock.release()) })
	return err
}
