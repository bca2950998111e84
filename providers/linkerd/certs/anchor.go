package certs

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Tags of this package.
const (
	TagTrustAnchor providers.Tag = "linkerd:trust-anchor"
	TagIssuer      providers.Tag = "linkerd:issuer"
)

// anchorResource is linkerd_trust_anchor.
type anchorResource struct {
	env    env.Env
	now    func() time.Time
	schema *schema.Resource
}

// Schema implements providers.ResourceType.
func (t *anchorResource) Schema() *schema.Resource { return t.schema }

// Order implements providers.Orderer.
func (t *anchorResource) Order(config cty.Value) providers.Order {
	return providers.Order{Provides: []providers.Tag{TagTrustAnchor}, After: []providers.Tag{namespaceTag(t.namespace(config))}}
}

// Reverse implements providers.Reverser.
func (t *anchorResource) Reverse(before, after cty.Value) providers.Reversal {
	switch {
	case before.IsNull():
		return providers.Reversal{Undo: providers.Restore}
	case after.IsNull() && schema.Text(before.GetAttr("mode")) == ModeGenerate && schema.True(before.GetAttr("delete_on_destroy")):
		return providers.Reversal{Undo: providers.Irreversible, Reason: "the trust anchor's private key was destroyed and was kept nowhere else"}
	case !after.IsNull() && replaced(before, after) && rotateOf(before) == rotateOf(after):
		return providers.Reversal{Undo: providers.Irreversible,
			Reason: "the former trust anchor was about to end; its certificate stays in the bundle until nothing depends on it"}
	}
	return providers.Reversal{Undo: providers.Restore}
}

// replaced reports whether a value has another certificate than before, or will have.
func replaced(before, after cty.Value) bool {
	now := after.GetAttr("fingerprint_sha256")
	return !now.IsKnown() || schema.Text(before.GetAttr("fingerprint_sha256")) != schema.Text(now)
}

func (t *anchorResource) namespace(v cty.Value) string {
	if ns := schema.Text(v.GetAttr("namespace")); ns != "" {
		return ns
	}
	return t.env.Namespace()
}

func namespaceTag(ns string) providers.Tag { return providers.Tag("kubernetes:namespace/" + ns) }

// anchors is what is known about a trust anchor: certificates, never a key.
type anchors struct {
	current  *x509.Certificate
	previous []*x509.Certificate // former ones, still in the bundle
	extra    []*x509.Certificate // further ones that the configuration names
}

func (a anchors) bundle() pki.Bundle {
	return pki.NewBundle(a.current).With(a.previous...).With(a.extra...)
}

// attrs returns the attributes that follow from the certificates.
func (a anchors) attrs() map[string]cty.Value {
	return map[string]cty.Value{
		"certificate_pem":    cty.StringVal(pki.EncodePEM(a.current)),
		"bundle_pem":         cty.StringVal(a.bundle().PEM()),
		"fingerprint_sha256": cty.StringVal(pki.Fingerprint(a.current)),
		"subject":            cty.StringVal(a.current.Subject.String()),
		"not_before":         timestamp(a.current.NotBefore),
		"not_after":          timestamp(a.current.NotAfter),
		"previous":           stringList(pki.NewBundle(a.previous...).Fingerprints()),
	}
}

// anchorsOf reads back what attrs wrote, with the extra anchors of the same value. It reports false when the value
// holds no certificate.
func anchorsOf(v cty.Value) (a anchors, ok bool) {
	chain, err := pki.ParsePEM([]byte(schema.Text(v.GetAttr("certificate_pem"))))
	if err != nil {
		return a, false
	}
	a.current = chain[0]
	a.extra = extraAnchors(v)
	former, _ := texts(v, "previous")
	if b, err := pki.ParseBundle([]byte(schema.Text(v.GetAttr("bundle_pem")))); err == nil {
		for _, c := range b.Certificates() {
			if slices.Contains(former, pki.Fingerprint(c)) {
				a.previous = append(a.previous, c)
			}
		}
	}
	return a, true
}

// extraAnchors returns the certificates that the configuration adds to the bundle.
func extraAnchors(v cty.Value) (out []*x509.Certificate) {
	list, _ := texts(v, "additional_pem")
	if schema.Text(v.GetAttr("mode")) == ModePEM {
		list = append([]string{schema.Text(v.GetAttr("pem"))}, list...)
	}
	for _, s := range list {
		if chain, err := pki.ParsePEM([]byte(s)); err == nil {
			out = append(out, chain...)
		}
	}
	return out
}

// Read implements providers.ResourceType.
func (t *anchorResource) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	var pending []secretRead
	for i, r := range reqs {
		out[i] = providers.ReadResponse{Value: r.Value, Private: r.Private}
		if schema.Text(r.Value.GetAttr("mode")) == ModePEM {
			continue
		}
		pending = append(pending, secretRead{
			request: r, ref: secretRef(t.namespace(r.Value), schema.Text(r.Value.GetAttr("secret_name"))), layout: layoutOf(SchemeKubernetes),
			owned: schema.Text(r.Value.GetAttr("mode")) == ModeGenerate, response: &out[i],
			fill: func(s secretState) map[string]cty.Value {
				a := anchors{current: s.chain[0], extra: extraAnchors(r.Value)}
				if former, err := pki.ParsePEM(data(s.object, keyPrevious)); err == nil {
					a.previous = former
				}
				if schema.Text(r.Value.GetAttr("mode")) == ModeSecret {
					a.previous = succeeded(r.Value, a.current)
				}
				attrs := a.attrs()
				if h, known := historyOf(s.object); known && schema.Text(r.Value.GetAttr("mode")) == ModeGenerate {
					attrs["rotate"] = rotateAttr(h.Rotate)
				}
				return attrs
			},
		})
	}
	return out, readSecrets(ctx, t.env.Cluster(), pending)
}

// expiry describes a date for people.
func expiry(c *x509.Certificate, now time.Time) string {
	return fmt.Sprintf("%s, in %d days", c.NotAfter.UTC().Format(time.DateOnly), pki.Days(c.NotAfter.Sub(now)))
}

// splitSecret reads the `namespace/name` of a secret attribute.
func splitSecret(s string) (namespace, name string, ok bool) {
	namespace, name, ok = strings.Cut(s, "/")
	return namespace, name, ok && namespace != "" && name != ""
}
