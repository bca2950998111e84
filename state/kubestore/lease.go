package kubestore

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/state"
)

// holderAnnotation says more about the holder than his identity.
const holderAnnotation = "meshplan.dev/holder"

// lease is the Lease of a state.
type lease struct {
	version     string
	holder      string // the holder's ID; empty when it is free
	who         state.Holder
	seconds     int64
	transitions int64
	acquired    string
	renewed     string // as written by the holder's clock
}

// microTime is how Leases write times.
const microTime = "2006-01-02T15:04:05.000000Z07:00"

func (l *lease) duration() time.Duration { return time.Duration(l.seconds) * time.Second }

// expired compares the holder's clock with this machine's. It is good enough for showing, not for taking over.
func (l *lease) expired(now time.Time) bool {
	renewed, err := time.Parse(microTime, l.renewed)
	return err == nil && now.Sub(renewed) > l.duration()
}

func (c *client) lease(ctx context.Context) (*lease, error) {
	var u *unstructured.Unstructured
	err := c.retry(ctx, func(ctx context.Context) (err error) {
		u, err = c.leases.Get(ctx, c.base, metav1.GetOptions{})
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, final(err)
	}
	return readLease(u), nil
}

func readLease(u *unstructured.Unstructured) *lease {
	l := &lease{version: u.GetResourceVersion()}
	spec, _, _ := unstructured.NestedMap(u.Object, "spec")
	l.holder, _ = spec["holderIdentity"].(string)
	l.seconds, _ = spec["leaseDurationSeconds"].(int64)
	l.transitions, _ = spec["leaseTransitions"].(int64)
	l.acquired, _ = spec["acquireTime"].(string)
	l.renewed, _ = spec["renewTime"].(string)
	if json.Unmarshal([]byte(u.GetAnnotations()[holderAnnotation]), &l.who) != nil || l.who.ID != l.holder {
		l.who = state.Holder{ID: l.holder}
	}
	return l
}

func (c *client) leaseObject(l *lease) *unstructured.Unstructured {
	who := ""
	if l.holder != "" {
		b, _ := json.Marshal(l.who) // strings, a number and a time
		who = string(b)
	}
	meta := map[string]any{"name": c.base, "labels": map[string]any{labelManaged: "meshplan", labelBackend: c.name},
		"annotations": map[string]any{holderAnnotation: who}}
	if l.version != "" {
		meta["resourceVersion"] = l.version
	}
	spec := map[string]any{"holderIdentity": l.holder, "leaseDurationSeconds": l.seconds, "leaseTransitions": l.transitions}
	if l.acquired != "" {
		spec["acquireTime"], spec["renewTime"] = l.acquired, l.renewed
	}
	return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": meta, "spec": spec}}
}

// updateLease writes the lease in one attempt, if it has not changed meanwhile.
func (c *client) updateLease(ctx context.Context, l *lease) (*lease, error) {
	var u *unstructured.Unstructured
	err := once(ctx, func(ctx context.Context) (err error) {
		if l.version == "" {
			u, err = c.leases.Create(ctx, c.leaseObject(l), metav1.CreateOptions{})
		} else {
			u, err = c.leases.Update(ctx, c.leaseObject(l), metav1.UpdateOptions{})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return readLease(u), nil
}

// held is a lease in our hands. Its goroutine renews it.
type held struct {
	client   *client
	duration time.Duration
	takeover bool          // from a holder who did not give it back
	lost     chan struct{} // closed before somebody else can have it
	losing   sync.Once
	stop     chan struct{} // closed to end the renewal
	stopping sync.Once
	stopped  chan struct{}

	lease *lease // belongs to the goroutine until stopped is closed

	mu   sync.Mutex // guards good
	good time.Time  // when the last successful renewal was asked for
}

// acquire takes the lease. Errors: *state.LockedError, the cause of ctx.
func acquire(ctx context.Context, c *client, holder state.Holder, duration, wait time.Duration) (*held, error) {
	var seen string     // the version of the lease that was observed last
	var since time.Time // when it was first seen, by the monotonic clock
	deadline := time.Now().Add(wait)
	patient := false
	for {
		l, err := c.lease(ctx)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		if l == nil {
			l = &lease{}
		}
		if l.version != seen {
			seen, since = l.version, now
		}
		free := l.holder == "" || now.Sub(since) > l.duration()
		if free {
			h, err := take(ctx, c, l, holder, duration)
			if h != nil || err != nil {
				return h, err
			}
			continue // somebody was faster
		}
		if !patient && l.expired(now) {
			patient, deadline = true, later(deadline, now.Add(l.duration()+time.Second))
		}
		if !now.Before(deadline) {
			return nil, &state.LockedError{Holder: l.who}
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(min(pollLease, time.Until(deadline))):
		}
	}
}

// pollLease is how often somebody who waits looks at the lease.
const pollLease = 500 * time.Millisecond

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// take writes our name into a lease that is free. It returns nil when somebody else was faster.
func take(ctx context.Context, c *client, was *lease, holder state.Holder, duration time.Duration) (*held, error) {
	now := time.Now()
	stamp := now.UTC().Format(microTime)
	next := &lease{version: was.version, holder: holder.ID, who: holder, seconds: int64((duration + time.Second - 1) / time.Second),
		transitions: was.transitions + 1, acquired: stamp, renewed: stamp}
	got, err := c.updateLease(ctx, next)
	if err != nil {
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
			return nil, nil
		}
		if !transient(err) {
			return nil, final(err)
		}
		// The answer may have been lost: look whether it is ours.
		if got, err = c.lease(ctx); err != nil {
			return nil, err
		}
		if got == nil || got.holder != holder.ID || got.transitions != next.transitions {
			return nil, nil
		}
	}
	h := &held{client: c, duration: duration, takeover: was.holder != "", lost: make(chan struct{}), stop: make(chan struct{}),
		stopped: make(chan struct{}), lease: got, good: now}
	go h.renew()
	return h, nil
}

// deadline is when nothing may be written any more unless the lease is renewed before.
func (h *held) deadline() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.good.Add(h.duration * 2 / 3)
}

func (h *held) renewed(asked time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.good = asked
}

// renew renews the lease until it is stopped or lost.
func (h *held) renew() {
	defer close(h.stopped)
	pause := h.duration / 6
	for {
		select {
		case <-h.stop:
			return
		case <-time.After(min(pause, time.Until(h.deadline()))):
		}
		if !time.Now().Before(h.deadline()) {
			h.lose()
			return
		}
		asked := time.Now()
		ctx, cancel := context.WithDeadline(context.Background(), h.deadline())
		mine, err := h.renewOnce(ctx)
		cancel()
		switch {
		case err == nil && mine:
			h.renewed(asked)
			pause = h.duration / 6
		case err == nil:
			h.lose()
			return
		default:
			pause = h.duration / 30
		}
	}
}

// renewOnce writes the time into the lease, and reports false when it is somebody else's.
func (h *held) renewOnce(ctx context.Context) (bool, error) {
	next := *h.lease
	next.renewed = time.Now().UTC().Format(microTime)
	got, err := h.client.updateLease(ctx, &next)
	if err == nil {
		h.lease = got
		return true, nil
	}
	if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
		return false, err
	}
	now, err := h.client.lease(ctx)
	if err != nil {
		return false, err
	}
	if now == nil || now.holder != h.lease.holder || now.transitions != h.lease.transitions {
		return false, nil
	}
	h.lease = now // a renewal whose answer was lost, or a change by others that leaves it ours
	return false, errors.New("the lease has been changed")
}

// isLost reports whether nothing may be written any more.
func (h *held) isLost() bool {
	select {
	case <-h.lost:
		return true
	default:
		return !time.Now().Before(h.deadline())
	}
}

// lose tells everybody that nothing may be written any more.
func (h *held) lose() { h.losing.Do(func() { close(h.lost) }) }

// end stops the renewal and leaves the lease as it is.
func (h *held) end() {
	h.stopping.Do(func() { close(h.stop) })
	<-h.stopped
}

// release gives the lease back.
func (h *held) release() error {
	h.end()
	if h.isLost() {
		return state.ErrLost
	}
	ctx, cancel := context.WithDeadline(context.Background(), later(h.deadline(), time.Now().Add(time.Second)))
	defer cancel()
	var conflict error
	err := h.client.retry(ctx, func(ctx context.Context) error {
		next := *h.lease
		next.holder, next.who = "", state.Holder{}
		_, err := h.client.updateLease(ctx, &next)
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			conflict = err
			return nil
		}
		return err
	})
	if err != nil {
		return final(err)
	}
	if conflict == nil {
		return nil
	}
	now, err := h.client.lease(ctx)
	if err != nil || now == nil || now.holder == "" {
		return err // an earlier attempt got through
	}
	if now.holder != h.lease.holder || now.transitions != h.lease.transitions {
		return state.ErrLost
	}
	now.holder, now.who = "", state.Holder{}
	_, err = h.client.updateLease(ctx, now)
	return final(err)
}
