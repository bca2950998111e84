package engine_test

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/memory"
	"github.com/meshplan/meshplan/state"
)

// versioned is memory_object as a later program has it: since version 2 every object provides a tag.
type versioned struct {
	providers.ResourceType
	version int
}

func (v versioned) Schema() *schema.Resource {
	s := *v.ResourceType.Schema()
	s.Version = v.version
	return &s
}

func (v versioned) Upgrade(version int, value cty.Value) (cty.Value, error) {
	attrs := value.AsValueMap()
	if version < 2 {
		attrs["provides"] = cty.SetVal([]cty.Value{cty.StringVal("tag")})
	}
	return cty.ObjectVal(attrs), nil
}

type versionedProvider struct {
	providers.Provider
	version int
}

func (p versionedProvider) ResourceTypes() map[string]providers.ResourceType {
	return map[string]providers.ResourceType{"memory_object": versioned{p.Provider.ResourceTypes()["memory_object"], p.version}}
}

// program makes the rig the program of a version.
func (r *rig) program(version int) {
	registry := providers.Registry{"memory": func() providers.Provider { return versionedProvider{memory.New(r.world)(), version} }}
	r.engine = engine.New(r.store, registry, engine.Options{Holder: state.Holder{User: "tester"}})
}

// TestRecordsAreUpgraded: a record of an older version is read as one of the present version, which is neither drift nor a
// change of the object; rolling back reads old records of the journal in the same way; and an older program refuses
// what it does not know.
func TestRecordsAreUpgraded(t *testing.T) {
	r := newRig(t)
	r.program(1)
	r.converge(object("a", "a", "  input = \"1\"\n"))
	r.program(2)
	tagged := "  provides = [\"tag\"]\n"
	r.write(object("a", "a", tagged+"  input = \"1\"\n"))
	r.world.Log()
	p := r.plan(engine.PlanOptions{})
	if !p.Empty() || len(p.Drift) > 0 || len(p.Steps) != 1 || p.Steps[0].Op != plans.OpRecord {
		t.Fatalf("plan after the upgrade: %s, drift %v, steps %+v", summary(p), p.Drift, p.Steps)
	}
	if v := r.record("memory_object.a").SchemaVersion; v != 1 {
		t.Errorf("planning has written version %d", v)
	}
	r.apply(p)
	if v := r.record("memory_object.a").SchemaVersion; v != 2 || len(r.world.Log()) > 0 {
		t.Errorf("the record has version %d, want 2", v)
	}
	r.converge(object("a", "a", tagged+"  input = \"2\"\n"))
	back, _ := r.back(engine.RollbackOptions{To: 1})
	r.apply(back)
	if r.value("a") != text("1") {
		t.Errorf("after the rollback a is %s", r.value("a"))
	}
	r.write(object("a", "a", tagged+"  input = \"1\"\n"))
	r.empty()

	r.program(1)
	r.write(object("a", "a", "  input = \"1\"\n"))
	if _, ds := r.tryPlan(engine.PlanOptions{}); !ds.HasErrors() || diag.CodeOf(ds[0]) != engine.CodeUpgrade || ds[0].Summary != "Record is newer than the program" {
		t.Errorf("an older program says %v", ds)
	}
}
