package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/plans"
)

func recorded(r *rig) string {
	r.t.Helper()
	snap, err := r.store.Snapshot(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, rec := range snap.Records {
		out = append(out, rec.Addr.String())
	}
	return strings.Join(out, " ")
}

func object(label, name, rest string) string {
	return "resource \"memory_object\" \"" + label + "\" {\n  name = \"" + name + "\"\n" + rest + "}\n"
}

func movedBlock(from, to string) string {
	return "moved {\n  from = " + from + "\n  to   = " + to + "\n}\n"
}

func TestMovesKeepTheObject(t *testing.T) {
	call := func(name, rest string) string {
		return "module \"" + name + "\" {\n  source = \"./shop\"\n" + rest + "}\n"
	}
	for name, c := range map[string]struct{ before, after, want string }{
		"renamed":          {object("a", "o", ""), object("b", "o", "") + movedBlock("memory_object.a", "memory_object.b"), "memory_object.b"},
		"chain":            {object("a", "o", ""), object("c", "o", "") + movedBlock("memory_object.b", "memory_object.c") + movedBlock("memory_object.a", "memory_object.b"), "memory_object.c"},
		"never recorded":   {object("b", "o", ""), object("b", "o", "") + movedBlock("memory_object.a", "memory_object.b"), "memory_object.b"},
		"count comes":      {object("a", "o", ""), object("a", "o", "  count = 1\n"), "memory_object.a[0]"},
		"count goes":       {object("a", "o", "  count = 1\n"), object("a", "o", ""), "memory_object.a"},
		"index to key":     {object("a", "o", "  count = 1\n"), object("a", "o", "  for_each = { k = 1 }\n") + movedBlock("memory_object.a[0]", "memory_object.a[\"k\"]"), `memory_object.a["k"]`},
		"into a module":    {object("a", "x", ""), call("m", "") + movedBlock("memory_object.a", "module.m.memory_object.x"), "module.m.memory_object.x"},
		"module renamed":   {call("m", ""), call("n", "") + movedBlock("module.m", "module.n"), "module.n.memory_object.x"},
		"module with key":  {call("m", ""), call("m", "  for_each = { k = 1 }\n") + movedBlock("module.m", "module.m[\"k\"]"), `module.m["k"].memory_object.x`},
		"module and count": {call("m", ""), call("m", "  count = 1\n"), `module.m[0].memory_object.x`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.module("shop", object("x", "x", ""))
			r.converge(c.before)
			r.world.Log()
			r.write(c.after)
			p := r.plan(engine.PlanOptions{})
			if n := p.Counts(); n.Total() != 0 || p.Empty() != (name == "never recorded") {
				t.Errorf("counts %+v, empty %v", n, p.Empty())
			}
			res := r.apply(p)
			if got := recorded(r); got != c.want {
				t.Errorf("records: %s, want %s", got, c.want)
			}
			for _, o := range r.world.Objects() {
				if !strings.HasSuffix(o.Owner, "/"+c.want) {
					t.Errorf("the object is marked %s", o.Owner)
				}
			}
			if log := writes(r); strings.Contains(log, "create") || strings.Contains(log, "delete") || strings.Contains(log, "update") {
				t.Errorf("writes: %s", log)
			}
			r.empty()
			if name == "never recorded" {
				return
			}
			before := res.Run
			back, ds := r.engine.Rollback(context.Background(), r.load(), engine.RollbackOptions{Inputs: r.inputs})
			if ds.HasErrors() || before == 0 {
				t.Fatal(ds)
			}
			r.apply(back)
			r.write(c.before)
			r.empty()
		})
	}
}

func TestMoveAndUpdateInOnePlan(t *testing.T) {
	r := newRig(t)
	r.converge(object("a", "o", "  input = 1\n") + object("z", "z", "  input = memory_object.a.id\n"))
	r.world.Log()
	src := object("b", "o", "  input = 2\n") + object("z", "z", "  input = memory_object.b.id\n") + movedBlock("memory_object.a", "memory_object.b")
	r.write(src)
	r.world.SetFault(func(op, _ string) (error, bool) {
		if op == "update" {
			return errors.New("no"), true // it took effect, and the answer was lost
		}
		return nil, false
	})
	if _, ds := r.tryApply(r.plan(engine.PlanOptions{})); !ds.HasErrors() {
		t.Fatal("the update should have failed")
	}
	r.world.SetFault(nil)
	p := r.converge(src)
	if got := recorded(r); got != "memory_object.b memory_object.z" {
		t.Errorf("records: %s", got)
	}
	if n := p.Counts(); n.Create+n.Delete+n.Replace > 0 {
		t.Errorf("plan:\n%s", summary(p))
	}
	r.world.Log()
	r.converge("locals { unused = 1 }\n") // dependencies have moved along
	if got := writes(r); got != "delete z, delete o" {
		t.Errorf("writes: %s", got)
	}
}

func TestMovesThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct{ before, after, want string }{
		"taken": {object("a", "o", "") + object("b", "p", ""), object("b", "p", "") + movedBlock("memory_object.a", "memory_object.b"), "another object is recorded there"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.converge(c.before)
			r.write(c.after)
			_, ds := r.tryPlan(engine.PlanOptions{})
			if !ds.HasErrors() || !strings.Contains(ds[0].Detail, c.want) {
				t.Errorf("want an error with %q: %v", c.want, ds)
			}
		})
	}
}

func TestRollbackToBeforeAMove(t *testing.T) {
	r := newRig(t)
	r.converge(object("a", "o", "  input = 1\n"))
	r.converge(object("a", "o", "  input = 2\n"))
	r.converge(object("b", "o", "  input = 2\n") + movedBlock("memory_object.a", "memory_object.b"))
	r.converge(object("c", "o", "  input = 3\n") + movedBlock("memory_object.b", "memory_object.c"))
	back, ds := r.engine.Rollback(context.Background(), r.load(), engine.RollbackOptions{Inputs: r.inputs, To: 1})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	if n := back.Counts(); n != (plans.Counts{Update: 1}) {
		t.Errorf("counts %+v", n)
	}
	r.apply(back)
	r.write(object("a", "o", "  input = 1\n"))
	r.empty()
	if got := recorded(r); got != "memory_object.a" {
		t.Errorf("records: %s", got)
	}
}
