package certs

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// The values of `scheme`: how the issuer's Secret is laid out.
const (
	SchemeKubernetes = "kubernetes.io/tls" // tls.crt, tls.key, ca.crt
	SchemeLinkerd    = "linkerd.io/tls"    // crt.pem, key.pem
)

// IssuerType is what a reference to an identity issuer must hold.
func IssuerType() cty.Type {
	return cty.Object(map[string]cty.Type{"scheme": cty.String, "certificate_pem": cty.String})
}

func issuerSchema() *schema.Resource {
	return &schema.Resource{
		Critical: &schema.Critical{Why: "proxies get their certificates from it, and those in use end within a day"},
		Summary:  "The intermediate certificate with which the identity controller signs proxies' certificates.",
		Description: "Makes the issuer with the key of the trust anchor, which it reads from the anchor's Secret during apply, and keeps the pair in the Secret " +
			"`linkerd-identity-issuer` of the control plane namespace. The key never reaches configuration, plan, state or a log.\n\n" +
			"When the issuer nears its end (`renew_before`), when the anchor has changed or `rotate` changes, it is swapped in place; the identity controller loads the new one without " +
			"a restart, and the step waits until it has. A new anchor is used only when every meshed pod trusts it: until then the old issuer stays and the plan says who is behind.\n\n" +
			"With mode `secret` the pair belongs to somebody else (cert-manager, for instance) and is only checked.",
		Example: `resource "linkerd_trust_anchor" "root" {
  namespace = "linkerd"
}

resource "linkerd_identity_issuer" "mesh" {
  namespace    = "linkerd"
  trust_anchor = linkerd_trust_anchor.root
  validity     = "365d"
  renew_before = "60d"
}
`,
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"mode": {Type: cty.String, Optional: true, Default: cty.StringVal(ModeGenerate), OneOf: []string{ModeGenerate, ModeSecret}, Replace: true,
				Description: "`generate` makes the issuer, `secret` checks the one that somebody else keeps in the Secret."},
			"namespace": {Type: cty.String, Optional: true, Computed: true, Replace: true,
				Description: "Namespace of the control plane; by default the provider's."},
			"scheme": {Type: cty.String, Optional: true, Default: cty.StringVal(SchemeKubernetes), OneOf: []string{SchemeKubernetes, SchemeLinkerd}, Replace: true,
				Description: "Layout of the Secret; the control plane must use the same. With `kubernetes.io/tls` the chart carries no certificate of the issuer at all."},
			"trust_anchor": {Type: AnchorType(), Required: true,
				Description: "The anchor above the issuer: `linkerd_trust_anchor.NAME`, or an object with `secret`, `certificate_pem` and `bundle_pem`."},
			"common_name": {Type: cty.String, Optional: true, Computed: true,
				Description: "Subject of the certificate; `identity.linkerd.` and the trust domain by default. A change makes a new issuer."},
			"validity": {Type: cty.String, Optional: true, Default: cty.StringVal("365d"), Validate: positive,
				Description: "How long a new issuer is valid (`48h`, `365d`), at most as long as the anchor. A change makes a new issuer."},
			"renew_before": {Type: cty.String, Optional: true, Default: cty.StringVal("60d"), Validate: positive,
				Description: "How long before its expiry the issuer is replaced."},
			"reload_timeout": {Type: cty.String, Optional: true, Default: cty.StringVal("3m"), Validate: positive,
				Description: "How long the identity controller may take to load a new issuer before it is restarted, once."},
			"rotate": {Type: cty.String, Optional: true,
				Description: "Any text; changing it makes a new issuer. Going back to the former text takes the former issuer back, if the anchor has signed it and it is not due."},
			"on_exists": {Type: cty.String, Optional: true, Default: cty.StringVal(kube.OnExistsError), OneOf: []string{kube.OnExistsError, kube.OnExistsAdopt},
				Description: "With mode `generate`, what to do with an issuer Secret that is not ours: refuse, or take its key pair over."},

			"secret":             {Type: cty.String, Computed: true, Description: "`namespace/name` of the Secret."},
			"certificate_pem":    {Type: cty.String, Computed: true, Description: "The issuer's certificate and the intermediates above it."},
			"fingerprint_sha256": {Type: cty.String, Computed: true, Description: "SHA-256 of the certificate, hexadecimal."},
			"signed_by":          {Type: cty.String, Computed: true, Description: "Fingerprint of the trust anchor that the issuer leads to; empty when it leads to none of the bundle."},
			"subject":            {Type: cty.String, Computed: true, Description: "Subject of the certificate."},
			"not_before":         {Type: cty.String, Computed: true, Description: "Start of validity, RFC 3339, UTC."},
			"not_after":          {Type: cty.String, Computed: true, Description: "End of validity, RFC 3339, UTC."},
		}},
		Validate: validateIssuer,
	}
}

// issuerComputed are the attributes that follow from the certificate.
var issuerComputed = []string{"certificate_pem", "fingerprint_sha256", "signed_by", "subject", "not_before", "not_after"}

func validateIssuer(config cty.Value) (out []schema.Problem) {
	anchor := config.GetAttr("trust_anchor")
	if schema.Text(config.GetAttr("mode")) == ModeGenerate && anchor.IsKnown() && !anchor.IsNull() {
		if s := anchor.GetAttr("secret"); s.IsKnown() && s.IsNull() {
			out = append(out, schema.Problem{Path: cty.GetAttrPath("trust_anchor"), Summary: "Trust anchor without a key",
				Detail: `The key of this trust anchor is not in the cluster, so no issuer can be made with it. Make the issuer where the key is, put it into the Secret ` + IssuerName + ` and set mode = "secret".`})
		} else if s.IsKnown() {
			if _, _, ok := splitSecret(s.AsString()); !ok {
				out = append(out, schema.Problem{Path: cty.GetAttrPath("trust_anchor"), Summary: "Malformed reference to a Secret",
					Detail: `The attribute secret of trust_anchor must have the form "namespace/name".`})
			}
		}
	}
	return append(out, renewalProblem(config)...)
}
