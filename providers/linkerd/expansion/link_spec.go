package expansion

import (
	"reflect"
	"strconv"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// selectors are the attributes that select Services, and their fields.
var selectors = [][2]string{{"selector", "selector"}, {"remote_discovery_selector", "remoteDiscoverySelector"}, {"federated_service_selector", "federatedServiceSelector"}}

// texts are the attributes that are texts in the API as well, and their fields.
var texts = [][2]string{{"target_cluster", "targetClusterName"}, {"target_cluster_domain", "targetClusterDomain"}, {"target_linkerd_namespace", "targetClusterLinkerdNamespace"},
	{"cluster_credentials_secret", "clusterCredentialsSecret"}, {"gateway_address", "gatewayAddress"}, {"gateway_identity", "gatewayIdentity"}}

// lists are the attributes that are lists of texts, and their fields.
var lists = [][2]string{{"excluded_labels", "excludedLabels"}, {"excluded_annotations", "excludedAnnotations"}}

func linkSpec(_ env.Env, v cty.Value) map[string]any {
	spec := map[string]any{}
	for _, t := range texts {
		if s := schema.Text(v.GetAttr(t[0])); s != "" {
			spec[t[1]] = s
		}
	}
	if !v.GetAttr("gateway_address").IsNull() {
		spec["gatewayPort"] = numeral(v.GetAttr("gateway_port"))
	}
	for _, l := range lists {
		if list := schema.Texts(v.GetAttr(l[0])); len(list) > 0 {
			spec[l[1]] = anyTexts(list)
		}
	}
	for _, s := range selectors {
		if labels := v.GetAttr(s[0]); !labels.IsNull() && labels.LengthInt() > 0 {
			match := map[string]any{}
			for k, e := range labels.AsValueMap() {
				match[k] = schema.Text(e)
			}
			spec[s[1]] = map[string]any{"matchLabels": match}
		}
	}
	if p := v.GetAttr("probe"); !p.IsNull() {
		spec["probeSpec"] = map[string]any{"path": schema.Text(p.GetAttr("path")), "port": numeral(p.GetAttr("port")), "period": schema.Text(p.GetAttr("period")),
			"timeout": schema.Text(p.GetAttr("timeout")), "failureThreshold": numeral(p.GetAttr("failure_threshold"))}
	}
	return spec
}

// numeral is a number as text: the API has texts where people write numbers.
func numeral(v cty.Value) string {
	n, _ := v.AsBigFloat().Int64()
	return strconv.FormatInt(n, 10)
}

// readLink shows a live link. What still says what was recorded keeps its recorded spelling.
func readLink(e env.Env, live map[string]any, attrs map[string]cty.Value) {
	recorded := map[string]any{}
	if v := cty.ObjectVal(attrs); v.IsWhollyKnown() {
		recorded = linkSpec(e, v)
	}
	for _, t := range texts {
		attrs[t[0]] = text(live, t[1])
	}
	if !reflect.DeepEqual(recorded["gatewayPort"], live["gatewayPort"]) {
		attrs["gateway_port"] = numberOf(live, "gatewayPort")
	}
	for _, l := range lists {
		if !reflect.DeepEqual(recorded[l[1]], live[l[1]]) {
			var values []cty.Value
			items, _ := live[l[1]].([]any)
			for _, i := range items {
				if s, ok := i.(string); ok {
					values = append(values, cty.StringVal(s))
				}
			}
			attrs[l[0]] = list(cty.String, values)
		}
	}
	for _, s := range selectors {
		if !reflect.DeepEqual(recorded[s[1]], live[s[1]]) {
			attrs[s[0]] = labelsOf(live[s[1]])
		}
	}
	if p, ok := live["probeSpec"].(map[string]any); !reflect.DeepEqual(recorded["probeSpec"], live["probeSpec"]) {
		ty := linkSchema().Block.Blocks["probe"].Block.Type()
		attrs["probe"] = cty.NullVal(ty)
		if ok {
			attrs["probe"] = cty.ObjectVal(map[string]cty.Value{"path": text(p, "path"), "port": numberOf(p, "port"), "period": text(p, "period"),
				"timeout": text(p, "timeout"), "failure_threshold": numberOf(p, "failureThreshold")})
		}
	}
}

func labelsOf(selector any) cty.Value {
	m, _ := selector.(map[string]any)
	labels, _ := m["matchLabels"].(map[string]any)
	if len(labels) == 0 {
		return cty.NullVal(cty.Map(cty.String))
	}
	out := map[string]cty.Value{}
	for k := range labels {
		out[k] = text(labels, k)
	}
	return cty.MapVal(out)
}

func numberOf(m map[string]any, key string) cty.Value {
	s, _ := m[key].(string)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return cty.NumberIntVal(n)
	}
	return cty.NullVal(cty.Number)
}
