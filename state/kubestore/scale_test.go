package kubestore

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/internal/testenv/faultproxy"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/statetest"
)

// value is like a record's: most of it is alike in all of them, some is not.
func value(n int) string {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	var b strings.Builder
	b.WriteString(strings.Repeat(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"labels":{"app":"shop"}}}`, 6))
	for range 20 {
		fmt.Fprintf(&b, "%016x", r.Uint64())
	}
	return b.String()
}

// sizes returns the bytes of each Secret of a state.
func sizes(t *testing.T, namespace string) map[string]int {
	t.Helper()
	list, err := testenv.Dynamic(t).Resource(secretsResource).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: labelManaged + "=meshplan"})
	ok(t, err)
	out := map[string]int{}
	for _, o := range list.Items {
		text, _, _ := unstructured.NestedString(o.Object, "data", contentKey)
		out[o.GetName()] = base64.StdEncoding.DecodedLen(len(text))
	}
	return out
}

// TestTenThousand applies 10,000 resources as an engine does, then changes one.
func TestTenThousand(t *testing.T) {
	const workers = 64
	n := 10_000
	if testing.Short() {
		n = 1000
	}
	namespace := testenv.Namespace(t)
	proxy := faultproxy.New(t, testenv.Kubeconfig(t))
	s := open(t, Options{Namespace: namespace, Kubeconfig: proxy.Kubeconfig, LeaseDuration: maxLease})
	session, err := s.Lock(ctx, someone, 0)
	ok(t, err)
	ok(t, session.Adopt(state.Identity{Lineage: "l", Key: []byte("k")}))
	w, err := session.Begin(state.Run{Mode: "normal"})
	ok(t, err)
	steps := make(chan int, n)
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
		steps <- i
	}
	close(steps)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range steps {
				if err := w.Intend(state.Intent{Step: i, Addr: statetest.At(i), Op: "create", Planned: []byte(value(i))}); err != nil {
					t.Error(err)
					return
				}
				if err := w.Record(state.Outcome{Step: i, Addr: statetest.At(i), After: statetest.Record(statetest.At(i), value(i))}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	ok(t, w.Finish(state.Finish{Result: state.Succeeded}))
	ok(t, session.Unlock())
	t.Logf("%d requests, %d Secrets", len(proxy.Requests()), len(sizes(t, namespace)))

	total := 0
	for name, size := range sizes(t, namespace) {
		if total += size; size > maxContent {
			t.Errorf("%s carries %d bytes", name, size)
		}
	}
	t.Logf("%d KiB", total>>10)
	fresh := open(t, Options{Namespace: namespace, Kubeconfig: proxy.Kubeconfig, LeaseDuration: maxLease})
	proxy.Requests()
	snap, err := fresh.Snapshot(ctx)
	ok(t, err)
	if len(snap.Records) != n || len(snap.Unresolved) != 0 || string(snap.Records[711].Value) != value(711) {
		t.Fatalf("%d records, %d unresolved", len(snap.Records), len(snap.Unresolved))
	}
	t.Logf("a snapshot takes %d requests", len(proxy.Requests()))
	j, err := fresh.Journal(ctx, 1)
	ok(t, err)
	if len(j.Steps) != n {
		t.Fatalf("%d steps", len(j.Steps))
	}

	proxy.Requests()
	was := sizes(t, namespace)
	session, err = fresh.Lock(ctx, someone, 0)
	ok(t, err)
	w, err = session.Begin(state.Run{Mode: "normal"})
	ok(t, err)
	ok(t, w.Intend(state.Intent{Step: 0, Addr: statetest.At(5), Op: "update", Planned: []byte("new"), Before: snap.Records[5]}))
	ok(t, w.Record(state.Outcome{Step: 0, Addr: statetest.At(5), After: statetest.Record(statetest.At(5), "new")}))
	ok(t, w.Finish(state.Finish{Result: state.Succeeded}))
	ok(t, session.Unlock())
	// Parts that commits replace are deleted a while later, so that readers of then can still read them: those of the run
	// before may go now, and are its own.
	written, replaced := 0, len(was)
	for _, r := range proxy.Requests() {
		switch {
		case r.Method == "DELETE" && strings.Contains(r.URI, "/secrets/"):
			replaced--
		case r.Method != "GET":
			written++
		}
	}
	if replaced < 1 {
		t.Errorf("more Secrets were deleted than there were: %d", len(was)-replaced)
	}
	now := sizes(t, namespace)
	created := 0
	for name, size := range now {
		if _, had := was[name]; !had {
			created += size
		}
	}
	// Lock, fence, begin, intend, record, finish, unlock; each replaces the head at most.
	if bytes := created + written*now["meshplan-default"]; written > 9 || bytes > 1<<20 {
		t.Errorf("changing one of %d resources takes %d writes and %d bytes", n, written, bytes)
	} else {
		t.Logf("changing one resource takes %d writes and %d bytes", written, bytes)
	}
	statetest.CheckInvariants(t, fresh)
}
