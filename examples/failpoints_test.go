package examples

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/internal/testenv"
)

// figures are what a chaos test reports.
type figures struct{ killed, survived, settled int }

func (f *figures) String() string {
	return fmt.Sprintf("%d kills, %d runs that came to their end before; %d times brought to rest: nothing orphaned, doubled or lost, next plan empty", f.killed, f.survived, f.settled)
}

// failpoints is a state that is killed at boundaries while a second operator tries to work with it too.
type failpoints struct {
	figures
	t  *testing.T
	w  *workspace
	ns string
	n  int // the round that the configuration is at
}

func newFailpoints(t *testing.T, backend string) *failpoints {
	f := &failpoints{t: t, ns: testenv.Namespace(t), w: newWorkspace(t, "")}
	if backend == "kubernetes" {
		f.w.write("backend.mesh.hcl", fmt.Sprintf("meshplan {\n  backend \"kubernetes\" {\n    namespace      = %q\n    lease_duration = \"2s\"\n  }\n}\n", testenv.Namespace(t)))
	}
	f.w.env = append(f.w.env, "MESHPLAN_VAR_namespace="+f.ns, "MESHPLAN_VAR_round=0", "MESHPLAN_LOCK_TIMEOUT=60s")
	f.w.write("main.mesh.hcl", chaos)
	return f
}

func (f *failpoints) round(n int) {
	f.n = n
	i := slices.IndexFunc(f.w.env, func(s string) bool { return strings.HasPrefix(s, "MESHPLAN_VAR_round=") })
	f.w.env[i] = fmt.Sprintf("MESHPLAN_VAR_round=%d", n)
}

// die kills a command at a boundary. With a rival, a second operator applies at the same time, who may get the lock
// first, or find everything done.
func (f *failpoints) die(death string, rival bool, args ...string) {
	f.t.Helper()
	var both sync.WaitGroup
	if rival {
		both.Go(func() {
			if f.w.dies(forever, []string{"apply", "--auto-approve", "--summary", "--progress", "quiet"}, 4, 5) {
				f.t.Errorf("the rival died")
			}
		})
	}
	switch {
	case f.w.dies(death, args, 4, 5):
		f.killed++
	default:
		f.survived++
	}
	both.Wait()
}

// rest lets an operator finish in peace and looks for what must never be.
func (f *failpoints) rest(when string) {
	f.t.Helper()
	f.w.must(0, "apply", "--auto-approve", "--summary")
	f.w.must(0, "plan", "--detailed-exitcode")
	checkSame(f.t, f.w, f.ns, when)
	f.settled++
}

// uid matches the identity of an object. One that is made anew has another.
var uid = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// contents is what rolling back must restore: the objects with their data, whatever their identities are.
func (f *failpoints) contents() map[string]string {
	f.t.Helper()
	out := map[string]string{}
	for _, o := range list(f.t, configMaps, f.ns, "") {
		if o.GetName() == "kube-root-ca.crt" {
			continue
		}
		b, err := json.Marshal(o.Object["data"])
		if err != nil {
			f.t.Fatal(err)
		}
		out[o.GetName()] = uid.ReplaceAllString(string(b), "uid")
	}
	return out
}

func (f *failpoints) lastRun() int {
	var runs []struct{ Run int }
	if err := json.Unmarshal([]byte(f.w.must(0, "history", "--json", "--limit", "1").stdout), &runs); err != nil {
		f.t.Fatal(err)
	}
	return runs[0].Run
}

var quietly = []string{"--auto-approve", "--summary", "--progress", "quiet"}

