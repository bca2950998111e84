package certs

import (
	"context"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// Apply implements providers.ResourceType.
func (t *issuerResource) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	unchanged := providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}
	private, ds := decodeIssuerPrivate(req.PriorPrivate)
	if ds.HasErrors() {
		return unchanged, ds
	}
	if req.Deleting() {
		return t.delete(ctx, req, private)
	}
	req.Planned = t.derive(req.Planned, req.Config)
	par, ds := parentsOf(req.Config)
	if ds.HasErrors() {
		return unchanged, ds
	}
	r := secretRef(schema.Text(req.Planned.GetAttr("namespace")), IssuerName)
	if schema.Text(req.Config.GetAttr("mode")) == ModeSecret {
		u, ds := mustGet(ctx, t.env.Cluster(), r)
		if ds.HasErrors() {
			return unchanged, ds
		}
		chain, ds := t.checkAdopted(u, req.Config, par)
		if ds.HasErrors() {
			return unchanged, ds
		}
		return providers.ApplyResponse{Value: with(req.Planned, issuerAttrs(chain, par.bundle))}, ds
	}
	return t.write(ctx, req, private, par)
}

// write makes, keeps or replaces the issuer, brings its Secret up to date and sees to it that it is loaded.
func (t *issuerResource) write(ctx context.Context, req providers.ApplyRequest, private issuerPrivate, par parents) (providers.ApplyResponse, hcl.Diagnostics) {
	unchanged := providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}
	c := t.env.Cluster()
	planned, ds := decodeIssuerPrivate(req.PlannedPrivate)
	if ds.HasErrors() {
		return unchanged, ds
	}
	record, err := kube.DecodeRecord(private.Set)
	if err != nil {
		return unchanged, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	r := secretRef(schema.Text(req.Planned.GetAttr("namespace")), IssuerName)
	live, err := c.Get(ctx, r)
	if err != nil {
		return unchanged, c.Diagnose(err, "get", r)
	}
	pair, ds := t.next(ctx, req, live, par)
	if ds.HasErrors() {
		return unchanged, ds
	}
	former, h := t.remember(req, live, pair)
	content, err := issuerContent(pair, former, layoutOf(schema.Text(req.Planned.GetAttr("scheme"))), par.bundle)
	if err != nil {
		return unchanged, append(ds, diag.FromError(CodeInternal, "Issuer cannot be made", err, nil)...)
	}
	secret := t.secret(req.Planned, content)
	h.put(secret)
	before, more := watchIdentity(ctx, c, t.env.Namespace())
	if ds = append(ds, more...); ds.HasErrors() {
		return unchanged, ds
	}
	result, more := c.ApplySet(ctx, kube.SetApplyRequest{
		Owner: req.Owner, Prior: record, Planned: planned.Set, Step: req.Step,
		Desired: kube.Objects(secret),
		Options: kube.SetOptions{OnExists: schema.Text(req.Config.GetAttr("on_exists"))},
	})
	if ds = append(ds, more...); ds.HasErrors() {
		return unchanged, ds
	}
	out := providers.ApplyResponse{Value: with(req.Planned, issuerAttrs(pair.Chain, par.bundle))}
	next := issuerPrivate{Set: result.Record.Encode(), Loaded: private.Loaded}
	fingerprint := pki.Fingerprint(pair.Certificate())
	if next.Loaded != fingerprint {
		out.Private = next.encode()
		if req.Step != nil {
			if err := req.Step.Checkpoint(out.Value, out.Private); err != nil {
				return out, append(ds, diag.FromError(kube.CodeRecord, "Record cannot be written", err, nil)...)
			}
			req.Step.Release()
		}
		if was, more := issuerChainOr(live); len(more) == 0 {
			if len(was) > 0 && was[0].Equal(pair.Certificate()) {
				// The Secret holds it already (it is taken over, or this step was killed), and nobody says again that it is
				// loaded. What a controller could still use instead is the one before it.
				was = nil
				if former != nil {
					was = former.Chain
				}
			}
			before.ttl = newTTL(c, was, pair.Certificate(), t.now)
		}
		ds = append(ds, before.awaitReload(ctx, fingerprint, duration(req.Config.GetAttr("reload_timeout")), req.Step)...)
		if ds.HasErrors() {
			return out, ds
		}
		next.Loaded = fingerprint
	}
	out.Private = next.encode()
	return out, ds
}

// remember says which former pair stays in the Secret, and what is said about both. A pair that stays keeps its
// history.
func (t *issuerResource) remember(req providers.ApplyRequest, live *unstructured.Unstructured, pair *pki.KeyPair) (former *pki.KeyPair, h history) {
	h, known := historyOf(live)
	if !known {
		h.making = wishOf(req.Planned)
		if !req.Creating() {
			h.making = wishOf(req.Prior)
		}
	}
	former = formerPair(live)
	if live == nil {
		return former, h
	}
	was, ds := pairIn(live, layoutOf(schema.Text(req.Planned.GetAttr("scheme"))))
	switch {
	case ds.HasErrors():
		h.making = wishOf(req.Planned)
	case !was.Certificate().Equal(pair.Certificate()):
		former, h = was, h.succeed(wishOf(req.Planned), t.now())
	}
	if former == nil || t.now().After(former.Certificate().NotAfter) {
		return nil, h.spend()
	}
	return former, h
}

