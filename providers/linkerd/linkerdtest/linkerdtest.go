// Package linkerdtest is test support: it walks one resource instance of the Linkerd provider through plan, apply,
// read and delete as the engine would, against a real API server, and remembers everything that left the provider.
//
// The central idea: a test says in HCL what it wants and the Instance checks what every type promises anyway: known
// values of a plan are the values after apply, and nothing is left to do afterwards.
package linkerdtest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
)

// Log is everything that a provider has let out. It is safe for concurrent use. The zero value is empty.
type Log struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

// Add remembers something.
func (l *Log) Add(v any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch v := v.(type) {
	case cty.Value:
		plain, _ := v.UnmarkDeep()
		fmt.Fprintf(&l.text, "%#v\n", plain)
	case []byte:
		fmt.Fprintf(&l.text, "%s\n", v)
	case hcl.Diagnostics:
		for _, d := range v {
			fmt.Fprintf(&l.text, "%s\n%s\n%v\n", d.Summary, d.Detail, d.Extra)
		}
	default:
		fmt.Fprintf(&l.text, "%+v\n", v)
	}
}

// MustNotContain fails the test when a secret was let out in any form that a reader could use: as it is, in base64,
// line by line, or escaped.
func (l *Log) MustNotContain(t testing.TB, what string, secret []byte) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(secret) < 16 {
		t.Fatalf("%s: a secret of %d bytes proves nothing", what, len(secret))
	}
	forms := []string{string(secret), base64.StdEncoding.EncodeToString(secret)}
	escaped, err := json.Marshal(string(secret))
	if err != nil {
		t.Fatal(err)
	}
	forms = append(forms, strings.Trim(string(escaped), `"`))
	for _, line := range strings.Split(string(secret), "\n") {
		if len(line) >= 16 && !strings.HasPrefix(line, "-----") && !public(secret, line) {
			forms = append(forms, line)
		}
	}
	for _, f := range forms {
		if bytes.Contains(l.text.Bytes(), []byte(f)) {
			t.Errorf("%s was let out", what)
			return
		}
	}
}

// public reports whether a line of a PEM private key holds nothing but bytes of its public key, which certificates show as
// well.
func public(key []byte, line string) bool {
	block, _ := pem.Decode(key)
	if block == nil {
		return false
	}
	var public any
	if k, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		if s, ok := k.(crypto.Signer); ok {
			public = s.Public()
		}
	} else if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		public = k.Public()
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return false
	}
	raw, err := base64.StdEncoding.DecodeString(line)
	return err == nil && bytes.Contains(der, raw)
}

// Len returns how many bytes were let out, so that a test can see that the log was in use.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Len()
}

// String returns everything that was let out.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Instance is one resource instance as the engine keeps it. Its methods belong to one goroutine.
type Instance struct {
	Type       providers.ResourceType
	Owner      providers.Owner
	Value      cty.Value // as recorded: what is sensitive is null
	Private    []byte
	Incomplete bool
	Offline    bool // plan without the network
	Log        *Log
	// Scope holds what the configuration may refer to.
	Scope map[string]cty.Value
}

// New returns an instance that does not exist yet.
func New(typ providers.ResourceType, name string, log *Log) *Instance {
	return &Instance{
		Type: typ, Log: log, Value: typ.Schema().Block.Null(), Scope: map[string]cty.Value{},
		Owner: providers.Owner{Lineage: "f2a1c1de-test", Key: []byte("0123456789abcdef0123456789abcdef"),
			Address: addr.Resource{Mode: addr.Managed, Type: "linkerd_test", Name: name}.Instance(addr.NoKey)},
	}
}

// Decode evaluates a configuration written in HCL.
func (i *Instance) Decode(t testing.TB, config string) cty.Value {
	t.Helper()
	return Decode(t, i.Type.Schema(), config, i.Scope)
}

// Decode evaluates the body of a block against a schema.
func Decode(t testing.TB, s *schema.Resource, config string, scope map[string]cty.Value) cty.Value {
	t.Helper()
	f, ds := hclsyntax.ParseConfig([]byte(config), "test.hcl", hcl.InitialPos)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	v, ds := s.Block.Decode(f.Body, &hcl.EvalContext{Variables: scope})
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	if s.Validate != nil {
		plain, _ := v.UnmarkDeep()
		for _, p := range s.Validate(plain) {
			t.Fatalf("%s: %s", p.Summary, p.Detail)
		}
	}
	v, _ = v.UnmarkDeep()
	return v
}

