package policy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const serverExample = `resource "linkerd_server" "payment" {
  namespace     = "shop"
  name          = "payment-http"
  pod_selector  = { app = "paymentservice" }
  port          = 8080
  access_policy = "deny"
}
`

func serverKind() kind {
	return kind{Kind: typed.Kind{
		GroupKind: kschema.GroupKind{Group: policyGroup, Kind: "Server"}, Version: "v1beta3",
		Declare: serverSchema, Spec: serverSpec, Show: readServer, Place: orderServer,
		SpecAttributes: []string{"pod_selector", "pod_expressions", "external_workload_selector", "port", "proxy_protocol", "access_policy"},
		Risk: "while the old Server is gone and the new one not there, its port follows an overlapping Server or the default policy; and the new one " +
			"is younger than every other that selects the port, so that these go before it",
		Needs: "access policies need v1beta3. Upgrade Linkerd's CRDs (linkerd_crds) to a release of 2.16 or later.",
	}, lint: lintServer}
}

func expressionType() cty.Type {
	return cty.ObjectWithOptionalAttrs(map[string]cty.Type{"key": cty.String, "operator": cty.String, "values": cty.List(cty.String)}, []string{"values"})
}

func serverSchema() *schema.Resource {
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "One port of a set of pods, and who may call it by default",
		Description: "A Server covers exactly one port, by number or by name, of the pods that it selects. Other ports keep the default policy. " +
			"When two Servers select the same port the older one wins and the other is ignored, so an overlap is an error here.\n\n" +
			"`access_policy` has no default: a Server that is silent about it denies everybody from the moment it exists. " +
			"Policies that refer to this Server are created before it and deleted after it.",
		Example: serverExample,
		Block: schema.Block{Attributes: typed.Common("Server", map[string]*schema.Attribute{
			"pod_selector": {Type: cty.Map(cty.String), Optional: true, Description: "Labels of the pods; `{}` selects every pod of the namespace."},
			"pod_expressions": {Type: cty.List(expressionType()), Optional: true, Validate: checkExpressions,
				Description: "Further conditions on the pods' labels: `key`, `operator` (In, NotIn, Exists, DoesNotExist) and `values`."},
			"external_workload_selector": {Type: cty.Map(cty.String), Optional: true, Description: "Labels of ExternalWorkloads, instead of pods."},
			"port":                       {Type: cty.String, Required: true, Validate: checkPort, Description: "Number or name of a container's port."},
			"proxy_protocol": typed.Choice("unknown", "Protocol on the port; the proxy detects it when unknown.",
				"unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"),
			"access_policy": {Type: cty.String, Required: true, OneOf: accessPolicies(),
				Description: "Who may call when no authorization policy says so. `deny` admits nobody else, `audit` admits everybody and counts whom `deny` would refuse."},
		})},
		Validate: validateServer,
	}
}

func validateServer(v cty.Value) []schema.Problem {
	pods, external := v.GetAttr("pod_selector"), v.GetAttr("external_workload_selector")
	if !pods.IsKnown() || !external.IsKnown() || !v.GetAttr("pod_expressions").IsKnown() {
		return nil
	}
	hasPods := !pods.IsNull() || !v.GetAttr("pod_expressions").IsNull()
	var out []schema.Problem
	switch {
	case !hasPods && external.IsNull():
		out = append(out, schema.Problem{Path: cty.GetAttrPath("pod_selector"), Summary: "Server selects nothing",
			Detail: "Give `pod_selector` (`{}` selects every pod of the namespace) or `external_workload_selector`."})
	case hasPods && !external.IsNull():
		out = append(out, schema.Problem{Path: cty.GetAttrPath("external_workload_selector"), Summary: "Server selects pods and external workloads",
			Detail: "A Server selects either pods or external workloads: remove one of the selectors."})
	}
	if p := schema.Text(v.GetAttr("access_policy")); strings.HasSuffix(p, "-unauthenticated") {
		out = append(out, schema.Problem{Path: cty.GetAttrPath("access_policy"), Summary: "Clients without mTLS are admitted", Warning: true,
			Detail: fmt.Sprintf("The access policy %q lets clients in without mTLS. Use `all-authenticated` to require it.", p)})
	}
	return out
}

func checkPort(v cty.Value) error {
	s := v.AsString()
	if n, err := strconv.Atoi(s); err == nil {
		if n < 1 || n > 65535 {
			return fmt.Errorf("%s is not a port: the range is 1 to 65535", s)
		}
		return nil
	}
	if errs := validation.IsValidPortName(s); len(errs) > 0 {
		return fmt.Errorf("%q is neither a number nor the name of a port (%s)", s, errs[0])
	}
	return nil
}

