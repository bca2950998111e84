package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
)

// Dump is state.Dumper.Dump.
func (r *Reader) Dump(ctx context.Context) (*state.Dump, error) {
	var es []entry
	var box *box
	err := r.view(ctx, func(tx Tx) (err error) {
		es = nil
		if box, err = openBox(tx, r.Keys); err != nil {
			return err
		}
		for _, b := range Buckets() {
			some, err := entriesOf(tx, b)
			if err != nil {
				return err
			}
			es = append(es, some...)
		}
		return nil
	})
	if errors.Is(err, ErrAbsent) {
		return &state.Dump{}, nil
	}
	if err != nil {
		return nil, err
	}
	d := &state.Dump{}
	var meta []entry
	for _, e := range es {
		switch {
		case e.bucket == Meta && string(e.key) == metaSeal:
			continue
		case e.bucket == Meta:
			meta = append(meta, e)
		case e.bucket == Resources:
			d.Records++
		case e.bucket == Runs:
			d.Runs++
		}
		out := state.DumpEntry{Bucket: string(e.bucket), Key: e.key}
		if e.bucket != Kept && e.bucket != Unresolved {
			if out.Value, out.Serial, err = e.open(box); err != nil {
				return nil, r.Damaged(fmt.Errorf("%s: %w", e.bucket, err))
			}
		}
		d.Entries = append(d.Entries, out)
	}
	if err := decodeMeta(box, meta, &d.Meta); err != nil {
		return nil, r.Damaged(err)
	}
	return d, nil
}

// Load implements state.Loader.
func (s *Session) Load(d *state.Dump) error {
	now, err := s.Reader.Meta(context.Background())
	if err != nil {
		return err
	}
	if now.Lineage != "" && now.Lineage != d.Meta.Lineage {
		return fmt.Errorf("%w: it is %s, not %s", state.ErrForeign, now.Lineage, d.Meta.Lineage)
	}
	return s.commit("load", func(t *Txn) error {
		for _, b := range Buckets() {
			if b == Meta {
				continue
			}
			es, err := entriesOf(t, b)
			if err != nil {
				return err
			}
			for _, e := range es {
				if err := t.Delete(b, e.key); err != nil {
					return err
				}
			}
		}
		t.counts = counts{serial: max(t.serial, d.Meta.Serial+1)}
		for _, e := range d.Entries {
			b := Bucket(e.Bucket)
			switch {
			case b == Meta && (string(e.Key) == metaFormat || string(e.Key) == metaCounts):
				continue
			case b == Kept || b == Unresolved:
				if b == Unresolved {
					t.unresolved++
				}
				if err := t.Put(b, e.Key, []byte{}); err != nil {
					return err
				}
				continue
			case b == Resources:
				t.records++
			}
			value := e.Value
			if t.box == nil {
				var err error
				if value, err = withoutSecrets(b, e.Key, value); err != nil {
					return err
				}
			}
			sealed, err := t.box.seal(b, e.Key, value)
			if err != nil {
				return err
			}
			if err := t.Put(b, e.Key, wrap(e.Key, sealed, e.Serial)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Replace implements state.Loader.
func (s *Session) Replace(snap *state.Snapshot, force bool) error {
	var all []addr.Instance
	now, err := s.Reader.Snapshot(context.Background())
	if err != nil {
		return err
	}
	if now.Lineage != "" && now.Lineage != snap.Lineage && !force {
		return fmt.Errorf("%w: it is %s, not %s", state.ErrForeign, now.Lineage, snap.Lineage)
	}
	for _, r := range now.Records {
		all = append(all, r.Addr)
	}
	for _, i := range now.Unresolved {
		all = append(all, i.Addr)
	}
	e, err := newEdit(s.kept(snap.Records), all, 0)
	if err != nil {
		return err
	}
	identity, clusters := snap.Identity, snap.Clusters
	if now.Lineage == snap.Lineage || len(identity.Key) == 0 {
		identity.Key = now.Key
	}
	id, err := state.Encode(&identity)
	if err != nil {
		return err
	}
	if clusters == nil {
		clusters = map[string]string{}
	}
	where, err := state.Encode(&clusters)
	if err != nil {
		return err
	}
	payloads, err := encodeOutputs(snap.Outputs)
	if err != nil {
		return err
	}
	return s.commit("replace", func(t *Txn) error {
		t.serial = max(t.serial, snap.Serial+1)
		if err := e.apply(t, func(state.RunID, int) bool { return true }); err != nil {
			return err
		}
		if err := t.put(Meta, []byte(metaIdentity), id); err != nil {
			return err
		}
		if err := t.put(Meta, []byte(metaClusters), where); err != nil {
			return err
		}
		return putOutputs(t, payloads)
	})
}

func encodeOutputs(values map[string]state.Output) (map[string][]byte, error) {
	payloads := make(map[string][]byte, len(values))
	for name, o := range values {
		if name == "" {
			return nil, errors.New("an output needs a name")
		}
		var err error
		if payloads[name], err = state.Encode(&o); err != nil {
			return nil, err
		}
	}
	return payloads, nil
}

// putOutputs writes the outputs that have changed, and removes those that are not there any more.
func putOutputs(t *Txn, payloads map[string][]byte) error {
	old, err := entriesOf(t, Outputs)
	if err != nil {
		return err
	}
	same := map[string]bool{}
	for _, e := range old {
		name := string(e.key)
		payload, ok := payloads[name]
		if !ok {
			if err := t.Delete(Outputs, e.key); err != nil {
				return err
			}
		} else if now, _, err := e.open(t.box); err == nil {
			same[name] = bytes.Equal(now, payload)
		}
	}
	for _, name := range sorted(payloads) {
		if same[name] {
			continue
		}
		if err := t.put(Outputs, []byte(name), payloads[name]); err != nil {
			return err
		}
	}
	return nil
}
