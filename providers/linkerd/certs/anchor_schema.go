package certs

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// The values of `mode`.
const (
	ModeGenerate = "generate" // meshplan makes the certificate and its key
	ModeSecret   = "secret"   // an existing Secret holds it; it is only read
	ModePEM      = "pem"      // the certificate is given; nobody here has its key
)

// AnchorType is what a reference to a trust anchor must hold: the Secret of its key (null when there is none) and its
// public certificates.
func AnchorType() cty.Type {
	return cty.Object(map[string]cty.Type{"secret": cty.String, "certificate_pem": cty.String, "bundle_pem": cty.String})
}

func anchorSchema() *schema.Resource {
	return &schema.Resource{
		Critical: &schema.Critical{Why: "every proxy of the mesh trusts its peers through it"},
		Summary:  "The root certificate that every proxy of the mesh trusts.",
		Description: "Makes, or adopts, the trust anchor of a mesh. The private key is made during apply and lives in one Secret of the cluster; " +
			"it never reaches configuration, plan, state or a log.\n\n" +
			"Before the anchor expires (`renew_before`), or when `rotate` changes, a plan makes a new one. The new and the old certificate then share " +
			"`bundle_pem` until no proxy and no certificate depends on the old one; later plans take the next step as soon as it is safe and say what they wait for.",
		Example: `resource "linkerd_trust_anchor" "root" {
  namespace    = "linkerd"
  validity     = "3650d"
  renew_before = "90d"
}
`,
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"mode": {Type: cty.String, Optional: true, Default: cty.StringVal(ModeGenerate), OneOf: []string{ModeGenerate, ModeSecret, ModePEM}, Replace: true,
				Description: "`generate` makes the anchor, `secret` reads it from a Secret that somebody else keeps (cert-manager, for instance), `pem` takes the certificate from `pem`, without a key."},
			"namespace": {Type: cty.String, Optional: true, Computed: true, Replace: true,
				Description: "Namespace of the Secret; by default the provider's control plane namespace. It must exist."},
			"secret_name": {Type: cty.String, Optional: true, Default: cty.StringVal("linkerd-trust-anchor"), Replace: true,
				Description: "Secret of type `kubernetes.io/tls` with `tls.crt`, `tls.key` and `ca.crt`."},
			"pem": {Type: cty.String, Optional: true, Validate: CertificatesOnly,
				Description: "With mode `pem`: the anchor's certificate, optionally followed by further anchors of the bundle."},
			"common_name": {Type: cty.String, Optional: true, Computed: true,
				Description: "Subject of a new certificate; `root.linkerd.` and the trust domain by default. A change takes effect with the next certificate."},
			"validity": {Type: cty.String, Optional: true, Default: cty.StringVal("3650d"), Validate: positive,
				Description: "How long a new certificate is valid (`87600h`, `3650d`). A change takes effect with the next certificate."},
			"renew_before": {Type: cty.String, Optional: true, Default: cty.StringVal("90d"), Validate: positive,
				Description: "How long before its expiry the certificate is replaced. A rotation needs restarts of the meshed workloads, so leave time."},
			"retire_after": {Type: cty.String, Optional: true, Default: cty.StringVal("25h"), Validate: positive,
				Description: "How long after the issuer has moved to a new anchor the old one stays in the bundle: longer than the life of a proxy's certificate."},
			"rotate": {Type: cty.String, Optional: true,
				Description: "Any text; changing it makes a new anchor. Going back to the former text takes the former anchor back while its key is still in the Secret, which is until nothing depends on it any more."},
			"additional_pem": {Type: cty.List(cty.String), Optional: true, Validate: allCertificates,
				Description: "Further anchors of the bundle, for instance those of linked clusters."},
			"on_exists": {Type: cty.String, Optional: true, Default: cty.StringVal(kube.OnExistsError), OneOf: []string{kube.OnExistsError, kube.OnExistsAdopt},
				Description: "With mode `generate`, what to do with a Secret of this name that is not ours: refuse, or take its key pair over."},
			"delete_on_destroy": {Type: cty.Bool, Optional: true, Default: cty.True,
				Description: "Whether destroying the resource destroys the key. When false the Secret stays and loses our marks."},

			"secret":             {Type: cty.String, Computed: true, Description: "`namespace/name` of the Secret with the key; null with mode `pem`."},
			"certificate_pem":    {Type: cty.String, Computed: true, Description: "The anchor's certificate."},
			"bundle_pem":         {Type: cty.String, Computed: true, Description: "What proxies must trust: this anchor, former ones that are still in use, and `additional_pem`."},
			"fingerprint_sha256": {Type: cty.String, Computed: true, Description: "SHA-256 of the certificate, hexadecimal."},
			"subject":            {Type: cty.String, Computed: true, Description: "Subject of the certificate."},
			"not_before":         {Type: cty.String, Computed: true, Description: "Start of validity, RFC 3339, UTC."},
			"not_after":          {Type: cty.String, Computed: true, Description: "End of validity, RFC 3339, UTC."},
			"previous":           {Type: cty.List(cty.String), Computed: true, Description: "Fingerprints of former anchors that are still in the bundle."},
		}},
		Validate: validateAnchor,
	}
}

// anchorComputed are the attributes that follow from the certificate.
var anchorComputed = []string{"certificate_pem", "bundle_pem", "fingerprint_sha256", "subject", "not_before", "not_after", "previous"}

func validateAnchor(config cty.Value) (out []schema.Problem) {
	problem := func(name, detail string) {
		out = append(out, schema.Problem{Path: cty.GetAttrPath(name), Summary: "Settings contradict each other", Detail: detail})
	}
	mode, pem := schema.Text(config.GetAttr("mode")), config.GetAttr("pem")
	if mode == ModePEM && pem.IsNull() {
		problem("pem", `With mode "pem" the certificate must be given in pem.`)
	}
	if mode != ModePEM && mode != "" && !pem.IsNull() {
		problem("pem", `The attribute pem has no effect with mode "`+mode+`". Remove it, or set mode = "pem".`)
	}
	return append(out, renewalProblem(config)...)
}

// renewalProblem finds a certificate that would be due for renewal as soon as it is made.
func renewalProblem(config cty.Value) []schema.Problem {
	validity, before := config.GetAttr("validity"), config.GetAttr("renew_before")
	if !validity.IsKnown() || !before.IsKnown() || schema.Text(config.GetAttr("mode")) != ModeGenerate || duration(before) < duration(validity) {
		return nil
	}
	return []schema.Problem{{Path: cty.GetAttrPath("renew_before"), Summary: "Settings contradict each other",
		Detail: "A certificate valid for " + validity.AsString() + " that is renewed " + before.AsString() + " before its end is due at once. Make renew_before shorter than validity."}}
}

// CertificatesOnly validates a text of PEM certificates. Its error never quotes the text, and a private key is refused.
func CertificatesOnly(v cty.Value) error {
	_, err := pki.ParsePEM([]byte(v.AsString()))
	return err
}

func allCertificates(v cty.Value) error {
	for _, e := range v.AsValueSlice() {
		if e.IsNull() {
			continue
		}
		if err := CertificatesOnly(e); err != nil {
			return err
		}
	}
	return nil
}
