package certs

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// issuerResource is linkerd_identity_issuer.
type issuerResource struct {
	env    env.Env
	now    func() time.Time
	schema *schema.Resource
}

// issuerPrivate is what is remembered about an issuer.
type issuerPrivate struct {
	Set json.RawMessage `json:"set,omitempty"` // kube.Record, or in a plan kube.SetPlan.Private
	// Loaded is the fingerprint of the certificate that the identity controller has been seen to use, or that it will
	// use because it was not running.
	Loaded string `json:"loaded,omitempty"`
}

func decodeIssuerPrivate(b []byte) (p issuerPrivate, ds hcl.Diagnostics) {
	if len(b) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	return p, nil
}

func (p issuerPrivate) encode() []byte {
	if len(p.Set) == 0 {
		p.Set = nil
	}
	out, err := json.Marshal(p)
	if err != nil {
		panic(err) // Set always comes from an encoder
	}
	return out
}

// Schema implements providers.ResourceType.
func (t *issuerResource) Schema() *schema.Resource { return t.schema }

// Order implements providers.Orderer.
func (t *issuerResource) Order(config cty.Value) providers.Order {
	return providers.Order{
		Provides: []providers.Tag{TagIssuer},
		After:    []providers.Tag{TagTrustAnchor, namespaceTag(t.namespace(config))},
	}
}

// Reverse implements providers.Reverser.
func (t *issuerResource) Reverse(before, after cty.Value) providers.Reversal {
	if !before.IsNull() && !after.IsNull() && replaced(before, after) && wishOf(before) == wishOf(after) && before.GetAttr("trust_anchor").RawEquals(after.GetAttr("trust_anchor")) {
		return providers.Reversal{Undo: providers.Irreversible,
			Reason: "the former issuer was about to end; the new one is trusted by the same proxies, so nothing needs to be undone"}
	}
	return providers.Reversal{Undo: providers.Restore}
}

func (t *issuerResource) namespace(v cty.Value) string {
	if ns := schema.Text(v.GetAttr("namespace")); ns != "" {
		return ns
	}
	return t.env.Namespace()
}

// parents is what the configuration says about the anchor above an issuer.
type parents struct {
	secret  string            // namespace/name, "" without a key
	current *x509.Certificate // whose key signs
	bundle  pki.Bundle
}

// parentsOf reads a wholly known trust_anchor attribute.
func parentsOf(config cty.Value) (p parents, ds hcl.Diagnostics) {
	v := config.GetAttr("trust_anchor")
	p.secret = schema.Text(v.GetAttr("secret"))
	chain, err := pki.ParsePEM([]byte(schema.Text(v.GetAttr("certificate_pem"))))
	if err != nil {
		return p, hcl.Diagnostics{diag.At(diag.Errorf(CodeCertificate, "Trust anchor cannot be read", "The certificate_pem of trust_anchor: %s.", err),
			cty.GetAttrPath("trust_anchor").GetAttr("certificate_pem"))}
	}
	p.current = chain[0]
	if b, err := pki.ParseBundle([]byte(schema.Text(v.GetAttr("bundle_pem")))); err == nil {
		p.bundle = b
	}
	p.bundle = p.bundle.With(p.current)
	return p, nil
}

// attrs returns the attributes that follow from the issuer's chain.
func issuerAttrs(chain []*x509.Certificate, bundle pki.Bundle) map[string]cty.Value {
	c := chain[0]
	signedBy := ""
	if a := bundle.Signer(chain); a != nil {
		signedBy = pki.Fingerprint(a)
	}
	return map[string]cty.Value{
		"certificate_pem":    cty.StringVal(pki.EncodePEM(chain...)),
		"fingerprint_sha256": cty.StringVal(pki.Fingerprint(c)),
		"signed_by":          cty.StringVal(signedBy),
		"subject":            cty.StringVal(c.Subject.String()),
		"not_before":         timestamp(c.NotBefore),
		"not_after":          timestamp(c.NotAfter),
	}
}

