package dag

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

var errBroken = errors.New("broken")

// statuses returns the final states in the order of the nodes, as "a=done b=failed".
func statuses[K comparable](r *Report[K]) string {
	var parts []string
	for _, o := range r.Outcomes {
		parts = append(parts, fmt.Sprintf("%v=%s", o.Node, o.Status))
	}
	return strings.Join(parts, " ")
}

// inBubble hides the deadline of a test from rapid, since synctest forbids asking for it.
type inBubble struct{ testing.TB }

// noop visits without doing anything.
func noop[K comparable](context.Context, K, *Slot) error { return nil }

func TestWalkOrder(t *testing.T) {
	var got []string
	r := Walk(t.Context(), parse("d: b c; c: a; b: a; e"), WalkOptions[string]{Limit: 1}, func(_ context.Context, n string, _ *Slot) error {
		got = append(got, n)
		return nil
	})
	// a begins the longest chain; b comes before c, and e, which nothing waits for, is as light as d.
	if want := []string{"a", "b", "c", "d", "e"}; !slices.Equal(got, want) || r.Err() != nil || r.Count(Done) != 5 {
		t.Errorf("visited %v, want %v; %s, %v", got, want, statuses(r), r.Err())
	}
	if r := Walk(t.Context(), parse(""), WalkOptions[string]{}, noop); r.Err() != nil || r.CriticalPath() != nil {
		t.Errorf("the walk of nothing: %v", r.Err())
	}
}

func TestWalkWeight(t *testing.T) {
	for _, tt := range []struct {
		weight map[string]int64
		want   string
	}{
		{map[string]int64{"c": 9}, "c a b"},
		{map[string]int64{"b": 9}, "a b c"},
		{map[string]int64{"b": 1 << 62, "a": 1 << 62, "c": 1 << 62}, "a b c"},
		{map[string]int64{"a": -9, "b": -9}, "a b c"},
	} {
		var got []string
		Walk(t.Context(), parse("b: a; c"), WalkOptions[string]{Limit: 1, Weight: func(n string) int64 { return tt.weight[n] }},
			func(_ context.Context, n string, _ *Slot) error { got = append(got, n); return nil })
		if strings.Join(got, " ") != tt.want {
			t.Errorf("weights %v: %v, want %s", tt.weight, got, tt.want)
		}
	}
}

func TestWalkFailure(t *testing.T) {
	for _, tt := range []struct{ graph, fail, want, causes, err string }{
		{"b: a; c: b; d", "a", "a=failed b=skipped c=skipped d=done", "b:a c:a", "a: broken"},
		{"c: a b; d: c", "a b", "a=failed b=failed c=skipped d=skipped", "c:a d:a", "a: broken\nb: broken"},
		{"b: a; d: c; e: b d", "b c", "a=done b=failed c=failed d=skipped e=skipped", "d:c e:b", "b: broken\nc: broken"},
	} {
		r := Walk(t.Context(), parse(tt.graph), WalkOptions[string]{}, func(_ context.Context, n string, _ *Slot) error {
			if strings.Contains(tt.fail, n) {
				return errBroken
			}
			return nil
		})
		var causes []string
		for o := range r.With(Skipped) {
			causes = append(causes, o.Node+":"+o.Cause.Node)
			if o.Cause.Err != errBroken || o.Err != nil || !o.Started.IsZero() {
				t.Errorf("%s: the outcome of %s is %+v", tt.graph, o.Node, o)
			}
		}
		if statuses(r) != tt.want || strings.Join(causes, " ") != tt.causes || r.Err().Error() != tt.err || !errors.Is(r.Err(), errBroken) {
			t.Errorf("%s: %s, causes %v, %v", tt.graph, statuses(r), causes, r.Err())
		}
	}
}

func TestWalkRefusesACycle(t *testing.T) {
	var ce *CycleError[string]
	r := Walk(t.Context(), parse("a; b: c a; c: b"), WalkOptions[string]{
		Observe: func(n string, s Status, _ []string) { t.Errorf("%s is observed as %s", n, s) },
	}, func(_ context.Context, n string, _ *Slot) error { t.Errorf("%s is visited", n); return nil })
	if !errors.As(r.Err(), &ce) || r.Count(Canceled) != 3 {
		t.Errorf("%s, %v", statuses(r), r.Err())
	}
}

