package policy

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const egressExample = `resource "linkerd_egress_network" "internet" {
  namespace      = "shop"
  name           = "internet"
  traffic_policy = "Deny"
}

resource "linkerd_http_route" "bank" {
  namespace = "shop"
  name      = "bank"
  hostnames = ["api.bank.example"]
  parents   = [{ kind = "EgressNetwork", name = linkerd_egress_network.internet.name, port = 443 }]
  rule {}
}
`

// egressRoutes are the kinds of routes that can admit calls to leave the cluster.
var egressRoutes = []kschema.GroupKind{
	{Group: policyGroup, Kind: "HTTPRoute"}, {Group: gatewayGroup, Kind: "HTTPRoute"}, {Group: gatewayGroup, Kind: "GRPCRoute"},
	{Group: gatewayGroup, Kind: "TLSRoute"}, {Group: gatewayGroup, Kind: "TCPRoute"},
}

func egressKind(e env.Env, w *World) typed.Kind {
	return typed.Kind{
		GroupKind: kschema.GroupKind{Group: policyGroup, Kind: "EgressNetwork"}, Version: "v1alpha1",
		Declare: egressSchema, Spec: egressSpec, Show: readEgress, Settled: typed.Accepted, Patience: patience,
		SpecAttributes: []string{"traffic_policy", "networks"},
		Place: func(v cty.Value, o *providers.Order) {
			ns := schema.Text(v.GetAttr("namespace"))
			o.After = append(o.After, providers.Tag("linkerd:egress-routes/"+ns+"/"+schema.Text(v.GetAttr("name"))))
		},
		Looks: looksAtEgress(e),
		Lint: func(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error) {
			return lintEgress(ctx, e, w, v)
		},
	}
}

func egressSchema() *schema.Resource {
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "What meshed clients may call outside the cluster",
		Description: "Covers the clients of its own namespace; in the global egress namespace (`linkerd-egress` by default) those of all namespaces, where a local one wins. " +
			"With `Deny` everything that no route admits is refused at once, so routes that refer to it are created before it and deleted after it.",
		Example: egressExample,
		Block: schema.Block{Attributes: typed.Common("egress network", map[string]*schema.Attribute{
			"traffic_policy": {Type: cty.String, Required: true, OneOf: []string{"Allow", "Deny"}, Description: "What happens to traffic that no route of the network matches."},
			"networks": {Type: cty.List(networkType()), Optional: true, Validate: checkNetworks,
				Description: "Destinations: `cidr`, and `except` for parts that do not match. Default: everything outside the cluster's networks."},
		})},
	}
}

func egressSpec(_ env.Env, v cty.Value) map[string]any {
	spec := map[string]any{"trafficPolicy": schema.Text(v.GetAttr("traffic_policy"))}
	if !v.GetAttr("networks").IsNull() {
		spec["networks"] = networkSpec(env.Env{}, v)["networks"]
	}
	return spec
}

func readEgress(e env.Env, live map[string]any, attrs map[string]cty.Value) {
	attrs["traffic_policy"] = orNull(stringAt(live, "trafficPolicy"))
	if _, ok := live["networks"]; ok {
		readNetwork(e, live, attrs)
		return
	}
	attrs["networks"] = cty.NullVal(cty.List(networkType().WithoutOptionalAttributesDeep()))
}

// lintEgress warns of a network that cuts everything off and of one that covers the cluster itself.
func lintEgress(ctx context.Context, e env.Env, w *World, v cty.Value) (hcl.Diagnostics, []string, error) {
	ns, name := schema.Text(v.GetAttr("namespace")), schema.Text(v.GetAttr("name"))
	var ds hcl.Diagnostics
	d, err := LoadDefaults(ctx, e.Cluster(), e)
	if err != nil {
		return nil, nil, err
	}
	networks, err := networksOf(networksIn(v.GetAttr("networks")))
	if err != nil {
		return nil, nil, nil // the schema has said so
	}
	for _, n := range networks {
		if i := slices.IndexFunc(d.ClusterNetworks, func(c Network) bool { return c.CIDR.Overlaps(n.CIDR) }); i >= 0 {
			ds = append(ds, diag.At(diag.Warningf(CodeEgressOverlap, "Egress network covers the cluster",
				"%s overlaps the cluster's network %s: Linkerd does not accept it (EgressReasonNetworkOverlap). List destinations outside the cluster only.", n.CIDR, d.ClusterNetworks[i].CIDR), cty.GetAttrPath("networks")))
		}
	}
	if schema.Text(v.GetAttr("traffic_policy")) != "Deny" {
		return ds, nil, nil
	}
	routes := 0
	for _, gk := range egressRoutes {
		found, err := w.List(ctx, e.Cluster(), gk, ns)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range found {
			if hasParent(r, "EgressNetwork", name) {
				routes++
			}
		}
	}
	if routes == 0 {
		ds = append(ds, diag.At(diag.Warningf(CodeEgressDenied, "Everything outside the cluster is refused",
			"EgressNetwork %q denies and no route admits anything, so every call of namespace %q to a destination outside the cluster's networks is refused from the moment it exists: "+
				"outside name servers, metadata services and an API server outside those networks included. Add routes whose parent it is (linkerd_http_route, linkerd_tls_route, linkerd_tcp_route), or begin with traffic_policy = \"Allow\".", name, ns), cty.GetAttrPath("traffic_policy")))
	}
	return ds, []string{fmt.Sprintf("%d route(s) admit traffic", routes)}, nil
}

func networksIn(v cty.Value) []network {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	var out []network
	for _, e := range v.AsValueSlice() {
		out = append(out, network{schema.Text(e.GetAttr("cidr")), schema.Texts(e.GetAttr("except"))})
	}
	return out
}

// hasParent reports whether a route refers to a parent.
func hasParent(route *unstructured.Unstructured, kind, name string) bool {
	refs, _, _ := unstructured.NestedSlice(route.Object, "spec", "parentRefs")
	return slices.ContainsFunc(refs, func(r any) bool {
		m, _ := r.(map[string]any)
		return stringAt(m, "kind") == kind && stringAt(m, "name") == name
	})
}
