package statetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
)

func readingCreatesNothing(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{})
	for range 2 {
		if snap := f.snapshot(); cmp.Diff(&state.Snapshot{}, snap) != "" {
			t.Errorf("Snapshot of nothing = %+v", snap)
		}
		if runs := f.runs(); len(runs) != 0 {
			t.Errorf("Runs of nothing = %v", runs)
		}
		if _, err := f.store.Journal(ctx, 1); !errors.Is(err, state.ErrNoRun) {
			t.Errorf("Journal of nothing: %v, want ErrNoRun", err)
		}
	}
	if p, ok := f.store.(state.Prober); ok {
		if held, _, err := p.Locked(ctx); held || err != nil {
			t.Errorf("Locked of nothing = %v, %v", held, err)
		}
	}
}

func wholeRun(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{})
	session := f.lock()
	w := f.begin(session)
	f.ok(w.Outputs(map[string]state.Output{"url": {Value: []byte("u")}, "old": {Value: []byte("o")}}))
	f.ok(w.Finish(state.Finish{Result: state.Succeeded}))

	w = f.begin(session)
	if w.ID() != 2 {
		t.Fatalf("ID = %d, want 2", w.ID())
	}
	f.ok(w.Intend(state.Intent{Step: 0, Addr: At(0), Op: "create", Planned: []byte("p"), Provider: "kubernetes"}))
	f.ok(w.Checkpoint(0, Record(At(0), "half")))
	if snap := f.snapshot(); len(snap.Unresolved) != 1 || snap.Unfinished() != 2 || string(snap.Records[0].Value) != "half" {
		t.Errorf("after Checkpoint: %+v", snap)
	}
	f.ok(w.Record(state.Outcome{Step: 0, Addr: At(0), After: Record(At(0), "full")}))
	f.ok(w.Intend(state.Intent{Step: 2, Addr: At(2), Op: "create"}))
	f.ok(w.Intend(state.Intent{Step: 1, Addr: At(1), Op: "create"}))
	f.ok(w.Record(state.Outcome{Step: 2, Addr: At(2), Failed: true, Error: "refused"}))
	f.ok(w.Settle([]*state.Record{Record(At(5), "seen")}, nil))
	f.ok(w.Outputs(map[string]state.Output{"url": {Value: []byte("u")}, "new": {Value: []byte("n"), Sensitive: true}}))
	f.ok(w.Finish(state.Finish{Result: state.Failed, Summary: state.Summary{Created: 1}, Error: "refused",
		Clusters: map[string]string{"kubernetes": "uid"}}))

	want := &state.Snapshot{
		Meta: state.Meta{Identity: own, Format: state.Format, Serial: 14, Clusters: map[string]string{"kubernetes": "uid"}},
		Records: []*state.Record{
			{Addr: At(0), Provider: "kubernetes", Value: []byte("full"), Status: state.Ready, Revision: 8, Run: 2},
			{Addr: At(5), Provider: "kubernetes", Value: []byte("seen"), Status: state.Ready, Revision: 12, Run: 2},
		},
		Outputs:    map[string]state.Output{"url": {Value: []byte("u")}, "new": {Value: []byte("n"), Sensitive: true}},
		Unresolved: []state.Intent{{Run: 2, Step: 1, Addr: At(1), Op: "create"}},
	}
	under, err := session.Snapshot(ctx)
	f.ok(err)
	for name, snap := range map[string]*state.Snapshot{"store": f.snapshot(), "session": under, "another handle": open(t, h, "a", Options{}).snapshot()} {
		if d := cmp.Diff(want, snap, compare); d != "" {
			t.Errorf("snapshot of the %s (-want +got):\n%s", name, d)
		}
	}
	j, err := f.store.Journal(ctx, 2)
	f.ok(err)
	if len(j.Steps) != 3 || j.Steps[0].Intent.Step != 0 || j.Steps[1].Intent.Step != 2 || j.Steps[2].Intent.Step != 1 {
		t.Fatalf("steps are not in the order of their intents: %+v", j.Steps)
	}
	if o := j.Steps[0].Outcome; o == nil || o.After.Revision != 8 || o.After.Addr != At(0) || o.After.Run != 2 {
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

func interruptedRun(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{})
	session := f.lock()
	first := f.begin(session)
	for i := range 3 {
		f.ok(first.Intend(state.Intent{Step: i, Addr: At(i), Op: "create"}))
	}
	second := f.begin(session)
	if err := first.Record(state.Outcome{Step: 0, Addr: At(0)}); err == nil {
		t.Error("a run went on after the next had begun")
	}
	if runs := f.runs(); runs[0].Result != state.Interrupted || !runs[0].Finished.IsZero() || runs[1].Result != state.Running {
		t.Errorf("runs = %+v", runs)
	}
	if n := len(f.snapshot().Unresolved); n != 3 {
		t.Errorf("%d intents are unresolved after the next run began, want 3", n)
	}
	f.ok(second.Intend(state.Intent{Step: 7, Addr: At(0), Op: "update"}))
	f.ok(second.Record(state.Outcome{Step: 7, Addr: At(0), After: Record(At(0), "v")}))
	f.ok(second.Settle(nil, []addr.Instance{At(1)}))
	left := f.snapshot().Unresolved
	if len(left) != 1 || left[0].Addr != At(2) || left[0].Run != 1 {
		t.Errorf("unresolved = %+v, want the intent for %s", left, At(2))
	}
	f.ok(second.Finish(state.Finish{Result: state.Succeeded}))
	f.ok(session.Edit(nil, []addr.Instance{At(2)}))
	if snap := f.snapshot(); len(snap.Unresolved) != 0 || snap.Unfinished() != 0 {
		t.Errorf("after Edit: %+v", snap)
	}
}

