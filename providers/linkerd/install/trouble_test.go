package install_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/install"
	"github.com/meshplan/meshplan/providers/linkerd/linkerdtest"
)

// teardown is a context for what has to be done when the test's own has ended.
func teardown() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	time.AfterFunc(time.Minute, cancel)
	return ctx
}

// TestStepWaitsUntilEveryInjectorHandsOutTheNewAnchors lets replicas of the injector that have not seen the new bundle
// answer in between: the step ends only when several answers in a row agree.
func TestStepWaitsUntilEveryInjectorHandsOutTheNewAnchors(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.install(controlConfig)
	// Answers 1, 3 and 4 come from a replica with the former bundle: two good ones in a row are not enough.
	stale := map[int32]bool{1: true, 3: true, 4: true}
	var asked atomic.Int32
	proxy := testenv.NewProxy(t, func(w http.ResponseWriter, req *http.Request) bool {
		if req.Method != http.MethodPost || !strings.HasSuffix(req.URL.Path, "/pods") || !strings.Contains(req.URL.RawQuery, "dryRun") {
			return false
		}
		if !stale[asked.Add(1)] {
			return false
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		var pod map[string]any
		if err := json.NewDecoder(bytes.NewReader(body)).Decode(&pod); err != nil {
			t.Error(err)
		}
		u := unstructured.Unstructured{Object: pod}
		u.SetName("probe")
		u.SetAnnotations(map[string]string{"linkerd.io/trust-root-sha256": strings.Repeat("0", 64)})
		containers, _, _ := unstructured.NestedSlice(pod, "spec", "containers")
		_ = unstructured.SetNestedSlice(pod, append(containers, map[string]any{"name": "linkerd-proxy", "image": "proxy"}), "spec", "containers")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(pod)
		return true
	})
	cluster := kube.NewPool(kube.Options{Kubeconfig: proxy.Kubeconfig}).Cluster(kube.Connection{})
	e := r.env
	e.Cluster = func() *kube.Cluster { return cluster }
	r.control.Type = install.Types(e, r.settings)["linkerd_control_plane"]
	r.control.Apply(t, controlConfig+"proxy_log_level = \"debug\"\n")
	if got := asked.Load(); got != 7 {
		t.Errorf("the injector was asked %d times, want 7: a stale answer, a good one, two stale ones, and three good ones in a row", got)
	}
	if !strings.Contains(r.log.String(), "it still hands out former trust anchors") {
		t.Error("the step does not say what it waits for")
	}
}

// TestExpiredWebhookCertificatesSayWhatTheyDo judges the same expired certificates under both failure policies.
func TestExpiredWebhookCertificatesSayWhatTheyDo(t *testing.T) {
	later := func() time.Time { return time.Now().Add(400 * 24 * time.Hour) }
	for policy, words := range map[string]string{"Ignore": "Its failures are ignored, so nobody is told", "Fail": "Its failures count, so the API server refuses"} {
		t.Run(policy, func(t *testing.T) {
			r := newRollout(t)
			defer r.remove()
			r.install(controlConfig + "webhook_failure_policy = \"" + policy + "\"\n")
			v := r.data(t, certs.DataSources(r.env, later)["linkerd_certificates"], ``)
			found := 0
			for _, c := range v.GetAttr("certificates").AsValueSlice() {
				if c.GetAttr("kind").AsString() == certs.KindWebhook && c.GetAttr("ok").False() && strings.Contains(c.GetAttr("message").AsString(), words) {
					found++
				}
			}
			if found != 3 || v.GetAttr("ok").True() {
				t.Errorf("%d of 3 expired webhooks say %q: %#v", found, words, v.GetAttr("messages"))
			}
			r.inspect(words)
		})
	}
}

// inspect looks for drift of certificates now, a month before webhooks end, and a month after.
func (r *rollout) inspect(words string) {
	r.Helper()
	req := providers.InspectRequest{Lineage: r.control.Owner.Lineage}
	for typ, in := range map[string]*linkerdtest.Instance{"linkerd_trust_anchor": r.anchor, "linkerd_identity_issuer": r.issuer, "linkerd_control_plane": r.control} {
		address := addr.Resource{Mode: addr.Managed, Type: typ, Name: in.Owner.Address.Resource.Name}.Instance(addr.NoKey)
		req.Recorded = append(req.Recorded, providers.Recorded{Address: address, Value: in.Value})
	}
	const day = 24 * time.Hour
	for _, c := range []struct {
		in       time.Duration
		severity providers.Severity
		count    int // of the issuer and three webhooks
		words    string
	}{{0, 0, 0, ""}, {345 * day, providers.SeverityDrift, 4, ""}, {400 * day, providers.SeverityCritical, 4, words}} {
		got, ds := certs.Inspect(r.Context(), r.env, req, time.Now().Add(c.in))
		if ds.HasErrors() {
			r.Fatal(linkerdtest.Text(ds))
		}
		var roles []string
		for _, g := range got.Gauges {
			roles = append(roles, g.Labels["role"])
			if left := time.Until(time.Unix(int64(g.Value), 0)); g.Name != "linkerd_certificate_not_after_timestamp_seconds" || left < 300*day {
				r.Errorf("%s of %s says that %s are left", g.Name, g.Labels["role"], left)
			}
		}
		if strings.Join(roles, " ") != "trust-anchor issuer webhook" {
			r.Errorf("measured: %v", roles)
		}
		said := 0
		for _, f := range got.Findings {
			if f.Severity != c.severity || f.Class != certs.CodeDriftCertificate || f.Owner.Resource.Type == "" || f.Fix == "" {
				r.Errorf("in %s: %+v", c.in, f)
			}
			if c.words != "" && strings.Contains(f.Detail, c.words) {
				said++
			}
		}
		if len(got.Findings) != c.count || c.words != "" && said != 3 {
			r.Errorf("in %s there are %d findings, of which %d say %q: %+v", c.in, len(got.Findings), said, c.words, got.Findings)
		}
	}
	if got, _ := certs.Inspect(r.Context(), r.env, providers.InspectRequest{}, time.Now().Add(400*day)); len(got.Findings) > 0 {
		r.Error("where no control plane is recorded, its certificates are judged")
	}
}

// TestAnIssuerThatIsRefusedIsFoundUntilItIsMended: somebody puts an issuer there that no anchor has signed. The identity
// controller says so; certificates, checks and drift pass it on, with what becomes of the proxies, until the issuer is good again.
func TestAnIssuerThatIsRefusedIsFoundUntilItIsMended(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.install(controlConfig)
	stranger, err := pki.NewAnchor(pki.Request{CommonName: "stranger", Now: time.Now(), Validity: 400 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := pki.NewIssuer(stranger, pki.Request{CommonName: "identity." + r.namespace + ".cluster.local", Now: time.Now(), Validity: 200 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	key, err := wrong.KeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	secrets := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(r.namespace)
	good, err := secrets.Get(t.Context(), certs.IssuerName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	write := func(data map[string]any) {
		t.Helper()
		patch, err := json.Marshal(map[string]any{"data": data})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := secrets.Patch(t.Context(), certs.IssuerName, "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	// refusals are the findings of the inventory, which certificates, checks and drift show.
	refusals := func() (out []string) {
		t.Helper()
		entries, ds := certs.Inventory(t.Context(), r.env.Cluster(), r.env, time.Now(), 0)
		if ds.HasErrors() {
			t.Fatal(linkerdtest.Text(ds))
		}
		for _, e := range entries {
			for _, f := range e.Findings {
				if f.Code == certs.CodeIssuerRefused {
					out = append(out, f.Detail)
				}
			}
		}
		return out
	}
	eventually := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(100 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: %q", what, refusals())
			}
		}
	}
	if got := refusals(); len(got) > 0 {
		t.Fatalf("a good issuer is refused: %q", got)
	}
	encode := base64.StdEncoding.EncodeToString
	write(map[string]any{"tls.crt": encode(wrong.CertificatePEM()), "tls.key": encode(key)})
	eventually("the refusal is not found", func() bool { return len(refusals()) == 1 })
	if got := refusals()[0]; !strings.Contains(got, "IssuerUpdateSkipped") || !strings.Contains(got, "no proxy gets a certificate, and the last ones end within 24h0m0s") {
		t.Errorf("the finding says %q", got)
	}
	found := false
	for _, c := range r.checkList(t, ``) {
		found = found || c.GetAttr("status").AsString() == "error" && strings.Contains(c.GetAttr("message").AsString(), "IssuerUpdateSkipped")
	}
	if !found {
		t.Error("no check says it")
	}
	data, _, _ := unstructured.NestedMap(good.Object, "data")
	write(data)
	// The controller loads what it has already without a word, and a rotation makes it speak.
	r.issuer.Apply(t, issuerConfig+"rotate = \"mended\"\n")
	eventually("the refusal stays", func() bool { return len(refusals()) == 0 })
	r.mustBeSecret([][]byte{key})
}

// TestOlderServerReadBackWithDefaultsIsNoChange writes a Server in a version that is served but not stored; the server
// answers with what later versions have added.
func TestOlderServerReadBackWithDefaultsIsNoChange(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.crds.Apply(t, crdsConfig)
	server := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "policy.linkerd.io/v1beta1", "kind": "Server", "metadata": map[string]any{"name": "web", "namespace": r.namespace},
		"spec": map[string]any{"podSelector": map[string]any{"matchLabels": map[string]any{"app": "web"}}, "port": int64(8080)},
	}}
	c := r.env.Cluster()
	owner := providers.Owner{Lineage: r.crds.Owner.Lineage, Address: r.crds.Owner.Address, Key: r.crds.Owner.Key}
	plan := func(record kube.Record) kube.SetPlan {
		t.Helper()
		p, ds := c.PlanSet(t.Context(), kube.SetPlanRequest{Owner: owner, Prior: record, Desired: kube.Objects(server.DeepCopy())})
		if ds.HasErrors() {
			t.Fatal(linkerdtest.Text(ds))
		}
		return p
	}
	first := plan(kube.Record{})
	result, ds := c.ApplySet(t.Context(), kube.SetApplyRequest{Owner: owner, Planned: first.Private, Desired: kube.Objects(server.DeepCopy())})
	if ds.HasErrors() {
		t.Fatal(linkerdtest.Text(ds))
	}
	defer func() {
		if _, ds := c.DeleteSet(t.Context(), kube.SetDeleteRequest{Owner: owner, Record: result.Record}); ds.HasErrors() {
			t.Error(linkerdtest.Text(ds))
		}
	}()
	stored, err := c.Get(t.Context(), kube.Ref{Group: "policy.linkerd.io", Version: "v1beta3", Kind: "Server", Namespace: r.namespace, Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if spec, _, _ := unstructured.NestedMap(stored.Object, "spec"); spec["accessPolicy"] != "deny" || spec["proxyProtocol"] != "unknown" {
		t.Fatalf("the server added no defaults, so the test proves nothing: %v", spec)
	}
	states, ds := c.ReadSets(t.Context(), []kube.SetRead{{Owner: owner, Record: result.Record, Desired: kube.Objects(server.DeepCopy())}})
	if ds.HasErrors() || len(states) != 1 || len(states[0].Objects) != 1 || len(states[0].Objects[0].Drift) != 0 {
		t.Fatalf("defaults are drift: %+v %s", states, linkerdtest.Text(ds))
	}
	if second := plan(states[0].Record); second.Changed() {
		t.Errorf("the second plan is not empty: %+v", second.Objects)
	}
}
