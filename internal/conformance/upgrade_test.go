package conformance

import (
	"path/filepath"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/memory"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/boltstore"
)

// 20: a record of an older schema is upgraded without being called a change or drift.
func TestC20SchemaUpgrade(t *testing.T) {
	store, err := boltstore.Open(filepath.Join(t.TempDir(), "state.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	r := &rollout{t: t, dir: t.TempDir(), world: memory.NewWorld()}
	version := func(n int) {
		plain := memory.New(r.world)
		r.engine = engine.New(store, providers.Registry{"memory": func() providers.Provider { return versioned{plain(), n} }}, engine.Options{Holder: state.Holder{User: "tester"}})
	}
	version(0)
	r.converge(object("a", `"old form"`))
	version(1)
	r.write(object("a", `"new form"`))
	r.world.Put("a", memory.Object{ID: "id-1", Owner: r.world.Objects()["a"].Owner, Input: `{"type":"string","value":"new form"}`})
	r.empty()
}

// versioned is the provider in memory with another version of its schema, in which "old form" is called "new form".
type versioned struct {
	providers.Provider
	version int
}

func (p versioned) ResourceTypes() map[string]providers.ResourceType {
	types := p.Provider.ResourceTypes()
	types["memory_object"] = versionedObject{types["memory_object"], p.version}
	return types
}

type versionedObject struct {
	providers.ResourceType
	version int
}

func (o versionedObject) Schema() *schema.Resource {
	of := o.ResourceType.Schema()
	return &schema.Resource{Version: o.version, Summary: of.Summary, Description: of.Description, Block: schema.Block{Attributes: of.Block.Attributes}}
}

func (o versionedObject) Upgrade(version int, v cty.Value) (cty.Value, error) {
	attrs := v.AsValueMap()
	if version == 0 && attrs["input"].RawEquals(cty.StringVal("old form")) {
		attrs["input"] = cty.StringVal("new form")
	}
	return cty.ObjectVal(attrs), nil
}
