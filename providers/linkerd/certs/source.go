package certs

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// certificatesSource is data linkerd_certificates.
type certificatesSource struct {
	env    env.Env
	now    func() time.Time
	schema *schema.Resource
}

func entryType() cty.Type {
	return cty.Object(map[string]cty.Type{
		"name": cty.String, "kind": cty.String, "source": cty.String, "subject": cty.String, "fingerprint_sha256": cty.String,
		"not_before": cty.String, "not_after": cty.String, "days_left": cty.Number, "ok": cty.Bool, "warning": cty.Bool, "message": cty.String,
	})
}

func certificatesSchema() *schema.Resource {
	return &schema.Resource{
		Summary: "Every certificate that the control plane rests on, and when it ends.",
		Description: "Reads the trust anchors, the identity issuer and the certificates of the admission webhooks from the cluster and judges them: " +
			"time, key, chain, name. Proxies' own certificates live for a day and renew themselves; they are not listed.",
		Example: `data "linkerd_certificates" "mesh" {
  warn_before = "30d"
}

check "certificates" {
  assert {
    condition     = data.linkerd_certificates.mesh.ok
    error_message = "A certificate of the mesh is not in order: ${join(" ", data.linkerd_certificates.mesh.messages)}"
  }
}
`,
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"warn_before": {Type: cty.String, Optional: true, Default: cty.StringVal("60d"), Validate: positive,
				Description: "How long before its end a certificate gets a warning."},
			"certificates": {Type: cty.List(entryType()), Computed: true,
				Description: "One object per certificate: `name`, `kind` (`trust-anchor`, `issuer`, `webhook`), `source`, `subject`, `fingerprint_sha256`, `not_before`, `not_after`, `days_left`, `ok`, `warning`, `message`. Dates are RFC 3339, UTC; they are null for a certificate that could not be read."},
			"ok":        {Type: cty.Bool, Computed: true, Description: "Whether every certificate is usable; warnings count as usable."},
			"warnings":  {Type: cty.Number, Computed: true, Description: "How many certificates have a warning."},
			"days_left": {Type: cty.Number, Computed: true, Description: "Whole days until the first of them ends; null when none could be read."},
			"messages":  {Type: cty.List(cty.String), Computed: true, Description: "What was found, in words."},
		}},
	}
}

// Schema implements providers.DataSource.
func (s *certificatesSource) Schema() *schema.Resource { return s.schema }

// Order implements providers.Orderer: certificates that the same run makes are read after they are made.
func (s *certificatesSource) Order(cty.Value) providers.Order {
	return providers.Order{After: []providers.Tag{TagTrustAnchor, TagIssuer, "linkerd:control-plane"}}
}

// Read implements providers.DataSource.
func (s *certificatesSource) Read(ctx context.Context, req providers.DataRequest) (cty.Value, hcl.Diagnostics) {
	now := s.now()
	entries, ds := Inventory(ctx, s.env.Cluster(), s.env, now, duration(req.Config.GetAttr("warn_before")))
	if ds.HasErrors() {
		return req.Config, ds
	}
	ok, warnings := true, int64(0)
	least := cty.NullVal(cty.Number)
	var list []cty.Value
	var messages []string
	for _, e := range entries {
		var words []string
		for _, f := range e.Findings {
			words = append(words, f.Detail)
		}
		messages = append(messages, words...)
		ok = ok && e.OK()
		warning := e.OK() && len(e.Findings) > 0
		if warning {
			warnings++
		}
		m := map[string]cty.Value{
			"name": cty.StringVal(e.Name), "kind": cty.StringVal(e.Kind), "source": cty.StringVal(e.Source.String()),
			"ok": cty.BoolVal(e.OK()), "warning": cty.BoolVal(warning), "message": cty.StringVal(strings.Join(words, " ")),
			"subject": cty.NullVal(cty.String), "fingerprint_sha256": cty.NullVal(cty.String),
			"not_before": cty.NullVal(cty.String), "not_after": cty.NullVal(cty.String), "days_left": cty.NullVal(cty.Number),
		}
		if c := e.Certificate; c != nil {
			days := cty.NumberIntVal(pki.Days(c.NotAfter.Sub(now)))
			m["subject"], m["fingerprint_sha256"] = cty.StringVal(c.Subject.String()), cty.StringVal(pki.Fingerprint(c))
			m["not_before"], m["not_after"], m["days_left"] = timestamp(c.NotBefore), timestamp(c.NotAfter), days
			if least.IsNull() || days.LessThan(least).True() {
				least = days
			}
		}
		list = append(list, cty.ObjectVal(m))
	}
	certificates := cty.ListValEmpty(entryType())
	if len(list) > 0 {
		certificates = cty.ListVal(list)
	}
	return with(req.Config, map[string]cty.Value{
		"certificates": certificates, "ok": cty.BoolVal(ok), "warnings": cty.NumberIntVal(warnings), "days_left": least, "messages": stringList(messages),
	}), ds
}
