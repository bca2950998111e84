package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/state"
)

// back plans a rollback.
func (r *rig) back(o engine.RollbackOptions) (*plans.Plan, hcl.Diagnostics) {
	r.t.Helper()
	c := r.load()
	o.Inputs = r.inputs
	p, ds := r.engine.Rollback(context.Background(), c, o)
	if ds.HasErrors() {
		r.t.Fatalf("rollback: %v", ds)
	}
	return p, ds
}

// goBack rolls the last run back.
func (r *rig) goBack() *plans.Plan {
	r.t.Helper()
	p, _ := r.back(engine.RollbackOptions{})
	r.apply(p)
	return p
}

// record returns the record of an address; nil when there is none.
func (r *rig) record(address string) *state.Record {
	r.t.Helper()
	snap, err := r.store.Snapshot(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, rec := range snap.Records {
		if rec.Addr.String() == address {
			return rec
		}
	}
	return nil
}

func (r *rig) value(name string) string { return r.world.Objects()[name].Input }

func text(s string) string { return `{"value":"` + s + `","type":"string"}` }

func TestRollbackAcrossImportAndUpdate(t *testing.T) {
	r := newRig(t)
	r.converge(object("other", "p", ""))
	strange(r, "o")
	r.converge(object("other", "p", "") + object("a", "o", "  input = \"1\"\n") + importBlock("memory_object.a", `"o"`))
	r.converge(object("other", "p", "") + object("a", "o", "  input = \"2\"\n"))
	p, _ := r.back(engine.RollbackOptions{To: 1})
	if c := p.Counts(); c != (plans.Counts{Update: 1}) || !strings.Contains(strings.Join(p.Find(address(t, "memory_object.a")).Notes, " "), "no longer managed") {
		t.Errorf("counts %+v: %s", c, summary(p))
	}
	r.apply(p)
	if got := recorded(r); got != "memory_object.other" || r.value("o") != text("1") {
		t.Errorf("records %q, o is %s", got, r.value("o"))
	}
	r.goBack() // the way back is a run like any other
	if got := recorded(r); got != "memory_object.a memory_object.other" || r.value("o") != text("2") {
		t.Errorf("records %q, o is %s", got, r.value("o"))
	}
	r.empty()
}

// TestRollbackOfAnAdoptionLeavesTheObject: what was there before a run is there after its rollback, recorded or not.
func TestRollbackOfAnAdoptionLeavesTheObject(t *testing.T) {
	r := newRig(t)
	r.converge(object("a", "o", "  input = \"1\"\n"))
	r.converge("removed {\n  from = memory_object.a\n  lifecycle {\n    destroy = false\n  }\n}\n")
	r.converge(object("a", "o", "  input = \"2\"\n"))
	r.goBack()
	if got := recorded(r); got != "" || r.value("o") != text("1") {
		t.Errorf("records %q, o is %s", got, r.value("o"))
	}
}

func TestRollbackOfWhatOnlyTheRecordHolds(t *testing.T) {
	for name, src := range map[string]string{
		"protection":            object("a", "a", "") + object("b", "b", "  lifecycle {\n    prevent_destroy = true\n  }\n"),
		"dependencies":          object("a", "a", "") + object("b", "b", "  depends_on = [memory_object.a]\n"),
		"create before destroy": object("a", "a", "") + object("b", "b", "  lifecycle {\n    create_before_destroy = true\n  }\n"),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.converge(object("a", "a", "") + object("b", "b", ""))
			before := r.record("memory_object.b")
			r.write(src)
			r.apply(r.plan(engine.PlanOptions{}))
			changed := r.record("memory_object.b")
			same := func(x, y *state.Record) bool {
				return len(x.DependsOn) == len(y.DependsOn) && x.Protected == y.Protected && x.CreateFirst == y.CreateFirst
			}
			if same(before, changed) {
				t.Fatalf("the run changed nothing: %+v", changed)
			}
			p := r.goBack()
			if n := p.Counts().Total(); n != 0 {
				t.Errorf("the rollback touches %d objects: %s", n, summary(p))
			}
			if now := r.record("memory_object.b"); !same(before, now) {
				t.Errorf("after the rollback %+v, before %+v", now, before)
			}
			r.goBack()
			if now := r.record("memory_object.b"); !same(changed, now) {
				t.Errorf("after undoing the rollback %+v, before it %+v", now, changed)
			}
		})
	}
}

