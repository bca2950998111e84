package conformance

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/memory"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/boltstore"
)

// rollout is a configuration that changes, over one world and one state. Its tests are the cases of which a directory
// cannot tell: more than one plan, more than one run.
type rollout struct {
	t      *testing.T
	dir    string
	world  *memory.World
	engine *engine.Engine
	vars   []string
}

func newRollout(t *testing.T) *rollout {
	t.Helper()
	dir := t.TempDir()
	store, err := boltstore.Open(filepath.Join(dir, "state.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	r := &rollout{t: t, dir: dir, world: memory.NewWorld()}
	now := func() time.Time { return time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC) }
	r.engine = engine.New(store, providers.Registry{"memory": memory.New(r.world)}, engine.Options{Holder: state.Holder{User: "tester"}, Now: now})
	return r
}

func (r *rollout) write(src string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "main.mesh.hcl"), []byte(src), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rollout) load() (*config.Config, engine.Inputs) {
	r.t.Helper()
	cfg, ds := config.Load(r.dir, config.Options{})
	r.must(ds)
	given, ds := cfg.Assignments(config.Inputs{Flags: r.vars})
	r.must(ds)
	values, ds := cfg.Root.VariableValues(given)
	r.must(ds)
	in := engine.Inputs{Variables: map[string]cty.Value{}}
	for name, v := range values {
		in.Variables[name] = v.Value
	}
	return cfg, in
}

func (r *rollout) must(ds hcl.Diagnostics) {
	r.t.Helper()
	if ds.HasErrors() {
		r.t.Fatal(ds)
	}
}

// plan plans what is written, through a file.
func (r *rollout) plan(o engine.PlanOptions) *plans.Plan {
	r.t.Helper()
	cfg, in := r.load()
	o.Inputs = in
	p, ds := r.engine.Plan(context.Background(), cfg, o)
	r.must(ds)
	return saved(r.t, p)
}

func (r *rollout) apply(p *plans.Plan) (*engine.Result, hcl.Diagnostics) {
	r.t.Helper()
	cfg, in := r.load()
	return r.engine.Apply(context.Background(), cfg, p, engine.ApplyOptions{Inputs: in})
}

// converge applies a configuration.
func (r *rollout) converge(src string) {
	r.t.Helper()
	r.write(src)
	_, ds := r.apply(r.plan(engine.PlanOptions{}))
	r.must(ds)
	r.empty()
}

func (r *rollout) empty() {
	r.t.Helper()
	if p := r.plan(engine.PlanOptions{}); !p.Empty() || len(p.Drift) > 0 {
		r.t.Errorf("the next plan is not empty:\n%s", show(r.t, p))
	}
}

func (r *rollout) rollback() {
	r.t.Helper()
	cfg, in := r.load()
	p, ds := r.engine.Rollback(context.Background(), cfg, engine.RollbackOptions{Inputs: in})
	r.must(ds)
	_, ds = r.engine.Apply(context.Background(), cfg, p, engine.ApplyOptions{Inputs: in})
	r.must(ds)
}

