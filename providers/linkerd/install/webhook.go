package install

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// keyPrevious holds, in a webhook's Secret, the certificate before the present one: the API server goes on trusting
// it, because pods load a new one with a delay.
const keyPrevious = "previous.crt"

// hook is a server that the API server calls, an admission webhook or an aggregated API, and the key of the chart's
// values that configures it.
type hook struct {
	certs.Webhook
	key    string
	labels map[string]string // of its Secret
}

// webhooks are those of the control plane.
func webhooks(namespace string) []hook {
	keys := map[string]string{"proxy-injector": "proxyInjector", "sp-validator": "profileValidator", "policy-validator": "policyValidator"}
	var out []hook
	for _, w := range certs.Webhooks() {
		component := "destination"
		if w.Name == "proxy-injector" {
			component = "proxy-injector"
		}
		out = append(out, hook{w, keys[w.Name], map[string]string{labelComponent: component, labelControlPlane: namespace}})
	}
	return out
}

// hookState is a webhook's certificate: never its key. The zero value is one that is to be made.
type hookState struct {
	current  *x509.Certificate
	previous *x509.Certificate // nil when there is none, or when it has expired
}

// caBundle is what the API server must trust: the chart's value.
func (s hookState) caBundle() any {
	if s.current == nil {
		return chart.Unknown{Type: cty.String}
	}
	b := pki.NewBundle(s.current)
	if s.previous != nil {
		b = b.With(s.previous)
	}
	return b.PEM()
}

func hookType() cty.Type {
	return cty.Object(map[string]cty.Type{"certificate_pem": cty.String, "previous_pem": cty.String, "fingerprint_sha256": cty.String, "not_after": cty.String})
}

// hookValues is the computed attribute of all webhooks; those that are to be made are unknown.
func hookValues(states map[string]hookState) cty.Value {
	m := map[string]cty.Value{}
	if len(states) == 0 {
		return cty.MapValEmpty(hookType())
	}
	for name, s := range states {
		if s.current == nil {
			m[name] = cty.UnknownVal(hookType())
			continue
		}
		previous := ""
		if s.previous != nil {
			previous = pki.EncodePEM(s.previous)
		}
		m[name] = cty.ObjectVal(map[string]cty.Value{
			"certificate_pem": cty.StringVal(pki.EncodePEM(s.current)), "previous_pem": cty.StringVal(previous),
			"fingerprint_sha256": cty.StringVal(pki.Fingerprint(s.current)),
			"not_after":          cty.StringVal(s.current.NotAfter.UTC().Format(time.RFC3339)),
		})
	}
	return cty.MapVal(m)
}

// readHooks is hookValues for what was read: a certificate that is not there is null.
func readHooks(states map[string]hookState) cty.Value {
	if len(states) == 0 {
		return cty.MapValEmpty(hookType())
	}
	m := hookValues(states).AsValueMap()
	for name, v := range m {
		if !v.IsKnown() {
			m[name] = cty.NullVal(hookType())
		}
	}
	return cty.MapVal(m)
}

// states reads back what hookValues wrote.
func (k hookKeeper) states(v cty.Value) map[string]hookState {
	out := map[string]hookState{}
	for _, w := range k.hooks {
		out[w.Name] = hookState{}
	}
	if v.IsNull() || !v.IsKnown() {
		return out
	}
	for name, e := range v.AsValueMap() {
		if _, ours := out[name]; !ours || !e.IsKnown() || e.IsNull() {
			continue
		}
		var s hookState
		if c, err := pki.ParsePEM([]byte(schema.Text(e.GetAttr("certificate_pem")))); err == nil {
			s.current = c[0]
		}
		if c, err := pki.ParsePEM([]byte(schema.Text(e.GetAttr("previous_pem")))); err == nil {
			s.previous = c[0]
		}
		out[name] = s
	}
	return out
}

// hookKeeper reads and writes the webhooks' Secrets.
type hookKeeper struct {
	cluster   *kube.Cluster
	namespace string
	now       time.Time
	hooks     []hook
}

func (k hookKeeper) ref(w hook) kube.Ref {
	return kube.Ref{Version: "v1", Kind: "Secret", Namespace: k.namespace, Name: w.Secret}
}

// read returns the certificates that the Secrets hold now. Known is false when the credentials may not see them.
func (k hookKeeper) read(ctx context.Context) (states map[string]hookState, known bool, ds hcl.Diagnostics) {
	states = map[string]hookState{}
	for _, w := range k.hooks {
		u, err := k.cluster.Get(ctx, k.ref(w))
		if apierrors.IsForbidden(err) {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, k.cluster.Diagnose(err, "get", k.ref(w))
		}
		states[w.Name] = stateOf(u)
	}
	return states, true, nil
}

// stateOf reads the certificates of a Secret; one that is missing or unusable is to be made.
func stateOf(u *unstructured.Unstructured) (s hookState) {
	if u == nil {
		return s
	}
	pair, err := pki.LoadKeyPair(secretData(u, "tls.crt"), secretData(u, "tls.key"))
	if err != nil {
		return s
	}
	s.current = pair.Certificate()
	if c, err := pki.ParsePEM(secretData(u, keyPrevious)); err == nil {
		s.previous = c[0]
	}
	return s
}

// due says, for each webhook whose certificate must be made, why.
func (k hookKeeper) due(states map[string]hookState, renewBefore time.Duration) map[string]string {
	out := map[string]string{}
	for _, w := range k.hooks {
		s := states[w.Name]
		if s.current == nil {
			out[w.Name] = "there is none"
			continue
		}
		for _, f := range pki.CheckServing([]*x509.Certificate{s.current}, w.Host(k.namespace), pki.NewBundle(s.current), k.now, renewBefore) {
			out[w.Name] = f.Detail
		}
	}
	return out
}

// make returns a new pair for a webhook and the state that it leads to.
func (k hookKeeper) make(w hook, old hookState, validity time.Duration) (*pki.KeyPair, hookState, hcl.Diagnostics) {
	pair, err := pki.NewServing(w.Host(k.namespace), pki.Request{Now: k.now, Validity: validity})
	if err != nil {
		return nil, old, diag.FromError(CodeInternal, "Webhook certificate cannot be made", err, nil)
	}
	next := hookState{current: pair.Certificate()}
	if old.current != nil && k.now.Before(old.current.NotAfter) {
		next.previous = old.current
	}
	return pair, next, nil
}

// secret builds a webhook's Secret; a nil pair leaves the data out. The data is secret.
func (k hookKeeper) secret(w hook, pair *pki.KeyPair, s hookState) (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{Object: map[string]any{"type": "kubernetes.io/tls"}}
	u.SetGroupVersionKind(k.ref(w).GVK())
	u.SetNamespace(k.namespace)
	u.SetName(w.Secret)
	u.SetLabels(w.labels)
	if pair == nil {
		return u, nil
	}
	key, err := pair.KeyPEM8()
	if err != nil {
		return nil, fmt.Errorf("webhook %s: %w", w.Name, err)
	}
	content := map[string]any{
		"tls.crt": base64.StdEncoding.EncodeToString(pair.CertificatePEM()),
		"tls.key": base64.StdEncoding.EncodeToString(key),
	}
	if s.previous != nil {
		content[keyPrevious] = base64.StdEncoding.EncodeToString([]byte(pki.EncodePEM(s.previous)))
	}
	u.Object["data"] = content
	return u, nil
}

func secretData(u *unstructured.Unstructured, key string) []byte {
	s, _, _ := unstructured.NestedString(u.Object, "data", key)
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}
