package boltstore

import (
	"encoding/binary"
	"errors"

	bolt "go.etcd.io/bbolt"
)

// txn is what a write may use: the transaction and the serial of its commit. Writes of one commit see each other.
type txn struct {
	*bolt.Tx
	counts
	after []func() // called when the commit has succeeded, by the goroutine that owns the file
}

// newTxn prepares the commit after the last.
func newTxn(tx *bolt.Tx) (txn, error) {
	c, err := readCounts(tx)
	c.serial++
	return txn{Tx: tx, counts: c}, err
}

// bucket returns a bucket; the file has been checked to have it.
func (t *txn) bucket(name string) *bolt.Bucket { return t.Bucket([]byte(name)) }

// put stores a payload in its envelope.
func (t *txn) put(b *bolt.Bucket, key, payload []byte) error {
	return b.Put(key, wrap(key, payload, t.serial))
}

func (t *txn) putRecord(key, payload []byte) error {
	b := t.bucket(bucketResources)
	if b.Get(key) == nil {
		t.records++
	}
	return t.put(b, key, payload)
}

func (t *txn) deleteRecord(key []byte) error {
	b := t.bucket(bucketResources)
	if b.Get(key) == nil {
		return nil
	}
	t.records--
	return b.Delete(key)
}

// leaveOpen adds an intent to the index of those without an outcome.
func (t *txn) leaveOpen(key []byte) error {
	t.unresolved++
	return t.bucket(bucketUnresolved).Put(key, nil)
}

// settled takes an intent that is in the index out of it.
func (t *txn) settled(key []byte) error {
	t.unresolved--
	return t.bucket(bucketUnresolved).Delete(key)
}

// counts is written by every commit: its serial, and how many entries there must be where a lost one would go unnoticed.
type counts struct {
	serial              uint64 // in the envelope
	records, unresolved uint64
}

func (c counts) put(meta *bolt.Bucket) error {
	key := []byte(metaCounts)
	return meta.Put(key, wrap(key, binary.BigEndian.AppendUint64(number(c.records), c.unresolved), c.serial))
}

func readCounts(tx *bolt.Tx) (c counts, err error) {
	meta, err := bucket(tx, bucketMeta)
	if err != nil {
		return c, err
	}
	key := []byte(metaCounts)
	payload, serial, err := unwrap(key, meta.Get(key))
	if err != nil || len(payload) != 16 {
		return c, errors.Join(errors.New("its counts cannot be read"), err)
	}
	return counts{serial, binary.BigEndian.Uint64(payload), binary.BigEndian.Uint64(payload[8:])}, nil
}
