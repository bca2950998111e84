package boltstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/statetest"
)

// TestMain also serves as the child processes of the tests that kill, limit or lock out.
func TestMain(m *testing.M) {
	if child, ok := children()[os.Getenv("BOLTSTORE_CHILD")]; ok {
		child(os.Getenv("BOLTSTORE_PATH"))
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var (
	ctx     = context.Background()
	someone = state.Holder{ID: "h1", User: "ann", Host: "ci", PID: 7, Command: "meshplan apply", Since: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	own     = state.Identity{Lineage: "lineage", Key: []byte("key")}
)

func at(n int) addr.Instance {
	return addr.Resource{Mode: addr.Managed, Type: "kubernetes_manifest", Name: "cm"}.Instance(addr.IntKey(n))
}

func record(a addr.Instance, value string) *state.Record {
	return &state.Record{Addr: a, Provider: "kubernetes", Value: []byte(value), Status: state.Ready}
}

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { statetest.CheckInvariants(t, s) })
	return s
}

func tempStore(t testing.TB) *Store {
	return open(t, filepath.Join(t.TempDir(), ".meshplan", "state.db"))
}

func lock(t testing.TB, s *Store) state.Session {
	t.Helper()
	session, err := s.Lock(ctx, someone, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Unlock(); err != nil {
			t.Error(err)
		}
	})
	ok(t, session.Adopt(own))
	return session
}

func begin(t testing.TB, s state.Session) state.Writer {
	t.Helper()
	w, err := s.Begin(state.Run{Mode: "normal", Started: someone.Since})
	ok(t, err)
	return w
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func snapshot(t testing.TB, s *Store) *state.Snapshot {
	t.Helper()
	snap, err := s.Snapshot(ctx)
	ok(t, err)
	return snap
}

func TestModes(t *testing.T) {
	s := tempStore(t)
	session := lock(t, s)
	begin(t, session)
	for path, want := range map[string]os.FileMode{s.Path(): 0o600, s.Path() + ".lock": 0o600, filepath.Dir(s.Path()): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, %v, want %o", path, info.Mode(), err, want)
		}
	}
}

func TestStore(t *testing.T) {
	dir := t.TempDir()
	path := func(t testing.TB, name string) string { return filepath.Join(dir, t.Name(), name, "state.db") }
	statetest.Run(t, statetest.Harness{
		Open: func(t testing.TB, name string, o statetest.Options) state.Store {
			s, err := Open(path(t, name), Options{Keep: o.Keep, Keys: o.Keys})
			ok(t, err)
			return s
		},
		// What a kill leaves is what an unlock without Finish leaves; TestKilled kills real processes.
		Abandon: func(t testing.TB, s state.Session) {
			if err := s.Unlock(); err != nil {
				t.Error(err)
			}
		},
		Damage: func(t testing.TB, name string) {
			if err := os.Truncate(path(t, name), 9000); err != nil {
				t.Error(err)
			}
		},
	})
}

func TestBackups(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := Open(path, Options{Backups: 3})
	ok(t, err)
	for i := range 6 {
		session := lock(t, s)
		ok(t, session.Edit([]*state.Record{record(at(i), "v")}, nil))
		ok(t, session.Edit([]*state.Record{record(at(i), "w")}, nil))
		ok(t, session.Unlock())
	}
	got, err := Backups(path)
	ok(t, err)
	if len(got) != 3 || got[0].Number != 5 || got[2].Number != 3 {
		t.Fatalf("backups = %v", got)
	}
	for i, want := range []int{5, 4, 3} {
		if n := len(snapshot(t, open(t, got[i].Path)).Records); n != want {
			t.Errorf("backup %d has %d records, want %d", got[i].Number, n, want)
		}
		if info, err := os.Stat(got[i].Path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("backup %d: %v, %v", got[i].Number, info.Mode(), err)
		}
	}
}

