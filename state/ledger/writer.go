package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
)

// writer implements state.Writer.
type writer struct {
	session *Session
	run     state.Run // as it began
	closed  bool      // belongs to the goroutine of the line
}

func (w *writer) ID() state.RunID { return w.run.ID }

// do commits a write of this run.
func (w *writer) do(what string, write Write) error {
	return w.session.commit(what, func(t *Txn) error {
		k, _, err := t.Last(Runs)
		if err != nil {
			return err
		}
		if w.closed || !bytes.Equal(k, runKey(w.run.ID)) {
			return fmt.Errorf("run %d is over", w.run.ID)
		}
		return write(t)
	})
}

func (w *writer) Intend(i state.Intent) error {
	i.Run = w.run.ID
	if w.session.Reader.Keys == nil {
		i.Before = plain(i.Before)
	}
	key, err := recordKey(i.Addr)
	if err != nil {
		return err
	}
	payload, err := state.Encode(&i)
	if err != nil {
		return err
	}
	aside, err := deposing(&i, w.run.ID)
	if err != nil {
		return err
	}
	return w.do("intent", func(t *Txn) error {
		k := journalKey(w.run.ID, i.Step, journalIntent)
		begun, err := t.has(Journal, k)
		if err != nil {
			return err
		}
		if begun {
			return fmt.Errorf("step %d of run %d has been begun before", i.Step, w.run.ID)
		}
		if err := t.put(Journal, k, payload); err != nil {
			return err
		}
		if err := aside.apply(t, func(state.RunID, int) bool { return false }); err != nil {
			return err
		}
		return t.leaveOpen(unresolvedKey(unresolvedPrefix(key), w.run.ID, i.Step))
	})
}

func (w *writer) Checkpoint(step int, r *state.Record, remove ...addr.Instance) error {
	e, err := newEdit(w.session.kept([]*state.Record{r}), remove, w.run.ID)
	if err != nil {
		return err
	}
	return w.do("checkpoint", func(t *Txn) error {
		if err := w.checkOpen(t, e.put[0].key, step, r.Addr); err != nil {
			return err
		}
		return e.apply(t, func(state.RunID, int) bool { return false })
	})
}

func (w *writer) Record(o state.Outcome) error {
	if w.session.Reader.Keys == nil {
		o.After = plain(o.After)
	}
	e, err := newOutcomeEdit(&o, w.run.ID)
	if err != nil {
		return err
	}
	payload, err := state.Encode(&o)
	if err != nil {
		return err
	}
	return w.do("outcome", func(t *Txn) error {
		if err := w.checkOpen(t, e.keys()[0], o.Step, o.Addr); err != nil {
			return err
		}
		if err := t.put(Journal, journalKey(w.run.ID, o.Step, journalOutcome), payload); err != nil {
			return err
		}
		return e.apply(t, func(run state.RunID, step int) bool { return run < w.run.ID || step == o.Step })
	})
}

// checkOpen refuses what belongs to no open step of this run: a step that was never begun, is over, or is about
// another address.
func (w *writer) checkOpen(t *Txn, key []byte, step int, a addr.Instance) error {
	open, err := t.has(Unresolved, unresolvedKey(unresolvedPrefix(key), w.run.ID, step))
	if err == nil && !open {
		err = fmt.Errorf("step %d of run %d is not open for %s", step, w.run.ID, a)
	}
	return err
}

func (w *writer) Settle(put []*state.Record, remove []addr.Instance) error {
	e, err := newEdit(w.session.kept(put), remove, w.run.ID)
	if err != nil {
		return err
	}
	return w.do("settle", func(t *Txn) error {
		return e.apply(t, func(run state.RunID, _ int) bool { return run < w.run.ID })
	})
}

func (w *writer) Outputs(values map[string]state.Output) error {
	payloads, err := encodeOutputs(values)
	if err != nil {
		return err
	}
	return w.do("outputs", func(t *Txn) error { return putOutputs(t, payloads) })
}

func (w *writer) Finish(f state.Finish) error {
	if f.Result <= state.Running || f.Result > state.Interrupted {
		return fmt.Errorf("a run cannot finish as %s", f.Result)
	}
	run := w.run
	run.Finished, run.Result, run.Summary, run.Error = w.session.Now().UTC(), f.Result, f.Summary, f.Error
	var clusters []byte
	if f.Clusters != nil {
		var err error
		if clusters, err = state.Encode(&f.Clusters); err != nil {
			return err
		}
	}
	return w.do("finish", func(t *Txn) error {
		if clusters != nil {
			if err := t.put(Meta, []byte(metaClusters), clusters); err != nil {
				return err
			}
		}
		t.after = append(t.after, func() { w.closed = true })
		return putRun(t, &run)
	})
}

func sorted(m map[string][]byte) []string { return slices.Sorted(maps.Keys(m)) }
