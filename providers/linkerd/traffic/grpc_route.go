package traffic

import (
	"fmt"
	"regexp"

	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const grpcExample = `resource "linkerd_grpc_route" "ledger" {
  namespace = "shop"
  name      = "ledger"
  parents   = [{ kind = "Service", name = "ledger", port = 8080 }]

  # One method goes to the new version.
  rule {
    matches  = [{ service = "shop.v1.Ledger", method = "Append" }]
    backends = [{ name = "ledger-v2", port = 8080 }]
  }
  rule {
    backends = [{ name = "ledger", port = 8080 }]
  }
}
`

func grpcKind(l linter) typed.Kind {
	return typed.Kind{
		GroupKind: kschema.GroupKind{Group: gatewayGroup, Kind: "GRPCRoute"}, Version: "v1",
		Declare: grpcSchema, Spec: grpcSpec, Show: readGRPC, Settled: routeSettled, Patience: patience,
		SpecAttributes: []string{"parents", "hostnames", "rule"}, Place: placeRoute,
		Looks: looks(profiles, httpRoutes, gatewayRoutes), Lint: l.route("GRPCRoute"),
	}
}

func callType() cty.Type {
	texts := cty.Map(cty.String)
	return cty.ObjectWithOptionalAttrs(map[string]cty.Type{"service": cty.String, "method": cty.String, "method_type": cty.String, "headers": texts, "header_patterns": texts},
		[]string{"service", "method", "method_type", "headers", "header_patterns"})
}

func grpcSchema() *schema.Resource {
	texts := cty.Map(cty.String)
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "Matches gRPC calls by service, method and headers, and says where they go or what they may do",
		Description: "The Gateway API's GRPCRoute, whose CRD must be there. Parents mean what they mean for `linkerd_http_route`. " +
			"On one parent a GRPCRoute is stronger than every other kind of route: an HTTPRoute there is out of force as soon as this one is in it, which is found while planning. " +
			"On a Server it takes away what Linkerd admits by itself, and the kubelet's httpGet probes match no GRPCRoute.\n\n" +
			"Retries and timeouts of its calls are `linkerd_retry_policy`.",
		Example: grpcExample,
		Inverts: []schema.Inversion{{Attribute: "parents", Type: "linkerd_server"}, {Attribute: "parents", Type: "linkerd_egress_network"}},
		Block: schema.Block{Attributes: typed.Common("route", map[string]*schema.Attribute{
			"parents":   parentsAttribute(requestParents),
			"hostnames": {Type: cty.List(cty.String), Optional: true, Description: "Host names (`:authority`) that calls must have, `*.` at the beginning matches any label."},
		}), Blocks: map[string]*schema.NestedBlock{"rule": {Nesting: schema.List, Max: 16, Description: "Rules; the most specific match of a call decides.", Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"matches": {Type: cty.List(callType()), Optional: true, Validate: checkCalls,
				Description: "One of these must hold: `service` (with its package) and `method` (exact, or as `method_type` = RegularExpression says), `headers` (exact values), `header_patterns` (regular expressions). Default: every call."},
			"backends":       backendsAttribute(),
			"set_headers":    {Type: texts, Optional: true, Description: "Request headers to set."},
			"add_headers":    {Type: texts, Optional: true, Description: "Request headers to add."},
			"remove_headers": {Type: cty.List(cty.String), Optional: true, Description: "Request headers to remove."},
		}}}}},
		Validate: func(v cty.Value) []schema.Problem {
			if rules, parents := v.GetAttr("rule"), v.GetAttr("parents"); !rules.IsWhollyKnown() || !parents.IsWhollyKnown() || rules.IsNull() || parents.IsNull() {
				return nil
			}
			return idleBackends(v)
		},
	}
}

// What the CRD admits for exact names.
var (
	grpcService = regexp.MustCompile(`^(?i)\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$`)
	grpcMethod  = regexp.MustCompile(`^[A-Za-z_][A-Za-z_0-9]*$`)
)