// TestRollbackStopsAtAStepOfNoReturn: what was before a step that cannot be undone is out of reach, unless the object
// goes as a whole.
func TestRollbackStopsAtAStepOfNoReturn(t *testing.T) {
	r := newRig(t)
	at := func(a, b string) string { return object("a", "a", a) + object("b", "b", b) }
	r.converge(object("a", "a", "  input = \"1\"\n"))                           // run 1
	r.converge(at("  input = \"2\"\n", ""))                                     // run 2 makes b
	r.converge(at("  input = \"3\"\n  one_way = true\n", "  one_way = true\n")) // run 3 is one-way for both
	r.converge(at("  input = \"3\"\n", "  input = \"x\"\n"))                    // run 4 as well: it was one-way
	r.converge(at("  input = \"5\"\n", "  input = \"y\"\n"))                    // run 5
	p, _ := r.back(engine.RollbackOptions{To: 1})
	if len(p.Reverts.Lost) != 2 || p.Reverts.Lost[0].Run != 3 || p.Reverts.Lost[1].Run != 4 {
		t.Errorf("lost %+v", p.Reverts.Lost)
	}
	r.apply(p)
	if got := strings.Join(r.world.Names(), " "); got != "a" || r.value("a") != text("3") {
		t.Errorf("objects %s, a is %s, want it as run 4 left it", got, r.value("a"))
	}
}

