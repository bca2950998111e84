package traffic

import (
	"context"
	"errors"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const breakerExample = `resource "linkerd_circuit_breaker" "payment" {
  namespace    = "shop"
  name         = "paymentservice"
  max_failures = 5
  min_penalty  = "1s"
  max_penalty  = "1m"
}
`

const (
	accrual      = "balancer.linkerd.io/failure-accrual"
	alphaAccrual = "balancer.alpha.linkerd.io/failure-accrual"
)

func breakerKind(l linter) typed.Kind {
	var names []string
	for _, f := range breakerFields() {
		names = append(names, f.attribute)
	}
	return typed.Kind{
		GroupKind: kschema.GroupKind{Kind: "Service"}, Version: "v1", Choose: annotated, Declare: breakerSchema, Partial: true,
		Annotations: func(v cty.Value) map[string]string { return asAnnotations(v, breakerFields()) },
		ShowAnnotations: func(live map[string]string, attrs map[string]cty.Value) {
			fromAnnotations(live, attrs, breakerFields())
		},
		SpecAttributes: names, Place: placeAnnotated,
		Looks: looks(profiles),
		Lint: func(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error) {
			return l.borrowed(ctx, schema.Text(v.GetAttr("namespace")), schema.Text(v.GetAttr("name")))
		},
	}
}

func breakerFields() []annotation {
	return []annotation{{"mode", accrual}, {"max_failures", accrual + "-consecutive-max-failures"}, {"min_penalty", accrual + "-consecutive-min-penalty"},
		{"max_penalty", accrual + "-consecutive-max-penalty"}, {"jitter_ratio", accrual + "-consecutive-jitter-ratio"},
		{"success_rate_threshold", alphaAccrual + "-success-rate-threshold"}, {"success_rate_window", alphaAccrual + "-success-rate-window"},
		{"success_rate_min_requests", alphaAccrual + "-success-rate-min-requests"}}
}

func breakerSchema() *schema.Resource {
	return &schema.Resource{
		Summary: "Takes failing endpoints of a Service out of the load balancing of its clients",
		Description: "Sets Linkerd's circuit-breaking annotations on a Service that somebody else owns, and nothing else of it; they go when the resource goes. Each client decides for itself, so clients need proxies. " +
			"An endpoint is left out after `max_failures` failures in a row and is tried again with one request after a penalty that grows from `min_penalty` to `max_penalty`.\n\n" +
			"Linkerd checks none of these values and drops a bad one without a word; here it is an error.",
		Example: breakerExample,
		Block: schema.Block{Attributes: typed.Borrowed(map[string]*schema.Attribute{
			"mode":                      typed.Choice("consecutive", "`consecutive` counts failures in a row; `unified` (Linkerd 2.20) looks at the success rate as well.", "consecutive", "unified"),
			"max_failures":              {Type: cty.Number, Optional: true, Validate: whole(1, 4294967295), Description: "Failures in a row after which an endpoint is left out. Linkerd's default is 7."},
			"min_penalty":               {Type: cty.String, Optional: true, Validate: checkSpan, Description: "Shortest time for which an endpoint is left out. Linkerd's default is 1s."},
			"max_penalty":               {Type: cty.String, Optional: true, Validate: checkSpan, Description: "Longest time for which an endpoint is left out. Linkerd's default is 60s."},
			"jitter_ratio":              {Type: cty.Number, Optional: true, Validate: ratio, Description: "Random part that is added to a penalty, as a share of it, from 0 to 100. Linkerd's default is 0.5."},
			"success_rate_threshold":    {Type: cty.Number, Optional: true, Validate: share, Description: "Success rate below which an endpoint is left out (`unified`), from 0 to 1. Linkerd's default is 0.8."},
			"success_rate_window":       {Type: cty.String, Optional: true, Validate: checkSpan, Description: "Time over which the success rate is taken (`unified`), at least 10ms. Linkerd's default is 10s."},
			"success_rate_min_requests": {Type: cty.Number, Optional: true, Validate: whole(1, 1000000), Description: "Requests that the window must have seen (`unified`). Linkerd's default is 5."},
		})},
		Validate: validateBreaker,
	}
}

func ratio(v cty.Value) error {
	if f, _ := v.AsBigFloat().Float64(); f < 0 || f > 100 {
		return errors.New("it must be between 0 and 100")
	}
	return nil
}

func validateBreaker(v cty.Value) []schema.Problem {
	var out []schema.Problem
	orDefault := func(name, def string) string {
		if s := schema.Text(v.GetAttr(name)); s != "" {
			return s
		}
		return def
	}
	low, err1 := span(orDefault("min_penalty", "1s"))
	high, err2 := span(orDefault("max_penalty", "60s"))
	switch {
	case err1 != nil || err2 != nil || !v.GetAttr("min_penalty").IsKnown() || !v.GetAttr("max_penalty").IsKnown():
	case high == 0:
		out = append(out, schema.Problem{Path: cty.GetAttrPath("max_penalty"), Summary: "Penalty is nothing", Detail: "`max_penalty` must be longer than 0; Linkerd drops the whole setting otherwise."})
	case low > high:
		out = append(out, schema.Problem{Path: cty.GetAttrPath("min_penalty"), Summary: "Penalties are in the wrong order", Detail: "`min_penalty` (Linkerd's default is 1s) must not be longer than `max_penalty` (default 60s); Linkerd drops the whole setting otherwise."})
	}
	for _, name := range []string{"success_rate_min_requests", "success_rate_threshold", "success_rate_window"} {
		if !v.GetAttr(name).IsNull() && schema.Text(v.GetAttr("mode")) == "consecutive" {
			out = append(out, schema.Problem{Path: cty.GetAttrPath(name), Summary: "Success rate is not looked at", Detail: "The success rate counts in mode `unified` only: set mode = \"unified\", or remove it."})
		}
	}
	if d, err := span(orDefault("success_rate_window", "10s")); err == nil && d < 10e6 {
		out = append(out, schema.Problem{Path: cty.GetAttrPath("success_rate_window"), Summary: "Window is too short", Detail: "A window of the success rate is at least 10ms."})
	}
	return out
}
