package engine_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// A cut ends a run as kill -9 does, inside one process: from some boundary on nothing takes effect any more, neither in
// the store nor in the world, and everything that is tried fails. Boundaries lie before and after every commit of the
// journal and every write to the world.
type cut struct {
	left atomic.Int64 // boundaries that are passed yet
	seen atomic.Int64
}

var errCut = errors.New("the process is dead")

// never is more boundaries than any test has.
const never = 1 << 40

func (c *cut) after(n int64) { c.left.Store(n); c.seen.Store(0) }

// pass passes a boundary and reports whether the process lives still.
func (c *cut) pass() bool {
	c.seen.Add(1)
	return c.left.Add(-1) >= 0
}

func (c *cut) dead() bool { return c.left.Load() < 0 }

func (c *cut) commit(f func() error) error {
	if !c.pass() {
		return errCut
	}
	err := f()
	if !c.pass() {
		return errCut
	}
	return err
}

type cutStore struct {
	state.Store
	cut *cut
}

func (s cutStore) Lock(ctx context.Context, h state.Holder, wait time.Duration) (state.Session, error) {
	session, err := s.Store.Lock(ctx, h, wait)
	if err != nil {
		return nil, err
	}
	return cutSession{session, s.cut}, nil
}

type cutSession struct {
	state.Session
	cut *cut
}

func (s cutSession) Adopt(id state.Identity) error {
	return s.cut.commit(func() error { return s.Session.Adopt(id) })
}

func (s cutSession) Begin(meta state.Run) (w state.Writer, err error) {
	err = s.cut.commit(func() error {
		w, err = s.Session.Begin(meta)
		return err
	})
	return cutWriter{w, s.cut}, err
}

type cutWriter struct {
	state.Writer
	cut *cut
}

func (w cutWriter) Intend(i state.Intent) error {
	return w.cut.commit(func() error { return w.Writer.Intend(i) })
}

func (w cutWriter) Checkpoint(step int, r *state.Record, remove ...addr.Instance) error {
	return w.cut.commit(func() error { return w.Writer.Checkpoint(step, r, remove...) })
}

func (w cutWriter) Record(o state.Outcome) error {
	return w.cut.commit(func() error { return w.Writer.Record(o) })
}

func (w cutWriter) Settle(put []*state.Record, remove []addr.Instance) error {
	return w.cut.commit(func() error { return w.Writer.Settle(put, remove) })
}

func (w cutWriter) Outputs(o map[string]state.Output) error {
	return w.cut.commit(func() error { return w.Writer.Outputs(o) })
}

func (w cutWriter) Finish(f state.Finish) error {
	return w.cut.commit(func() error { return w.Writer.Finish(f) })
}

// cuttable puts a cut between the engine of a rig and everything else. One step is carried out at a time, so that the
// n-th boundary is the same one in every run.
func cuttable(r *rig) *cut {
	c := &cut{}
	c.after(never)
	r.world.SetFault(func(op, _ string) (error, bool) {
		switch {
		case c.dead():
			return errCut, false
		case op == "plan", op == "read":
			return nil, false
		case !c.pass():
			return errCut, false
		case !c.pass():
			return errCut, true
		}
		return nil, false
	})
	r.world.SetWait(func(context.Context, string) error { // every write waits, so every one is checkpointed
		if c.dead() {
			return errCut
		}
		return nil
	})
	r.engine = engine.New(cutStore{r.store, c}, r.registry(), engine.Options{Parallelism: 1, Holder: state.Holder{User: "tester"}})
	return c
}

// world is what a test compares: objects with their content, whatever identities they have. Whether the object is back
// that others have deleted depends on whether the killed run has come to it.
func world(r *rig) string {
	all := inputs(r)
	delete(all, "gone-1")
	return fmt.Sprint(all)
}

