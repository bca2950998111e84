package engine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/engine"
)

func TestValueThatBecomesSensitiveLeavesTheRecord(t *testing.T) {
	r := newRig(t)
	src := `
variable "word" {
  type      = string
  default   = "xyzzy-plugh"
  sensitive = false
}
resource "memory_object" "a" {
  name  = "a"
  input = { word = var.word }
}`
	r.converge(src)
	r.write(strings.Replace(src, "sensitive = false", "sensitive = true", 1))
	p := r.plan(engine.PlanOptions{})
	if n := p.Counts().Total(); n != 0 || len(p.Steps) == 0 {
		t.Fatalf("%d changes, %d steps: %s", n, len(p.Steps), summary(p))
	}
	r.apply(p)
	snap, err := r.store.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(snap.Records[0].Value, []byte("xyzzy-plugh")) {
		t.Error("the record still holds the value")
	}
	if p := r.plan(engine.PlanOptions{}); len(p.Steps) != 0 {
		t.Errorf("the next plan has %d steps", len(p.Steps))
	}
	if _, err := os.Stat(filepath.Join(r.dir, ".meshplan", "state.db")); err != nil {
		t.Fatal(err)
	}
}

func TestOutputOfAFailureKeepsItsFormerValue(t *testing.T) {
	r := newRig(t)
	src := `
resource "memory_object" "a" {
  name  = "a"
  input = "1"
}
output "a" { value = memory_object.a.input }
output "free" { value = "1" }`
	r.converge(src)
	r.world.SetFault(func(op, name string) (error, bool) { return errors.New("no"), false })
	r.write(strings.ReplaceAll(src, `"1"`, `"2"`))
	r.world.SetFault(nil)
	p := r.plan(engine.PlanOptions{})
	r.world.SetFault(func(op, name string) (error, bool) { return errors.New("no"), false })
	if _, ds := r.tryApply(p); !ds.HasErrors() {
		t.Fatal("the apply succeeds")
	}
	snap, err := r.store.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := snap.Outputs["a"].Value; !bytes.Contains(got, []byte("1")) {
		t.Errorf("output a is %q", got)
	}
	if got := snap.Outputs["free"].Value; !bytes.Contains(got, []byte("2")) {
		t.Errorf("output free is %q", got)
	}
}

func TestReplaceNamesOneInstance(t *testing.T) {
	r := newRig(t)
	r.converge(`
resource "memory_object" "a" {
  for_each = toset(["x", "y"])
  name     = each.key
}`)
	if _, ds := r.tryPlan(engine.PlanOptions{Replace: []string{"memory_object.a"}}); !ds.HasErrors() || !strings.Contains(ds.Error(), `memory_object.a["x"], memory_object.a["y"]`) {
		t.Errorf("plan: %v", ds)
	}
	if p := r.plan(engine.PlanOptions{Replace: []string{`memory_object.a["y"]`}}); p.Counts().Replace != 1 {
		t.Errorf("plan: %s", summary(p))
	}
}

func TestTargetsLeaveOtherOutputsAlone(t *testing.T) {
	r := newRig(t)
	r.write(`
resource "memory_object" "a" { name = "a" }
resource "memory_object" "b" { name = "b" }
output "a" { value = memory_object.a.id }
output "b" { value = memory_object.b.id }`)
	p := r.plan(engine.PlanOptions{Targets: []string{"memory_object.a"}})
	if len(p.Outputs) != 1 || p.Outputs[0].Name != "a" {
		t.Errorf("outputs %+v", p.Outputs)
	}
	r.apply(p)
	r.apply(r.plan(engine.PlanOptions{}))
	r.empty()
}

func TestPromisesAboutUnknownsDecideConditions(t *testing.T) {
	r := newRig(t)
	p := r.converge(`
resource "memory_object" "a" { name = "a" }
resource "memory_object" "b" {
  count = memory_object.a.id != null ? 1 : 0
  name  = "b"
  input = memory_object.a.id == null
}
output "starts" { value = startswith("pre-${memory_object.a.id}", "pre-") }
`)
	if got := addresses(p); got != "+ memory_object.a\n+ memory_object.b[0]" {
		t.Errorf("changes: %s", got)
	}
	if v := output(t, p, "starts"); !v.RawEquals(cty.True) {
		t.Errorf("starts is %#v", v)
	}
}
