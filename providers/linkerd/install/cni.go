package install

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// TagCNI is provided by the CNI plugin.
const TagCNI providers.Tag = "linkerd:cni"

const (
	labelCNI           = "linkerd.io/cni-resource"
	validatorContainer = "linkerd-network-validator"
)

// cniPlugin is linkerd_cni.
type cniPlugin struct{ *charted }

func cniSchema() *schema.Resource {
	attrs := sourceAttributes("linkerd2-cni")
	attrs["namespace"].Description = "Namespace of the plugin; `linkerd-cni` by default. It must exist."
	attrs["wait_timeout"] = &schema.Attribute{Type: cty.String, Optional: true, Default: cty.StringVal("10m"), Validate: validDuration,
		Description: "How long the rollout on all nodes may take."}
	return &schema.Resource{
		Critical: &schema.Critical{Why: "meshed pods that start later bypass their proxy, or do not start"},
		Summary:  "Linkerd's CNI plugin, which redirects the traffic of meshed pods on each node.",
		Description: "Installs the chart linkerd2-cni object by object, before the control plane, and waits until every node has the plugin. With it pods need no network capabilities, " +
			"so that namespaces may enforce the Pod Security level `restricted`. The control plane must know of it: set `cni_enabled = true` there.\n\n" +
			"Destroying is refused while pods of the mesh rely on the plugin, unless `force_destroy` is set: without it their traffic would bypass the proxy after the next restart of a node, or they would not start.",
		Example: `resource "kubernetes_namespace" "cni" {
  name = "linkerd-cni"

  labels = {
    "linkerd.io/cni-resource"              = "true"
    "config.linkerd.io/admission-webhooks" = "disabled"
    "pod-security.kubernetes.io/enforce"   = "privileged"
  }
}

resource "linkerd_cni" "plugin" {
  repository = "https://helm.linkerd.io/edge"
  version    = "2026.8.3"
  namespace  = kubernetes_namespace.cni.name
}
`,
		Block: schema.Block{Attributes: attrs},
	}
}

func (t *cniPlugin) order(config cty.Value) providers.Order {
	return providers.Order{Provides: []providers.Tag{TagCNI}, After: []providers.Tag{namespaceTag(t.namespace(config))}}
}

func (t *cniPlugin) reverse(before, after cty.Value) providers.Reversal {
	return providers.Reversal{Undo: providers.Restore}
}

func (t *cniPlugin) hooks(cty.Value) []hook { return nil }

func (t *cniPlugin) mark(cty.Value) *unstructured.Unstructured { return nil }

func (t *cniPlugin) derive(v, config cty.Value) cty.Value {
	return with(v, map[string]cty.Value{"namespace": t.planNamespace(config)})
}

func (t *cniPlugin) buildValues(_ *chart.Chart, config cty.Value, _ string, _ map[string]hookState) (chart.Values, hcl.Diagnostics) {
	free, err := chart.ValuesFrom(config.GetAttr("values"))
	if err != nil {
		return nil, hcl.Diagnostics{diag.At(diag.Errorf(chart.CodeValues, "Unusable values", "The attribute values: %s.", err), cty.GetAttrPath("values"))}
	}
	return chart.Values{}.Merge(free), nil
}

// preflight warns about a control plane that goes on redirecting by itself.
func (t *cniPlugin) preflight(ctx context.Context, _ providers.PlanRequest, planned cty.Value, _ *chart.Chart) ([]string, hcl.Diagnostics) {
	var ds hcl.Diagnostics
	if now := t.settingsOf(ctx); now != nil && !now.CNIEnabled {
		ds = append(ds, diag.Warningf(CodeCNISettings, "Control plane does not know of the CNI plugin",
			"The control plane that runs gives pods linkerd-init, which redirects their traffic a second time. Set cni_enabled = true on it, in the same plan or before, and restart the workloads."))
	}
	c, r := t.env.Cluster(), kube.Ref{Version: "v1", Kind: "Namespace", Name: t.namespace(planned)}
	ns, err := c.Get(ctx, r)
	if err != nil || ns == nil {
		return nil, ds // another step makes it, or these credentials may not look
	}
	if level := podSecurityLevel(ns); level == "baseline" || level == "restricted" {
		ds = append(ds, diag.Errorf(CodePodSecurity, "Namespace refuses the CNI plugin",
			"The namespace %q enforces the Pod Security level %q, which forbids the host paths that the plugin writes. Label it pod-security.kubernetes.io/enforce=privileged.", r.Name, level))
	}
	return nil, ds
}

func (t *cniPlugin) admits(context.Context, cty.Value) hcl.Diagnostics { return nil }

func (t *cniPlugin) settled(context.Context, *application, time.Duration) hcl.Diagnostics { return nil }

func (t *cniPlugin) vanished(context.Context, cty.Value, providers.Step) hcl.Diagnostics { return nil }

func (t *cniPlugin) departure(cty.Value) []string {
	return []string{"Pods that are meshed afterwards need linkerd-init: set cni_enabled = false on the control plane, and restart the workloads before this step."}
}

// mayGo refuses to remove the plugin under pods that rely on it. A plan does not ask: injections and the control plane
// are removed by earlier steps.
func (t *cniPlugin) mayGo(ctx context.Context, _ cty.Value, lineage string) hcl.Diagnostics {
	if lineage != "" {
		return nil
	}
	c := t.env.Cluster()
	pods, err := c.List(ctx, runtimeschema.GroupVersionKind{Version: "v1", Kind: "Pod"}, kube.ListOptions{Labels: labelControlPlane})
	if err != nil {
		return c.Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Pod"})
	}
	var names []string
	for _, u := range pods {
		p, ok := convert[corev1.Pod](u)
		if ok && p.DeletionTimestamp == nil && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed &&
			slices.ContainsFunc(p.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == validatorContainer }) {
			names = append(names, name(p))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return hcl.Diagnostics{diag.Errorf(CodeCNIInUse, "Pods rely on the CNI plugin",
		"%d pods have their traffic redirected by the plugin: %s. Set cni_enabled = false on the control plane and restart them first, or apply force_destroy = true and destroy again.",
		len(names), list(names))}
}