func TestRestore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	for i := range 3 {
		session := lock(t, s)
		ok(t, session.Edit([]*state.Record{record(at(i), "v")}, nil))
		ok(t, session.Unlock())
	}
	ok(t, os.Truncate(path, 5000))
	_, err := s.Snapshot(ctx)
	copies, _ := Backups(path)
	if err == nil || !strings.Contains(err.Error(), "meshplan state restore "+copies[0].Path) {
		t.Fatalf("Snapshot = %v, want an error with the command that restores the newest copy", err)
	}
	// A copy that is damaged itself is not offered, and refused.
	ok(t, os.Truncate(copies[0].Path, 5000))
	if _, err := s.Snapshot(ctx); err == nil || !strings.Contains(err.Error(), copies[1].Path) {
		t.Errorf("Snapshot = %v, want an error that names the newest good copy", err)
	}
	if _, err := s.Restore(ctx, copies[0].Path, someone); err == nil {
		t.Error("a damaged copy was restored")
	}
	held, err := s.Lock(ctx, someone, 0)
	ok(t, err)
	var locked *state.LockedError
	if _, err := s.Restore(ctx, copies[1].Path, someone); !errors.As(err, &locked) {
		t.Errorf("Restore of a locked state = %v, want a LockedError", err)
	}
	ok(t, held.Unlock())
	former, err := s.Restore(ctx, copies[1].Path, someone)
	ok(t, err)
	if n := len(snapshot(t, s).Records); n != 1 {
		t.Errorf("%d records after Restore, want 1", n)
	}
	if info, err := os.Stat(former); err != nil || info.Size() != 5000 {
		t.Errorf("the damaged file is not kept: %v", err)
	}
}

// sparse fills a store with a large state and deletes most of it.
func sparse(t *testing.T, s *Store) {
	t.Helper()
	session := lock(t, s)
	var put []*state.Record
	var all []addr.Instance
	for i := range 8000 {
		put = append(put, record(at(i), strings.Repeat("v", 1000)))
		if i >= 10 {
			all = append(all, at(i))
		}
	}
	ok(t, session.Edit(put, nil))
	ok(t, session.Edit(nil, all))
	ok(t, session.Unlock())
}

func sizeOf(t *testing.T, s *Store) int64 {
	t.Helper()
	info, err := os.Stat(s.Path())
	ok(t, err)
	return info.Size()
}

// TestCompact deletes most of a large state: the next session makes the file small again.
func TestCompact(t *testing.T) {
	s := tempStore(t)
	sparse(t, s)
	before, was := snapshot(t, s), sizeOf(t, s)
	session := lock(t, s)
	ok(t, session.Edit([]*state.Record{record(at(0), "new")}, nil))
	ok(t, session.Unlock())
	if now := sizeOf(t, s); was < 8<<20 || now > 1<<20 {
		t.Errorf("the file has %d bytes, then %d", was, now)
	}
	if snap := snapshot(t, s); len(snap.Records) != 10 || snap.Serial != before.Serial+1 || string(snap.Records[0].Value) != "new" {
		t.Errorf("after compacting: %d records, serial %d", len(snap.Records), snap.Serial)
	}
}

// TestCompactKilled kills a process right before and right after the small file takes the place of the large one, which
// a session does before anything else: the state is what it was, and the next session makes the file small and leaves nothing beside it.
func TestCompactKilled(t *testing.T) {
	for _, death := range []string{"before compaction", "after compaction"} {
		t.Run(death, func(t *testing.T) {
			s := tempStore(t)
			sparse(t, s)
			before := snapshot(t, s)
			t.Setenv("BOLTSTORE_DEATH", death)
			cmd, _ := startChild(t, "compact", s.Path())
			if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() >= 0 && runtime.GOOS != "windows" {
				t.Fatalf("the child was not killed: %v", err)
			}
			if small := sizeOf(t, s) < 1<<20; small != (death == "after compaction") {
				t.Errorf("small: %v", small)
			}
			if snap := snapshot(t, s); !reflect.DeepEqual(snap, before) {
				t.Errorf("after the kill: %d records, serial %d; before: %d, %d", len(snap.Records), snap.Serial, len(before.Records), before.Serial)
			}
			session := lock(t, s)
			ok(t, session.Edit([]*state.Record{record(at(1), "newer")}, nil))
			ok(t, session.Unlock())
			if n := sizeOf(t, s); n > 1<<20 {
				t.Errorf("the next session left %d bytes", n)
			}
			if _, err := os.Stat(s.Path() + ".new"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the half-done file is left: %v", err)
			}
			if snap := snapshot(t, s); len(snap.Records) != 10 || string(snap.Records[1].Value) != "newer" {
				t.Errorf("after the next session: %d records", len(snap.Records))
			}
		})
	}
}
