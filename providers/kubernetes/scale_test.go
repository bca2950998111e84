package kubernetes_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// benchObjects is the size at which DESIGN states its budgets.
const benchObjects = 5000

// fleet is many ConfigMaps as instances of one resource.
type fleet struct {
	kind    providers.ResourceType
	configs []cty.Value
	owners  []providers.Owner
	prior   []record
}

func newFleet(b *testing.B, namespace string) *fleet {
	f := &fleet{prior: make([]record, benchObjects)}
	f.connect(b)
	block := &f.kind.Schema().Block
	for i := range benchObjects {
		config := block.Null().Type()
		attrs := map[string]cty.Value{}
		for name, t := range config.AttributeTypes() {
			attrs[name] = cty.NullVal(t)
			if a := block.Attributes[name]; a != nil && a.Default != cty.NilVal {
				attrs[name] = a.Default
			}
		}
		attrs["manifest"] = kube.ToValue(configMapOf(namespace, fmt.Sprintf("c%d", i)).Object)
		f.configs = append(f.configs, cty.ObjectVal(attrs))
		r := addr.Resource{Mode: addr.Managed, Type: "kubernetes_manifest", Name: "c"}
		f.owners = append(f.owners, providers.Owner{Lineage: "bench " + namespace, Address: r.Instance(addr.IntKey(i)), Key: []byte("key")})
		f.prior[i].value = block.Null()
	}
	return f
}

// connect starts a new run: nothing is cached.
func (f *fleet) connect(b *testing.B) {
	kubeconfig := testenv.Kubeconfig(b)
	f.kind = connected(b, kubeconfig).ResourceTypes()["kubernetes_manifest"]
}

func (f *fleet) each(b *testing.B, do func(i int) error) {
	var group errgroup.Group
	group.SetLimit(16)
	for i := range f.configs {
		group.Go(func() error { return do(i) })
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

func (f *fleet) plan(b *testing.B) []providers.PlanResponse {
	plans := make([]providers.PlanResponse, len(f.configs))
	block := &f.kind.Schema().Block
	f.each(b, func(i int) error {
		p, ds := f.kind.Plan(b.Context(), providers.PlanRequest{Owner: f.owners[i], Prior: f.prior[i].value, Config: f.configs[i],
			Proposed: block.Propose(f.prior[i].value, f.configs[i]), Private: f.prior[i].private})
		plans[i] = p
		if ds.HasErrors() {
			return ds
		}
		return nil
	})
	return plans
}

func (f *fleet) apply(b *testing.B, plans []providers.PlanResponse) {
	f.each(b, func(i int) error {
		out, ds := f.kind.Apply(b.Context(), providers.ApplyRequest{Owner: f.owners[i], Prior: f.prior[i].value, Config: f.configs[i],
			Planned: plans[i].Planned, PlannedPrivate: plans[i].Private, Step: &recorder{}})
		if ds.HasErrors() {
			return ds
		}
		f.prior[i] = record{out.Value, out.Private}
		return nil
	})
}

func (f *fleet) read(b *testing.B) {
	reqs := make([]providers.ReadRequest, len(f.prior))
	for i, p := range f.prior {
		reqs[i] = providers.ReadRequest{Owner: f.owners[i], Value: p.value, Private: p.private}
	}
	out, ds := f.kind.Read(b.Context(), reqs)
	if ds.HasErrors() {
		b.Fatal(ds)
	}
	for i, o := range out {
		f.prior[i] = record{o.Value, o.Private}
	}
}

// BenchmarkFirstApply compares with a bare client that applies the same objects with 16 requests in flight.
func BenchmarkFirstApply(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			namespace := testenv.Namespace(b)
			client := testenv.Dynamic(b).Resource(kschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(namespace)
			b.StartTimer()
			var group errgroup.Group
			group.SetLimit(16)
			for i := range benchObjects {
				group.Go(func() error {
					u := configMapOf(namespace, fmt.Sprintf("c%d", i))
					body, err := json.Marshal(u.Object)
					if err != nil {
						return err
					}
					_, err = client.Patch(context.Background(), u.GetName(), types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: "bare"})
					return err
				})
			}
			if err := group.Wait(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("provider", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			f := newFleet(b, testenv.Namespace(b))
			b.StartTimer()
			f.apply(b, f.plan(b))
		}
	})
}

// BenchmarkEmptyPlan reads and plans an unchanged world in a new run.
func BenchmarkEmptyPlan(b *testing.B) {
	f := newFleet(b, testenv.Namespace(b))
	f.apply(b, f.plan(b))
	b.ReportAllocs()
	for b.Loop() {
		f.connect(b)
		f.read(b)
		for i, p := range f.plan(b) {
			if !p.Planned.RawEquals(f.prior[i].value) {
				b.Fatalf("instance %d is not unchanged", i)
			}
		}
	}
}