// The two configurations make every kind of step between them, both ways: create, update, delete, replace in both
// orders, move, move with a change, creation in the place of an object that others have deleted, forget, import as it is and with a change, new dependencies.
var (
	cutBefore = object("updated", "updated", "  input = \"1\"\n") + object("replaced", "replaced-1", "  input = memory_object.updated.name\n") +
		object("first", "first-1", "  input = memory_object.updated.name\n  lifecycle {\n    create_before_destroy = true\n  }\n") +
		object("deleted", "deleted", "  input = memory_object.replaced.name\n") + object("moves", "moves", "") + object("forgotten", "forgotten", "") + object("linked", "linked", "") +
		object("both", "both", "  input = \"1\"\n") + object("gone", "gone-1", "")
	cutAfter = object("updated", "updated", "  input = \"2\"\n") + object("replaced", "replaced-2", "  input = memory_object.updated.name\n") +
		object("first", "first-2", "  input = memory_object.updated.name\n  lifecycle {\n    create_before_destroy = true\n  }\n") +
		object("both2", "both", "  input = \"2\"\n") + movedBlock("memory_object.both", "memory_object.both2") +
		object("gone2", "gone-2", "") + movedBlock("memory_object.gone", "memory_object.gone2") +
		object("created", "created", "  input = memory_object.first.name\n") + object("moved", "moves", "") + movedBlock("memory_object.moves", "memory_object.moved") +
		"removed {\n  from = memory_object.forgotten\n  lifecycle {\n    destroy = false\n  }\n}\n" + object("linked", "linked", "  depends_on = [memory_object.updated]\n") +
		object("taken", "o", "  input = \"1\"\n") + importBlock("memory_object.taken", `"o"`) + object("changed", "p", "  input = \"2\"\n") + importBlock("memory_object.changed", `"p"`) +
		"output \"updated\" { value = memory_object.updated.input }\n"
)

// TestKilledAtEveryBoundary kills an apply, a destroy and a rollback at every boundary of journal and world, and proves
// each time that the next run completes what was begun, and that it can be undone instead. Every ninth boundary will do
// in ordinary tests; with MESHPLAN_CHAOS (make chaos) it is all of them.
func TestKilledAtEveryBoundary(t *testing.T) {
	fresh := func(t *testing.T) (*rig, *cut) {
		r := newRig(t)
		strange(r, "o", "p")
		c := cuttable(r)
		r.converge(cutBefore)
		r.world.Remove("gone-1")
		return r, c
	}
	goal := func(t *testing.T, r *rig, want, records, when string) {
		t.Helper()
		if got := world(r); got != want {
			t.Fatalf("%s: objects %s\nwant %s", when, got, want)
		}
		if got := strings.Replace(recorded(r), "memory_object.gone ", "", 1); got != records {
			t.Fatalf("%s: records %s, want %s", when, got, records)
		}
	}
	r, _ := fresh(t)
	worldBefore, recordsBefore := world(r), strings.Replace(recorded(r), "memory_object.gone ", "", 1)
	r.converge(cutAfter)
	worldAfter, recordsAfter := world(r), recorded(r)

	forward := func(r *rig) *plans.Plan {
		r.write(cutAfter)
		return r.plan(engine.PlanOptions{})
	}
	backward := func(r *rig) *plans.Plan {
		r.converge(cutAfter)
		p, _ := r.back(engine.RollbackOptions{})
		return p
	}
	down := func(r *rig) *plans.Plan { return r.plan(engine.PlanOptions{Mode: plans.Destroy}) }
	goOn := func(t *testing.T, r *rig, when string) {
		r.converge(cutAfter)
		goal(t, r, worldAfter, recordsAfter, when)
	}
	undo := func(t *testing.T, r *rig, when string) {
		p, ds := r.engine.Rollback(t.Context(), r.load(), engine.RollbackOptions{Inputs: r.inputs, To: 1})
		if ds.HasErrors() && !strings.Contains(ds.Error(), "Nothing to roll back") {
			t.Fatalf("%s: %v", when, ds)
		}
		if p != nil {
			r.apply(p)
		}
		goal(t, r, worldBefore, recordsBefore, when)
		r.converge(cutBefore)
	}
	stride := int64(9)
	if os.Getenv("MESHPLAN_CHAOS") != "" {
		stride = 1
	}
	for name, c := range map[string]struct {
		plan func(*rig) *plans.Plan
		then func(*testing.T, *rig, string)
	}{
		"apply, go on":     {forward, goOn},
		"apply, undo":      {forward, undo},
		"rollback, go on":  {backward, undo},
		"rollback, return": {backward, goOn},
		"destroy, go on": {down, func(t *testing.T, r *rig, when string) {
			r.apply(r.plan(engine.PlanOptions{Mode: plans.Destroy}))
			goal(t, r, fmt.Sprint(map[string]string{"o": text("1"), "p": text("1")}), "", when)
		}},
		"destroy, undo": {down, undo},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			boundaries, kills := int64(1), 0
			for n := int64(0); n < boundaries; n += stride {
				kills++
				r, dead := fresh(t)
				p := c.plan(r)
				if n == 0 { // how many there are
					dead.after(never)
					r.apply(p)
					boundaries = dead.seen.Load()
					r, dead = fresh(t)
					p = c.plan(r)
				}
				dead.after(n)
				r.tryApply(p)
				dead.after(never) // another process, another life
				c.then(t, r, fmt.Sprintf("killed after %d of %d boundaries", n, boundaries))
			}
			t.Logf("%d kills at %d boundaries: all completed or undone, nothing orphaned, doubled or lost", kills, boundaries)
		})
	}
}

