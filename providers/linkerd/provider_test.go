package linkerd_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd"
)

func newProvider() providers.Provider {
	return linkerd.New(kube.NewPool(kube.Options{Kubeconfig: "/nonexistent"}), linkerd.Options{})()
}

// schemas returns the schemas of resource types and, under the prefix "data ", of data sources.
func schemas() map[string]*schema.Resource {
	p := newProvider()
	out := map[string]*schema.Resource{}
	for n, t := range p.ResourceTypes() {
		out[n] = t.Schema()
	}
	for n, d := range p.DataSources() {
		out["data "+n] = d.Schema()
	}
	return out
}

func TestTypesOfThisHalfAreRegistered(t *testing.T) {
	have := slices.Sorted(maps.Keys(schemas()))
	for _, want := range []string{"linkerd_trust_anchor", "linkerd_identity_issuer", "linkerd_crds", "linkerd_control_plane",
		"linkerd_injection", "linkerd_server", "linkerd_gate", "data linkerd_certificates", "data linkerd_check"} {
		if !slices.Contains(have, want) {
			t.Errorf("%s is not registered; there are %v", want, have)
		}
	}
}

// Every example is a complete configuration: its blocks decode against their schemas without a single diagnostic, and
// the type that it documents is among them.
func TestExamplesDecode(t *testing.T) {
	all := schemas()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			f, ds := hclsyntax.ParseConfig([]byte(all[name].Example), name+".mesh.hcl", hcl.InitialPos)
			if ds.HasErrors() {
				t.Fatal(ds)
			}
			scope := map[string]cty.Value{"data": cty.DynamicVal, "kubernetes_namespace": cty.DynamicVal, "var": cty.DynamicVal, "local": cty.DynamicVal}
			for n := range all {
				if !strings.HasPrefix(n, "data ") {
					scope[n] = cty.DynamicVal
				}
			}
			found := false
			for _, b := range f.Body.(*hclsyntax.Body).Blocks {
				key := ""
				switch b.Type {
				case "resource":
					key = b.Labels[0]
				case "data":
					key = "data " + b.Labels[0]
				default:
					continue
				}
				s := all[key]
				if s == nil {
					continue // of another provider
				}
				found = found || key == name
				_, body, _ := b.Body.PartialContent(&hcl.BodySchema{
					Attributes: []hcl.AttributeSchema{{Name: "depends_on"}, {Name: "for_each"}, {Name: "count"}, {Name: "provider"}},
					Blocks:     []hcl.BlockHeaderSchema{{Type: "lifecycle"}, {Type: "timeouts"}},
				})
				v, ds := s.Block.Decode(body, &hcl.EvalContext{Variables: scope})
				for _, d := range ds {
					t.Errorf("%s: %s: %s", key, d.Summary, d.Detail)
				}
				if s.Validate != nil && !ds.HasErrors() {
					plain, _ := v.UnmarkDeep()
					for _, p := range s.Validate(plain) {
						t.Errorf("%s: %s: %s", key, p.Summary, p.Detail)
					}
				}
			}
			if !found {
				t.Error("the example does not show the type")
			}
		})
	}
}

func TestSchemasAreDocumented(t *testing.T) {
	for name, s := range schemas() {
		if s.Summary == "" || s.Description == "" {
			t.Errorf("%s has no summary or description", name)
		}
		for n, a := range s.Block.Attributes {
			if a.Description == "" {
				t.Errorf("%s.%s is not described", name, n)
			}
			if a.Required == a.Optional && !a.Computed {
				t.Errorf("%s.%s is neither required nor optional nor computed", name, n)
			}
		}
	}
}

func TestConfigure(t *testing.T) {
	p := newProvider()
	decode := func(src string) cty.Value {
		f, ds := hclsyntax.ParseConfig([]byte(src), "p", hcl.InitialPos)
		if ds.HasErrors() {
			t.Fatal(ds)
		}
		v, ds := p.Schema().Decode(f.Body, nil)
		if ds.HasErrors() {
			t.Fatal(ds)
		}
		return v
	}
	if ds := p.Configure(t.Context(), decode(`namespace = "mesh-system"`)); ds.HasErrors() {
		t.Fatal(ds)
	}
	anchor := p.ResourceTypes()["linkerd_trust_anchor"]
	config, ds := anchor.Schema().Block.Decode(hcl.EmptyBody(), nil)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	if after := anchor.(providers.Orderer).Order(config).After; !slices.Contains(after, "kubernetes:namespace/mesh-system") {
		t.Errorf("the trust anchor comes after %v, want the configured namespace", after)
	}
	unknown := decode(``).AsValueMap()
	unknown["namespace"] = cty.UnknownVal(cty.String)
	ds = p.Configure(t.Context(), cty.ObjectVal(unknown))
	if !ds.HasErrors() || diag.CodeOf(ds[0]) != linkerd.CodeProviderUnknown {
		t.Errorf("an unknown namespace gives %v", ds)
	}
	for _, bad := range []string{`namespace = "Bad_Name"`, `trust_domain = "a..b"`} {
		f, _ := hclsyntax.ParseConfig([]byte(bad), "p", hcl.InitialPos)
		if _, ds := p.Schema().Decode(f.Body, nil); !ds.HasErrors() {
			t.Errorf("%s is accepted", bad)
		}
	}
}