func writerRefuses(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{})
	session := f.lock()
	w := f.begin(session)
	f.ok(w.Intend(state.Intent{Step: 0, Addr: At(0)}))
	long := addr.Resource{Mode: addr.Managed, Type: "t", Name: "n"}.Instance(addr.StringKey(string(make([]byte, 20<<10))))
	serial := f.snapshot().Serial
	for name, err := range map[string]error{
		"same step twice":           w.Intend(state.Intent{Step: 0, Addr: At(0)}),
		"intent without an address": w.Intend(state.Intent{Step: 1}),
		"address too long":          w.Intend(state.Intent{Step: 1, Addr: long}),
		"outcome without an intent": w.Record(state.Outcome{Step: 1, Addr: At(0)}),
		"outcome of another":        w.Record(state.Outcome{Step: 0, Addr: At(1)}),
		"record of another":         w.Record(state.Outcome{Step: 0, Addr: At(0), After: Record(At(1), "v")}),
		"record without a status":   w.Record(state.Outcome{Step: 0, Addr: At(0), After: &state.Record{Addr: At(0)}}),
		"checkpoint of another":     w.Checkpoint(0, Record(At(1), "v")),
		"output without a name":     w.Outputs(map[string]state.Output{"": {}}),
		"finish as running":         w.Finish(state.Finish{Result: state.Running}),
		"identity without lineage":  session.Adopt(state.Identity{}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if now := f.snapshot().Serial; now != serial {
		t.Errorf("refused writes moved the serial from %d to %d", serial, now)
	}
	f.ok(w.Record(state.Outcome{Step: 0, Addr: At(0), After: Record(At(0), "v")}))
	if err := w.Record(state.Outcome{Step: 0, Addr: At(0)}); err == nil {
		t.Error("a second outcome of a step was accepted")
	}
	f.ok(w.Finish(state.Finish{Result: state.Succeeded}))
	if err := w.Settle(nil, nil); err == nil {
		t.Error("a write after Finish was accepted")
	}
	f.ok(session.Unlock())
	f.ok(session.Unlock())
	if err := session.Edit(nil, []addr.Instance{At(0)}); err == nil {
		t.Error("Edit after Unlock was accepted")
	}
	if _, err := session.Begin(state.Run{}); err == nil {
		t.Error("Begin after Unlock was accepted")
	}
}

// badWriteFailsAlone sends good and refused writes at the same time, so that they share commits.
func badWriteFailsAlone(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{})
	w := f.begin(f.lock())
	const n = 64
	good, bad := make([]error, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { good[i] = w.Intend(state.Intent{Step: i, Addr: At(i), Op: "create"}) })
		wg.Go(func() { bad[i] = w.Record(state.Outcome{Step: n + i, Addr: At(i), After: Record(At(i), "v")}) })
	}
	wg.Wait()
	for i := range n {
		if good[i] != nil || bad[i] == nil {
			t.Errorf("step %d: the good write gives %v, the bad one %v", i, good[i], bad[i])
		}
	}
	if snap := f.snapshot(); len(snap.Unresolved) != n || len(snap.Records) != 0 || snap.Serial > n+2 {
		t.Errorf("%d intents, %d records, serial %d", len(snap.Unresolved), len(snap.Records), snap.Serial)
	}
}

func adopt(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{})
	session := f.lock()
	serial := f.snapshot().Serial
	f.ok(session.Adopt(own))
	for _, id := range []state.Identity{{Lineage: "other", Key: own.Key}, {Lineage: own.Lineage, Key: []byte("other")}} {
		if err := session.Adopt(id); !errors.Is(err, state.ErrForeign) {
			t.Errorf("Adopt(%v) = %v, want ErrForeign", id, err)
		}
	}
	if now := f.snapshot().Serial; now != serial {
		t.Errorf("adopting again moved the serial from %d to %d", serial, now)
	}
}
