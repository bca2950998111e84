package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// ClockSkew is how far back a new certificate's validity begins, so that a node whose clock is slow accepts it. It
// equals the identity controller's own allowance.
const ClockSkew = 20 * time.Second

// Request says what a new certificate is for. CommonName and a positive Validity are required.
type Request struct {
	CommonName string
	// Now begins the validity, less ClockSkew.
	Now      time.Time
	Validity time.Duration
}

func (r Request) template() (*x509.Certificate, error) {
	if r.CommonName == "" || r.Validity <= 0 {
		return nil, errors.New("a certificate needs a name and a positive validity")
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("no randomness for a serial number: %w", err)
	}
	now := r.Now.UTC().Truncate(time.Second)
	return &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		Subject:               pkix.Name{CommonName: r.CommonName},
		NotBefore:             now.Add(-ClockSkew),
		NotAfter:              now.Add(r.Validity),
		BasicConstraintsValid: true,
	}, nil
}

// NewAnchor makes a self-signed P-256 trust anchor.
func NewAnchor(r Request) (*KeyPair, error) {
	t, err := r.template()
	if err != nil {
		return nil, err
	}
	t.IsCA = true
	t.MaxPathLen = 1
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return sign(t, nil)
}

// NewIssuer makes a P-256 identity issuer signed by anchor. It never outlives the anchor.
func NewIssuer(anchor *KeyPair, r Request) (*KeyPair, error) {
	t, err := r.template()
	if err != nil {
		return nil, err
	}
	if end := anchor.Certificate().NotAfter; t.NotAfter.After(end) {
		t.NotAfter = end
	}
	if !t.NotAfter.After(r.Now) {
		return nil, errors.New("the trust anchor has expired and can sign nothing")
	}
	t.IsCA = true
	t.MaxPathLenZero = true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	return sign(t, anchor)
}

// NewServing makes a self-signed P-256 certificate for a webhook that answers under host. Its own certificate is the CA
// bundle of the webhook: the key signs nothing else, so there is no second secret to keep.
func NewServing(host string, r Request) (*KeyPair, error) {
	r.CommonName = host
	t, err := r.template()
	if err != nil {
		return nil, err
	}
	t.DNSNames = []string{host}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	return sign(t, nil)
}

// sign makes a key for the template and signs it with parent, or with itself when parent is nil.
func sign(t *x509.Certificate, parent *KeyPair) (*KeyPair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("no randomness for a key: %w", err)
	}
	out := &KeyPair{key: key}
	issuer, signer := t, out
	if parent != nil {
		issuer, signer = parent.Certificate(), parent
	}
	der, err := x509.CreateCertificate(rand.Reader, t, issuer, key.Public(), signer.key)
	if err != nil {
		return nil, fmt.Errorf("the certificate cannot be signed: %w", err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("the new certificate cannot be read back: %w", err)
	}
	out.Chain = []*x509.Certificate{c}
	if parent != nil && !isSelfSigned(parent.Certificate()) {
		out.Chain = append(out.Chain, parent.Chain...)
	}
	return out, nil
}
