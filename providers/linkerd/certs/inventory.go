package certs

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// The kinds of certificates in an inventory.
const (
	KindAnchor  = "trust-anchor"
	KindIssuer  = "issuer"
	KindWebhook = "webhook"
)

// Entry is one certificate of the mesh, or the finding that there is none.
type Entry struct {
	// Name tells entries of one kind apart: the common name of an anchor, the name of a webhook.
	Name, Kind string
	// Source is the object that holds it.
	Source kube.Ref
	// Certificate is nil when it could not be read; Findings say why.
	Certificate *x509.Certificate
	Findings    []pki.Finding
}

// OK reports whether nothing but warnings was found.
func (e Entry) OK() bool { return !pki.Errors(e.Findings) }

// Webhook is an admission webhook of Linkerd and where its certificate is.
type Webhook struct {
	Name, Service, Secret string
	Configuration         kube.Ref
}

// Host is the name under which the API server calls the webhook in a namespace.
func (w Webhook) Host(namespace string) string { return w.Service + "." + namespace + ".svc" }

// Webhooks returns the webhooks of the control plane.
func Webhooks() []Webhook {
	configuration := func(kind, name string) kube.Ref {
		return kube.Ref{Group: "admissionregistration.k8s.io", Version: "v1", Kind: kind, Name: name}
	}
	return []Webhook{
		{"proxy-injector", "linkerd-proxy-injector", "linkerd-proxy-injector-k8s-tls",
			configuration("MutatingWebhookConfiguration", "linkerd-proxy-injector-webhook-config")},
		{"sp-validator", "linkerd-sp-validator", "linkerd-sp-validator-k8s-tls",
			configuration("ValidatingWebhookConfiguration", "linkerd-sp-validator-webhook-config")},
		{"policy-validator", "linkerd-policy-validator", "linkerd-policy-validator-k8s-tls",
			configuration("ValidatingWebhookConfiguration", "linkerd-policy-validator-webhook-config")},
	}
}

// ExtensionWebhooks returns the servers of an extension that the API server calls; none for extensions without any.
func ExtensionWebhooks(extension string) []Webhook {
	if extension != "viz" {
		return nil
	}
	return []Webhook{
		{"tap", "tap", "tap-k8s-tls", kube.Ref{Group: "apiregistration.k8s.io", Version: "v1", Kind: "APIService", Name: "v1alpha1.tap.linkerd.io"}},
		{"tap-injector", "tap-injector", "tap-injector-k8s-tls",
			kube.Ref{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingWebhookConfiguration", Name: "linkerd-tap-injector-webhook-config"}},
	}
}

// Inventory finds every certificate that the control plane rests on and judges it at time now. Expiry within warn is
// a warning. What the credentials may not read is an entry with a warning. Entries are in order of kind and name. It
// costs about ten requests.
func Inventory(ctx context.Context, c *kube.Cluster, e env.Env, now time.Time, warn time.Duration) ([]Entry, hcl.Diagnostics) {
	i := inventory{ctx: ctx, cluster: c, env: e, now: now, warn: warn}
	roots := i.anchors()
	i.issuer(roots)
	for _, w := range Webhooks() {
		i.webhook(w, e.Namespace())
	}
	for _, w := range ExtensionWebhooks("viz") {
		if namespace := i.servedFrom(w.Configuration); namespace != "" {
			i.webhook(w, namespace)
		}
	}
	order := []string{KindAnchor, KindIssuer, KindWebhook}
	slices.SortStableFunc(i.entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), cmp.Compare(a.Name, b.Name))
	})
	return i.entries, i.ds
}

type inventory struct {
	ctx     context.Context
	cluster *kube.Cluster
	env     env.Env
	now     time.Time
	warn    time.Duration
	entries []Entry
	ds      hcl.Diagnostics
}

// get reads an object and, when there is nothing to judge, adds an entry that says so.
func (i *inventory) get(name, kind string, r kube.Ref) *unstructured.Unstructured {
	if i.ds.HasErrors() {
		return nil
	}
	u, forbidden, ds := get(i.ctx, i.cluster, r)
	i.ds = append(i.ds, ds...)
	switch {
	case ds.HasErrors():
	case forbidden:
		i.entries = append(i.entries, Entry{Name: name, Kind: kind, Source: r, Findings: []pki.Finding{{Code: CodeUnreadable, Warning: true,
			Detail: fmt.Sprintf("These credentials may not get the %s.", r)}}})
	case u == nil:
		i.missing(name, kind, r, fmt.Sprintf("The %s does not exist.", r))
	}
	return u
}

func (i *inventory) missing(name, kind string, r kube.Ref, why string) {
	i.entries = append(i.entries, Entry{Name: name, Kind: kind, Source: r, Findings: []pki.Finding{{Code: CodeSecretMissing, Detail: why}}})
}

// anchors adds what proxies trust, and returns it.
func (i *inventory) anchors() pki.Bundle {
	r := kube.Ref{Version: "v1", Kind: "ConfigMap", Namespace: i.env.Namespace(), Name: TrustRootsName}
	u := i.get("trust anchors", KindAnchor, r)
	if u == nil {
		return pki.Bundle{}
	}
	b, err := pki.ParseBundle(data(u, TrustRootsKey))
	if err != nil {
		i.entries = append(i.entries, Entry{Name: "trust anchors", Kind: KindAnchor, Source: r,
			Findings: []pki.Finding{{Code: CodeCertificate, Detail: fmt.Sprintf("In the %s, key %q: %s.", r, TrustRootsKey, err)}}})
		return b
	}
	for _, c := range b.Certificates() {
		i.entries = append(i.entries, Entry{Name: c.Subject.CommonName, Kind: KindAnchor, Source: r, Certificate: c, Findings: pki.CheckAnchor(c, i.now, i.warn)})
	}
	return b
}

