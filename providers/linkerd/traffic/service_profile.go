package traffic

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const profileExample = `resource "linkerd_service_profile" "payment" {
  namespace = "shop"
  name      = "paymentservice.shop.svc.cluster.local"

  route {
    name       = "POST /pay"
    method     = "POST"
    path_regex = "/pay"
    timeout    = "300ms"
    retryable  = true
  }
  retry_ratio = 0.2
}
`

func profileKind(l linter) typed.Kind {
	return typed.Kind{
		GroupKind: kschema.GroupKind{Group: "linkerd.io", Kind: "ServiceProfile"}, Version: "v1alpha2",
		Declare: profileSchema, Spec: profileSpec, Show: readProfile,
		SpecAttributes: []string{"route", "retry_ratio", "min_retries_per_second", "retry_ttl", "opaque_ports"},
		Looks:          looks(httpRoutes, gatewayRoutes),
		Lint:           func(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error) { return l.ownProfile(ctx, v) },
	}
}

func profileSchema() *schema.Resource {
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "Routes, retries and timeouts of a Service, in Linkerd's older form",
		Description: "A profile takes precedence: as long as it exists, clients of the Service ignore HTTPRoutes, weights, retry and timeout annotations and circuit breaking. " +
			"New configurations use `linkerd_http_route` and `linkerd_retry_policy`; a plan names what a profile would put out of force.",
		Example: profileExample,
		Block: schema.Block{Attributes: typed.Common("profile", map[string]*schema.Attribute{
			"name": {Type: cty.String, Required: true, Replace: true, Validate: checkProfileName,
				Description: "The Service's full name, for instance `paymentservice.shop.svc.cluster.local`."},
			"retry_ratio":            {Type: cty.Number, Optional: true, Validate: share, Description: "Retries as a share of the original requests, from 0 to 1. Linkerd's default is 0.2."},
			"min_retries_per_second": {Type: cty.Number, Optional: true, Default: cty.NumberIntVal(10), Validate: whole(0, 1000000), Description: "Retries that are always allowed, with `retry_ratio`. Default 10."},
			"retry_ttl":              {Type: cty.String, Optional: true, Default: cty.StringVal("10s"), Validate: checkGap, Description: "Time over which the ratio is taken, with `retry_ratio`. Default 10s."},
			"opaque_ports":           {Type: cty.List(cty.String), Optional: true, Description: "Ports whose protocol clients do not look at."},
		}), Blocks: map[string]*schema.NestedBlock{"route": {Nesting: schema.List, Description: "Routes; the first that matches counts.", Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"name":       {Type: cty.String, Required: true, Description: "Name of the route in metrics."},
			"method":     {Type: cty.String, Optional: true, Description: "HTTP method that must match."},
			"path_regex": {Type: cty.String, Optional: true, Validate: checkPattern, Description: "Regular expression that the whole path must match."},
			"timeout":    {Type: cty.String, Optional: true, Validate: checkGap, Description: "Time for a request with its retries."},
			"retryable":  {Type: cty.Bool, Optional: true, Default: cty.False, Description: "Retry failed requests. Default false."},
			"failures":   {Type: cty.List(cty.String), Optional: true, Validate: checkCodes, Description: "Statuses that count as failures: codes and ranges such as `500-599`. Linkerd's default is every 5xx."},
		}}}}},
		Validate: func(v cty.Value) []schema.Problem {
			var out []schema.Problem
			routes := v.GetAttr("route")
			if !routes.IsWhollyKnown() || routes.IsNull() {
				return nil
			}
			for i, r := range routes.AsValueSlice() {
				if r.GetAttr("method").IsNull() && r.GetAttr("path_regex").IsNull() {
					out = append(out, schema.Problem{Path: cty.GetAttrPath("route").IndexInt(i), Summary: "Route matches nothing", Detail: "Give `method` or `path_regex`; Linkerd refuses a route without a condition."})
				}
			}
			if name, ns := schema.Text(v.GetAttr("name")), schema.Text(v.GetAttr("namespace")); name != "" && ns != "" {
				if _, of := serviceOf(name); of != ns {
					out = append(out, schema.Problem{Path: cty.GetAttrPath("namespace"), Summary: "Profile counts for some clients only", Warning: true,
						Detail: fmt.Sprintf("The Service is in namespace %q and the profile in %q: only clients in %q use it. Put it beside the Service for all clients.", of, ns, ns)})
				}
			}
			return out
		},
	}
}

// serviceOf splits the full name of a Service.
func serviceOf(fqdn string) (service, namespace string) {
	parts := strings.SplitN(fqdn, ".", 3)
	if len(parts) < 3 {
		return fqdn, ""
	}
	return parts[0], parts[1]
}

