package engine_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/plans"
)

const secretive = `
variable "password" {
  type      = string
  sensitive = true
  default   = "hunter2-planted"
}
resource "memory_object" "a" {
  name   = "a"
  secret = var.password
}
resource "memory_object" "b" {
  name   = "b"
  secret = memory_object.a.secret
  input  = "1"
}`

// save writes a plan to a file and reads it back, as another process would.
func (r *rig) save(p *plans.Plan) *plans.Plan {
	r.t.Helper()
	path := filepath.Join(r.dir, "saved.plan")
	if err := plans.WriteFile(path, p); err != nil {
		r.t.Fatal(err)
	}
	got, err := plans.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

func TestSavedPlanFindsItsSecretsAgain(t *testing.T) {
	r := newRig(t)
	r.write(secretive)
	r.apply(r.save(r.plan(engine.PlanOptions{})))
	if got := r.world.Objects()["b"].Secret; got != "hunter2-planted" {
		t.Fatalf("secret of b: %q", got)
	}
	r.empty()
	// Only b changes; what it refers to is unchanged, and its secret is in no file.
	r.write(strings.Replace(secretive, `"1"`, `"2"`, 1))
	r.apply(r.save(r.plan(engine.PlanOptions{})))
	if got := r.world.Objects()["b"].Secret; got != "hunter2-planted" {
		t.Errorf("secret of b after an update: %q", got)
	}
	r.empty()
}

func TestSavedPlanRefusesAnotherSecret(t *testing.T) {
	r := newRig(t)
	r.write(secretive)
	p := r.save(r.plan(engine.PlanOptions{}))
	c := r.load()
	r.inputs.Variables["password"] = cty.StringVal("planted-two").Mark(schema.Sensitive)
	_, ds := r.engine.Apply(t.Context(), c, p, engine.ApplyOptions{Inputs: r.inputs})
	if !ds.HasErrors() || diag.CodeOf(ds[0]) != engine.CodeForeign || strings.Contains(ds[0].Detail, "planted") {
		t.Errorf("diagnostics %v", ds)
	}
	if len(r.world.Names()) > 0 {
		t.Errorf("objects %v", r.world.Names())
	}
}

func TestRollbackSaysWhichSecretItNeeds(t *testing.T) {
	r := newRig(t)
	r.converge(secretive)
	r.converge(strings.Replace(secretive, "hunter2", "hunter3", 1))
	c := r.load()
	p, ds := r.engine.Rollback(t.Context(), c, engine.RollbackOptions{Inputs: r.inputs})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	if len(p.Reverts.Lost) != 2 || !strings.Contains(p.Reverts.Lost[0].Reason, "secret") {
		t.Errorf("lost: %v", p.Reverts.Lost)
	}
}

func TestRollbackLeavesOneWayStepsAndSaysSo(t *testing.T) {
	r := newRig(t)
	r.converge(`
resource "memory_object" "a" {
  name    = "a"
  one_way = true
}
resource "memory_object" "b" { name = "b" }`)
	c := r.load()
	p, ds := r.engine.Rollback(t.Context(), c, engine.RollbackOptions{Inputs: r.inputs})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	if len(p.Reverts.Lost) != 1 || p.Reverts.Lost[0].Reason != "the object is one-way" {
		t.Errorf("lost: %v", p.Reverts.Lost)
	}
	r.apply(p)
	if got := r.world.Names(); len(got) != 1 || got[0] != "a" {
		t.Errorf("objects %v", got)
	}
}

func TestDestroyCanBeRolledBack(t *testing.T) {
	r := newRig(t)
	r.converge(three)
	r.apply(r.plan(engine.PlanOptions{Mode: plans.Destroy}))
	r.write("locals { unused = 1 }") // nothing mentions the provider any more
	c := r.load()
	p, ds := r.engine.Rollback(t.Context(), c, engine.RollbackOptions{Inputs: r.inputs})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	r.apply(p)
	if got := len(r.world.Names()); got != 3 {
		t.Errorf("%d objects are back, want 3", got)
	}
}

func TestInterruptedRunCanBeRolledBack(t *testing.T) {
	r := newRig(t)
	r.write(three)
	p := r.plan(engine.PlanOptions{})
	r.world.SetFault(func(op, name string) (error, bool) { return errIf(op == "create" && name == "c"), true })
	if _, ds := r.tryApply(p); !ds.HasErrors() {
		t.Fatal("the fault did not show")
	}
	r.world.SetFault(nil)
	r.open()
	c := r.load()
	back, ds := r.engine.Rollback(t.Context(), c, engine.RollbackOptions{Inputs: r.inputs})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	r.apply(back)
	if got := r.world.Names(); len(got) > 0 {
		t.Errorf("left: %v", got)
	}
}
