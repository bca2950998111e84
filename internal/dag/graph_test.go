package dag

import (
	"cmp"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestGraph(t *testing.T) {
	g := parse("c: b a; b: a; c: a; a")
	if g.Len() != 3 || g.EdgeCount() != 3 {
		t.Errorf("Len, EdgeCount = %d, %d; want 3, 3", g.Len(), g.EdgeCount())
	}
	if !g.Has("a") || g.Has("x") {
		t.Error("Has is wrong")
	}
	for _, tt := range []struct {
		name      string
		got, want []string
	}{
		{"Nodes", slices.Collect(g.Nodes()), []string{"a", "b", "c"}},
		{"Deps(c)", slices.Collect(g.Deps("c")), []string{"a", "b"}},
		{"Deps(a)", slices.Collect(g.Deps("a")), nil},
		{"Dependents(a)", slices.Collect(g.Dependents("a")), []string{"b", "c"}},
		{"Deps of a stranger", slices.Collect(g.Deps("x")), nil},
		{"Dependents of a stranger", slices.Collect(g.Dependents("x")), nil},
		{"Ancestors(b, x)", g.Ancestors("b", "x"), []string{"a", "b"}},
		{"Descendants(b)", g.Descendants("b"), []string{"b", "c"}},
		{"Ancestors()", g.Ancestors(), []string{}},
	} {
		if !slices.Equal(tt.got, tt.want) {
			t.Errorf("%s = %v, want %v", tt.name, tt.got, tt.want)
		}
	}
	deps := g.Deps("d")
	g.Add("d", "c")
	if got := g.Ancestors("d"); g.Len() != 4 || len(got) != 4 {
		t.Errorf("after adding: %s", text(g))
	}
	if got := slices.Collect(deps); got != nil {
		t.Errorf("an older sequence sees later nodes: %v", got)
	}
	for n := range g.Nodes() { // stopping early
		if n == "a" {
			break
		}
	}
}

func TestEqualNodesKeepTheirOrder(t *testing.T) {
	g := New(func(a, b string) int { return cmp.Compare(len(a), len(b)) })
	for _, n := range []string{"zz", "aa", "b", "mm"} {
		g.Add(n)
	}
	if got, _ := g.Sort(); !slices.Equal(got, []string{"b", "zz", "aa", "mm"}) {
		t.Errorf("Sort = %v", got)
	}
}

func TestSort(t *testing.T) {
	for _, tt := range []struct{ graph, want string }{
		{"", ""},
		{"a", "a"},
		{"c; b; a", "a b c"},
		{"a: b; b: c", "c b a"},
		{"a: z; b; c: b", "b c z a"},
		{"d: b c; b: a; c: a", "a b c d"},
	} {
		got, err := parse(tt.graph).Sort()
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("Sort(%s) = %v, %v; want %s", tt.graph, got, err, tt.want)
		}
	}
}

func TestCycleError(t *testing.T) {
	for _, tt := range []struct{ graph, want string }{
		{"a: a", "a → a"},
		{"b: a; a: b", "a → b → a"},
		{"x: a; a: b; b: c; c: a", "a → b → c → a"},
		{"a: b; b: c; c: a d; d: c", "c → d → c"},
		{"c: d; d: c; a: b; b: a", "a → b → a"},
		{"a: b; b: a; c: c", "c → c"},
		{"a: c b; b: d; c: d; d: a", "a → b → d → a"},
	} {
		_, err := parse(tt.graph).Sort()
		if want := "dependency cycle: " + tt.want; err == nil || err.Error() != want {
			t.Errorf("Sort(%s): %v; want %s", tt.graph, err, want)
		}
	}
	long := New(cmp.Compare[int])
	for i := range 100 {
		long.AddEdge(i, (i+1)%100)
	}
	_, err := long.Sort()
	want := "dependency cycle: 0 → 1 → 2 → 3 → 4 → 5 → 6 → 7 → (84 more) → 92 → 93 → 94 → 95 → 96 → 97 → 98 → 99 → 0"
	if err.Error() != want {
		t.Errorf("long cycle: %v", err)
	}
}

