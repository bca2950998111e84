package install

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
)

// reserved are the keys of the chart that attributes or meshplan itself set, and where to set them instead.
func reserved() [][2]string {
	out := [][2]string{
		{"identityTrustAnchorsPEM", "use trust_anchors_pem"},
		{"identityTrustDomain", "set trust_domain in the provider block"},
		{"clusterDomain", "set cluster_domain in the provider block"},
		{"identity.externalCA", "use external_ca"},
		{"identity.issuer.scheme", "use issuer"},
		{"identity.issuer.tls", "use linkerd_identity_issuer, which keeps the key out of the chart"},
		{"heartbeatSchedule", "it follows from the state, so that it never changes"},
	}
	for _, w := range webhooks("") {
		out = append(out, w.reserved()...)
	}
	return out
}

// reserved are the keys by which the chart takes a server's certificate.
func (h hook) reserved() (out [][2]string) {
	for _, k := range []string{"externalSecret", "crtPEM", "keyPEM", "caBundle", "injectCaFrom", "injectCaFromSecret"} {
		out = append(out, [2]string{h.key + "." + k, "meshplan makes webhook certificates itself and keeps them in their Secrets"})
	}
	return out
}

// checkReserved reports keys of the free values that are not free.
func checkReserved(free chart.Values, reserved [][2]string) (ds hcl.Diagnostics) {
	for _, r := range reserved {
		if _, ok := lookup(map[string]any(free), strings.Split(r[0], ".")); ok {
			ds = append(ds, diag.At(diag.Errorf(CodeReserved, "Value is not free", "The key %s cannot be set in values: %s.", r[0], r[1]), cty.GetAttrPath("values")))
		}
	}
	return ds
}

func lookup(v any, path []string) (any, bool) {
	for _, step := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[step]; !ok {
			return nil, false
		}
	}
	return v, true
}

// set puts a value at a dotted path, making the tables above it.
func set(values chart.Values, path string, v any) {
	steps := strings.Split(path, ".")
	m := map[string]any(values)
	for _, s := range steps[:len(steps)-1] {
		next, ok := m[s].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[s] = next
		}
		m = next
	}
	m[steps[len(steps)-1]] = v
}

// typed are the attributes that stand for one key of the chart.
func typed() map[string]string {
	return map[string]string{
		"default_inbound_policy": "proxy.defaultInboundPolicy",
		"native_sidecar":         "proxy.nativeSidecar",
		"cni_enabled":            "cniEnabled",
		"controller_replicas":    "controllerReplicas",
		"webhook_failure_policy": "webhookFailurePolicy",
		"issuance_lifetime":      "identity.issuer.issuanceLifetime",
		"proxy_log_level":        "proxy.logLevel",
		"proxy_opaque_ports":     "proxy.opaquePorts",
		"proxy_cpu_request":      "proxy.resources.cpu.request",
		"proxy_cpu_limit":        "proxy.resources.cpu.limit",
		"proxy_memory_request":   "proxy.resources.memory.request",
		"proxy_memory_limit":     "proxy.resources.memory.limit",
		"disable_heartbeat":      "disableHeartBeat",
	}
}