func checkProfileName(v cty.Value) error {
	if !regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?\.[a-z0-9]([-a-z0-9]*[a-z0-9])?\.svc\.[a-z0-9.-]+$`).MatchString(v.AsString()) {
		return fmt.Errorf("%q is not the full name of a Service such as paymentservice.shop.svc.cluster.local", v.AsString())
	}
	return nil
}

func checkPattern(v cty.Value) error {
	if _, err := regexp.Compile(v.AsString()); err != nil {
		return fmt.Errorf("%q is not a regular expression: %w", v.AsString(), err)
	}
	return nil
}

func profileSpec(_ env.Env, v cty.Value) map[string]any {
	spec := map[string]any{}
	var routes []any
	if list := v.GetAttr("route"); !list.IsNull() {
		for _, r := range list.AsValueSlice() {
			condition := map[string]any{}
			for attribute, field := range map[string]string{"method": "method", "path_regex": "pathRegex"} {
				if s := schema.Text(r.GetAttr(attribute)); s != "" {
					condition[field] = s
				}
			}
			route := map[string]any{"name": schema.Text(r.GetAttr("name")), "condition": condition}
			if schema.True(r.GetAttr("retryable")) {
				route["isRetryable"] = true
			}
			if s := schema.Text(r.GetAttr("timeout")); s != "" {
				route["timeout"] = s
			}
			var classes []any
			for _, code := range schema.Texts(r.GetAttr("failures")) {
				low, high := statusRange(code)
				classes = append(classes, map[string]any{"condition": map[string]any{"status": map[string]any{"min": low, "max": high}}, "isFailure": true})
			}
			if len(classes) > 0 {
				route["responseClasses"] = classes
			}
			routes = append(routes, route)
		}
	}
	if len(routes) > 0 {
		spec["routes"] = routes
	}
	if n := v.GetAttr("retry_ratio"); !n.IsNull() {
		f, _ := n.AsBigFloat().Float64()
		spec["retryBudget"] = map[string]any{"retryRatio": jsonNumber(f), "minRetriesPerSecond": integer(v.GetAttr("min_retries_per_second")), "ttl": schema.Text(v.GetAttr("retry_ttl"))}
	}
	if l := schema.Texts(v.GetAttr("opaque_ports")); len(l) > 0 {
		spec["opaquePorts"] = anyTexts(l)
	}
	return spec
}

// jsonNumber is a number as it comes back from JSON: whole ones are integers.
func jsonNumber(f float64) any {
	if f == float64(int64(f)) {
		return int64(f)
	}
	return f
}

func statusRange(code string) (low, high int64) {
	switch code {
	case "5xx":
		return 500, 599
	case "gateway-error":
		return 502, 504
	}
	if n, _ := fmt.Sscanf(code, "%d-%d", &low, &high); n == 1 {
		high = low
	}
	return low, high
}

// readProfile shows a live profile. What still says what was recorded keeps its recorded spelling.
func readProfile(e env.Env, live map[string]any, attrs map[string]cty.Value) {
	recorded := map[string]any{}
	if attrs["route"].IsWhollyKnown() {
		recorded = profileSpec(e, cty.ObjectVal(attrs))
	}
	if !reflect.DeepEqual(recorded["routes"], live["routes"]) {
		ty := attrs["route"].Type()
		attrs["route"] = cty.ListValEmpty(ty.ElementType())
		if routes := each(live["routes"], readProfileRoute); len(routes) > 0 {
			attrs["route"] = cty.ListVal(routes)
		}
	}
	if !reflect.DeepEqual(recorded["retryBudget"], live["retryBudget"]) {
		budget, _ := live["retryBudget"].(map[string]any)
		attrs["retry_ratio"] = cty.NullVal(cty.Number)
		switch n := budget["retryRatio"].(type) {
		case float64:
			attrs["retry_ratio"] = cty.NumberFloatVal(n)
		case int64:
			attrs["retry_ratio"] = cty.NumberIntVal(n)
		}
		if budget != nil {
			attrs["min_retries_per_second"], attrs["retry_ttl"] = number(budget, "minRetriesPerSecond"), text(budget, "ttl")
		}
	}
	if !reflect.DeepEqual(recorded["opaquePorts"], live["opaquePorts"]) {
		attrs["opaque_ports"] = textList(live["opaquePorts"], attrs["opaque_ports"])
	}
}

func readProfileRoute(m map[string]any) cty.Value {
	condition, _ := m["condition"].(map[string]any)
	failures := each(m["responseClasses"], func(c map[string]any) cty.Value {
		inner, _ := c["condition"].(map[string]any)
		status, _ := inner["status"].(map[string]any)
		return cty.StringVal(fmt.Sprintf("%v-%v", status["min"], status["max"]))
	})
	list := cty.NullVal(cty.List(cty.String))
	if len(failures) > 0 {
		list = cty.ListVal(failures)
	}
	return cty.ObjectVal(map[string]cty.Value{"name": text(m, "name"), "method": text(condition, "method"), "path_regex": text(condition, "pathRegex"),
		"timeout": text(m, "timeout"), "retryable": cty.BoolVal(m["isRetryable"] == true), "failures": list})
}

// ownProfile names what a profile puts out of force.
func (l linter) ownProfile(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error) {
	service, ns := serviceOf(schema.Text(v.GetAttr("name")))
	all, err := l.services(ctx, ns)
	if err != nil {
		return nil, nil, err
	}
	at := cty.GetAttrPath("name")
	ds := l.service(all, ns, service, 0, at)
	var lost []string
	for _, group := range []string{policyGroup, gatewayGroup} {
		routes, err := l.world.List(ctx, l.env.Cluster(), kschema.GroupKind{Group: group, Kind: "HTTPRoute"}, ns)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range routes {
			for _, p := range parentNames(r, "Service") {
				if p == service {
					lost = append(lost, "HTTPRoute "+r.GetName())
				}
			}
		}
	}
	if s := all[service]; s != nil {
		for key := range s.Annotations {
			if strings.HasPrefix(key, "retry.linkerd.io/") || strings.HasPrefix(key, "timeout.linkerd.io/") || strings.HasPrefix(key, "balancer.linkerd.io/") {
				lost = append(lost, "the Service's retry, timeout and circuit-breaking annotations")
				break
			}
		}
	}
	if len(lost) > 0 {
		ds = append(ds, diag.At(diag.Warningf(CodeProfileShadows, "Service profile takes precedence", "As soon as the profile exists, clients of Service %q ignore %s.", service, strings.Join(lost, ", ")), at))
	}
	return ds, nil, nil
}
