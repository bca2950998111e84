package ledger

import (
	"time"

	"github.com/meshplan/meshplan/state"
)

// Retention says what is kept of former runs. The zero value is the default of every field.
type Retention struct {
	// Runs is how many runs keep their steps, so that they can be rolled back; 0 means 100. The last ten always do.
	Runs int
	// Age is how long runs keep their steps, counted from their start; 0 means that age does not matter.
	Age time.Duration
	// History is how many summaries of runs are kept; 0 means 1000. There are never fewer than runs with steps.
	History int
}

// promised is how many runs keep their steps whatever was configured.
const promised = 10

func (r Retention) withDefaults() Retention {
	if r.Runs <= 0 {
		r.Runs = 100
	}
	if r.History <= 0 {
		r.History = 1000
	}
	r.Runs = max(r.Runs, promised)
	r.History = max(r.History, r.Runs)
	return r
}

// prune drops the steps and the summaries of runs that need not be kept, next being the run that begins now. It looks at
// runs with steps and at summaries that go, not at all others.
func (r Retention) prune(t *Txn, next state.RunID, now time.Time) error {
	r = r.withDefaults()
	if next <= promised {
		return nil
	}
	unresolved, err := entriesOf(t, Unresolved)
	if err != nil {
		return err
	}
	needed := map[state.RunID]bool{}
	for _, e := range unresolved {
		run, _, err := parseUnresolvedKey(e.key)
		if err != nil {
			return err
		}
		needed[run] = true
	}
	kept, err := entriesOf(t, Kept)
	if err != nil {
		return err
	}
	oldest := next // of the runs with steps
	for _, e := range kept {
		id, err := parseRunKey(e.key)
		if err != nil {
			return err
		}
		drop := false
		if !needed[id] && id+promised <= next {
			if drop, err = r.outlived(t, id, next, now); err != nil {
				return err
			}
		}
		if !drop {
			oldest = min(oldest, id)
			continue
		}
		if err := t.Delete(Kept, e.key); err != nil {
			return err
		}
		if err := t.DeletePrefix(Journal, e.key); err != nil {
			return err
		}
	}
	return r.pruneHistory(t, next, oldest)
}

// outlived reports whether the steps of a run are beyond count or age.
func (r Retention) outlived(t *Txn, id, next state.RunID, now time.Time) (bool, error) {
	if id+state.RunID(r.Runs) <= next {
		return true, nil
	}
	if r.Age <= 0 {
		return false, nil
	}
	v, err := t.Get(Runs, runKey(id))
	if err != nil || v == nil {
		return true, err
	}
	run, _, err := decode[state.Run](t.box, clone(Runs, runKey(id), v))
	if err != nil {
		return false, err
	}
	return now.Sub(run.Started) > r.Age, nil
}

func (r Retention) pruneHistory(t *Txn, next, oldest state.RunID) error {
	var gone [][]byte
	err := t.Scan(Runs, nil, func(k, _ []byte) bool {
		id, err := parseRunKey(k)
		if err != nil || id >= oldest || id+state.RunID(r.History) > next {
			return false
		}
		gone = append(gone, runKey(id))
		return true
	})
	for _, k := range gone {
		if err == nil {
			err = t.Delete(Runs, k)
		}
	}
	return err
}
