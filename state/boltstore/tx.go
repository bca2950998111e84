package boltstore

import (
	"bytes"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/meshplan/meshplan/state/ledger"
)

// tx is a transaction of bbolt as package ledger sees it. Its buckets have been checked to exist.
type tx struct{ *bolt.Tx }

// newTx checks that the file has all buckets.
func newTx(t *bolt.Tx) (tx, error) {
	for _, b := range ledger.Buckets() {
		if t.Bucket([]byte(b)) == nil {
			return tx{}, fmt.Errorf("it has no bucket %q", b)
		}
	}
	return tx{t}, nil
}

func (t tx) bucket(b ledger.Bucket) *bolt.Bucket { return t.Bucket([]byte(b)) }

func (t tx) Get(b ledger.Bucket, key []byte) ([]byte, error) { return t.bucket(b).Get(key), nil }

func (t tx) Scan(b ledger.Bucket, prefix []byte, fn func(k, v []byte) bool) error {
	c := t.bucket(b).Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if v == nil {
			return fmt.Errorf("bucket %q holds another bucket", b)
		}
		if !fn(k, v) {
			break
		}
	}
	return nil
}

func (t tx) Last(b ledger.Bucket) (key, value []byte, err error) {
	key, value = t.bucket(b).Cursor().Last()
	return key, value, nil
}

func (t tx) Put(b ledger.Bucket, key, value []byte) error { return t.bucket(b).Put(key, value) }

func (t tx) Delete(b ledger.Bucket, key []byte) error { return t.bucket(b).Delete(key) }

func (t tx) DeletePrefix(b ledger.Bucket, prefix []byte) error {
	var gone [][]byte // deleting would move the cursor
	err := t.Scan(b, prefix, func(k, _ []byte) bool {
		gone = append(gone, bytes.Clone(k))
		return true
	})
	for _, k := range gone {
		if err == nil {
			err = t.bucket(b).Delete(k)
		}
	}
	return err
}