// TestRollbackUnderKills does as TestRollbackRestoresTheFormerWorld, and kills every run at boundaries of its own.
func TestRollbackUnderKills(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	if former := checks.String(); os.Getenv("MESHPLAN_CHAOS") == "" && checks.Set("20") == nil {
		defer checks.Set(former)
	}
	rapid.Check(t, func(t *rapid.T) {
		r := openRig(t, temporary(t))
		dead := cuttable(r)
		values := func(s string) string { return strings.ReplaceAll(s, ".id", ".name") }
		kill := func(what string, plan func() *plans.Plan) {
			for round := 0; ; round++ {
				dead.after(never)
				p := plan()
				if p == nil || len(p.Steps) == 0 && p.Empty() {
					return
				}
				proveOrder(t, p)
				limit := int64(4 * (len(p.Steps) + 2))
				if round < 3 {
					dead.after(rapid.Int64Range(0, limit).Draw(t, what))
				}
				r.tryApply(p)
				if round > 6 {
					t.Fatalf("%s does not end: %s", what, summary(p))
				}
			}
		}
		forward := func(src string) func() *plans.Plan {
			r.write(src)
			return func() *plans.Plan { return r.plan(engine.PlanOptions{}) }
		}
		backward := func(to state.RunID) func() *plans.Plan {
			return func() *plans.Plan {
				p, ds := r.engine.Rollback(context.Background(), r.load(), engine.RollbackOptions{Inputs: r.inputs, To: to, ToSet: true})
				if ds.HasErrors() && !strings.Contains(ds.Error(), "Nothing to roll back") {
					t.Fatalf("rollback: %v", ds)
				}
				return p
			}
		}
		last := func() state.RunID {
			runs, err := r.store.Runs(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if len(runs) == 0 {
				return 0
			}
			return runs[len(runs)-1].ID
		}
		kill("first", forward(values(drawConfig(t, "first"))))
		first, before := last(), maps.Clone(inputs(r))
		kill("second", forward(values(drawConfig(t, "second"))))
		second, after := last(), maps.Clone(inputs(r))
		check := func(what string, want map[string]string) {
			if got := inputs(r); !maps.Equal(got, want) {
				t.Fatalf("%s: %v, want %v\n%s", what, got, want, told(r))
			}
		}
		kill("rollback", backward(first))
		check("after the rollback", before)
		kill("return", backward(second))
		check("after undoing the rollback", after)
		kill("rollback again", backward(first))
		check("after the second rollback", before)
	})
}

// told tells what the journal knows: steps of one check are carried out in an order of their own, so a failure has to be
// understood from what it leaves.
func told(r *rig) string {
	var b strings.Builder
	runs, err := r.store.Runs(context.Background())
	if err != nil {
		return err.Error()
	}
	for _, run := range runs {
		j, err := r.store.Journal(context.Background(), run.ID)
		if err != nil {
			return err.Error()
		}
		fmt.Fprintf(&b, "run %d (%s) %s\n", run.ID, run.Mode, run.Result)
		for _, s := range j.Steps {
			in := s.Intent
			fmt.Fprintf(&b, "  %d %s %s from %s deposes %q gone %v planned %.60q", in.Step, in.Op, in.Addr, in.From, in.Deposes, in.Gone, in.Planned)
			if s.Outcome == nil {
				b.WriteString(": unknown\n")
			} else {
				fmt.Fprintf(&b, ": failed %v, recorded %v\n", s.Outcome.Failed, s.Outcome.After != nil)
			}
		}
	}
	fmt.Fprintf(&b, "records: %s\n", recorded(r))
	return b.String()
}
