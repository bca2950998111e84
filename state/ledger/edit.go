package ledger

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
)

// edit is a set of encoded changes to records. Encoding happens in the goroutine that asks, not in the one that commits.
type edit struct {
	put    []encoded
	remove [][]byte
}

type encoded struct{ key, payload []byte }

// plain returns a record as it is stored in the clear.
func plain(r *state.Record) *state.Record {
	if r == nil || r.Secret == nil {
		return r
	}
	c := *r
	c.Secret = nil
	return &c
}

// newEdit encodes records as written by run; 0 leaves their run as it is.
func newEdit(put []*state.Record, remove []addr.Instance, run state.RunID) (*edit, error) {
	e := &edit{}
	for _, r := range put {
		stored := *r
		stored.Revision = 0 // comes with the envelope
		if run != 0 {
			stored.Run = run
		}
		if r.Status != state.Ready && r.Status != state.Incomplete {
			return nil, fmt.Errorf("the record of %s has no status", r.Addr)
		}
		key, err := recordKey(r.Addr)
		if err != nil {
			return nil, err
		}
		payload, err := state.Encode(&stored)
		if err != nil {
			return nil, err
		}
		e.put = append(e.put, encoded{key, payload})
	}
	for _, a := range remove {
		key, err := recordKey(a)
		if err != nil {
			return nil, err
		}
		e.remove = append(e.remove, key)
	}
	return e, nil
}

// newOutcomeEdit encodes what an outcome does to its record, and makes sure that the record has the outcome's address.
func newOutcomeEdit(o *state.Outcome, run state.RunID) (*edit, error) {
	if o.After == nil {
		return newEdit(nil, append([]addr.Instance{o.Addr}, o.Remove...), run)
	}
	after := *o.After
	if after.Addr != o.Addr {
		return nil, fmt.Errorf("the outcome of %s has a record of %s", o.Addr, after.Addr)
	}
	after.Run, after.Revision = run, 0
	o.After = &after
	return newEdit([]*state.Record{&after}, o.Remove, run)
}

// deposing encodes what an intent does to the record that it starts from: nothing, or it stands aside as a former object,
// or it ends.
func deposing(i *state.Intent, run state.RunID) (*edit, error) {
	if i.Gone {
		gone := []addr.Instance{i.Addr}
		if !i.From.IsZero() {
			gone = append(gone, i.From)
		}
		return newEdit(nil, gone, run)
	}
	if i.Deposes == "" {
		return &edit{}, nil
	}
	if i.Before == nil {
		return nil, fmt.Errorf("the intent for %s deposes an object that has no record", i.Addr)
	}
	aside := *i.Before
	aside.Addr = i.Addr
	aside.Addr.Deposed = i.Deposes
	from := i.Addr
	if !i.From.IsZero() {
		from = i.From
	}
	return newEdit([]*state.Record{&aside}, []addr.Instance{from}, run)
}

func (e *edit) keys() [][]byte {
	var out [][]byte
	for _, p := range e.put {
		out = append(out, p.key)
	}
	return append(out, e.remove...)
}

// apply changes the records and takes the intents for their addresses out of the index that resolves accepts.
func (e *edit) apply(t *Txn, resolves func(state.RunID, int) bool) error {
	for _, key := range e.remove { // first: an address that is in both lists stays
		if err := t.deleteRecord(key); err != nil {
			return err
		}
	}
	for _, p := range e.put {
		if err := t.putRecord(p.key, p.payload); err != nil {
			return err
		}
	}
	for _, key := range e.keys() {
		if err := resolve(t, key, resolves); err != nil {
			return err
		}
	}
	return nil
}

func resolve(t *Txn, key []byte, resolves func(state.RunID, int) bool) error {
	prefix := unresolvedPrefix(key)
	var done [][]byte
	var damage error
	err := t.Scan(Unresolved, prefix, func(k, _ []byte) bool {
		run, step, err := parseUnresolvedKey(k)
		if err != nil {
			damage = err
			return false
		}
		if resolves(run, step) {
			done = append(done, bytes.Clone(k)) // deleting would move the cursor
		}
		return true
	})
	if err = errors.Join(err, damage); err != nil {
		return err
	}
	for _, k := range done {
		if err := t.settled(k); err != nil {
			return err
		}
	}
	return nil
}
