package engine_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/meshplan/meshplan/engine"
)

// Each benchmark works on one for_each whose instances refer to each other pairwise, or on a chain of blocks.
func pairs(n int) string {
	return fmt.Sprintf(`
locals { keys = toset([for p in setproduct(range(1000), range(%d)) : "k${p[0]}-${p[1]}"]) }
resource "memory_object" "a" {
  for_each = local.keys
  name     = "a-${each.key}"
}
resource "memory_object" "b" {
  for_each = local.keys
  name     = "b-${each.key}"
  input    = memory_object.a[each.key].id
}`, n/2000)
}

func chain(n int) string {
	var b []byte
	b = append(b, "resource \"memory_object\" \"n0\" {\n  name = \"n0\"\n}\n"...)
	for i := 1; i < n; i++ {
		b = fmt.Appendf(b, "resource \"memory_object\" \"n%d\" {\n  name  = \"n%d\"\n  input = memory_object.n%d.name\n}\n", i, i, i-1)
	}
	return string(b)
}

func fanIn(n int) string {
	return fmt.Sprintf(`
resource "memory_object" "many" {
  count = %d
  name  = "m-${count.index}"
}
resource "memory_object" "few" {
  count = 10
  name  = "f-${count.index}"
  input = length(memory_object.many)
}`, n-10)
}

func BenchmarkPlanNew(b *testing.B) {
	for _, shape := range []struct {
		name string
		make func(int) string
	}{{"pairs", pairs}, {"chain", chain}, {"fan-in", fanIn}} {
		for _, n := range []int{10_000, 20_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				r := newRig(b)
				r.write(shape.make(n))
				c := r.load()
				for b.Loop() {
					if _, ds := r.engine.Plan(context.Background(), c, engine.PlanOptions{Inputs: r.inputs}); ds.HasErrors() {
						b.Fatal(ds)
					}
				}
			})
		}
	}
}

func BenchmarkApplyThenEmptyPlan(b *testing.B) {
	for _, n := range []int{5_000, 10_000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				r := newRig(b)
				r.write(pairs(n))
				p := r.plan(engine.PlanOptions{})
				r.apply(p)
			}
		})
		b.Run(fmt.Sprintf("empty/%d", n), func(b *testing.B) {
			r := newRig(b)
			r.write(pairs(n))
			r.apply(r.plan(engine.PlanOptions{}))
			c := r.load()
			for b.Loop() {
				p, ds := r.engine.Plan(context.Background(), c, engine.PlanOptions{Inputs: r.inputs})
				if ds.HasErrors() || !p.Empty() {
					b.Fatal(ds)
				}
			}
		})
	}
}