// buildValues turns the configuration into the chart's values. Whatever is not known yet is chart.Unknown.
func (t *controlPlane) buildValues(_ *chart.Chart, config cty.Value, lineage string, hooks map[string]hookState) (chart.Values, hcl.Diagnostics) {
	free, err := chart.ValuesFrom(config.GetAttr("values"))
	if err != nil {
		return nil, hcl.Diagnostics{diag.At(diag.Errorf(chart.CodeValues, "Unusable values", "The attribute values: %s.", err), cty.GetAttrPath("values"))}
	}
	if ds := checkReserved(free, reserved()); ds.HasErrors() {
		return nil, ds
	}
	out := chart.Values{}
	if schema.True(config.GetAttr("high_availability")) {
		out = highAvailability()
	}
	for name, key := range typed() {
		if v := config.GetAttr(name); !v.IsNull() {
			set(out, key, plain(v))
		}
	}
	if v := config.GetAttr("cluster_networks"); !v.IsNull() {
		set(out, "clusterNetworks", joined(v))
	}
	out = out.Merge(free)
	set(out, "clusterDomain", t.settings.ClusterDomain())
	set(out, "identityTrustDomain", t.env.TrustDomain())
	set(out, "identity.externalCA", schema.True(config.GetAttr("external_ca")))
	if v := config.GetAttr("trust_anchors_pem"); !v.IsNull() {
		set(out, "identityTrustAnchorsPEM", plain(v))
	}
	scheme := any(certs.SchemeKubernetes)
	if v := config.GetAttr("issuer"); !v.IsKnown() {
		scheme = chart.Unknown{Type: cty.String}
	} else if !v.IsNull() {
		scheme = plain(v.GetAttr("scheme"))
	}
	set(out, "identity.issuer.scheme", scheme)
	if scheme == certs.SchemeLinkerd {
		// The chart insists on a pair and would write the Secret, which is dropped after rendering: see external.
		set(out, "identity.issuer.tls.crtPEM", plain(config.GetAttr("issuer_certificate_pem")))
		set(out, "identity.issuer.tls.keyPEM", "kept in the Secret "+certs.IssuerName)
	}
	setHooks(out, webhooks(""), hooks)
	if _, ok := lookup(map[string]any(out), []string{"heartbeatSchedule"}); !ok {
		set(out, "heartbeatSchedule", heartbeat(lineage))
	}
	return out, nil
}

// setHooks tells the chart that the servers' Secrets are made by us, and what the API server must trust.
func setHooks(out chart.Values, hooks []hook, states map[string]hookState) {
	for _, w := range hooks {
		set(out, w.key+".externalSecret", true)
		set(out, w.key+".caBundle", states[w.Name].caBundle())
	}
}

// plain converts a scalar of the configuration.
func plain(v cty.Value) any {
	v, _ = v.Unmark()
	switch {
	case !v.IsKnown():
		return chart.Unknown{Type: v.Type()}
	case v.IsNull():
		return nil
	case v.Type() == cty.Bool:
		return v.True()
	case v.Type() == cty.Number:
		f, _ := v.AsBigFloat().Float64()
		return f
	}
	return v.AsString()
}

// joined converts a list of strings into the comma-separated text that the chart takes.
func joined(v cty.Value) any {
	if !v.IsWhollyKnown() {
		return chart.Unknown{Type: cty.String}
	}
	var out []string
	for _, e := range v.AsValueSlice() {
		out = append(out, e.AsString())
	}
	return strings.Join(out, ",")
}

// heartbeat spreads the daily heartbeats of clusters over the day; the chart would take the minute of its rendering.
func heartbeat(lineage string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(lineage))
	minute := h.Sum32() % (24 * 60)
	return fmt.Sprintf("%d %d * * *", minute%60, minute/60)
}

// highAvailability are the values for a production cluster: three replicas on different nodes, disruption budgets,
// resources, and webhooks that must answer.
func highAvailability() chart.Values {
	v := chart.Values{
		"highAvailability": true, "controllerReplicas": float64(3), "enablePodAntiAffinity": true, "enablePodDisruptionBudget": true, "webhookFailurePolicy": "Fail",
	}
	set(v, "deploymentStrategy.rollingUpdate.maxUnavailable", float64(1))
	set(v, "deploymentStrategy.rollingUpdate.maxSurge", "25%")
	for _, key := range []string{"destinationResources", "identityResources", "proxyInjectorResources", "heartbeatResources", "spValidatorResources", "policyControllerResources"} {
		set(v, key+".cpu.request", "100m")
		set(v, key+".memory.limit", "250Mi")
		set(v, key+".memory.request", "50Mi")
	}
	set(v, "identityResources.memory.request", "10Mi")
	set(v, "proxy.resources.cpu.request", "100m")
	set(v, "proxy.resources.memory.limit", "250Mi")
	set(v, "proxy.resources.memory.request", "20Mi")
	return v
}

// external reports objects that the chart renders and somebody else keeps: the issuer's Secret.
func external(kind, name string) bool { return kind == "Secret" && name == certs.IssuerName }

// sorted returns a sorted copy without repetitions.
func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return slices.Compact(s)
}
