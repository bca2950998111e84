package engine_test

import (
	"context"
	"strings"
	"testing"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers/memory"
)

// strange puts objects into the world that meshplan has not made.
func strange(r *rig, names ...string) {
	for _, n := range names {
		r.world.Put(n, memory.Object{ID: "old-" + n, Owner: "somebody/else", Input: `{"value":"1","type":"string"}`})
	}
}

func importBlock(to, id string) string {
	return "import {\n  to = " + to + "\n  id = " + id + "\n}\n"
}

func TestImport(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		want   plans.Counts
	}{
		"as it is":  {object("a", "o", "  input = \"1\"\n") + importBlock("memory_object.a", `"o"`), plans.Counts{Import: 1}},
		"differing": {object("a", "o", "  input = \"2\"\n") + importBlock("memory_object.a", `"o"`), plans.Counts{Import: 1, Update: 1}},
		"with for_each": {"locals { all = { x = \"o\", y = \"p\" } }\nresource \"memory_object\" \"a\" {\n  for_each = local.all\n  name = each.value\n  input = \"1\"\n}\n" +
			"import {\n  for_each = local.all\n  to = memory_object.a[each.key]\n  id = each.value\n}\n", plans.Counts{Import: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			strange(r, "o", "p")
			r.write(c.config)
			p := r.plan(engine.PlanOptions{})
			if got := p.Counts(); got != c.want || p.Empty() {
				t.Errorf("counts %+v, want %+v; empty %v", got, c.want, p.Empty())
			}
			res := r.apply(p)
			if res.Summary.Imported != c.want.Import || res.Summary.Created != 0 {
				t.Errorf("summary %+v", res.Summary)
			}
			if o := r.world.Objects()["o"]; o.ID != "old-o" || strings.HasPrefix(o.Owner, "somebody") {
				t.Errorf("object %+v", o)
			}
			r.empty() // the block has done its work
			back, ds := r.engine.Rollback(context.Background(), r.load(), engine.RollbackOptions{Inputs: r.inputs})
			if ds.HasErrors() {
				t.Fatal(ds)
			}
			if got := back.Counts(); got != (plans.Counts{Forget: c.want.Import - c.want.Update, Update: c.want.Update}) {
				t.Errorf("rollback %+v", got)
			}
			r.apply(back)
			if o := r.world.Objects()["o"]; o.Input != `{"value":"1","type":"string"}` {
				t.Errorf("the object is not given back as it was: %+v", o)
			}
			if got := recorded(r); got != "" || len(r.world.Names()) != 2 {
				t.Errorf("after the rollback: records %q, objects %v", got, r.world.Names())
			}
		})
	}
}

func TestImportsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct{ config, want string }{
		"no object":   {object("a", "x", "") + importBlock("memory_object.a", `"x"`), "There is no object"},
		"no block":    {importBlock("memory_object.a", `"o"`), "--generate-config-out"},
		"not known":   {object("b", "b", "") + object("a", "o", "") + importBlock("memory_object.a", "memory_object.b.id"), "only known after apply"},
		"another one": {object("taken", "t", "") + importBlock("memory_object.taken", `"o"`), "recorded already"},
		"no value":    {object("a", "o", "") + importBlock("memory_object.a", "local.missing"), "no local value"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.converge(object("taken", "t", ""))
			strange(r, "o")
			r.write(c.config)
			_, ds := r.tryPlan(engine.PlanOptions{})
			if !ds.HasErrors() || !strings.Contains(ds[0].Detail, c.want) {
				t.Errorf("want an error with %q: %v", c.want, ds)
			}
		})
	}
}