// next decides between the pair that is in the Secret, the one before it, and a new one. After a kill, a pair that differs from the
// recorded one and that the anchor has signed is the one that this step has made.
func (t *issuerResource) next(ctx context.Context, req providers.ApplyRequest, live *unstructured.Unstructured, par parents) (*pki.KeyPair, hcl.Diagnostics) {
	var ds hcl.Diagnostics
	wanted := !req.Planned.GetAttr("fingerprint_sha256").IsKnown() // the plan asks for a new one
	if live != nil {
		if pair, more := pairIn(live, layoutOf(schema.Text(req.Planned.GetAttr("scheme")))); !more.HasErrors() {
			signer := par.bundle.Signer(pair.Chain)
			current := signer != nil && signer.Equal(par.current)
			good, more := t.works(ctx, pair.Chain, par.bundle)
			if more.HasErrors() {
				return nil, more
			}
			made := req.Creating() || pki.Fingerprint(pair.Certificate()) != schema.Text(req.Prior.GetAttr("fingerprint_sha256"))
			back := formerPair(live)
			takeBack := !wanted && back != nil && pki.Fingerprint(back.Certificate()) == schema.Text(req.Planned.GetAttr("fingerprint_sha256"))
			if good && !takeBack && (!wanted || made && current) {
				return pair, nil
			}
			if good {
				waits, more := distrusting(ctx, t.env.Cluster(), t.env.Namespace(), par.current)
				if more.HasErrors() {
					return nil, more
				}
				if len(waits) > 0 {
					return pair, hcl.Diagnostics{diag.Warningf(CodeRotationWaits, "Rotation of the identity issuer waits",
						"%d do not trust the new anchor yet: %s. The present issuer stays until a later run; restart them.", len(waits), some(waits))}
				}
			}
			if takeBack {
				progress(req.Step, "took the former issuer back: "+describe(back.Certificate(), t.now()))
				return back, nil
			}
		} else if !wanted {
			return nil, more
		}
	}
	anchor, ds := t.anchorPair(ctx, par)
	if ds.HasErrors() {
		return nil, ds
	}
	pair, err := pki.NewIssuer(anchor, pki.Request{CommonName: schema.Text(req.Planned.GetAttr("common_name")), Now: t.now(), Validity: duration(req.Config.GetAttr("validity"))})
	if err != nil {
		return nil, diag.FromError(CodeInternal, "Issuer cannot be made", err, nil)
	}
	if fs := pki.CheckIssuer(pair.Chain, t.rules(par.bundle)); pki.Errors(fs) {
		return nil, report(fs, "Unusable identity issuer", "")
	}
	progress(req.Step, "made issuer "+describe(pair.Certificate(), t.now()))
	return pair, ds
}

// anchorPair reads the anchor's key, which must be the planned anchor's.
func (t *issuerResource) anchorPair(ctx context.Context, par parents) (*pki.KeyPair, hcl.Diagnostics) {
	ns, name, ok := splitSecret(par.secret)
	if !ok {
		return nil, hcl.Diagnostics{diag.At(diag.Errorf(CodeSettings, "Trust anchor without a key",
			"No Secret with the anchor's key is known, so no issuer can be made. Set mode = %q and provide the Secret %s.", ModeSecret, IssuerName), cty.GetAttrPath("trust_anchor"))}
	}
	r := secretRef(ns, name)
	u, ds := mustGet(ctx, t.env.Cluster(), r)
	if ds.HasErrors() {
		return nil, ds
	}
	pair, ds := pairIn(u, layoutOf(SchemeKubernetes))
	if ds.HasErrors() {
		return nil, ds
	}
	if former := formerPair(u); former != nil && former.Certificate().Equal(par.current) {
		return former, nil // on the way back, the anchor follows its issuer
	}
	if !pair.Certificate().Equal(par.current) {
		return nil, hcl.Diagnostics{diag.Errorf(CodeAnchorMoved, "Trust anchor has changed",
			"The %s holds the anchor %s, but the issuer was to be signed by %s. Make a new plan.", r, pki.Fingerprint(pair.Certificate())[:12], pki.Fingerprint(par.current)[:12])}
	}
	return pair, nil
}

func issuerContent(pair, former *pki.KeyPair, l layout, bundle pki.Bundle) (map[string][]byte, error) {
	key, err := pair.KeyPEM()
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	content := map[string][]byte{l.Certificate: pair.CertificatePEM(), l.Key: key}
	if l.CA != "" {
		content[l.CA] = []byte(bundle.PEM())
	}
	return content, putFormer(content, former)
}

// delete destroys the issuer's key.
func (t *issuerResource) delete(ctx context.Context, req providers.ApplyRequest, private issuerPrivate) (providers.ApplyResponse, hcl.Diagnostics) {
	gone := providers.ApplyResponse{Value: cty.NullVal(req.Prior.Type())}
	if schema.Text(req.Prior.GetAttr("mode")) != ModeGenerate {
		return gone, nil
	}
	record, err := kube.DecodeRecord(private.Set)
	if err != nil {
		return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	left, ds := t.env.Cluster().DeleteSet(ctx, kube.SetDeleteRequest{Owner: req.Owner, Record: record, Step: req.Step})
	if ds.HasErrors() {
		private.Set = left.Encode()
		return providers.ApplyResponse{Value: req.Prior, Private: private.encode()}, ds
	}
	return gone, ds
}
