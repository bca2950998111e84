package ledger

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/meshplan/meshplan/state"
)

// box encrypts values with the data key of a state: XChaCha20-Poly1305 with a random nonce, bound to bucket and key so
// that values cannot be exchanged. A nil box leaves values as they are.
type box struct{ aead cipher.AEAD }

func newBox(key []byte) (*box, error) {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, err
	}
	return &box{aead}, nil
}

// errOpen says that a value was not sealed with this state's key, or was changed.
var errOpen = errors.New("a sealed entry cannot be opened")

func (b *box) seal(bucket Bucket, key, payload []byte) ([]byte, error) {
	if b == nil || open(bucket, key) {
		return payload, nil
	}
	nonce := make([]byte, b.aead.NonceSize(), b.aead.NonceSize()+len(payload)+b.aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return b.aead.Seal(nonce, nonce, payload, label(bucket, key)), nil
}

func (b *box) open(bucket Bucket, key, payload []byte) ([]byte, error) {
	if b == nil || open(bucket, key) {
		return payload, nil
	}
	n := b.aead.NonceSize()
	if len(payload) < n {
		return nil, errOpen
	}
	plain, err := b.aead.Open(nil, payload[:n], payload[n:], label(bucket, key))
	if err != nil {
		return nil, errOpen
	}
	return plain, nil
}

func label(bucket Bucket, key []byte) []byte {
	return append(append([]byte(bucket), 0), key...)
}

// open reports whether an entry is never sealed.
func open(bucket Bucket, key []byte) bool {
	switch bucket {
	case Kept, Unresolved:
		return true
	case Meta:
		return string(key) == metaFormat || string(key) == metaCounts || string(key) == metaSeal
	}
	return false
}

// openBox returns the box of a state, nil when it is not sealed. Errors: state.ErrSealed, and what keys say.
func openBox(tx Tx, keys state.Keys) (*box, error) {
	v, err := tx.Get(Meta, []byte(metaSeal))
	if err != nil || v == nil {
		return nil, err
	}
	wrapped, _, err := unwrap([]byte(metaSeal), v)
	if err != nil {
		return nil, fmt.Errorf("its seal cannot be read: %w", err)
	}
	if keys == nil {
		return nil, state.ErrSealed
	}
	key, err := keys.Unwrap(bytes.Clone(wrapped))
	if err != nil {
		return nil, &keyError{err}
	}
	return newBox(key)
}

// keyError tells a wrong key from a damaged state.
type keyError struct{ error }

func (e *keyError) Unwrap() error { return e.error }

// notDamage reports whether reading failed for a reason that has nothing to do with the stored bytes.
func notDamage(err error) bool {
	var key *keyError
	return errors.Is(err, state.ErrSealed) || errors.As(err, &key)
}

// seal gives the state a new data key under keys, or none when keys is nil, and writes every value anew. The serials of
// values stay. It costs O(state).
func (t *Txn) seal(keys state.Keys) error {
	var next *box
	if keys == nil {
		if err := t.Delete(Meta, []byte(metaSeal)); err != nil {
			return err
		}
	} else {
		key := make([]byte, chacha20poly1305.KeySize)
		if _, err := rand.Read(key); err != nil {
			return err
		}
		wrapped, err := keys.Wrap(key)
		if err != nil {
			return fmt.Errorf("sealing the state: %w", err)
		}
		if next, err = newBox(key); err != nil {
			return err
		}
		if err := t.Put(Meta, []byte(metaSeal), wrap([]byte(metaSeal), wrapped, t.serial)); err != nil {
			return err
		}
	}
	for _, b := range Buckets() {
		es, err := entriesOf(t, b)
		if err != nil {
			return err
		}
		for _, e := range es {
			if open(b, e.key) {
				continue
			}
			sealed, serial, err := unwrap(e.key, e.value)
			if err != nil {
				return err
			}
			plain, err := t.box.open(b, e.key, sealed)
			if err != nil {
				return err
			}
			if next == nil {
				if plain, err = withoutSecrets(b, e.key, plain); err != nil {
					return err
				}
			}
			if sealed, err = next.seal(b, e.key, plain); err != nil {
				return err
			}
			if err := t.Put(b, e.key, wrap(e.key, sealed, serial)); err != nil {
				return err
			}
		}
	}
	t.box = next
	return nil
}

// withoutSecrets takes out of a stored entry what only a sealed state may keep.
func withoutSecrets(b Bucket, key, payload []byte) ([]byte, error) {
	switch b {
	case Resources:
		r, err := state.Decode[state.Record](payload)
		if err != nil || r.Secret == nil {
			return payload, err
		}
		return state.Encode(plain(r))
	case Journal:
		_, kind, err := parseJournalKey(key)
		if err != nil {
			return nil, err
		}
		if kind == journalIntent {
			i, err := state.Decode[state.Intent](payload)
			if err != nil || i.Before == nil || i.Before.Secret == nil {
				return payload, err
			}
			i.Before = plain(i.Before)
			return state.Encode(i)
		}
		o, err := state.Decode[state.Outcome](payload)
		if err != nil || o.After == nil || o.After.Secret == nil {
			return payload, err
		}
		o.After = plain(o.After)
		return state.Encode(o)
	}
	return payload, nil
}
