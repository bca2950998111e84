package boltstore

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/meshplan/meshplan/state"
)

// entry is a copy of a key and its value. Transactions copy, and everything else happens when the file is free again.
type entry struct{ key, value []byte }

func clone(k, v []byte) entry {
	b := make([]byte, len(k)+len(v))
	copy(b[copy(b, k):], v)
	return entry{b[:len(k):len(k)], b[len(k):]}
}

// decode opens the envelope and decodes what is in it.
func decode[T state.Stored](e entry) (v *T, serial uint64, err error) {
	payload, serial, err := unwrap(e.key, e.value)
	if err != nil {
		return nil, 0, err
	}
	v, err = state.Decode[T](payload)
	return v, serial, err
}

// bucket returns a bucket that every state has.
func bucket(tx *bolt.Tx, name string) (*bolt.Bucket, error) {
	if b := tx.Bucket([]byte(name)); b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("it has no bucket %q", name)
}

// entries copies a bucket. Keys that do not ascend show that pages are mixed up.
func entries(b *bolt.Bucket) (out []entry, err error) {
	c := b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if len(out) > 0 && bytes.Compare(out[len(out)-1].key, k) >= 0 {
			return nil, errors.New("its keys are out of order")
		}
		if v != nil { // not a bucket
			out = append(out, clone(k, v))
		}
	}
	return out, nil
}

func entriesOf(tx *bolt.Tx, name string) ([]entry, error) {
	b, err := bucket(tx, name)
	if err != nil {
		return nil, err
	}
	return entries(b)
}

// checkFormat refuses what a newer program wrote.
func checkFormat(tx *bolt.Tx, path string) error {
	meta, err := bucket(tx, bucketMeta)
	if err != nil {
		return fmt.Errorf("%w: it is not a state of meshplan", err)
	}
	key := []byte(metaFormat)
	payload, _, err := unwrap(key, meta.Get(key))
	if err != nil || len(payload) != 8 {
		return errors.Join(errors.New("its format cannot be read"), err)
	}
	if got := binary.BigEndian.Uint64(payload); got > state.Format {
		return &state.FormatError{Path: path, Got: int(got)}
	}
	return nil
}

// rawSnapshot is a state as it lies in the file.
type rawSnapshot struct {
	meta, records, outputs, intents []entry
	lastRun                         *entry
	counts                          counts
}

func (r *rawSnapshot) copy(tx *bolt.Tx) (err error) {
	if r.meta, err = entriesOf(tx, bucketMeta); err != nil {
		return err
	}
	if r.records, err = entriesOf(tx, bucketResources); err != nil {
		return err
	}
	if r.outputs, err = entriesOf(tx, bucketOutputs); err != nil {
		return err
	}
	if r.intents, err = unresolvedIntents(tx); err != nil {
		return err
	}
	if r.counts, err = readCounts(tx); err != nil {
		return err
	}
	if n, m := len(r.records), len(r.intents); uint64(n) != r.counts.records || uint64(m) != r.counts.unresolved {
		return fmt.Errorf("it has %d of %d records and %d of %d unresolved intents", n, r.counts.records, m, r.counts.unresolved)
	}
	runs, err := bucket(tx, bucketRuns)
	if err != nil {
		return err
	}
	if k, v := runs.Cursor().Last(); k != nil {
		e := clone(k, v)
		r.lastRun = &e
	}
	return nil
}

// unresolvedIntents copies the intents that the index names from the journals.
func unresolvedIntents(tx *bolt.Tx) (out []entry, err error) {
	index, err := bucket(tx, bucketUnresolved)
	if err != nil {
		return nil, err
	}
	journals, err := bucket(tx, bucketJournal)
	if err != nil {
		return nil, err
	}
	return out, index.ForEach(func(k, _ []byte) error {
		run, step, err := parseUnresolvedKey(k)
		if err != nil {
			return err
		}
		key := journalKey(step, journalIntent)
		journal := journals.Bucket(runKey(run))
		if journal == nil || journal.Get(key) == nil {
			return fmt.Errorf("the intent of step %d of run %d is missing", step, run)
		}
		out = append(out, clone(key, journal.Get(key)))
		return nil
	})
}