// A provider whose configuration comes from a resource can import as soon as that resource is applied.
func TestImportThroughALateProvider(t *testing.T) {
	r := newRig(t)
	strange(r, "o")
	source := object("source", "s", "")
	late := source + "provider \"memory\" {\n  alias = \"late\"\n  identity = memory_object.source.id\n}\n"
	taken := strings.Replace(object("a", "o", "  input = \"2\"\n"), "{", "{\n  provider = memory.late", 1) + importBlock("memory_object.a", `"o"`)
	r.write(late + taken)
	if _, ds := r.tryPlan(engine.PlanOptions{}); !ds.HasErrors() || !strings.Contains(ds[0].Detail, "memory_object.a through it") || !strings.Contains(ds[0].Detail, "--target") {
		t.Fatalf("the provider is not known yet: %v", ds)
	}
	r.apply(r.plan(engine.PlanOptions{Targets: []string{"memory_object.source"}}))
	if got := recorded(r); got != "memory_object.source" {
		t.Fatalf("a plan that leaves the import out recorded %s", got)
	}
	for _, o := range []engine.PlanOptions{{}, {NoRefresh: true}} {
		p := r.plan(o)
		if got := p.Counts(); got != (plans.Counts{Import: 1, Update: 1}) || len(p.Drift) > 0 {
			t.Errorf("counts %+v, drift %v", got, p.Drift)
		}
	}
	r.write(late + strings.Replace(importBlock("memory_object.b", `"o"`), "{", "{\n  provider = memory.late", 1))
	if p := r.plan(engine.PlanOptions{Generate: true}); len(p.Generated) != 1 {
		t.Errorf("generated %d blocks", len(p.Generated))
	}
	r.write(late + taken)
	r.apply(r.plan(engine.PlanOptions{}))
	r.empty()
	if o := r.world.Objects()["o"]; o.ID != "old-o" || o.Input != `{"value":"2","type":"string"}` {
		t.Errorf("object %+v", o)
	}
	r.write(late + strings.Replace(taken, `id = "o"`, `id = "p"`, 1))
	if _, ds := r.tryPlan(engine.PlanOptions{}); !ds.HasErrors() || !strings.Contains(ds[0].Detail, "recorded already") {
		t.Errorf("another object at a taken address: %v", ds)
	}

	// The advice of the refusal works once an object is recorded, too.
	r.write(strings.Replace(late+taken, `"s"`, `"s2"`, 1))
	if _, ds := r.tryPlan(engine.PlanOptions{}); !ds.HasErrors() || !strings.Contains(ds[0].Detail, "--target") {
		t.Fatalf("the provider is not known any more: %v", ds)
	}
	r.plan(engine.PlanOptions{Targets: []string{"memory_object.source"}})
}

func TestGeneratedConfigurationImports(t *testing.T) {
	r := newRig(t)
	strange(r, "o")
	r.world.Put("s", memory.Object{ID: "old-s", Owner: "somebody/else", Input: `{"value":{"k":[1,true]},"type":["object",{"k":["tuple",["number","bool"]]}]}`, Secret: "hunter2"})
	blocks := importBlock("memory_object.a", `"o"`) + importBlock("memory_object.s", `"s"`)
	r.write(blocks)
	p := r.plan(engine.PlanOptions{Generate: true})
	if len(p.Generated) != 2 || !p.Empty() {
		t.Fatalf("%d blocks, empty %v", len(p.Generated), p.Empty())
	}
	var text strings.Builder
	for _, g := range p.Generated {
		text.Write(g.Text)
	}
	want := `resource "memory_object" "a" {
  input = "1"
  name  = "o"
}
resource "memory_object" "s" {
  input = {
    k = [1, true]
  }
  name = "s"
  # secret is secret: set it from a sensitive variable
}
`
	if text.String() != want {
		t.Errorf("generated:\n%s\nwant:\n%s", &text, want)
	}
	r.write(blocks + strings.Replace(text.String(), "  # secret is", "  secret = \"hunter2\"\n  # secret is", 1))
	r.apply(r.plan(engine.PlanOptions{}))
	r.empty()
}

func TestRemovedBlocksForgetOrDestroy(t *testing.T) {
	for name, destroy := range map[string]string{"forget": "false", "destroy": "true"} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.converge(object("a", "o", "  count = 1\n") + object("b", "p", "  lifecycle {\n    create_before_destroy = true\n  }\n"))
			r.write(object("b", "p", "") + "removed {\n  from = memory_object.a\n  lifecycle {\n    destroy = " + destroy + "\n  }\n}\n")
			p := r.plan(engine.PlanOptions{})
			want := map[string]plans.Counts{"false": {Forget: 1}, "true": {Delete: 1}}[destroy]
			if got := p.Counts(); got != want {
				t.Errorf("counts %+v, want %+v", got, want)
			}
			r.apply(p)
			r.empty()
			objects := map[string]string{"false": "o p", "true": "p"}[destroy]
			if got := strings.Join(r.world.Names(), " "); got != objects || recorded(r) != "memory_object.b" {
				t.Errorf("objects %q, records %q", got, recorded(r))
			}
			back, ds := r.engine.Rollback(context.Background(), r.load(), engine.RollbackOptions{Inputs: r.inputs})
			if ds.HasErrors() {
				t.Fatal(ds)
			}
			r.apply(back)
			if got := recorded(r); got != "memory_object.a[0] memory_object.b" || strings.Join(r.world.Names(), " ") != "o p" {
				t.Errorf("after the rollback: records %q, objects %v", got, r.world.Names())
			}
		})
	}
}

func TestAcceptedDriftCanBeRolledBack(t *testing.T) {
	r := newRig(t)
	r.converge(object("a", "o", "  input = \"1\"\n"))
	o := r.world.Objects()["o"]
	o.Input = `{"value":"drift","type":"string"}`
	r.world.Put("o", o)
	r.apply(r.plan(engine.PlanOptions{Mode: plans.RefreshOnly}))
	back, ds := r.engine.Rollback(context.Background(), r.load(), engine.RollbackOptions{Inputs: r.inputs})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	if got := back.Counts(); got != (plans.Counts{Update: 1}) {
		t.Errorf("counts %+v", got)
	}
	r.apply(back)
	r.empty()
}
