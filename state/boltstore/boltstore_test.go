package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
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
	compare = cmp.Comparer(func(a, b addr.Instance) bool { return a == b })
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
	t.Cleanup(func() { checkInvariants(t, s) })
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

// checkInvariants reads everything and compares what is kept in two places. A damaged file is the business of its test.
func checkInvariants(t testing.TB, s *Store) {
	t.Helper()
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return
	}
	for i, r := range snap.Records {
		if i > 0 && addr.Compare(snap.Records[i-1].Addr, r.Addr) >= 0 {
			t.Errorf("records %s and %s are out of order", snap.Records[i-1].Addr, r.Addr)
		}
		if r.Revision == 0 || r.Revision > snap.Serial {
			t.Errorf("%s has revision %d in a state of serial %d", r.Addr, r.Revision, snap.Serial)
		}
	}
	runs, err := s.Runs(ctx)
	ok(t, err)
	unresolved := map[[2]uint64]bool{}
	for _, i := range snap.Unresolved {
		unresolved[[2]uint64{uint64(i.Run), uint64(i.Step)}] = true
	}
	for i, run := range runs {
		if run.ID != state.RunID(i+1) {
			t.Errorf("run %d has number %d", i+1, run.ID)
		}
		if open := run.Result == state.Running; open && i != len(runs)-1 || open != run.Finished.IsZero() && run.Result != state.Interrupted {
			t.Errorf("run %d of %d is %s, finished %s", run.ID, len(runs), run.Result, run.Finished)
		}
		j, err := s.Journal(ctx, run.ID)
		if errors.Is(err, state.ErrPruned) {
			continue
		}
		ok(t, err)
		for _, e := range j.Steps {
			key := [2]uint64{uint64(run.ID), uint64(e.Intent.Step)}
			if unresolved[key] && e.Outcome != nil {
				t.Errorf("step %d of run %d has an outcome and is unresolved", e.Intent.Step, run.ID)
			}
			delete(unresolved, key)
		}
	}
	if len(unresolved) > 0 {
		t.Errorf("unresolved intents without a journal entry: %v", unresolved)
	}
}

