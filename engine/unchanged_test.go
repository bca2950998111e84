package engine_test

import (
	"testing"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/plans"
)

// ENGINE 17: an update that was planned because of something unknown changes nothing when it turns out equal.
func TestUnknownThatTurnsOutEqualChangesNothing(t *testing.T) {
	r := newRig(t)
	src := func(input string) string {
		return object("a", "a", "  input = \""+input+"\"\n") + "data \"memory_object\" \"a\" {\n  name = \"a\"\n  depends_on = [memory_object.a]\n}\n" +
			object("b", "b", "  input = data.memory_object.a.id\n") + object("c", "c", "  input = memory_object.b.input\n")
	}
	r.converge(src("1"))
	r.world.Log()
	r.write(src("2"))
	p := r.plan(engine.PlanOptions{})
	if got := p.Counts(); got != (plans.Counts{Update: 3, Read: 1}) {
		t.Fatalf("counts %+v", got)
	}
	if res := r.apply(p); res.Summary.Updated != 1 {
		t.Errorf("summary %+v", res.Summary)
	}
	if got := writes(r); got != "update a" {
		t.Errorf("writes: %s", got)
	}
	r.empty()
}
