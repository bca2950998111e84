package install_test

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/install"
	"github.com/meshplan/meshplan/providers/linkerd/linkerdtest"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

// charts is the directory of the example's charts.
const charts = "../../../examples/mtls-rollout/charts"

// rollout is one installation of Linkerd, with a clock that a test can turn. Linkerd's objects outside of namespaces
// have fixed names, so there is one at a time.
type rollout struct {
	*testing.T
	namespace string
	offset    time.Duration
	env       env.Env
	settings  install.Settings
	log       *linkerdtest.Log

	anchor, issuer, crds, control, viz, cni *linkerdtest.Instance
}

func newRollout(t *testing.T) *rollout {
	t.Helper()
	r := &rollout{T: t, namespace: testenv.Namespace(t), log: &linkerdtest.Log{}}
	cluster := kube.NewPool(kube.Options{Kubeconfig: testenv.Kubeconfig(t)}).Cluster(kube.Connection{})
	r.env = env.Env{
		Cluster:     func() *kube.Cluster { return cluster },
		Namespace:   func() string { return r.namespace },
		TrustDomain: func() string { return "cluster.local" },
	}
	base, err := filepath.Abs(charts)
	if err != nil {
		t.Fatal(err)
	}
	r.settings = install.Settings{BaseDir: func() string { return base }, ClusterDomain: func() string { return "cluster.local" }, Now: r.now}
	identities, types := certs.Types(r.env, r.now), install.Types(r.env, r.settings)
	r.anchor = linkerdtest.New(identities["linkerd_trust_anchor"], "root", r.log)
	r.issuer = linkerdtest.New(identities["linkerd_identity_issuer"], "mesh", r.log)
	r.crds = linkerdtest.New(types["linkerd_crds"], "linkerd", r.log)
	r.control = linkerdtest.New(types["linkerd_control_plane"], "linkerd", r.log)
	r.viz = linkerdtest.New(types["linkerd_extension"], "viz", r.log)
	r.cni = linkerdtest.New(types["linkerd_cni"], "plugin", r.log)
	return r
}

func (r *rollout) now() time.Time { return time.Now().Add(r.offset) }

const (
	crdsConfig    = `path = "linkerd-crds"`
	issuerConfig  = "trust_anchor = root\nreload_timeout = \"60s\"\n"
	controlConfig = `
path              = "linkerd-control-plane"
trust_anchors_pem = root.bundle_pem
issuer            = mesh
wait_timeout      = "120s"
`
)

// install makes everything up to the control plane.
func (r *rollout) install(control string) {
	r.Helper()
	r.anchor.Apply(r.T, ``)
	r.issuer.Scope["root"] = r.anchor.Value
	r.issuer.Apply(r.T, issuerConfig)
	r.crds.Apply(r.T, crdsConfig)
	r.control.Scope["root"], r.control.Scope["mesh"] = r.anchor.Value, r.issuer.Value
	r.control.Apply(r.T, control)
}

// remove takes everything away, in order.
func (r *rollout) remove() {
	r.Helper()
	for _, i := range []*linkerdtest.Instance{r.viz, r.control, r.cni, r.crds, r.issuer, r.anchor} {
		if !i.Value.IsNull() {
			i.Delete(r.T)
		}
	}
}

// keys returns every private key in the control plane namespace.
func (r *rollout) keys() (out [][]byte) {
	r.Helper()
	list, err := testenv.Dynamic(r.T).Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(r.namespace).List(r.Context(), metav1.ListOptions{})
	if err != nil {
		r.Fatal(err)
	}
	for _, u := range list.Items {
		data, _, _ := unstructured.NestedStringMap(u.Object, "data")
		b, err := base64.StdEncoding.DecodeString(data["tls.key"])
		if err != nil || len(b) == 0 {
			r.Fatalf("Secret %s has no key (%v)", u.GetName(), err)
		}
		out = append(out, b)
	}
	return out
}

func (r *rollout) mustBeSecret(keys [][]byte) {
	r.Helper()
	if r.log.Len() < 10000 {
		r.Fatalf("the log holds %d bytes: nothing was recorded", r.log.Len())
	}
	for _, k := range keys {
		r.log.MustNotContain(r.T, "a private key", k)
	}
}

func has(ds hcl.Diagnostics, code diag.Code) bool {
	return slices.ContainsFunc(ds, func(d *hcl.Diagnostic) bool { return diag.CodeOf(d) == code })
}

