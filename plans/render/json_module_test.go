package render

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
)

func TestJSONNestsModules(t *testing.T) {
	var m jsonModule
	for _, text := range []string{"memory_object.a", `module.m["x"].memory_object.b`, `module.m["x"].module.n[0].memory_object.c`, `module.m["x"].memory_object.d`} {
		a, err := addr.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		m.add(&plans.Change{Addr: a}, newBuilder().build(cty.EmptyObjectVal, nil))
	}
	inner := m.Children[0]
	if len(m.Resources) != 1 || len(m.Children) != 1 || inner.Address != `module.m["x"]` || len(inner.Resources) != 2 || inner.Children[0].Address != `module.m["x"].module.n[0]` {
		t.Errorf("modules %+v", m)
	}
}
