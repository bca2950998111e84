package kube

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Record is what a resource instance remembers about its objects, kept in Private. It holds no values: digests are keyed
// with the state's key.
type Record struct {
	Objects []ObjectRecord `json:"o,omitempty"`
}

// ObjectRecord is what is remembered about one object after it was applied.
type ObjectRecord struct {
	Ref
	UID             string `json:"u"`
	ResourceVersion string `json:"rv,omitempty"`
	Generation      int64  `json:"gen,omitempty"`
	Manager         string `json:"m,omitempty"` // field manager; empty means FieldManager
	Owner           string `json:"a,omitempty"` // address in the ownership mark
	// Desired is the keyed digest of the object as it was asked for.
	Desired string `json:"d"`
	// Entry is the digest of our entry in managedFields: while it stands nobody else changed a field of ours.
	Entry string `json:"e,omitempty"`
	// Canon holds, for fields that the server wrote differently (1000m as 1), the keyed digest of what it wrote.
	Canon map[string]string `json:"c,omitempty"`
	// Null lists fields that the configuration sets to null, to tell them from withheld secrets.
	Null []string `json:"z,omitempty"`
	// Yielded lists fields left to another manager.
	Yielded []string `json:"y,omitempty"`
	// Dirty says that a read found a difference in fields of ours.
	Dirty bool `json:"x,omitempty"`
	// Terminating says that a read found the object being deleted.
	Terminating bool `json:"t,omitempty"`
	// Pending says that the object was written and not yet seen ready.
	Pending bool `json:"p,omitempty"`
	// Once says that the object goes away by itself when it has done its work: a Job with a time to live.
	Once bool `json:"o,omitempty"`
}

// DecodeRecord reads a record from Private. Empty input is the empty record.
func DecodeRecord(private []byte) (Record, error) {
	var r Record
	if len(private) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(private, &r); err != nil {
		return r, fmt.Errorf("record of objects: %w", err)
	}
	return r, nil
}

// Encode returns the record as compact, deterministic JSON.
func (r Record) Encode() []byte {
	out, err := json.Marshal(r)
	if err != nil {
		panic(err) // the type has no value that JSON cannot say
	}
	return out
}

// Find returns what is remembered about an object, or nil.
func (r Record) Find(id ID) *ObjectRecord {
	for i := range r.Objects {
		if r.Objects[i].ID() == id {
			return &r.Objects[i]
		}
	}
	return nil
}

// with returns a copy in which the record of one object is replaced or added, in order of CompareRef.
func (r Record) with(o ObjectRecord) Record {
	out := slices.Clone(r.Objects)
	for i := range out {
		if out[i].ID() == o.ID() {
			out[i] = o
			return Record{out}
		}
	}
	at, _ := slices.BinarySearchFunc(out, o.Ref, func(e ObjectRecord, t Ref) int { return CompareRef(e.Ref, t) })
	return Record{slices.Insert(out, at, o)}
}

// without returns a copy that has forgotten one object.
func (r Record) without(id ID) Record {
	return Record{slices.DeleteFunc(slices.Clone(r.Objects), func(o ObjectRecord) bool { return o.ID() == id })}
}