// issuer adds the identity issuer, judged against what proxies trust and by what the identity controller says of it.
func (i *inventory) issuer(roots pki.Bundle) {
	r := secretRef(i.env.Namespace(), IssuerName)
	u := i.get("identity issuer", KindIssuer, r)
	if u == nil {
		return
	}
	chain, ds := issuerChain(u)
	if ds.HasErrors() {
		i.missing("identity issuer", KindIssuer, r, ds[0].Detail)
		return
	}
	e := Entry{Name: chain[0].Subject.CommonName, Kind: KindIssuer, Source: r, Certificate: chain[0]}
	e.Findings = pki.CheckIssuer(chain, pki.IssuerRules{Anchors: roots, TrustDomain: i.env.TrustDomain(), Namespace: i.env.Namespace(), Now: i.now, Warn: i.warn})
	l := layoutOf(SchemeKubernetes)
	if len(data(u, l.Certificate)) == 0 {
		l = layoutOf(SchemeLinkerd)
	}
	if _, ds := pairIn(u, l); ds.HasErrors() {
		e.Findings = append(e.Findings, pki.Finding{Code: CodeCertificate, Detail: ds[0].Detail})
	}
	e.Findings = append(e.Findings, i.refusal()...)
	i.entries = append(i.entries, e)
}

// webhook adds a webhook's certificate, judged against the CA bundle of its configuration.
func (i *inventory) webhook(w Webhook, namespace string) {
	r := secretRef(namespace, w.Secret)
	u := i.get(w.Name, KindWebhook, r)
	if u == nil {
		return
	}
	chain, ds := chainIn(u, layoutOf(SchemeKubernetes))
	if ds.HasErrors() {
		i.missing(w.Name, KindWebhook, r, ds[0].Detail)
		return
	}
	e := Entry{Name: w.Name, Kind: KindWebhook, Source: r, Certificate: chain[0]}
	configuration, forbidden, ds := get(i.ctx, i.cluster, w.Configuration)
	i.ds = append(i.ds, ds...)
	switch {
	case forbidden:
		e.Findings = append(e.Findings, pki.Finding{Code: CodeUnreadable, Warning: true, Detail: fmt.Sprintf("These credentials may not get the %s.", w.Configuration)})
	case configuration == nil:
		e.Findings = append(e.Findings, pki.Finding{Code: CodeSecretMissing, Detail: fmt.Sprintf("The %s does not exist, so nobody calls the webhook.", w.Configuration)})
	default:
		e.Findings = consequences(pki.CheckServing(chain, w.Host(namespace), CABundle(configuration), i.now, i.warn), configuration)
	}
	i.entries = append(i.entries, e)
}

// servedFrom returns the namespace of the server that a configuration names; "" when there is no such configuration or it
// cannot be read: extensions need not be there.
func (i *inventory) servedFrom(r kube.Ref) string {
	u, _, ds := get(i.ctx, i.cluster, r)
	if ds.HasErrors() || u == nil {
		return ""
	}
	if ns, found, _ := unstructured.NestedString(u.Object, "spec", "service", "namespace"); found {
		return ns
	}
	hooks, _, _ := unstructured.NestedSlice(u.Object, "webhooks")
	for _, h := range hooks {
		m, _ := h.(map[string]any)
		if ns, found, _ := unstructured.NestedString(m, "clientConfig", "service", "namespace"); found {
			return ns
		}
	}
	return ""
}

// consequences says of a server that the API server cannot trust what that means for the cluster: a webhook whose
// failures are ignored fails in silence, one whose failures count blocks what it should look at.
func consequences(found []pki.Finding, configuration *unstructured.Unstructured) []pki.Finding {
	what := "The API that it serves is not available, and while that is so no namespace of the cluster can be deleted for good."
	if hooks, _, _ := unstructured.NestedSlice(configuration.Object, "webhooks"); len(hooks) > 0 {
		what = "Its failures are ignored, so nobody is told: what it should look at passes unseen, and new pods get no proxy from it."
		if slices.ContainsFunc(hooks, func(h any) bool { m, _ := h.(map[string]any); return m["failurePolicy"] != "Ignore" }) {
			what = "Its failures count, so the API server refuses what it should look at: of the injector, every new pod of the selected namespaces."
		}
	}
	for i := range found {
		if !found[i].Warning {
			found[i].Detail += " " + what
		}
	}
	return found
}

// CABundle returns the certificates by which the API server knows the webhooks of a configuration, or the server of an
// APIService.
func CABundle(configuration *unstructured.Unstructured) pki.Bundle {
	hooks, _, _ := unstructured.NestedSlice(configuration.Object, "webhooks")
	var texts []string
	if s, found, _ := unstructured.NestedString(configuration.Object, "spec", "caBundle"); found {
		texts = append(texts, s)
	}
	for _, h := range hooks {
		m, _ := h.(map[string]any)
		s, _, _ := unstructured.NestedString(m, "clientConfig", "caBundle")
		texts = append(texts, s)
	}
	var b pki.Bundle
	for _, s := range texts {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
		if err != nil {
			continue
		}
		if certs, err := pki.ParsePEM(raw); err == nil {
			b = b.With(certs...)
		}
	}
	return b
}