func TestCycles(t *testing.T) {
	for _, tt := range []struct {
		graph string
		want  [][]string
	}{
		{"a: b; c: b", nil},
		{"a: a; b: a", [][]string{{"a"}}},
		{"d: c; c: d e; e: b; b: a; a: b; f: f", [][]string{{"a", "b"}, {"c", "d"}, {"f"}}},
		{"a: b; b: c; c: a; d: a; c: e; e: c", [][]string{{"a", "b", "c", "e"}}},
	} {
		if diff := gocmp.Diff(tt.want, parse(tt.graph).Cycles()); diff != "" {
			t.Errorf("Cycles(%s) (-want +got):\n%s", tt.graph, diff)
		}
	}
}

func TestReduce(t *testing.T) {
	for _, tt := range []struct{ graph, want string }{
		{"a; b", "a; b"},
		{"c: a b; b: a", "a; b: a; c: b"},
		{"d: a b c; c: a b; b: a", "a; b: a; c: b; d: c"},
		{"d: b c a; b: a; c: a", "a; b: a; c: a; d: b c"},
		{"a: b; b: a; c: a b", "a: b; b: a; c: a b"}, // a cycle: as it is
	} {
		if got := text(parse(tt.graph).Reduce()); got != tt.want {
			t.Errorf("Reduce(%s) = %s, want %s", tt.graph, got, tt.want)
		}
	}
}

func TestReverse(t *testing.T) {
	g := parse("b: a; c: a b")
	r := g.Reverse()
	if got, want := text(r), "a: b c; b: c; c"; got != want {
		t.Errorf("Reverse = %s, want %s", got, want)
	}
	r.Add("d", "a")
	if g.Has("d") || text(r) != "a: b c; b: c; c; d: a" {
		t.Errorf("after adding to the reverse: %s and %s", text(g), text(r))
	}
}

func TestOrderRespectsEdges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := acyclic(t)
		order, err := g.Sort()
		if err != nil || len(order) != g.Len() {
			t.Fatalf("Sort = %v, %v", order, err)
		}
		for n := range g.Nodes() {
			for dep := range g.Deps(n) {
				if slices.Index(order, dep) >= slices.Index(order, n) {
					t.Fatalf("%d comes before its dependency %d in %v", n, dep, order)
				}
			}
		}
		// The same edges, added in another order, give the same answers.
		again := New(cmp.Compare[int])
		for _, e := range rapid.Permutation(g.edges).Draw(t, "edges") {
			again.AddEdge(g.nodes[e.node], g.nodes[e.dep])
		}
		again.Add(order[0])
		for _, n := range order {
			again.Add(n)
		}
		if other, _ := again.Sort(); !slices.Equal(order, other) {
			t.Fatalf("Sort depends on how the graph was built: %v and %v", order, other)
		}
	})
}

func TestReverseTwiceIsIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		r := g.Reverse()
		rr := r.Reverse()
		if r.Len() != g.Len() || r.EdgeCount() != g.EdgeCount() {
			t.Fatalf("Reverse has %d nodes and %d edges, want %d and %d", r.Len(), r.EdgeCount(), g.Len(), g.EdgeCount())
		}
		for n := range g.Nodes() {
			if !slices.Equal(slices.Collect(g.Deps(n)), slices.Collect(rr.Deps(n))) ||
				!slices.Equal(slices.Collect(g.Deps(n)), slices.Collect(r.Dependents(n))) {
				t.Fatalf("the edges of %d changed", n)
			}
		}
	})
}

func TestReduceIsMinimalAndKeepsReachability(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := acyclic(t)
		r := g.Reduce()
		want := reaches(g)
		if diff := gocmp.Diff(want, reaches(r)); diff != "" {
			t.Fatalf("reachability changed (-want +got):\n%s", diff)
		}
		for n := range r.Nodes() {
			for dep := range r.Deps(n) {
				if !hasEdge(g, n, dep) {
					t.Fatalf("%d → %d is new", n, dep)
				}
				for m := range r.Nodes() {
					if want[[2]int{n, m}] && want[[2]int{m, dep}] {
						t.Fatalf("%d → %d is not needed, there is a way by %d", n, dep, m)
					}
				}
			}
		}
	})
}

