package kubestore

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/internal/testenv/faultproxy"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/statetest"
)

func lock(t *testing.T, s *Store) state.Session {
	t.Helper()
	session, err := s.Lock(ctx, someone, 10*time.Second)
	ok(t, err)
	t.Cleanup(func() { _ = session.Unlock() })
	ok(t, session.Adopt(state.Identity{Lineage: "l", Key: []byte("k")}))
	return session
}

func begin(t *testing.T, s state.Session) state.Writer {
	t.Helper()
	w, err := s.Begin(state.Run{Mode: "normal"})
	ok(t, err)
	return w
}

// TestTrouble journals steps while the API server refuses, resets and loses answers: every call succeeds in the end, each
// exactly once.
func TestTrouble(t *testing.T) {
	trouble := []faultproxy.Rule{
		{Match: faultproxy.Any, Every: 5, Fault: faultproxy.Refuse(http.StatusTooManyRequests, "slow down", 0)},
		{Match: faultproxy.Any, Every: 7, Fault: faultproxy.Refuse(http.StatusInternalServerError, "etcd leader changed", 0)},
		{Match: faultproxy.Any, Every: 11, Fault: faultproxy.Reset()},
		{Match: faultproxy.Writes, Every: 4, Fault: faultproxy.LoseAnswer()},
		{Match: faultproxy.Reads, Every: 13, Fault: faultproxy.Truncate(200)},
	}
	proxy := faultproxy.New(t, testenv.Kubeconfig(t))
	s := open(t, Options{Namespace: testenv.Namespace(t), Kubeconfig: proxy.Kubeconfig, LeaseDuration: 30 * time.Second})
	s.limits = limits{tail: 2000, part: 4000, fold: 10_000}
	proxy.Set(trouble...)
	session := lock(t, s)
	w := begin(t, session)
	const n = 60
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := g; i < n; i += 4 {
				if err := errors.Join(w.Intend(state.Intent{Step: i, Addr: statetest.At(i), Op: "create"}),
					w.Record(state.Outcome{Step: i, Addr: statetest.At(i), After: statetest.Record(statetest.At(i), fmt.Sprint("v", i))})); err != nil {
					t.Errorf("step %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	ok(t, w.Finish(state.Finish{Result: state.Succeeded}))
	ok(t, session.Unlock())
	for i, n := range proxy.Hits() {
		if n == 0 {
			t.Errorf("the rule %d never hit", i)
		}
	}
	snap, err := s.Snapshot(ctx)
	ok(t, err)
	if len(snap.Records) != n || len(snap.Unresolved) != 0 || snap.Unfinished() != 0 {
		t.Errorf("%d records, %d unresolved, unfinished %d", len(snap.Records), len(snap.Unresolved), snap.Unfinished())
	}
	if j, err := s.Journal(ctx, 1); err != nil || len(j.Steps) != n {
		t.Errorf("journal: %v, %v", j, err)
	}
	proxy.Set()
	statetest.CheckInvariants(t, s)
}

// TestLost cuts a holder off: it stops before anybody else can begin, and what it still had on its way has no effect.
func TestLost(t *testing.T) {
	proxy := faultproxy.New(t, testenv.Kubeconfig(t))
	namespace := testenv.Namespace(t)
	cut := open(t, Options{Namespace: namespace, Kubeconfig: proxy.Kubeconfig, LeaseDuration: 3 * time.Second})
	session := lock(t, cut)
	w := begin(t, session)
	ok(t, w.Intend(state.Intent{Step: 0, Addr: statetest.At(0), Op: "create"}))
	time.Sleep(4 * time.Second) // longer than the lease: it is renewed
	ok(t, w.Intend(state.Intent{Step: 1, Addr: statetest.At(1), Op: "create"}))

	var lostAt, takenAt time.Time
	var wg sync.WaitGroup
	proxy.Set(faultproxy.Rule{Fault: faultproxy.Reset()})
	wg.Go(func() {
		<-session.(state.Fragile).Lost()
		lostAt = time.Now()
	})
	wg.Go(func() {
		if err := w.Record(state.Outcome{Step: 0, Addr: statetest.At(0), After: statetest.Record(statetest.At(0), "v")}); !errors.Is(err, state.ErrLost) {
			t.Errorf("Record without a connection = %v, want ErrLost", err)
		}
	})
	other := open(t, Options{Namespace: namespace, LeaseDuration: 3 * time.Second})
	second, err := other.Lock(ctx, state.Holder{ID: "h2", User: "bob"}, 20*time.Second)
	takenAt = time.Now()
	ok(t, err)
	wg.Wait()
	if lead := takenAt.Sub(lostAt); lead < 300*time.Millisecond {
		t.Errorf("the lock was taken %s after its holder had stopped", lead)
	}
	proxy.Set()
	if err := w.Record(state.Outcome{Step: 0, Addr: statetest.At(0)}); !errors.Is(err, state.ErrLost) {
		t.Errorf("Record after the loss = %v, want ErrLost", err)
	}
	if err := session.Unlock(); !errors.Is(err, state.ErrLost) {
		t.Errorf("Unlock after the loss = %v, want ErrLost", err)
	}
	if held, by, err := other.Locked(ctx); !held || by.User != "bob" || err != nil {
		t.Errorf("the lock of the next holder: %v, %+v, %v", held, by, err)
	}
	w2 := begin(t, second)
	if snap, err := other.Snapshot(ctx); err != nil || len(snap.Unresolved) != 2 || snap.Unfinished() != 2 {
		t.Errorf("what is left: %+v, %v", snap, err)
	}
	ok(t, w2.Finish(state.Finish{Result: state.Succeeded}))
	ok(t, second.Unlock())
}

// TestStaleWrite lets a former holder write although its clock stands still: the head refuses.
func TestStaleWrite(t *testing.T) {
	namespace := testenv.Namespace(t)
	first := open(t, Options{Namespace: namespace, LeaseDuration: time.Hour})
	session := lock(t, first)
	w := begin(t, session)
	ok(t, first.ForceUnlock(ctx, someone.ID))
	second := lock(t, open(t, Options{Namespace: namespace, LeaseDuration: time.Hour}))
	// The first holder believes for 40 minutes that the lease is its own.
	if err := w.Intend(state.Intent{Step: 0, Addr: statetest.At(0), Op: "create"}); !errors.Is(err, state.ErrLost) {
		t.Errorf("a write of the former holder = %v, want ErrLost", err)
	}
	select {
	case <-session.(state.Fragile).Lost():
	default:
		t.Error("the former holder does not know that it has lost the lock")
	}
	ok(t, second.Edit([]*state.Record{statetest.Record(statetest.At(1), "v")}, nil))
	ok(t, second.Unlock())
}

func TestForceUnlock(t *testing.T) {
	s := open(t, Options{Namespace: testenv.Namespace(t), LeaseDuration: time.Hour})
	if err := s.ForceUnlock(ctx, "x"); !errors.Is(err, state.ErrNotLocked) {
		t.Errorf("ForceUnlock of nothing = %v, want ErrNotLocked", err)
	}
	session := lock(t, s)
	var locked *state.LockedError
	if err := s.ForceUnlock(ctx, "x"); !errors.As(err, &locked) || locked.Holder.ID != someone.ID {
		t.Errorf("ForceUnlock with a wrong ID = %v, want a LockedError", err)
	}
	ok(t, session.Edit([]*state.Record{statetest.Record(statetest.At(1), "v")}, nil))
	ok(t, s.ForceUnlock(ctx, someone.ID))
	if err := session.Edit([]*state.Record{statetest.Record(statetest.At(1), "w")}, nil); !errors.Is(err, state.ErrLost) {
		t.Errorf("a write after ForceUnlock = %v, want ErrLost", err)
	}
	ok(t, lock(t, s).Unlock())
}

// TestCompeting lets several holders count at the same time: no increment is lost.
func TestCompeting(t *testing.T) {
	namespace := testenv.Namespace(t)
	var wg sync.WaitGroup
	for g := range 4 {
		s := open(t, Options{Namespace: namespace, LeaseDuration: 20 * time.Second})
		wg.Go(func() {
			for range 4 {
				session, err := s.Lock(ctx, state.Holder{ID: fmt.Sprint("h", g)}, time.Minute)
				if err != nil {
					t.Error(err)
					return
				}
				snap, err := session.Snapshot(ctx)
				n := 0
				if len(snap.Records) > 0 {
					fmt.Sscan(string(snap.Records[0].Value), &n)
				}
				err = errors.Join(err, session.Adopt(state.Identity{Lineage: "l"}), session.Edit([]*state.Record{statetest.Record(statetest.At(0), fmt.Sprint(n+1))}, nil), session.Unlock())
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	snap, err := open(t, Options{Namespace: namespace}).Snapshot(ctx)
	ok(t, err)
	if got := string(snap.Records[0].Value); got != "16" {
		t.Errorf("the counter is %s, want 16", got)
	}
}

// TestPartsWithoutHead leaves parts behind as a kill does; the next takeover deletes them, and nothing else.
func TestPartsWithoutHead(t *testing.T) {
	namespace := testenv.Namespace(t)
	s := open(t, Options{Namespace: namespace})
	s.limits = limits{tail: 10, part: 1000, fold: 5000}
	session := lock(t, s)
	ok(t, session.Edit([]*state.Record{statetest.Record(statetest.At(0), "v")}, nil))
	c, err := s.connect()
	ok(t, err)
	ok(t, c.createPart(ctx, "meshplan-default-orphan", []byte("x")))
	neighbour := open(t, Options{Namespace: namespace, Name: "other"})
	nc, err := neighbour.connect()
	ok(t, err)
	ok(t, nc.createPart(ctx, "meshplan-other-orphan", []byte("x")))
	session.(*kubeSession).commits.held.end()
	ok(t, lock(t, s).Unlock())
	var names []string
	for name := range sizes(t, namespace) {
		names = append(names, name)
	}
	if slices.Contains(names, "meshplan-default-orphan") || !slices.Contains(names, "meshplan-other-orphan") || len(names) < 3 {
		t.Errorf("what is left: %v", names)
	}
	snap, err := s.Snapshot(ctx)
	if err != nil || len(snap.Records) != 1 {
		t.Errorf("Snapshot = %+v, %v", snap, err)
	}
}

// TestDamagedParts removes, exchanges and changes parts.
func TestDamagedParts(t *testing.T) {
	namespace := testenv.Namespace(t)
	secrets := testenv.Dynamic(t).Resource(secretsResource).Namespace(namespace)
	for name, damage := range map[string]func(part *unstructured.Unstructured) error{
		"missing": func(p *unstructured.Unstructured) error {
			return secrets.Delete(ctx, p.GetName(), metav1.DeleteOptions{})
		},
		"empty": func(p *unstructured.Unstructured) error {
			delete(p.Object, "data")
			_, err := secrets.Update(ctx, p, metav1.UpdateOptions{})
			return err
		},
		"changed": func(p *unstructured.Unstructured) error {
			p.Object["data"] = map[string]any{contentKey: "AAAA"}
			_, err := secrets.Update(ctx, p, metav1.UpdateOptions{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{Namespace: namespace, Name: name})
			s.limits = limits{tail: 10, part: 1000, fold: 50}
			session := lock(t, s)
			for i := range 10 {
				ok(t, session.Edit([]*state.Record{statetest.Record(statetest.At(i), strings.Repeat("v", 200))}, nil))
			}
			ok(t, session.Unlock())
			parts, err := secrets.List(ctx, metav1.ListOptions{LabelSelector: labelBackend + "=" + name + "," + labelPart + "=part"})
			ok(t, err)
			for _, p := range parts.Items {
				ok(t, damage(&p))
			}
			var corrupt *state.CorruptError
			if _, err := open(t, Options{Namespace: namespace, Name: name}).Snapshot(ctx); !errors.As(err, &corrupt) || !strings.Contains(err.Error(), "state recover") {
				t.Errorf("Snapshot = %v, want a CorruptError that says what to do", err)
			}
		})
	}
}

// TestRights uses the store with the rights that the package documents, and reads it with those of a reader.
func TestRights(t *testing.T) {
	namespace := testenv.Namespace(t)
	rbac := testenv.Dynamic(t)
	grant := func(user string, rules ...any) *Store {
		role := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
			"metadata": map[string]any{"name": user}, "rules": rules}}
		binding := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
			"metadata": map[string]any{"name": user}, "roleRef": map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
			"subjects": []any{map[string]any{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user}}}}
		for resource, o := range map[string]*unstructured.Unstructured{"roles": role, "rolebindings": binding} {
			_, err := rbac.Resource(schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: resource}).Namespace(namespace).Create(ctx, o, metav1.CreateOptions{})
			ok(t, err)
		}
		return open(t, Options{Namespace: namespace, Kubeconfig: testenv.UserKubeconfig(t, user)})
	}
	rule := func(group, resource string, verbs ...any) any {
		return map[string]any{"apiGroups": []any{group}, "resources": []any{resource}, "verbs": verbs}
	}
	writer := grant("state-writer", rule("", "secrets", "get", "list", "create", "update", "delete"), rule("coordination.k8s.io", "leases", "get", "create", "update"))
	reader := grant("state-reader", rule("", "secrets", "get"), rule("coordination.k8s.io", "leases", "get"))
	writer.limits = limits{tail: 10, part: 1000, fold: 50}
	for range 2 {
		session := lock(t, writer)
		ok(t, session.Edit([]*state.Record{statetest.Record(statetest.At(0), "v")}, nil))
		session.(*kubeSession).commits.held.end() // so that the next one takes over and sweeps
	}
	if snap, err := reader.Snapshot(ctx); err != nil || len(snap.Records) != 1 {
		t.Errorf("Snapshot of a reader = %+v, %v", snap, err)
	}
	if _, _, err := reader.Locked(ctx); err != nil {
		t.Error(err)
	}
	if _, err := reader.Lock(ctx, someone, 0); err == nil || !strings.Contains(err.Error(), "forbidden") && !strings.Contains(err.Error(), "cannot create") && !strings.Contains(err.Error(), "locked") {
		t.Errorf("Lock of a reader = %v", err)
	}
	var corrupt *state.CorruptError
	nobody := open(t, Options{Namespace: namespace, Kubeconfig: testenv.UserKubeconfig(t, "nobody")})
	if _, err := nobody.Snapshot(ctx); err == nil || errors.As(err, &corrupt) || !strings.Contains(err.Error(), "forbidden") {
		t.Errorf("Snapshot without rights = %v, want an error that says forbidden", err)
	}
}

func TestOptions(t *testing.T) {
	for name, o := range map[string]Options{
		"no namespace": {},
		"bad name":     {Namespace: "a", Name: "A_b"},
		"short lease":  {Namespace: "a", LeaseDuration: time.Millisecond},
	} {
		if _, err := Open(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
