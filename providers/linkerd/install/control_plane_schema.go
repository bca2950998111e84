package install

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
)

// issuerType is what a reference to an identity issuer must hold. The certificate is left out on purpose: the control
// plane does not change when its issuer rotates.
func issuerType() cty.Type { return cty.Object(map[string]cty.Type{"scheme": cty.String}) }

func controlPlaneSchema() *schema.Resource {
	attrs := sourceAttributes("linkerd-control-plane")
	add := func(name string, ty cty.Type, description string, change func(*schema.Attribute)) {
		a := &schema.Attribute{Type: ty, Optional: true, Description: description}
		if change != nil {
			change(a)
		}
		attrs[name] = a
	}
	byDefault := func(v cty.Value) func(*schema.Attribute) { return func(a *schema.Attribute) { a.Default = v } }
	span := func(v string) func(*schema.Attribute) {
		return func(a *schema.Attribute) { a.Default, a.Validate = cty.StringVal(v), validDuration }
	}
	quantity := func(a *schema.Attribute) { a.Validate = validQuantity }
	add("trust_anchors_pem", cty.String, "Trust anchors of the mesh: `linkerd_trust_anchor.NAME.bundle_pem`. Required unless `external_ca` is set.", func(a *schema.Attribute) { a.Validate = validCertificates })
	add("external_ca", cty.Bool, "Whether somebody else (trust-manager, for instance) writes the ConfigMap with the trust anchors.", byDefault(cty.False))
	add("issuer", issuerType(), "The issuer: `linkerd_identity_issuer.NAME`. Its key stays in its Secret.", nil)
	add("issuer_certificate_pem", cty.String, "With the issuer scheme `linkerd.io/tls` only: `linkerd_identity_issuer.NAME.certificate_pem`, which that scheme repeats in the control plane's settings.", func(a *schema.Attribute) { a.Validate = validCertificates })
	add("high_availability", cty.Bool, "Three replicas on different nodes, disruption budgets, resources, and webhooks that must answer.", byDefault(cty.False))
	add("default_inbound_policy", cty.String, "Policy of ports that no Server selects.", func(a *schema.Attribute) {
		a.OneOf = []string{"all-unauthenticated", "all-authenticated", "cluster-unauthenticated", "cluster-authenticated", "deny", "audit"}
	})
	add("native_sidecar", cty.Bool, "Whether proxies are sidecar init containers, which end after the workload.", nil)
	add("cni_enabled", cty.Bool, "Whether the CNI plugin redirects traffic, so that pods need no network capabilities.", nil)
	add("controller_replicas", cty.Number, "Replicas of each control plane component.", nil)
	add("webhook_failure_policy", cty.String, "What the API server does when a webhook does not answer. `Fail` refuses pods, `Ignore` lets them through without a proxy.", func(a *schema.Attribute) { a.OneOf = []string{"Ignore", "Fail"} })
	add("cluster_networks", cty.List(cty.String), "All networks of pods and services.", func(a *schema.Attribute) { a.Validate = validNetworks })
	add("issuance_lifetime", cty.String, "Life of a proxy's certificate (`24h0m0s`). Keep `retire_after` of the trust anchor longer.", func(a *schema.Attribute) { a.Validate = validGoDuration })
	add("disable_heartbeat", cty.Bool, "Whether to leave out the CronJob that reports to the Linkerd project once a day.", nil)
	add("proxy_log_level", cty.String, "Log level of proxies.", nil)
	add("proxy_opaque_ports", cty.String, "Ports whose traffic is never looked into, comma-separated. It replaces the chart's list.", nil)
	add("proxy_cpu_request", cty.String, "CPU request of a proxy.", quantity)
	add("proxy_cpu_limit", cty.String, "CPU limit of a proxy.", quantity)
	add("proxy_memory_request", cty.String, "Memory request of a proxy.", quantity)
	add("proxy_memory_limit", cty.String, "Memory limit of a proxy.", quantity)
	hookAttributes(func(name string, a *schema.Attribute) { attrs[name] = a })
	add("allow_skew", cty.Bool, "Upgrade although the versions would be further apart than Linkerd supports.", byDefault(cty.False))
	add("wait_timeout", cty.String, "How long the rollout and the proof of the injector may take.", span("10m"))
	add("probe_injector", cty.Bool, "Whether to ask the injector, after the rollout, to inject a pod that is not created.", byDefault(cty.True))
	add("probe_namespace", cty.String, "Namespace of that pod. It must not be one that the injector leaves alone.", byDefault(cty.StringVal("default")))
	attrs["trust_root_sha256"] = &schema.Attribute{Type: cty.String, Computed: true,
		Description: "Hash of the trust anchors as the injector writes it on pods, in the annotation `linkerd.io/trust-root-sha256`; null with `external_ca`."}
	return &schema.Resource{
		Critical: &schema.Critical{Why: "without it meshed pods neither start nor renew their certificates"},
		Summary:  "Linkerd's control plane.",
		Description: "Installs the chart linkerd-control-plane object by object, waits for the rollout and proves that the proxy injector answers.\n\n" +
			"The keys of the webhooks are made once and kept in their Secrets, and the issuer's key stays in the Secret of linkerd_identity_issuer, so that neither the chart's values nor the plan hold a key " +
			"and a second plan is empty. Webhook certificates are renewed before they end (`webhook_renew_before`).\n\n" +
			"Destroying deletes the webhook configurations first. It is refused while pods still have a proxy, unless `force_destroy` is set.",
		Example: `resource "linkerd_control_plane" "linkerd" {
  repository        = "https://helm.linkerd.io/edge"
  version           = "2026.8.3"
  trust_anchors_pem = linkerd_trust_anchor.root.bundle_pem
  issuer            = linkerd_identity_issuer.mesh
  high_availability = true

  default_inbound_policy = "all-unauthenticated"
  proxy_memory_limit     = "250Mi"

  values = {
    podMonitor = { enabled = false }
  }
}

resource "linkerd_trust_anchor" "root" {}

resource "linkerd_identity_issuer" "mesh" {
  trust_anchor = linkerd_trust_anchor.root
}
`,
		Block:    schema.Block{Attributes: attrs},
		Validate: validateControlPlane,
	}
}