func TestControlPlaneIsInstalledProvedAndUnchangedAfterwards(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.install(controlConfig)
	r.crds.MustBeUnchanged(t, crdsConfig)
	r.control.MustBeUnchanged(t, controlConfig)
	r.issuer.MustBeUnchanged(t, issuerConfig)
	keys := r.keys()
	if len(keys) != 5 {
		t.Errorf("there are %d keys, want those of anchor, issuer and three webhooks", len(keys))
	}
	r.mustBeSecret(keys)
	// The policy controller reads keys in PKCS#8 only.
	validator, err := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(r.namespace).Get(t.Context(), "linkerd-policy-validator-k8s-tls", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	data, _, _ := unstructured.NestedStringMap(validator.Object, "data")
	if key, err := base64.StdEncoding.DecodeString(data["tls.key"]); err != nil || !strings.HasPrefix(string(key), "-----BEGIN PRIVATE KEY-----") {
		t.Errorf("the policy validator's key is no PKCS#8 (%v)", err)
	}
	r.control.Offline = true
	if plan, ds := r.control.Plan(t, controlConfig); ds.HasErrors() || !linkerdtest.Recorded(plan.Planned).RawEquals(r.control.Value) {
		t.Errorf("without the network the plan is not empty: %s%s", linkerdtest.Text(ds), linkerdtest.Difference(r.control.Value, linkerdtest.Recorded(plan.Planned)))
	}
	r.control.Offline = false
	if got := r.control.Get("app_version"); got != "edge-26.8.3" {
		t.Errorf("app_version = %q", got)
	}

	// A change of one value shows at the objects that it reaches and nowhere else.
	changed := controlConfig + "proxy_log_level = \"debug\"\n"
	plan := r.control.Apply(t, changed)
	if plan.Planned.GetAttr("webhooks").IsWhollyKnown() == false {
		t.Error("a change of a value renews webhook certificates")
	}
	r.control.MustBeUnchanged(t, changed)
	for _, k := range r.keys() {
		if !slices.ContainsFunc(keys, func(b []byte) bool { return string(b) == string(k) }) {
			t.Error("a change of a value made a new key")
		}
	}

	r.checks(t)
}

// checks runs both data sources against the healthy installation.
func (r *rollout) checks(t *testing.T) {
	source := install.DataSources(r.env, r.settings)["linkerd_check"]
	v := r.data(t, source, ``)
	for _, c := range v.GetAttr("checks").AsValueSlice() {
		if s := c.GetAttr("status").AsString(); s == "error" {
			t.Errorf("check %s failed: %s", c.GetAttr("name").AsString(), c.GetAttr("message").AsString())
		}
	}
	if v.GetAttr("checks").LengthInt() < 20 || v.GetAttr("passed").False() {
		t.Errorf("%d checks, passed %#v", v.GetAttr("checks").LengthInt(), v.GetAttr("passed"))
	}
	expiring := r.data(t, certs.DataSources(r.env, func() time.Time { return time.Now().Add(320 * 24 * time.Hour) })["linkerd_certificates"], ``)
	if n, _ := expiring.GetAttr("warnings").AsBigFloat().Int64(); n != 4 || expiring.GetAttr("ok").False() {
		t.Errorf("in 320 days %d certificates warn, want issuer and webhooks: %#v", n, expiring.GetAttr("messages"))
	}
	expired := r.data(t, certs.DataSources(r.env, func() time.Time { return time.Now().Add(400 * 24 * time.Hour) })["linkerd_certificates"], ``)
	if expired.GetAttr("ok").True() {
		t.Error("certificates that have expired are in order")
	}
}

// checkList runs data linkerd_check.
func (r *rollout) checkList(t *testing.T, config string) []cty.Value {
	t.Helper()
	return r.data(t, install.DataSources(r.env, r.settings)["linkerd_check"], config).GetAttr("checks").AsValueSlice()
}

func (r *rollout) data(t *testing.T, source providers.DataSource, config string) cty.Value {
	t.Helper()
	v, ds := source.Read(t.Context(), providers.DataRequest{Config: linkerdtest.Decode(t, source.Schema(), config, nil)})
	if ds.HasErrors() {
		t.Fatal(linkerdtest.Text(ds))
	}
	r.log.Add(v)
	return v
}

func TestWebhookCertificatesAreRenewedWhileTheFormerOnesStayTrusted(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	const (
		short  = controlConfig + "webhook_validity = \"48h\"\nwebhook_renew_before = \"1h\"\n"
		longer = controlConfig + "webhook_validity = \"96h\"\nwebhook_renew_before = \"50h\"\n" // what is valid for 48 hours is due
	)
	r.install(short)
	before := r.control.Value.GetAttr("webhooks").AsValueMap()
	keys := r.keys()

	plan := r.control.Apply(t, longer)
	if !strings.Contains(strings.Join(plan.Notes, " "), "Renews the certificate of the webhook proxy-injector") {
		t.Errorf("the plan does not announce the renewal: %q", plan.Notes)
	}
	for name, v := range r.control.Value.GetAttr("webhooks").AsValueMap() {
		if v.GetAttr("fingerprint_sha256").RawEquals(before[name].GetAttr("fingerprint_sha256")) {
			t.Errorf("the certificate of %s is still the old one", name)
		}
		if !v.GetAttr("previous_pem").RawEquals(before[name].GetAttr("certificate_pem")) {
			t.Errorf("the former certificate of %s is not remembered", name)
		}
	}
	u, err := testenv.Dynamic(t).Resource(mutating()).Get(t.Context(), "linkerd-proxy-injector-webhook-config", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if b := certs.CABundle(u); b.Len() != 2 {
		t.Errorf("the API server trusts %d certificates of the injector, want the new and the former one", b.Len())
	}
	r.control.MustBeUnchanged(t, longer)
	r.mustBeSecret(append(keys, r.keys()...))
}

func mutating() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"}
}

func TestIssuerRotationIsLoadedByTheRunningIdentityController(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.install(controlConfig)
	first := r.issuer.Get("fingerprint_sha256")
	started := r.identityPods()

	r.issuer.Apply(t, issuerConfig+`rotate = "now"`)
	if r.issuer.Get("fingerprint_sha256") == first {
		t.Error("the issuer is still the old one")
	}
	if got := r.identityPods(); !slices.Equal(got, started) {
		t.Errorf("the identity controller was restarted: %v, want %v", got, started)
	}
	r.issuer.MustBeUnchanged(t, issuerConfig+`rotate = "now"`)
	r.control.MustBeUnchanged(t, controlConfig)
	r.mustBeSecret(r.keys())
}

func TestIssuerThatIsNotReloadedRestartsTheIdentityController(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.install(controlConfig)
	started := r.identityPods()
	r.missReloads("true")
	config := "trust_anchor = root\nreload_timeout = \"3s\"\nrotate = \"now\"\n"
	r.issuer.Apply(t, config)
	if got := r.identityPods(); slices.Equal(got, started) {
		t.Error("the identity controller missed the change and was not restarted")
	}
	r.issuer.MustBeUnchanged(t, config)
}

// missReloads makes identity controllers of the sandbox overlook the next issuers.
func (r *rollout) missReloads(how string) {
	r.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"sandbox.meshplan.dev/missed-reload":%q}}}`, how)
	if _, err := testenv.Dynamic(r.T).Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(r.namespace).
		Patch(r.Context(), certs.IssuerName, "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
		r.Fatal(err)
	}
}

// TestIssuerThatNoRestartBringsFails: one restart is tried, and a controller that still reports the end of the former issuer after it
// is an error, since a second one would not help.
func TestIssuerThatNoRestartBringsFails(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.install(controlConfig)
	started := r.identityPods()
	r.missReloads("always")
	config := "trust_anchor = root\nreload_timeout = \"3s\"\nvalidity = \"200d\"\nrotate = \"now\"\n"
	_, ds := r.issuer.TryApply(t, config)
	if text := ds.Error(); !ds.HasErrors() || !strings.Contains(text, "After a restart") || !strings.Contains(text, metrics.IssuerTTL) {
		t.Fatalf("apply: %v", ds)
	}
	if got := r.identityPods(); slices.Equal(got, started) {
		t.Error("the identity controller was not restarted")
	}
	// What was written is recorded: with the cause gone, the next apply goes on.
	r.missReloads("no")
	r.issuer.Apply(t, config)
	r.issuer.MustBeUnchanged(t, config)
}

// TestIssuerWithoutAWordIsKnownByItsEnd: a controller that has loaded the issuer and whose event is lost is known by the figure in
// which it says for how long its issuer is valid, and is not restarted.
func TestIssuerWithoutAWordIsKnownByItsEnd(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.install(controlConfig)
	started := r.identityPods()
	r.missReloads("silent")
	r.issuer.Apply(t, "trust_anchor = root\nreload_timeout = \"20s\"\nvalidity = \"200d\"\nrotate = \"now\"\n")
	if got := r.identityPods(); !slices.Equal(got, started) {
		t.Errorf("the identity controller was restarted: %v, want %v", got, started)
	}
}

// identityPods returns the names of the identity controller's pods.
func (r *rollout) identityPods() (out []string) {
	r.Helper()
	list, err := testenv.Dynamic(r.T).Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(r.namespace).
		List(r.Context(), metav1.ListOptions{LabelSelector: "linkerd.io/control-plane-component=identity"})
	if err != nil {
		r.Fatal(err)
	}
	for _, p := range list.Items {
		out = append(out, p.GetName())
	}
	return out
}

func TestWebhookConfigurationsGoBeforeWhatServesThem(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.install(controlConfig)
	deletions := make(chan change, 100)
	r.follow(mutating(), "", deletions, deleted("webhook"))
	r.follow(schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"}, "", deletions, deleted("webhook"))
	r.follow(deploymentsGVR, r.namespace, deletions, deleted("deployment"))
	r.control.Delete(t)
	var all []change
	for range 6 {
		select {
		case d := <-deletions:
			all = append(all, d)
		case <-time.After(10 * time.Second):
			t.Fatalf("only these were deleted: %v", all)
		}
	}
	inOrder(all)
	for i, d := range all {
		if want := []string{"webhook", "deployment"}[i/3]; d.what != want {
			t.Errorf("deleted in the order %v", all)
			break
		}
	}
}

func TestDefinitionsAreNotDeletedUnderForeignResources(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.crds.Apply(t, crdsConfig)
	client := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Group: "policy.linkerd.io", Version: "v1beta3", Resource: "servers"}).Namespace(r.namespace)
	if _, err := client.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "policy.linkerd.io/v1beta3", "kind": "Server", "metadata": map[string]any{"name": "theirs"},
		"spec": map[string]any{"port": int64(80), "podSelector": map[string]any{}},
	}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if ds := r.crds.TryDelete(t); !has(ds, install.CodeForeignResources) || !strings.Contains(linkerdtest.Text(ds), "Server "+r.namespace+"/theirs") {
		t.Errorf("deletion says: %s", linkerdtest.Text(ds))
	}
	if err := client.Delete(t.Context(), "theirs", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.crds.Delete(t)
}

func TestControlPlaneIsNotTakenFromRunningProxies(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.install(controlConfig)
	pods := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace(r.namespace)
	if _, err := pods.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "web", "labels": map[string]any{"linkerd.io/control-plane-ns": r.namespace}},
		"spec": map[string]any{"containers": []any{map[string]any{"name": "web", "image": "web"}}},
	}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if ds := r.control.TryDelete(t); !has(ds, install.CodeProxiesRemain) {
		t.Errorf("deletion says: %s", linkerdtest.Text(ds))
	}
	zero := int64(0)
	if err := pods.Delete(t.Context(), "web", metav1.DeleteOptions{GracePeriodSeconds: &zero}); err != nil {
		t.Fatal(err)
	}
}

func TestPlanRefusesWhatWouldFailLater(t *testing.T) {
	r := newRollout(t)
	r.control.Scope["root"] = cty.ObjectVal(map[string]cty.Value{"bundle_pem": cty.StringVal(anchorPEM(t))})
	r.control.Scope["mesh"] = cty.ObjectVal(map[string]cty.Value{"scheme": cty.StringVal("kubernetes.io/tls")})
	t.Run("a key in the values", func(t *testing.T) {
		_, ds := r.control.Plan(t, controlConfig+`values = { proxyInjector = { keyPEM = "planted" } }`)
		if !has(ds, install.CodeReserved) || strings.Contains(linkerdtest.Text(ds), "planted") {
			t.Errorf("the plan says: %s", linkerdtest.Text(ds))
		}
	})
	t.Run("too few nodes", func(t *testing.T) {
		_, ds := r.control.Plan(t, controlConfig+`high_availability = true`)
		if nodes := nodeCount(t); has(ds, install.CodeHighAvailability) != (nodes < 3) {
			t.Errorf("with %d nodes the plan says: %s", nodes, linkerdtest.Text(ds))
		}
	})
	t.Run("nobody may read metrics", func(t *testing.T) {
		_, ds := r.control.Plan(t, controlConfig+`default_inbound_policy = "deny"`)
		if !has(ds, metrics.CodeDenied) || ds.HasErrors() {
			t.Errorf("the plan says: %s", linkerdtest.Text(ds))
		}
		if _, ds := r.control.Plan(t, controlConfig+`default_inbound_policy = "all-authenticated"`); has(ds, metrics.CodeDenied) {
			t.Errorf("with a policy that admits the mesh it says: %s", linkerdtest.Text(ds))
		}
	})
	t.Run("networks that leave pods out", func(t *testing.T) {
		_, ds := r.control.Plan(t, controlConfig+`cluster_networks = ["198.51.100.0/24"]`)
		if !has(ds, install.CodeClusterNetworks) {
			t.Errorf("the plan says: %s", linkerdtest.Text(ds))
		}
	})
	t.Run("an upgrade that skips releases", func(t *testing.T) {
		maps := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(r.namespace)
		if _, err := maps.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "linkerd-config"}, "data": map[string]any{"values": "linkerdVersion: edge-24.8.2\n"},
		}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		const adopt = controlConfig + "on_exists = \"adopt\"\nconflicts = \"force\"\n"
		if _, ds := r.control.Plan(t, adopt); !has(ds, install.CodeSkew) || !ds.HasErrors() {
			t.Errorf("the plan says: %s", linkerdtest.Text(ds))
		}
		if _, ds := r.control.Plan(t, adopt+"allow_skew = true"); !has(ds, install.CodeSkew) || ds.HasErrors() {
			t.Errorf("with allow_skew the plan says: %s", linkerdtest.Text(ds))
		}
		if err := maps.Delete(t.Context(), "linkerd-config", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("Pod Security", func(t *testing.T) {
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}`)
		if _, err := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).
			Patch(t.Context(), r.namespace, "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, ds := r.control.Plan(t, controlConfig); !has(ds, install.CodePodSecurity) {
			t.Errorf("the plan says: %s", linkerdtest.Text(ds))
		}
		if _, ds := r.control.Plan(t, controlConfig+"cni_enabled = true"); has(ds, install.CodePodSecurity) {
			t.Errorf("with the CNI plugin the plan says: %s", linkerdtest.Text(ds))
		}
	})
}

