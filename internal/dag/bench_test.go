package dag

import (
	"cmp"
	"fmt"
	"testing"
)

func benchmark(b *testing.B, f func(b *testing.B, build func() *Graph[int])) {
	for _, shape := range shapes {
		for _, n := range []int{10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", shape.name, n), func(b *testing.B) {
				b.ReportAllocs()
				f(b, func() *Graph[int] {
					g := New(cmp.Compare[int])
					shape.add(g, n)
					return g
				})
			})
		}
	}
}

// BenchmarkSort builds and sorts.
func BenchmarkSort(b *testing.B) {
	benchmark(b, func(b *testing.B, build func() *Graph[int]) {
		for b.Loop() {
			if _, err := build().Sort(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkWalk walks a graph that is laid out already, with visits that do nothing.
func BenchmarkWalk(b *testing.B) {
	benchmark(b, func(b *testing.B, build func() *Graph[int]) {
		g := build()
		for b.Loop() {
			if r := Walk(b.Context(), g, WalkOptions[int]{}, noop); r.Count(Done) != g.Len() {
				b.Fatal(r.Err())
			}
		}
	})
}

// BenchmarkWalkObserved is BenchmarkWalk with an observer.
func BenchmarkWalkObserved(b *testing.B) {
	benchmark(b, func(b *testing.B, build func() *Graph[int]) {
		g := build()
		for b.Loop() {
			Walk(b.Context(), g, WalkOptions[int]{Observe: func(int, Status, []int) {}}, noop)
		}
	})
}

// BenchmarkReduce draws nothing, but does what drawing needs first.
func BenchmarkReduce(b *testing.B) {
	benchmark(b, func(b *testing.B, build func() *Graph[int]) {
		g := build()
		if g.Len() > 10_000 && g.EdgeCount() > 200_000 {
			b.Skip("a random graph of this size is the bad case, and nobody draws it")
		}
		for b.Loop() {
			g.Reduce()
		}
	})
}