// Plan plans a configuration.
func (i *Instance) Plan(t testing.TB, config string) (providers.PlanResponse, hcl.Diagnostics) {
	t.Helper()
	return i.plan(t.Context(), i.Decode(t, config))
}

func (i *Instance) plan(ctx context.Context, config cty.Value) (providers.PlanResponse, hcl.Diagnostics) {
	proposed := config
	if !config.IsNull() {
		proposed = i.Type.Schema().Block.Propose(i.Value, config)
	}
	resp, ds := i.Type.Plan(ctx, providers.PlanRequest{
		Owner: i.Owner, Prior: i.Value, Config: config, Proposed: proposed, Private: i.Private,
		Incomplete: i.Incomplete, Offline: i.Offline,
	})
	if resp.Planned != cty.NilVal {
		i.Log.Add(resp.Planned)
	}
	i.Log.Add(resp.Private)
	i.Log.Add(resp.Notes)
	i.Log.Add(ds)
	return resp, ds
}

// Apply plans and applies a configuration and proves that the plan kept its word. It returns the plan.
func (i *Instance) Apply(t testing.TB, config string) providers.PlanResponse {
	t.Helper()
	resp, ds := i.TryApply(t, config)
	if ds.HasErrors() {
		t.Fatalf("apply: %s", Text(ds))
	}
	return resp
}

// TryApply is Apply for steps that may fail; what they leave behind is recorded.
func (i *Instance) TryApply(t testing.TB, config string) (providers.PlanResponse, hcl.Diagnostics) {
	t.Helper()
	return i.step(t, i.Decode(t, config))
}

// Delete plans and applies the deletion.
func (i *Instance) Delete(t testing.TB) {
	t.Helper()
	if ds := i.TryDelete(t); ds.HasErrors() {
		t.Fatalf("delete: %s", Text(ds))
	}
}

// TryDelete is Delete for steps that may fail.
func (i *Instance) TryDelete(t testing.TB) hcl.Diagnostics {
	t.Helper()
	_, ds := i.step(t, i.Type.Schema().Block.Null())
	return ds
}

func (i *Instance) step(t testing.TB, config cty.Value) (providers.PlanResponse, hcl.Diagnostics) {
	t.Helper()
	plan, ds := i.plan(t.Context(), config)
	if ds.HasErrors() {
		return plan, ds
	}
	return plan, append(ds, i.Carry(t, config, plan)...)
}

// Carry applies a plan.
func (i *Instance) Carry(t testing.TB, config cty.Value, plan providers.PlanResponse) hcl.Diagnostics {
	t.Helper()
	planned := plan.Planned
	if !config.IsNull() {
		planned = fill(planned, config)
	}
	step := &recorder{instance: i}
	out, ds := i.Type.Apply(t.Context(), providers.ApplyRequest{
		Owner: i.Owner, Prior: i.Value, Config: config, Planned: planned, PriorPrivate: i.Private, PlannedPrivate: plan.Private, Step: step,
	})
	i.Log.Add(ds)
	i.Log.Add(out.Private)
	if out.Value == cty.NilVal {
		t.Fatal("apply returned no value")
	}
	i.Log.Add(out.Value)
	if !ds.HasErrors() && !config.IsNull() {
		if !out.Value.IsWhollyKnown() {
			t.Errorf("apply returned unknowns: %#v", out.Value)
		}
		plain, _ := out.Value.UnmarkDeep()
		want, _ := planned.UnmarkDeep()
		for name, v := range want.AsValueMap() {
			if v.IsWhollyKnown() && !v.RawEquals(plain.GetAttr(name)) && !Recorded(v).RawEquals(Recorded(out.Value.GetAttr(name))) {
				t.Errorf("attribute %s was planned as %#v and became %#v", name, v, plain.GetAttr(name))
			}
		}
	}
	i.Incomplete = ds.HasErrors() && !out.Value.IsNull()
	i.Value, i.Private = Recorded(out.Value), out.Private
	return ds
}

// fill puts configured values where the plan did not know them yet.
func fill(planned, config cty.Value) cty.Value {
	m := planned.AsValueMap()
	for name, v := range config.AsValueMap() {
		if !m[name].IsWhollyKnown() && !v.IsNull() && v.IsWhollyKnown() {
			m[name] = v
		}
	}
	return cty.ObjectVal(m)
}

