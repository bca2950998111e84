package ledger

import (
	"encoding/binary"
	"errors"

	"github.com/meshplan/meshplan/state"
)

// Txn is what a write may use: the transaction and the serial of its commit. Writes of one commit see each other.
type Txn struct {
	Tx
	counts
	box   *box
	after []func() // called when the commit has succeeded, by the goroutine that owns the store
}

// NewTxn prepares the commit after the last. keys may be nil.
func NewTxn(tx Tx, keys state.Keys) (*Txn, error) {
	c, err := readCounts(tx)
	if err != nil {
		return nil, err
	}
	c.serial++
	t := &Txn{Tx: tx, counts: c}
	if t.box, err = openBox(tx, keys); err != nil {
		return nil, err
	}
	if t.box == nil && keys != nil {
		return t, t.seal(keys)
	}
	return t, nil
}

// Finish writes what every commit writes. It comes last.
func (t *Txn) Finish() error { return t.counts.put(t.Tx) }

// Committed tells the writes that they are durable.
func (t *Txn) Committed() {
	for _, f := range t.after {
		f()
	}
}

// Serial is the serial of this commit.
func (t *Txn) Serial() uint64 { return t.serial }

// put stores a payload, sealed and in its envelope.
func (t *Txn) put(b Bucket, key, payload []byte) error {
	sealed, err := t.box.seal(b, key, payload)
	if err != nil {
		return err
	}
	return t.Put(b, key, wrap(key, sealed, t.serial))
}

func (t *Txn) has(b Bucket, key []byte) (bool, error) {
	v, err := t.Get(b, key)
	return v != nil, err
}

func (t *Txn) putRecord(key, payload []byte) error {
	known, err := t.has(Resources, key)
	if err != nil {
		return err
	}
	if !known {
		t.records++
	}
	return t.put(Resources, key, payload)
}

func (t *Txn) deleteRecord(key []byte) error {
	if known, err := t.has(Resources, key); err != nil || !known {
		return err
	}
	t.records--
	return t.Delete(Resources, key)
}

// leaveOpen adds an intent to the index of those without an outcome.
func (t *Txn) leaveOpen(key []byte) error {
	t.unresolved++
	return t.Put(Unresolved, key, []byte{})
}

// settled takes an intent that is in the index out of it.
func (t *Txn) settled(key []byte) error {
	t.unresolved--
	return t.Delete(Unresolved, key)
}

// counts is written by every commit: its serial, and how many entries there must be where a lost one would go unnoticed.
type counts struct {
	serial              uint64 // in the envelope
	records, unresolved uint64
}

func (c counts) put(tx Tx) error {
	key := []byte(metaCounts)
	return tx.Put(Meta, key, wrap(key, binary.BigEndian.AppendUint64(number(c.records), c.unresolved), c.serial))
}

func readCounts(tx Tx) (c counts, err error) {
	key := []byte(metaCounts)
	v, err := tx.Get(Meta, key)
	if err != nil {
		return c, err
	}
	payload, serial, err := unwrap(key, v)
	if err != nil || len(payload) != 16 {
		return c, errors.Join(errors.New("its counts cannot be read"), err)
	}
	return counts{serial, binary.BigEndian.Uint64(payload), binary.BigEndian.Uint64(payload[8:])}, nil
}

// Init writes what an empty state holds.
func Init(tx Tx) error {
	if err := InitFormat(tx, state.Format); err != nil {
		return err
	}
	return counts{}.put(tx)
}

// InitFormat writes the format that the state has.
func InitFormat(tx Tx, format int) error {
	key := []byte(metaFormat)
	return tx.Put(Meta, key, wrap(key, number(uint64(format)), 0))
}

// CheckFormat refuses what a newer program wrote, with a *state.FormatError, and what is no state at all.
func CheckFormat(tx Tx, path string) error {
	key := []byte(metaFormat)
	v, err := tx.Get(Meta, key)
	if err != nil {
		return err
	}
	payload, _, err := unwrap(key, v)
	if err != nil || len(payload) != 8 {
		return errors.Join(errors.New("its format cannot be read"), err)
	}
	if got := binary.BigEndian.Uint64(payload); got > state.Format {
		return &state.FormatError{Path: path, Got: int(got)}
	}
	return nil
}
