package certs_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/linkerdtest"
)

// mesh is a control plane namespace with a clock that a test can turn.
type mesh struct {
	*testing.T
	namespace string
	offset    time.Duration
	env       env.Env
	log       *linkerdtest.Log
	anchor    *linkerdtest.Instance
	issuer    *linkerdtest.Instance
}

func newMesh(t *testing.T) *mesh {
	t.Helper()
	m := &mesh{T: t, namespace: testenv.Namespace(t), log: &linkerdtest.Log{}}
	cluster := kube.NewPool(kube.Options{Kubeconfig: testenv.Kubeconfig(t)}).Cluster(kube.Connection{})
	m.env = env.Env{
		Cluster:     func() *kube.Cluster { return cluster },
		Namespace:   func() string { return m.namespace },
		TrustDomain: func() string { return "cluster.local" },
	}
	types := certs.Types(m.env, m.now)
	m.anchor = linkerdtest.New(types["linkerd_trust_anchor"], "root", m.log)
	m.issuer = linkerdtest.New(types["linkerd_identity_issuer"], "mesh", m.log)
	return m
}

func (m *mesh) now() time.Time { return time.Now().Add(m.offset) }

// applyIssuer applies an issuer below the present anchor.
func (m *mesh) applyIssuer(config string) {
	m.Helper()
	m.scope()
	m.issuer.Apply(m.T, config)
}

func (m *mesh) scope() { m.issuer.Scope["root"] = m.anchor.Value }

const issuerConfig = `trust_anchor = root
reload_timeout = "2s"
`

func secrets() schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
}

// secret returns the data of a Secret.
func (m *mesh) secret(name string) map[string][]byte {
	m.Helper()
	u, err := testenv.Dynamic(m.T).Resource(secrets()).Namespace(m.namespace).Get(m.Context(), name, metav1.GetOptions{})
	if err != nil {
		m.Fatal(err)
	}
	raw, _, _ := unstructured.NestedStringMap(u.Object, "data")
	out := map[string][]byte{}
	for k, v := range raw {
		if out[k], err = base64.StdEncoding.DecodeString(v); err != nil {
			m.Fatal(err)
		}
	}
	return out
}

// mustBeSecret proves that no key of the Secrets was let out, on what the test has seen so far.
func (m *mesh) mustBeSecret(keys ...[]byte) {
	m.Helper()
	if m.log.Len() < 1000 {
		m.Fatalf("the log holds %d bytes: nothing was recorded", m.log.Len())
	}
	for _, k := range keys {
		m.log.MustNotContain(m.T, "a private key", k)
	}
}

func (m *mesh) create(u *unstructured.Unstructured, resource string) *unstructured.Unstructured {
	m.Helper()
	gvk := u.GroupVersionKind()
	out, err := testenv.Dynamic(m.T).Resource(gvk.GroupVersion().WithResource(resource)).Namespace(m.namespace).Create(m.Context(), u, metav1.CreateOptions{})
	if err != nil {
		m.Fatal(err)
	}
	return out
}

// pod starts a meshed pod whose proxy trusts a bundle.
func (m *mesh) pod(name, bundle string) {
	m.Helper()
	m.create(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"name": name, "labels": map[string]any{"linkerd.io/control-plane-ns": m.namespace}},
		"spec": map[string]any{"containers": []any{map[string]any{
			"name": "linkerd-proxy", "image": "proxy", "env": []any{map[string]any{"name": "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS", "value": bundle + "\n"}},
		}}},
	}}, "pods")
}

func (m *mesh) removePod(name string) {
	m.Helper()
	zero := int64(0)
	pods := testenv.Dynamic(m.T).Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(m.namespace)
	if err := pods.Delete(m.Context(), name, metav1.DeleteOptions{GracePeriodSeconds: &zero}); err != nil {
		m.Fatal(err)
	}
}