func (r *rawSnapshot) decode() (*state.Snapshot, error) {
	s := &state.Snapshot{Outputs: make(map[string]state.Output, len(r.outputs))}
	if err := decodeMeta(r.meta, &s.Meta); err != nil {
		return nil, err
	}
	if s.Lineage == "" && s.Serial == 0 {
		return &state.Snapshot{}, nil // made, but never written to
	}
	s.Records = make([]*state.Record, len(r.records))
	for i, e := range r.records {
		rec, serial, err := decode[state.Record](e)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		if rec.Addr, err = state.ParseKey(string(e.key)); err != nil {
			return nil, err
		}
		rec.Revision = serial
		s.Records[i] = rec
	}
	for _, e := range r.outputs {
		o, _, err := decode[state.Output](e)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", e.key, err)
		}
		s.Outputs[string(e.key)] = *o
	}
	if err := r.decodeIntents(s); err != nil {
		return nil, err
	}
	if r.lastRun != nil {
		run, _, err := decode[state.Run](*r.lastRun)
		if err != nil {
			return nil, fmt.Errorf("last run: %w", err)
		}
		if run.Result == state.Running {
			s.Unfinished = run.ID
		}
	}
	return s, nil
}

// decodeIntents orders unresolved intents by the commits that wrote them.
func (r *rawSnapshot) decodeIntents(s *state.Snapshot) error {
	type dated struct {
		serial uint64
		intent *state.Intent
	}
	var all []dated
	for _, e := range r.intents {
		i, serial, err := decode[state.Intent](e)
		if err != nil {
			return fmt.Errorf("unresolved intent: %w", err)
		}
		all = append(all, dated{serial, i})
	}
	slices.SortFunc(all, func(a, b dated) int {
		return cmp.Or(cmp.Compare(a.serial, b.serial), cmp.Compare(a.intent.Run, b.intent.Run), cmp.Compare(a.intent.Step, b.intent.Step))
	})
	for _, d := range all {
		s.Unresolved = append(s.Unresolved, *d.intent)
	}
	return nil
}

func decodeMeta(es []entry, m *state.Meta) error {
	for _, e := range es {
		payload, serial, err := unwrap(e.key, e.value)
		if err != nil {
			return fmt.Errorf("%s: %w", e.key, err)
		}
		switch string(e.key) {
		case metaFormat:
			m.Format = int(binary.BigEndian.Uint64(payload)) // its length has been checked by checkFormat
		case metaCounts:
			m.Serial = serial
		case metaIdentity:
			id, err := state.Decode[state.Identity](payload)
			if err != nil {
				return err
			}
			m.Identity = *id
		case metaClusters:
			clusters, err := state.Decode[map[string]string](payload)
			if err != nil {
				return err
			}
			m.Clusters = *clusters
		}
	}
	return nil
}

// decodeJournal puts the steps of a run in the order of the commits of their intents. Those of one commit were asked
// for at the same time; they follow the plan.
func decodeJournal(es []entry) ([]state.Entry, error) {
	type dated struct {
		serial uint64
		state.Entry
	}
	var all []dated
	for _, e := range es {
		step, kind, err := parseJournalKey(e.key)
		if err != nil {
			return nil, err
		}
		if kind == journalIntent {
			i, serial, err := decode[state.Intent](e)
			if err != nil {
				return nil, fmt.Errorf("intent of step %d: %w", step, err)
			}
			all = append(all, dated{serial, state.Entry{Intent: *i}})
			continue
		}
		o, serial, err := decode[state.Outcome](e)
		if err != nil {
			return nil, fmt.Errorf("outcome of step %d: %w", step, err)
		}
		if len(all) == 0 || all[len(all)-1].Intent.Step != step {
			return nil, fmt.Errorf("step %d has an outcome and no intent", step)
		}
		if o.After != nil {
			o.After.Revision = serial
		}
		all[len(all)-1].Outcome = o
	}
	slices.SortFunc(all, func(a, b dated) int {
		return cmp.Or(cmp.Compare(a.serial, b.serial), cmp.Compare(a.Intent.Step, b.Intent.Step))
	})
	out := make([]state.Entry, len(all))
	for i, d := range all {
		out[i] = d.Entry
	}
	return out, nil
}
