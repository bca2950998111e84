package statetest

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/meshplan/meshplan/state"
)

// copied takes a state over into a sealed store: everything is there, and runs go on.
func copied(t *testing.T, h Harness) {
	from := open(t, h, "a", Options{})
	session := from.lock()
	w := from.begin(session)
	from.ok(w.Settle([]*state.Record{Record(At(0), "zero"), Record(At(1), "one")}, nil))
	from.ok(w.Outputs(map[string]state.Output{"o": {Value: []byte("v")}}))
	from.ok(w.Intend(state.Intent{Step: 3, Addr: At(1), Op: "update", Before: Record(At(1), "one")}))
	from.ok(w.Finish(state.Finish{Result: state.Failed, Clusters: map[string]string{"kubernetes": "uid"}}))
	from.ok(session.Unlock())
	dump, err := from.store.(state.Dumper).Dump(ctx)
	from.ok(err)
	if dump.Records != 2 || dump.Runs != 1 || dump.Meta.Lineage != own.Lineage {
		t.Errorf("dump: %d records, %d runs, lineage %q", dump.Records, dump.Runs, dump.Meta.Lineage)
	}
	before := from.snapshot()
	to := open(t, h, "b", Options{Keys: fakeKeys(3)})
	for range 2 { // the second time over what is there
		s, err := to.store.Lock(ctx, someone, h.Patience)
		to.ok(err)
		to.ok(s.(state.Loader).Load(dump))
		to.ok(s.Unlock())
	}
	after := to.snapshot()
	if after.Serial <= before.Serial {
		t.Errorf("the serial went from %d to %d", before.Serial, after.Serial)
	}
	after.Serial = before.Serial
	if d := cmp.Diff(before, after, compare); d != "" {
		t.Errorf("snapshot of the copy (-want +got):\n%s", d)
	}
	j, err := to.store.Journal(ctx, 1)
	to.ok(err)
	if len(j.Steps) != 1 || j.Steps[0].Intent.Step != 3 || string(j.Steps[0].Intent.Before.Value) != "one" {
		t.Errorf("journal of the copy: %+v", j)
	}
	s := to.lock()
	if w := to.begin(s); w.ID() != 2 {
		t.Errorf("the next run of the copy has number %d", w.ID())
	}
	to.ok(s.Unlock())
	other := open(t, h, "c", Options{})
	s, err = other.store.Lock(ctx, someone, h.Patience)
	other.ok(err)
	defer s.Unlock()
	other.ok(s.Adopt(state.Identity{Lineage: "other"}))
	if err := s.(state.Loader).Load(dump); !errors.Is(err, state.ErrForeign) {
		t.Errorf("Load over another lineage = %v, want ErrForeign", err)
	}
	if empty, err := h.Open(t, "none", Options{}).(state.Dumper).Dump(ctx); err != nil || len(empty.Entries) != 0 {
		t.Errorf("Dump of nothing = %+v, %v", empty, err)
	}
}

func replaced(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{})
	session := f.lock()
	w := f.begin(session)
	f.ok(w.Settle([]*state.Record{Record(At(0), "zero"), Record(At(1), "one")}, nil))
	f.ok(w.Intend(state.Intent{Step: 0, Addr: At(2), Op: "create"}))
	f.ok(w.Finish(state.Finish{Result: state.Failed}))
	l := session.(state.Loader)
	pushed := &state.Snapshot{Meta: state.Meta{Identity: state.Identity{Lineage: own.Lineage}, Serial: 50, Clusters: map[string]string{"kubernetes": "uid"}},
		Records: []*state.Record{Record(At(1), "pushed"), Record(At(3), "new")}, Outputs: map[string]state.Output{"o": {Value: []byte("v")}}}
	f.ok(l.Replace(pushed, false))
	snap := f.snapshot()
	if len(snap.Records) != 2 || string(snap.Records[0].Value) != "pushed" || snap.Serial != 51 || len(snap.Unresolved) != 0 || string(snap.Key) != "key" || snap.Clusters["kubernetes"] != "uid" || len(snap.Outputs) != 1 {
		t.Errorf("after Replace: %+v", snap)
	}
	if n := len(f.runs()); n != 1 {
		t.Errorf("%d runs are left", n)
	}
	pushed.Lineage = "other"
	if err := l.Replace(pushed, false); !errors.Is(err, state.ErrForeign) {
		t.Errorf("Replace of another lineage = %v, want ErrForeign", err)
	}
	f.ok(l.Replace(pushed, true))
	if snap := f.snapshot(); snap.Lineage != "other" || snap.Serial != 52 {
		t.Errorf("after a forced Replace: lineage %s, serial %d", snap.Lineage, snap.Serial)
	}
}
