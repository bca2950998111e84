package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// KeyPair is a certificate, the intermediates above it, and its private key. It never changes. It must be handed only to
// code that writes a Secret: formatting it, with any verb, gives the subject and never the key.
type KeyPair struct {
	// Chain holds the certificate and, after it, the intermediates up to but without the root. It has at least one
	// element.
	Chain []*x509.Certificate

	key crypto.Signer
}

// Certificate returns the certificate that the key belongs to.
func (k *KeyPair) Certificate() *x509.Certificate { return k.Chain[0] }

// CertificatePEM returns the chain in PEM, with a final line break.
func (k *KeyPair) CertificatePEM() []byte { return []byte(EncodePEM(k.Chain...)) }

// KeyPEM returns the private key in the form that every release of the identity controller reads: SEC1 for elliptic
// curves, PKCS#1 for RSA. The result is secret.
func (k *KeyPair) KeyPEM() ([]byte, error) {
	if ec, ok := k.key.(*ecdsa.PrivateKey); ok {
		der, err := x509.MarshalECPrivateKey(ec)
		if err != nil {
			return nil, errors.New("the key cannot be encoded")
		}
		return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
	}
	return k.KeyPEM8()
}

// KeyPEM8 returns the private key as PKCS#8, the only form of an elliptic curve key that the policy controller's
// webhook reads. The result is secret.
func (k *KeyPair) KeyPEM8() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return nil, errors.New("the key cannot be encoded")
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Format prints the subject for every verb, so that no key reaches a log by accident.
func (k *KeyPair) Format(s fmt.State, _ rune) {
	if k == nil || len(k.Chain) == 0 {
		_, _ = fmt.Fprint(s, "key pair without certificate")
		return
	}
	_, _ = fmt.Fprintf(s, "key pair of %q", k.Chain[0].Subject.String())
}

// MarshalText refuses: a key pair is never stored as text.
func (k *KeyPair) MarshalText() ([]byte, error) {
	return nil, errors.New("a key pair cannot be marshalled")
}

// ErrKeyMismatch says that a private key does not belong to its certificate.
var ErrKeyMismatch = errors.New("the private key does not belong to the certificate")

// LoadKeyPair reads a certificate chain and its key (SEC1, PKCS#1 or PKCS#8). The error never quotes the input; it wraps
// ErrKeyMismatch when key and certificate are of different pairs.
func LoadKeyPair(certPEM, keyPEM []byte) (*KeyPair, error) {
	chain, err := ParsePEM(certPEM)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, err
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(chain[0].PublicKey) {
		return nil, ErrKeyMismatch
	}
	return &KeyPair{Chain: chain, key: key}, nil
}

func parseKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("there is no private key in PEM form")
	}
	switch block.Type {
	case "EC PRIVATE KEY":
		if k, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
			return k, nil
		}
	case "RSA PRIVATE KEY":
		if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return k, nil
		}
	case "PRIVATE KEY":
		if k, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if s, ok := k.(crypto.Signer); ok {
				return s, nil
			}
		}
	}
	return nil, errors.New("the private key cannot be parsed")
}

// TLS returns the pair for a TLS server or client.
func (k *KeyPair) TLS() tls.Certificate {
	c := tls.Certificate{PrivateKey: k.key, Leaf: k.Chain[0]}
	for _, x := range k.Chain {
		c.Certificate = append(c.Certificate, x.Raw)
	}
	return c
}
