package certs

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// Plan implements providers.ResourceType.
func (t *anchorResource) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	if req.Config.IsNull() {
		return t.planDelete(req), nil
	}
	planned := t.derive(req.Proposed, req.Config)
	_, extraKnown := texts(req.Config, "additional_pem")
	if !req.Config.GetAttr("mode").IsKnown() || !planned.GetAttr("secret").IsKnown() || !extraKnown {
		return providers.PlanResponse{Planned: unknown(planned, anchorComputed...), Private: req.Private}, nil
	}
	switch schema.Text(req.Config.GetAttr("mode")) {
	case ModePEM:
		return t.planGiven(ctx, req, planned)
	case ModeSecret:
		return t.planAdopted(ctx, req, planned)
	}
	return t.planGenerated(ctx, req, planned)
}

// derive fills in the attributes that follow from the configuration alone, as far as it is known.
func (t *anchorResource) derive(v, config cty.Value) cty.Value {
	ns, name := orDefault(config, "namespace", t.env.Namespace()), config.GetAttr("secret_name")
	secret := cty.NullVal(cty.String)
	switch {
	case !ns.IsKnown() || !name.IsKnown() || !config.GetAttr("mode").IsKnown():
		secret = cty.UnknownVal(cty.String)
	case schema.Text(config.GetAttr("mode")) != ModePEM:
		secret = cty.StringVal(ns.AsString() + "/" + name.AsString())
	}
	return with(v, map[string]cty.Value{
		"namespace": ns, "secret": secret, "common_name": orDefault(config, "common_name", "root.linkerd."+t.env.TrustDomain()),
	})
}

// planGiven plans an anchor whose certificate stands in the configuration.
func (t *anchorResource) planGiven(ctx context.Context, req providers.PlanRequest, planned cty.Value) (providers.PlanResponse, hcl.Diagnostics) {
	if !req.Config.GetAttr("pem").IsKnown() {
		return providers.PlanResponse{Planned: unknown(planned, anchorComputed...)}, nil
	}
	given := extraAnchors(req.Config)
	a := anchors{current: given[0], extra: given[1:]}
	ds := report(pki.CheckAnchor(a.current, t.now(), duration(req.Config.GetAttr("renew_before"))), "Unusable trust anchor", "")
	for _, d := range ds {
		diag.At(d, cty.GetAttrPath("pem"))
	}
	resp, more := t.follow(ctx, req, planned, a)
	return resp, append(ds, more...)
}

// succeeded returns the former anchors of a recorded value after somebody else has put another one in the place of
// the current.
func succeeded(recorded cty.Value, current *x509.Certificate) []*x509.Certificate {
	was, ok := anchorsOf(recorded)
	if !ok {
		return nil
	}
	all := pki.NewBundle(was.current).With(was.previous...)
	return slices.DeleteFunc(all.Certificates(), current.Equal)
}

// follow plans an anchor that others rotate: the former one stays in the bundle as long as with our own.
func (t *anchorResource) follow(ctx context.Context, req providers.PlanRequest, planned cty.Value, a anchors) (providers.PlanResponse, hcl.Diagnostics) {
	if !req.Prior.IsNull() && !req.Replacing {
		a.previous = slices.DeleteFunc(succeeded(req.Prior, a.current), pki.NewBundle(a.extra...).Contains)
	}
	kept, notes, ds := t.retire(ctx, req, a)
	a.previous = kept
	return providers.PlanResponse{Planned: with(planned, a.attrs()), Private: req.Private, Notes: notes}, ds
}