func TestClosures(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		c := reaches(g)
		of := rapid.SliceOfN(rapid.IntRange(0, g.Len()-1), 0, 3).Draw(t, "of")
		var up, down []int
		for n := range g.Nodes() {
			if slices.Contains(of, n) || slices.ContainsFunc(of, func(o int) bool { return c[[2]int{o, n}] }) {
				up = append(up, n)
			}
			if slices.Contains(of, n) || slices.ContainsFunc(of, func(o int) bool { return c[[2]int{n, o}] }) {
				down = append(down, n)
			}
		}
		if got := g.Ancestors(of...); !slices.Equal(got, up) {
			t.Fatalf("Ancestors(%v) = %v, want %v", of, got, up)
		}
		if got := g.Descendants(of...); !slices.Equal(got, down) {
			t.Fatalf("Descendants(%v) = %v, want %v", of, got, down)
		}
	})
}

func TestCycleErrorIsARealAndShortestCycle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyGraph(t)
		c := reaches(g)
		var members []int
		shortest := 0
		for n := range g.Nodes() {
			if !c[[2]int{n, n}] {
				continue
			}
			members = append(members, n)
			// The length of the shortest way from n back to n, one step for all nodes at a time.
			at := []int{n}
			for length := 1; shortest == 0 || length < shortest; length++ {
				var next []int
				for _, a := range at {
					next = slices.AppendSeq(next, g.Deps(a))
				}
				slices.Sort(next)
				at = slices.Compact(next)
				if slices.Contains(at, n) {
					shortest = length
				}
			}
		}
		_, err := g.Sort()
		if (err != nil) != (shortest > 0) {
			t.Fatalf("Sort: %v, but the shortest cycle has length %d", err, shortest)
		}
		var inCycles []int
		for _, set := range g.Cycles() {
			for _, a := range set {
				for _, b := range set {
					if !c[[2]int{a, b}] {
						t.Fatalf("Cycles puts %d and %d together", a, b)
					}
				}
			}
			inCycles = append(inCycles, set...)
		}
		if slices.Sort(inCycles); !slices.Equal(inCycles, members) {
			t.Fatalf("Cycles has %v, want %v", inCycles, members)
		}
		if err == nil {
			return
		}
		var ce *CycleError[int]
		if !errors.As(err, &ce) || len(ce.Cycle) != shortest || ce.Cycle[0] != slices.Min(ce.Cycle) {
			t.Fatalf("%v; want length %d", err, shortest)
		}
		for i, n := range ce.Cycle {
			if next := ce.Cycle[(i+1)%len(ce.Cycle)]; !hasEdge(g, n, next) {
				t.Fatalf("%v: no edge %d → %d", err, n, next)
			}
		}
	})
}

// A recursive algorithm would need gigabytes of stack here, and a quadratic one would not end.
func TestAMillionInARow(t *testing.T) {
	const n = 1_000_000
	g := New(cmp.Compare[int])
	for i := range n - 1 {
		g.AddEdge(i, i+1)
	}
	if order, err := g.Sort(); err != nil || order[0] != n-1 {
		t.Fatalf("Sort: %v", err)
	}
	if c := g.Cycles(); c != nil {
		t.Fatalf("Cycles finds %d", len(c))
	}
	if got := len(g.Ancestors(0)); got != n {
		t.Errorf("Ancestors(0) has %d members", got)
	}
	if got := g.Reduce().EdgeCount(); got != n-1 {
		t.Errorf("Reduce leaves %d edges", got)
	}
	g.AddEdge(n-1, 0)
	if c := g.Cycles(); len(c) != 1 || len(c[0]) != n {
		t.Errorf("Cycles finds %d", len(c))
	}
	var ce *CycleError[int]
	if _, err := g.Sort(); !errors.As(err, &ce) || len(ce.Cycle) != n {
		t.Errorf("Sort: %v", err)
	}
}

// The search for a shortest cycle must stay bounded where cycles are many and long.
func TestLargeKnot(t *testing.T) {
	const n = 30_000
	r := rand.New(rand.NewPCG(1, 2))
	g := New(cmp.Compare[int])
	for i := range n {
		g.Add(i, (i+1)%n, r.IntN(n))
	}
	_, err := g.Sort()
	var ce *CycleError[int]
	if !errors.As(err, &ce) || len(ce.Cycle) > 20 {
		t.Errorf("Sort: %v", err)
	}
}

func TestQuestionsAtOnce(t *testing.T) {
	g := New(strings.Compare)
	for i := range 1000 {
		g.AddEdge(strconv.Itoa(i), strconv.Itoa(i/2+1000))
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if order, err := g.Sort(); err != nil || len(order) != 1500 {
				t.Errorf("Sort: %d nodes, %v", len(order), err)
			}
		})
	}
	wg.Wait()
}
