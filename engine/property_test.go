package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// drawConfig makes a configuration of up to eight objects that refer to earlier ones, by reference or tag. Any of them
// may be created before it is destroyed, and may have another block name than in another configuration.
func drawConfig(t *rapid.T, label string) string {
	n := rapid.IntRange(0, 8).Draw(t, label+" size")
	var b strings.Builder
	labels := map[int]string{}
	for i := range n {
		if !rapid.Bool().Draw(t, fmt.Sprintf("%s has %d", label, i)) {
			continue
		}
		names := []string{fmt.Sprintf("n%d", i), fmt.Sprintf("m%d", i)}
		now := rapid.IntRange(0, 1).Draw(t, fmt.Sprintf("%s label %d", label, i))
		labels[i] = names[now]
		fmt.Fprintf(&b, "moved {\n  from = memory_object.%s\n  to   = memory_object.%s\n}\n", names[1-now], names[now])
		fmt.Fprintf(&b, "resource \"memory_object\" %q {\n", labels[i])
		if rapid.IntRange(0, 3).Draw(t, fmt.Sprintf("%s first %d", label, i)) == 0 {
			b.WriteString("  lifecycle {\n    create_before_destroy = true\n  }\n")
		}
		fmt.Fprintf(&b, "  name = \"n%d-%d\"\n", i, rapid.IntRange(0, 1).Draw(t, fmt.Sprintf("%s name %d", label, i)))
		fmt.Fprintf(&b, "  provides = [\"t%d\"]\n", i)
		var refs []string
		for j := range i {
			if labels[j] != "" && rapid.IntRange(0, 2).Draw(t, fmt.Sprintf("%s %d to %d", label, i, j)) == 0 {
				refs = append(refs, fmt.Sprintf("memory_object.%s.id", labels[j]))
			}
		}
		fmt.Fprintf(&b, "  input = [%s, \"v%d\"]\n", strings.Join(append(refs, `"x"`), ", "), rapid.IntRange(0, 2).Draw(t, fmt.Sprintf("%s value %d", label, i)))
		if i > 0 && rapid.Bool().Draw(t, fmt.Sprintf("%s tag %d", label, i)) {
			fmt.Fprintf(&b, "  after = [\"t%d\"]\n", rapid.IntRange(0, i-1).Draw(t, fmt.Sprintf("%s after %d", label, i)))
		}
		b.WriteString("}\n")
	}
	b.WriteString("locals { unused = 1 }\n")
	return b.String()
}

// settle applies a configuration under faults until it converges.
func settle(t *rapid.T, r *rig, src string, seed uint64) {
	r.write(src)
	rng := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex // guards rng: steps fail in parallel
	var last string
	for round := 0; ; round++ {
		if round == 12 {
			r.world.SetFault(nil)
		}
		if round == 16 {
			t.Fatalf("did not converge:\n%s\n%s", last, src)
		}
		p, ds := r.tryPlan(engine.PlanOptions{})
		if ds.HasErrors() {
			t.Fatalf("plan: %v", ds)
		}
		if p.Empty() {
			break
		}
		proveOrder(t, p)
		if round < 12 {
			r.world.SetFault(func(op, _ string) (error, bool) {
				mu.Lock()
				defer mu.Unlock()
				if op != "plan" && op != "read" && rng.IntN(4) == 0 {
					return errors.New("fault"), rng.IntN(2) == 0
				}
				return nil, false
			})
		}
		_, failures := r.tryApply(p) // failures are the point
		last = fmt.Sprintf("%s%v", summary(p), failures)
		r.world.SetFault(nil)
	}
	r.world.SetFault(nil)
}

// proveOrder checks that the steps of a plan are complete and in order.
func proveOrder(t *rapid.T, p *plans.Plan) {
	for n, s := range p.Steps {
		for _, d := range s.Deps {
			if d >= n {
				t.Fatalf("step %d depends on step %d", n, d)
			}
		}
	}
	effects := map[int]int{}
	for _, s := range p.Steps {
		if s.Op == plans.OpCreate || s.Op == plans.OpUpdate || s.Op == plans.OpDelete {
			effects[s.Change]++
		}
	}
	for i, c := range p.Changes {
		want := map[plans.Action]int{plans.Create: 1, plans.Update: 1, plans.Delete: 1, plans.Replace: 2}[c.Action]
		if effects[i] != want {
			t.Fatalf("%s %s has %d steps, want %d", c.Action, c.Addr, effects[i], want)
		}
	}
}

// temporary makes a folder that goes with the check, in memory where the system has such a place: what is proved is
// order, not the disk.
func temporary(t *rapid.T) string {
	place := "/dev/shm"
	if info, err := os.Stat(place); err != nil || !info.IsDir() {
		place = ""
	}
	dir, err := os.MkdirTemp(place, "meshplan-property-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func inputs(r *rig) map[string]string {
	out := map[string]string{}
	for name, o := range r.world.Objects() {
		out[name] = o.Input
	}
	return out
}

func TestAnyChangeConvergesUnderFaults(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := openRig(t, temporary(t))
		defer r.store.Close()
		for i := range 3 {
			settle(t, r, drawConfig(t, fmt.Sprintf("config %d", i)), rapid.Uint64().Draw(t, "seed"))
		}
		r.write("locals { unused = 1 }")
		p, ds := r.tryPlan(engine.PlanOptions{})
		if ds.HasErrors() {
			t.Fatalf("plan: %v", ds)
		}
		if _, ds = r.tryApply(p); ds.HasErrors() || len(r.world.Names()) > 0 {
			t.Fatalf("left over: %v %v", r.world.Names(), ds)
		}
	})
}

func TestRollbackRestoresTheFormerWorld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := openRig(t, temporary(t))
		defer r.store.Close()
		// Identities would differ after a re-creation, so values do not refer to them here; the order does.
		values := func(s string) string { return strings.ReplaceAll(s, ".id", ".name") }
		settle(t, r, values(drawConfig(t, "first")), 0)
		before := inputs(r)
		runs, err := r.store.Runs(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		target := engine.RollbackOptions{ToSet: true}
		if len(runs) > 0 {
			target.To = runs[len(runs)-1].ID
		}
		settle(t, r, values(drawConfig(t, "second")), rapid.Uint64().Draw(t, "seed"))
		after := inputs(r)
		undone := rollback(t, r, target)
		if got := inputs(r); fmt.Sprint(got) != fmt.Sprint(before) {
			t.Fatalf("after the rollback %v, before %v", got, before)
		}
		if !undone {
			return
		}
		rollback(t, r, engine.RollbackOptions{}) // a rollback can be undone like any run
		if got := inputs(r); fmt.Sprint(got) != fmt.Sprint(after) {
			t.Fatalf("after undoing the rollback %v, before it %v", got, after)
		}
	})
}

// rollback undoes runs and reports whether there was anything to do.
func rollback(t *rapid.T, r *rig, o engine.RollbackOptions) bool {
	c := r.load()
	o.Inputs = r.inputs
	p, ds := r.engine.Rollback(context.Background(), c, o)
	if p == nil && len(ds) == 1 && strings.HasPrefix(ds[0].Summary, "Nothing") {
		return false
	}
	if ds.HasErrors() {
		t.Fatalf("rollback: %v", ds)
	}
	if p.Counts().Total() == 0 {
		return false
	}
	proveOrder(t, p)
	res, ds := r.tryApply(p)
	if ds.HasErrors() || res.Outcome != state.Succeeded {
		t.Fatalf("applying the rollback: %v", ds)
	}
	return true
}
