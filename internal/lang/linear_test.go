package lang

import (
	"fmt"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// One look into a big collection does not cost more than one into a small one: allocations tell, which no other load on
// the machine changes.
func TestOneLookIsCheap(t *testing.T) {
	cost := func(n int, src string) float64 {
		m, l := make(map[string]cty.Value, n), make([]cty.Value, n)
		for i := range n {
			m[fmt.Sprint("k", i)] = cty.ObjectVal(map[string]cty.Value{"n": cty.NumberIntVal(int64(i))})
			l[i] = cty.StringVal(fmt.Sprint(i))
		}
		e, ds := hclsyntax.ParseExpression([]byte(src), "t", hcl.InitialPos)
		if ds.HasErrors() {
			t.Fatal(ds)
		}
		ctx := &hcl.EvalContext{Functions: Functions(FunctionOptions{}), Variables: map[string]cty.Value{
			"map": cty.MapVal(m), "object": cty.ObjectVal(m), "list": cty.ListVal(l), "tuple": cty.TupleVal(l),
		}}
		return testing.AllocsPerRun(10, func() {
			if _, ds := e.Value(ctx); ds.HasErrors() {
				t.Fatal(ds)
			}
		})
	}
	for _, src := range []string{
		`lookup(map, "k7", null)`, `lookup(object, "k7")`, `lookup(map, "none", { n = 1 })`, `length(map)`, `length(object)`, `length(list)`,
		`element(list, 7)`, `element(tuple, -1)`, `try(map["k7"].n, 0)`, `can(map.none)`, `map["k7"].n`, `list[7]`,
	} {
		small, big := cost(10, src), cost(1000, src)
		if big > small+20 {
			t.Errorf("%s: %.0f allocations in 10 elements, %.0f in 1000", src, small, big)
		}
	}
}
