package certs

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Where the control plane keeps its trust anchors and its issuer.
const (
	TrustRootsName = "linkerd-identity-trust-roots" // ConfigMap
	TrustRootsKey  = "ca-bundle.crt"
	IssuerName     = "linkerd-identity-issuer" // Secret
	identityName   = "linkerd-identity"        // Deployment

	labelControlPlaneNamespace = "linkerd.io/control-plane-ns"
	labelComponent             = "linkerd.io/control-plane-component"
	anchorsEnv                 = "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS"
)

// podGVK is the kind of pods.
func podGVK() schema.GroupVersionKind { return schema.GroupVersionKind{Version: "v1", Kind: "Pod"} }

// TrustRoots reads the bundle that the control plane hands out. It reports false when there is no control plane.
func TrustRoots(ctx context.Context, c *kube.Cluster, namespace string) (b pki.Bundle, found bool, ds hcl.Diagnostics) {
	r := kube.Ref{Version: "v1", Kind: "ConfigMap", Namespace: namespace, Name: TrustRootsName}
	u, err := c.Get(ctx, r)
	if err != nil {
		return b, false, c.Diagnose(err, "get", r)
	}
	if u == nil {
		return b, false, nil
	}
	// A bundle that cannot be parsed trusts nobody: the caller's checks say so in their own words.
	b, _ = pki.ParseBundle(data(u, TrustRootsKey))
	return b, true, nil
}

// distrusting lists what runs in the mesh and does not trust an anchor yet: the control plane's bundle and the pods
// whose proxies were started without it. It is sorted.
func distrusting(ctx context.Context, c *kube.Cluster, namespace string, anchor *x509.Certificate) ([]string, hcl.Diagnostics) {
	var out []string
	roots, found, ds := TrustRoots(ctx, c, namespace)
	if ds.HasErrors() {
		return nil, ds
	}
	if found && !roots.Contains(anchor) {
		out = append(out, fmt.Sprintf("ConfigMap %s/%s", namespace, TrustRootsName))
	}
	pods, err := c.List(ctx, podGVK(), kube.ListOptions{Labels: labelControlPlaneNamespace + "=" + namespace})
	if err != nil {
		return nil, c.Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Pod"})
	}
	for _, p := range pods {
		if phase, _, _ := unstructured.NestedString(p.Object, "status", "phase"); phase == "Succeeded" || phase == "Failed" {
			continue
		}
		if b, ok := proxyAnchors(p); ok && !b.Contains(anchor) {
			out = append(out, kube.RefOf(p).String())
		}
	}
	slices.Sort(out)
	return out, nil
}

// proxyAnchors returns the anchors that the pod's proxy was started with. It reports false for pods without a proxy
// and for those of the control plane, which take the bundle from the ConfigMap.
func proxyAnchors(pod *unstructured.Unstructured) (pki.Bundle, bool) {
	for _, list := range []string{"initContainers", "containers"} {
		containers, _, _ := unstructured.NestedSlice(pod.Object, "spec", list)
		for _, c := range containers {
			m, _ := c.(map[string]any)
			if m["name"] != "linkerd-proxy" {
				continue
			}
			env, _ := m["env"].([]any)
			for _, e := range env {
				v, _ := e.(map[string]any)
				if s, ok := v["value"].(string); ok && v["name"] == anchorsEnv {
					b, _ := pki.ParseBundle([]byte(s))
					return b, true
				}
			}
		}
	}
	return pki.Bundle{}, false
}

// some joins the first few of many names.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// Missed says why a bundle may not take the place of the one that the control plane hands out now: proxies would refuse
// certificates that are in use. It returns "" when nothing speaks against it. Lifetime is that of proxies' certificates.
func Missed(ctx context.Context, c *kube.Cluster, e env.Env, next pki.Bundle, lifetime time.Duration, now time.Time) (string, hcl.Diagnostics) {
	roots, found, ds := TrustRoots(ctx, c, e.Namespace())
	if ds.HasErrors() || !found {
		return "", ds
	}
	gone := pki.NewBundle(slices.DeleteFunc(roots.Certificates(), func(x *x509.Certificate) bool { return next.Contains(x) || now.After(x.NotAfter) })...)
	if gone.Len() == 0 {
		return "", nil
	}
	secret, forbidden, ds := get(ctx, c, secretRef(e.Namespace(), IssuerName))
	if ds.HasErrors() || forbidden || secret == nil {
		return "", ds
	}
	chain, more := issuerChain(secret)
	if more.HasErrors() {
		return "", nil // an issuer that cannot be read serves nobody
	}
	if a := gone.Signer(chain); a != nil && now.Before(chain[0].NotAfter) && next.Signer(chain) == nil {
		return fmt.Sprintf("the trust anchor %s is above the present identity issuer", pki.Fingerprint(a)[:12]), nil
	}
	h, _ := historyOf(secret)
	former, err := pki.ParsePEM(data(secret, keyFormerCertificate))
	until := h.Since.Add(lifetime + pki.ClockSkew)
	if err != nil || h.Since.IsZero() || !now.Before(until) {
		return "", nil
	}
	if a := gone.Signer(former); a != nil && next.Signer(former) == nil {
		return fmt.Sprintf("proxies may hold certificates below the trust anchor %s until %s", pki.Fingerprint(a)[:12], until.UTC().Format(time.RFC3339)), nil
	}
	return "", nil
}
