package lang

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Every function is documented, and its example is true.
func TestDocumentation(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "hello.txt", "hello")
	put(t, dir, "hello.tmpl", "Hello, ${name}!")
	put(t, dir, "objects.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\n")
	put(t, dir, "ca.crt", anchor(t))
	now := func() time.Time { return time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC) }
	ctx := &hcl.EvalContext{Functions: Functions(FunctionOptions{BaseDir: dir, Now: now})}

	seen := map[string]bool{}
	for _, d := range Documentation() {
		if seen[d.Name] {
			t.Errorf("%s is documented twice", d.Name)
		}
		seen[d.Name] = true
		if _, ok := ctx.Functions[d.Name]; !ok {
			t.Errorf("%s is documented, but not there", d.Name)
			continue
		}
		if !strings.HasSuffix(d.Description, ".") || !strings.HasPrefix(d.Signature, d.Name+"(") {
			t.Errorf("%s: %q %q", d.Name, d.Signature, d.Description)
		}
		if d.Refused != "" {
			continue
		}
		if !strings.Contains(d.Example, d.Name+"(") {
			t.Errorf("%s: the example %s does not use it", d.Name, d.Example)
		}
		e, ds := hclsyntax.ParseExpression([]byte(d.Example), "example", hcl.InitialPos)
		if ds.HasErrors() {
			t.Fatalf("%s: %v", d.Example, ds)
		}
		got, ds := e.Value(ctx)
		want, wds := eval(t, dir, d.Result)
		if ds.HasErrors() || wds.HasErrors() || !equalLoosely(got, want) {
			t.Errorf("%s = %#v, want %s (%v %v)", d.Example, got, d.Result, ds, wds)
		}
	}
	for name := range ctx.Functions {
		if !seen[strings.TrimPrefix(name, namespace)] {
			t.Errorf("%s is not documented", name)
		}
	}
}

// anchor makes a certificate authority like that of a mesh.
func anchor(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root.linkerd.cluster.local"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
