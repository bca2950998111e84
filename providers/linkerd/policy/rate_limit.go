package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const rateLimitExample = `resource "linkerd_server" "payment" {
  namespace     = "shop"
  name          = "payment-http"
  pod_selector  = { app = "paymentservice" }
  port          = 8080
  access_policy = "all-authenticated"
}

resource "linkerd_rate_limit" "payment" {
  namespace           = "shop"
  name                = "payment"
  server              = linkerd_server.payment.name
  requests_per_second = 500
  per_client          = 50
  overrides = [
    { service_accounts = ["shop/tripservice"], requests_per_second = 200 },
  ]
}
`

// patience is how long Linkerd's policy controller is given to judge an object: its own period is ten seconds.
const patience = time.Minute

func rateLimitKind(e env.Env, w *World) typed.Kind {
	return typed.Kind{
		GroupKind: kschema.GroupKind{Group: policyGroup, Kind: "HTTPLocalRateLimitPolicy"}, Version: "v1alpha1",
		Declare: rateLimitSchema, Spec: rateLimitSpec, Show: readRateLimit, Settled: typed.Accepted, Patience: patience,
		SpecAttributes: []string{"server", "requests_per_second", "per_client", "overrides"},
		Place: func(v cty.Value, o *providers.Order) {
			o.After = append(o.After, providers.Tag("linkerd:server/"+schema.Text(v.GetAttr("namespace"))))
		},
		Looks: looksAtLimits(e),
		Lint: func(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error) {
			return lintRateLimit(ctx, e, w, v)
		},
	}
}

func overrideType() cty.Type {
	return cty.Object(map[string]cty.Type{"service_accounts": cty.List(cty.String), "requests_per_second": cty.Number})
}

func rateLimitSchema() *schema.Resource {
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "Limits the requests that a Server takes",
		Description: "Each pod counts on its own, so a workload of three pods takes three times as much. What is over the limit is answered with status 429. " +
			"All clients without mTLS share one bucket of `per_client`.\n\nA Server has one limit: Linkerd refuses a second one, which is found while planning.",
		Example: rateLimitExample,
		Block: schema.Block{Attributes: typed.Common("limit", map[string]*schema.Attribute{
			"server":              {Type: cty.String, Required: true, Description: "Name of the Server, in the same namespace."},
			"requests_per_second": {Type: cty.Number, Optional: true, Validate: positive, Description: "Requests of all clients together, per pod. Default: any."},
			"per_client":          {Type: cty.Number, Optional: true, Validate: positive, Description: "Requests of each client identity, per pod. Default: any."},
			"overrides": {Type: cty.List(overrideType()), Optional: true, Validate: checkOverrides,
				Description: "Other limits for some clients: `service_accounts` as `namespace/name`, and `requests_per_second`."},
		})},
		Validate: validateRateLimit,
	}
}

func positive(v cty.Value) error {
	if n := v.AsBigFloat(); n.Sign() <= 0 || !n.IsInt() {
		return fmt.Errorf("it must be a whole number greater than 0")
	}
	return nil
}

func checkOverrides(v cty.Value) error {
	for _, o := range v.AsValueSlice() {
		accounts := schema.Texts(o.GetAttr("service_accounts"))
		if len(accounts) == 0 {
			return fmt.Errorf("an override needs at least one service account")
		}
		for _, a := range accounts {
			if err := checkAccount(a); err != nil {
				return err
			}
		}
		if n := o.GetAttr("requests_per_second"); n.IsNull() {
			return fmt.Errorf("an override needs requests_per_second")
		} else if err := positive(n); err != nil {
			return fmt.Errorf("requests_per_second: %w", err)
		}
	}
	return nil
}

func validateRateLimit(v cty.Value) []schema.Problem {
	total, client, overrides := v.GetAttr("requests_per_second"), v.GetAttr("per_client"), v.GetAttr("overrides")
	if !total.IsKnown() || !client.IsKnown() || !overrides.IsWhollyKnown() {
		return nil
	}
	if total.IsNull() && client.IsNull() && (overrides.IsNull() || overrides.LengthInt() == 0) {
		return []schema.Problem{{Path: cty.GetAttrPath("requests_per_second"), Summary: "Nothing is limited", Detail: "Give `requests_per_second`, `per_client` or `overrides`."}}
	}
	var out []schema.Problem
	exceeds := func(n cty.Value, attribute string) {
		if !total.IsNull() && !n.IsNull() && n.GreaterThan(total).True() {
			out = append(out, schema.Problem{Path: cty.GetAttrPath(attribute), Summary: "Limit exceeds the total",
				Detail: fmt.Sprintf("%s requests per second are more than the total of %s; Linkerd refuses that.", n.AsBigFloat(), total.AsBigFloat())})
		}
	}
	exceeds(client, "per_client")
	if !overrides.IsNull() {
		for _, o := range overrides.AsValueSlice() {
			exceeds(o.GetAttr("requests_per_second"), "overrides")
		}
	}
	return out
}

