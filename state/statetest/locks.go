package statetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
)

func lockExcludes(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{})
	session := f.lock()
	other := open(t, h, "a", Options{}).store
	for range 2 {
		var locked *state.LockedError
		if _, err := other.Lock(ctx, state.Holder{ID: "h2", User: "bob"}, 0); !errors.As(err, &locked) || locked.Holder != someone {
			t.Fatalf("Lock = %v, want a LockedError that names the holder", err)
		}
	}
	if p, ok := other.(state.Prober); ok {
		if held, by, err := p.Locked(ctx); !held || by != someone || err != nil {
			t.Errorf("Locked = %v, %+v, %v, want the holder", held, by, err)
		}
	}
	if _, err := other.Snapshot(ctx); err != nil {
		t.Errorf("reading needs no lock: %v", err)
	}
	short, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
	defer cancel()
	if _, err := other.Lock(short, someone, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock with a context that ends = %v", err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = session.Unlock() })
	second, err := other.Lock(ctx, state.Holder{ID: "h2", User: "bob"}, time.Minute)
	f.ok(err)
	f.ok(second.Edit([]*state.Record{Record(At(0), "v")}, nil))
	f.ok(second.Unlock())
	if p, ok := other.(state.Prober); ok {
		if held, _, err := p.Locked(ctx); held || err != nil {
			t.Errorf("Locked after Unlock = %v, %v", held, err)
		}
	}
}

func lockAfterAbandon(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{})
	session := f.lock()
	w := f.begin(session)
	f.ok(w.Intend(state.Intent{Step: 0, Addr: At(0), Op: "create"}))
	h.Abandon(t, session)
	next, err := f.store.Lock(ctx, someone, h.Patience)
	f.ok(err)
	f.ok(next.Adopt(own))
	if err := w.Record(state.Outcome{Step: 0, Addr: At(0), After: Record(At(0), "late")}); err == nil {
		t.Error("the session that was abandoned wrote after the next had begun")
	}
	if snap := f.snapshot(); len(snap.Unresolved) != 1 || snap.Unfinished() != 1 || len(snap.Records) != 0 {
		t.Errorf("after the kill: %+v", snap)
	}
	f.ok(next.Unlock())
}

