package certs

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// The types of Secrets and their keys.
const (
	typeTLS    = "kubernetes.io/tls" // tls.crt, tls.key, ca.crt
	typeOpaque = "Opaque"
	// keyPrevious holds, in the anchor's Secret, the certificates of former anchors that the bundle still carries.
	keyPrevious = "previous.crt"
)

// layout names the keys under which a Secret keeps a pair.
type layout struct{ Type, Certificate, Key, CA string }

// layoutOf returns the layout of an issuer scheme.
func layoutOf(scheme string) layout {
	if scheme == SchemeLinkerd {
		return layout{Type: typeOpaque, Certificate: "crt.pem", Key: "key.pem"}
	}
	return layout{Type: typeTLS, Certificate: "tls.crt", Key: "tls.key", CA: "ca.crt"}
}

func secretRef(namespace, name string) kube.Ref {
	return kube.Ref{Version: "v1", Kind: "Secret", Namespace: namespace, Name: name}
}

// newSecret builds a Secret. The data is secret; the object must go nowhere but to the API server.
func newSecret(r kube.Ref, kind string, labels map[string]string, data map[string][]byte) *unstructured.Unstructured {
	encoded := make(map[string]any, len(data))
	for k, v := range data {
		encoded[k] = base64.StdEncoding.EncodeToString(v)
	}
	u := &unstructured.Unstructured{Object: map[string]any{"type": kind, "data": encoded}}
	u.SetGroupVersionKind(r.GVK())
	u.SetNamespace(r.Namespace)
	u.SetName(r.Name)
	u.SetLabels(labels)
	return u
}

// data returns one key of a Secret or, for a ConfigMap, its text.
func data(u *unstructured.Unstructured, key string) []byte {
	s, _, _ := unstructured.NestedString(u.Object, "data", key)
	if u.GetKind() != "Secret" {
		return []byte(s)
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}

// chainIn reads the certificate chain of a Secret. The diagnostic names the Secret and never quotes it.
func chainIn(u *unstructured.Unstructured, l layout) ([]*x509.Certificate, hcl.Diagnostics) {
	r := kube.RefOf(u)
	pem := data(u, l.Certificate)
	if len(pem) == 0 {
		return nil, hcl.Diagnostics{diag.Errorf(CodeSecretMissing, "Certificate missing in Secret",
			"The %s has no key %q. Put the certificate there in PEM form, and its private key into %q.", r, l.Certificate, l.Key)}
	}
	chain, err := pki.ParsePEM(pem)
	if err != nil {
		return nil, hcl.Diagnostics{diag.Errorf(CodeCertificate, "Certificate cannot be read", "In the %s, key %q: %s.", r, l.Certificate, err)}
	}
	return chain, nil
}

// pairIn reads the key pair of a Secret. Only Apply calls it.
func pairIn(u *unstructured.Unstructured, l layout) (*pki.KeyPair, hcl.Diagnostics) {
	if _, ds := chainIn(u, l); ds.HasErrors() {
		return nil, ds
	}
	pair, err := pki.LoadKeyPair(data(u, l.Certificate), data(u, l.Key))
	if err != nil {
		return nil, hcl.Diagnostics{diag.Errorf(CodeCertificate, "Key pair cannot be used", "In the %s, keys %q and %q: %s.", kube.RefOf(u), l.Certificate, l.Key, err)}
	}
	return pair, nil
}

// get reads an object; one that does not exist, or whose namespace does not, is nil. Forbidden reports that RBAC does
// not allow it, in which case there are no diagnostics.
func get(ctx context.Context, c *kube.Cluster, r kube.Ref) (u *unstructured.Unstructured, forbidden bool, ds hcl.Diagnostics) {
	u, err := c.Get(ctx, r)
	switch {
	case apierrors.IsForbidden(err):
		return nil, true, nil
	case err != nil:
		return nil, false, c.Diagnose(err, "get", r)
	}
	return u, false, nil
}

// unreadable warns that a Secret cannot be read with these credentials.
func unreadable(r kube.Ref) *hcl.Diagnostic {
	return diag.Warningf(CodeUnreadable, "Secret cannot be read",
		"These credentials may not get the %s, so its certificate is taken from the record or stays unknown. Grant the verb get on this Secret to see it.", r)
}

// report turns findings about the certificate in question into diagnostics.
func report(fs []pki.Finding, summary, where string) (ds hcl.Diagnostics) {
	for _, f := range fs {
		detail := f.Detail
		if where != "" {
			detail = fmt.Sprintf("%s It is in the %s.", f.Detail, where)
		}
		if f.Warning {
			ds = append(ds, diag.Warning(f.Code, summary, detail, nil))
			continue
		}
		ds = append(ds, diag.Error(f.Code, summary, detail, nil))
	}
	return ds
}