func show(t *testing.T, p *plans.Plan) string {
	t.Helper()
	var b bytes.Buffer
	if err := render.Text(&b, p, render.TextOptions{Full: true}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func object(name, input string) string {
	return "resource \"memory_object\" \"" + name + "\" {\n  name  = \"" + name + "\"\n  input = " + input + "\n}\n"
}

func refused(t *testing.T, ds hcl.Diagnostics, code diag.Code, says string) {
	t.Helper()
	for _, d := range ds {
		if d.Severity == hcl.DiagError && diag.CodeOf(d) == code && strings.Contains(d.Summary+" "+d.Detail, says) {
			return
		}
	}
	t.Errorf("want %s that says %q, got %v", code, says, ds)
}

// 31: what is gone already when its turn comes counts as deleted.
func TestC31DeletionOfWhatIsGone(t *testing.T) {
	r := newRollout(t)
	r.converge(object("a", "1") + object("b", "memory_object.a.id"))
	r.write("")
	p := r.plan(engine.PlanOptions{})
	r.world.Remove("b")
	r.world.Remove("a")
	_, ds := r.apply(p)
	r.must(ds)
	r.empty()
}

// 33: an object of the same name that is somebody else's is not touched.
func TestC33ReplacedBySomebodyElse(t *testing.T) {
	r := newRollout(t)
	r.converge(object("a", "1"))
	r.world.Remove("a")
	r.world.Put("a", memory.Object{ID: "another", Owner: "somebody", Input: `{"type":"number","value":9}`})
	r.write(object("a", "2"))
	cfg, in := r.load()
	p, ds := r.engine.Plan(context.Background(), cfg, engine.PlanOptions{Inputs: in})
	if !ds.HasErrors() {
		_, ds = r.apply(saved(t, p))
	}
	if !ds.HasErrors() {
		t.Error("nothing was said")
	}
	if o := r.world.Objects()["a"]; o.Owner != "somebody" || o.ID != "another" {
		t.Errorf("it was taken: %+v", o)
	}
}

// 35: what failed after it was made is known, and the next plan goes on from it.
func TestC35CreationThatFailedHalfWay(t *testing.T) {
	r := newRollout(t)
	r.write(object("a", "1") + object("b", "memory_object.a.id"))
	r.world.SetFault(func(op, name string) (error, bool) {
		if op == "create" && name == "a" {
			return os.ErrDeadlineExceeded, true
		}
		return nil, false
	})
	if _, ds := r.apply(r.plan(engine.PlanOptions{})); !ds.HasErrors() {
		t.Fatal("it did not fail")
	}
	r.world.SetFault(nil)
	id := r.world.Objects()["a"].ID
	_, ds := r.apply(r.plan(engine.PlanOptions{}))
	r.must(ds)
	if got := r.world.Objects()["a"].ID; got != id {
		t.Errorf("it was made again: %s, was %s", got, id)
	}
	r.empty()
}

// 42: a plan stays good when something else has changed, and is refused when something of its own has.
func TestC42PlanAndOtherChanges(t *testing.T) {
	r := newRollout(t)
	r.converge(object("a", "1") + object("b", "1"))
	r.write(object("a", "2") + object("b", "2"))
	forA := r.plan(engine.PlanOptions{Targets: []string{"memory_object.a"}})
	againA := r.plan(engine.PlanOptions{Targets: []string{"memory_object.a"}, Replace: []string{"memory_object.a"}})
	forB := r.plan(engine.PlanOptions{Targets: []string{"memory_object.b"}})
	_, ds := r.apply(forB)
	r.must(ds)
	_, ds = r.apply(forA)
	r.must(ds)
	_, ds = r.apply(againA)
	refused(t, ds, engine.CodeStale, "memory_object.a")
	r.empty()
}

// 43: the same plan again does nothing, and says so.
func TestC43PlanAppliedTwice(t *testing.T) {
	r := newRollout(t)
	r.write(object("a", "1"))
	p := r.plan(engine.PlanOptions{})
	first, ds := r.apply(p)
	r.must(ds)
	r.world.Log()
	second, ds := r.apply(p)
	r.must(ds)
	if second.AlreadyApplied != first.Run || len(r.world.Log()) > 0 {
		t.Errorf("%+v", second)
	}
}

// 44: a plan for another state or for another configuration is refused, and the message says which.
func TestC44PlanOfAnotherRollout(t *testing.T) {
	r, other := newRollout(t), newRollout(t)
	r.converge(object("z", "1"))
	other.converge(object("z", "1"))
	for _, x := range []*rollout{r, other} {
		x.write(object("z", "1") + object("a", "1"))
	}
	p := r.plan(engine.PlanOptions{})
	_, ds := other.apply(p)
	refused(t, ds, engine.CodeForeign, "state")
	r.write(object("z", "1") + object("a", "2"))
	_, ds = r.apply(p)
	refused(t, ds, engine.CodeForeign, "configuration")
}

// 57: another value of a variable than the plan's is refused.
func TestC57VariableDiffersFromThePlan(t *testing.T) {
	r := newRollout(t)
	r.write("variable \"v\" {\n  type = string\n}\nvariable \"s\" {\n  type      = string\n  sensitive = true\n}\n" + object("a", "[var.v, var.s]"))
	r.vars = []string{"v=1", "s=hunter2"}
	p := r.plan(engine.PlanOptions{})
	r.vars = []string{"v=2", "s=hunter2"}
	_, ds := r.apply(p)
	refused(t, ds, engine.CodeForeign, `"v"`)
	r.vars = []string{"v=1", "s=hunter3"}
	_, ds = r.apply(p)
	refused(t, ds, engine.CodeForeign, `"s"`)
	if strings.Contains(ds.Error(), "hunter") {
		t.Errorf("a secret is shown: %v", ds)
	}
	r.vars = []string{"v=1", "s=hunter2"}
	_, ds = r.apply(p)
	r.must(ds)
}

// 59: what is printed for the same input is the same, byte for byte.
func TestC59SameOutputForSameInput(t *testing.T) {
	var first string
	for n := range 10 {
		r := newRollout(t)
		r.write("locals {\n  names = [for i in range(30) : \"n${i}\"]\n}\nresource \"memory_object\" \"m\" {\n  for_each = toset(local.names)\n  name     = each.key\n}\n" +
			object("a", "{ for k, m in memory_object.m : k => m.id }") + object("b", "memory_object.a.id") + "output \"o\" {\n  value = memory_object.b.input\n}\n")
		if got := show(t, r.plan(engine.PlanOptions{})); n == 0 {
			first = got
		} else if got != first {
			t.Fatalf("plan %d differs", n)
		}
	}
}

// 59: findings come in one order.
func TestC59SameFindingsForSameInput(t *testing.T) {
	var first string
	for n := range 10 {
		r := newRollout(t)
		src := ""
		for _, name := range []string{"c", "a", "b", "e", "d"} {
			src += object(name, "tonumber(\"x\")")
		}
		r.write(src + "output \"o\" {\n  value = [][0]\n}\n")
		cfg, in := r.load()
		_, ds := r.engine.Plan(context.Background(), cfg, engine.PlanOptions{Inputs: in})
		if got := strings.ReplaceAll(text(ds, cfg), r.dir, ""); n == 0 {
			first = got
		} else if got != first {
			t.Fatalf("findings differ:\n%s\n%s", first, got)
		}
	}
	if strings.Count(first, "Error") < 5 {
		t.Errorf("not all are reported:\n%s", first)
	}
}

// 60: a rollback can be rolled back.
func TestC60RollbackOfARollback(t *testing.T) {
	r := newRollout(t)
	r.converge(object("a", "1") + object("b", "memory_object.a.input"))
	r.converge(object("a", "2") + object("c", "memory_object.a.input"))
	after := r.world.Objects()
	r.rollback()
	if o := r.world.Objects(); o["b"].ID == "" || o["c"].ID != "" || !strings.Contains(o["a"].Input, "1") {
		t.Errorf("after the rollback: %+v", o)
	}
	r.rollback()
	o := r.world.Objects()
	if o["b"].ID != "" || o["c"].ID == "" || o["a"].Input != after["a"].Input {
		t.Errorf("after the rollback of the rollback: %+v", o)
	}
	r.empty()
}
