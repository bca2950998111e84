package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var now = time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)

const day24 = 24 * time.Hour

func anchor(t testing.TB, validity time.Duration) *KeyPair {
	t.Helper()
	k, err := NewAnchor(Request{CommonName: "root.linkerd.cluster.local", Now: now.Add(-2 * time.Hour), Validity: validity})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func issuer(t testing.TB, a *KeyPair, validity time.Duration) *KeyPair {
	t.Helper()
	k, err := NewIssuer(a, Request{CommonName: "identity.linkerd.cluster.local", Now: now, Validity: validity})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func rules(a ...*KeyPair) IssuerRules {
	r := IssuerRules{TrustDomain: "cluster.local", Namespace: "linkerd", Now: now}
	for _, k := range a {
		r.Anchors = r.Anchors.With(k.Certificate())
	}
	return r
}

func codes(fs []Finding) string {
	var out []string
	for _, f := range fs {
		c := string(f.Code)
		if f.Warning {
			c = "warning " + c
		}
		out = append(out, strings.ReplaceAll(c, "linkerd.", ""))
	}
	return strings.Join(out, ", ")
}

// Whatever the durations, what the makers make passes the checks, and a proxy's certificate signed by the issuer
// verifies against the anchor for the name of its identity, and against no other anchor.
func TestIssuedChainsVerify(t *testing.T) {
	stranger := anchor(t, 400*day24)
	rapid.Check(t, func(rt *rapid.T) {
		days := rapid.IntRange(1, 4000)
		a := anchor(t, time.Duration(days.Draw(rt, "anchor days"))*day24)
		i := issuer(t, a, time.Duration(days.Draw(rt, "issuer days"))*day24)
		if got := codes(CheckAnchor(a.Certificate(), now, 0)); got != "" {
			rt.Fatalf("CheckAnchor of a new anchor: %s", got)
		}
		if got := codes(CheckIssuer(i.Chain, rules(a))); got != "" {
			rt.Fatalf("CheckIssuer of a new issuer: %s", got)
		}
		if i.Certificate().NotAfter.After(a.Certificate().NotAfter) {
			rt.Fatal("the issuer outlives its anchor")
		}
		id := "web.demo.serviceaccount.identity.linkerd.cluster.local"
		leaf := proxyLeaf(t, i, id)
		for _, c := range []struct {
			root *KeyPair
			name string
			ok   bool
		}{{a, id, true}, {a, "web.other.serviceaccount.identity.linkerd.cluster.local", false}, {stranger, id, false}} {
			_, err := leaf.Verify(x509.VerifyOptions{
				Roots: NewBundle(c.root.Certificate()).pool(), Intermediates: NewBundle(i.Chain...).pool(), DNSName: c.name, CurrentTime: now,
				KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
			})
			if (err == nil) != c.ok {
				rt.Fatalf("leaf for %s under %s: %v, want ok=%t", c.name, c.root, err, c.ok)
			}
		}
		if got := codes(CheckIssuer(i.Chain, rules(stranger))); got != "issuer-untrusted" {
			rt.Fatalf("issuer under a foreign anchor: %q", got)
		}
	})
}

func proxyLeaf(t testing.TB, i *KeyPair, identity string) *x509.Certificate {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(7), DNSNames: []string{identity}, NotBefore: now.Add(-time.Minute), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, i.Certificate(), key.Public(), i.key)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := x509.ParseCertificate(der)
	return c
}

func TestCheckAnchor(t *testing.T) {
	make := func(change func(*x509.Certificate)) *x509.Certificate {
		c := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(100 * day24),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
		change(c)
		k, err := sign(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		return k.Certificate()
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for _, c := range []struct {
		name string
		cert *x509.Certificate
		want string
	}{
		{"good", make(func(*x509.Certificate) {}), ""},
		{"RSA 2048", rsaRoot(t, 2048), ""},
		{"RSA 3072", rsaRoot(t, 3072), "anchor-key"},
		{"P-384", selfSigned(t, p384, x509.ECDSAWithSHA256), "anchor-key"},
		{"P-384 with SHA-384", selfSigned(t, p384, x509.ECDSAWithSHA384), "anchor-key, anchor-key"},
		{"not a CA", make(func(c *x509.Certificate) { c.IsCA = false }), "anchor-not-ca"},
		{"CA that may not sign", make(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), "anchor-not-ca"},
		{"path length 0", make(func(c *x509.Certificate) { c.MaxPathLenZero = true }), "anchor-path-length"},
		{"expired", make(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }), "certificate-expired"},
		{"future", make(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }), "certificate-not-yet-valid"},
		{"expiring", make(func(c *x509.Certificate) { c.NotAfter = now.Add(20 * day24) }), "warning certificate-expiring"},
		{"intermediate", issuer(t, anchor(t, 200*day24), 100*day24).Certificate(), "anchor-path-length, anchor-not-root"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := codes(CheckAnchor(c.cert, now, 60*day24)); got != c.want {
				t.Errorf("CheckAnchor() = %q, want %q", got, c.want)
			}
		})
	}
}