func validateControlPlane(config cty.Value) (out []schema.Problem) {
	problem := func(name, detail string) {
		out = append(out, schema.Problem{Path: cty.GetAttrPath(name), Summary: "Settings contradict each other", Detail: detail})
	}
	anchors, external := config.GetAttr("trust_anchors_pem"), config.GetAttr("external_ca")
	if external.IsKnown() && !external.IsNull() {
		switch {
		case external.True() && !anchors.IsNull():
			problem("trust_anchors_pem", "With external_ca somebody else hands out the trust anchors. Remove trust_anchors_pem.")
		case external.False() && anchors.IsNull():
			problem("trust_anchors_pem", "The control plane needs trust anchors. Set trust_anchors_pem = linkerd_trust_anchor.NAME.bundle_pem, or external_ca = true.")
		}
	}
	if issuer := config.GetAttr("issuer"); issuer.IsKnown() && !issuer.IsNull() {
		if schema.Text(issuer.GetAttr("scheme")) == certs.SchemeLinkerd && config.GetAttr("issuer_certificate_pem").IsNull() {
			problem("issuer_certificate_pem", "With the scheme linkerd.io/tls the control plane's settings repeat the issuer's certificate. Set issuer_certificate_pem = linkerd_identity_issuer.NAME.certificate_pem.")
		}
	}
	return append(out, validateRenewal(config)...)
}

func validDuration(v cty.Value) error {
	d, err := certs.ParseDuration(v.AsString())
	if err == nil && d <= 0 {
		return fmt.Errorf("a duration greater than zero is needed")
	}
	return err
}

// validGoDuration validates a duration that the chart hands on as it is: days are not among its units.
func validGoDuration(v cty.Value) error {
	if d, err := time.ParseDuration(v.AsString()); err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as \"24h0m0s\"", v.AsString())
	}
	return nil
}

func validQuantity(v cty.Value) error {
	if _, err := resource.ParseQuantity(v.AsString()); err != nil {
		return fmt.Errorf("%q is not a quantity; write for instance \"100m\" or \"250Mi\"", v.AsString())
	}
	return nil
}

func validNetworks(v cty.Value) error {
	for _, e := range v.AsValueSlice() {
		if e.IsNull() {
			return fmt.Errorf("a network is null")
		}
		if _, err := netip.ParsePrefix(e.AsString()); err != nil || strings.Contains(e.AsString(), ",") {
			return fmt.Errorf("%q is not a network such as 10.0.0.0/8", e.AsString())
		}
	}
	return nil
}

func validCertificates(v cty.Value) error { return certs.CertificatesOnly(v) }
