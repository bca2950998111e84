package traffic

import (
	"reflect"

	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const tlsExample = `resource "linkerd_egress_network" "internet" {
  namespace      = "shop"
  name           = "internet"
  traffic_policy = "Deny"
}

# TLS connections to the bank may leave the cluster, and no others.
resource "linkerd_tls_route" "bank" {
  namespace = "shop"
  name      = "bank"
  parents   = [{ kind = "EgressNetwork", name = linkerd_egress_network.internet.name, port = 443 }]
  hostnames = ["api.bank.example"]
}
`

const tcpExample = `resource "linkerd_tcp_route" "database" {
  namespace = "shop"
  name      = "database"
  parents   = [{ kind = "Service", name = "database", port = 5432 }]
  backends = [
    { name = "database", port = 5432, weight = 90 },
    { name = "database-v2", port = 5432, weight = 10 },
  ]
}
`

func tlsKind(l linter) typed.Kind {
	return streamKind(l, "TLSRoute", tlsSchema, "parents", "hostnames", "backends")
}

func tcpKind(l linter) typed.Kind { return streamKind(l, "TCPRoute", tcpSchema, "parents", "backends") }

// streamKind is a kind of routes of whole connections: the API has a list of rules, and Linkerd wants exactly one.
func streamKind(l linter, kind string, declare func() *schema.Resource, attributes ...string) typed.Kind {
	return typed.Kind{
		GroupKind: kschema.GroupKind{Group: gatewayGroup, Kind: kind}, Version: "v1alpha2",
		Declare: declare, Spec: streamSpec, Show: readStream, Settled: routeSettled, Patience: patience,
		SpecAttributes: attributes, Place: placeRoute,
		Looks: looks(append([][2]string{profiles}, rivals[kind]...)...), Lint: l.route(kind),
	}
}

const streamBackends = " With an egress network as parent and no backends, connections go where the client wants."

func tlsSchema() *schema.Resource {
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "Says by their server name where TLS connections of meshed clients go",
		Description: "The Gateway API's TLSRoute, whose CRD (of the experimental channel) must be there. It is for TLS that the application makes itself, and reads the name that the client asks for (SNI). " +
			"With an EgressNetwork as parent it admits connections that leave the cluster; with a Service it decides about calls of it.\n\n" +
			"On one parent an HTTPRoute or GRPCRoute is stronger, and Linkerd then refuses this one, which is found while planning. Routes of an egress network exist before it.",
		Example:  tlsExample,
		Inverts:  []schema.Inversion{{Attribute: "parents", Type: "linkerd_egress_network"}},
		Validate: validateStream,
		Block: schema.Block{Attributes: typed.Common("route", map[string]*schema.Attribute{
			"parents":   parentsAttribute(streamParents),
			"hostnames": {Type: cty.List(cty.String), Optional: true, Description: "Server names that connections must ask for, `*.` at the beginning matches any label. Default: any."},
			"backends":  streamBackendsAttribute(),
		})},
	}
}

func tcpSchema() *schema.Resource {
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "Says where connections of meshed clients go, whatever they carry",
		Description: "The Gateway API's TCPRoute, whose CRD (of the experimental channel) must be there. It is for ports whose protocol Linkerd does not read: opaque ports and protocols in which the server speaks first. " +
			"With a Service as parent it splits connections by weight; with an EgressNetwork it admits connections that leave the cluster.\n\n" +
			"On one parent every other kind of route is stronger, and Linkerd then refuses this one, which is found while planning. Routes of an egress network exist before it.",
		Example:  tcpExample,
		Inverts:  []schema.Inversion{{Attribute: "parents", Type: "linkerd_egress_network"}},
		Validate: validateStream,
		Block: schema.Block{Attributes: typed.Common("route", map[string]*schema.Attribute{
			"parents":  parentsAttribute(streamParents),
			"backends": streamBackendsAttribute(),
		})},
	}
}

func streamBackendsAttribute() *schema.Attribute {
	a := backendsAttribute()
	a.Description += streamBackends
	return a
}

// validateStream wants backends where nothing else says where connections go: the API refuses a rule without.
func validateStream(v cty.Value) []schema.Problem {
	parents, backends := v.GetAttr("parents"), v.GetAttr("backends")
	if !parents.IsWhollyKnown() || parents.IsNull() || !backends.IsKnown() || !backends.IsNull() && backends.LengthInt() > 0 {
		return nil
	}
	for _, p := range parents.AsValueSlice() {
		if schema.Text(p.GetAttr("kind")) == "Service" {
			return []schema.Problem{{Path: cty.GetAttrPath("backends"), Summary: "Route leads nowhere",
				Detail: "With a Service as parent, `backends` says where its connections go: give at least one, for instance the Service itself."}}
		}
	}
	return nil
}

func streamSpec(_ env.Env, v cty.Value) map[string]any {
	spec := map[string]any{"parentRefs": parentRefs(v)}
	if v.Type().HasAttribute("hostnames") {
		if hosts := schema.Texts(v.GetAttr("hostnames")); len(hosts) > 0 {
			spec["hostnames"] = anyTexts(hosts)
		}
	}
	backends := backendRefs(v.GetAttr("backends"))
	if len(backends) == 0 {
		for _, p := range v.GetAttr("parents").AsValueSlice() {
			if schema.Text(p.GetAttr("kind")) == "EgressNetwork" {
				backends = append(backends, map[string]any{"group": policyGroup, "kind": "EgressNetwork", "name": schema.Text(p.GetAttr("name")), "port": integer(p.GetAttr("port")), "weight": int64(1)})
			}
		}
	}
	spec["rules"] = []any{map[string]any{"backendRefs": backends}}
	return spec
}

func readStream(e env.Env, live map[string]any, attrs map[string]cty.Value) {
	recorded := map[string]any{}
	if v := cty.ObjectVal(attrs); v.GetAttr("parents").IsWhollyKnown() && !v.GetAttr("parents").IsNull() && v.GetAttr("backends").IsWhollyKnown() {
		recorded = streamSpec(e, v)
	}
	readAttachment(recorded, live, attrs)
	if reflect.DeepEqual(recorded["rules"], live["rules"]) {
		return
	}
	rules, _ := live["rules"].([]any)
	services := map[string]any{}
	if len(rules) > 0 {
		rule, _ := rules[0].(map[string]any)
		refs, _ := rule["backendRefs"].([]any)
		services["backendRefs"] = ofKind(refs, "Service")
	}
	attrs["backends"] = readBackends(services)
}

// ofKind are the references to objects of a kind.
func ofKind(refs []any, kind string) []any {
	var out []any
	for _, r := range refs {
		if m, _ := r.(map[string]any); m["kind"] == kind {
			out = append(out, r)
		}
	}
	return out
}