func rsaRoot(t *testing.T, bits int) *x509.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return selfSigned(t, key, x509.SHA256WithRSA)
}

func selfSigned(t *testing.T, key crypto.Signer, alg x509.SignatureAlgorithm) *x509.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(100 * day24),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, SignatureAlgorithm: alg,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCheckIssuer(t *testing.T) {
	a := anchor(t, 100*day24)
	make := func(change func(*x509.Certificate)) []*x509.Certificate {
		c := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "identity.linkerd.cluster.local"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * day24),
			IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
		}
		change(c)
		k, err := sign(c, a)
		if err != nil {
			t.Fatal(err)
		}
		return k.Chain
	}
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	for _, c := range []struct {
		name  string
		chain []*x509.Certificate
		want  string
	}{
		{"good", make(func(*x509.Certificate) {}), ""},
		{"not a CA", make(func(c *x509.Certificate) { c.IsCA, c.MaxPathLenZero = false, false }), "issuer-not-ca"},
		{"expired", make(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) }), "certificate-expired"},
		{"expired and foreign", issuerAt(t, anchor(t, 400*day24), now.Add(-50*day24), 10*day24), "certificate-expired, issuer-untrusted"},
		{"future", make(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }), "certificate-not-yet-valid"},
		{"outlives its anchor", make(func(c *x509.Certificate) { c.NotAfter = now.Add(300 * day24) }), "warning issuer-outlives-anchor"},
		{"other trust domain", make(func(c *x509.Certificate) { c.Subject.CommonName = "identity.linkerd.example.com" }), "warning trust-domain"},
		{"anchor as issuer", a.Chain, "warning issuer-is-anchor"},
		{"server authentication only", make(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "issuer-usage"},
		{"both authentications", make(func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		}), ""},
		{"constrained to the domain", make(func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"cluster.local"} }), ""},
		{"constrained to another domain", make(func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.com"} }), "issuer-usage"},
		{"domain excluded", make(func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{".local"} }), "issuer-usage"},
		{"P-384", []*x509.Certificate{selfSigned(t, p384, x509.ECDSAWithSHA256)}, "issuer-key, issuer-untrusted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := codes(CheckIssuer(c.chain, rules(a))); got != c.want {
				t.Errorf("CheckIssuer() = %q, want %q", got, c.want)
			}
		})
	}
}

func issuerAt(t *testing.T, a *KeyPair, at time.Time, validity time.Duration) []*x509.Certificate {
	t.Helper()
	k, err := NewIssuer(a, Request{CommonName: "identity.linkerd.cluster.local", Now: at, Validity: validity})
	if err != nil {
		t.Fatal(err)
	}
	return k.Chain
}

func TestIssuerFromExpiredAnchor(t *testing.T) {
	a := anchor(t, day24)
	if k, err := NewIssuer(a, Request{CommonName: "x", Now: now.Add(2 * day24), Validity: day24}); err == nil {
		t.Errorf("NewIssuer() = %v, want an error: the anchor has expired", k)
	}
}

