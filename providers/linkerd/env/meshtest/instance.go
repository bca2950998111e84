package meshtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
)

// Instance is one resource instance with its record. It plans, applies and reads as the engine does. It is not safe for
// concurrent use.
type Instance struct {
	T     testing.TB
	Type  providers.ResourceType
	Owner providers.Owner
	// Value and Private are the record; Value is null when there is none.
	Value   cty.Value
	Private []byte
	// Incomplete says that the last application failed half-way.
	Incomplete bool
	Step       *Step
}

// NewInstance makes an instance without a record.
func NewInstance(t testing.TB, rt providers.ResourceType, address string) *Instance {
	t.Helper()
	a, err := addr.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return &Instance{T: t, Type: rt, Value: rt.Schema().Block.Null(), Step: &Step{},
		Owner: providers.Owner{Lineage: "lineage-of-" + t.Name(), Address: a, Key: []byte("key")}}
}

// Config decodes the content of a resource block.
func (in *Instance) Config(body string) cty.Value {
	in.T.Helper()
	return Decode(in.T, in.Type.Schema(), body)
}

// Decode decodes and validates the content of a block.
func Decode(t testing.TB, s *schema.Resource, body string) cty.Value {
	t.Helper()
	v, ds := TryDecode(t, s, body)
	Fail(t, ds)
	return v
}

// TryDecode is Decode for content that may be wrong: it returns what is found.
func TryDecode(t testing.TB, s *schema.Resource, body string) (cty.Value, hcl.Diagnostics) {
	t.Helper()
	f, ds := hclsyntax.ParseConfig([]byte(body), "test.mesh.hcl", hcl.InitialPos)
	Fail(t, ds)
	v, ds := s.Block.Decode(f.Body, nil)
	if ds.HasErrors() {
		return v, ds
	}
	v, _ = v.UnmarkDeep()
	if s.Validate != nil {
		for _, p := range s.Validate(v) {
			severity := hcl.DiagError
			if p.Warning {
				severity = hcl.DiagWarning
			}
			ds = append(ds, &hcl.Diagnostic{Severity: severity, Summary: p.Summary, Detail: p.Detail})
		}
	}
	return v, ds
}

// Eventually waits up to 30 seconds for a condition.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen that %s", what)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(context.Cause(t.Context()))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Plan plans a configuration.
func (in *Instance) Plan(config cty.Value) (providers.PlanResponse, hcl.Diagnostics) {
	in.T.Helper()
	return in.Type.Plan(in.T.Context(), providers.PlanRequest{Owner: in.Owner, Prior: in.Value, Config: config,
		Proposed: in.Type.Schema().Block.Propose(in.Value, config), Private: in.Private, Incomplete: in.Incomplete})
}

// Apply plans and applies a configuration, and checks that what was known in the plan is what came out.
func (in *Instance) Apply(ctx context.Context, config cty.Value) (providers.PlanResponse, hcl.Diagnostics) {
	in.T.Helper()
	plan, ds := in.Plan(config)
	Fail(in.T, ds)
	done, ds := in.Type.Apply(ctx, providers.ApplyRequest{Owner: in.Owner, Prior: in.Value, Config: config, Planned: plan.Planned,
		PriorPrivate: in.Private, PlannedPrivate: plan.Private, Step: in.Step})
	in.Incomplete = ds.HasErrors()
	if !ds.HasErrors() {
		if !done.Value.IsWhollyKnown() {
			in.T.Errorf("the applied value holds unknowns: %#v", done.Value)
		}
		for name, want := range plan.Planned.AsValueMap() {
			if got := done.Value.GetAttr(name); want.IsWhollyKnown() && !got.RawEquals(want) {
				in.T.Errorf("planned %s = %#v, applied %#v", name, want, got)
			}
		}
	}
	in.Value, in.Private = done.Value, done.Private
	return plan, ds
}

// Read refreshes the record.
func (in *Instance) Read() {
	in.T.Helper()
	out, ds := in.Type.Read(in.T.Context(), []providers.ReadRequest{{Owner: in.Owner, Value: in.Value, Private: in.Private}})
	Fail(in.T, append(ds, out[0].Diagnostics...))
	in.Value, in.Private = out[0].Value, out[0].Private
}

// WantEmpty fails unless reading and planning again find nothing to do.
func (in *Instance) WantEmpty(config cty.Value) {
	in.T.Helper()
	before := in.Value
	in.Read()
	if !in.Value.RawEquals(before) {
		in.T.Errorf("drift: %s", strings.Join(differing(before, in.Value), ", "))
	}
	plan, ds := in.Plan(config)
	Fail(in.T, ds)
	if !plan.Planned.RawEquals(in.Value) || plan.Again != "" || plan.Restarts > 0 {
		in.T.Errorf("the second plan is not empty: %s (again %q, %d restarts)", strings.Join(differing(in.Value, plan.Planned), ", "), plan.Again, plan.Restarts)
	}
}

// Destroy plans and applies the deletion.
func (in *Instance) Destroy(ctx context.Context) (providers.PlanResponse, hcl.Diagnostics) {
	in.T.Helper()
	null := in.Type.Schema().Block.Null()
	plan, ds := in.Type.Plan(in.T.Context(), providers.PlanRequest{Owner: in.Owner, Prior: in.Value, Config: null, Proposed: null, Private: in.Private})
	Fail(in.T, ds)
	done, ds := in.Type.Apply(ctx, providers.ApplyRequest{Owner: in.Owner, Prior: in.Value, Config: null, Planned: null,
		PriorPrivate: in.Private, PlannedPrivate: plan.Private, Step: in.Step})
	if !ds.HasErrors() && !done.Value.IsNull() {
		in.T.Error("a deleted instance still has a value")
	}
	in.Value, in.Private = done.Value, done.Private
	return plan, ds
}

func differing(a, b cty.Value) []string {
	if a.IsNull() || b.IsNull() {
		return []string{"existence"}
	}
	var out []string
	for name, was := range a.AsValueMap() {
		if now := b.GetAttr(name); !was.RawEquals(now) {
			out = append(out, name+": "+was.GoString()+" → "+now.GoString())
		}
	}
	slices.Sort(out)
	return out
}

// Step records what Apply tells the engine. The zero value is ready for use; it is safe for concurrent use.
type Step struct {
	mu          sync.Mutex // guards all fields
	messages    []string
	checkpoints int
	released    bool
	// OnCheckpoint is called for every checkpoint, and may be nil.
	OnCheckpoint func(n int)
}

// Progress implements providers.Step.
func (s *Step) Progress(p providers.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := p.Message
	if p.Total > 0 {
		text = fmt.Sprintf("%d/%d %s", p.Done, p.Total, text)
	}
	if len(s.messages) == 0 || s.messages[len(s.messages)-1] != text {
		s.messages = append(s.messages, text)
	}
}

// Checkpoint implements providers.Step.
func (s *Step) Checkpoint(cty.Value, []byte) error {
	s.mu.Lock()
	s.checkpoints++
	n := s.checkpoints
	s.mu.Unlock()
	if s.OnCheckpoint != nil {
		s.OnCheckpoint(n)
	}
	return nil
}

// Release implements providers.Step.
func (s *Step) Release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.released = true
}

// Messages returns the progress so far, repetitions left out.
func (s *Step) Messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Released reports whether the slot for writes was given back.
func (s *Step) Released() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.released
}

// Checkpoints returns how often the value was recorded.
func (s *Step) Checkpoints() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.checkpoints
}
