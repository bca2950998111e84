package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
)

// Session implements state.Session on a line of writes.
type Session struct {
	// Reader reads under the lock.
	Reader *Reader
	// Commits carries out writes.
	Commits *Line
	Holder  state.Holder
	Keep    Retention
	// Now is the clock for the end of runs and for the age of journals.
	Now func() time.Time
	// Reached is told the boundaries of commits; nil means that nobody listens.
	Reached Reached
	// End gives the lock back, after the line has been closed.
	End func() error

	unlock sync.Once
}

var (
	_ state.Session  = (*Session)(nil)
	_ state.Resealer = (*Session)(nil)
	_ state.Loader   = (*Session)(nil)
)

// Snapshot implements state.Session.
func (s *Session) Snapshot(ctx context.Context) (*state.Snapshot, error) {
	return s.Reader.Snapshot(ctx)
}

// Adopt implements state.Session.
func (s *Session) Adopt(id state.Identity) error {
	if id.Lineage == "" {
		return errors.New("a state needs a lineage")
	}
	now, err := s.Reader.Meta(context.Background())
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
	return s.commit("adopt", func(t *Txn) error {
		return t.put(Meta, []byte(metaIdentity), payload)
	})
}

// Edit implements state.Session.
func (s *Session) Edit(put []*state.Record, remove []addr.Instance) error {
	e, err := newEdit(s.kept(put), remove, 0)
	if err != nil {
		return err
	}
	return s.commit("edit", func(t *Txn) error {
		return e.apply(t, func(state.RunID, int) bool { return true })
	})
}

// kept returns records as they are kept: secrets are for sealed states only.
func (s *Session) kept(records []*state.Record) []*state.Record {
	if s.Reader.Keys != nil {
		return records
	}
	out := make([]*state.Record, len(records))
	for i, r := range records {
		out[i] = plain(r)
	}
	return out
}

// Reseal implements state.Resealer.
func (s *Session) Reseal(keys state.Keys) error {
	err := s.commit("reseal", func(t *Txn) error { return t.seal(keys) })
	if err == nil {
		s.Reader.Keys = keys
	}
	return err
}

// Begin implements state.Session. It also drops what is too old to be kept.
func (s *Session) Begin(meta state.Run) (state.Writer, error) {
	meta.Result = state.Running
	if meta.Holder.ID == "" {
		meta.Holder = s.Holder
	}
	w := &writer{session: s}
	err := s.commit("begin", func(t *Txn) error {
		run := meta // the write may be repeated
		last, err := interrupt(t)
		if err == nil && run.Outputs == nil {
			run.Outputs, err = outputs(t)
		}
		run.ID = last + 1
		if err == nil {
			err = s.Keep.prune(t, run.ID, s.Now())
		}
		if err != nil {
			return s.Reader.Damaged(err)
		}
		if err := t.Put(Kept, runKey(run.ID), []byte{}); err != nil {
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
func interrupt(t *Txn) (state.RunID, error) {
	e, err := last(t, Runs)
	if err != nil || e == nil {
		return 0, err
	}
	run, _, err := decode[state.Run](t.box, *e)
	if err != nil {
		return 0, fmt.Errorf("last run: %w", err)
	}
	if run.Result != state.Running {
		return run.ID, nil
	}
	run.Result = state.Interrupted
	return run.ID, putRun(t, run)
}

func putRun(t *Txn, run *state.Run) error {
	payload, err := state.Encode(run)
	if err != nil {
		return err
	}
	return t.put(Runs, runKey(run.ID), payload)
}

// outputs returns the outputs as they are.
func outputs(t *Txn) (map[string]state.Output, error) {
	es, err := entriesOf(t, Outputs)
	if err != nil || len(es) == 0 {
		return nil, err
	}
	out := make(map[string]state.Output, len(es))
	for _, e := range es {
		o, _, err := decode[state.Output](t.box, e)
		if err != nil {
			return nil, err
		}
		out[string(e.key)] = *o
	}
	return out, nil
}

// Unlock implements state.Session. Only the first call can fail.
func (s *Session) Unlock() (err error) {
	s.unlock.Do(func() {
		s.Commits.Close()
		err = s.End()
	})
	return err
}
