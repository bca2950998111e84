package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// swapped is a chain a ← b ← c in which only b asks for create_before_destroy.
func swapped(version int, b, c bool) string {
	var s strings.Builder
	fmt.Fprintf(&s, "resource \"memory_object\" \"a\" {\n  name = \"a-%d\"\n}\n", version)
	if b {
		fmt.Fprintf(&s, "resource \"memory_object\" \"b\" {\n  name  = \"b-%d\"\n  input = memory_object.a.id\n  lifecycle {\n    create_before_destroy = true\n  }\n}\n", version)
	}
	if c {
		fmt.Fprintf(&s, "resource \"memory_object\" \"c\" {\n  name  = \"c\"\n  input = memory_object.b.id\n}\n")
	}
	s.WriteString("locals { unused = 1 }\n")
	return s.String()
}

func writes(r *rig) string { return strings.Join(r.world.Log(), ", ") }

func TestCreateBeforeDestroyReachesDependencies(t *testing.T) {
	r := newRig(t)
	r.converge(swapped(1, true, true))
	r.world.Log()
	p := r.converge(swapped(2, true, true))
	if got, want := writes(r), "create a-2, create b-2, update c, delete b-1, delete a-1"; got != want {
		t.Errorf("writes: %s\nwant:   %s", got, want)
	}
	for _, c := range p.Changes {
		if c.Action == plans.Replace && !c.CreateFirst {
			t.Errorf("%s deletes first", c.Addr)
		}
	}
	snap, err := r.store.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range snap.Records {
		if want := rec.Addr.Name != "c"; rec.CreateFirst != want || rec.Addr.Deposed != "" {
			t.Errorf("%s: create first is %v, want %v", rec.Addr, rec.CreateFirst, want)
		}
	}
}

func TestRecordedCreateBeforeDestroyOutlivesTheBlock(t *testing.T) {
	r := newRig(t)
	r.converge(swapped(1, true, false))
	r.world.Log()
	r.converge(swapped(2, false, false)) // b is known from the state only
	if got := writes(r); !strings.Contains(got, "create a-2") || !strings.HasSuffix(got, "delete a-1") {
		t.Errorf("writes: %s: the old object of a goes last", got)
	}
}

func TestCreateBeforeDestroyCannotBeDeniedByADependency(t *testing.T) {
	r := newRig(t)
	r.write(strings.Replace(swapped(1, true, false), "name = \"a-1\"\n", "name = \"a-1\"\n  lifecycle {\n    create_before_destroy = false\n  }\n", 1))
	_, ds := r.tryPlan(engine.PlanOptions{})
	if !ds.HasErrors() || !strings.Contains(ds[0].Detail, "memory_object.a sets") || !strings.Contains(ds[0].Detail, "memory_object.b depends") {
		t.Fatalf("want an error that names both: %v", ds)
	}
}

func TestCreateBeforeDestroyNeedsAnotherName(t *testing.T) {
	r := newRig(t)
	r.converge(swapped(1, true, false))
	_, ds := r.tryPlan(engine.PlanOptions{Replace: []string{"memory_object.b"}})
	if !ds.HasErrors() || !strings.Contains(ds[0].Detail, `both are called "b-1"`) {
		t.Fatalf("want an error about the name: %v", ds)
	}
	// What is only forced is replaced the other way round, as long as its dependent stays.
	p := r.plan(engine.PlanOptions{Replace: []string{"memory_object.a"}})
	for _, c := range p.Changes {
		if c.Addr.Name == "a" && (c.Action != plans.Replace || c.CreateFirst) {
			t.Errorf("a: %s, create first %v", c.Action, c.CreateFirst)
		}
	}
	r.write(strings.Replace(swapped(1, true, false), `"b-1"`, `"b-2"`, 1))
	_, ds = r.tryPlan(engine.PlanOptions{Replace: []string{"memory_object.a"}})
	if !ds.HasErrors() || !strings.Contains(ds[0].Detail, "memory_object.a, on which it depends") {
		t.Fatalf("want an error that explains the circle: %v", ds)
	}
}