func TestAnchorAndIssuerAreMadeOnceAndTheirKeysStayInTheCluster(t *testing.T) {
	m := newMesh(t)
	plan := m.anchor.Apply(t, ``)
	if !strings.Contains(strings.Join(plan.Notes, " "), "nowhere else") {
		t.Errorf("the plan does not say where the key lives: %q", plan.Notes)
	}
	m.anchor.MustBeUnchanged(t, ``)
	m.applyIssuer(issuerConfig)
	m.issuer.MustBeUnchanged(t, issuerConfig)

	root, mid := m.secret("linkerd-trust-anchor"), m.secret(certs.IssuerName)
	m.mustBeSecret(root["tls.key"], mid["tls.key"])
	anchor, err := pki.LoadKeyPair(root["tls.crt"], root["tls.key"])
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := pki.LoadKeyPair(mid["tls.crt"], mid["tls.key"])
	if err != nil {
		t.Fatal(err)
	}
	if got := anchor.Certificate().Subject.CommonName; got != "root.linkerd.cluster.local" {
		t.Errorf("the anchor is named %q", got)
	}
	if got := issuer.Certificate().Subject.CommonName; got != "identity.linkerd.cluster.local" {
		t.Errorf("the issuer is named %q", got)
	}
	if fs := pki.CheckIssuer(issuer.Chain, pki.IssuerRules{Anchors: pki.NewBundle(anchor.Certificate()), TrustDomain: "cluster.local", Namespace: m.namespace, Now: time.Now()}); len(fs) > 0 {
		t.Errorf("the issuer has findings: %v", fs)
	}
	if string(mid["ca.crt"]) != m.anchor.Get("bundle_pem") {
		t.Errorf("ca.crt of the issuer's Secret is not the bundle")
	}
	if m.issuer.Get("signed_by") != m.anchor.Get("fingerprint_sha256") {
		t.Errorf("signed_by = %s, want the anchor %s", m.issuer.Get("signed_by"), m.anchor.Get("fingerprint_sha256"))
	}

	m.issuer.Delete(t)
	m.anchor.Delete(t)
	list, err := testenv.Dynamic(t).Resource(secrets()).Namespace(m.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(list.Items) != 0 {
		t.Errorf("after deletion there are %d Secrets (%v)", len(list.Items), err)
	}
	m.mustBeSecret(root["tls.key"], mid["tls.key"])
}

func TestIssuerIsRenewedInPlaceBeforeItEnds(t *testing.T) {
	m := newMesh(t)
	m.anchor.Apply(t, ``)
	m.applyIssuer(issuerConfig)
	first, key := m.issuer.Get("fingerprint_sha256"), m.secret(certs.IssuerName)["tls.key"]

	m.offset = 300 * 24 * time.Hour
	m.issuer.MustBeUnchanged(t, issuerConfig)
	m.offset = 310 * 24 * time.Hour
	plan := m.issuer.Apply(t, issuerConfig)
	if plan.Planned.GetAttr("fingerprint_sha256").IsKnown() || !strings.Contains(strings.Join(plan.Notes, " "), "expires on") {
		t.Errorf("the plan does not announce a renewal: %q", plan.Notes)
	}
	if got := m.issuer.Get("fingerprint_sha256"); got == first {
		t.Error("the issuer is still the old one")
	}
	m.issuer.MustBeUnchanged(t, issuerConfig)
	m.mustBeSecret(key, m.secret(certs.IssuerName)["tls.key"])
}

func TestAnchorRotationNeverLeavesAPodBehind(t *testing.T) {
	m := newMesh(t)
	const lasting, rotated = `rotate = "1"`, `rotate = "2"`
	m.anchor.Apply(t, lasting)
	m.applyIssuer(issuerConfig)
	oldAnchor, oldIssuer := m.anchor.Get("fingerprint_sha256"), m.issuer.Get("fingerprint_sha256")
	oldKey := m.secret("linkerd-trust-anchor")["tls.key"]
	m.pod("web", m.anchor.Get("bundle_pem"))

	m.anchor.Apply(t, rotated)
	bundle, err := pki.ParseBundle([]byte(m.anchor.Get("bundle_pem")))
	if err != nil || bundle.Len() != 2 {
		t.Fatalf("after the rotation the bundle holds %d anchors (%v), want both", bundle.Len(), err)
	}
	m.scope()
	_, ds := m.issuer.TryApply(t, issuerConfig)
	if ds.HasErrors() || !has(ds, certs.CodeRotationWaits) || !strings.Contains(linkerdtest.Text(ds), "/web") {
		t.Errorf("the issuer does not wait for the pod: %s", linkerdtest.Text(ds))
	}
	if got := m.issuer.Get("fingerprint_sha256"); got != oldIssuer {
		t.Error("the issuer was swapped although a pod does not trust the new anchor")
	}

	m.removePod("web")
	m.pod("web2", m.anchor.Get("bundle_pem"))
	m.applyIssuer(issuerConfig)
	if got := m.issuer.Get("signed_by"); got != m.anchor.Get("fingerprint_sha256") || got == oldAnchor {
		t.Errorf("signed_by = %s, want the new anchor", got)
	}
	if _, ds := m.anchor.Plan(t, rotated); !has(ds, certs.CodeRotationWaits) {
		t.Errorf("the old anchor does not wait for the last certificate of the old issuer: %s", linkerdtest.Text(ds))
	}

	m.offset = 26 * time.Hour
	m.anchor.Apply(t, rotated)
	if bundle, _ = pki.ParseBundle([]byte(m.anchor.Get("bundle_pem"))); bundle.Len() != 1 || pki.Fingerprint(bundle.Certificates()[0]) == oldAnchor {
		t.Errorf("after a day the bundle holds %v", bundle.Fingerprints())
	}
	m.anchor.MustBeUnchanged(t, rotated)
	m.applyIssuer(issuerConfig)
	m.issuer.MustBeUnchanged(t, issuerConfig)
	m.mustBeSecret(oldKey, m.secret("linkerd-trust-anchor")["tls.key"], m.secret(certs.IssuerName)["tls.key"])
}

func has(ds hcl.Diagnostics, code diag.Code) bool {
	for _, d := range ds {
		if diag.CodeOf(d) == code {
			return true
		}
	}
	return false
}

func TestStepThatWasKilledGoesOnWithTheKeyThatItHasMade(t *testing.T) {
	m := newMesh(t)
	config := m.anchor.Decode(t, ``)
	plan, ds := m.anchor.Plan(t, ``)
	if ds.HasErrors() {
		t.Fatal(linkerdtest.Text(ds))
	}
	if ds := m.anchor.Carry(t, config, plan); ds.HasErrors() {
		t.Fatal(linkerdtest.Text(ds))
	}
	made := m.anchor.Get("fingerprint_sha256")

	// Nothing was recorded but the intent.
	if ds := m.anchor.Recover(t, plan.Planned); ds.HasErrors() {
		t.Fatal(linkerdtest.Text(ds))
	}
	if got := m.anchor.Get("fingerprint_sha256"); got != made {
		t.Errorf("recovered anchor %q, want %q", got, made)
	}
	m.anchor.MustBeUnchanged(t, ``)

	// The same step is applied again with nothing recorded at all.
	again := linkerdtest.New(m.anchor.Type, "root", m.log)
	if ds := again.Carry(t, config, plan); ds.HasErrors() {
		t.Fatal(linkerdtest.Text(ds))
	}
	if got := again.Get("fingerprint_sha256"); got != made {
		t.Errorf("the repeated step made another anchor: %q, want %q", got, made)
	}
}

func TestSecretOfSomebodyElseIsRefusedOrAdopted(t *testing.T) {
	m := newMesh(t)
	pair, err := pki.NewAnchor(pki.Request{CommonName: "root.linkerd.cluster.local", Now: time.Now(), Validity: 400 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	key, err := pair.KeyPEM8()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	m.create(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": map[string]any{"name": "linkerd-trust-anchor"},
		"data": map[string]any{"tls.crt": encode(pair.CertificatePEM()), "tls.key": encode(key)},
	}}, "secrets")

	if _, ds := m.anchor.Plan(t, ``); !has(ds, kube.CodeExists) {
		t.Errorf("the plan takes a foreign Secret: %s", linkerdtest.Text(ds))
	}
	read := linkerdtest.New(m.anchor.Type, "read", m.log)
	read.Apply(t, `mode = "secret"`)
	if got := read.Get("fingerprint_sha256"); got != pki.Fingerprint(pair.Certificate()) {
		t.Errorf("mode secret reads %q", got)
	}
	read.MustBeUnchanged(t, `mode = "secret"`)
	read.Delete(t)
	m.secret("linkerd-trust-anchor") // still there

	const adopt = `on_exists = "adopt"`
	m.anchor.Apply(t, adopt)
	if got := m.anchor.Get("fingerprint_sha256"); got != pki.Fingerprint(pair.Certificate()) {
		t.Errorf("adopted anchor %q is another one", got)
	}
	m.anchor.MustBeUnchanged(t, adopt)
	m.mustBeSecret(key, m.secret("linkerd-trust-anchor")["tls.key"])
}

func TestAnchorKeyCanOutliveItsResource(t *testing.T) {
	m := newMesh(t)
	m.anchor.Apply(t, `delete_on_destroy = false`)
	made := m.anchor.Get("fingerprint_sha256")
	m.anchor.Delete(t)
	chain, err := pki.ParsePEM(m.secret("linkerd-trust-anchor")["tls.crt"])
	if err != nil || pki.Fingerprint(chain[0]) != made {
		t.Errorf("the Secret does not hold the anchor any more (%v)", err)
	}
}

func TestAdoptedIssuerIsJudged(t *testing.T) {
	m := newMesh(t)
	m.anchor.Apply(t, ``)
	stranger, err := pki.NewAnchor(pki.Request{CommonName: "stranger", Now: time.Now(), Validity: 400 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := pki.NewIssuer(stranger, pki.Request{CommonName: "identity.linkerd.example.com", Now: time.Now(), Validity: 200 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	key, err := wrong.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	m.create(&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": map[string]any{"name": certs.IssuerName},
		"data": map[string]any{"tls.crt": encode(wrong.CertificatePEM()), "tls.key": encode(key)},
	}}, "secrets")
	m.scope()
	_, ds := m.issuer.Plan(t, `trust_anchor = root
mode = "secret"`)
	for _, code := range []diag.Code{pki.CodeIssuerUntrusted, pki.CodeTrustDomain, certs.CodeSecretMissing} {
		if !has(ds, code) {
			t.Errorf("no finding %s in:\n%s", code, linkerdtest.Text(ds))
		}
	}
	m.mustBeSecret(key)
}

func TestPlanWithoutRightToReadSecretsKeepsTheRecord(t *testing.T) {
	m := newMesh(t)
	m.anchor.Apply(t, ``)
	made := m.anchor.Get("fingerprint_sha256")
	cluster := kube.NewPool(kube.Options{Kubeconfig: testenv.UserKubeconfig(t, "nobody")}).Cluster(kube.Connection{})
	e := m.env
	e.Cluster = func() *kube.Cluster { return cluster }
	blind := linkerdtest.New(certs.Types(e, m.now)["linkerd_trust_anchor"], "root", m.log)
	blind.Value, blind.Private = m.anchor.Value, m.anchor.Private
	ds := blind.Refresh(t)
	if ds.HasErrors() || !has(ds, certs.CodeUnreadable) {
		t.Errorf("read says: %s", linkerdtest.Text(ds))
	}
	if got := blind.Get("fingerprint_sha256"); got != made {
		t.Errorf("the record became %q, want %q", got, made)
	}
	plan, ds := blind.Plan(t, ``)
	if ds.HasErrors() || !plan.Planned.RawEquals(blind.Value) {
		t.Errorf("the plan is not empty: %s", linkerdtest.Text(ds))
	}
}

func TestAnchorThatOthersRotateKeepsItsPredecessorInTheBundle(t *testing.T) {
	m := newMesh(t)
	pem := func() string {
		k, err := pki.NewAnchor(pki.Request{CommonName: "root", Now: time.Now(), Validity: 400 * 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return string(k.CertificatePEM())
	}
	config := func(pem string) string { return "mode = \"pem\"\npem = <<EOT\n" + pem + "EOT\n" }
	first, second := pem(), pem()
	m.anchor.Apply(t, config(first))
	m.anchor.MustBeUnchanged(t, config(first))
	m.pod("web", first)
	m.anchor.Apply(t, config(second))
	b, err := pki.ParseBundle([]byte(m.anchor.Get("bundle_pem")))
	if err != nil || b.Len() != 2 {
		t.Fatalf("while a pod trusts only the former anchor the bundle holds %d (%v)", b.Len(), err)
	}
	if _, ds := m.anchor.Plan(t, config(second)); !has(ds, certs.CodeRotationWaits) {
		t.Errorf("the plan does not say what it waits for: %s", linkerdtest.Text(ds))
	}
	m.removePod("web")
	m.anchor.Apply(t, config(second))
	if b, _ = pki.ParseBundle([]byte(m.anchor.Get("bundle_pem"))); b.Len() != 1 {
		t.Errorf("the former anchor stays although nothing needs it: %d", b.Len())
	}
	m.anchor.MustBeUnchanged(t, config(second))
}