func checkCalls(v cty.Value) error {
	types := []string{"Exact", "RegularExpression"}
	for _, m := range v.AsValueSlice() {
		service, method, kind := schema.Text(m.GetAttr("service")), schema.Text(m.GetAttr("method")), schema.Text(m.GetAttr("method_type"))
		switch {
		case kind != "" && kind != types[0] && kind != types[1]:
			return fmt.Errorf("method_type %q is not one of Exact, RegularExpression.%s", kind, diag.Suggest(kind, types))
		case kind != "" && m.GetAttr("service").IsNull() && m.GetAttr("method").IsNull():
			return fmt.Errorf("method_type needs a service or a method")
		case kind == types[1]:
			for _, s := range []string{service, method} {
				if _, err := regexp.Compile(s); err != nil {
					return fmt.Errorf("%q is not a regular expression: %w", s, err)
				}
			}
		case service != "" && !grpcService.MatchString(service):
			return fmt.Errorf("%q is not the name of a gRPC service, for instance \"shop.v1.Ledger\"; a slash or the method does not belong to it", service)
		case method != "" && !grpcMethod.MatchString(method):
			return fmt.Errorf("%q is not the name of a gRPC method, for instance \"Append\"", method)
		}
	}
	return nil
}

func grpcSpec(_ env.Env, v cty.Value) map[string]any { return routeSpecOf(v, grpcRule) }

func grpcRule(r cty.Value) map[string]any {
	rule := map[string]any{}
	if list := r.GetAttr("matches"); !list.IsNull() {
		var matches []any
		for _, m := range list.AsValueSlice() {
			matches = append(matches, callSpec(m))
		}
		if len(matches) > 0 {
			rule["matches"] = matches
		}
	}
	if backends := backendRefs(r.GetAttr("backends")); len(backends) > 0 {
		rule["backendRefs"] = backends
	}
	if f := headerFilter(r); f != nil {
		rule["filters"] = []any{f}
	}
	return rule
}

func callSpec(m cty.Value) map[string]any {
	out := map[string]any{}
	call := map[string]any{}
	for _, name := range []string{"service", "method"} {
		if s := schema.Text(m.GetAttr(name)); s != "" {
			call[name] = s
		}
	}
	if len(call) > 0 {
		call["type"] = "Exact" // the API server's default, said so that it is ours
		if kind := schema.Text(m.GetAttr("method_type")); kind != "" {
			call["type"] = kind
		}
		out["method"] = call
	}
	if headers := append(named(m.GetAttr("headers"), "Exact"), named(m.GetAttr("header_patterns"), "RegularExpression")...); len(headers) > 0 {
		out["headers"] = headers
	}
	return out
}

func readGRPC(e env.Env, live map[string]any, attrs map[string]cty.Value) {
	readRouteOf(live, attrs, func(v cty.Value) map[string]any { return grpcSpec(e, v) }, readGRPCRule)
}

func readGRPCRule(m map[string]any) cty.Value {
	attrs := map[string]cty.Value{
		"matches": cty.NullVal(cty.List(callType().WithoutOptionalAttributesDeep())), "backends": readBackends(m),
		"set_headers": cty.NullVal(cty.Map(cty.String)), "add_headers": cty.NullVal(cty.Map(cty.String)), "remove_headers": cty.NullVal(cty.List(cty.String)),
	}
	matches := each(m["matches"], func(m map[string]any) cty.Value {
		call, _ := m["method"].(map[string]any)
		return cty.ObjectVal(map[string]cty.Value{"service": text(call, "service"), "method": text(call, "method"), "method_type": text(call, "type"),
			"headers": textMap(m["headers"], "Exact"), "header_patterns": textMap(m["headers"], "RegularExpression")})
	})
	if len(matches) > 0 {
		attrs["matches"] = cty.ListVal(matches)
	}
	filters, _ := m["filters"].([]any)
	for _, f := range filters {
		filter, _ := f.(map[string]any)
		readHeaderFilter(filter, attrs)
	}
	return cty.ObjectVal(attrs)
}