// issuerChain reads the chain of an issuer Secret of either layout.
func issuerChain(u *unstructured.Unstructured) ([]*x509.Certificate, hcl.Diagnostics) {
	scheme := SchemeKubernetes
	if len(data(u, "tls.crt")) == 0 && len(data(u, "crt.pem")) > 0 {
		scheme = SchemeLinkerd
	}
	return chainIn(u, layoutOf(scheme))
}

func (t *issuerResource) rules(b pki.Bundle) pki.IssuerRules {
	return pki.IssuerRules{Anchors: b, TrustDomain: t.env.TrustDomain(), Namespace: t.env.Namespace(), Now: t.now()}
}

// Read implements providers.ResourceType.
func (t *issuerResource) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	private := make([]issuerPrivate, len(reqs))
	reads := make([]secretRead, 0, len(reqs))
	for i, r := range reqs {
		out[i] = providers.ReadResponse{Value: r.Value, Private: r.Private}
		p, ds := decodeIssuerPrivate(r.Private)
		if ds.HasErrors() {
			out[i].Diagnostics = ds
			continue
		}
		private[i] = p
		inner := r
		inner.Private = p.Set
		reads = append(reads, secretRead{
			request: inner, ref: secretRef(t.namespace(r.Value), IssuerName), layout: layoutOf(schema.Text(r.Value.GetAttr("scheme"))),
			owned: schema.Text(r.Value.GetAttr("mode")) == ModeGenerate, response: &out[i],
			fill: func(s secretState) map[string]cty.Value {
				var bundle pki.Bundle
				if p, ds := parentsOf(r.Value); !ds.HasErrors() {
					bundle = p.bundle
				}
				attrs := issuerAttrs(s.chain, bundle)
				if h, known := historyOf(s.object); known && schema.Text(r.Value.GetAttr("mode")) == ModeGenerate {
					attrs["rotate"], attrs["common_name"], attrs["validity"] = rotateAttr(h.Rotate), cty.StringVal(h.CommonName), cty.StringVal(h.Validity)
				}
				return attrs
			},
		})
	}
	ds := readSecrets(ctx, t.env.Cluster(), reads)
	for i := range out {
		if text := out[i].Private; len(text) > 0 && string(text) != string(reqs[i].Private) {
			private[i].Set = text
		}
		out[i].Private = private[i].encode()
	}
	return out, ds
}

// Plan implements providers.ResourceType.
func (t *issuerResource) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	private, ds := decodeIssuerPrivate(req.Private)
	if ds.HasErrors() {
		return providers.PlanResponse{}, ds
	}
	if req.Config.IsNull() {
		resp := providers.PlanResponse{Planned: req.Config, Private: req.Private}
		if schema.Text(req.Prior.GetAttr("mode")) == ModeGenerate {
			resp.Notes = []string{"Destroys the issuer's private key. The anchor's key can make a new issuer."}
		}
		return resp, nil
	}
	planned := t.derive(req.Proposed, req.Config)
	if !planned.GetAttr("secret").IsKnown() || !req.Config.GetAttr("mode").IsKnown() || !req.Config.GetAttr("scheme").IsKnown() {
		return providers.PlanResponse{Planned: unknown(planned, issuerComputed...), Private: req.Private}, nil
	}
	p := issuerPlan{t: t, req: req, planned: planned, private: private}
	if !req.Config.GetAttr("trust_anchor").IsWhollyKnown() {
		return p.anchorUnknown(ctx)
	}
	if p.parents, ds = parentsOf(req.Config); ds.HasErrors() {
		return providers.PlanResponse{Planned: unknown(planned, issuerComputed...)}, ds
	}
	if schema.Text(req.Config.GetAttr("mode")) == ModeSecret {
		return p.adopted(ctx)
	}
	return p.generated(ctx)
}

