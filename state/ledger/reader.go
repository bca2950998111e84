package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/meshplan/meshplan/state"
)

// Reader reads states, the same way from every store.
type Reader struct {
	// View calls fn with one consistent state; what fn returns is damage. Errors: ErrAbsent, *state.FormatError,
	// *state.CorruptError, and why the store cannot be reached.
	View func(ctx context.Context, fn func(Tx) error) error
	// Damaged turns a reason into a *state.CorruptError that names the place and says what to do.
	Damaged func(error) error
	// Keys open a sealed state; nil when none are configured.
	Keys state.Keys
}

// view is View that looks after what is neither damage nor trouble.
func (r *Reader) view(ctx context.Context, fn func(Tx) error) error {
	var other error
	err := r.View(ctx, func(tx Tx) error {
		err := fn(tx)
		if notDamage(err) || errors.Is(err, state.ErrNoRun) || errors.Is(err, state.ErrPruned) {
			other = err
			return nil
		}
		return err
	})
	return errors.Join(err, other)
}

// Snapshot is state.Store.Snapshot.
func (r *Reader) Snapshot(ctx context.Context) (*state.Snapshot, error) {
	var raw rawSnapshot
	err := r.view(ctx, func(tx Tx) error {
		raw = rawSnapshot{}
		return raw.copy(tx, r.Keys)
	})
	if err != nil {
		if errors.Is(err, ErrAbsent) {
			return &state.Snapshot{}, nil
		}
		return nil, err
	}
	snapshot, err := raw.decode()
	if err != nil {
		return nil, r.Damaged(err)
	}
	return snapshot, nil
}

// Meta returns what describes the state, without its records.
func (r *Reader) Meta(ctx context.Context) (m state.Meta, err error) {
	var es []entry
	var box *box
	err = r.view(ctx, func(tx Tx) (err error) {
		if box, err = openBox(tx, r.Keys); err != nil {
			return err
		}
		es, err = entriesOf(tx, Meta)
		return err
	})
	if errors.Is(err, ErrAbsent) {
		return m, nil
	}
	if err == nil {
		if err = decodeMeta(box, es, &m); err != nil {
			err = r.Damaged(err)
		}
	}
	return m, err
}

// Runs is state.Store.Runs.
func (r *Reader) Runs(ctx context.Context) ([]state.Run, error) {
	var es []entry
	var box *box
	err := r.view(ctx, func(tx Tx) (err error) {
		if box, err = openBox(tx, r.Keys); err != nil {
			return err
		}
		es, err = entriesOf(tx, Runs)
		return err
	})
	if err != nil {
		if errors.Is(err, ErrAbsent) {
			return nil, nil
		}
		return nil, err
	}
	out := make([]state.Run, len(es))
	for i, e := range es {
		run, _, err := decode[state.Run](box, e)
		if err != nil {
			return nil, r.Damaged(fmt.Errorf("run %d of %d: %w", i+1, len(es), err))
		}
		out[i] = *run
	}
	return out, nil
}

// Journal is state.Store.Journal.
func (r *Reader) Journal(ctx context.Context, id state.RunID) (*state.Journal, error) {
	var run entry
	var steps []entry
	var box *box
	err := r.view(ctx, func(tx Tx) (err error) {
		if box, err = openBox(tx, r.Keys); err != nil {
			return err
		}
		key := runKey(id)
		v, err := tx.Get(Runs, key)
		if err != nil {
			return err
		}
		if v == nil {
			newest, _, err := tx.Last(Runs)
			if err == nil && id > 0 && string(key) < string(newest) {
				return state.ErrPruned // its summary went as well
			}
			return errors.Join(err, state.ErrNoRun)
		}
		run = clone(Runs, key, v)
		kept, err := tx.Get(Kept, key)
		if err != nil {
			return err
		}
		if kept == nil {
			return state.ErrPruned
		}
		steps, err = entries(tx, Journal, key)
		return err
	})
	if errors.Is(err, ErrAbsent) {
		err = state.ErrNoRun
	}
	if err != nil {
		return nil, fmt.Errorf("run %d: %w", id, err)
	}
	d, _, err := decode[state.Run](box, run)
	if err != nil {
		return nil, r.Damaged(fmt.Errorf("run %d: %w", id, err))
	}
	j := &state.Journal{Run: *d}
	if j.Steps, err = decodeJournal(box, steps); err != nil {
		return nil, r.Damaged(fmt.Errorf("run %d: %w", id, err))
	}
	return j, nil
}

// Verify checks what can be checked without keys: format, counts and the checksum of every entry. Errors:
// *state.FormatError; everything else is damage.
func Verify(tx Tx, path string) error {
	if err := CheckFormat(tx, path); err != nil {
		return err
	}
	for _, b := range Buckets() {
		es, err := entriesOf(tx, b)
		if err != nil {
			return err
		}
		for _, e := range es {
			if b == Kept || b == Unresolved {
				continue
			}
			if _, _, err := unwrap(e.key, e.value); err != nil {
				return fmt.Errorf("%s: %w", b, err)
			}
		}
	}
	_, err := readCounts(tx)
	return err
}
