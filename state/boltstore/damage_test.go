package boltstore

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/ledger"
)

// written returns the bytes of a state with a few hundred records and an interrupted run.
func written(t *testing.T) []byte {
	t.Helper()
	s := tempStore(t)
	session := lock(t, s)
	w := begin(t, session)
	for i := range 3 {
		var put []*state.Record
		for j := range 100 {
			put = append(put, record(at(i*100+j), strings.Repeat("v", 200)))
		}
		ok(t, w.Settle(put, nil))
		ok(t, w.Intend(state.Intent{Step: i, Addr: at(i), Op: "update", Before: record(at(i), "before")}))
	}
	ok(t, session.Unlock())
	b, err := os.ReadFile(s.Path())
	ok(t, err)
	return b
}

func TestDamaged(t *testing.T) {
	good := written(t)
	other := filepath.Join(t.TempDir(), "other.db")
	db, err := bolt.Open(other, 0o600, nil)
	ok(t, err)
	ok(t, db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("b")); return err }))
	ok(t, db.Close())
	foreign, err := os.ReadFile(other)
	ok(t, err)

	ok(t, os.WriteFile(other, good, 0o600))
	db, err = bolt.Open(other, 0o600, nil)
	ok(t, err)
	var used int64
	ok(t, db.View(func(tx *bolt.Tx) error { used = tx.Size(); return nil }))
	ok(t, db.Close())

	for name, b := range map[string][]byte{
		"one byte":             good[:1],
		"first page only":      good[:4096],
		"two pages":            good[:8192],
		"half":                 good[:len(good)/2],
		"one page short":       good[:used-4096],
		"text":                 []byte(strings.Repeat("not a database\n", 1000)),
		"zeros":                make([]byte, len(good)),
		"zeros after the meta": append(bytes.Clone(good[:8192]), make([]byte, len(good)-8192)...),
		"another bbolt file":   foreign,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			ok(t, os.WriteFile(path, b, 0o600))
			s := open(t, path)
			var corrupt *state.CorruptError
			if _, err := s.Snapshot(ctx); !errors.As(err, &corrupt) || corrupt.Path != path || !strings.Contains(err.Error(), "meshplan state restore") {
				t.Errorf("Snapshot = %v, want a CorruptError that says what to do", err)
			}
			if _, err := s.Runs(ctx); !errors.As(err, &corrupt) {
				t.Errorf("Runs = %v, want a CorruptError", err)
			}
			session, err := s.Lock(ctx, someone, 0)
			ok(t, err)
			defer session.Unlock()
			if _, err := session.Begin(state.Run{}); !errors.As(err, &corrupt) {
				t.Errorf("Begin = %v, want a CorruptError", err)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, b) {
				t.Errorf("the file has been changed, %v", err)
			}
		})
	}
}

// TestBitFlips damages single bytes: reading either gives the state as it was, or a CorruptError.
func TestBitFlips(t *testing.T) {
	good := written(t)
	path := filepath.Join(t.TempDir(), "state.db")
	ok(t, os.WriteFile(path, good, 0o600))
	s := open(t, path)
	want := len(snapshot(t, s).Records)
	random := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 400 {
		b := bytes.Clone(good)
		b[random.IntN(len(b))] ^= byte(1 << random.IntN(8))
		ok(t, os.WriteFile(path, b, 0o600))
		snap, err := s.Snapshot(ctx)
		var corrupt *state.CorruptError
		switch {
		case errors.As(err, &corrupt):
			found++
		case err != nil:
			t.Errorf("Snapshot = %v, want a CorruptError", err)
		case len(snap.Records) != want:
			t.Errorf("%d records instead of %d, and no error", len(snap.Records), want)
		}
		if session, err := s.Lock(ctx, someone, 0); err != nil {
			t.Error(err)
		} else {
			if err := session.Edit([]*state.Record{record(at(1), "w")}, nil); err != nil && !errors.As(err, &corrupt) {
				t.Errorf("Edit = %v, want nil or a CorruptError", err)
			}
			ok(t, session.Unlock())
		}
	}
	if found == 0 {
		t.Error("no damage was found at all")
	}
	ok(t, os.Remove(path))
}

