package statetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/ledger"
)

// keptRuns begins n runs, one of which leaves its step open, and says whose steps are kept afterwards.
func keptRuns(f *fixture, n, open int, age func(int) time.Time) (kept []state.RunID) {
	session := f.lock()
	for i := range n {
		started := someone.Since
		if age != nil {
			started = age(i + 1)
		}
		w, err := session.Begin(state.Run{Mode: "normal", Started: started})
		f.ok(err)
		f.ok(w.Intend(state.Intent{Step: i, Addr: At(i), Op: "create"}))
		if i+1 != open {
			f.ok(w.Record(state.Outcome{Step: i, Addr: At(i), After: Record(At(i), "v")}))
		}
		f.ok(w.Finish(state.Finish{Result: state.Succeeded}))
	}
	for id := state.RunID(1); id <= state.RunID(n)+1; id++ {
		switch _, err := f.store.Journal(ctx, id); {
		case err == nil:
			kept = append(kept, id)
		case !errors.Is(err, state.ErrPruned) && id <= state.RunID(n), !errors.Is(err, state.ErrNoRun) && id > state.RunID(n):
			f.Errorf("Journal(%d): %v", id, err)
		}
	}
	return kept
}

func upTo(first, last state.RunID) (out []state.RunID) {
	for id := first; id <= last; id++ {
		out = append(out, id)
	}
	return out
}

func pruneSteps(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{Keep: ledger.Retention{Runs: 12}})
	got := keptRuns(f, 16, 2, nil)
	if d := cmp.Diff(append([]state.RunID{2}, upTo(5, 16)...), got); d != "" {
		t.Errorf("runs with steps (-want +got):\n%s", d)
	}
	if snap := f.snapshot(); len(snap.Unresolved) != 1 {
		t.Errorf("unresolved: %+v", snap.Unresolved)
	}
	// Ten are kept whatever is asked for.
	if got := keptRuns(open(t, h, "b", Options{Keep: ledger.Retention{Runs: 1}}), 13, 0, nil); len(got) != 10 {
		t.Errorf("runs with steps: %v, want the last ten", got)
	}
}

func pruneByAge(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{Keep: ledger.Retention{Age: time.Hour}})
	got := keptRuns(f, 14, 0, func(n int) time.Time {
		if n == 2 {
			return time.Now().Add(time.Minute) // the clock jumped
		}
		return time.Now().Add(-2 * time.Hour)
	})
	if d := cmp.Diff(append([]state.RunID{2}, upTo(5, 14)...), got); d != "" {
		t.Errorf("runs with steps (-want +got):\n%s", d)
	}
	if n := len(f.runs()); n != 14 {
		t.Errorf("%d summaries are kept, want all 14", n)
	}
}

func pruneHistory(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{Keep: ledger.Retention{Runs: 1, History: 12}})
	keptRuns(f, 15, 0, nil)
	runs := f.runs()
	if len(runs) != 12 || runs[0].ID != 4 || runs[11].ID != 15 {
		t.Errorf("%d summaries, from run %d to run %d", len(runs), runs[0].ID, runs[len(runs)-1].ID)
	}
	if _, err := f.store.Journal(ctx, 2); !errors.Is(err, state.ErrPruned) {
		t.Errorf("Journal of a run whose summary is gone = %v, want ErrPruned", err)
	}
}

func damaged(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{})
	session := f.lock()
	var put []*state.Record
	for i := range 300 {
		put = append(put, Record(At(i), fmt.Sprint("value ", i)))
	}
	f.ok(session.Edit(put, nil))
	f.ok(session.Unlock())
	h.Damage(t, "a")
	var corrupt *state.CorruptError
	if _, err := f.Open(t, "a", Options{}).Snapshot(ctx); !errors.As(err, &corrupt) || corrupt.Path == "" {
		t.Errorf("Snapshot = %v, want a CorruptError", err)
	}
}

// fakeKeys wraps a key by XOR: enough to see who was asked.
type fakeKeys byte

func (k fakeKeys) Wrap(key []byte) ([]byte, error) {
	return append([]byte{byte(k)}, k.mix(key)...), nil
}

func (k fakeKeys) Unwrap(wrapped []byte) ([]byte, error) {
	if wrapped[0] != byte(k) {
		return nil, errors.New("wrong passphrase")
	}
	return k.mix(wrapped[1:]), nil
}

func (k fakeKeys) mix(b []byte) []byte {
	out := bytes.Clone(b)
	for i := range out {
		out[i] ^= byte(k)
	}
	return out
}

// sealed begins in the clear, seals, changes the keys, and goes back.
func sealed(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{})
	session := f.lock()
	w := f.begin(session)
	f.ok(w.Outputs(map[string]state.Output{"o": {Value: []byte("v")}}))
	f.ok(w.Intend(state.Intent{Step: 0, Addr: At(0), Op: "create", Planned: []byte("planned")}))
	f.ok(w.Settle([]*state.Record{Record(At(1), "one"), Record(At(2), "two")}, []addr.Instance{At(3)}))
	f.ok(session.Unlock())
	before := f.snapshot()

	first := open(t, h, "a", Options{Keys: fakeKeys(1)})
	if d := cmp.Diff(before, first.snapshot(), compare); d != "" {
		t.Errorf("a state that is not sealed yet must be readable (-want +got):\n%s", d)
	}
	s, err := first.store.Lock(ctx, someone, h.Patience)
	f.ok(err)
	f.ok(s.Edit([]*state.Record{Record(At(4), "four")}, nil)) // the first write seals
	f.ok(s.Unlock())
	if _, err := f.store.Snapshot(ctx); !errors.Is(err, state.ErrSealed) {
		t.Errorf("Snapshot without keys = %v, want ErrSealed", err)
	}
	if _, err := open(t, h, "a", Options{Keys: fakeKeys(2)}).store.Snapshot(ctx); err == nil || errors.Is(err, state.ErrSealed) {
		t.Errorf("Snapshot with wrong keys = %v, want what the keys say", err)
	}
	snap := first.snapshot()
	if len(snap.Records) != 3 || snap.Records[0].Revision != before.Records[0].Revision || snap.Records[2].Revision != snap.Serial || len(snap.Unresolved) != 1 || string(snap.Unresolved[0].Planned) != "planned" {
		t.Errorf("after sealing: %+v", snap)
	}

	s, err = first.store.Lock(ctx, someone, h.Patience)
	f.ok(err)
	f.ok(s.(state.Resealer).Reseal(fakeKeys(2)))
	f.ok(s.Edit([]*state.Record{Record(At(5), "five")}, nil))
	f.ok(s.Unlock())
	if got := open(t, h, "a", Options{Keys: fakeKeys(2)}).snapshot(); len(got.Records) != 4 || string(got.Outputs["o"].Value) != "v" {
		t.Errorf("after new keys: %+v", got)
	}
	second := open(t, h, "a", Options{Keys: fakeKeys(2)})
	s, err = second.store.Lock(ctx, someone, h.Patience)
	f.ok(err)
	f.ok(s.(state.Resealer).Reseal(nil))
	f.ok(s.Edit([]*state.Record{Record(At(6), "six")}, nil))
	f.ok(s.Unlock())
	if got := f.snapshot(); len(got.Records) != 5 || len(got.Unresolved) != 1 {
		t.Errorf("after unsealing: %+v", got)
	}
}
