package linkerd

import (
	"context"
	"slices"

	"github.com/hashicorp/hcl/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// MeshedNamespaces lists the namespaces in which a pod belongs to the mesh, but for the control plane's own, sorted. It
// costs one LIST of metadata.
func (p *provider) MeshedNamespaces(ctx context.Context) ([]string, hcl.Diagnostics) {
	c := p.cluster()
	pods, err := c.ListMetadata(ctx, corev1.SchemeGroupVersion.WithKind("Pod"), kube.ListOptions{Labels: "linkerd.io/control-plane-ns=" + p.settings.namespace})
	if err != nil {
		return nil, c.Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Pod"})
	}
	var out []string
	for _, pod := range pods {
		if pod.Namespace != p.settings.namespace {
			out = append(out, pod.Namespace)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// ExtensionNamespaces lists the namespaces of Linkerd's extensions, sorted; none when they may not be listed. It costs one
// LIST of metadata.
func (p *provider) ExtensionNamespaces(ctx context.Context) ([]string, hcl.Diagnostics) {
	c := p.cluster()
	list, err := c.ListMetadata(ctx, corev1.SchemeGroupVersion.WithKind("Namespace"), kube.ListOptions{Labels: "linkerd.io/extension"})
	switch {
	case apierrors.IsForbidden(err):
		return nil, nil
	case err != nil:
		return nil, c.Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Namespace"})
	}
	var out []string
	for _, ns := range list {
		out = append(out, ns.Name)
	}
	slices.Sort(out)
	return out, nil
}
