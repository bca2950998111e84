package kubestore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/statetest"
)

// noise is a value that cannot be compressed.
func noise(seed uint64, size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(b) // it never fails
	return b
}

// TestLargeValues keeps values that are larger than a Secret, beside small ones that are committed with them, through
// logs, tables and another reader, and leaves no Secret behind when they go.
func TestLargeValues(t *testing.T) {
	const size = 3 << 20
	namespace := testenv.Namespace(t)
	s := open(t, Options{Namespace: namespace, LeaseDuration: maxLease})
	session, err := s.Lock(ctx, someone, 0)
	ok(t, err)
	ok(t, session.Adopt(state.Identity{Lineage: "l", Key: []byte("k")}))
	w, err := session.Begin(state.Run{Mode: "normal"})
	ok(t, err)
	values := map[int][]byte{3: noise(3, size), 5: noise(5, size)}
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs { // small ones share commits with large ones
		all.Go(func() {
			r := statetest.Record(statetest.At(i), fmt.Sprint("small ", i))
			if v := values[i]; v != nil {
				r.Value = v
			}
			if errs[i] = w.Intend(state.Intent{Step: i, Addr: r.Addr, Op: "create", Planned: r.Value}); errs[i] == nil {
				errs[i] = w.Record(state.Outcome{Step: i, Addr: r.Addr, After: r})
			}
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
	check := func(when string, want int) {
		t.Helper()
		snap, err := open(t, Options{Namespace: namespace}).Snapshot(ctx)
		ok(t, err)
		if len(snap.Records) != want {
			t.Fatalf("%s: %d records, want %d", when, len(snap.Records), want)
		}
		for _, r := range snap.Records {
			for i, v := range values {
				if statetest.At(i) == r.Addr && !bytes.Equal(v, r.Value) {
					t.Errorf("%s: record %d has %d other bytes", when, i, len(r.Value))
				}
			}
		}
		for name, n := range sizes(t, namespace) {
			if n > maxContent {
				t.Errorf("%s: Secret %s has %d bytes", when, name, n)
			}
		}
	}
	check("written", 8)
	j, err := open(t, Options{Namespace: namespace}).Journal(ctx, w.ID())
	ok(t, err)
	if len(j.Steps) != 8 {
		t.Errorf("the journal has %d steps", len(j.Steps))
	}
	ok(t, w.Finish(state.Finish{Result: state.Succeeded}))
	ok(t, session.Edit([]*state.Record{statetest.Record(statetest.At(0), "changed")}, nil))
	check("changed", 8)
	ok(t, session.Edit(nil, nil)) // the last replaced parts go with the next commit
	ok(t, session.Unlock())
	head, err := s.client.head(ctx)
	ok(t, err)
	named := 1
	for _, r := range slices.Concat(head.Tables, head.Logs) {
		named += len(r.names())
	}
	if n := len(sizes(t, namespace)); n != named {
		t.Errorf("there are %d Secrets, and the head names %d", n, named)
	}
	session, err = s.Lock(ctx, someone, 0) // a takeover sweeps nothing that is named
	ok(t, err)
	ok(t, session.Unlock())
	check("taken over", 8)
}
