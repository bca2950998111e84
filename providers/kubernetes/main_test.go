package kubernetes_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.Options{}) }

// lab drives one provider as the engine does: it strips marks, keeps records, and forgets what is sensitive.
type lab struct {
	t        *testing.T
	provider providers.Provider
	ns       string
	log      *recorder
}

// recorder is a Step that keeps everything said.
type recorder struct {
	mu       sync.Mutex // guards the rest
	said     []string
	kept     int
	released bool
}

func (r *recorder) Progress(p providers.Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, p.Message)
}

func (r *recorder) Checkpoint(_ cty.Value, private []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, string(private))
	r.kept++
	return nil
}

func (r *recorder) Release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.released = true
}

func newLab(t *testing.T) *lab {
	t.Helper()
	t.Parallel()
	return &lab{t, connected(t, testenv.Kubeconfig(t)), testenv.Namespace(t), &recorder{}}
}

func connected(t testing.TB, kubeconfig string) providers.Provider {
	t.Helper()
	p := kubernetes.New(kube.NewPool(kube.Options{Kubeconfig: kubeconfig}), func() string { return "." })()
	must(t, p.Configure(context.Background(), decode(t, p.Schema(), "")))
	return p
}

// again is the same in a new process.
func (l *lab) again() *lab {
	out := *l
	out.provider = connected(l.t, testenv.Kubeconfig(l.t))
	return &out
}

// record is what the engine keeps of an instance.
type record struct {
	value   cty.Value
	private []byte
}

func (l *lab) owner(address string) providers.Owner {
	a, err := addr.Parse(address)
	if err != nil {
		l.t.Fatal(err)
	}
	return providers.Owner{Lineage: "lineage of " + l.t.Name(), Address: a, Key: []byte("key")}
}

func (l *lab) kind(address string) providers.ResourceType {
	name, _, _ := strings.Cut(address, ".")
	return l.provider.ResourceTypes()[name]
}

// config decodes the body of a block; NS stands for the test's namespace.
func (l *lab) config(address, body string) cty.Value {
	l.t.Helper()
	return decode(l.t, &l.kind(address).Schema().Block, strings.ReplaceAll(body, "NS", l.ns))
}

func decode(t testing.TB, b *schema.Block, body string) cty.Value {
	t.Helper()
	f, ds := hclsyntax.ParseConfig([]byte(body), "test.hcl", hcl.InitialPos)
	must(t, ds)
	v, ds := b.Decode(f.Body, nil)
	must(t, ds)
	v, _ = v.UnmarkDeep()
	return v
}

// plan asks for a plan; marks are taken off, as the engine does before it compares.
func (l *lab) plan(address string, prior record, config cty.Value) (providers.PlanResponse, hcl.Diagnostics) {
	l.t.Helper()
	kind := l.kind(address)
	if prior.value == cty.NilVal {
		prior.value = kind.Schema().Block.Null()
	}
	req := providers.PlanRequest{Owner: l.owner(address), Prior: prior.value, Config: config, Private: prior.private}
	if config == cty.NilVal {
		req.Config = kind.Schema().Block.Null()
		req.Proposed = req.Config
	} else {
		req.Proposed = kind.Schema().Block.Propose(prior.value, config)
	}
	out, ds := kind.Plan(l.t.Context(), req)
	for _, d := range ds {
		l.log.said = append(l.log.said, d.Detail)
	}
	l.log.said = append(l.log.said, string(out.Private))
	l.log.said = append(l.log.said, out.Notes...)
	if !ds.HasErrors() {
		out.Planned, _ = out.Planned.UnmarkDeep()
	}
	return out, ds
}

// apply plans and applies; config NilVal deletes.
func (l *lab) apply(address string, prior record, config cty.Value) record {
	l.t.Helper()
	out, ds := l.tryApply(l.t.Context(), address, prior, config)
	must(l.t, ds)
	return out
}

func (l *lab) tryApply(ctx context.Context, address string, prior record, config cty.Value) (record, hcl.Diagnostics) {
	l.t.Helper()
	p, ds := l.plan(address, prior, config)
	if ds.HasErrors() {
		return prior, ds
	}
	if p.Adopted != cty.NilVal {
		prior.value, _ = p.Adopted.UnmarkDeep()
	}
	return l.carryOut(ctx, address, prior, config, p)
}

