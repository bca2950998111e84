package traffic

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const retryExample = `resource "linkerd_retry_policy" "payment" {
  namespace       = "shop"
  name            = "paymentservice"
  http            = ["5xx"]
  limit           = 2
  timeout         = "300ms"
  request_timeout = "2s"
}
`

func retryKind(l linter) typed.Kind {
	return typed.Kind{
		GroupKind: kschema.GroupKind{Kind: "Service"}, Version: "v1", Choose: annotated, Declare: retrySchema, Partial: true,
		Annotations: func(v cty.Value) map[string]string { return asAnnotations(v, retryFields()) },
		ShowAnnotations: func(live map[string]string, attrs map[string]cty.Value) {
			fromAnnotations(live, attrs, retryFields())
		},
		SpecAttributes: []string{"http", "grpc", "limit", "timeout", "request_timeout", "response_timeout", "idle_timeout"},
		Place:          placeAnnotated,
		Looks:          looksOfRetries,
		Lint:           func(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error) { return l.retry(ctx, v) },
	}
}

// retryFields are the annotations by attribute, in order of attribute.
func retryFields() []annotation {
	return []annotation{{"grpc", "retry.linkerd.io/grpc"}, {"http", "retry.linkerd.io/http"}, {"idle_timeout", "timeout.linkerd.io/idle"},
		{"limit", "retry.linkerd.io/limit"}, {"request_timeout", "timeout.linkerd.io/request"}, {"response_timeout", "timeout.linkerd.io/response"}, {"timeout", "retry.linkerd.io/timeout"}}
}

func retrySchema() *schema.Resource {
	text := func(d string) *schema.Attribute {
		return &schema.Attribute{Type: cty.String, Optional: true, Validate: checkSpan, Description: d}
	}
	return &schema.Resource{
		Summary: "Retries and timeouts of the calls to a Service, or of one route",
		Description: "Sets Linkerd's annotations on a Service, HTTPRoute or GRPCRoute that somebody else owns, and nothing else of it; they go when the resource goes. Clients read them, so they need proxies. " +
			"Linkerd drops a value that it cannot read without a word; here it is an error.\n\nWhen a route has one annotation of a family (retries, timeouts), those of the Service in that family do not count for it. " +
			"Requests with a body over 64 KiB are not retried.",
		Example: retryExample,
		Block: schema.Block{Attributes: typed.Borrowed(map[string]*schema.Attribute{
			"kind":             typed.Choice("Service", "Kind of the object.", "Service", "HTTPRoute", "GRPCRoute"),
			"api":              {Type: cty.String, Optional: true, OneOf: []string{policyGroup, gatewayGroup}, Description: "API group of a route. Default `policy.linkerd.io` for HTTPRoute, `gateway.networking.k8s.io` for GRPCRoute."},
			"http":             {Type: cty.List(cty.String), Optional: true, Validate: checkCodes, Description: "HTTP statuses to retry: codes, ranges such as `500-504`, `5xx`, `gateway-error` (502 to 504)."},
			"grpc":             {Type: cty.List(cty.String), Optional: true, OneOf: []string{"cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"}, Description: "gRPC statuses to retry."},
			"limit":            {Type: cty.Number, Optional: true, Validate: whole(0, 65535), Description: "Retries of one request. Linkerd's default is 1."},
			"timeout":          text("Time after which an attempt counts as failed and is retried."),
			"request_timeout":  text("Time for the request with all retries, until the whole response has arrived."),
			"response_timeout": text("Time until the response begins."),
			"idle_timeout":     text("Time for which a stream may be silent."),
		})},
		Validate: validateRetry,
	}
}

func validateRetry(v cty.Value) []schema.Problem {
	var out []schema.Problem
	set := func(name string) bool { a := v.GetAttr(name); return !a.IsNull() }
	if !slices.ContainsFunc(retryFields(), func(f annotation) bool { return set(f.attribute) }) {
		out = append(out, schema.Problem{Path: cty.GetAttrPath("http"), Summary: "Nothing is set", Detail: "Give statuses to retry (`http`, `grpc`) or a timeout."})
	}
	if (set("limit") || set("timeout")) && !set("http") && !set("grpc") {
		out = append(out, schema.Problem{Path: cty.GetAttrPath("limit"), Summary: "Nothing is retried", Detail: "`limit` and `timeout` are about retries, and without `http` or `grpc` nothing is retried."})
	}
	request := v.GetAttr("request_timeout")
	if a, err := span(schema.Text(request)); err == nil && a > 0 {
		for _, name := range []string{"response_timeout", "timeout"} {
			if b, err := span(schema.Text(v.GetAttr(name))); err == nil && b > a {
				out = append(out, schema.Problem{Path: cty.GetAttrPath(name), Summary: "Timeout is never reached", Warning: true,
					Detail: "It is longer than `request_timeout`, which ends the request first."})
			}
		}
	}
	if k := schema.Text(v.GetAttr("kind")); k == "Service" && set("api") {
		out = append(out, schema.Problem{Path: cty.GetAttrPath("api"), Summary: "A Service has no choice of API", Detail: "Remove `api`: it is for routes."})
	}
	return out
}

