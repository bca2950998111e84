package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/meshplan/meshplan/state"
)

// entry is a copy of a key and its value. Transactions copy, and everything else happens when the store is free again.
type entry struct {
	bucket     Bucket
	key, value []byte
}

func clone(bucket Bucket, k, v []byte) entry {
	b := make([]byte, len(k)+len(v))
	copy(b[copy(b, k):], v)
	return entry{bucket, b[:len(k):len(k)], b[len(k):]}
}

// decode opens the envelope and the seal and decodes what is in it.
func decode[T state.Stored](box *box, e entry) (v *T, serial uint64, err error) {
	payload, serial, err := e.open(box)
	if err != nil {
		return nil, 0, err
	}
	v, err = state.Decode[T](payload)
	return v, serial, err
}

func (e entry) open(box *box) (payload []byte, serial uint64, err error) {
	sealed, serial, err := unwrap(e.key, e.value)
	if err != nil {
		return nil, 0, err
	}
	payload, err = box.open(e.bucket, e.key, sealed)
	return payload, serial, err
}

// entries copies the entries with a prefix. Keys that do not ascend show that something is mixed up.
func entries(tx Tx, b Bucket, prefix []byte) (out []entry, err error) {
	ordered := true
	err = tx.Scan(b, prefix, func(k, v []byte) bool {
		ordered = len(out) == 0 || bytes.Compare(out[len(out)-1].key, k) < 0
		out = append(out, clone(b, k, v))
		return ordered
	})
	if err == nil && !ordered {
		err = errors.New("its keys are out of order")
	}
	return out, err
}

func entriesOf(tx Tx, b Bucket) ([]entry, error) { return entries(tx, b, nil) }

func last(tx Tx, b Bucket) (*entry, error) {
	k, v, err := tx.Last(b)
	if err != nil || k == nil {
		return nil, err
	}
	e := clone(b, k, v)
	return &e, nil
}

func decodeMeta(box *box, es []entry, m *state.Meta) error {
	for _, e := range es {
		payload, serial, err := e.open(box)
		if err != nil {
			return fmt.Errorf("%s: %w", e.key, err)
		}
		switch string(e.key) {
		case metaFormat:
			m.Format = int(binary.BigEndian.Uint64(payload)) // its length has been checked by CheckFormat
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