func (l *lab) carryOut(ctx context.Context, address string, prior record, config cty.Value, p providers.PlanResponse) (record, hcl.Diagnostics) {
	kind := l.kind(address)
	null := kind.Schema().Block.Null()
	if prior.value == cty.NilVal {
		prior.value = null
	}
	if config == cty.NilVal {
		config = null
	}
	out, ds := kind.Apply(ctx, providers.ApplyRequest{Owner: l.owner(address), Prior: prior.value, Config: config, Planned: p.Planned,
		PriorPrivate: prior.private, PlannedPrivate: p.Private, Step: l.log})
	for _, d := range ds {
		l.log.said = append(l.log.said, d.Detail)
	}
	l.log.said = append(l.log.said, string(out.Private))
	if out.Value == cty.NilVal {
		return record{}, ds
	}
	value, _ := out.Value.UnmarkDeep()
	if !ds.HasErrors() && !p.Planned.IsNull() && !compatible(p.Planned, value) {
		l.t.Errorf("%s: applied %#v, planned %#v", address, value, p.Planned)
	}
	return record{value, out.Private}, ds
}

// compatible reports whether known values of a plan are the values after apply.
func compatible(planned, applied cty.Value) bool {
	ok := true
	for name, p := range planned.AsValueMap() {
		if p.IsWhollyKnown() && !p.RawEquals(applied.GetAttr(name)) {
			ok = false
		}
	}
	return ok
}

// read asks what became of a record. Sensitive attributes are withheld, as the state does.
func (l *lab) read(address string, prior record) record {
	l.t.Helper()
	kind := l.kind(address)
	value := withhold(&kind.Schema().Block, prior.value)
	out, ds := kind.Read(l.t.Context(), []providers.ReadRequest{{Owner: l.owner(address), Value: value, Private: prior.private}})
	must(l.t, ds)
	must(l.t, out[0].Diagnostics)
	got, _ := out[0].Value.UnmarkDeep()
	if !got.IsNull() {
		attrs := got.AsValueMap()
		for name, a := range kind.Schema().Block.Attributes {
			if a.Sensitive && attrs[name].IsNull() { // the engine puts the configured value back when its fingerprint is the recorded one
				attrs[name] = prior.value.GetAttr(name)
			}
		}
		got = cty.ObjectVal(attrs)
	}
	return record{got, out[0].Private}
}

func withhold(b *schema.Block, v cty.Value) cty.Value {
	if v.IsNull() {
		return v
	}
	attrs := v.AsValueMap()
	for name, a := range b.Attributes {
		if a.Sensitive {
			attrs[name] = cty.NullVal(a.Type)
		}
	}
	return cty.ObjectVal(attrs)
}

// settled fails unless a new process finds nothing to do.
func (l *lab) settled(address string, rec record, config cty.Value) {
	l.t.Helper()
	fresh := l.again()
	prior := fresh.read(address, rec)
	p, ds := fresh.plan(address, prior, config)
	must(l.t, ds)
	if !p.Planned.RawEquals(prior.value) || p.Again != "" {
		l.t.Errorf("%s: the second plan is not empty:\nprior   %#v\nplanned %#v\nagain %q", address, prior.value, p.Planned, p.Again)
	}
}

func must(t testing.TB, ds hcl.Diagnostics) {
	t.Helper()
	for _, d := range ds {
		if d.Severity == hcl.DiagError {
			t.Fatalf("%s: %s: %s", diag.CodeOf(d), d.Summary, d.Detail)
		}
	}
}

func wantError(t *testing.T, ds hcl.Diagnostics, code diag.Code, words ...string) {
	t.Helper()
	if len(ds) != 1 || diag.CodeOf(ds[0]) != code {
		t.Fatalf("got %v, want one %s", ds, code)
	}
	for _, w := range words {
		if !strings.Contains(ds[0].Detail, w) {
			t.Errorf("the text lacks %q: %s", w, ds[0].Detail)
		}
	}
}