// planAdopted plans an anchor that somebody else keeps in a Secret.
func (t *anchorResource) planAdopted(ctx context.Context, req providers.PlanRequest, planned cty.Value) (providers.PlanResponse, hcl.Diagnostics) {
	resp := providers.PlanResponse{Planned: unknown(planned, anchorComputed...), Private: req.Private}
	if !req.Prior.IsNull() { // Read has just been there
		a, ok := anchorsOf(req.Prior)
		if !ok {
			return resp, nil
		}
		a.extra = extraAnchors(req.Config)
		ds := report(pki.CheckAnchor(a.current, t.now(), duration(req.Config.GetAttr("renew_before"))), "Unusable trust anchor", "Secret "+schema.Text(planned.GetAttr("secret")))
		resp, more := t.follow(ctx, req, planned, a)
		return resp, append(ds, more...)
	}
	if req.Offline {
		return resp, nil
	}
	r := secretRef(schema.Text(planned.GetAttr("namespace")), schema.Text(planned.GetAttr("secret_name")))
	u, forbidden, ds := get(ctx, t.env.Cluster(), r)
	switch {
	case ds.HasErrors():
		return resp, ds
	case forbidden:
		return resp, hcl.Diagnostics{unreadable(r)}
	case u == nil:
		resp.Notes = append(resp.Notes, fmt.Sprintf("The %s does not exist yet; it is read during apply.", r))
		return resp, nil
	}
	chain, ds := chainIn(u, layoutOf(SchemeKubernetes))
	if ds.HasErrors() {
		return resp, ds
	}
	a := anchors{current: chain[0], extra: extraAnchors(req.Config)}
	resp.Planned = with(planned, a.attrs())
	return resp, report(pki.CheckAnchor(a.current, t.now(), duration(req.Config.GetAttr("renew_before"))), "Unusable trust anchor", r.String())
}

// planGenerated plans an anchor of our own: its creation, its rotation, the retirement of its predecessors.
func (t *anchorResource) planGenerated(ctx context.Context, req providers.PlanRequest, planned cty.Value) (providers.PlanResponse, hcl.Diagnostics) {
	prior, has := anchorsOf(orNull(req.Prior, req.Config))
	if req.Prior.IsNull() || req.Replacing || !has {
		return t.planCreation(ctx, req, planned)
	}
	resp := providers.PlanResponse{Private: req.Private}
	next := anchors{current: prior.current, previous: prior.previous, extra: extraAnchors(req.Config)}
	due := !prior.current.NotAfter.Add(-duration(req.Config.GetAttr("renew_before"))).After(t.now())
	asked := schema.Text(req.Prior.GetAttr("rotate")) != schema.Text(req.Config.GetAttr("rotate"))
	renamed := false
	if asked && !due && !req.Offline {
		back, spent, ds := t.formerAnchor(ctx, planned, rotateOf(req.Config))
		if ds.HasErrors() {
			return resp, ds
		}
		if back != nil {
			next.current, next.previous = back, slices.DeleteFunc(append([]*x509.Certificate{prior.current}, prior.previous...), back.Equal)
			resp.Planned = with(planned, next.attrs())
			resp.Notes = append(resp.Notes, fmt.Sprintf("Takes the former trust anchor %s back, which was made for this text of rotate. Both stay in the bundle; a later plan moves the issuer.", pki.Fingerprint(back)[:12]))
			return t.withSet(ctx, req, resp)
		}
		asked, renamed = !spent, spent
	}
	if due || asked {
		why := "rotate has changed"
		if due {
			why = "the present one expires on " + expiry(prior.current, t.now())
		}
		resp.Planned = unknown(planned, anchorComputed...)
		resp.Notes = append(resp.Notes, "Step 1 of 3 of the rotation: makes a new trust anchor: "+why+".",
			"Both anchors stay in the bundle. Restart the meshed workloads with the new bundle; a later plan then moves the issuer (step 2), and another one retires the old anchor (step 3).")
		return t.withSet(ctx, req, resp)
	}
	kept, notes, ds := t.retire(ctx, req, next)
	if ds.HasErrors() {
		return resp, ds
	}
	next.previous = kept
	resp.Notes = notes
	resp.Planned = with(planned, next.attrs())
	if renamed {
		resp.Notes = append(resp.Notes, "The trust anchor that was made for this text of rotate is gone for good, and its key with it. The present one stays; another text makes a new one.")
	}
	if len(kept) == len(prior.previous) && !req.Incomplete && !renamed {
		return resp, ds
	}
	out, more := t.withSet(ctx, req, resp)
	return out, append(ds, more...)
}

// formerAnchor finds the anchor that was made for a text of rotate, when its key is still there; spent reports that it
// is gone for good.
func (t *anchorResource) formerAnchor(ctx context.Context, planned cty.Value, text string) (back *x509.Certificate, spent bool, ds hcl.Diagnostics) {
	u, _, ds := get(ctx, t.env.Cluster(), secretRef(schema.Text(planned.GetAttr("namespace")), schema.Text(planned.GetAttr("secret_name"))))
	h, known := historyOf(u)
	if ds.HasErrors() || !known {
		return nil, false, ds
	}
	if b := formerCertificate(u); b != nil && h.Former != nil && h.Former.Rotate == text && !pki.Errors(pki.CheckAnchor(b.Certificates()[0], t.now(), 0)) {
		return b.Certificates()[0], false, ds
	}
	return nil, slices.Contains(h.Spent, text), ds
}

