package lang

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// Nothing outside of the directory can be read, by whatever way.
func TestConfinement(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "config")
	put(t, dir, "in.txt", "inside")
	put(t, dir, "sub/in.txt", "below")
	put(t, parent, "secret.txt", "hunter2")
	put(t, parent, "config-other/secret.txt", "hunter2")
	for link, target := range map[string]string{
		"good": "sub/in.txt", "out": "../secret.txt", "abs": filepath.Join(parent, "secret.txt"), "up": "..", "twice": "out", "sub/back": "../../secret.txt",
		"inabs": filepath.Join(dir, "in.txt"),
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for expr, want := range map[string]string{
		`file("in.txt")`: "inside", `file("./sub/../in.txt")`: "inside", `file("good")`: "below", `filebase64("in.txt")`: "aW5zaWRl",
		`filesha256("in.txt") == sha256("inside") ? "same" : "other"`: "same", `fileexists("in.txt") ? "yes" : "no"`: "yes", `fileexists("absent") ? "yes" : "no"`: "no",
		`join(" ", fileset(".", "**"))`: "good in.txt sub/in.txt", `join(" ", fileset("sub", "*.txt"))`: "in.txt", `join(" ", fileset("absent", "*"))`: "",
	} {
		if got, ds := eval(t, dir, expr); ds.HasErrors() || got.AsString() != want {
			t.Errorf("%s = %#v, %v; want %q", expr, got, ds, want)
		}
	}
	for _, path := range []string{"../secret.txt", "sub/../../secret.txt", "out", "abs", "twice", "up/secret.txt", "sub/back", "inabs", "../config-other/secret.txt", "../config/in.txt",
		filepath.Join(parent, "secret.txt"), filepath.Join(dir, "in.txt"), "/proc/self/environ", "pipe", "", "absent", "in.txt/x", "a\x00b"} {
		for _, f := range []string{"file", "filebase64", "filesha256", "filemd5", "manifests"} {
			got, err := Functions(FunctionOptions{BaseDir: dir})[f].Call([]cty.Value{cty.StringVal(path)})
			if err == nil {
				t.Errorf("%s(%q) = %#v", f, path, got)
			} else if s := err.Error(); strings.Contains(s, "hunter2") || strings.Contains(s, parent) && !strings.Contains(path, parent) {
				t.Errorf("%s(%q) says too much: %s", f, path, s)
			}
		}
		got, err := Functions(FunctionOptions{BaseDir: dir})["templatefile"].Call([]cty.Value{cty.StringVal(path), cty.EmptyObjectVal})
		if err == nil {
			t.Errorf("templatefile(%q) = %#v", path, got)
		}
	}
	for _, args := range [][2]string{{"..", "*"}, {".", "../*"}, {"up", "*"}, {"up", "**"}, {"/", "*"}, {".", "up/*"}, {parent, "*"}} {
		got, err := Functions(FunctionOptions{BaseDir: dir})["fileset"].Call([]cty.Value{cty.StringVal(args[0]), cty.StringVal(args[1])})
		if err == nil && got.LengthInt() > 0 {
			t.Errorf("fileset(%q) = %#v", args, got)
		}
	}
	for _, path := range []string{"../secret.txt", "out", "up/secret.txt"} {
		if got, err := Functions(FunctionOptions{BaseDir: dir})["fileexists"].Call([]cty.Value{cty.StringVal(path)}); err == nil {
			t.Errorf("fileexists(%q) = %#v", path, got)
		}
	}
}

