package state

import (
	"bytes"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/meshplan/meshplan/internal/addr"
)

// Stored is what a store keeps in MessagePack. Field names never change their meaning; readers skip names that they
// do not know.
type Stored interface {
	Record | Output | Identity | Run | Intent | Outcome | map[string]string
}

// Encode returns the stored form of v.
func Encode[T Stored](v *T) ([]byte, error) {
	var buf bytes.Buffer
	e := msgpack.NewEncoder(&buf)
	e.UseCompactInts(true)
	e.SetSortMapKeys(true)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encoding %T: %w", *v, err)
	}
	return buf.Bytes(), nil
}

// Decode reads what Encode wrote. The address of a record is not part of it, except inside of an intent or an
// outcome; times are UTC. The result does not share memory with b.
func Decode[T Stored](b []byte) (*T, error) {
	v := new(T)
	if err := msgpack.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("decoding %T: %w", *v, err)
	}
	switch v := any(v).(type) {
	case *Run:
		utc(&v.Started, &v.Finished, &v.Holder.Since)
	case *Intent:
		utc(&v.At)
	case *Outcome:
		utc(&v.At)
	}
	return v, nil
}

// utc undoes the decoder's choice of the local time zone.
func utc(times ...*time.Time) {
	for _, t := range times {
		*t = t.UTC()
	}
}

// storedRecord is a Record without its address, which is the key that it lies under.
type storedRecord struct {
	Provider      string   `msgpack:"p"`
	SchemaVersion int      `msgpack:"sv,omitempty"`
	Value         []byte   `msgpack:"v"`
	Private       []byte   `msgpack:"x,omitempty"`
	DependsOn     [][]byte `msgpack:"d,omitempty"` // storage keys
	Status        Status   `msgpack:"s"`
	Protected     bool     `msgpack:"l,omitempty"`
	CreateFirst   bool     `msgpack:"c,omitempty"`
	Secret        []byte   `msgpack:"k,omitempty"`
	Revision      uint64   `msgpack:"r,omitempty"`
	Run           RunID    `msgpack:"n,omitempty"`
}

// EncodeMsgpack writes the stored form, for package msgpack.
func (r *Record) EncodeMsgpack(e *msgpack.Encoder) error {
	s := storedRecord{Provider: r.Provider, SchemaVersion: r.SchemaVersion, Value: r.Value, Private: r.Private,
		Status: r.Status, Protected: r.Protected, CreateFirst: r.CreateFirst, Secret: r.Secret, Revision: r.Revision, Run: r.Run}
	for _, d := range r.DependsOn {
		key, err := AppendKey(nil, d)
		if err != nil {
			return err
		}
		s.DependsOn = append(s.DependsOn, key)
	}
	return e.Encode(&s)
}

// DecodeMsgpack reads the stored form, for package msgpack. It leaves the address alone.
func (r *Record) DecodeMsgpack(d *msgpack.Decoder) error {
	var s storedRecord
	if err := d.Decode(&s); err != nil {
		return err
	}
	*r = Record{Addr: r.Addr, Provider: s.Provider, SchemaVersion: s.SchemaVersion, Value: s.Value, Private: s.Private,
		Status: s.Status, Protected: s.Protected, CreateFirst: s.CreateFirst, Secret: s.Secret, Revision: s.Revision, Run: s.Run}
	if len(s.DependsOn) > 0 {
		r.DependsOn = make([]addr.Instance, len(s.DependsOn))
	}
	for i, key := range s.DependsOn {
		var err error
		if r.DependsOn[i], err = ParseKey(string(key)); err != nil {
			return err
		}
	}
	return nil
}

// The types without methods, so that package msgpack goes by their fields.
type (
	intentFields  Intent
	outcomeFields Outcome
)

// EncodeMsgpack writes the stored form, for package msgpack.
func (i *Intent) EncodeMsgpack(e *msgpack.Encoder) error {
	if i.From.IsZero() {
		return encodeAddressed(e, (*intentFields)(i), i.Addr)
	}
	return encodeAddressed(e, (*intentFields)(i), i.Addr, i.From)
}

// DecodeMsgpack reads the stored form, for package msgpack. The record before the step is the one at From when the step
// moves it.
func (i *Intent) DecodeMsgpack(d *msgpack.Decoder) error {
	as, err := decodeAddressed(d, (*intentFields)(i), 2)
	if err != nil {
		return err
	}
	i.Addr = as[0]
	if len(as) == 2 {
		i.From = as[1]
	}
	if i.Before != nil {
		i.Before.Addr = as[len(as)-1]
	}
	return nil
}

// EncodeMsgpack writes the stored form, for package msgpack.
func (o *Outcome) EncodeMsgpack(e *msgpack.Encoder) error {
	return encodeAddressed(e, (*outcomeFields)(o), o.Addr)
}

// DecodeMsgpack reads the stored form, for package msgpack.
func (o *Outcome) DecodeMsgpack(d *msgpack.Decoder) error {
	as, err := decodeAddressed(d, (*outcomeFields)(o), 1)
	if err != nil {
		return err
	}
	o.Addr = as[0]
	if o.After != nil {
		o.After.Addr = o.Addr
	}
	return nil
}

// encodeAddressed writes the storage key of an address, what belongs to it, and the keys of further addresses.
func encodeAddressed(e *msgpack.Encoder, fields any, as ...addr.Instance) error {
	if err := e.EncodeArrayLen(1 + len(as)); err != nil {
		return err
	}
	for n, a := range as {
		key, err := AppendKey(nil, a)
		if err != nil {
			return err
		}
		if err := e.EncodeBytes(key); err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		if err := e.Encode(fields); err != nil {
			return err
		}
	}
	return nil
}

// decodeAddressed reads what encodeAddressed wrote with up to most addresses, at least one.
func decodeAddressed(d *msgpack.Decoder, fields any, most int) ([]addr.Instance, error) {
	n, err := d.DecodeArrayLen()
	if err != nil {
		return nil, err
	}
	if n < 2 || n > 1+most {
		return nil, fmt.Errorf("an address and its content were expected, not %d elements", n)
	}
	var as []addr.Instance
	for len(as) < n-1 {
		key, err := d.DecodeBytes()
		if err != nil {
			return nil, err
		}
		a, err := ParseKey(string(key))
		if err != nil {
			return nil, err
		}
		if as = append(as, a); len(as) > 1 {
			continue
		}
		if err := d.Decode(fields); err != nil {
			return nil, err
		}
	}
	return as, nil
}
