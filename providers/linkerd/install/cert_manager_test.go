package install_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/linkerdtest"
)

// certManager stands in for cert-manager and trust-manager: it makes the Secrets that Certificates ask for, and the
// ConfigMap of a Bundle, as they would.
type certManager struct {
	*rollout
	anchor, issuer *pki.KeyPair
	former         []*pki.KeyPair // anchors that trust-manager still hands out
}

// certificate is a Certificate of cert-manager.
func certificate(name, secret string, seconds string) map[string]any {
	return map[string]any{
		"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"secretName": secret, "isCA": true, "commonName": name, "duration": seconds,
			"privateKey": map[string]any{"algorithm": "ECDSA", "rotationPolicy": "Always"},
			"issuerRef":  map[string]any{"name": "linkerd", "kind": "ClusterIssuer"}},
	}
}

// define makes the kind Certificate known, with the fields that matter here.
func (m *certManager) define() {
	m.Helper()
	m.plant(map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": "certificates.cert-manager.io"},
		"spec": map[string]any{"group": "cert-manager.io", "scope": "Namespaced",
			"names": map[string]any{"kind": "Certificate", "listKind": "CertificateList", "plural": "certificates", "singular": "certificate"},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "subresources": map[string]any{"status": map[string]any{}},
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}},
	})
}

// request creates a Certificate, again while its kind is not served yet.
func (m *certManager) request(object map[string]any) {
	m.Helper()
	client := testenv.Dynamic(m.T).Resource(schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}).Namespace(m.namespace)
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := client.Create(m.Context(), &unstructured.Unstructured{Object: object}, metav1.CreateOptions{})
		if err == nil {
			return
		}
		select {
		case <-deadline:
			m.Fatal(err)
		case <-tick.C:
		}
	}
}

// write puts a pair into the Secret of a Certificate, as cert-manager lays it out, and sets the condition Ready.
func (m *certManager) write(name, secret string, pair *pki.KeyPair, ca []byte) {
	m.Helper()
	key, err := pair.KeyPEM()
	if err != nil {
		m.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
		"metadata": map[string]any{"name": secret, "annotations": map[string]any{
			"cert-manager.io/certificate-name": name, "cert-manager.io/issuer-kind": "ClusterIssuer", "cert-manager.io/issuer-name": "linkerd"}},
		"data": map[string]any{"tls.crt": encode(pair.CertificatePEM()), "tls.key": encode(key), "ca.crt": encode(ca)},
	}}
	m.put(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, u)
}

// bundle writes what trust-manager makes of its sources.
func (m *certManager) bundle() {
	m.Helper()
	b := pki.NewBundle(m.anchor.Certificate())
	for _, f := range m.former {
		b = b.With(f.Certificate())
	}
	m.put(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": certs.TrustRootsName, "labels": map[string]any{"trust.cert-manager.io/bundle": certs.TrustRootsName}},
		"data": map[string]any{certs.TrustRootsKey: b.PEM()},
	}})
}

func (m *certManager) put(r schema.GroupVersionResource, u *unstructured.Unstructured) {
	m.Helper()
	u.SetNamespace(m.namespace)
	if _, err := testenv.Dynamic(m.T).Resource(r).Namespace(m.namespace).Apply(m.Context(), u.GetName(), u, metav1.ApplyOptions{FieldManager: "cert-manager", Force: true}); err != nil {
		m.Fatal(err)
	}
}

// makeAnchor and makeIssuer are what cert-manager does when a Certificate is new or due.
func (m *certManager) makeAnchor() {
	m.Helper()
	pair, err := pki.NewAnchor(pki.Request{CommonName: "root.linkerd.cluster.local", Now: m.now(), Validity: 365 * 24 * time.Hour})
	if err != nil {
		m.Fatal(err)
	}
	if m.anchor != nil {
		m.former = append(m.former, m.anchor)
	}
	m.anchor = pair
	m.write("linkerd-trust-anchor", "linkerd-trust-anchor", pair, pair.CertificatePEM())
	m.bundle()
}

