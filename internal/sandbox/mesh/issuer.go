package mesh

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// issuer is the certificate authority that an identity controller signs with.
type issuer struct {
	chain []*x509.Certificate // the issuer, then its intermediates
	key   crypto.Signer
}

// issuerFrom reads the credentials of a Secret of either scheme.
func issuerFrom(secret *corev1.Secret) (*issuer, error) {
	crt, key := secret.Data["crt.pem"], secret.Data["key.pem"]
	if crt == nil {
		crt, key = secret.Data["tls.crt"], secret.Data["tls.key"]
	}
	pair, err := tls.X509KeyPair(crt, key)
	if err != nil {
		return nil, fmt.Errorf("failed to read CA from disk: %w", err)
	}
	i := &issuer{key: pair.PrivateKey.(crypto.Signer)}
	for _, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("failed to read CA from disk: %w", err)
		}
		i.chain = append(i.chain, c)
	}
	if k, ok := i.key.Public().(*ecdsa.PublicKey); !ok || k.Curve != elliptic.P256() {
		return nil, errors.New("failed to read CA from disk: must use P-256 curve for public key")
	}
	return i, nil
}

// verify checks that the issuer may sign now and leads to one of the anchors.
func (i *issuer) verify(anchors *x509.CertPool, name string, now time.Time) error {
	if _, err := i.chain[0].Verify(x509.VerifyOptions{
		Roots: anchors, Intermediates: pool(i.chain[1:]), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return fmt.Errorf("failed to verify issuer credentials for '%s' with trust anchors: %w", name, err)
	}
	if !i.chain[0].IsCA {
		return errors.New("failed to verify issuer certificate: it must be an intermediate-CA, but it is not")
	}
	return nil
}

// leaf is the certificate of one proxy.
type leaf struct {
	pair      tls.Certificate
	cert      *x509.Certificate
	notBefore time.Time
	notAfter  time.Time
}

// refreshAt is when the proxy asks for the next one: at 70% of the lifetime.
func (l *leaf) refreshAt() time.Time {
	return l.notBefore.Add(l.notAfter.Sub(l.notBefore) * 7 / 10)
}

// trustedBy says whether a peer with these anchors accepts the leaf.
func (l *leaf) trustedBy(anchors *x509.CertPool, now time.Time) error {
	var intermediates []*x509.Certificate
	for _, der := range l.pair.Certificate[1:] {
		if c, err := x509.ParseCertificate(der); err == nil {
			intermediates = append(intermediates, c)
		}
	}
	_, err := l.cert.Verify(x509.VerifyOptions{
		Roots: anchors, Intermediates: pool(intermediates), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err
}

// sign issues a leaf for a mesh identity. It never outlives the chain.
func (i *issuer) sign(identity string, now time.Time, lifetime time.Duration) (*leaf, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	const skew = 20 * time.Second
	notAfter := now.Add(lifetime + skew)
	for _, c := range i.chain {
		if c.NotAfter.Before(notAfter) {
			notAfter = c.NotAfter
		}
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: identity},
		DNSNames:     []string{identity},
		NotBefore:    now.Add(-skew),
		NotAfter:     notAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, i.chain[0], key.Public(), i.key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	l := &leaf{pair: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, cert: cert, notBefore: now, notAfter: notAfter}
	for _, c := range i.chain {
		l.pair.Certificate = append(l.pair.Certificate, c.Raw)
	}
	return l, nil
}

// anchorPool reads a PEM bundle; what is no certificate in it is skipped.
func anchorPool(bundle string) *x509.CertPool {
	p := x509.NewCertPool()
	rest := bytes.TrimSpace([]byte(bundle))
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return p
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			p.AddCert(c)
		}
	}
}

func pool(certs []*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certs {
		p.AddCert(c)
	}
	return p
}
