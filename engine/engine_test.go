package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"go.uber.org/goleak"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/memory"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/boltstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is an engine over a real store and an in-memory system.
type rig struct {
	t      reporter
	dir    string
	world  *memory.World
	store  state.Store
	engine *engine.Engine
	inputs engine.Inputs
	events []engine.Event
	adjust func(*config.Config) // what the files of a test do not say
}

func (r *rig) Handle(e engine.Event) { r.events = append(r.events, e) }

// reporter is what a rig needs of a test; property tests have one of their own.
type reporter interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := openRig(t, t.TempDir())
	t.Cleanup(func() { r.store.Close() })
	return r
}

func openRig(t reporter, dir string) *rig {
	r := &rig{t: t, dir: dir, world: memory.NewWorld()}
	r.open()
	return r
}

// open starts a new process's worth of engine on the same state.
func (r *rig) open() {
	r.t.Helper()
	store, err := boltstore.Open(filepath.Join(r.dir, ".meshplan", "state.db"), boltstore.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	r.store = store
	r.engine = engine.New(store, r.registry(), engine.Options{Events: r, Holder: state.Holder{User: "tester"}})
}

func (r *rig) registry() providers.Registry { return providers.Registry{"memory": memory.New(r.world)} }

// write replaces the configuration.
func (r *rig) write(src string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "main.mesh.hcl"), []byte(src), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) load() *config.Config {
	r.t.Helper()
	c, ds := config.Load(r.dir, config.Options{})
	if ds.HasErrors() {
		r.t.Fatalf("loading: %v", ds)
	}
	if r.adjust != nil {
		r.adjust(c)
	}
	as, ds := c.Assignments(config.Inputs{})
	if ds.HasErrors() {
		r.t.Fatalf("assignments: %v", ds)
	}
	vals, ds := c.Root.VariableValues(as)
	if ds.HasErrors() {
		r.t.Fatalf("variables: %v", ds)
	}
	r.inputs.Variables = map[string]cty.Value{}
	for name, v := range vals {
		r.inputs.Variables[name] = v.Value
	}
	return c
}

func (r *rig) tryPlan(o engine.PlanOptions) (*plans.Plan, hcl.Diagnostics) {
	r.t.Helper()
	c := r.load()
	o.Inputs = r.inputs
	return r.engine.Plan(context.Background(), c, o)
}

func (r *rig) plan(o engine.PlanOptions) *plans.Plan {
	r.t.Helper()
	p, ds := r.tryPlan(o)
	if ds.HasErrors() {
		r.t.Fatalf("plan: %v", ds)
	}
	return p
}

func (r *rig) tryApply(p *plans.Plan) (*engine.Result, hcl.Diagnostics) {
	r.t.Helper()
	c := r.load()
	return r.engine.Apply(context.Background(), c, p, engine.ApplyOptions{Inputs: r.inputs})
}

func (r *rig) apply(p *plans.Plan) *engine.Result {
	r.t.Helper()
	res, ds := r.tryApply(p)
	if ds.HasErrors() {
		r.t.Fatalf("apply: %v", ds)
	}
	return res
}

// converge plans and applies, and proves that nothing is left to do.
func (r *rig) converge(src string) *plans.Plan {
	r.t.Helper()
	r.write(src)
	p := r.plan(engine.PlanOptions{})
	r.apply(p)
	r.empty()
	return p
}

func (r *rig) empty() {
	r.t.Helper()
	if p := r.plan(engine.PlanOptions{}); !p.Empty() || len(p.Drift) > 0 {
		r.t.Fatalf("the next plan is not empty: %s", summary(p))
	}
}

func summary(p *plans.Plan) string {
	var b strings.Builder
	for _, c := range p.Changes {
		if !c.PreviousAddr.IsZero() {
			fmt.Fprintf(&b, "%s moves to %s\n", c.PreviousAddr, c.Addr)
		}
		if c.Action != plans.NoOp {
			fmt.Fprintf(&b, "%s %s (%s)\n", c.Action.Symbol(), c.Addr, c.Reason)
		}
	}
	for _, o := range p.Outputs {
		if o.Changed() {
			fmt.Fprintf(&b, "output %s\n", o.Name)
		}
	}
	return b.String()
}

const three = `
resource "memory_object" "a" {
  name  = "a"
  input = "1"
}
resource "memory_object" "b" {
  name  = "b"
  input = memory_object.a.id
}
resource "memory_object" "c" {
  name  = "c"
  input = { from = memory_object.b.input }
}
output "last" { value = memory_object.c.id }
`

