package memory_test

import (
	"path/filepath"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/memory"
	"github.com/meshplan/meshplan/providers/providertest"
)

func config(typ providers.ResourceType, input string) cty.Value {
	attrs := typ.Schema().Block.Null().Type().AttributeTypes()
	vals := map[string]cty.Value{}
	for name, ty := range attrs {
		vals[name] = cty.NullVal(ty)
	}
	vals["name"], vals["input"], vals["one_way"] = cty.StringVal("a"), cty.StringVal(input), cty.False
	return cty.ObjectVal(vals)
}

func TestConformance(t *testing.T) {
	world, err := memory.OpenWorld(filepath.Join(t.TempDir(), "world.json"))
	if err != nil {
		t.Fatal(err)
	}
	typ := memory.New(world)().ResourceTypes()["memory_object"]
	address, err := addr.Parse("memory_object.a")
	if err != nil {
		t.Fatal(err)
	}
	providertest.Run(t, providertest.Case{
		Type: typ, Create: config(typ, "one"), Update: config(typ, "two"),
		Owner:  providers.Owner{Lineage: "test", Address: address, Key: []byte("key")},
		Remove: func(*testing.T) { world.Remove("a") },
	})
}
