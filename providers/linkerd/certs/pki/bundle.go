package pki

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrPrivateKey says that a text which should hold certificates only holds a private key as well.
var ErrPrivateKey = errors.New("the text holds a private key")

// ParsePEM reads every certificate of a text, in order. Comments are allowed, other PEM blocks are not. It returns
// ErrPrivateKey when one of them is a private key, and an error when there is no certificate; no error quotes the text.
func ParsePEM(text []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch {
		case strings.Contains(block.Type, "PRIVATE KEY"):
			return nil, ErrPrivateKey
		case block.Type != "CERTIFICATE":
			return nil, fmt.Errorf("PEM block %d is not a certificate", len(out)+1)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be parsed", len(out)+1)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("there is no certificate in PEM form")
	}
	return out, nil
}

// EncodePEM writes certificates in order, each followed by a line break.
func EncodePEM(certs ...*x509.Certificate) string {
	var b strings.Builder
	for _, c := range certs {
		b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return b.String()
}

// Fingerprint returns the SHA-256 of a certificate's DER form in lower-case hexadecimal.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// Bundle is a set of trust anchors: order, repetition, comments and line breaks of the text that it was read from
// have no meaning. The zero value is empty.
type Bundle struct{ certs []*x509.Certificate }

// NewBundle returns the set of the given certificates, in the order of their first appearance.
func NewBundle(certs ...*x509.Certificate) Bundle {
	var b Bundle
	for _, c := range certs {
		if !b.Contains(c) {
			b.certs = append(b.certs, c)
		}
	}
	return b
}

// ParseBundle reads a bundle; errors are those of ParsePEM.
func ParseBundle(text []byte) (Bundle, error) {
	certs, err := ParsePEM(text)
	if err != nil {
		return Bundle{}, err
	}
	return NewBundle(certs...), nil
}

// Certificates returns the anchors. The slice belongs to the caller.
func (b Bundle) Certificates() []*x509.Certificate { return slices.Clone(b.certs) }

// Len returns the number of different anchors.
func (b Bundle) Len() int { return len(b.certs) }

// PEM returns the canonical text: each anchor once, in order, without a final line break, which is how the control
// plane's ConfigMap holds it.
func (b Bundle) PEM() string { return strings.TrimSuffix(EncodePEM(b.certs...), "\n") }

// Contains reports whether c is one of the anchors.
func (b Bundle) Contains(c *x509.Certificate) bool {
	return slices.ContainsFunc(b.certs, func(x *x509.Certificate) bool { return x.Equal(c) })
}

// Equal reports whether both hold the same anchors.
func (b Bundle) Equal(o Bundle) bool {
	return len(b.certs) == len(o.certs) && !slices.ContainsFunc(b.certs, func(c *x509.Certificate) bool { return !o.Contains(c) })
}

// With returns b and the given certificates.
func (b Bundle) With(certs ...*x509.Certificate) Bundle {
	return NewBundle(append(b.Certificates(), certs...)...)
}

// Fingerprints returns the anchors' fingerprints, sorted.
func (b Bundle) Fingerprints() []string {
	out := make([]string, 0, len(b.certs))
	for _, c := range b.certs {
		out = append(out, Fingerprint(c))
	}
	slices.Sort(out)
	return out
}

// TrustRootSHA256 is what the injector writes on a pod as `linkerd.io/trust-root-sha256`: the hash of the bundle's
// text as the control plane's ConfigMap holds it.
func TrustRootSHA256(configMapText string) string {
	sum := sha256.Sum256([]byte(configMapText))
	return hex.EncodeToString(sum[:])
}

func (b Bundle) pool() *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range b.certs {
		p.AddCert(c)
	}
	return p
}

// Signer returns the anchor that chain, which begins with the issuer, leads to; nil when there is none. Only
// signatures and constraints matter: a chain that has expired has a signer too.
func (b Bundle) Signer(chain []*x509.Certificate) *x509.Certificate {
	o := x509.VerifyOptions{Roots: b.pool(), Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, c := range chain[1:] {
		o.Intermediates.AddCert(c)
	}
	for _, root := range b.certs {
		// The first moment at which all of them were valid, if there ever was one.
		o.CurrentTime = root.NotBefore
		for _, c := range chain {
			if c.NotBefore.After(o.CurrentTime) {
				o.CurrentTime = c.NotBefore
			}
		}
		if found, err := chain[0].Verify(o); err == nil {
			return found[0][len(found[0])-1]
		}
	}
	return nil
}
