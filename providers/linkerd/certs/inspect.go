package certs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// inspectWarning is how long before its end a certificate is spoken of.
const inspectWarning = 30 * 24 * time.Hour

// Inspect looks, where the state records a control plane, at every certificate that it rests on: those that have ended
// or end soon, an issuer that no anchor of the mesh has signed, servers that the API server does not trust. It costs what
// Inventory costs.
func Inspect(ctx context.Context, e env.Env, req providers.InspectRequest, now time.Time) (out providers.Inspection, ds hcl.Diagnostics) {
	if owner := recorded(req, "linkerd_control_plane"); owner.Resource.Type == "" {
		return out, nil
	}
	entries, ds := Inventory(ctx, e.Cluster(), e, now, inspectWarning)
	if ds.HasErrors() {
		return out, ds
	}
	out.Gauges = ends(entries)
	for _, entry := range entries {
		owner, fix := recorded(req, ownerOf(entry)), "Plan and apply: a certificate that is due is renewed. One that somebody else keeps must be renewed there."
		for _, f := range entry.Findings {
			finding := providers.Finding{Class: CodeDriftCertificate, Severity: providers.SeverityDrift, Object: entry.Source.String(), Owner: owner,
				Summary: "Certificate ends soon", Detail: fmt.Sprintf("The certificate of %s: %s", entry.Name, f.Detail), Fix: fix}
			switch {
			case f.Code == CodeUnreadable:
				continue // who may not read is told where the state is read
			case !f.Warning:
				finding.Severity, finding.Summary = providers.SeverityCritical, "Certificate cannot be relied on"
			case f.Code != pki.CodeExpiring:
				finding.Severity, finding.Summary = providers.SeverityNote, "Certificate is unusual"
			}
			out.Findings = append(out.Findings, finding)
		}
	}
	return out, ds
}

// ends measures when the first certificate of each kind ends.
func ends(entries []Entry) (out []providers.Gauge) {
	for _, kind := range []string{KindAnchor, KindIssuer, KindWebhook} {
		var first time.Time
		for _, e := range entries {
			if c := e.Certificate; c != nil && e.Kind == kind && (first.IsZero() || c.NotAfter.Before(first)) {
				first = c.NotAfter
			}
		}
		if !first.IsZero() {
			out = append(out, providers.Gauge{Name: "linkerd_certificate_not_after_timestamp_seconds", Labels: map[string]string{"role": kind}, Value: float64(first.Unix()),
				Help: "When the first certificate of the role ends."})
		}
	}
	return out
}

// ownerOf is the resource type that answers for a certificate.
func ownerOf(e Entry) string {
	switch {
	case e.Kind == KindAnchor:
		return "linkerd_trust_anchor"
	case e.Kind == KindIssuer:
		return "linkerd_identity_issuer"
	case slices.ContainsFunc(ExtensionWebhooks("viz"), func(w Webhook) bool { return w.Name == e.Name }):
		return "linkerd_extension"
	}
	return "linkerd_control_plane"
}

// recorded returns the first instance of a type whose object is there; zero when there is none.
func recorded(req providers.InspectRequest, typ string) addr.Instance {
	for _, r := range req.Recorded {
		if strings.EqualFold(r.Address.Resource.Type, typ) && !r.Value.IsNull() {
			return r.Address
		}
	}
	return addr.Instance{}
}
