package certs

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
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
