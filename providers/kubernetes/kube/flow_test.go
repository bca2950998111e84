package kube_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// answers is a server that counts the requests in flight.
type answers struct {
	mu         sync.Mutex // guards busy and most
	busy, most int
	code       atomic.Int32
	hold       chan struct{} // closed to let answers go
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.busy++
	a.most = max(a.most, a.busy)
	a.mu.Unlock()
	if a.hold != nil {
		<-a.hold
	}
	a.mu.Lock()
	a.busy--
	a.mu.Unlock()
	w := httptest.NewRecorder()
	w.WriteHeader(int(a.code.Load()))
	return w.Result(), r.Context().Err()
}

// burst sends many requests at once and returns how many the server saw at a time.
func burst(t *testing.T, f http.RoundTripper, a *answers) int {
	t.Helper()
	a.most, a.hold = 0, make(chan struct{})
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			r := httptest.NewRequest(http.MethodGet, "http://cluster.test/x", nil)
			answer, err := f.RoundTrip(r)
			if err != nil {
				t.Error(err)
				return
			}
			_ = answer.Body.Close()
		})
	}
	eventually(t, "requests are lost", func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.busy == kube.Allowed(f)
	})
	close(a.hold)
	all.Wait()
	return a.most
}

func TestFlowHalvesAndRecovers(t *testing.T) {
	t.Parallel()
	a := &answers{}
	a.code.Store(http.StatusOK)
	f := kube.NewFlow(a)
	full := burst(t, f, a)
	if full != 32 {
		t.Errorf("%d requests in flight, want 32", full)
	}
	once := func(code int) {
		a.code.Store(int32(code))
		answer, err := f.RoundTrip(httptest.NewRequest(http.MethodGet, "http://cluster.test/x", nil))
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
	}
	once(http.StatusTooManyRequests)
	if n := kube.Allowed(f); n != 16 {
		t.Errorf("after a 429: %d, want 16", n)
	}
	for range 10 {
		once(http.StatusTooManyRequests)
	}
	if n := kube.Allowed(f); n != 1 {
		t.Errorf("after many: %d, want 1", n)
	}
	a.code.Store(http.StatusOK)
	for range 32 * 32 {
		once(http.StatusOK)
	}
	if n := burst(t, f, a); n != full {
		t.Errorf("after calm: %d, want %d", n, full)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.RoundTrip(httptest.NewRequest(http.MethodGet, "http://cluster.test/x", nil).WithContext(ctx)); err == nil {
		t.Error("a canceled request was sent")
	}
}
