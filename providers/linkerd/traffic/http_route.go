package traffic

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
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
		Lint:  func(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error) { return l.route(ctx, v) },
	}
}

func routeChoice(v cty.Value) kschema.GroupVersionKind {
	if schema.Text(v.GetAttr("api")) == gatewayGroup {
		return kschema.GroupVersionKind{Group: gatewayGroup, Version: "v1", Kind: "HTTPRoute"}
	}
	return kschema.GroupVersionKind{Group: policyGroup, Version: "v1beta3", Kind: "HTTPRoute"}
}

func parentType() cty.Type {
	return cty.ObjectWithOptionalAttrs(map[string]cty.Type{"kind": cty.String, "name": cty.String, "namespace": cty.String, "port": cty.Number}, []string{"namespace", "port"})
}

func matchType() cty.Type {
	texts := cty.Map(cty.String)
	return cty.ObjectWithOptionalAttrs(map[string]cty.Type{"path": cty.String, "path_type": cty.String, "method": cty.String, "headers": texts, "header_patterns": texts, "query": texts},
		[]string{"path", "path_type", "method", "headers", "header_patterns", "query"})
}

func backendType() cty.Type {
	return cty.ObjectWithOptionalAttrs(map[string]cty.Type{"name": cty.String, "namespace": cty.String, "port": cty.Number, "weight": cty.Number}, []string{"namespace", "weight"})
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
			"api": typed.Choice(policyGroup, "API group of the route: Linkerd's own, or the Gateway API's, whose CRDs must be there.", policyGroup, gatewayGroup),
			"parents": {Type: cty.List(parentType()), Required: true, Validate: checkParents,
				Description: "What the route attaches to: `kind` (Service, Server or EgressNetwork), `name`, `namespace` (of a Service), and `port` (of a Service or EgressNetwork)."},
			"hostnames": {Type: cty.List(cty.String), Optional: true, Description: "Host names that requests must have, `*.` at the beginning matches any label."},
		}), Blocks: map[string]*schema.NestedBlock{"rule": {Nesting: schema.List, Max: 16, Description: "Rules; the most specific match of a request decides.", Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"matches": {Type: cty.List(matchType()), Optional: true, Validate: checkMatches,
				Description: "One of these must hold: `path` and `path_type` (PathPrefix by default, Exact, RegularExpression), `method`, `headers` and `query` (exact values), `header_patterns` (regular expressions). Default: everything."},
			"backends":                {Type: cty.List(backendType()), Optional: true, Validate: checkBackends, Description: "Services that requests go to, by `weight` (default 1; 0 sends nothing): `name`, `port`, `namespace`. For a Service as parent only."},
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

func checkParents(v cty.Value) error {
	if n := v.LengthInt(); n == 0 || n > 32 {
		return fmt.Errorf("a route has between 1 and 32 parents")
	}
	for _, p := range v.AsValueSlice() {
		kind, port := schema.Text(p.GetAttr("kind")), p.GetAttr("port")
		switch kind {
		case "Service":
		case "Server":
			if !port.IsNull() || !p.GetAttr("namespace").IsNull() {
				return fmt.Errorf("a Server as parent takes neither port nor namespace: Linkerd ignores a route that says them")
			}
		case "EgressNetwork":
			if port.IsNull() {
				return fmt.Errorf("an EgressNetwork as parent needs a port")
			}
		default:
			return fmt.Errorf("%q is not one of Service, Server and EgressNetwork.%s", kind, diag.Suggest(kind, []string{"Service", "Server", "EgressNetwork"}))
		}
	}
	return nil
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

func checkBackends(v cty.Value) error {
	total := int64(0)
	for _, b := range v.AsValueSlice() {
		if p := b.GetAttr("port"); p.IsNull() {
			return fmt.Errorf("backend %q needs the port of its Service", schema.Text(b.GetAttr("name")))
		}
		weight := int64(1)
		if w := b.GetAttr("weight"); !w.IsNull() && w.IsKnown() {
			if err := whole(0, 1000000)(w); err != nil {
				return fmt.Errorf("weight: %w", err)
			}
			weight, _ = w.AsBigFloat().Int64()
		}
		total += weight
	}
	if v.LengthInt() > 0 && total == 0 {
		return fmt.Errorf("all weights are 0, so that every request fails")
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
	var out []schema.Problem
	outbound := slices.ContainsFunc(parents.AsValueSlice(), func(p cty.Value) bool { return schema.Text(p.GetAttr("kind")) != "Server" })
	for i, r := range rules.AsValueSlice() {
		at := func(name string) cty.Path { return cty.GetAttrPath("rule").IndexInt(i).GetAttr(name) }
		if b := r.GetAttr("backends"); !outbound && !b.IsNull() && b.LengthInt() > 0 {
			out = append(out, schema.Problem{Path: at("backends"), Summary: "Backends do nothing here", Detail: "Backends are for routes of a Service; a route of a Server only names requests for policies. Remove them."})
		}
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

func placeRoute(v cty.Value, o *providers.Order) {
	ns := schema.Text(v.GetAttr("namespace"))
	o.Provides = append(o.Provides, providers.Tag("linkerd:route/"+ns+"/"+schema.Text(v.GetAttr("name"))))
	if parents := v.GetAttr("parents"); parents.IsWhollyKnown() && !parents.IsNull() {
		for _, p := range parents.AsValueSlice() {
			name := schema.Text(p.GetAttr("name"))
			switch schema.Text(p.GetAttr("kind")) {
			case "EgressNetwork":
				o.Provides = append(o.Provides, providers.Tag("linkerd:egress-routes/"+ns+"/"+name))
			case "Server":
				o.Provides = append(o.Provides, providers.Tag("linkerd:server-policies/"+ns+"/"+name))
			case "Service":
				pns := schema.Text(p.GetAttr("namespace"))
				if pns == "" {
					pns = ns
				}
				o.After = append(o.After, providers.Tag("kubernetes:object/"+kube.Ref{Kind: "Service", Namespace: pns, Name: name}.Key()))
			}
		}
	}
	if rules := v.GetAttr("rule"); rules.IsWhollyKnown() && !rules.IsNull() {
		for _, r := range rules.AsValueSlice() {
			if b := r.GetAttr("backends"); !b.IsNull() {
				for _, e := range b.AsValueSlice() {
					o.After = append(o.After, providers.Tag("kubernetes:object/"+kube.Ref{Kind: "Service", Namespace: ns, Name: schema.Text(e.GetAttr("name"))}.Key()))
				}
			}
		}
	}
}

// routeSettled waits for Linkerd's word about Services. A Server or an egress network may come after its routes, so
// that a parent which is not there yet is no refusal for them.
func routeSettled(live *unstructured.Unstructured) (bool, string) {
	if len(parentNames(live, "Server"))+len(parentNames(live, "EgressNetwork")) > 0 {
		_, refusal := typed.Accepted(live)
		if refusal != "" && !slices.Contains([]string{"NoMatchingParent"}, reasonOf(refusal)) {
			return false, refusal
		}
		return true, ""
	}
	return typed.Accepted(live)
}

func reasonOf(refusal string) string {
	var kind, reason string
	if _, err := fmt.Sscanf(refusal, "%s is False, reason %s", &kind, &reason); err != nil {
		return refusal
	}
	return reason
}

// route judges a planned route.
func (l linter) route(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error) {
	ns := schema.Text(v.GetAttr("namespace"))
	own := &unstructured.Unstructured{Object: map[string]any{"spec": routeSpec(l.env, v)}}
	own.SetNamespace(ns)
	at := cty.GetAttrPath("parents")
	ds, err := l.conflicts(ctx, own, at)
	if err != nil {
		return nil, nil, err
	}
	all, err := l.services(ctx, ns)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range v.GetAttr("parents").AsValueSlice() {
		name, pns := schema.Text(p.GetAttr("name")), schema.Text(p.GetAttr("namespace"))
		if schema.Text(p.GetAttr("kind")) != "Service" {
			continue
		}
		in := all
		if pns != "" && pns != ns {
			if in, err = l.services(ctx, pns); err != nil {
				return nil, nil, err
			}
		} else {
			pns = ns
		}
		port := 0
		if n := p.GetAttr("port"); !n.IsNull() {
			i, _ := n.AsBigFloat().Int64()
			port = int(i)
		}
		ds = append(ds, l.service(in, pns, name, port, at)...)
		more, err := l.profile(ctx, pns, name, at)
		if err != nil {
			return nil, nil, err
		}
		ds = append(ds, more...)
	}
	for i, r := range v.GetAttr("rule").AsValueSlice() {
		if b := r.GetAttr("backends"); !b.IsNull() {
			for _, e := range b.AsValueSlice() {
				if bns := schema.Text(e.GetAttr("namespace")); bns != "" && bns != ns {
					continue
				}
				port, _ := e.GetAttr("port").AsBigFloat().Int64()
				name := schema.Text(e.GetAttr("name"))
				if s := all[name]; s == nil || s.Spec.ClusterIP != "None" { // a headless backend is all right
					ds = append(ds, l.service(all, ns, name, int(port), cty.GetAttrPath("rule").IndexInt(i).GetAttr("backends"))...)
				}
			}
		}
	}
	return ds, nil, nil
}
