package certs

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// retire decides which former anchors may leave the bundle, and says what the others wait for.
func (t *anchorResource) retire(ctx context.Context, req providers.PlanRequest, a anchors) (kept []*x509.Certificate, notes []string, ds hcl.Diagnostics) {
	for _, c := range a.previous {
		if t.now().After(c.NotAfter) {
			notes = append(notes, fmt.Sprintf("Drops the former anchor %s from the bundle: it has expired.", pki.Fingerprint(c)[:12]))
			continue
		}
		kept = append(kept, c)
	}
	if len(kept) == 0 || req.Offline {
		return kept, notes, nil
	}
	waits, ds := t.dependants(ctx, req.Config, a.current)
	if ds.HasErrors() {
		return a.previous, nil, ds
	}
	if waits != "" {
		ds = append(ds, diag.Warningf(CodeRotationWaits, "Rotation of the trust anchor waits", "Step 3 of 3 is not taken yet: the former anchor stays in the bundle, since %s.", waits))
		return kept, notes, ds
	}
	for _, c := range kept {
		notes = append(notes, fmt.Sprintf("Step 3 of 3 of the rotation: drops the former anchor %s from the bundle, since nothing depends on it any more.", pki.Fingerprint(c)[:12]))
	}
	return nil, notes, ds
}

// dependants says why former anchors are still needed, or "".
func (t *anchorResource) dependants(ctx context.Context, config cty.Value, current *x509.Certificate) (string, hcl.Diagnostics) {
	c := t.env.Cluster()
	cp := t.env.Namespace()
	issuer, forbidden, ds := get(ctx, c, secretRef(cp, IssuerName))
	switch {
	case ds.HasErrors():
		return "", ds
	case forbidden:
		return "these credentials cannot see who signed the identity issuer", nil
	case issuer != nil:
		chain, ds := issuerChain(issuer)
		if ds.HasErrors() {
			return "", ds
		}
		rules := pki.IssuerRules{Anchors: pki.NewBundle(current), Now: t.now()}
		if pki.Errors(pki.CheckIssuer(chain, rules)) {
			return "the identity issuer is not signed by the new anchor yet", nil
		}
		since := chain[0].NotBefore.Add(pki.ClockSkew)
		if h, known := historyOf(issuer); known && h.Since.After(since) {
			since = h.Since // it was taken back
		}
		if free := since.Add(duration(config.GetAttr("retire_after"))); t.now().Before(free) {
			return fmt.Sprintf("certificates of the former issuer may live until %s", free.UTC().Format(time.RFC3339)), nil
		}
	}
	behind, ds := distrusting(ctx, c, cp, current)
	if ds.HasErrors() {
		return "", ds
	}
	if len(behind) > 0 {
		return fmt.Sprintf("%d do not trust the new one yet (%s); restart them", len(behind), some(behind)), nil
	}
	return "", nil
}
