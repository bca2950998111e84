package install

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

// serverType describes one server of an extension that the API server calls.
func serverType() cty.Type {
	return cty.Object(map[string]cty.Type{"service": cty.String, "secret": cty.String, "values_key": cty.String})
}

// hookAttributes are those of types whose servers' certificates are made here.
func hookAttributes(add func(name string, a *schema.Attribute)) {
	add("webhook_validity", &schema.Attribute{Type: cty.String, Optional: true, Default: cty.StringVal("365d"), Validate: validDuration,
		Description: "How long a webhook's certificate is valid."})
	add("webhook_renew_before", &schema.Attribute{Type: cty.String, Optional: true, Default: cty.StringVal("60d"), Validate: validDuration,
		Description: "How long before its end a webhook's certificate is replaced."})
	add("webhooks", &schema.Attribute{Type: cty.Map(hookType()), Computed: true,
		Description: "The webhooks' certificates by name: `certificate_pem`, `previous_pem`, `fingerprint_sha256`, `not_after`. Their keys stay in their Secrets."})
}

func extensionSchema() *schema.Resource {
	attrs := sourceAttributes("linkerd-NAME")
	attrs["namespace"].Description = "Namespace of the extension; `linkerd-` and its name by default. It must exist."
	add := func(name string, a *schema.Attribute) { attrs[name] = a }
	add("name", &schema.Attribute{Type: cty.String, Required: true, Replace: true, Validate: validExtension,
		Description: "Name of the extension, without `linkerd-`: `viz`, `multicluster`, or another one that follows Linkerd's conventions."})
	add("high_availability", &schema.Attribute{Type: cty.Bool, Optional: true, Default: cty.False,
		Description: "Whether to take the values for high availability that the chart brings (`values-ha.yaml`)."})
	add("trust_anchors_pem", &schema.Attribute{Type: cty.String, Optional: true, Validate: validCertificates,
		Description: "Trust anchors of the mesh, `linkerd_trust_anchor.NAME.bundle_pem`: when they change, the extension's workloads are rolled out again, because their proxies read the anchors when they start."})
	add("servers", &schema.Attribute{Type: cty.Map(serverType()), Optional: true,
		Description: "Servers of the extension that the API server calls, for which certificates are made: `service` (its Service), `secret` (where the chart mounts the pair from) and " +
			"`values_key` (the table of values with `externalSecret` and `caBundle`). Those of `viz` (tap and tap-injector) are known."})
	add("wait_timeout", &schema.Attribute{Type: cty.String, Optional: true, Default: cty.StringVal("10m"), Validate: validDuration,
		Description: "How long the rollout and the aggregated APIs may take."})
	hookAttributes(add)
	return &schema.Resource{
		Critical: &schema.Critical{Why: "what it serves ends: metrics and dashboards, or the traffic between clusters"},
		Summary:  "An extension of Linkerd: viz, multicluster, or another one.",
		Description: "Installs the extension's chart object by object, after the control plane, and labels its namespace as Linkerd's tools expect (`linkerd.io/extension`).\n\n" +
			"Certificates of the servers that the API server calls (of viz: the aggregated API tap and the webhook tap-injector) are made once, kept in their Secrets and renewed before they end, " +
			"so that a second plan is empty. The hook that would label the namespace is not needed and left out. The step waits until aggregated APIs are available: one that is not keeps every namespace of the cluster from being deleted.\n\n" +
			"Workloads that were meshed before viz came cannot be tapped until they are restarted.\n\n" +
			"Destroying deletes webhook configurations and aggregated APIs first and waits until they are gone, then everything else. It is refused while there are custom resources of kinds that the extension brought " +
			"(Links of multicluster, for instance), unless `force_destroy` is set.",
		Example: `resource "kubernetes_namespace" "viz" {
  name = "linkerd-viz"
}

resource "linkerd_trust_anchor" "root" {}

resource "linkerd_extension" "viz" {
  name       = "viz"
  repository = "https://helm.linkerd.io/edge"
  version    = "2026.8.3"
  namespace  = kubernetes_namespace.viz.name

  trust_anchors_pem = linkerd_trust_anchor.root.bundle_pem

  values = {
    prometheus = { resources = { memory = { limit = "2Gi" } } }
  }
}
`,
		Block:    schema.Block{Attributes: attrs},
		Validate: validateRenewal,
	}
}

func validExtension(v cty.Value) error {
	if !regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,53}[a-z0-9])?$`).MatchString(v.AsString()) {
		return errors.New("a name consists of at most 55 lower-case letters, digits and hyphens")
	}
	return nil
}

// validateRenewal finds certificates that would be due for renewal as soon as they are made.
func validateRenewal(config cty.Value) []schema.Problem {
	validity, before := config.GetAttr("webhook_validity"), config.GetAttr("webhook_renew_before")
	if !validity.IsWhollyKnown() || !before.IsWhollyKnown() || validity.IsNull() || before.IsNull() || span(before) < span(validity) {
		return nil
	}
	return []schema.Problem{{Path: cty.GetAttrPath("webhook_renew_before"), Summary: "Settings contradict each other",
		Detail: fmt.Sprintf("A certificate valid for %s that is renewed %s before its end is due at once.", validity.AsString(), before.AsString())}}
}
