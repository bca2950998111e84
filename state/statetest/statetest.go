// Package statetest holds the promises of state.Store as tests, to be run against every store: what is durable when a
// call returns, what a kill leaves behind, whom the lock keeps out, what readers see meanwhile.
//
//	func TestStore(t *testing.T) {
//		statetest.Run(t, statetest.Harness{Open: openInTempDir, Abandon: …, Damage: …})
//	}
package statetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/ledger"
)

// Harness makes stores for the suite. Every function ends the test when it fails.
type Harness struct {
	// Open returns a new handle on the state with a name; the first call for a name begins with no state at all. The
	// state and its handles go with the test.
	Open func(t testing.TB, name string, o Options) state.Store
	// Abandon leaves a session as a killed process does: nothing is finished, and sooner or later the lock is free.
	Abandon func(t testing.TB, s state.Session)
	// Patience is how long it can take until the lock of an abandoned session is free.
	Patience time.Duration
	// Damage changes what is stored so that records are lost or unreadable.
	Damage func(t testing.TB, name string)
}

// Options of a store. The zero value is the store's default.
type Options struct {
	Keep ledger.Retention
	Keys state.Keys
}

// Run runs the whole suite.
func Run(t *testing.T, h Harness) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"ReadingCreatesNothing", readingCreatesNothing},
		{"Run", wholeRun},
		{"InterruptedRun", interruptedRun},
		{"WriterRefuses", writerRefuses},
		{"BadWriteFailsAlone", badWriteFailsAlone},
		{"Adopt", adopt},
		{"LockExcludes", lockExcludes},
		{"LockAfterAbandon", lockAfterAbandon},
		{"KilledAnywhere", killedAnywhere},
		{"SnapshotIsolation", snapshotIsolation},
		{"PruneSteps", pruneSteps},
		{"PruneByAge", pruneByAge},
		{"PruneHistory", pruneHistory},
		{"Damaged", damaged},
		{"Sealed", sealed},
		{"Secrets", secrets},
		{"Copied", copied},
		{"Replaced", replaced},
		{"Model", model},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, h) })
	}
}

var (
	ctx     = context.Background()
	compare = cmp.Comparer(func(a, b addr.Instance) bool { return a == b })
	someone = state.Holder{ID: "h1", User: "ann", Host: "ci", PID: 7, Command: "meshplan apply", Since: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	own     = state.Identity{Lineage: "lineage", Key: []byte("key")}
)

// At returns the n-th address that the suite uses.
func At(n int) addr.Instance {
	return addr.Resource{Mode: addr.Managed, Type: "kubernetes_manifest", Name: "cm"}.Instance(addr.IntKey(n))
}

// Record returns a record without anything special.
func Record(a addr.Instance, value string) *state.Record {
	return &state.Record{Addr: a, Provider: "kubernetes", Value: []byte(value), Status: state.Ready}
}

// fixture is a store under test.
type fixture struct {
	testing.TB
	Harness
	store state.Store
	name  string
}

func open(t testing.TB, h Harness, name string, o Options) *fixture {
	t.Helper()
	f := &fixture{TB: t, Harness: h, name: name, store: h.Open(t, name, o)}
	t.Cleanup(func() { CheckInvariants(t, f.store) })
	return f
}

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// lock locks and adopts; the lock is given back at the end of the test.
func (f *fixture) lock() state.Session {
	f.Helper()
	session, err := f.store.Lock(ctx, someone, f.Patience)
	f.ok(err)
	f.Cleanup(func() {
		if err := session.Unlock(); err != nil && !errors.Is(err, state.ErrLost) {
			f.Error(err)
		}
	})
	f.ok(session.Adopt(own))
	return session
}

func (f *fixture) begin(s state.Session) state.Writer {
	f.Helper()
	w, err := s.Begin(state.Run{Mode: "normal", Started: someone.Since})
	f.ok(err)
	return w
}

func (f *fixture) snapshot() *state.Snapshot {
	f.Helper()
	snap, err := f.store.Snapshot(ctx)
	f.ok(err)
	return snap
}

func (f *fixture) runs() []state.Run {
	f.Helper()
	runs, err := f.store.Runs(ctx)
	f.ok(err)
	return runs
}

// CheckInvariants reads everything and compares what is kept in two places. A damaged state is the business of its
// test.
func CheckInvariants(t testing.TB, s state.Store) {
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
	unresolved := map[[2]uint64]bool{}
	for _, i := range snap.Unresolved {
		unresolved[[2]uint64{uint64(i.Run), uint64(i.Step)}] = true
	}
	runs, err := s.Runs(ctx)
	if err != nil {
		t.Error(err)
	}
	for i, run := range runs {
		if i > 0 && run.ID != runs[i-1].ID+1 {
			t.Errorf("run %d comes after run %d", run.ID, runs[i-1].ID)
		}
		if open := run.Result == state.Running; open && i != len(runs)-1 || open != run.Finished.IsZero() && run.Result != state.Interrupted {
			t.Errorf("run %d of %d is %s, finished %s", run.ID, len(runs), run.Result, run.Finished)
		}
		j, err := s.Journal(ctx, run.ID)
		if errors.Is(err, state.ErrPruned) {
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
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
