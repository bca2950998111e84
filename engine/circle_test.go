package engine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
)

// TestOrderInACircle: what references and the order of a provider make together is found by plan and by validate, each step with
// its reason, at the block whose reference can be removed.
func TestOrderInACircle(t *testing.T) {
	var chain strings.Builder
	for i := range 12 {
		fmt.Fprintf(&chain, "resource \"memory_object\" \"c%02d\" {\n  name     = \"c%02d\"\n  provides = [\"c%02d\"]\n  after    = [\"c%02d\"]\n}\n", i, i, i, (i+1)%12)
	}
	for name, c := range map[string]struct {
		config string
		line   int // of the block that is pointed at; 0 for none
		texts  []string
	}{
		"one reference": {`resource "memory_object" "space" {
  name       = "space"
  provides   = ["space"]
  depends_on = [memory_object.content]
}
resource "memory_object" "content" {
  name  = "content"
  after = ["space"]
}`, 1, []string{"memory_object.content after memory_object.space, as its provider orders them; memory_object.space after memory_object.content, to which it refers."}},
		"all instances": {`resource "memory_object" "content" {
  count = 3
  name  = "content-${count.index}"
  after = count.index == 1 ? ["space"] : []
}
resource "memory_object" "space" {
  name     = join("-", memory_object.content[*].name)
  provides = ["space"]
}`, 6, []string{"memory_object.content[1] after memory_object.space, as its provider orders them; memory_object.space after memory_object.content[1], to which it refers."}},
		"the provider alone": {chain.String(), 0, []string{"memory_object.c00 after memory_object.c01, as", "; and so on, until memory_object.c11 after memory_object.c00, as"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.write(c.config)
			look := func(ds hcl.Diagnostics) {
				t.Helper()
				if len(ds) != 1 || diag.CodeOf(ds[0]) != engine.CodeOrder {
					t.Fatalf("%v", ds)
				}
				for _, text := range c.texts {
					if !strings.Contains(strings.ReplaceAll(ds[0].Detail, "create ", ""), text) {
						t.Errorf("%s\nlacks %s", ds[0].Detail, text)
					}
				}
				line := 0
				if ds[0].Subject != nil {
					line = ds[0].Subject.Start.Line
				}
				if line != c.line {
					t.Errorf("it points at line %d, want %d", line, c.line)
				}
			}
			_, ds := r.tryPlan(engine.PlanOptions{})
			look(ds)
			look(r.engine.Validate(t.Context(), r.load(), engine.Inputs{}))
		})
	}
}

// TestValidateLooksAtSomeOfManyInstances: it finds what all of them share, and takes nothing for an error that only the others have.
func TestValidateLooksAtSomeOfManyInstances(t *testing.T) {
	const many = `
resource "memory_object" "content" {
  count = 1000
  name  = "content-${count.index}"
  after = ["space"]
}
resource "memory_object" "space" {
  name     = %s
  provides = ["space"]
}`
	r := newRig(t)
	for name, want := range map[string]int{`"space"`: 0, `memory_object.content[50].name`: 1, `join("-", memory_object.content[*].name)`: 1} {
		r.write(fmt.Sprintf(many, name))
		ds := r.engine.Validate(t.Context(), r.load(), engine.Inputs{})
		if len(ds) != want || want > 0 && diag.CodeOf(ds[0]) != engine.CodeOrder {
			t.Errorf("%s: %v", name, ds)
		}
	}
	r.write(strings.ReplaceAll(fmt.Sprintf(many, `memory_object.content[500].name`), `after = ["space"]`, ""))
	if ds := r.engine.Validate(t.Context(), r.load(), engine.Inputs{}); len(ds) > 0 {
		t.Errorf("a reference to one of the others: %v", ds)
	}
	r.write(fmt.Sprintf(many, `memory_object.content[500].name`))
	r.fails(engine.CodeOrder, "memory_object.content[500]") // a plan looks at all of them
}
