package install

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// controlPlane is linkerd_control_plane.
type controlPlane struct{ *charted }

func (t *controlPlane) order(config cty.Value) providers.Order {
	return providers.Order{
		Provides: []providers.Tag{TagControlPlane},
		After:    []providers.Tag{TagCRDs, TagCNI, certs.TagTrustAnchor, certs.TagIssuer, namespaceTag(t.namespace(config))},
	}
}

func (t *controlPlane) reverse(before, after cty.Value) providers.Reversal {
	return providers.Reversal{Undo: providers.Restore}
}

// span reads a duration attribute that the schema has validated.
func span(v cty.Value) time.Duration {
	if v.IsNull() || !v.IsKnown() {
		return 0
	}
	d, _ := certs.ParseDuration(v.AsString())
	return d
}

func (t *controlPlane) hooks(v cty.Value) []hook { return webhooks(t.namespace(v)) }

func (t *controlPlane) mark(cty.Value) *unstructured.Unstructured { return nil }

func (t *controlPlane) derive(v, config cty.Value) cty.Value {
	return with(v, map[string]cty.Value{"namespace": t.planNamespace(config), "trust_root_sha256": trustRoot(config)})
}

// trustRoot is the computed hash of the trust anchors.
func trustRoot(config cty.Value) cty.Value {
	switch v := config.GetAttr("trust_anchors_pem"); {
	case v.IsNull():
		return cty.NullVal(cty.String)
	case !v.IsKnown():
		return cty.UnknownVal(cty.String)
	default:
		return cty.StringVal(pki.TrustRootSHA256(strings.TrimSpace(v.AsString())))
	}
}

func (t *controlPlane) admits(ctx context.Context, planned cty.Value) hcl.Diagnostics {
	return append(t.anchorsNeeded(ctx, planned), t.plugin(ctx, planned)...)
}

// usesCNI reports whether the chart is told that a CNI plugin redirects traffic: by the attribute or by a free value, which
// goes over it.
func usesCNI(v cty.Value) bool {
	free, _ := chart.ValuesFrom(v.GetAttr("values"))
	if on, ok := free["cniEnabled"].(bool); ok {
		return on
	}
	return schema.True(v.GetAttr("cni_enabled"))
}

var daemonSet = runtimeschema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "DaemonSet"}

// plugin refuses a control plane that leaves traffic to a CNI plugin that is not there: linkerd_cni comes before it, and
// without the plugin neither its own pods nor any other of the mesh start.
func (t *controlPlane) plugin(ctx context.Context, planned cty.Value) hcl.Diagnostics {
	if !usesCNI(planned) {
		return nil
	}
	c, gvk := t.env.Cluster(), daemonSet
	found, err := c.ListMetadata(ctx, gvk, kube.ListOptions{Labels: labelCNI + "=true"})
	switch {
	case apierrors.IsForbidden(err) || err == nil && len(found) > 0:
		return nil
	case err != nil:
		return c.Diagnose(err, "list", kube.Ref{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind})
	}
	return hcl.Diagnostics{diag.At(diag.Errorf(CodeCNISettings, "CNI plugin is missing",
		"With cni_enabled = true pods leave the redirection of their traffic to the CNI plugin, but the cluster has no DaemonSet with the label %s. Their check of it would fail, and they would not start. "+
			"Add a linkerd_cni resource, or remove cni_enabled.", labelCNI), cty.GetAttrPath("cni_enabled"))}
}

func (t *controlPlane) settled(ctx context.Context, a *application, patience time.Duration) hcl.Diagnostics {
	if !schema.True(a.req.Config.GetAttr("probe_injector")) {
		return nil
	}
	a.release()
	return t.probe(ctx, a.req.Config, patience, a.req.Step)
}

func (t *controlPlane) vanished(context.Context, cty.Value, providers.Step) hcl.Diagnostics {
	return nil
}

func (t *controlPlane) departure(cty.Value) []string {
	return []string{"Webhook configurations go first, so that no webhook without a server blocks pods. Destroys the webhooks' keys."}
}

// mayGo refuses to take the control plane away from running proxies. A plan does not ask: injections are removed by
// earlier steps.
func (t *controlPlane) mayGo(ctx context.Context, _ cty.Value, lineage string) hcl.Diagnostics {
	if lineage != "" {
		return nil
	}
	c, gvk := t.env.Cluster(), runtimeschema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	pods, err := c.ListMetadata(ctx, gvk, kube.ListOptions{Labels: labelControlPlane + "=" + t.env.Namespace() + ",!" + labelComponent})
	if err != nil {
		return c.Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Pod"})
	}
	var names []string
	for _, p := range pods {
		if p.DeletionTimestamp == nil {
			names = append(names, p.Namespace+"/"+p.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return hcl.Diagnostics{diag.Errorf(CodeProxiesRemain, "Pods still have a proxy",
		"%d pods still belong to the mesh: %s. Without a control plane their certificates run out within a day and they lose their connections. "+
			"Remove the injection and restart them first, or apply force_destroy = true and destroy again.", len(names), list(names))}
}
