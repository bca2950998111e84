package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"text/template"
	"time"
)

// credential is a certificate and its key, PEM encoded.
type credential struct {
	Cert, Key []byte

	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// newCredential signs a certificate with parent, or with itself.
func newCredential(t *testing.T, name string, ca bool, dns []string, parent *credential) *credential {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: dns,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IsCA: ca, BasicConstraintsValid: true,
	}
	signer, signerKey := c, key
	if parent != nil {
		signer, signerKey = parent.cert, parent.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, signer, key.Public(), signerKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &credential{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		cert: cert, key: key,
	}
}

// controlPlane is what testdata/linkerd.yaml is filled in with.
type controlPlane struct {
	Anchors         string
	Anchor          *credential
	Issuer, Webhook *credential
	FailurePolicy   string
}

func newControlPlane(t *testing.T) *controlPlane {
	t.Helper()
	anchor := newCredential(t, "root.linkerd.cluster.local", true, nil, nil)
	return &controlPlane{
		Anchors: string(bytes.TrimSpace(anchor.Cert)), Anchor: anchor,
		Issuer: newCredential(t, "identity.linkerd.cluster.local", true, nil, anchor),
		Webhook: newCredential(t, "linkerd-proxy-injector.linkerd.svc", true, []string{"linkerd-proxy-injector.linkerd.svc",
			"linkerd-sp-validator.linkerd.svc", "linkerd-policy-validator.linkerd.svc"}, nil),
		FailurePolicy: "Fail",
	}
}

// render fills in the template.
func (cp *controlPlane) render(t *testing.T) []byte {
	t.Helper()
	tmpl := template.Must(template.New("linkerd.yaml").Funcs(template.FuncMap{
		"b64":  func(b []byte) string { return base64.StdEncoding.EncodeToString(b) },
		"json": func(s string) (string, error) { b, err := json.Marshal(s); return string(b), err },
	}).Parse(string(testdata(t, "linkerd.yaml"))))
	var out bytes.Buffer
	if err := tmpl.Execute(&out, cp); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