func TestReportOutcome(t *testing.T) {
	g := parse("b: a")
	r := Walk(t.Context(), g, WalkOptions[string]{}, noop)
	g.Add("c")
	if o := r.Outcome("b"); o == nil || o.Node != "b" || o.Status != Done {
		t.Errorf("Outcome(b) = %+v", o)
	}
	if r.Outcome("x") != nil || r.Outcome("c") != nil {
		t.Error("the outcome of a stranger is not nil")
	}
}

func TestWalkCriticalPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := map[string]time.Duration{"a": 1, "b": 5, "c": 2, "d": 3, "e": 6}
		r := Walk(t.Context(), parse("c: a b; d: c; e: a; f: d"), WalkOptions[string]{}, func(_ context.Context, n string, _ *Slot) error {
			time.Sleep(took[n] * time.Second)
			if n == "d" {
				return errBroken
			}
			return nil
		})
		if got := strings.Join(r.CriticalPath(), " "); got != "b c d" || r.Finished.Sub(r.Started) != 10*time.Second {
			t.Errorf("CriticalPath = %s in %v", got, r.Finished.Sub(r.Started))
		}
		if o := r.Outcome("d"); o.Started.Sub(r.Started) != 7*time.Second || o.Finished.Sub(o.Started) != 3*time.Second || o.Started.Location() != time.UTC {
			t.Errorf("times of d: %v to %v", o.Started, o.Finished)
		}
	})
}

// The first stop lets visits in flight finish; the second ends their contexts.
func TestWalkStops(t *testing.T) {
	type key struct{}
	errFirst, errSecond := errors.New("first"), errors.New("second")
	for _, tt := range []struct {
		name          string
		first, second time.Duration // when, in seconds; zero means never
		want          string
		took          time.Duration
		err           []error
	}{
		{"none", 0, 0, "a=done b=done c=done d=done", 30, nil},
		{"drain", 5, 0, "a=done b=done c=canceled d=canceled", 20, []error{errFirst}},
		{"drain in the last visit", 25, 0, "a=done b=done c=done d=done", 30, nil},
		{"abort", 0, 5, "a=failed b=failed c=skipped d=canceled", 5, []error{errSecond}},
		{"drain, then abort", 5, 15, "a=done b=failed c=canceled d=canceled", 15, []error{errFirst, errSecond}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, drain := context.WithCancelCause(context.WithValue(t.Context(), key{}, "value"))
				abortCtx, abort := context.WithCancelCause(t.Context())
				defer drain(nil)
				defer abort(nil)
				for d, f := range map[time.Duration]func(){tt.first: func() { drain(errFirst) }, tt.second: func() { abort(errSecond) }} {
					if d > 0 {
						time.AfterFunc(d*time.Second, f)
					}
				}
				took := map[string]time.Duration{"a": 10, "b": 20, "c": 10, "d": 10}
				begun := time.Now()
				r := Walk(ctx, parse("c: a; a; b; d"), WalkOptions[string]{Limit: 2, Abort: abortCtx}, func(ctx context.Context, n string, _ *Slot) error {
					if ctx.Value(key{}) != "value" {
						t.Error("the visit lacks the values of the walk's context")
					}
					select {
					case <-time.After(took[n] * time.Second):
						return nil
					case <-ctx.Done():
						return context.Cause(ctx)
					}
				})
				if got := time.Since(begun); statuses(r) != tt.want || got != tt.took*time.Second {
					t.Errorf("%s after %v; want %s after %ds", statuses(r), got, tt.want, tt.took)
				}
				for _, e := range tt.err {
					if !errors.Is(r.Err(), e) {
						t.Errorf("Err = %v; want %v in it", r.Err(), e)
					}
				}
				if tt.err == nil && r.Err() != nil {
					t.Errorf("Err = %v", r.Err())
				}
			})
		})
	}
}

func TestWalkCanceledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := Walk(ctx, parse("b: a; c"), WalkOptions[string]{NeedsSlot: func(n string) bool { return n != "c" }},
		func(_ context.Context, n string, _ *Slot) error { t.Errorf("%s is visited", n); return nil })
	if r.Count(Canceled) != 3 || !errors.Is(r.Err(), context.Canceled) || r.CriticalPath() != nil {
		t.Errorf("%s, %v", statuses(r), r.Err())
	}
}

func TestWalkLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for limit, want := range map[int]time.Duration{1: 24, 3: 8, 5: 5, 0: 3, -1: 3, 100: 1} {
			g := New(cmp.Compare[int])
			for i := range 24 {
				g.Add(i)
			}
			begun := time.Now()
			Walk(t.Context(), g, WalkOptions[int]{Limit: limit}, func(context.Context, int, *Slot) error {
				time.Sleep(time.Second)
				return nil
			})
			if got := time.Since(begun); got != want*time.Second {
				t.Errorf("24 visits of 1s with limit %d took %v, want %ds", limit, got, want)
			}
		}
	})
}