func TestFailedCreationLeavesTheOldObject(t *testing.T) {
	r := newRig(t)
	r.converge(swapped(1, true, false))
	r.write(swapped(2, true, false))
	r.world.SetFault(func(op, name string) (error, bool) {
		if op == "create" && name == "b-2" {
			return errors.New("no"), false
		}
		return nil, false
	})
	if _, ds := r.tryApply(r.plan(engine.PlanOptions{})); !ds.HasErrors() {
		t.Fatal("the creation should have failed")
	}
	r.world.SetFault(nil)
	snap, err := r.store.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, rec := range snap.Records {
		got = append(got, fmt.Sprint(rec.Addr.Resource, rec.Addr.Deposed != ""))
	}
	if want := "memory_object.a false, memory_object.a true, memory_object.b false"; strings.Join(got, ", ") != want {
		t.Errorf("records: %q", got)
	}
	r.world.Log()
	r.apply(r.plan(engine.PlanOptions{}))
	r.empty()
	if got, want := writes(r), "create b-2, delete b-1, delete a-1"; got != want {
		t.Errorf("writes: %s, want %s", got, want)
	}
}

func TestFailedDeletionIsMadeUpFor(t *testing.T) {
	r := newRig(t)
	r.converge(swapped(1, true, false))
	r.write(swapped(2, true, false))
	r.world.SetFault(func(op, _ string) (error, bool) {
		if op == "delete" {
			return errors.New("no"), false
		}
		return nil, false
	})
	if _, ds := r.tryApply(r.plan(engine.PlanOptions{})); !ds.HasErrors() {
		t.Fatal("the deletion should have failed")
	}
	r.world.SetFault(nil)
	p := r.plan(engine.PlanOptions{})
	left := 0
	for _, c := range p.Changes {
		if c.Action == plans.Delete && c.Addr.Deposed != "" && c.Reason == plans.BecauseDeposed {
			left++
		}
	}
	if left != 2 {
		t.Errorf("plan:\n%s", summary(p))
	}
	r.world.Log()
	r.apply(p)
	r.empty()
	if got, want := writes(r), "delete b-1, delete a-1"; got != want {
		t.Errorf("writes: %s, want %s", got, want)
	}
	if got := strings.Join(r.world.Names(), " "); got != "a-2 b-2" {
		t.Errorf("objects: %s", got)
	}
}

func TestRollbackOfAReplacementThatCreatedFirst(t *testing.T) {
	for name, fail := range map[string]string{"finished": "", "failed": "delete"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.converge(swapped(1, true, true))
			ids := map[string]string{}
			for n, o := range r.world.Objects() {
				ids[n] = o.ID
			}
			r.write(swapped(2, true, true))
			p := r.plan(engine.PlanOptions{})
			r.world.SetFault(func(op, _ string) (error, bool) {
				if op == fail {
					return errors.New("no"), false
				}
				return nil, false
			})
			_, _ = r.tryApply(p)
			r.world.SetFault(nil)
			r.world.Log()
			back, ds := r.engine.Rollback(context.Background(), r.load(), engine.RollbackOptions{Inputs: r.inputs})
			if ds.HasErrors() {
				t.Fatal(ds)
			}
			r.apply(back)
			want := "create a-1, create b-1, update c, delete b-2, delete a-2"
			if fail != "" { // the old objects are there still
				want = "update a-1, update b-1, update c, delete b-2, delete a-2"
			}
			if got := writes(r); got != want {
				t.Errorf("writes: %s\nwant:   %s", got, want)
			}
			if got := strings.Join(r.world.Names(), " "); got != "a-1 b-1 c" {
				t.Errorf("objects: %s", got)
			}
			if fail != "" && r.world.Objects()["a-1"].ID != ids["a-1"] {
				t.Error("the old object was made anew")
			}
			r.write(swapped(1, true, true))
			if p := r.plan(engine.PlanOptions{}); fail != "" && !p.Empty() {
				t.Errorf("after the rollback:\n%s", summary(p))
			}
		})
	}
}