func checkExpressions(v cty.Value) error {
	for _, e := range v.AsValueSlice() {
		op, values := schema.Text(e.GetAttr("operator")), schema.Texts(e.GetAttr("values"))
		switch op {
		case "In", "NotIn":
			if len(values) == 0 {
				return fmt.Errorf("the operator %s of key %q needs values", op, schema.Text(e.GetAttr("key")))
			}
		case "Exists", "DoesNotExist":
			if len(values) > 0 {
				return fmt.Errorf("the operator %s of key %q takes no values", op, schema.Text(e.GetAttr("key")))
			}
		default:
			return fmt.Errorf("%q is not one of In, NotIn, Exists, DoesNotExist.%s", op, diag.Suggest(op, []string{"In", "NotIn", "Exists", "DoesNotExist"}))
		}
	}
	return nil
}

func serverSpec(_ env.Env, v cty.Value) map[string]any {
	spec := map[string]any{"port": portValue(schema.Text(v.GetAttr("port"))), "proxyProtocol": schema.Text(v.GetAttr("proxy_protocol")), "accessPolicy": schema.Text(v.GetAttr("access_policy"))}
	if external := v.GetAttr("external_workload_selector"); !external.IsNull() {
		spec["externalWorkloadSelector"] = labelSelector(stringMap(external), cty.NullVal(cty.DynamicPseudoType))
		return spec
	}
	spec["podSelector"] = labelSelector(stringMap(v.GetAttr("pod_selector")), v.GetAttr("pod_expressions"))
	return spec
}

func portValue(s string) any {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return n
	}
	return s
}

func labelSelector(labels map[string]string, expressions cty.Value) map[string]any {
	out := map[string]any{}
	if len(labels) > 0 {
		match := map[string]any{}
		for k, v := range labels {
			match[k] = v
		}
		out["matchLabels"] = match
	}
	if !expressions.IsNull() && expressions.LengthInt() > 0 {
		var list []any
		for _, e := range expressions.AsValueSlice() {
			one := map[string]any{"key": schema.Text(e.GetAttr("key")), "operator": schema.Text(e.GetAttr("operator"))}
			if values := schema.Texts(e.GetAttr("values")); len(values) > 0 {
				one["values"] = anyList(values)
			}
			list = append(list, one)
		}
		out["matchExpressions"] = list
	}
	return out
}

func readServer(_ env.Env, live map[string]any, attrs map[string]cty.Value) {
	var port string
	switch p := live["port"].(type) {
	case int64:
		port = strconv.FormatInt(p, 10)
	case string:
		port = p
	}
	attrs["port"] = orNull(port)
	attrs["proxy_protocol"] = orNull(stringAt(live, "proxyProtocol"))
	attrs["access_policy"] = orNull(stringAt(live, "accessPolicy"))
	for attribute, field := range map[string]string{"pod_selector": "podSelector", "external_workload_selector": "externalWorkloadSelector"} {
		selector, ok := live[field].(map[string]any)
		if !ok {
			attrs[attribute] = cty.NullVal(cty.Map(cty.String))
			continue
		}
		match := map[string]string{}
		if m, ok := selector["matchLabels"].(map[string]any); ok {
			for k := range m {
				match[k] = stringAt(m, k)
			}
		}
		if len(match) > 0 || !attrs[attribute].IsNull() {
			attrs[attribute] = mapValue(match)
		}
		if attribute == "pod_selector" {
			attrs["pod_expressions"] = readExpressions(selector, attrs["pod_expressions"])
		}
	}
}

func readExpressions(selector map[string]any, recorded cty.Value) cty.Value {
	list, _ := selector["matchExpressions"].([]any)
	var out []cty.Value
	for _, e := range list {
		m, _ := e.(map[string]any)
		values := cty.NullVal(cty.List(cty.String))
		if l, ok := m["values"].([]any); ok {
			values = stringList(stringsOf(l), values)
		}
		out = append(out, cty.ObjectVal(map[string]cty.Value{
			"key": cty.StringVal(stringAt(m, "key")), "operator": cty.StringVal(stringAt(m, "operator")), "values": values,
		}))
	}
	switch {
	case len(out) > 0:
		return cty.ListVal(out)
	case recorded.IsNull():
		return recorded
	}
	return cty.ListValEmpty(expressionType().WithoutOptionalAttributesDeep())
}

func stringAt(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func stringsOf(list []any) []string {
	out := make([]string, 0, len(list))
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func orderServer(v cty.Value, o *providers.Order) {
	ns := schema.Text(v.GetAttr("namespace"))
	o.Provides = append(o.Provides, providers.Tag("linkerd:server/"+ns))
	o.After = append(o.After, providers.Tag("linkerd:injection/"+ns), providers.Tag("linkerd:server-policies/"+ns))
	if name := schema.Text(v.GetAttr("name")); name != "" {
		o.After = append(o.After, providers.Tag("linkerd:server-policies/"+ns+"/"+name))
	}
}
