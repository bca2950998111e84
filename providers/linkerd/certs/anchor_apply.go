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

// Apply implements providers.ResourceType.
func (t *anchorResource) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	unchanged := providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}
	if req.Deleting() {
		return t.delete(ctx, req)
	}
	req.Planned = t.derive(req.Planned, req.Config)
	switch schema.Text(req.Config.GetAttr("mode")) {
	case ModePEM:
		given := extraAnchors(req.Config)
		a := anchors{current: given[0], extra: given[1:]}
		a.previous = t.followed(req, a.current)
		return providers.ApplyResponse{Value: with(req.Planned, a.attrs())},
			report(pki.CheckAnchor(a.current, t.now(), 0), "Unusable trust anchor", "")
	case ModeSecret:
		r := secretRef(schema.Text(req.Planned.GetAttr("namespace")), schema.Text(req.Planned.GetAttr("secret_name")))
		u, ds := mustGet(ctx, t.env.Cluster(), r)
		if ds.HasErrors() {
			return unchanged, ds
		}
		chain, ds := chainIn(u, layoutOf(SchemeKubernetes))
		if ds.HasErrors() {
			return unchanged, ds
		}
		a := anchors{current: chain[0], extra: extraAnchors(req.Config)}
		a.previous = t.followed(req, a.current)
		return providers.ApplyResponse{Value: with(req.Planned, a.attrs())},
			report(pki.CheckAnchor(a.current, t.now(), 0), "Unusable trust anchor", r.String())
	}
	return t.write(ctx, req, unchanged)
}

// followed returns the former anchors that stay in the bundle of an anchor that others keep.
func (t *anchorResource) followed(req providers.ApplyRequest, current *x509.Certificate) []*x509.Certificate {
	if req.Creating() {
		return nil
	}
	return t.kept(req.Planned, succeeded(req.Prior, current))
}

// mustGet reads an object that has to exist.
func mustGet(ctx context.Context, c *kube.Cluster, r kube.Ref) (*unstructured.Unstructured, hcl.Diagnostics) {
	u, err := c.Get(ctx, r)
	if err != nil {
		return nil, c.Diagnose(err, "get", r)
	}
	if u == nil {
		return nil, hcl.Diagnostics{diag.Errorf(CodeSecretMissing, "Secret does not exist", "The %s does not exist. Create it, or let whoever makes it come first (depends_on).", r)}
	}
	return u, nil
}

