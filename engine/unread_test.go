package engine_test

import (
	"errors"
	"testing"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
)

// TestDriftOfWhatCanBeRead: an object that cannot be read hides itself, and not the drift of the others, nor what would be
// done to them; but only a plan of everything is applied.
func TestDriftOfWhatCanBeRead(t *testing.T) {
	r := newRig(t)
	r.converge(`
resource "memory_object" "here" {
  name  = "here"
  input = { text = "one" }
}

resource "memory_object" "hidden" {
  name  = "hidden"
  input = { text = "one" }
}
`)
	for _, name := range []string{"here", "hidden"} {
		o := r.world.Objects()[name]
		o.Input = `{"value":{"text":"two"},"type":["object",{"text":"string"}]}`
		r.world.Put(name, o)
	}
	r.world.SetFault(func(op, name string) (error, bool) {
		if op == "read" && name == "hidden" {
			return errors.New("not today"), false
		}
		return nil, false
	})
	p, ds := r.tryPlan(engine.PlanOptions{Mode: plans.RefreshOnly})
	if !ds.HasErrors() || p == nil {
		t.Fatalf("plan %v, %v", p, ds)
	}
	if len(p.Drift) != 1 || p.Drift[0].Addr.String() != "memory_object.here" {
		t.Errorf("drift: %v", p.Drift)
	}
	if len(p.Unread) != 1 || p.Unread[0].String() != "memory_object.hidden" {
		t.Errorf("unread: %v", p.Unread)
	}
	for _, mode := range []plans.Mode{plans.Normal, plans.Destroy} {
		p, ds = r.tryPlan(engine.PlanOptions{Mode: mode})
		if p == nil || !ds.HasErrors() || len(p.Unread) != 1 || p.Counts().Total() != 1 {
			t.Fatalf("%s: plan %v, %v", mode, p, ds)
		}
		if res, ds := r.tryApply(p); res != nil || diag.CodeOf(ds[0]) != engine.CodeIncomplete {
			t.Errorf("%s: an incomplete plan was applied: %v", mode, ds)
		}
	}
	r.world.SetFault(func(op, _ string) (error, bool) { return errIf(op == "read"), false })
	if p, ds := r.tryPlan(engine.PlanOptions{}); p != nil || !ds.HasErrors() {
		t.Errorf("nothing can be read, and there is a plan: %v", ds)
	}
	r.world.SetFault(nil)
	if p := r.plan(engine.PlanOptions{Mode: plans.RefreshOnly}); len(p.Drift) != 2 || len(p.Unread) != 0 {
		t.Errorf("drift %d, unread %v", len(p.Drift), p.Unread)
	}
}