// derive fills in the attributes that follow from the configuration alone, as far as it is known.
func (t *issuerResource) derive(v, config cty.Value) cty.Value {
	ns := orDefault(config, "namespace", t.env.Namespace())
	secret := cty.UnknownVal(cty.String)
	if ns.IsKnown() {
		secret = cty.StringVal(ns.AsString() + "/" + IssuerName)
	}
	return with(v, map[string]cty.Value{
		"namespace": ns, "secret": secret, "common_name": orDefault(config, "common_name", "identity.linkerd."+t.env.TrustDomain()),
	})
}

// issuerReasons says why a new issuer is due, in the words of the plan. Broken reports that the present one serves
// nobody, so that nothing is lost by replacing it at once.
func issuerReasons(chain []*x509.Certificate, p parents, prior, config cty.Value, rules pki.IssuerRules) (reasons []string, broken bool) {
	c := chain[0]
	for _, f := range pki.CheckIssuer(chain, rules) {
		if !f.Warning {
			reasons, broken = append(reasons, strings.TrimSuffix(f.Detail, ".")), true
		}
	}
	if broken {
		return reasons, true
	}
	if !c.NotAfter.Add(-duration(config.GetAttr("renew_before"))).After(rules.Now) {
		// An anchor that ends soon caps its issuers: making another one would gain nothing.
		if c.NotAfter.Before(p.current.NotAfter) {
			reasons = append(reasons, "the present one expires on "+expiry(c, rules.Now))
		}
	}
	if a := p.bundle.Signer(chain); a == nil || !a.Equal(p.current) {
		reasons = append(reasons, "the trust anchor has changed")
	}
	for _, name := range []string{"common_name", "validity", "rotate"} {
		if now := config.GetAttr(name); schema.Text(prior.GetAttr(name)) != schema.Text(config.GetAttr(name)) && (name == "rotate" || !now.IsNull()) {
			reasons = append(reasons, name+" has changed")
		}
	}
	return reasons, false
}

// wishOf is what a configuration or a recorded value asks an issuer to be made for.
func wishOf(v cty.Value) making {
	return making{Rotate: rotateOf(v), CommonName: schema.Text(v.GetAttr("common_name")), Validity: schema.Text(v.GetAttr("validity"))}
}

// formerIssuer returns the chain of the issuer before the present one when it is exactly what is asked for now: made
// for the same, below the present anchor, and not due for renewal.
func (t *issuerResource) formerIssuer(u *unstructured.Unstructured, wish making, config cty.Value, par parents) []*x509.Certificate {
	h, known := historyOf(u)
	if !known || h.Former == nil || *h.Former != wish {
		return nil
	}
	b := formerCertificate(u)
	if b == nil {
		return nil
	}
	chain, err := pki.ParsePEM(data(u, keyFormerCertificate))
	signer := par.bundle.Signer(chain)
	if err != nil || signer == nil || !signer.Equal(par.current) || pki.Errors(pki.CheckIssuer(chain, t.rules(par.bundle))) {
		return nil
	}
	if !chain[0].NotAfter.Add(-duration(config.GetAttr("renew_before"))).After(t.now()) {
		return nil
	}
	return chain
}

// works reports whether an issuer serves the running mesh now, whatever the configuration says of its anchors.
func (t *issuerResource) works(ctx context.Context, chain []*x509.Certificate, bundle pki.Bundle) (bool, hcl.Diagnostics) {
	roots, _, ds := TrustRoots(ctx, t.env.Cluster(), t.env.Namespace())
	return !pki.Errors(pki.CheckIssuer(chain, t.rules(bundle.With(roots.Certificates()...)))), ds
}

// describe sums an issuer up for a note.
func describe(c *x509.Certificate, now time.Time) string {
	return fmt.Sprintf("%s, valid until %s", pki.Fingerprint(c)[:12], expiry(c, now))
}