// TestKillBetweenTheStepsOfAReplacement stops a run after every single commit of a replacement that creates first.
func TestKillBetweenTheStepsOfAReplacement(t *testing.T) {
	for _, revert := range []bool{false, true} {
		for kill := 1; ; kill++ {
			r := newRig(t)
			r.converge(swapped(1, true, true))
			r.write(swapped(2, true, true))
			p := r.plan(engine.PlanOptions{})
			dying := &dyingStore{Store: r.store, left: kill}
			e := engine.New(dying, r.registry(), engine.Options{Parallelism: 1})
			_, _ = e.Apply(context.Background(), r.load(), p, engine.ApplyOptions{Inputs: r.inputs})
			if dying.left > 0 {
				break // it finished before
			}
			r.owned(kill)
			want, version := "a-2 b-2 c", 2
			if revert {
				want, version = "a-1 b-1 c", 1
			}
			r.write(swapped(version, true, true))
			r.apply(r.plan(engine.PlanOptions{}))
			r.empty()
			if got := strings.Join(r.world.Names(), " "); got != want {
				t.Errorf("killed after commit %d, revert %v: objects %s", kill, revert, got)
			}
			snap, err := r.store.Snapshot(context.Background())
			if err != nil || len(snap.Records) != 3 || len(snap.Unresolved) != 0 {
				t.Errorf("killed after commit %d: %d records, %d unresolved, %v", kill, len(snap.Records), len(snap.Unresolved), err)
			}
		}
	}
}

// owned proves that every object has a record or an intent.
func (r *rig) owned(kill int) {
	snap, err := r.store.Snapshot(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	known := len(snap.Records) + len(snap.Unresolved)
	if objects := len(r.world.Names()); objects > known {
		r.t.Fatalf("killed after commit %d: %d objects, but %d records and %d intents", kill, objects, len(snap.Records), len(snap.Unresolved))
	}
}

// dyingStore is a store whose process dies: after some commits of a run nothing is written any more.
type dyingStore struct {
	state.Store
	left int
}

type dyingSession struct {
	state.Session
	store *dyingStore
}

type dyingWriter struct {
	state.Writer
	store *dyingStore
}

var errDead = errors.New("killed")

func (s *dyingStore) Lock(ctx context.Context, h state.Holder, wait time.Duration) (state.Session, error) {
	session, err := s.Store.Lock(ctx, h, wait)
	return &dyingSession{session, s}, err
}

func (s *dyingSession) Begin(run state.Run) (state.Writer, error) {
	w, err := s.Session.Begin(run)
	return &dyingWriter{w, s.store}, err
}

// commit counts one commit and says whether the process lives on.
func (w *dyingWriter) commit(f func() error) error {
	if w.store.left == 0 {
		return errDead
	}
	err := f()
	w.store.left--
	return err
}

func (w *dyingWriter) Intend(i state.Intent) error {
	return w.commit(func() error { return w.Writer.Intend(i) })
}
func (w *dyingWriter) Record(o state.Outcome) error {
	return w.commit(func() error { return w.Writer.Record(o) })
}
func (w *dyingWriter) Finish(f state.Finish) error {
	return w.commit(func() error { return w.Writer.Finish(f) })
}
func (w *dyingWriter) Checkpoint(n int, r *state.Record, remove ...addr.Instance) error {
	return w.commit(func() error { return w.Writer.Checkpoint(n, r, remove...) })
}
func (w *dyingWriter) Outputs(o map[string]state.Output) error {
	return w.commit(func() error { return w.Writer.Outputs(o) })
}