// Waiting for readiness holds no slot: with one slot, work is done one by one while any number of visits wait.
func TestSlotRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(cmp.Compare[int])
		for i := range 10 {
			g.Add(i)
		}
		var working, most int
		work := func() {
			working++
			most = max(most, working)
			time.Sleep(time.Second)
			working--
		}
		r := Walk(t.Context(), g, WalkOptions[int]{Limit: 1}, func(ctx context.Context, n int, s *Slot) error {
			work()
			s.Release()
			s.Release() // a second time does nothing
			time.Sleep(time.Minute)
			for range 2 { // nor does a second Acquire
				if err := s.Acquire(ctx); err != nil {
					return err
				}
			}
			work()
			return nil
		})
		if got, want := r.Finished.Sub(r.Started), 71*time.Second; r.Err() != nil || most != 1 || got != want {
			t.Errorf("took %v, want %v; %d at work; %v", got, want, most, r.Err())
		}
	})
}

// A visit that wants its slot again comes before nodes that are not started, and gets it even when the walk stops.
func TestSlotAcquireComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var log []string
		r := Walk(ctx, parse("a; b; c"), WalkOptions[string]{Limit: 1}, func(ctx context.Context, n string, s *Slot) error {
			switch n {
			case "a":
				s.Release()
				time.Sleep(time.Second)
				if err := s.Acquire(ctx); err != nil {
					return err
				}
			case "b":
				time.Sleep(2 * time.Second)
				cancel()
				synctest.Wait()
			}
			log = append(log, n)
			return nil
		})
		if got := strings.Join(log, " "); got != "b a" || statuses(r) != "a=done b=done c=canceled" {
			t.Errorf("finished %s; %s", got, statuses(r))
		}
	})
}

func TestSlotAcquireGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := Walk(t.Context(), parse("a; b; c"), WalkOptions[string]{Limit: 1}, func(ctx context.Context, n string, s *Slot) error {
			if n != "a" {
				time.Sleep(10 * time.Second)
				return nil
			}
			s.Release()
			time.Sleep(time.Second)
			short, cancel := context.WithTimeoutCause(ctx, time.Second, errBroken)
			defer cancel()
			for range 2 { // the second finds the context ended
				if err := s.Acquire(short); err != errBroken {
					t.Errorf("Acquire = %v", err)
				}
			}
			return s.Acquire(ctx) // at 10s, before c
		})
		if r.Err() != nil || r.Finished.Sub(r.Started) != 20*time.Second || r.Outcome("a").Finished.Sub(r.Started) != 10*time.Second {
			t.Errorf("took %v, %v", r.Finished.Sub(r.Started), r.Err())
		}
	})
}

// However a grant and the end of the wait cross, no slot is lost and none is made.
func TestSlotsAreConserved(t *testing.T) {
	var working, most atomic.Int32
	g := New(cmp.Compare[int])
	for i := range 2000 {
		g.Add(i)
	}
	r := Walk(t.Context(), g, WalkOptions[int]{Limit: 2, NeedsSlot: func(n int) bool { return n%10 != 0 }}, func(ctx context.Context, n int, s *Slot) error {
		s.Release()
		short, cancel := context.WithTimeout(ctx, time.Duration(n%50)*time.Microsecond)
		defer cancel()
		if s.Acquire(short) == nil {
			now := working.Add(1)
			for {
				if m := most.Load(); now <= m || most.CompareAndSwap(m, now) {
					break
				}
			}
			runtime.Gosched()
			working.Add(-1)
			if n%2 == 0 {
				s.Release()
			}
		}
		return nil
	})
	if r.Count(Done) != 2000 || most.Load() > 2 {
		t.Errorf("%d done, %d at work at once", r.Count(Done), most.Load())
	}
}

func TestSlotless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := Walk(t.Context(), parse("a; b; c; d; e"), WalkOptions[string]{Limit: 1, NeedsSlot: func(n string) bool { return n == "e" }},
			func(ctx context.Context, n string, s *Slot) error {
				time.Sleep(5 * time.Second)
				if n == "a" { // it may take one nevertheless
					if err := s.Acquire(ctx); err != nil {
						return err
					}
					time.Sleep(time.Second)
				}
				return nil
			})
		if got := r.Finished.Sub(r.Started); got != 6*time.Second || r.Err() != nil {
			t.Errorf("took %v, %v", got, r.Err())
		}
	})
}

