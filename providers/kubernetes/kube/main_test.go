package kube_test

import (
	"cmp"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.Options{}) }

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// rig is one state on one cluster.
type rig struct {
	*kube.Cluster
	t     *testing.T
	owner providers.Owner
	ns    string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	return &rig{connect(testenv.Kubeconfig(t)), t, ownerOf("lineage-of-"+t.Name(), "kubernetes_manifest.x"), testenv.Namespace(t)}
}

func connect(kubeconfig string) *kube.Cluster {
	return kube.NewPool(kube.Options{Kubeconfig: kubeconfig}).Cluster(kube.Connection{})
}

// again is the same state in a new process: nothing is cached.
func (r *rig) again() *rig {
	out := *r
	out.Cluster = connect(testenv.Kubeconfig(r.t))
	return &out
}

func ownerOf(lineage, address string) providers.Owner {
	a, err := addr.Parse(address)
	if err != nil {
		panic(err)
	}
	return providers.Owner{Lineage: lineage, Address: a, Key: []byte("a key of the state")}
}

// object reads YAML; NS stands for the test's namespace.
func (r *rig) object(text string) *unstructured.Unstructured {
	r.t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(text, "NS", r.ns)), &u.Object); err != nil {
		r.t.Fatal(err)
	}
	b, err := u.MarshalJSON()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := u.UnmarshalJSON(b); err != nil { // numbers as the API machinery has them
		r.t.Fatal(err)
	}
	return u
}

func (r *rig) objects(texts ...string) []kube.Desired {
	var out []kube.Desired
	for _, text := range texts {
		out = append(out, kube.Desired{Object: r.object(text)})
	}
	return out
}

func (r *rig) plan(prior kube.Record, o kube.SetOptions, desired ...kube.Desired) kube.SetPlan {
	r.t.Helper()
	p, ds := r.PlanSet(r.t.Context(), kube.SetPlanRequest{Owner: r.owner, Prior: prior, Desired: desired, Options: o})
	must(r.t, ds)
	return p
}

func (r *rig) planError(prior kube.Record, o kube.SetOptions, desired ...kube.Desired) *hcl.Diagnostic {
	r.t.Helper()
	_, ds := r.PlanSet(r.t.Context(), kube.SetPlanRequest{Owner: r.owner, Prior: prior, Desired: desired, Options: o})
	return only(r.t, ds)
}

func (r *rig) apply(prior kube.Record, plan kube.SetPlan, o kube.SetOptions, desired ...kube.Desired) kube.SetResult {
	r.t.Helper()
	out, ds := r.ApplySet(r.t.Context(), kube.SetApplyRequest{Owner: r.owner, Prior: prior, Planned: plan.Private, Desired: desired, Options: o})
	must(r.t, ds)
	return out
}

// make plans and applies.
func (r *rig) make(prior kube.Record, o kube.SetOptions, desired ...kube.Desired) kube.Record {
	r.t.Helper()
	return r.apply(prior, r.plan(prior, o, desired...), o, desired...).Record
}

func (r *rig) read(rec kube.Record, desired ...kube.Desired) kube.SetState {
	r.t.Helper()
	states, ds := r.ReadSets(r.t.Context(), []kube.SetRead{{Owner: r.owner, Record: rec, Desired: desired}})
	must(r.t, ds)
	must(r.t, states[0].Diagnostics)
	return states[0]
}

// actions of a plan in its order: "create ConfigMap/ns/name", the namespace as NS.
func (r *rig) actions(p kube.SetPlan) string {
	var out []string
	for _, o := range p.Objects {
		out = append(out, o.Action.String()+" "+strings.ReplaceAll(o.Ref.Key(), r.ns, "NS"))
	}
	return strings.Join(out, ", ")
}

func (r *rig) live(ref kube.Ref) *unstructured.Unstructured {
	r.t.Helper()
	u, err := r.Get(r.t.Context(), r.ref(ref))
	if err != nil {
		r.t.Fatal(err)
	}
	return u
}

// ref completes a reference for the namespace of the test.
func (r *rig) ref(ref kube.Ref) kube.Ref {
	ref.Version, ref.Namespace = cmp.Or(ref.Version, "v1"), cmp.Or(ref.Namespace, r.ns)
	return ref
}

func must(t *testing.T, ds hcl.Diagnostics) {
	t.Helper()
	for _, d := range ds {
		if d.Severity == hcl.DiagError {
			t.Fatalf("%s: %s: %s", diag.CodeOf(d), d.Summary, d.Detail)
		}
	}
}

func only(t *testing.T, ds hcl.Diagnostics) *hcl.Diagnostic {
	t.Helper()
	if len(ds) != 1 {
		t.Fatalf("got %d diagnostics, want 1: %v", len(ds), ds)
	}
	return ds[0]
}

func wantCode(t *testing.T, d *hcl.Diagnostic, code diag.Code, words ...string) {
	t.Helper()
	if diag.CodeOf(d) != code {
		t.Fatalf("code %s, want %s: %s: %s", diag.CodeOf(d), code, d.Summary, d.Detail)
	}
	for _, w := range words {
		if !strings.Contains(d.Detail, w) {
			t.Errorf("the text lacks %q: %s", w, d.Detail)
		}
	}
}
