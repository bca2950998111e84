package render_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

func TestSummary(t *testing.T) {
	p := &plans.Plan{Mode: plans.Normal}
	for i := range 5 {
		p.Changes = append(p.Changes, &plans.Change{
			Addr:   addr.Resource{Mode: addr.Managed, Type: "memory_object", Name: "x"}.Instance(addr.IntKey(i)),
			Action: plans.Create, After: obj("name", fmt.Sprint("value-", i)), Notes: []string{"the same for all", fmt.Sprint("its own ", i)},
		})
	}
	var out bytes.Buffer
	if err := render.Text(&out, p, render.TextOptions{Summary: true}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for want, n := range map[string]int{"memory_object.x[": 5, "value-": 0, "the same for all": 1, "5 changes: the same for all": 1, "its own 3": 1, "Plan: 5 to create": 1} {
		if got := strings.Count(text, want); got != n {
			t.Errorf("%q occurs %d times, want %d:\n%s", want, got, n, text)
		}
	}
}