// TestRollbackLeavesWhatOthersEdited: records that were changed by hand since are left alone and listed; everything else
// is undone.
func TestRollbackLeavesWhatOthersEdited(t *testing.T) {
	r := newRig(t)
	r.converge(object("a", "a", "") + object("b", "b", "") + object("c", "c", ""))
	session, err := r.store.Lock(context.Background(), state.Holder{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	moved := *r.record("memory_object.b")
	moved.Addr = address(t, "memory_object.z")
	if err := session.Edit([]*state.Record{&moved}, []addr.Instance{address(t, "memory_object.a"), address(t, "memory_object.b")}); err != nil {
		t.Fatal(err)
	}
	if err := session.Unlock(); err != nil {
		t.Fatal(err)
	}
	p, _ := r.back(engine.RollbackOptions{})
	if c := p.Counts(); c != (plans.Counts{Delete: 1}) || len(p.Reverts.Lost) != 2 {
		t.Errorf("counts %+v, lost %+v", c, p.Reverts.Lost)
	}
	for _, l := range p.Reverts.Lost {
		if !strings.Contains(l.Reason, "outside of a run") {
			t.Errorf("lost %+v", l)
		}
	}
	r.apply(p)
	if got := strings.Join(r.world.Names(), " "); got != "a b" {
		t.Errorf("objects %s", got)
	}
}

func TestRollbackLeavesWhatIsProtected(t *testing.T) {
	r := newRig(t)
	r.converge(object("a", "a", "  lifecycle {\n    prevent_destroy = true\n  }\n") + object("b", "b", "  input = memory_object.a.id\n"))
	p := r.goBack()
	if len(p.Reverts.Lost) != 1 || !strings.Contains(p.Reverts.Lost[0].Reason, "prevent_destroy") {
		t.Errorf("lost %+v", p.Reverts.Lost)
	}
	if got := strings.Join(r.world.Names(), " "); got != "a" {
		t.Errorf("objects %s", got)
	}
}

func TestOutputsAreTrueAfterARollback(t *testing.T) {
	const shown = `
resource "memory_object" "a" { name = "NAME" }
locals { id = memory_object.a.id }
output "id" { value = "the id is ${local.id}" }
output "bare" { value = [memory_object.a.id] }
output "secret" {
  value     = "s-${memory_object.a.id}"
  sensitive = true
}
output "fixed" { value = "1" }
`
	src := strings.Replace(shown, "NAME", "a", 1)
	for name, c := range map[string]struct {
		after string
		save  bool
	}{
		"same outputs":             {strings.Replace(shown, "NAME", "b", 1), false},
		"same outputs, saved plan": {strings.Replace(shown, "NAME", "b", 1), true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.converge(src)
			r.converge(c.after)
			p, ds := r.back(engine.RollbackOptions{})
			if c.save {
				p = r.save(p)
			}
			r.apply(p)
			if len(ds) > 0 {
				t.Errorf("diagnostics %v", ds)
			}
			r.write(src)
			r.empty() // the outputs show the new identity, as the former configuration wants it
		})
	}
	t.Run("other outputs", func(t *testing.T) {
		r := newRig(t)
		r.converge(src)
		r.converge("resource \"memory_object\" \"a\" {\n  name = \"b\"\n}\noutput \"bare\" {\n  value = \"x\"\n}\n")
		p, ds := r.back(engine.RollbackOptions{})
		if len(ds) != 1 || diag.CodeOf(ds[0]) != engine.CodeFormerOutput {
			t.Errorf("diagnostics %v", ds)
		}
		r.apply(r.save(p))
		snap, err := r.store.Snapshot(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, there := snap.Outputs["bare"]; there || len(snap.Outputs["fixed"].Value) == 0 {
			t.Errorf("outputs %+v", snap.Outputs)
		}
	})
}

// TestRollbackThatFailsHalfWay goes on, or is undone.
func TestRollbackThatFailsHalfWay(t *testing.T) {
	before := strings.ReplaceAll(three, ".id", ".name")
	after := strings.ReplaceAll(before, `"1"`, `"2"`) + object("d", "d", "  input = memory_object.c.name\n")
	half := func(t *testing.T) (*rig, map[string]string, map[string]string) {
		r := newRig(t)
		r.converge(before)
		first := inputs(r)
		r.converge(strings.Replace(after, `memory_object.b.input }`, `memory_object.b.input, more = "x" }`, 1))
		second := inputs(r)
		p, _ := r.back(engine.RollbackOptions{})
		r.world.SetFault(func(op, name string) (error, bool) { return errIf(op == "update" && name == "a"), false })
		if res, ds := r.tryApply(p); !ds.HasErrors() || res.Outcome != state.Failed {
			t.Fatalf("outcome %+v", res)
		}
		r.world.SetFault(nil)
		if got := inputs(r); got["a"] != second["a"] || got["d"] != "" {
			t.Fatalf("it is not half-way: %v", got)
		}
		r.open()
		return r, first, second
	}
	check := func(t *testing.T, r *rig, want map[string]string) {
		t.Helper()
		got := inputs(r)
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%s is %s, want %s", name, got[name], want[name])
			}
		}
		if len(got) != len(want) {
			t.Errorf("objects %v, want %v", got, want)
		}
	}
	t.Run("goes on", func(t *testing.T) {
		r, first, _ := half(t)
		p, _ := r.back(engine.RollbackOptions{To: 1})
		r.apply(p)
		check(t, r, first)
		r.write(before)
		r.empty()
	})
	t.Run("is undone", func(t *testing.T) {
		r, _, second := half(t)
		r.goBack()
		check(t, r, second)
	})
}

func TestFailureThatCannotBeUndoneSaysSo(t *testing.T) {
	r := newRig(t)
	r.write(object("a", "a", "  one_way = true\n") + object("b", "b", "  input = memory_object.a.id\n"))
	r.world.SetFault(func(op, name string) (error, bool) {
		if op == "create" && name == "b" {
			return errors.New("no"), false
		}
		return nil, false
	})
	p := r.plan(engine.PlanOptions{})
	_, ds := r.engine.Apply(context.Background(), r.load(), p, engine.ApplyOptions{Inputs: r.inputs, RollbackOnFailure: true})
	said := false
	for _, d := range ds {
		said = said || diag.CodeOf(d) == engine.CodeNotUndone && strings.Contains(d.Detail, "memory_object.a (run 1) stays as it is: the object is one-way")
	}
	if !said {
		t.Errorf("diagnostics %v", ds)
	}
}

func address(t *testing.T, s string) addr.Instance {
	t.Helper()
	a, err := addr.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