// killedAnywhere runs a rollout of many calls, is killed after each of them in turn, and looks at what is left.
func killedAnywhere(t *testing.T, h Harness) {
	calls := []struct {
		name string
		call func(state.Session, *state.Writer) error
	}{
		{"adopt", func(s state.Session, _ *state.Writer) error { return s.Adopt(own) }},
		{"edit", func(s state.Session, _ *state.Writer) error {
			return s.Edit([]*state.Record{Record(At(9), "edited"), Record(At(8), "edited")}, nil)
		}},
		{"begin", func(s state.Session, w *state.Writer) (err error) {
			*w, err = s.Begin(state.Run{Mode: "normal", Started: someone.Since})
			return err
		}},
		{"intend 0", func(_ state.Session, w *state.Writer) error {
			return (*w).Intend(state.Intent{Step: 0, Addr: At(0), Op: "create"})
		}},
		{"intend 1", func(_ state.Session, w *state.Writer) error {
			return (*w).Intend(state.Intent{Step: 1, Addr: At(1), Op: "create"})
		}},
		{"checkpoint 0", func(_ state.Session, w *state.Writer) error { return (*w).Checkpoint(0, Record(At(0), "half")) }},
		{"record 0", func(_ state.Session, w *state.Writer) error {
			return (*w).Record(state.Outcome{Step: 0, Addr: At(0), After: Record(At(0), "full")})
		}},
		{"settle", func(_ state.Session, w *state.Writer) error {
			return (*w).Settle([]*state.Record{Record(At(7), "settled")}, []addr.Instance{At(8)})
		}},
		{"outputs", func(_ state.Session, w *state.Writer) error {
			return (*w).Outputs(map[string]state.Output{"o": {Value: []byte("v")}})
		}},
		{"record 1", func(_ state.Session, w *state.Writer) error { return (*w).Record(state.Outcome{Step: 1, Addr: At(1)}) }},
		{"finish", func(_ state.Session, w *state.Writer) error {
			return (*w).Finish(state.Finish{Result: state.Succeeded})
		}},
	}
	// What the state says after so many calls.
	want := []string{"[] 0 0 0", "[] 0 0 0", "[8=edited 9=edited] 0 0 0", "[8=edited 9=edited] 0 1 0", "[8=edited 9=edited] 1 1 0",
		"[8=edited 9=edited] 2 1 0", "[0=half 8=edited 9=edited] 2 1 0", "[0=full 8=edited 9=edited] 1 1 0", "[0=full 7=settled 9=edited] 1 1 0",
		"[0=full 7=settled 9=edited] 1 1 1", "[0=full 7=settled 9=edited] 0 1 1", "[0=full 7=settled 9=edited] 0 0 1"}
	var wg sync.WaitGroup
	for n := range len(calls) + 1 {
		wg.Go(func() {
			f := open(t, h, "killed-"+strconv.Itoa(n), Options{})
			session, err := f.store.Lock(ctx, someone, 0)
			if err != nil {
				t.Error(err)
				return
			}
			var w state.Writer
			for _, c := range calls[:n] {
				if err := c.call(session, &w); err != nil {
					t.Errorf("%s: %v", c.name, err)
					h.Abandon(t, session)
					return
				}
			}
			h.Abandon(t, session)
			snap, err := f.store.Snapshot(ctx)
			if err != nil {
				t.Error(err)
				return
			}
			values := []string{}
			for _, r := range snap.Records {
				k, _ := r.Addr.Key.Int()
				values = append(values, fmt.Sprintf("%d=%s", k, r.Value))
			}
			if got := fmt.Sprint(values, len(snap.Unresolved), snap.Unfinished(), len(snap.Outputs)); got != want[n] {
				t.Errorf("killed after %d calls, the state is %s, want %s", n, got, want[n])
			}
			next, err := f.store.Lock(ctx, someone, h.Patience)
			if err != nil {
				t.Error(err)
				return
			}
			defer next.Unlock()
			if err := next.Adopt(own); err != nil {
				t.Error(err)
			}
			w, err = next.Begin(state.Run{Mode: "normal"})
			if err != nil {
				t.Error(err)
				return
			}
			for _, i := range snap.Unresolved {
				if err := w.Settle(nil, []addr.Instance{i.Addr}); err != nil {
					t.Error(err)
				}
			}
			if err := w.Finish(state.Finish{Result: state.Succeeded}); err != nil {
				t.Error(err)
			}
			runs, err := f.store.Runs(ctx)
			if err != nil || n > 2 && n < len(calls) && runs[0].Result != state.Interrupted {
				t.Errorf("killed after %d calls, the runs are %+v, %v", n, runs, err)
			}
			if snap, err := f.store.Snapshot(ctx); err != nil || len(snap.Unresolved) != 0 || snap.Unfinished() != 0 {
				t.Errorf("killed after %d calls, the next run leaves %+v, %v", n, snap, err)
			}
		})
	}
	wg.Wait()
}

// snapshotIsolation reads while another goroutine writes pairs: a snapshot never holds half of one.
func snapshotIsolation(t *testing.T, h Harness) {
	f := open(t, h, "a", Options{})
	w := f.begin(f.lock())
	f.ok(w.Settle([]*state.Record{Record(At(0), "0"), Record(At(1), "0")}, nil))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			v := strconv.Itoa(i)
			if err := w.Settle([]*state.Record{Record(At(0), v), Record(At(1), v), Record(At(2+i%500), v)}, nil); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer close(stop)
	reader := open(t, h, "a", Options{}).store
	before := f.snapshot()
	old := string(before.Records[0].Value)
	var serial uint64
	for n, began := 0, time.Now(); n < 100 || serial < before.Serial+5 && time.Since(began) < time.Minute; n++ {
		snap, err := reader.Snapshot(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		if a, b := string(snap.Records[0].Value), string(snap.Records[1].Value); a != b || snap.Serial < serial {
			t.Errorf("values %s and %s, serial %d after %d", a, b, snap.Serial, serial)
			return
		}
		serial = snap.Serial
	}
	if string(before.Records[0].Value) != old || serial <= before.Serial {
		t.Errorf("a snapshot changed, or the writer stood still: serial %d, then %d", before.Serial, serial)
	}
}