func (m *certManager) makeIssuer() {
	m.Helper()
	pair, err := pki.NewIssuer(m.anchor, pki.Request{CommonName: "identity.linkerd.cluster.local", Now: m.now(), Validity: 48 * time.Hour})
	if err != nil {
		m.Fatal(err)
	}
	m.issuer = pair
	m.write("linkerd-identity-issuer", certs.IssuerName, pair, m.anchor.CertificatePEM())
}

// TestCertificatesOfCertManagerAreFollowed leaves anchor, issuer and bundle to cert-manager and trust-manager: the control
// plane is installed on them, and their rotations need nothing of us and lose nobody.
func TestCertificatesOfCertManagerAreFollowed(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	m := &certManager{rollout: r}
	m.define()
	m.request(certificate("linkerd-trust-anchor", "linkerd-trust-anchor", "8760h"))
	m.request(certificate("linkerd-identity-issuer", certs.IssuerName, "48h"))
	m.makeAnchor()
	m.makeIssuer()

	const (
		anchor = "mode = \"secret\"\nretire_after = \"25h\"\n"
		issuer = "mode = \"secret\"\ntrust_anchor = root\nrenew_before = \"1h\"\n"
	)
	control := strings.Replace(controlConfig, "trust_anchors_pem = root.bundle_pem", "external_ca = true", 1)
	r.anchor.Apply(t, anchor)
	r.issuer.Scope["root"] = r.anchor.Value
	r.issuer.Apply(t, issuer)
	r.crds.Apply(t, crdsConfig)
	r.control.Scope["root"], r.control.Scope["mesh"] = r.anchor.Value, r.issuer.Value
	r.control.Apply(t, control)
	for _, step := range []struct {
		in     *linkerdtest.Instance
		config string
	}{{r.anchor, anchor}, {r.issuer, issuer}, {r.control, control}} {
		step.in.MustBeUnchanged(t, step.config)
	}
	for key := range r.control.Value.GetAttr("objects").AsValueMap() {
		if strings.HasSuffix(key, "/"+certs.TrustRootsName) || strings.HasSuffix(key, "/"+certs.IssuerName) {
			t.Errorf("the control plane took %s from its keeper", key)
		}
	}

	// cert-manager renews the issuer: the record follows, and nothing is written.
	m.makeIssuer()
	r.issuer.Refresh(t)
	r.issuer.Apply(t, issuer)
	if got := r.issuer.Get("fingerprint_sha256"); got != pki.Fingerprint(m.issuer.Certificate()) {
		t.Errorf("the issuer is recorded as %s", got)
	}
	r.control.MustBeUnchanged(t, control)

	// It renews the anchor, and the issuer below it a while later: both anchors stay until a day after.
	old := pki.Fingerprint(m.anchor.Certificate())
	m.makeAnchor()
	r.anchor.Refresh(t)
	r.anchor.Apply(t, anchor)
	bundle, err := pki.ParseBundle([]byte(r.anchor.Get("bundle_pem")))
	if err != nil || bundle.Len() != 2 || bundle.Fingerprints()[1] != old && bundle.Fingerprints()[0] != old {
		t.Fatalf("while the issuer is below the former anchor the bundle is %v (%v)", bundle.Fingerprints(), err)
	}
	r.issuer.Scope["root"] = r.anchor.Value
	r.issuer.Apply(t, issuer) // still good
	m.makeIssuer()
	r.issuer.Refresh(t)
	r.issuer.Apply(t, issuer)
	r.anchor.Refresh(t)
	r.anchor.Apply(t, anchor)
	if bundle, err = pki.ParseBundle([]byte(r.anchor.Get("bundle_pem"))); err != nil || bundle.Len() != 2 {
		t.Errorf("the former anchor went within the day: %v (%v)", bundle.Fingerprints(), err)
	}
	r.mustBeSecret(r.keys())
}