func TestCheckServing(t *testing.T) {
	const host = "linkerd-proxy-injector.linkerd.svc"
	k, err := NewServing(host, Request{Now: now, Validity: 365 * day24})
	if err != nil {
		t.Fatal(err)
	}
	own, other := NewBundle(k.Certificate()), NewBundle(anchor(t, day24).Certificate())
	for _, c := range []struct {
		name, host string
		ca         Bundle
		at         time.Time
		want       string
	}{
		{"good", host, own, now, ""},
		{"other name", "linkerd-sp-validator.linkerd.svc", own, now, "webhook-certificate-name"},
		{"other bundle", host, other, now, "webhook-certificate-untrusted"},
		{"no bundle", host, Bundle{}, now, "webhook-certificate-untrusted"},
		{"expiring", host, own, now.Add(330 * day24), "warning certificate-expiring"},
		{"expired", host, own, now.Add(400 * day24), "certificate-expired"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := codes(CheckServing(k.Chain, c.host, c.ca, c.at, 60*day24)); got != c.want {
				t.Errorf("CheckServing() = %q, want %q", got, c.want)
			}
		})
	}
}

func TestBundleIsASet(t *testing.T) {
	a, b := anchor(t, day24).Certificate(), anchor(t, day24).Certificate()
	text := "# first\n" + EncodePEM(b) + "\n\n" + EncodePEM(a, b)
	got, err := ParseBundle([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if want := NewBundle(a, b); !got.Equal(want) || !want.Equal(got) || got.Len() != 2 {
		t.Errorf("bundle with comment, repetition and other order is not equal: %v, want %v", got.Fingerprints(), want.Fingerprints())
	}
	if got.Equal(NewBundle(a)) || NewBundle(a).Equal(got) {
		t.Error("bundles of different anchors are equal")
	}
	if again, err := ParseBundle([]byte(got.PEM())); err != nil || again.PEM() != got.PEM() {
		t.Errorf("the canonical text is not stable: %v", err)
	}
}

func TestParsePEMRefuses(t *testing.T) {
	k := anchor(t, day24)
	key, err := k.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing": "", "prose": "no certificate here", "a key": string(key), "a key after a certificate": string(k.CertificatePEM()) + string(key),
		"damaged": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("zz")})),
	} {
		if _, err := ParsePEM([]byte(text)); err == nil {
			t.Errorf("ParsePEM accepts %s", name)
		} else if strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("ParsePEM of %s quotes the text: %v", name, err)
		}
	}
	if _, err := ParsePEM(key); !errors.Is(err, ErrPrivateKey) {
		t.Errorf("ParsePEM(key) = %v, want ErrPrivateKey", err)
	}
}

func TestKeyPairRoundTripsAndStaysSilent(t *testing.T) {
	k := anchor(t, day24)
	sec1, err1 := k.KeyPEM()
	p8, err2 := k.KeyPEM8()
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, key := range [][]byte{sec1, p8} {
		if _, err := LoadKeyPair(k.CertificatePEM(), key); err != nil {
			t.Errorf("LoadKeyPair() = %v", err)
		}
		if _, err := LoadKeyPair(anchor(t, day24).CertificatePEM(), key); !errors.Is(err, ErrKeyMismatch) {
			t.Errorf("LoadKeyPair of another certificate = %v, want ErrKeyMismatch", err)
		}
	}
	ec := k.key.(*ecdsa.PrivateKey)
	raw, err := ec.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(k)
	shown := fmt.Sprintf("%v %+v %#v %s %x %d %s", k, k, k, k, k, []any{k}, text)
	for _, secret := range []string{string(raw), fmt.Sprintf("%x", raw), fmt.Sprint(raw), new(big.Int).SetBytes(raw).String()} {
		if strings.Contains(shown, secret) {
			t.Errorf("formatting a key pair shows its key")
		}
	}
	if !strings.Contains(shown, "root.linkerd.cluster.local") {
		t.Errorf("formatting a key pair does not name its subject: %s", shown)
	}
}

func TestDays(t *testing.T) {
	for d, want := range map[time.Duration]int64{0: 0, time.Hour: 0, day24: 1, -time.Hour: -1, -day24: -1, 60 * day24: 60} {
		if got := Days(d); got != want {
			t.Errorf("Days(%s) = %d, want %d", d, got, want)
		}
	}
}
