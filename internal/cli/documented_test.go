package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
)

// TestTypesAreDocumented checks that every resource type and data source of the program is described, attribute by
// attribute, with an example, and that the README names it.
func TestTypesAreDocumented(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	registry := builtin(connection{dir: ".", logger: hclog.NewNullLogger()})
	for _, name := range registry.Names() {
		p := registry[name]()
		checkBlock(t, "provider "+name, p.Schema())
		types := map[string]*schema.Resource{}
		for n, r := range p.ResourceTypes() {
			types[n] = r.Schema()
			if _, ok := r.(providers.Permitter); !ok {
				t.Errorf("%s does not say which rights it needs: implement providers.Permitter, as the files permit.go of other types do", n)
			}
			if _, ok := r.(providers.Importer); ok != (r.Schema().Import != "") {
				t.Errorf("%s can be imported: %v; its documentation says %q", n, ok, r.Schema().Import)
			}
		}
		for n, d := range p.DataSources() {
			types["data "+n] = d.Schema()
			if _, ok := d.(providers.Permitter); !ok {
				t.Errorf("data %s does not say which rights it needs: implement providers.Permitter", n)
			}
			if d.Schema().Import != "" {
				t.Errorf("data %s cannot be imported", n)
			}
		}
		for n, s := range types {
			if s.Summary == "" || s.Description == "" || s.Example == "" {
				t.Errorf("%s needs a summary, a description and an example", n)
			}
			checkBlock(t, n, &s.Block)
			if bare := strings.TrimPrefix(n, "data "); !strings.Contains(string(readme), "`"+bare+"`") {
				t.Errorf("the README does not name %s", n)
			}
		}
	}
}

func checkBlock(t *testing.T, where string, b *schema.Block) {
	t.Helper()
	for name, a := range b.Attributes {
		if a.Description == "" {
			t.Errorf("%s: the attribute %s is not described", where, name)
		}
	}
	for name, n := range b.Blocks {
		if n.Description == "" {
			t.Errorf("%s: the block %s is not described", where, name)
		}
		checkBlock(t, where+"."+name, &n.Block)
	}
}
