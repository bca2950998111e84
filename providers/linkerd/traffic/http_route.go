package traffic

import (
	"fmt"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const routeExample = `resource "linkerd_http_route" "payment" {
  namespace = "shop"
  name      = "payment"
  parents   = [{ kind = "Service", name = "paymentservice", port = 80 }]

  # Testers get the new version.
  rule {
    matches  = [{ path = "/", headers = { "x-canary" = "yes" } }]
    backends = [{ name = "paymentservice-v2", port = 80 }]
  }
  rule {
    backends        = [{ name = "paymentservice", port = 80 }]
    request_timeout = "2s"
  }
}
`

func routeKind(l linter) typed.Kind {
	return typed.Kind{
		GroupKind: kschema.GroupKind{Group: policyGroup, Kind: "HTTPRoute"}, Version: "v1beta3", Choose: routeChoice,
		Declare: routeSchema, Spec: routeSpec, Show: readRoute, Settled: routeSettled, Patience: patience,
		SpecAttributes: []string{"api", "parents", "hostnames", "rule"}, Place: placeRoute,
		Looks: looks(profiles, grpcRoutes),
		Lint:  l.route("HTTPRoute"),
	}
}

func routeChoice(v cty.Value) kschema.GroupVersionKind {
	if schema.Text(v.GetAttr("api")) == gatewayGroup {
		return kschema.GroupVersionKind{Group: gatewayGroup, Version: "v1", Kind: "HTTPRoute"}
	}
	return kschema.GroupVersionKind{Group: policyGroup, Version: "v1beta3", Kind: "HTTPRoute"}
}

func matchType() cty.Type {
	texts := cty.Map(cty.String)
	return cty.ObjectWithOptionalAttrs(map[string]cty.Type{"path": cty.String, "path_type": cty.String, "method": cty.String, "headers": texts, "header_patterns": texts, "query": texts},
		[]string{"path", "path_type", "method", "headers", "header_patterns", "query"})
}

func routeSchema() *schema.Resource {
	texts := cty.Map(cty.String)
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "Matches requests by path, method and headers, and says where they go or what they may do",
		Description: "With a Service as parent the route decides about the clients' calls of it: in the Service's own namespace for all clients (producer), in another for the clients of that namespace (consumer). " +
			"With a Server as parent it names requests that policies can be about; with an EgressNetwork it admits calls that leave the cluster.\n\n" +
			"An attached route takes away what Linkerd admits by itself on a Server, the kubelet's probes included: what then lacks a route is found while planning. " +
			"Routes of Servers and egress networks exist before these; those of Services must be accepted by Linkerd before the step ends.",
		Example: routeExample,
		Inverts: []schema.Inversion{{Attribute: "parents", Type: "linkerd_server"}, {Attribute: "parents", Type: "linkerd_egress_network"}},
		Block: schema.Block{Attributes: typed.Common("route", map[string]*schema.Attribute{
			"api":       typed.Choice(policyGroup, "API group of the route: Linkerd's own, or the Gateway API's, whose CRDs must be there.", policyGroup, gatewayGroup),
			"parents":   parentsAttribute(requestParents),
			"hostnames": {Type: cty.List(cty.String), Optional: true, Description: "Host names that requests must have, `*.` at the beginning matches any label."},
		}), Blocks: map[string]*schema.NestedBlock{"rule": {Nesting: schema.List, Max: 16, Description: "Rules; the most specific match of a request decides.", Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"matches": {Type: cty.List(matchType()), Optional: true, Validate: checkMatches,
				Description: "One of these must hold: `path` and `path_type` (PathPrefix by default, Exact, RegularExpression), `method`, `headers` and `query` (exact values), `header_patterns` (regular expressions). Default: everything."},
			"backends":                backendsAttribute(),
			"request_timeout":         {Type: cty.String, Optional: true, Validate: checkSpan, Description: "Time for the whole request."},
			"backend_request_timeout": {Type: cty.String, Optional: true, Validate: checkSpan, Description: "Time for one attempt; not longer than `request_timeout`."},
			"set_headers":             {Type: texts, Optional: true, Description: "Request headers to set."},
			"add_headers":             {Type: texts, Optional: true, Description: "Request headers to add."},
			"remove_headers":          {Type: cty.List(cty.String), Optional: true, Description: "Request headers to remove."},
			"redirect": {Type: cty.ObjectWithOptionalAttrs(map[string]cty.Type{"scheme": cty.String, "hostname": cty.String, "port": cty.Number, "path": cty.String, "status": cty.Number},
				[]string{"scheme", "hostname", "port", "path", "status"}), Optional: true, Validate: checkRedirect, Description: "Answer with a redirect: `scheme`, `hostname`, `port`, `path` (replaces the whole path) and `status` (301 or 302)."},
		}}}}},
		Validate: validateRoute,
	}
}

func checkMatches(v cty.Value) error {
	for _, m := range v.AsValueSlice() {
		path, kind := schema.Text(m.GetAttr("path")), schema.Text(m.GetAttr("path_type"))
		if kind != "" && !slices.Contains([]string{"PathPrefix", "Exact", "RegularExpression"}, kind) {
			return fmt.Errorf("path_type %q is not one of PathPrefix, Exact, RegularExpression.%s", kind, diag.Suggest(kind, []string{"PathPrefix", "Exact", "RegularExpression"}))
		}
		if path != "" && kind != "RegularExpression" && path[0] != '/' {
			return fmt.Errorf("the path %q must begin with /", path)
		}
		methods := []string{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
		if method := schema.Text(m.GetAttr("method")); method != "" && !slices.Contains(methods, method) {
			return fmt.Errorf("%q is not a method.%s", method, diag.Suggest(method, methods))
		}
	}
	return nil
}

func checkRedirect(v cty.Value) error {
	if s := schema.Text(v.GetAttr("scheme")); s != "" && s != "http" && s != "https" {
		return fmt.Errorf("the scheme of a redirect is http or https")
	}
	if n := v.GetAttr("status"); !n.IsNull() && n.IsKnown() {
		if i, _ := n.AsBigFloat().Int64(); i != 301 && i != 302 {
			return fmt.Errorf("the status of a redirect is 301 or 302")
		}
	}
	return nil
}

func validateRoute(v cty.Value) []schema.Problem {
	rules, parents := v.GetAttr("rule"), v.GetAttr("parents")
	if !rules.IsWhollyKnown() || !parents.IsWhollyKnown() || rules.IsNull() || parents.IsNull() {
		return nil
	}
	out := idleBackends(v)
	for i, r := range rules.AsValueSlice() {
		at := func(name string) cty.Path { return cty.GetAttrPath("rule").IndexInt(i).GetAttr(name) }
		request, err1 := time.Duration(0), error(nil)
		if s := schema.Text(r.GetAttr("request_timeout")); s != "" {
			request, err1 = span(s)
		}
		if s := schema.Text(r.GetAttr("backend_request_timeout")); s != "" && request > 0 && err1 == nil {
			if backend, err := span(s); err == nil && backend > request {
				out = append(out, schema.Problem{Path: at("backend_request_timeout"), Summary: "Timeouts are in the wrong order", Detail: fmt.Sprintf("%s is longer than request_timeout, %s; Linkerd refuses that.", s, schema.Text(r.GetAttr("request_timeout")))})
			}
		}
	}
	return out
}
