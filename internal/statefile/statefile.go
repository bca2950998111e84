// Package statefile writes a state as JSON and reads it back, for copies outside of any backend, for review and for
// repair by hand.
//
// The central idea: everything in it can be read by people, nothing in it is secret, and what was written reads back as
// the same state. Journals are not part of it: a state that comes from JSON cannot be rolled back beyond that point.
package statefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/state"
)

// Version is the format that Write writes and Read reads.
const Version = 1

type file struct {
	Version int    `json:"meshplan_state"`
	Lineage string `json:"lineage"`
	Serial  uint64 `json:"serial"`
	// Key keys the fingerprints of secrets: with it somebody could try short secrets one after the other.
	Key       []byte            `json:"fingerprint_key,omitempty"`
	Clusters  map[string]string `json:"clusters,omitempty"`
	Resources []resource        `json:"resources"`
	Outputs   []output          `json:"outputs"`
}

type resource struct {
	Address       string          `json:"address"`
	Provider      string          `json:"provider"`
	SchemaVersion int             `json:"schema_version"`
	Status        string          `json:"status"`
	Protected     bool            `json:"protected,omitempty"`
	CreateFirst   bool            `json:"create_before_destroy,omitempty"`
	Run           uint64          `json:"run"`
	DependsOn     []string        `json:"depends_on,omitempty"`
	Object        json.RawMessage `json:"object,omitempty"`
	// Stored stands in for an object that JSON cannot express.
	Stored  []byte `json:"stored,omitempty"`
	Private []byte `json:"private,omitempty"`
}

type output struct {
	Name      string          `json:"name"`
	Sensitive bool            `json:"sensitive,omitempty"`
	Object    json.RawMessage `json:"object"`
}

// Write writes a snapshot, indented, records in the order of their addresses. withKey adds the key of the fingerprints.
func Write(w io.Writer, s *state.Snapshot, withKey bool) error {
	f := file{Version: Version, Lineage: s.Lineage, Serial: s.Serial, Clusters: s.Clusters, Resources: []resource{}, Outputs: []output{}}
	if withKey {
		f.Key = s.Key
	}
	var decoder sealed.Decoder
	for _, r := range s.Records {
		v, err := decoder.Decode(r.Value)
		if err != nil {
			return fmt.Errorf("the record of %s: %w", r.Addr, err)
		}
		out := resource{Address: r.Addr.String(), Provider: r.Provider, SchemaVersion: r.SchemaVersion, Status: status(r.Status), Protected: r.Protected, CreateFirst: r.CreateFirst,
			Run: uint64(r.Run), Private: r.Private}
		for _, d := range r.DependsOn {
			out.DependsOn = append(out.DependsOn, d.String())
		}
		if out.Object, err = json.Marshal(v); err != nil {
			out.Stored, out.Object = r.Value, nil
		}
		f.Resources = append(f.Resources, out)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Outputs)) {
		v, err := decoder.Decode(s.Outputs[name].Value)
		if err != nil {
			return fmt.Errorf("the output %q: %w", name, err)
		}
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("the output %q: %w", name, err)
		}
		f.Outputs = append(f.Outputs, output{name, s.Outputs[name].Sensitive, b})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(f)
}

// Read reads what Write wrote. The error says which part cannot be read.
func Read(r io.Reader) (*state.Snapshot, error) {
	var f file
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("it is not a state as \"meshplan state pull\" prints it: %w", err)
	}
	switch {
	case f.Version > Version:
		return nil, fmt.Errorf("it has the format %d, and this program reads up to %d: use a newer meshplan", f.Version, Version)
	case f.Version < 1 || f.Lineage == "":
		return nil, errors.New("it is not a state as \"meshplan state pull\" prints it: it has no format or no lineage")
	}
	s := &state.Snapshot{Meta: state.Meta{Identity: state.Identity{Lineage: f.Lineage, Key: f.Key}, Serial: f.Serial, Clusters: f.Clusters}, Outputs: map[string]state.Output{}}
	seen := map[addr.Instance]bool{}
	var encoder sealed.Encoder
	for _, in := range f.Resources {
		r, err := in.record(&encoder)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", in.Address, err)
		}
		if seen[r.Addr] {
			return nil, fmt.Errorf("%s is there twice", in.Address)
		}
		seen[r.Addr] = true
		s.Records = append(s.Records, r)
	}
	slices.SortFunc(s.Records, func(a, b *state.Record) int { return addr.Compare(a.Addr, b.Addr) })
	for _, o := range f.Outputs {
		b, err := encode(&encoder, o.Object)
		if err != nil {
			return nil, fmt.Errorf("the output %q: %w", o.Name, err)
		}
		s.Outputs[o.Name] = state.Output{Value: b, Sensitive: o.Sensitive}
	}
	return s, nil
}

func (in *resource) record(e *sealed.Encoder) (*state.Record, error) {
	r := &state.Record{Provider: in.Provider, SchemaVersion: in.SchemaVersion, Protected: in.Protected, CreateFirst: in.CreateFirst, Run: state.RunID(in.Run), Private: in.Private, Value: in.Stored}
	var err error
	if r.Addr, err = addr.Parse(in.Address); err != nil {
		return nil, err
	}
	for _, text := range in.DependsOn {
		d, err := addr.Parse(text)
		if err != nil {
			return nil, err
		}
		r.DependsOn = append(r.DependsOn, d)
	}
	switch in.Status {
	case "ready":
		r.Status = state.Ready
	case "incomplete":
		r.Status = state.Incomplete
	default:
		return nil, fmt.Errorf("the status %q is neither ready nor incomplete", in.Status)
	}
	if r.Value == nil {
		r.Value, err = encode(e, in.Object)
	}
	return r, err
}

func encode(e *sealed.Encoder, object []byte) ([]byte, error) {
	var v sealed.Value
	if err := json.Unmarshal(object, &v); err != nil {
		return nil, err
	}
	return e.Encode(v)
}

func status(s state.Status) string {
	if s == state.Ready {
		return "ready"
	}
	return "incomplete"
}