// annotated is the kind of the object that gets annotations.
func annotated(v cty.Value) kschema.GroupVersionKind {
	if !v.Type().HasAttribute("kind") {
		return kschema.GroupVersionKind{Version: "v1", Kind: "Service"}
	}
	api := schema.Text(v.GetAttr("api"))
	switch schema.Text(v.GetAttr("kind")) {
	case "HTTPRoute":
		if api == gatewayGroup {
			return kschema.GroupVersionKind{Group: gatewayGroup, Version: "v1", Kind: "HTTPRoute"}
		}
		return kschema.GroupVersionKind{Group: policyGroup, Version: "v1beta3", Kind: "HTTPRoute"}
	case "GRPCRoute":
		return kschema.GroupVersionKind{Group: gatewayGroup, Version: "v1", Kind: "GRPCRoute"}
	}
	return kschema.GroupVersionKind{Version: "v1", Kind: "Service"}
}

// placeAnnotated comes after what makes the object.
func placeAnnotated(v cty.Value, o *providers.Order) {
	ns, name, kind := schema.Text(v.GetAttr("namespace")), schema.Text(v.GetAttr("name")), annotated(v).Kind
	o.After = append(o.After, providers.Tag("kubernetes:object/"+kube.Ref{Kind: kind, Namespace: ns, Name: name}.Key()), providers.Tag("linkerd:route/"+ns+"/"+name))
}

func (l linter) retry(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error) {
	ns, name := schema.Text(v.GetAttr("namespace")), schema.Text(v.GetAttr("name"))
	if schema.Text(v.GetAttr("kind")) != "Service" {
		return l.replaced(ctx, ns, name, v)
	}
	return l.borrowed(ctx, ns, name)
}

// borrowed judges a Service that gets annotations.
func (l linter) borrowed(ctx context.Context, ns, name string) (hcl.Diagnostics, []string, error) {
	all, err := l.services(ctx, ns)
	if err != nil {
		return nil, nil, err
	}
	ds := l.service(all, ns, name, 0, cty.GetAttrPath("name"))
	more, err := l.profile(ctx, ns, name, cty.GetAttrPath("name"))
	return append(ds, more...), nil, err
}

// replaced says which annotations of the Service do not count any more for a route.
func (l linter) replaced(ctx context.Context, ns, name string, v cty.Value) (hcl.Diagnostics, []string, error) {
	gvk := annotated(v)
	routes, err := l.world.List(ctx, l.env.Cluster(), gvk.GroupKind(), ns)
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(routes, func(r kubeObject) bool { return r.GetName() == name })
	if i < 0 {
		return nil, nil, nil
	}
	all, err := l.services(ctx, ns)
	if err != nil {
		return nil, nil, err
	}
	var ds hcl.Diagnostics
	for _, parent := range parentNames(routes[i], "Service") {
		s := all[parent]
		if s == nil {
			continue
		}
		for _, family := range []string{"retry.linkerd.io/", "timeout.linkerd.io/"} {
			var lost []string
			mine := false
			own := asAnnotations(v, retryFields())
			for key := range own {
				mine = mine || strings.HasPrefix(key, family)
			}
			for key := range s.Annotations {
				if _, same := own[key]; strings.HasPrefix(key, family) && !same {
					lost = append(lost, key)
				}
			}
			if slices.Sort(lost); mine && len(lost) > 0 {
				ds = append(ds, diag.At(diag.Warningf(CodeReplaces, "Annotations of the Service do not count for the route",
					"Service %q sets %s. When a route has one annotation of that family, those of the Service count no more for it: repeat them here.", parent, strings.Join(lost, ", ")), cty.GetAttrPath("name")))
			}
		}
	}
	return ds, nil, nil
}