// A goroutine that a visit leaves behind can neither block nor disturb the walk.
func TestSlotOutlivesVisit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errs := make(chan error)
		r := Walk(t.Context(), parse("b: a"), WalkOptions[string]{Limit: 1}, func(_ context.Context, n string, s *Slot) error {
			if n == "a" {
				s.Release()
				go func() {
					time.Sleep(time.Second)
					errs <- s.Acquire(context.Background())
					s.held = true
					s.Release()
					errs <- nil
				}()
				return nil
			}
			time.Sleep(2 * time.Second)
			return nil
		})
		if err := <-errs; r.Err() != nil || err != errOver {
			t.Errorf("%v; the late Acquire: %v", r.Err(), err)
		}
		<-errs
	})
}

func TestVisitPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var finished bool
		defer func() {
			p, ok := recover().(*VisitPanic)
			if !ok || p.Node != "a" || !errors.Is(p, errBroken) || !strings.Contains(p.Error(), "TestVisitPanics") {
				t.Errorf("recovered %v", p)
			}
			if !finished {
				t.Error("Walk did not wait for the visit in flight")
			}
		}()
		Walk(t.Context(), parse("a; b; c: b"), WalkOptions[string]{}, func(_ context.Context, n string, _ *Slot) error {
			switch n {
			case "a":
				panic(errBroken)
			case "b":
				time.Sleep(time.Second)
				finished = true
			default:
				t.Errorf("%s is visited after the panic", n)
			}
			return nil
		})
		t.Error("Walk returned")
	})
}

func TestObservePanics(t *testing.T) {
	defer func() {
		if recover() != "no" {
			t.Error("the panic is lost")
		}
	}()
	Walk(t.Context(), parse("a; b"), WalkOptions[string]{Observe: func(n string, s Status, _ []string) {
		if n == "b" && s == Running {
			panic("no")
		}
	}}, func(ctx context.Context, _ string, _ *Slot) error { <-ctx.Done(); return nil }) // goleak sees whether it ends
}

func TestVisitExits(t *testing.T) {
	r := Walk(t.Context(), parse("b: a"), WalkOptions[string]{}, func(context.Context, string, *Slot) error {
		runtime.Goexit()
		return nil
	})
	if statuses(r) != "a=failed b=skipped" || !errors.Is(r.Err(), errExited) {
		t.Errorf("%s, %v", statuses(r), r.Err())
	}
}

// Every node goes through the states in their order, and the reports of a waiting node shrink to nothing.
func TestObserve(t *testing.T) {
	before := map[Status][]Status{
		Waiting: {0, Waiting}, Ready: {0, Waiting}, Running: {Ready}, Done: {Running}, Failed: {Running},
		Skipped: {Waiting}, Canceled: {Waiting, Ready},
	}
	for _, deps := range []int{1, 5, reportedLast, 1000} {
		g := New(cmp.Compare[int])
		for i := range deps {
			g.AddEdge(-1, i)
		}
		g.AddEdge(-2, -1)
		last, reports := map[int]Status{}, []int{}
		r := Walk(t.Context(), g, WalkOptions[int]{Observe: func(n int, s Status, waitingFor []int) {
			if !slices.Contains(before[s], last[n]) {
				t.Errorf("%d is %s after %s", n, s, last[n])
			}
			last[n] = s
			switch {
			case n == -1 && s == Waiting:
				reports = append(reports, len(waitingFor))
				for _, dep := range waitingFor {
					if last[dep] >= Done {
						t.Errorf("%d waits for %d, which is %s", n, dep, last[dep])
					}
				}
			case n == -2 && s == Skipped && !slices.Equal(waitingFor, []int{-1}):
				t.Errorf("%d is skipped because of %v", n, waitingFor)
			}
		}}, func(_ context.Context, n int, _ *Slot) error {
			if n == -1 {
				return errBroken
			}
			return nil
		})
		want := []int{deps}
		for i := min(deps, reportedLast) - 1; i > 0; i-- {
			want = append(want, i)
		}
		if !slices.Equal(reports, want) {
			t.Errorf("%d dependencies: reported with %v left, want %v", deps, reports, want)
		}
		for _, o := range r.Outcomes {
			if last[o.Node] != o.Status {
				t.Errorf("%d ended as %s but was observed as %s", o.Node, o.Status, last[o.Node])
			}
		}
	}
}