// A module outside of the root module's directory may be read as well, by the way that path.module gives, and nothing
// beside it.
func TestConfinementOfModules(t *testing.T) {
	parent := t.TempDir()
	root, shared := filepath.Join(parent, "rollout"), filepath.Join(parent, "shared", "mesh")
	put(t, root, "in.txt", "root")
	put(t, root, "modules/a/in.txt", "below")
	put(t, shared, "in.txt", "shared")
	put(t, shared, "sub/deep.txt", "deep")
	put(t, parent, "shared/secret.txt", "hunter2")
	put(t, parent, "secret.txt", "hunter2")
	for link, target := range map[string]string{"out": "../secret.txt", "up": "..", "sub/up": "../..", "here": "sub"} {
		if err := os.Symlink(target, filepath.Join(shared, link)); err != nil {
			t.Fatal(err)
		}
	}
	fs := Functions(FunctionOptions{BaseDir: root, AlsoBelow: []string{filepath.Join(root, "modules", "a"), shared}})
	for path, want := range map[string]string{
		"in.txt": "root", "modules/a/in.txt": "below", "modules/a/../../in.txt": "root", "../shared/mesh/in.txt": "shared", "./../shared/./mesh//in.txt": "shared",
		"../shared/mesh/sub/deep.txt": "deep", "../shared/mesh/sub/../in.txt": "shared", "../shared/mesh/here/deep.txt": "deep", "../shared/mesh/here/../in.txt": "shared",
	} {
		if got, err := fs["file"].Call([]cty.Value{cty.StringVal(path)}); err != nil || got.AsString() != want {
			t.Errorf("file(%q) = %#v, %v; want %q", path, got, err, want)
		}
	}
	for _, path := range []string{"../secret.txt", "../shared/secret.txt", "../shared/mesh/../secret.txt", "../shared/mesh/out", "../shared/mesh/up/secret.txt", "../shared/mesh/sub/up/secret.txt",
		"../shared/mesh/../mesh/in.txt", "../shared/mesh", "../shared/meshes/in.txt", "../shared", filepath.Join(shared, "in.txt"), "modules/a/../../../secret.txt", "../rollout/in.txt"} {
		if got, err := fs["file"].Call([]cty.Value{cty.StringVal(path)}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("file(%q) = %#v, %v", path, got, err)
		}
	}
	got, err := fs["fileset"].Call([]cty.Value{cty.StringVal("../shared/mesh"), cty.StringVal("**/*.txt")})
	if want := cty.SetVal([]cty.Value{cty.StringVal("in.txt"), cty.StringVal("sub/deep.txt")}); err != nil || !got.RawEquals(want) {
		t.Errorf("fileset = %#v, %v", got, err)
	}
	if _, err := fs["file"].Call([]cty.Value{cty.StringVal("absent.txt")}); err == nil || !strings.Contains(err.Error(), "path.module") {
		t.Errorf("the error does not say where paths start: %v", err)
	}
}

func TestTemplateFile(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "t.tmpl", "%{ for s in services ~}\n- ${s}\n%{ endfor ~}\n")
	put(t, dir, "outer.tmpl", `<${templatefile("t.tmpl", { services = l })}>`)
	got, ds := eval(t, dir, `templatefile("outer.tmpl", { l = ["a", "b"] })`)
	if ds.HasErrors() || got.AsString() != "<- a\n- b\n>" {
		t.Errorf("templatefile = %#v, %v", got, ds)
	}
}