// TestFaultWhileReading cuts the file off under a reader: what is mapped is no longer there.
func TestFaultWhileReading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	ok(t, os.WriteFile(path, written(t), 0o600))
	s := open(t, path)
	var corrupt *state.CorruptError
	err := s.view(ctx, func(tx ledger.Tx) error {
		ok(t, os.Truncate(path, 8192))
		return ledger.Verify(tx, path)
	})
	if !errors.As(err, &corrupt) {
		t.Errorf("view = %v, want a CorruptError", err)
	}
}

func TestEmptyFileIsNoState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	ok(t, os.WriteFile(path, nil, 0o600))
	s := open(t, path)
	if snap := snapshot(t, s); snap.Format != 0 {
		t.Errorf("Snapshot = %+v", snap)
	}
	begin(t, lock(t, s))
	if snap := snapshot(t, s); snap.Unfinished() != 1 {
		t.Errorf("Snapshot = %+v", snap)
	}
}

func TestNewerFormat(t *testing.T) {
	s := tempStore(t)
	session := lock(t, s)
	ok(t, session.Unlock())
	db, err := bolt.Open(s.Path(), 0o600, nil)
	ok(t, err)
	ok(t, db.Update(func(b *bolt.Tx) error { return ledger.InitFormat(tx{b}, state.Format+1) }))
	ok(t, db.Close())
	var format *state.FormatError
	if _, err := s.Snapshot(ctx); !errors.As(err, &format) || format.Got != state.Format+1 {
		t.Errorf("Snapshot = %v, want a FormatError", err)
	}
	session, err = s.Lock(ctx, someone, 0)
	ok(t, err)
	defer session.Unlock()
	if err := session.Edit(nil, nil); !errors.As(err, &format) {
		t.Errorf("Edit = %v, want a FormatError", err)
	}
}

func TestNotReadable(t *testing.T) {
	s := open(t, t.TempDir()) // a directory
	var corrupt *state.CorruptError
	if _, err := s.Snapshot(ctx); err == nil || errors.As(err, &corrupt) {
		t.Errorf("Snapshot of a directory = %v, want an error that is not about damage", err)
	}
	var pathErr *fs.PathError
	blocked := filepath.Join(t.TempDir(), "file")
	ok(t, os.WriteFile(blocked, nil, 0o600))
	if _, err := open(t, filepath.Join(blocked, "state.db")).Lock(ctx, someone, 0); !errors.As(err, &pathErr) {
		t.Errorf("Lock below a file = %v, want a PathError", err)
	}
}

// TestNoSecretOnDisk plants a secret in a value and searches every file that the store leaves behind.
func TestNoSecretOnDisk(t *testing.T) {
	const secret = "correct-horse-battery-staple"
	v := cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal("plain-to-see"), "password": cty.StringVal(secret).Mark(schema.Sensitive)})
	value, err := sealed.Encode(sealed.Seal(v, own.Key))
	ok(t, err)
	s := tempStore(t)
	for range 2 {
		session := lock(t, s)
		w := begin(t, session)
		ok(t, w.Intend(state.Intent{Step: 0, Addr: at(0), Op: "create", Planned: value}))
		ok(t, w.Record(state.Outcome{Step: 0, Addr: at(0), After: record(at(0), string(value))}))
		ok(t, w.Outputs(map[string]state.Output{"o": {Value: value, Sensitive: true}}))
		ok(t, session.Unlock())
	}
	var files []string
	ok(t, filepath.WalkDir(filepath.Dir(s.Path()), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, path)
		}
		return err
	}))
	seen := false
	for _, name := range files {
		b, err := os.ReadFile(name)
		ok(t, err)
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s holds the secret", filepath.Base(name))
		}
		seen = seen || bytes.Contains(b, []byte("plain-to-see"))
	}
	if !seen || len(files) != 3 {
		t.Errorf("the search does not find what is not secret in %d files", len(files))
	}
}
