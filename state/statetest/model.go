package statetest

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/state"
)

type stepKey struct {
	run  state.RunID
	step int
}

// machine is what the state should hold.
type machine struct {
	t       *rapid.T
	store   state.Store
	session state.Session
	writer  state.Writer

	serial     uint64
	records    map[addr.Instance]state.Record
	outputs    map[string]state.Output
	unresolved map[stepKey]addr.Instance
	steps      map[state.RunID]int // how many were begun
	results    []state.RunResult
}

func (m *machine) address() addr.Instance { return At(rapid.IntRange(0, 5).Draw(m.t, "address")) }

func (m *machine) ok(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// committed counts a commit and stores what it put.
func (m *machine) committed(run state.RunID, put ...*state.Record) {
	m.serial++
	for _, r := range put {
		stored := *r
		stored.Revision, stored.Run = m.serial, run
		m.records[r.Addr] = stored
	}
}

func (m *machine) draw(a addr.Instance) *state.Record {
	r := Record(a, rapid.StringN(1, 5, 5).Draw(m.t, "value"))
	r.Protected = rapid.Bool().Draw(m.t, "protected")
	if rapid.Bool().Draw(m.t, "has dependencies") {
		r.DependsOn = []addr.Instance{At(7), At(8)}
	}
	return r
}

func (m *machine) resolve(a addr.Instance, which func(stepKey) bool) {
	maps.DeleteFunc(m.unresolved, func(k stepKey, b addr.Instance) bool { return b == a && which(k) })
}

func (m *machine) open() {
	session, err := m.store.Lock(ctx, someone, 0)
	m.ok(err)
	m.session = session
}

func (m *machine) reopen(t *rapid.T) {
	m.ok(m.session.Unlock())
	m.writer = nil
	m.open()
}

func (m *machine) begin(t *rapid.T) {
	w, err := m.session.Begin(state.Run{Mode: "normal", Holder: someone})
	m.ok(err)
	m.writer = w
	m.committed(0)
	if n := len(m.results); n > 0 && m.results[n-1] == state.Running {
		m.results[n-1] = state.Interrupted
	}
	m.results = append(m.results, state.Running)
}

func (m *machine) running(t *rapid.T) state.RunID {
	if m.writer == nil {
		t.Skip("no run")
	}
	return m.writer.ID()
}

func (m *machine) intend(t *rapid.T) {
	id, a := m.running(t), m.address()
	step := m.steps[id]
	m.ok(m.writer.Intend(state.Intent{Step: step, Addr: a, Op: "update"}))
	m.committed(0)
	m.steps[id]++
	m.unresolved[stepKey{id, step}] = a
}

// depose begins a replacement that keeps the old object for a while.
func (m *machine) depose(t *rapid.T) {
	id, a := m.running(t), m.address()
	step := m.steps[id]
	before, ok := m.records[a]
	if !ok || a.Deposed != "" {
		t.Skip("nothing to depose")
	}
	m.ok(m.writer.Intend(state.Intent{Step: step, Addr: a, Op: "create", Before: &before, Deposes: "d"}))
	m.steps[id]++
	m.unresolved[stepKey{id, step}] = a
	delete(m.records, a)
	before.Addr.Deposed = "d"
	m.committed(id, &before)
}

// openStep picks a step of the run that has no outcome.
func (m *machine) openStep(t *rapid.T) (stepKey, addr.Instance) {
	id := m.running(t)
	var open []stepKey
	for k := range m.unresolved {
		if k.run == id {
			open = append(open, k)
		}
	}
	if len(open) == 0 {
		t.Skip("no open step")
	}
	slices.SortFunc(open, func(a, b stepKey) int { return a.step - b.step })
	k := rapid.SampledFrom(open).Draw(t, "step")
	return k, m.unresolved[k]
}

func (m *machine) checkpoint(t *rapid.T) {
	k, a := m.openStep(t)
	r := m.draw(a)
	m.ok(m.writer.Checkpoint(k.step, r))
	m.committed(k.run, r)
}

func (m *machine) record(t *rapid.T) {
	k, a := m.openStep(t)
	o := state.Outcome{Step: k.step, Addr: a}
	if rapid.Bool().Draw(t, "moved") {
		o.Remove = []addr.Instance{m.address()}
	}
	for _, gone := range o.Remove {
		delete(m.records, gone)
		m.resolve(gone, func(other stepKey) bool { return other == k || other.run < k.run })
	}
	if rapid.Bool().Draw(t, "exists") {
		o.After = m.draw(a)
		m.ok(m.writer.Record(o))
		m.committed(k.run, o.After)
	} else {
		m.ok(m.writer.Record(o))
		m.committed(k.run)
		delete(m.records, a)
	}
	m.resolve(a, func(other stepKey) bool { return other == k || other.run < k.run })
}

func (m *machine) settle(t *rapid.T) {
	id, put, remove := m.running(t), m.draw(m.address()), m.address()
	m.ok(m.writer.Settle([]*state.Record{put}, []addr.Instance{remove}))
	delete(m.records, remove)
	m.committed(id, put)
	for _, a := range []addr.Instance{put.Addr, remove} {
		m.resolve(a, func(k stepKey) bool { return k.run < id })
	}
}

func (m *machine) edit(t *rapid.T) {
	put, remove := m.draw(m.address()), m.address()
	m.ok(m.session.Edit([]*state.Record{put}, []addr.Instance{remove}))
	delete(m.records, remove)
	m.committed(0, put)
	for _, a := range []addr.Instance{put.Addr, remove} {
		m.resolve(a, func(stepKey) bool { return true })
	}
}

func (m *machine) setOutputs(t *rapid.T) {
	m.running(t)
	values := map[string]state.Output{}
	for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.ID).Draw(t, "outputs") {
		values[name] = state.Output{Value: []byte(rapid.StringN(1, 3, 3).Draw(t, "output"))}
	}
	m.ok(m.writer.Outputs(values))
	m.committed(0)
	m.outputs = values
}