func TestReadingCreatesNothing(t *testing.T) {
	s := tempStore(t)
	if snap := snapshot(t, s); cmp.Diff(&state.Snapshot{}, snap) != "" {
		t.Errorf("Snapshot of nothing = %+v", snap)
	}
	if runs, err := s.Runs(ctx); err != nil || len(runs) != 0 {
		t.Errorf("Runs of nothing = %v, %v", runs, err)
	}
	if _, err := s.Journal(ctx, 1); !errors.Is(err, state.ErrNoRun) {
		t.Errorf("Journal of nothing: %v, want ErrNoRun", err)
	}
	if _, err := os.Stat(filepath.Dir(s.Path())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reading made the directory: %v", err)
	}
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

func TestRun(t *testing.T) {
	s := tempStore(t)
	session := lock(t, s)
	w := begin(t, session)
	ok(t, w.Outputs(map[string]state.Output{"url": {Value: []byte("u")}, "old": {Value: []byte("o")}}))
	ok(t, w.Finish(state.Finish{Result: state.Succeeded}))

	w = begin(t, session)
	if w.ID() != 2 {
		t.Fatalf("ID = %d, want 2", w.ID())
	}
	ok(t, w.Intend(state.Intent{Step: 0, Addr: at(0), Op: "create", Planned: []byte("p"), Provider: "kubernetes"}))
	ok(t, w.Checkpoint(0, record(at(0), "half")))
	if snap := snapshot(t, s); len(snap.Unresolved) != 1 || snap.Unfinished != 2 || string(snap.Records[0].Value) != "half" {
		t.Errorf("after Checkpoint: %+v", snap)
	}
	ok(t, w.Record(state.Outcome{Step: 0, Addr: at(0), After: record(at(0), "full")}))
	ok(t, w.Intend(state.Intent{Step: 2, Addr: at(2), Op: "create"}))
	ok(t, w.Intend(state.Intent{Step: 1, Addr: at(1), Op: "create"}))
	ok(t, w.Record(state.Outcome{Step: 2, Addr: at(2), Failed: true, Error: "refused"}))
	ok(t, w.Settle([]*state.Record{record(at(5), "seen")}, nil))
	ok(t, w.Outputs(map[string]state.Output{"url": {Value: []byte("u")}, "new": {Value: []byte("n"), Sensitive: true}}))
	ok(t, w.Finish(state.Finish{Result: state.Failed, Summary: state.Summary{Created: 1}, Error: "refused",
		Clusters: map[string]string{"kubernetes": "uid"}}))

	snap := snapshot(t, s)
	want := &state.Snapshot{
		Meta: state.Meta{Identity: own, Format: state.Format, Serial: 14, Clusters: map[string]string{"kubernetes": "uid"}},
		Records: []*state.Record{
			{Addr: at(0), Provider: "kubernetes", Value: []byte("full"), Status: state.Ready, Revision: 8, Run: 2},
			{Addr: at(5), Provider: "kubernetes", Value: []byte("seen"), Status: state.Ready, Revision: 12, Run: 2},
		},
		Outputs:    map[string]state.Output{"url": {Value: []byte("u")}, "new": {Value: []byte("n"), Sensitive: true}},
		Unresolved: []state.Intent{{Run: 2, Step: 1, Addr: at(1), Op: "create"}},
	}
	if d := cmp.Diff(want, snap, compare); d != "" {
		t.Errorf("snapshot (-want +got):\n%s", d)
	}
	j, err := s.Journal(ctx, 2)
	ok(t, err)
	if len(j.Steps) != 3 || j.Steps[0].Intent.Step != 0 || j.Steps[1].Intent.Step != 2 || j.Steps[2].Intent.Step != 1 {
		t.Fatalf("steps are not in the order of their intents: %+v", j.Steps)
	}
	if o := j.Steps[0].Outcome; o == nil || o.After.Revision != 8 || o.After.Addr != at(0) || o.After.Run != 2 {
		t.Errorf("outcome of step 0 = %+v", o)
	}
	if o := j.Steps[1].Outcome; o == nil || !o.Failed || o.Error != "refused" || o.After != nil {
		t.Errorf("outcome of step 2 = %+v", o)
	}
	if j.Steps[2].Outcome != nil {
		t.Errorf("step 1 has an outcome: %+v", j.Steps[2].Outcome)
	}
	if r := j.Run; r.Result != state.Failed || r.Finished.IsZero() || r.Holder != someone || r.Summary.Created != 1 ||
		cmp.Diff(map[string]state.Output{"url": {Value: []byte("u")}, "old": {Value: []byte("o")}}, r.Outputs) != "" {
		t.Errorf("run = %+v", r)
	}
}

func TestInterruptedRun(t *testing.T) {
	s := tempStore(t)
	session := lock(t, s)
	first := begin(t, session)
	ok(t, first.Intend(state.Intent{Step: 0, Addr: at(0), Op: "create"}))
	ok(t, first.Intend(state.Intent{Step: 1, Addr: at(1), Op: "create"}))
	ok(t, first.Intend(state.Intent{Step: 2, Addr: at(2), Op: "create"}))

	second := begin(t, session)
	if err := first.Record(state.Outcome{Step: 0, Addr: at(0)}); err == nil {
		t.Error("a run went on after the next had begun")
	}
	runs, err := s.Runs(ctx)
	ok(t, err)
	if runs[0].Result != state.Interrupted || !runs[0].Finished.IsZero() || runs[1].Result != state.Running {
		t.Errorf("runs = %+v", runs)
	}
	if n := len(snapshot(t, s).Unresolved); n != 3 {
		t.Errorf("%d intents are unresolved after the next run began, want 3", n)
	}
	ok(t, second.Intend(state.Intent{Step: 7, Addr: at(0), Op: "update"}))
	ok(t, second.Record(state.Outcome{Step: 7, Addr: at(0), After: record(at(0), "v")}))
	ok(t, second.Settle(nil, []addr.Instance{at(1)}))
	left := snapshot(t, s).Unresolved
	if len(left) != 1 || left[0].Addr != at(2) || left[0].Run != 1 {
		t.Errorf("unresolved = %+v, want the intent for %s", left, at(2))
	}
	ok(t, second.Finish(state.Finish{Result: state.Succeeded}))
	ok(t, session.Edit(nil, []addr.Instance{at(2)}))
	if snap := snapshot(t, s); len(snap.Unresolved) != 0 || snap.Unfinished != 0 {
		t.Errorf("after Edit: %+v", snap)
	}
}

func TestWriterRefuses(t *testing.T) {
	s := tempStore(t)
	session := lock(t, s)
	w := begin(t, session)
	ok(t, w.Intend(state.Intent{Step: 0, Addr: at(0)}))
	long := addr.Resource{Mode: addr.Managed, Type: "t", Name: "n"}.Instance(addr.StringKey(string(make([]byte, 20<<10))))
	serial := snapshot(t, s).Serial
	for name, err := range map[string]error{
		"same step twice":           w.Intend(state.Intent{Step: 0, Addr: at(0)}),
		"intent without an address": w.Intend(state.Intent{Step: 1}),
		"address too long":          w.Intend(state.Intent{Step: 1, Addr: long}),
		"outcome without an intent": w.Record(state.Outcome{Step: 1, Addr: at(0)}),
		"outcome of another":        w.Record(state.Outcome{Step: 0, Addr: at(1)}),
		"record of another":         w.Record(state.Outcome{Step: 0, Addr: at(0), After: record(at(1), "v")}),
		"record without a status":   w.Record(state.Outcome{Step: 0, Addr: at(0), After: &state.Record{Addr: at(0)}}),
		"checkpoint of another":     w.Checkpoint(0, record(at(1), "v")),
		"output without a name":     w.Outputs(map[string]state.Output{"": {}}),
		"finish as running":         w.Finish(state.Finish{Result: state.Running}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if now := snapshot(t, s).Serial; now != serial {
		t.Errorf("refused writes moved the serial from %d to %d", serial, now)
	}
	ok(t, w.Record(state.Outcome{Step: 0, Addr: at(0), After: record(at(0), "v")}))
	if err := w.Record(state.Outcome{Step: 0, Addr: at(0)}); err == nil {
		t.Error("a second outcome of a step was accepted")
	}
	ok(t, w.Finish(state.Finish{Result: state.Succeeded}))
	if err := w.Settle(nil, nil); err == nil {
		t.Error("a write after Finish was accepted")
	}
	ok(t, session.Unlock())
	if err := session.Edit(nil, []addr.Instance{at(0)}); !errors.Is(err, errClosed) {
		t.Errorf("Edit after Unlock: %v", err)
	}
}

// TestBadWriteFailsAlone sends good and refused writes at the same time, so that they share commits.
func TestBadWriteFailsAlone(t *testing.T) {
	s := tempStore(t)
	w := begin(t, lock(t, s))
	const n = 64
	good, bad := make([]error, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { good[i] = w.Intend(state.Intent{Step: i, Addr: at(i), Op: "create"}) })
		wg.Go(func() { bad[i] = w.Record(state.Outcome{Step: n + i, Addr: at(i), After: record(at(i), "v")}) })
	}
	wg.Wait()
	for i := range n {
		if good[i] != nil || bad[i] == nil {
			t.Errorf("step %d: the good write gives %v, the bad one %v", i, good[i], bad[i])
		}
	}
	if snap := snapshot(t, s); len(snap.Unresolved) != n || len(snap.Records) != 0 || snap.Serial > n+2 {
		t.Errorf("%d intents, %d records, serial %d", len(snap.Unresolved), len(snap.Records), snap.Serial)
	}
}

func TestAdopt(t *testing.T) {
	s := tempStore(t)
	session := lock(t, s)
	serial := snapshot(t, s).Serial
	ok(t, session.Adopt(own))
	for _, id := range []state.Identity{{Lineage: "other", Key: own.Key}, {Lineage: own.Lineage, Key: []byte("other")}} {
		if err := session.Adopt(id); !errors.Is(err, state.ErrForeign) {
			t.Errorf("Adopt(%v) = %v, want ErrForeign", id, err)
		}
	}
	if now := snapshot(t, s).Serial; now != serial {
		t.Errorf("adopting again moved the serial from %d to %d", serial, now)
	}
}

func TestPruneKeepsUnresolved(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "state.db"), Options{KeepRuns: 2})
	ok(t, err)
	session := lock(t, s)
	for i := range 5 {
		w := begin(t, session)
		ok(t, w.Intend(state.Intent{Step: i, Addr: at(i), Op: "create"}))
		if i != 1 {
			ok(t, w.Record(state.Outcome{Step: i, Addr: at(i), After: record(at(i), "v")}))
		}
		ok(t, w.Finish(state.Finish{Result: state.Succeeded}))
	}
	var kept []string
	for id := state.RunID(1); id <= 6; id++ {
		switch _, err := s.Journal(ctx, id); {
		case err == nil:
			kept = append(kept, fmt.Sprint(id))
		case !errors.Is(err, state.ErrPruned) && id < 6, !errors.Is(err, state.ErrNoRun) && id == 6:
			t.Errorf("Journal(%d): %v", id, err)
		}
	}
	if d := cmp.Diff([]string{"2", "4", "5"}, kept); d != "" {
		t.Errorf("journals that are kept (-want +got):\n%s", d)
	}
	checkInvariants(t, s)
}

func TestBackups(t *testing.T) {
	s := tempStore(t)
	for i := range 6 {
		session := lock(t, s)
		ok(t, session.Edit([]*state.Record{record(at(i), "v")}, nil))
		ok(t, session.Edit([]*state.Record{record(at(i), "w")}, nil))
		ok(t, session.Unlock())
	}
	for n, want := range map[int]int{1: 5, 2: 4, 3: 3} {
		if got := len(snapshot(t, open(t, backupPath(s.Path(), n))).Records); got != want {
			t.Errorf("backup %d has %d records, want %d", n, got, want)
		}
	}
	if _, err := os.Stat(backupPath(s.Path(), 4)); !errors.Is(err, os.ErrNotExist) {
		t.Error("there are more backups than promised")
	}
}