// Recorded is what a state keeps of a value: sensitive leaves are null.
func Recorded(v cty.Value) cty.Value {
	out, err := cty.Transform(v, func(_ cty.Path, e cty.Value) (cty.Value, error) {
		if schema.IsSensitive(e) && (e.Type().IsPrimitiveType() || e.IsNull()) {
			plain, _ := e.Unmark()
			return cty.NullVal(plain.Type()), nil
		}
		return e, nil
	})
	if err != nil {
		panic(err) // the function returns none
	}
	out, _ = out.UnmarkDeep()
	return out
}

// Refresh reads the instance.
func (i *Instance) Refresh(t testing.TB) hcl.Diagnostics {
	t.Helper()
	return i.refresh(t, false)
}

// Recover reads the instance as after a kill whose outcome is unknown: only the planned value is at hand.
func (i *Instance) Recover(t testing.TB, planned cty.Value) hcl.Diagnostics {
	t.Helper()
	i.Value, i.Private = planned, nil
	return i.refresh(t, true)
}

func (i *Instance) refresh(t testing.TB, unresolved bool) hcl.Diagnostics {
	t.Helper()
	out, ds := i.Type.Read(t.Context(), []providers.ReadRequest{{Owner: i.Owner, Value: i.Value, Private: i.Private, Unresolved: unresolved}})
	i.Log.Add(ds)
	if ds.HasErrors() {
		return ds
	}
	if len(out) != 1 {
		t.Fatalf("read answered %d of 1", len(out))
	}
	ds = append(ds, out[0].Diagnostics...)
	i.Log.Add(out[0].Diagnostics)
	i.Log.Add(out[0].Private)
	i.Log.Add(out[0].Value)
	if !ds.HasErrors() {
		i.Value, i.Private = Recorded(out[0].Value), out[0].Private
	}
	return ds
}

// MustBeUnchanged proves that nothing is left to do.
func (i *Instance) MustBeUnchanged(t testing.TB, config string) {
	t.Helper()
	if ds := i.Refresh(t); ds.HasErrors() {
		t.Fatalf("read: %s", Text(ds))
	}
	plan, ds := i.Plan(t, config)
	if ds.HasErrors() {
		t.Fatalf("plan: %s", Text(ds))
	}
	if plan.Again != "" {
		t.Errorf("the plan asks for the step again: %s", plan.Again)
	}
	if !Recorded(plan.Planned).RawEquals(i.Value) {
		t.Errorf("the second plan is not empty: %s", Difference(i.Value, Recorded(plan.Planned)))
	}
}

// Difference names the attributes in which two values differ.
func Difference(a, b cty.Value) string {
	if a.IsNull() || b.IsNull() {
		return fmt.Sprintf("%#v and %#v", a, b)
	}
	var out []string
	other := b.AsValueMap()
	for name, v := range a.AsValueMap() {
		if o, ok := other[name]; !ok || !v.RawEquals(o) {
			if ok && v.Type().IsObjectType() && o.Type().IsObjectType() && v.IsKnown() && o.IsKnown() && !v.IsNull() && !o.IsNull() {
				out = append(out, name+": "+Difference(v, o))
				continue
			}
			out = append(out, fmt.Sprintf("%s: %#v and %#v", name, v, o))
		}
	}
	for name := range other {
		if !a.Type().HasAttribute(name) {
			out = append(out, name+": only in the second")
		}
	}
	return strings.Join(out, "; ")
}

// Get returns a recorded string attribute.
func (i *Instance) Get(name string) string {
	if i.Value.IsNull() || i.Value.GetAttr(name).IsNull() {
		return ""
	}
	return i.Value.GetAttr(name).AsString()
}

// Text joins diagnostics for a failing test.
func Text(ds hcl.Diagnostics) string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Summary+": "+d.Detail)
	}
	return strings.Join(out, "\n")
}

// recorder is a providers.Step that remembers.
type recorder struct{ instance *Instance }

// Progress implements providers.Step.
func (r *recorder) Progress(p providers.Progress) { r.instance.Log.Add(p) }

// Checkpoint implements providers.Step.
func (r *recorder) Checkpoint(value cty.Value, private []byte) error {
	r.instance.Log.Add(value)
	r.instance.Log.Add(private)
	return nil
}

// Release implements providers.Step.
func (r *recorder) Release() {}