// orNull keeps anchorsOf from looking into a null value.
func orNull(v, other cty.Value) cty.Value {
	if v.IsNull() {
		return other
	}
	return v
}

// planCreation plans a new Secret, or takes over one that is there.
func (t *anchorResource) planCreation(ctx context.Context, req providers.PlanRequest, planned cty.Value) (providers.PlanResponse, hcl.Diagnostics) {
	resp := providers.PlanResponse{Planned: unknown(planned, anchorComputed...)}
	resp, ds := t.withSet(ctx, req, resp)
	if ds.HasErrors() || req.Replacing || req.Offline {
		return resp, ds
	}
	r := secretRef(schema.Text(planned.GetAttr("namespace")), schema.Text(planned.GetAttr("secret_name")))
	u, forbidden, more := get(ctx, t.env.Cluster(), r)
	if ds = append(ds, more...); more.HasErrors() || forbidden {
		return resp, ds
	}
	if u == nil {
		resp.Notes = append(resp.Notes, fmt.Sprintf("Makes an ECDSA P-256 root valid for %s. Its private key is kept in the %s and nowhere else: back that Secret up.", schema.Text(req.Config.GetAttr("validity")), r))
		return resp, ds
	}
	chain, more := chainIn(u, layoutOf(SchemeKubernetes))
	if ds = append(ds, more...); more.HasErrors() {
		return resp, ds
	}
	a := anchors{current: chain[0], extra: extraAnchors(req.Config)}
	if former, err := pki.ParsePEM(data(u, keyPrevious)); err == nil {
		a.previous = former
	}
	resp.Planned = with(planned, a.attrs())
	resp.Adopted = resp.Planned
	resp.Notes = append(resp.Notes, fmt.Sprintf("Takes over the trust anchor in the %s, valid until %s.", r, expiry(a.current, t.now())))
	return resp, append(ds, report(pki.CheckAnchor(a.current, t.now(), 0), "Unusable trust anchor", r.String())...)
}

// withSet adds what writing the Secret means: who owns it, whether it may be written.
func (t *anchorResource) withSet(ctx context.Context, req providers.PlanRequest, resp providers.PlanResponse) (providers.PlanResponse, hcl.Diagnostics) {
	record, err := kube.DecodeRecord(req.Private)
	if err != nil {
		return resp, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	plan, ds := t.env.Cluster().PlanSet(ctx, kube.SetPlanRequest{
		Owner: req.Owner, Prior: record, Replacing: req.Replacing, Offline: req.Offline,
		Desired: []kube.Desired{{Object: t.secret(resp.Planned, nil), Unknown: []kube.Path{{"data"}, unknownHistory()}}},
		Options: kube.SetOptions{OnExists: schema.Text(req.Config.GetAttr("on_exists"))},
	})
	resp.Private = plan.Private
	resp.Notes = append(resp.Notes, plan.Notes...)
	return resp, ds
}

// secret builds the anchor's Secret; nil data leaves it out.
func (t *anchorResource) secret(v cty.Value, content map[string][]byte) *unstructured.Unstructured {
	u := newSecret(secretRef(schema.Text(v.GetAttr("namespace")), schema.Text(v.GetAttr("secret_name"))), typeTLS, map[string]string{labelControlPlaneNamespace: t.env.Namespace()}, content)
	if content == nil {
		delete(u.Object, "data")
	}
	return u
}

// planDelete says what becomes of the key.
func (t *anchorResource) planDelete(req providers.PlanRequest) providers.PlanResponse {
	resp := providers.PlanResponse{Planned: req.Config, Private: req.Private}
	r := secretRef(t.namespace(req.Prior), schema.Text(req.Prior.GetAttr("secret_name")))
	switch {
	case schema.Text(req.Prior.GetAttr("mode")) != ModeGenerate:
		resp.Notes = []string{"Nothing is deleted: the anchor belongs to somebody else."}
	case schema.True(req.Prior.GetAttr("delete_on_destroy")):
		resp.Notes = []string{fmt.Sprintf("Destroys the trust anchor's private key with the %s. Certificates that it has signed can never be renewed.", r)}
	default:
		resp.Notes = []string{fmt.Sprintf("The %s stays and is not managed any more (delete_on_destroy = false).", r)}
	}
	return resp
}