func anchorPEM(t *testing.T) string {
	t.Helper()
	k, err := pki.NewAnchor(pki.Request{CommonName: "root", Now: time.Now(), Validity: 100 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return string(k.CertificatePEM())
}

func nodeCount(t *testing.T) int {
	t.Helper()
	list, err := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "nodes"}).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}

// The chart's own way to carry the issuer is the scheme linkerd.io/tls, with the key in its values: the Secret is
// left to linkerd_identity_issuer and the values hold no key.
func TestChartNeverCarriesTheIssuer(t *testing.T) {
	r := newRollout(t)
	pem := anchorPEM(t)
	r.control.Scope["root"] = cty.ObjectVal(map[string]cty.Value{"bundle_pem": cty.StringVal(pem)})
	for scheme, more := range map[string]string{"kubernetes.io/tls": "", "linkerd.io/tls": "issuer_certificate_pem = root.bundle_pem"} {
		r.control.Scope["mesh"] = cty.ObjectVal(map[string]cty.Value{"scheme": cty.StringVal(scheme)})
		plan, ds := r.control.Plan(t, controlConfig+more)
		if ds.HasErrors() {
			t.Fatalf("%s: %s", scheme, linkerdtest.Text(ds))
		}
		objects := plan.Planned.GetAttr("objects").AsValueMap()
		if len(objects) < 20 {
			t.Fatalf("%s: the plan shows %d objects", scheme, len(objects))
		}
		for key := range objects {
			if strings.HasPrefix(key, "Secret/") {
				t.Errorf("%s: the chart brings %s", scheme, key)
			}
		}
		identity := fmt.Sprintf("%#v", objects["Deployment/"+r.namespace+"/linkerd-identity"])
		if !strings.Contains(identity, "-identity-scheme="+scheme) {
			t.Errorf("%s: the identity controller is not told its scheme", scheme)
		}
	}
}