// write makes, keeps or replaces our own anchor, and brings its Secret up to date.
func (t *anchorResource) write(ctx context.Context, req providers.ApplyRequest, unchanged providers.ApplyResponse) (providers.ApplyResponse, hcl.Diagnostics) {
	record, err := kube.DecodeRecord(req.PriorPrivate)
	if err != nil {
		return unchanged, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	c := t.env.Cluster()
	r := secretRef(schema.Text(req.Planned.GetAttr("namespace")), schema.Text(req.Planned.GetAttr("secret_name")))
	live, err := c.Get(ctx, r)
	if err != nil {
		return unchanged, c.Diagnose(err, "get", r)
	}
	pair, a, ds := t.next(ctx, req, live)
	if ds.HasErrors() {
		return unchanged, ds
	}
	former, h := t.remember(req, live, pair, a)
	content, err := anchorContent(pair, former, a.previous)
	if err != nil {
		return unchanged, diag.FromError(CodeInternal, "Trust anchor cannot be made", err, nil)
	}
	secret := t.secret(req.Planned, content)
	h.put(secret)
	value := with(req.Planned, a.attrs())
	result, more := c.ApplySet(ctx, kube.SetApplyRequest{
		Owner: req.Owner, Prior: record, Planned: req.PlannedPrivate, Step: req.Step,
		Desired: kube.Objects(secret),
		Options: kube.SetOptions{OnExists: schema.Text(req.Config.GetAttr("on_exists"))},
	})
	if ds = append(ds, more...); ds.HasErrors() {
		return unchanged, ds
	}
	return providers.ApplyResponse{Value: value, Private: result.Record.Encode()}, ds
}

// remember says which former pair stays in the Secret, and what is said about both: the pair in force before the
// present one stays as long as its certificate is in the bundle.
func (t *anchorResource) remember(req providers.ApplyRequest, live *unstructured.Unstructured, pair *pki.KeyPair, a anchors) (former *pki.KeyPair, h history) {
	h, known := historyOf(live)
	if !known && !req.Creating() {
		h.Rotate = rotateOf(req.Prior)
	}
	former = formerPair(live)
	if live != nil {
		if was, ds := pairIn(live, layoutOf(SchemeKubernetes)); !ds.HasErrors() && !was.Certificate().Equal(pair.Certificate()) {
			former, h = was, h.succeed(making{Rotate: rotateOf(req.Config)}, t.now())
		}
	}
	h.Rotate = rotateOf(req.Config)
	h.Spent = slices.DeleteFunc(h.Spent, func(s string) bool { return s == h.Rotate })
	if former == nil || !slices.ContainsFunc(a.previous, former.Certificate().Equal) {
		return nil, h.spend()
	}
	return former, h
}

// next decides between the pair that is in the Secret, the one before it, and a new one. After a kill, a pair that differs from the
// recorded one is the one that this step has made.
func (t *anchorResource) next(ctx context.Context, req providers.ApplyRequest, live *unstructured.Unstructured) (*pki.KeyPair, anchors, hcl.Diagnostics) {
	a := anchors{extra: extraAnchors(req.Config)}
	rotating := !req.Planned.GetAttr("fingerprint_sha256").IsKnown()
	if live != nil {
		pair, ds := pairIn(live, layoutOf(SchemeKubernetes))
		if ds.HasErrors() {
			return nil, a, ds
		}
		if former, err := pki.ParsePEM(data(live, keyPrevious)); err == nil {
			a.previous = former
		}
		a.current = pair.Certificate()
		if back := formerPair(live); back != nil && !rotating && pki.Fingerprint(back.Certificate()) == schema.Text(req.Planned.GetAttr("fingerprint_sha256")) {
			a.previous = t.kept(req.Planned, append([]*x509.Certificate{a.current}, a.previous...))
			a.current = back.Certificate()
			progress(req.Step, fmt.Sprintf("took the former trust anchor %s back", pki.Fingerprint(a.current)[:12]))
			return back, a, nil
		}
		made := req.Creating() || pki.Fingerprint(a.current) != schema.Text(req.Prior.GetAttr("fingerprint_sha256"))
		if !rotating || made {
			a.previous = t.kept(req.Planned, a.previous)
			return pair, a, nil
		}
		a.previous = append([]*x509.Certificate{a.current}, a.previous...)
	} else {
		// The mesh may run on an anchor whose Secret is lost: it stays in the bundle until nothing depends on it.
		roots, _, ds := TrustRoots(ctx, t.env.Cluster(), t.env.Namespace())
		if ds.HasErrors() {
			return nil, a, ds
		}
		a.previous = roots.Certificates()
	}
	a.previous = slices.DeleteFunc(a.previous, func(c *x509.Certificate) bool {
		return t.now().After(c.NotAfter) || pki.NewBundle(a.extra...).Contains(c)
	})
	pair, err := pki.NewAnchor(pki.Request{CommonName: schema.Text(req.Planned.GetAttr("common_name")), Now: t.now(), Validity: duration(req.Config.GetAttr("validity"))})
	if err != nil {
		return nil, a, diag.FromError(CodeInternal, "Trust anchor cannot be made", err, nil)
	}
	a.current = pair.Certificate()
	if len(a.previous) > 0 {
		waits, ds := t.dependants(ctx, req.Config, a.current)
		if ds.HasErrors() {
			return nil, a, ds
		}
		if waits == "" { // nothing runs on a former anchor, so nothing needs it
			a.previous = nil
		}
	}
	progress(req.Step, fmt.Sprintf("made trust anchor %s, valid until %s", pki.Fingerprint(a.current)[:12], expiry(a.current, t.now())))
	return pair, a, nil
}

// kept returns the former anchors that the plan keeps; all of them when the plan did not know.
func (t *anchorResource) kept(planned cty.Value, former []*x509.Certificate) []*x509.Certificate {
	want, known := texts(planned, "previous")
	if !known {
		return former
	}
	return slices.DeleteFunc(slices.Clone(former), func(c *x509.Certificate) bool { return !slices.Contains(want, pki.Fingerprint(c)) })
}

func anchorContent(pair, former *pki.KeyPair, previous []*x509.Certificate) (map[string][]byte, error) {
	key, err := pair.KeyPEM()
	if err != nil {
		return nil, err
	}
	content := map[string][]byte{"tls.crt": pair.CertificatePEM(), "tls.key": key, "ca.crt": pair.CertificatePEM()}
	if len(previous) > 0 {
		content[keyPrevious] = []byte(pki.EncodePEM(previous...))
	}
	return content, putFormer(content, former)
}

// delete destroys the key, or lets go of the Secret.
func (t *anchorResource) delete(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	gone := providers.ApplyResponse{Value: cty.NullVal(req.Prior.Type())}
	if schema.Text(req.Prior.GetAttr("mode")) != ModeGenerate {
		return gone, nil
	}
	unchanged := providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}
	record, err := kube.DecodeRecord(req.PriorPrivate)
	if err != nil {
		return unchanged, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	options := kube.SetOptions{OnDestroy: kube.OnDestroyOrphan}
	if schema.True(req.Prior.GetAttr("delete_on_destroy")) {
		if ds := t.inUse(ctx, req.Prior); ds.HasErrors() {
			return unchanged, ds
		}
		options.OnDestroy = kube.OnDestroyDelete
	}
	left, ds := t.env.Cluster().DeleteSet(ctx, kube.SetDeleteRequest{Owner: req.Owner, Record: record, Options: options, Step: req.Step})
	if ds.HasErrors() {
		return providers.ApplyResponse{Value: req.Prior, Private: left.Encode()}, ds
	}
	return gone, ds
}

// inUse refuses to destroy the key under a running identity controller.
func (t *anchorResource) inUse(ctx context.Context, v cty.Value) hcl.Diagnostics {
	a, ok := anchorsOf(v)
	if !ok {
		return nil
	}
	c := t.env.Cluster()
	cp := t.env.Namespace()
	roots, found, ds := TrustRoots(ctx, c, cp)
	if ds.HasErrors() || !found || !roots.Contains(a.current) {
		return ds
	}
	r := identityRef(cp)
	u, err := c.Get(ctx, r)
	if err != nil {
		return c.Diagnose(err, "get", r)
	}
	if u == nil {
		return nil
	}
	return hcl.Diagnostics{diag.Errorf(CodeAnchorInUse, "Trust anchor is in use",
		"The %s hands out certificates under this trust anchor. Destroy the control plane first, or keep the key with delete_on_destroy = false.", r)}
}

func identityRef(namespace string) kube.Ref {
	return kube.Ref{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: namespace, Name: identityName}
}

// progress reports to a step that may be nil.
func progress(s providers.Step, message string) {
	if s != nil {
		s.Progress(providers.Progress{Message: message})
	}
}