func (m *machine) finish(t *rapid.T) {
	m.running(t)
	m.ok(m.writer.Finish(state.Finish{Result: state.Succeeded}))
	m.committed(0)
	m.writer = nil
	m.results[len(m.results)-1] = state.Succeeded
}

// check compares the store with the model.
func (m *machine) check(t *rapid.T) {
	snap, err := m.store.Snapshot(ctx)
	m.ok(err)
	if snap.Serial != m.serial {
		t.Fatalf("serial is %d, want %d", snap.Serial, m.serial)
	}
	got := map[addr.Instance]state.Record{}
	for _, r := range snap.Records {
		got[r.Addr] = *r
	}
	if d := cmp.Diff(m.records, got, compare); d != "" {
		t.Fatalf("records (-want +got):\n%s", d)
	}
	if len(m.outputs) != len(snap.Outputs) || len(m.outputs) > 0 && cmp.Diff(m.outputs, snap.Outputs) != "" {
		t.Fatalf("outputs are %v, want %v", snap.Outputs, m.outputs)
	}
	unresolved := map[stepKey]addr.Instance{}
	for _, i := range snap.Unresolved {
		unresolved[stepKey{i.Run, i.Step}] = i.Addr
	}
	if d := cmp.Diff(m.unresolved, unresolved, compare, cmp.AllowUnexported(stepKey{})); d != "" {
		t.Fatalf("unresolved (-want +got):\n%s", d)
	}
	runs, err := m.store.Runs(ctx)
	m.ok(err)
	var results []state.RunResult
	for _, r := range runs {
		results = append(results, r.Result)
		j, err := m.store.Journal(ctx, r.ID)
		m.ok(err)
		if len(j.Steps) != m.steps[r.ID] {
			t.Fatalf("run %d has %d steps, want %d", r.ID, len(j.Steps), m.steps[r.ID])
		}
	}
	if !slices.Equal(results, m.results) {
		t.Fatalf("results are %v, want %v", results, m.results)
	}
}

func model(t *testing.T, h Harness) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		m := &machine{t: rt, store: h.Open(t, fmt.Sprint("model-", n), Options{}), records: map[addr.Instance]state.Record{}, outputs: map[string]state.Output{},
			unresolved: map[stepKey]addr.Instance{}, steps: map[state.RunID]int{}}
		m.open()
		defer func() { m.session.Unlock() }()
		m.ok(m.session.Adopt(own))
		m.committed(0)
		rt.Repeat(map[string]func(*rapid.T){
			"": m.check, "begin": m.begin, "intend": m.intend, "intend again": m.intend, "depose": m.depose, "checkpoint": m.checkpoint, "record": m.record,
			"settle": m.settle, "edit": m.edit, "outputs": m.setOutputs, "finish": m.finish, "reopen": m.reopen,
		})
	})
}