// TestFailpoints kills applies, destroys and rollbacks at every boundary of journal and state, the first, a middle and the
// last time that it is passed, while a second operator competes. Everything is done with make chaos, a few otherwise.
func TestFailpoints(t *testing.T) {
	for _, backend := range []string{"local", "kubernetes"} {
		t.Run(backend, func(t *testing.T) {
			f := newFailpoints(t, backend)
			apply, destroy := append([]string{"apply"}, quietly...), append([]string{"destroy"}, quietly...)
			first := f.w.boundaries(apply...)
			f.round(1)
			second := f.w.boundaries(apply...)
			rollback := f.w.boundaries(append([]string{"rollback"}, quietly...)...)
			f.round(0)
			f.rest("the first rounds")
			down := f.w.boundaries(destroy...)
			all := maps.Clone(first)
			maps.Copy(all, second)
			t.Logf("boundaries: %s", strings.Join(slices.Sorted(maps.Keys(all)), ", "))
			for _, must := range []string{"adopt", "begin", "intent", "outcome", "outputs", "finish"} {
				if all["before "+must] == 0 || all["after "+must] == 0 {
					t.Errorf("no run passes %q", must)
				}
			}
			for n, death := range some(deaths(second), 2) {
				f.round(f.n + 1)
				f.die(death, n%2 == 1, apply...)
				f.rest("apply, " + death)
			}
			t.Logf("%s, applies: %v", backend, &f.figures)
			f.figures = figures{}
			for n, death := range some(deaths(rollback), 2) {
				before, run := f.contents(), f.lastRun()
				f.round(f.n + 1)
				f.w.must(0, apply...)
				after := f.contents()
				f.die(death, false, append([]string{"rollback"}, quietly...)...)
				back := []string{"rollback", "--to", fmt.Sprint(run)}
				if n%3 == 2 { // or undo what it did, and then all of it
					f.w.run(append([]string{"apply"}, quietly...)...)
					f.compare(after, "forward again, "+death)
				}
				f.w.run(append(back, quietly...)...) // or there is nothing left to do
				f.compare(before, "rollback, "+death)
				f.round(f.n - 1)
				f.rest("rollback, " + death)
			}
			t.Logf("%s, rollbacks: %v", backend, &f.figures)
			f.figures = figures{}
			for n, death := range some(deaths(down), 1) {
				before, run := f.contents(), f.lastRun()
				f.die(death, false, destroy...)
				if n%2 == 0 {
					f.w.must(0, destroy...)
					if left := mapsIn(t, f.ns); len(left) > 0 {
						t.Errorf("destroy, %s: left %v", death, left)
					}
					checkListsNothing(f.w)
				} else {
					f.w.run(append([]string{"rollback", "--to", fmt.Sprint(run)}, quietly...)...)
					f.compare(before, "destroy undone, "+death)
				}
				f.rest("destroy, " + death)
			}
			t.Logf("%s, destroys: %v", backend, &f.figures)
			f.w.must(0, destroy...)
			checkListsNothing(f.w)
			if left := mapsIn(t, f.ns); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// compare holds what is there against what must be.
func (f *failpoints) compare(want map[string]string, when string) {
	f.t.Helper()
	got := f.contents()
	if maps.Equal(got, want) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if got[name] != want[name] {
			f.t.Errorf("%s: %s is %s, want %q", when, name, got[name], want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, ok := got[name]; !ok {
			f.t.Errorf("%s: %s is missing", when, name)
		}
	}
}

// TestFailpointsOfTheRollout kills the whole mesh rollout every few boundaries, so that every kind of step of both providers
// is hit: certificates, charts, restarts in waves, gates, policies. The next run goes on each time. The way down is
// killed in the same way, as a rollback.
func TestFailpointsOfTheRollout(t *testing.T) {
	if !thorough() {
		t.Skip("TestKilledApplyConverges kills the rollout at nine moments; this test takes minutes and belongs to make chaos (MESHPLAN_CHAOS)")
	}
	w := newWorkspace(t, "mtls-rollout")
	var f figures
	walk := func(command ...string) {
		args := append(command, quietly...)
		for n := 0; n < 400; n++ {
			// A run passes five boundaries before its first step and one for every step that it begins at the same time: one
			// that never comes further than those brings nothing forward, so some are given more.
			if !w.dies(fmt.Sprint(7+n*5%41), args) {
				f.survived++
				return
			}
			f.killed++
		}
		t.Fatalf("%v does not come to its end", command)
	}
	walk("apply")
	w.must(0, "apply", "--auto-approve", "--summary")
	w.must(0, "plan", "--detailed-exitcode")
	golden.Check(t, "inventory", []byte(inventory(t)))
	checkInjectedOnce(t)
	f.settled++
	t.Logf("up: %v", &f)
	f = figures{}
	walk("rollback", "--to", "0")
	w.run("rollback", "--to", "0", "--auto-approve", "--summary")
	w.must(0, "destroy", "--auto-approve", "--summary") // what a rollback must leave, it has listed
	f.settled++
	checkNothingLeft(t)
	checkListsNothing(w)
	t.Logf("down: %v", &f)
}