func TestWalkProperties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(inBubble{t}, func(t *rapid.T) {
			g := acyclic(t)
			limit := rapid.IntRange(1, 4).Draw(t, "limit")
			fails := rapid.MapOf(rapid.IntRange(0, g.Len()-1), rapid.Just(true)).Draw(t, "fails")
			took := rapid.SliceOfN(rapid.IntRange(0, 3), g.Len(), g.Len()).Draw(t, "took")
			needs := rapid.SliceOfN(rapid.Bool(), g.Len(), g.Len()).Draw(t, "needs")
			var mu sync.Mutex // guards visits and working
			visits, working := map[int]int{}, 0
			r := Walk(context.Background(), g, WalkOptions[int]{
				Limit:     limit,
				NeedsSlot: func(n int) bool { return needs[n] },
				Weight:    func(n int) int64 { return int64(took[n]) },
			}, func(_ context.Context, n int, _ *Slot) error {
				count := func(by int) {
					mu.Lock()
					defer mu.Unlock()
					if needs[n] {
						working += by
						if working > limit {
							t.Errorf("%d at work, the limit is %d", working, limit)
						}
					}
				}
				mu.Lock()
				visits[n]++
				mu.Unlock()
				count(1)
				time.Sleep(time.Duration(took[n]) * time.Second)
				count(-1)
				if fails[n] {
					return errBroken
				}
				return nil
			})
			// The model: in topological order, a node is skipped if a dependency failed or was skipped.
			cause := map[int]int{}
			order, _ := g.Sort()
			for _, n := range order {
				want, root := Done, 0
				if fails[n] {
					want = Failed
				}
				for dep := range g.Deps(n) {
					d, c := r.Outcome(dep), dep
					switch d.Status {
					case Skipped:
						c = cause[dep]
					case Failed:
					default:
						if visits[n] > 0 && r.Outcome(n).Started.Before(d.Finished) {
							t.Errorf("%d started before its dependency %d finished", n, dep)
						}
						continue
					}
					if want != Skipped || c < root {
						want, root = Skipped, c
					}
				}
				o := r.Outcome(n)
				if o.Status != want {
					t.Fatalf("%d ended as %s, want %s", n, o.Status, want)
				}
				if want == Skipped {
					cause[n] = root
					if o.Cause.Node != root || o.Cause.Status != Failed {
						t.Fatalf("%d was skipped because of %d, want %d", n, o.Cause.Node, root)
					}
				}
				if visited := visits[n] == 1; visits[n] > 1 || visited == (want == Skipped) {
					t.Fatalf("%d was visited %d times and ended as %s", n, visits[n], want)
				}
			}
			if r.Count(Done)+r.Count(Failed)+r.Count(Skipped) != g.Len() {
				t.Fatalf("%s", statuses(r))
			}
		})
	})
}

// Whenever the walk is stopped, it ends, every node is final, and what was started finished.
func TestWalkStopProperties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(inBubble{t}, func(t *rapid.T) {
			g := acyclic(t)
			took := rapid.SliceOfN(rapid.IntRange(0, 3), g.Len(), g.Len()).Draw(t, "took")
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rapid.IntRange(0, 12).Draw(t, "stop"))*time.Second)
			defer cancel()
			stop, _ := ctx.Deadline()
			r := Walk(ctx, g, WalkOptions[int]{Limit: rapid.IntRange(1, 4).Draw(t, "limit")}, func(ctx context.Context, n int, s *Slot) error {
				if n%2 == 0 {
					s.Release()
					defer s.Release()
					defer s.Acquire(ctx)
				}
				time.Sleep(time.Duration(took[n]) * time.Second)
				return ctx.Err()
			})
			counts := map[Status]int{}
			for _, o := range r.Outcomes {
				counts[o.Status]++
				if o.Status == Done && (o.Started.After(stop) || o.Finished.IsZero()) {
					t.Fatalf("%d ran from %v to %v; the stop was at %v", o.Node, o.Started, o.Finished, stop)
				}
				for dep := range g.Deps(o.Node) {
					if o.Status == Done && r.Outcome(dep).Status != Done {
						t.Fatalf("%d is done, its dependency %d is %s", o.Node, dep, r.Outcome(dep).Status)
					}
				}
			}
			if counts[Done]+counts[Canceled] != g.Len() {
				t.Fatalf("%v", maps.Collect(maps.All(counts)))
			}
		})
	})
}
