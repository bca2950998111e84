package kube

import (
	"context"
	"net/http"
	"sync"
)

// inFlight is how many requests of one run a server gets at once, watches excepted, until it asks for patience.
const inFlight = 32

// flow bounds the requests in flight. When the server answers 429 the bound is halved; it grows again by one with every
// full round of answers that are not.
type flow struct {
	next http.RoundTripper

	mu      sync.Mutex // guards what follows
	limit   int
	busy    int
	calm    int // answers since the bound last changed
	waiting []chan struct{}
}

func newFlow(next http.RoundTripper) *flow { return &flow{next: next, limit: inFlight} }

// WrappedRoundTripper lets client-go look through it.
func (f *flow) WrappedRoundTripper() http.RoundTripper { return f.next }

// RoundTrip implements http.RoundTripper.
func (f *flow) RoundTrip(r *http.Request) (*http.Response, error) {
	if w := r.URL.Query().Get("watch"); w == "true" || w == "1" {
		return f.next.RoundTrip(r) // it stays open, and would hold its place for ever
	}
	if err := f.acquire(r.Context()); err != nil {
		return nil, err
	}
	answer, err := f.next.RoundTrip(r)
	f.release(err == nil && answer.StatusCode == http.StatusTooManyRequests)
	return answer, err
}

func (f *flow) acquire(ctx context.Context) error {
	f.mu.Lock()
	if f.busy < f.limit {
		f.busy++
		f.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	f.waiting = append(f.waiting, turn)
	f.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, w := range f.waiting {
		if w == turn {
			f.waiting = append(f.waiting[:i], f.waiting[i+1:]...)
			return ctx.Err()
		}
	}
	f.busy-- // the turn came meanwhile: pass it on
	f.admit()
	return ctx.Err()
}

// release gives the place back.
func (f *flow) release(throttled bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy--
	f.calm++
	switch {
	case throttled:
		f.limit, f.calm = max(1, f.limit/2), 0
	case f.calm >= f.limit && f.limit < inFlight:
		f.limit, f.calm = f.limit+1, 0
	}
	f.admit()
}

// admit lets waiting requests go while there is room. The caller holds the lock.
func (f *flow) admit() {
	for f.busy < f.limit && len(f.waiting) > 0 {
		f.busy++
		close(f.waiting[0])
		f.waiting = f.waiting[1:]
	}
}
