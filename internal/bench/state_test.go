package bench

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/boltstore"
	"github.com/meshplan/meshplan/state/kubestore"
)

// stateRecord is a record of about 700 bytes.
func stateRecord(n int, text string) *state.Record {
	a := addr.Resource{Mode: addr.Managed, Type: "kubernetes_manifest", Name: "many"}.Instance(addr.IntKey(n))
	return &state.Record{Addr: a, Provider: "kubernetes", Status: state.Ready, Value: []byte(fmt.Sprint(n, strings.Repeat(" some text to carry about", 28), text))}
}

// changeOne fills a state with n records, then measures a run that changes one of them: lock, journal and unlock
// included. It returns the median time and the bytes written by one run.
func changeOne(t *testing.T, store state.Store, n int, written func() int64) (time.Duration, int64) {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	session, err := store.Lock(ctx, state.Holder{ID: "bench"}, 0)
	must(err)
	must(session.Adopt(state.Identity{Lineage: "bench"}))
	records := make([]*state.Record, n)
	for i := range records {
		records[i] = stateRecord(i, "")
	}
	must(session.Edit(records, nil))
	must(session.Unlock())
	var bytes int64
	took := median(t, func() time.Duration {
		before, start := written(), time.Now()
		session, err := store.Lock(ctx, state.Holder{ID: "bench"}, 0)
		must(err)
		w, err := session.Begin(state.Run{Mode: "normal", Started: start})
		must(err)
		r := stateRecord(n/2, "changed")
		must(w.Intend(state.Intent{Step: 0, Addr: r.Addr, Op: "update", Before: records[n/2], Planned: r.Value}))
		must(w.Record(state.Outcome{Step: 0, Addr: r.Addr, After: r}))
		must(w.Finish(state.Finish{Result: state.Succeeded}))
		must(session.Unlock())
		bytes = written() - before
		return time.Since(start)
	})
	return took, bytes
}

// TestStateChangeOne changes one record among a hundred and among 100,000: what is written must not depend on that, and
// neither must the time.
func TestStateChangeOne(t *testing.T) {
	enabled(t)
	const few, many, limit = 100, 100_000, 1 << 20
	compare := func(t *testing.T, open func(n int) (state.Store, func() int64)) {
		times := map[int]time.Duration{}
		for _, n := range []int{few, many} {
			store, written := open(n)
			var bytes int64
			times[n], bytes = changeOne(t, store, n, written)
			line(t, fmt.Sprintf("change one of %d records", n), times[n], 0, fmt.Sprintf("%d KiB written (budget %d)", bytes>>10, limit>>10))
			if bytes > limit {
				t.Errorf("changing one of %d records writes %d bytes, budget %d", n, bytes, limit)
			}
		}
		ratio(t, "growth from 100 records to 100,000", float64(times[many])/float64(times[few]), 3)
	}
	t.Run("file", func(t *testing.T) {
		compare(t, func(n int) (state.Store, func() int64) {
			// The copy before the first write is not part of a commit.
			s, err := boltstore.Open(filepath.Join(t.TempDir(), fmt.Sprint(n), "state.db"), boltstore.Options{NoBackup: true})
			if err != nil {
				t.Fatal(err)
			}
			return s, func() (n int64) {
				b, err := os.ReadFile("/proc/self/io")
				if err != nil {
					t.Skip("the system does not say how much is written")
				}
				fmt.Sscanf(string(b[strings.Index(string(b), "wchar"):]), "wchar: %d", &n)
				return n
			}
		})
	})
	t.Run("cluster", func(t *testing.T) {
		var sent atomic.Int64
		proxy := testenv.NewProxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
			sent.Add(max(r.ContentLength, 0))
			return false
		})
		namespace := testenv.Namespace(t)
		compare(t, func(n int) (state.Store, func() int64) {
			s, err := kubestore.Open(kubestore.Options{Namespace: namespace, Name: fmt.Sprint("bench-", n), Kubeconfig: proxy.Kubeconfig, LeaseDuration: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			return s, sent.Load
		})
	})
}