func TestApplyFollowsReferences(t *testing.T) {
	r := newRig(t)
	p := r.converge(three)
	if got, want := p.Counts(), (plans.Counts{Create: 3}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	if got := strings.Join(r.world.Log(), ", "); got != "create a, create b, create c" {
		t.Errorf("writes: %s", got)
	}
}

func TestRemovedBlocksGoDependentsFirst(t *testing.T) {
	r := newRig(t)
	r.converge(three)
	r.world.Log()
	r.converge(`output "last" { value = "none" }`)
	if got := strings.Join(r.world.Log(), ", "); got != "delete c, delete b, delete a" {
		t.Errorf("writes: %s", got)
	}
}

func TestDestroy(t *testing.T) {
	r := newRig(t)
	r.converge(three)
	r.world.Log()
	r.apply(r.plan(engine.PlanOptions{Mode: plans.Destroy}))
	if got := strings.Join(r.world.Log(), ", "); got != "delete c, delete b, delete a" {
		t.Errorf("writes: %s", got)
	}
	snap, err := r.store.Snapshot(context.Background())
	if err != nil || len(snap.Records) != 0 || len(snap.Outputs) != 0 {
		t.Errorf("left: %v %v %v", snap.Records, snap.Outputs, err)
	}
}

func TestReplaceAndDependents(t *testing.T) {
	r := newRig(t)
	r.converge(three)
	r.world.Log()
	p := r.converge(strings.Replace(three, `name  = "a"`, `name  = "A"`, 1))
	if got, want := p.Counts(), (plans.Counts{Replace: 1, Update: 2}); got != want {
		t.Errorf("counts %+v, want %+v: %s", got, want, summary(p))
	}
	if got := strings.Join(r.world.Log(), ", "); got != "delete a, create A, update b, update c" {
		t.Errorf("writes: %s", got)
	}
}

func TestReferrerIsUpdatedBeforeDeletion(t *testing.T) {
	r := newRig(t)
	r.converge(three)
	r.world.Log()
	r.converge(`
resource "memory_object" "c" {
  name  = "c"
  input = "free"
}`)
	if got := strings.Join(r.world.Log(), ", "); got != "update c, delete b, delete a" {
		t.Errorf("writes: %s", got)
	}
}

func TestFailureStopsDependentsOnly(t *testing.T) {
	r := newRig(t)
	r.write(three + `
resource "memory_object" "z" { name = "z" }
`)
	r.world.SetFault(func(op, name string) (error, bool) {
		if op == "create" && name == "b" {
			return errors.New("no"), false
		}
		return nil, false
	})
	p := r.plan(engine.PlanOptions{})
	res, ds := r.tryApply(p)
	if !ds.HasErrors() || res.Outcome != state.Failed {
		t.Fatalf("outcome %v, %v", res.Outcome, ds)
	}
	if len(res.Failed) != 1 || len(res.Skipped) != 1 || res.Skipped[0].Cause.String() != "memory_object.b" {
		t.Errorf("failed %v, skipped %v", res.Failed, res.Skipped)
	}
	if got := fmt.Sprint(r.world.Names()); got != "[a z]" {
		t.Errorf("objects %s", got)
	}
	r.world.SetFault(nil)
	res = r.apply(p) // the same plan continues
	if res.Summary.Created != 2 {
		t.Errorf("continued: %+v", res.Summary)
	}
	r.empty()
	res = r.apply(p)
	if res.AlreadyApplied == 0 {
		t.Errorf("applied again: %+v", res)
	}
}

func TestLostAnswerIsAdopted(t *testing.T) {
	r := newRig(t)
	r.write(three)
	r.world.SetFault(func(op, name string) (error, bool) { return errIf(name == "a" && op == "create"), true })
	_, ds := r.tryApply(r.plan(engine.PlanOptions{}))
	if !ds.HasErrors() {
		t.Fatal("the fault did not show")
	}
	r.world.SetFault(nil)
	r.open()
	p := r.plan(engine.PlanOptions{})
	r.apply(p)
	r.empty()
	if n := len(r.world.Names()); n != 3 {
		t.Errorf("%d objects", n)
	}
}

func TestInspectionIsPartOfLookingForDrift(t *testing.T) {
	r := newRig(t)
	r.converge(three)
	p := r.plan(engine.PlanOptions{Mode: plans.RefreshOnly})
	if len(p.Findings) > 0 || p.Drifted() != 0 || len(p.Gauges) != 2 {
		t.Fatalf("a system as it should be has the findings %v, %d drifted, gauges %v", p.Findings, p.Drifted(), p.Gauges)
	}
	r.world.Put("stranger", memory.Object{Input: `{"value":"x","type":"string"}`})
	p = r.plan(engine.PlanOptions{Mode: plans.RefreshOnly})
	if len(p.Findings) != 1 || p.Findings[0].Object != "object stranger" || p.Findings[0].Severity != plans.SeverityDrift || p.Drifted() != 1 || len(p.Drift) != 0 {
		t.Fatalf("findings %v, %d drifted, drift %v", p.Findings, p.Drifted(), p.Drift)
	}
	if g := p.Gauges[0]; g.Name != "memory_objects" || g.Value != float64(len(r.world.Names())) {
		t.Errorf("gauge %v", g)
	}
	if g := p.Gauges[1]; g.Value != 3 || g.Labels["lineage"] == "" {
		t.Errorf("gauge %v", g)
	}
	if p := r.plan(engine.PlanOptions{}); len(p.Findings) > 0 || !p.Empty() {
		t.Errorf("a plan that does not look for drift has findings: %v", p.Findings)
	}
	if p := r.plan(engine.PlanOptions{Mode: plans.RefreshOnly, Targets: []string{"memory_object.a"}}); len(p.Findings) > 0 {
		t.Errorf("a look at one instance found %v", p.Findings)
	}
	r.world.SetFault(func(op, _ string) (error, bool) { return errIf(op == "inspect"), false })
	if _, ds := r.tryPlan(engine.PlanOptions{Mode: plans.RefreshOnly}); !ds.HasErrors() {
		t.Error("an inspection that failed gives no error")
	}
}

func errIf(b bool) error {
	if b {
		return errors.New("answer lost")
	}
	return nil
}

func TestDriftIsFoundAndRepaired(t *testing.T) {
	r := newRig(t)
	r.converge(three)
	o := r.world.Objects()["a"]
	o.Input = `{"value":"hacked","type":"string"}`
	r.world.Put("a", o)
	p := r.plan(engine.PlanOptions{})
	if len(p.Drift) != 1 || p.Drift[0].Addr.String() != "memory_object.a" || p.Counts().Update != 1 {
		t.Fatalf("drift %v, %s", p.Drift, summary(p))
	}
	r.apply(p)
	r.empty()
	r.world.Remove("c")
	p = r.plan(engine.PlanOptions{})
	if len(p.Drift) != 1 || p.Counts().Create != 1 {
		t.Fatalf("drift %v, %s", p.Drift, summary(p))
	}
	r.apply(p)
	r.empty()
}

func TestForEachAndCount(t *testing.T) {
	r := newRig(t)
	src := `
locals { names = toset(["x", "y"]) }
resource "memory_object" "a" {
  for_each = local.names
  name     = "a-${each.key}"
}
resource "memory_object" "b" {
  for_each = local.names
  name     = "b-${each.key}"
  input    = memory_object.a[each.key].id
}
resource "memory_object" "n" {
  count = 3
  name  = "n-${count.index}"
}
output "all" { value = memory_object.n[*].name }
`
	p := r.converge(src)
	if p.Counts().Create != 7 {
		t.Errorf("counts %+v", p.Counts())
	}
	for _, c := range p.Changes {
		if c.Addr.String() == `memory_object.b["x"]` && (len(c.DependsOn) != 1 || c.DependsOn[0].String() != `memory_object.a["x"]`) {
			t.Errorf("dependencies of b[x]: %v", c.DependsOn)
		}
	}
	p = r.converge(strings.NewReplacer(`["x", "y"]`, `["y"]`, "count = 3", "count = 1").Replace(src))
	if p.Counts().Delete != 4 {
		t.Errorf("counts %+v: %s", p.Counts(), summary(p))
	}
}

func TestTagsAndInversion(t *testing.T) {
	r := newRig(t)
	r.converge(`
resource "memory_object" "server" { name = "server" }
resource "memory_object" "policy" {
  name   = "policy"
  guards = memory_object.server.name
}
resource "memory_object" "z_ns" {
  name     = "ns"
  provides = ["ns"]
}
resource "memory_object" "a_content" {
  name  = "content"
  after = ["ns"]
}
resource "memory_object" "first" {
  name   = "first"
  before = ["ns"]
}`)
	log := r.world.Log()
	if !ordered(log, "create policy", "create server") || !ordered(log, "create first", "create ns", "create content") {
		t.Errorf("up: %v", log)
	}
	r.apply(r.plan(engine.PlanOptions{Mode: plans.Destroy}))
	log = r.world.Log()
	if !ordered(log, "delete server", "delete policy") || !ordered(log, "delete content", "delete ns", "delete first") {
		t.Errorf("down: %v", log)
	}
}

func ordered(log []string, want ...string) bool {
	at := -1
	for _, w := range want {
		found := -1
		for i, l := range log {
			if l == w {
				found = i
			}
		}
		if found <= at {
			return false
		}
		at = found
	}
	return true
}

func TestRollback(t *testing.T) {
	r := newRig(t)
	r.converge(three)
	before := r.world.Objects()
	r.converge(strings.NewReplacer(`"1"`, `"2"`, `name  = "c"`, `name  = "C"`).Replace(three) + `
resource "memory_object" "new" { name = "new" }`)
	r.world.Log()
	c := r.load()
	p, ds := r.engine.Rollback(context.Background(), c, engine.RollbackOptions{Inputs: r.inputs})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	r.apply(p)
	if log := r.world.Log(); !ordered(log, "delete C", "update a") {
		t.Errorf("writes: %v", log)
	}
	after := r.world.Objects()
	for name, o := range before {
		if after[name].Input != o.Input {
			t.Errorf("%s is %s, was %s", name, after[name].Input, o.Input)
		}
	}
	if len(after) != len(before) {
		t.Errorf("objects %v", r.world.Names())
	}
	r.write(three)
	if p := r.plan(engine.PlanOptions{}); p.Counts().Total() > 0 { // the output shows the new identity of c
		t.Errorf("the next plan is not empty: %s", summary(p))
	}
}

func TestRollbackOfFirstRunEmptiesTheWorld(t *testing.T) {
	r := newRig(t)
	r.converge(three)
	r.world.Log()
	c := r.load()
	p, ds := r.engine.Rollback(context.Background(), c, engine.RollbackOptions{Inputs: r.inputs})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	r.apply(p)
	if got := strings.Join(r.world.Log(), ", "); got != "delete c, delete b, delete a" {
		t.Errorf("writes: %s", got)
	}
}

func TestSecretsStayOut(t *testing.T) {
	r := newRig(t)
	src := `
variable "password" {
  type      = string
  sensitive = true
  default   = "hunter2-planted"
}
resource "memory_object" "a" {
  name   = "a"
  secret = var.password
  input  = { nested = var.password }
}
resource "memory_object" "b" {
  name   = "b"
  secret = memory_object.a.secret
}`
	r.converge(src)
	r.converge(strings.Replace(src, "hunter2", "hunter3", 1))
	if got := r.world.Objects()["b"].Secret; got != "hunter3-planted" {
		t.Errorf("secret of b: %q", got)
	}
	err := filepath.WalkDir(filepath.Join(r.dir, ".meshplan"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), "planted") {
			t.Errorf("a secret stands in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStalePlanIsRefused(t *testing.T) {
	r := newRig(t)
	r.converge(three)
	r.write(strings.Replace(three, `"1"`, `"2"`, 1))
	stale := r.plan(engine.PlanOptions{})
	r.apply(r.plan(engine.PlanOptions{Replace: []string{"memory_object.a"}}))
	_, ds := r.tryApply(stale)
	if !ds.HasErrors() || diag.CodeOf(ds[0]) != engine.CodeStale {
		t.Errorf("diagnostics %v", ds)
	}
}

func TestProtectionOutlivesItsBlock(t *testing.T) {
	r := newRig(t)
	r.converge(`
resource "memory_object" "a" {
  name = "a"
  lifecycle { prevent_destroy = true }
}`)
	r.write(``)
	r.write(`locals { x = 1 }`)
	_, ds := r.tryPlan(engine.PlanOptions{})
	if !ds.HasErrors() || diag.CodeOf(ds[0]) != engine.CodeProtected {
		t.Errorf("diagnostics %v", ds)
	}
}

func TestWrongClusterIsRefused(t *testing.T) {
	r := newRig(t)
	src := "provider \"memory\" {\n  identity = \"one\"\n}\n" + three
	r.converge(src)
	r.write(strings.Replace(src, `"one"`, `"two"`, 1))
	_, ds := r.tryPlan(engine.PlanOptions{})
	if !ds.HasErrors() || diag.CodeOf(ds[0]) != engine.CodeCluster {
		t.Errorf("diagnostics %v", ds)
	}
}

func TestCycleNamesEveryMember(t *testing.T) {
	r := newRig(t)
	r.write(`
resource "memory_object" "a" {
  name  = "a"
  input = memory_object.b.id
}
locals { via = memory_object.a.id }
resource "memory_object" "b" {
  name  = "b"
  input = local.via
}`)
	_, ds := r.tryPlan(engine.PlanOptions{})
	if !ds.HasErrors() || diag.CodeOf(ds[0]) != engine.CodeCycle {
		t.Fatalf("diagnostics %v", ds)
	}
	for _, want := range []string{"memory_object.a", "memory_object.b", "local.via", "main.mesh.hcl:6"} {
		if !strings.Contains(ds[0].Detail, want) {
			t.Errorf("%q is not in %q", want, ds[0].Detail)
		}
	}
}

func TestDataSourceWaitsForChanges(t *testing.T) {
	r := newRig(t)
	src := three + `
data "memory_object" "d" {
  name       = "a"
  depends_on = [memory_object.a]
}
output "d" { value = data.memory_object.d.id }`
	p := r.converge(src)
	if p.Counts().Read != 1 {
		t.Errorf("counts %+v", p.Counts())
	}
}

func TestStopFinishesWhatIsInFlight(t *testing.T) {
	r := newRig(t)
	r.write(three)
	p := r.plan(engine.PlanOptions{})
	stop := make(chan struct{})
	r.world.SetFault(func(op, name string) (error, bool) {
		if op == "create" && name == "a" {
			close(stop)
			time.Sleep(20 * time.Millisecond) // the walk must have seen the stop before the step ends
		}
		return nil, false
	})
	res, _ := r.engine.Apply(context.Background(), r.load(), p, engine.ApplyOptions{Inputs: r.inputs, Stop: stop})
	if res.Outcome != state.Interrupted || res.Summary.Created != 1 || len(res.Canceled) != 2 {
		t.Errorf("result %+v", res)
	}
	r.world.SetFault(nil)
	r.apply(r.plan(engine.PlanOptions{}))
	r.empty()
}

func TestStopEndsWaits(t *testing.T) {
	r := newRig(t)
	r.write(three)
	p := r.plan(engine.PlanOptions{})
	stop := make(chan struct{})
	r.world.SetWait(func(ctx context.Context, name string) error {
		close(stop)
		<-ctx.Done()
		return context.Cause(ctx)
	})
	res, _ := r.engine.Apply(context.Background(), r.load(), p, engine.ApplyOptions{Inputs: r.inputs, Stop: stop})
	if res.Outcome != state.Interrupted || len(res.Failed) != 1 || len(r.world.Names()) != 1 {
		t.Errorf("result %+v, objects %v", res, r.world.Names())
	}
	snap, err := r.store.Snapshot(context.Background())
	if err != nil || len(snap.Records) != 1 || snap.Records[0].Status != state.Incomplete || len(snap.Unresolved) != 0 {
		t.Errorf("state %+v, %v", snap, err)
	}
	r.world.SetWait(nil)
	r.apply(r.plan(engine.PlanOptions{}))
	r.empty()
}

func TestTargets(t *testing.T) {
	r := newRig(t)
	r.write(three)
	p := r.plan(engine.PlanOptions{Targets: []string{"memory_object.b"}})
	if p.Counts().Create != 2 {
		t.Fatalf("%s", summary(p))
	}
	r.apply(p)
	_, ds := r.tryPlan(engine.PlanOptions{Targets: []string{"memory_object.bb"}})
	if !ds.HasErrors() || diag.CodeOf(ds[0]) != engine.CodeTarget || !strings.Contains(ds[0].Detail, "Did you mean") {
		t.Errorf("diagnostics %v", ds)
	}
}

func TestRollbackOnFailure(t *testing.T) {
	r := newRig(t)
	r.write(three)
	r.world.SetFault(func(op, name string) (error, bool) { return errIf(name == "c" && op == "create"), false })
	p := r.plan(engine.PlanOptions{})
	res, _ := r.engine.Apply(context.Background(), r.load(), p, engine.ApplyOptions{Inputs: r.inputs, RollbackOnFailure: true})
	if res.RolledBack == nil || res.RolledBack.Outcome != state.Succeeded || len(r.world.Names()) != 0 {
		t.Errorf("result %+v, objects %v", res.RolledBack, r.world.Names())
	}
}