func rateLimitSpec(_ env.Env, v cty.Value) map[string]any {
	spec := map[string]any{"targetRef": map[string]any{"group": policyGroup, "kind": "Server", "name": schema.Text(v.GetAttr("server"))}}
	limit := func(n cty.Value) map[string]any {
		i, _ := n.AsBigFloat().Int64()
		return map[string]any{"requestsPerSecond": i}
	}
	if n := v.GetAttr("requests_per_second"); !n.IsNull() {
		spec["total"] = limit(n)
	}
	if n := v.GetAttr("per_client"); !n.IsNull() {
		spec["identity"] = limit(n)
	}
	if l := v.GetAttr("overrides"); !l.IsNull() && l.LengthInt() > 0 {
		var list []any
		for _, o := range l.AsValueSlice() {
			one := limit(o.GetAttr("requests_per_second"))
			var refs []any
			for _, a := range schema.Texts(o.GetAttr("service_accounts")) {
				ns, name, _ := strings.Cut(a, "/")
				refs = append(refs, map[string]any{"kind": "ServiceAccount", "namespace": ns, "name": name})
			}
			one["clientRefs"] = refs
			list = append(list, one)
		}
		spec["overrides"] = list
	}
	return spec
}

func readRateLimit(_ env.Env, live map[string]any, attrs map[string]cty.Value) {
	target, _ := live["targetRef"].(map[string]any)
	attrs["server"] = orNull(stringAt(target, "name"))
	limit := func(v any) cty.Value {
		m, _ := v.(map[string]any)
		if n, ok := m["requestsPerSecond"].(int64); ok {
			return cty.NumberIntVal(n)
		}
		return cty.NullVal(cty.Number)
	}
	attrs["requests_per_second"], attrs["per_client"] = limit(live["total"]), limit(live["identity"])
	list, _ := live["overrides"].([]any)
	var out []cty.Value
	for _, o := range list {
		m, _ := o.(map[string]any)
		refs, _ := m["clientRefs"].([]any)
		var accounts []string
		for _, r := range refs {
			ref, _ := r.(map[string]any)
			ns := stringAt(ref, "namespace")
			if ns == "" {
				ns = schema.Text(attrs["namespace"])
			}
			accounts = append(accounts, ns+"/"+stringAt(ref, "name"))
		}
		out = append(out, cty.ObjectVal(map[string]cty.Value{"service_accounts": stringList(accounts, cty.ListValEmpty(cty.String)), "requests_per_second": limit(m)}))
	}
	switch {
	case len(out) > 0:
		attrs["overrides"] = cty.ListVal(out)
	case !attrs["overrides"].IsNull():
		attrs["overrides"] = cty.ListValEmpty(overrideType())
	}
}

// lintRateLimit finds a second limit of the same Server and a limit of none.
func lintRateLimit(ctx context.Context, e env.Env, w *World, v cty.Value) (hcl.Diagnostics, []string, error) {
	ns, name, server := schema.Text(v.GetAttr("namespace")), schema.Text(v.GetAttr("name")), schema.Text(v.GetAttr("server"))
	limits, err := w.List(ctx, e.Cluster(), kschema.GroupKind{Group: policyGroup, Kind: "HTTPLocalRateLimitPolicy"}, ns)
	if err != nil {
		return nil, nil, err
	}
	var ds hcl.Diagnostics
	for _, l := range limits {
		if target, _, _ := unstructured.NestedString(l.Object, "spec", "targetRef", "name"); target == server && l.GetName() != name {
			ds = append(ds, diag.At(diag.Errorf(CodeSecondLimit, "Server has a limit already",
				"HTTPLocalRateLimitPolicy %q limits Server %q as well. Linkerd keeps the older one and refuses the other (RateLimitReasonAlreadyExists). Change the one that exists, or remove it first.", l.GetName(), server), cty.GetAttrPath("server")))
		}
	}
	s, err := w.around(ctx, e, ns)
	if err != nil {
		return nil, nil, err
	}
	if s.observed.Namespace != nil && !slices.Contains(s.serverNames(), server) {
		ds = append(ds, diag.At(diag.Warningf(CodeNoTarget, "Target does not exist", "There is no Server %q in namespace %q, so nothing is limited for now.%s",
			server, ns, diag.Suggest(server, s.serverNames())), cty.GetAttrPath("server")))
	}
	return ds, nil, nil
}