func TestManifests(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "all.yaml", `# a comment alone
---
apiVersion: v1
kind: Namespace
metadata:
  name: shop
--- # the next
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  paused: on
  text: |
    first
     --- not a separator
---
---
{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}, "data": {"big": 12345678901234567}},
  {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "shop"}}]}
`)
	for expr, want := range map[string]cty.Value{
		`join(" ", keys(manifests("all.yaml")))`:                     cty.StringVal("ConfigMap/shop/a ConfigMap/shop/b Deployment/shop/web Namespace//shop"),
		`manifests("all.yaml")["Deployment/shop/web"].spec.replicas`: cty.NumberIntVal(3),
		`manifests("all.yaml")["Deployment/shop/web"].spec.paused`:   cty.True,
		`manifests("all.yaml")["Deployment/shop/web"].spec.text`:     cty.StringVal("first\n --- not a separator\n"),
		`manifests("all.yaml")["ConfigMap/shop/a"].data.big`:         cty.NumberIntVal(12345678901234567),
	} {
		if got, ds := eval(t, dir, expr); ds.HasErrors() || !got.RawEquals(want) {
			t.Errorf("%s = %#v, %v; want %#v", expr, got, ds, want)
		}
	}
	object := func(kind, meta string) string {
		return "apiVersion: v1\nkind: " + kind + "\nmetadata: {" + meta + "}\n"
	}
	for text, want := range map[string]string{
		object("ConfigMap", "name: a") + "---\n" + object("ConfigMap", "name: a"): "document 2 (line 4): ConfigMap//a is there already, in m.yaml, document 1 (line 1)",
		object("Job", "generateName: a-"):                                         "generateName",
		object("Job", "namespace: a"):                                             "no metadata.name",
		"---\nkind: ConfigMap\nmetadata: {name: a}\n":                             "document 1 (line 1): it is not a Kubernetes object: apiVersion",
		"just text\n":  "not a Kubernetes object",
		"a: 1\na: 2\n": "not valid YAML",
		"a: [\n":       "not valid YAML",
	} {
		put(t, dir, "m.yaml", text)
		if _, ds := eval(t, dir, `manifests("m.yaml")`); !ds.HasErrors() || !strings.Contains(ds.Error(), want) {
			t.Errorf("%q: %v; want %q", text, ds, want)
		}
	}
	put(t, dir, "m.yaml", "# nothing\n")
	if got, ds := eval(t, dir, `manifests("m.yaml")`); ds.HasErrors() || got.LengthInt() != 0 {
		t.Errorf("an empty file = %#v, %v", got, ds)
	}
}

func TestCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(255), Subject: pkix.Name{CommonName: "root.linkerd.cluster.local"}, NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC), IsCA: true, BasicConstraintsValid: true, DNSNames: []string{"a.b"}, SubjectKeyId: []byte{1, 254},
		IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}, URIs: []*url.URL{{Scheme: "spiffe", Host: "x"}},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	certPEM := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	f := Functions(FunctionOptions{})["x509_certificate"]
	got, err := f.Call([]cty.Value{cty.StringVal(keyPEM + certPEM)})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	want := cty.ObjectVal(map[string]cty.Value{
		"subject": cty.StringVal("CN=root.linkerd.cluster.local"), "issuer": cty.StringVal("CN=root.linkerd.cluster.local"),
		"not_before": cty.StringVal("2026-01-01T00:00:00Z"), "not_after": cty.StringVal("2036-01-01T00:00:00Z"), "serial_number": cty.StringVal("255"),
		"fingerprint_sha256": cty.StringVal(hex.EncodeToString(sum[:])), "is_ca": cty.True,
		"key_algorithm": cty.StringVal("ECDSA"), "key_bits": cty.NumberIntVal(256), "signature_algorithm": cty.StringVal("ECDSA-SHA256"),
		"subject_key_id": cty.StringVal("01fe"), "authority_key_id": cty.StringVal(""), "ip_addresses": cty.ListVal([]cty.Value{cty.StringVal("10.0.0.1")}),
		"dns_names": cty.ListVal([]cty.Value{cty.StringVal("a.b")}), "uris": cty.ListVal([]cty.Value{cty.StringVal("spiffe://x")}),
	})
	if !got.RawEquals(want) {
		t.Errorf("x509_certificate = %#v, want %#v", got, want)
	}
	for _, text := range []string{"", "text", keyPEM, strings.Replace(certPEM, "MII", "AAA", 1)} {
		if v, err := f.Call([]cty.Value{cty.StringVal(text)}); err == nil {
			t.Errorf("x509_certificate(%q) = %#v", text, v)
		} else if text != "" && len(text) > 10 && strings.Contains(err.Error(), text[40:60]) {
			t.Errorf("the error quotes the text: %v", err)
		}
	}
}
