package install

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// labelExtension says, on a namespace and on objects, which extension they belong to.
const labelExtension = "linkerd.io/extension"

// extension is linkerd_extension.
type extension struct{ *charted }

// extensionTitle is the name of the chart, the release and the namespace of an extension.
func extensionTitle(v cty.Value) string { return "linkerd-" + schema.Text(v.GetAttr("name")) }

func (t *extension) order(config cty.Value) providers.Order {
	name := schema.Text(config.GetAttr("name"))
	return providers.Order{
		Provides: []providers.Tag{providers.Tag("linkerd:extension/" + name)},
		After:    []providers.Tag{TagControlPlane, namespaceTag(t.namespace(config))},
	}
}

func (t *extension) reverse(before, after cty.Value) providers.Reversal {
	return providers.Reversal{Undo: providers.Restore}
}

// hooks are the servers that are known of the extension, and those that the configuration names.
func (t *extension) hooks(v cty.Value) (out []hook) {
	name := schema.Text(v.GetAttr("name"))
	keys := map[string]string{"tap": "tap", "tap-injector": "tapInjector"}
	labels := func(server string) map[string]string {
		return map[string]string{labelExtension: name, "component": server}
	}
	for _, w := range certs.ExtensionWebhooks(name) {
		out = append(out, hook{w, keys[w.Name], labels(w.Name)})
	}
	given := v.GetAttr("servers")
	if given.IsNull() || !given.IsWhollyKnown() {
		return out
	}
	all := given.AsValueMap()
	for _, server := range slices.Sorted(maps.Keys(all)) {
		s := all[server]
		h := hook{certs.Webhook{Name: server, Service: schema.Text(s.GetAttr("service")), Secret: schema.Text(s.GetAttr("secret"))}, schema.Text(s.GetAttr("values_key")), labels(server)}
		if i := slices.IndexFunc(out, func(h hook) bool { return h.Name == server }); i >= 0 {
			out[i] = h
			continue
		}
		out = append(out, h)
	}
	return out
}

func (t *extension) derive(v, config cty.Value) cty.Value {
	return with(v, map[string]cty.Value{"namespace": t.planNamespace(config)})
}

// mark is what the chart's own hook, a Job that patches its namespace, would write. The Pod Security level is left to
// whoever keeps the namespace.
func (t *extension) mark(v cty.Value) *unstructured.Unstructured {
	name := schema.Text(v.GetAttr("name"))
	var annotations map[string]string
	if free, err := chart.ValuesFrom(v.GetAttr("values")); err == nil && name == "viz" {
		if url, ok := free["prometheusUrl"].(string); ok && url != "" {
			annotations = map[string]string{"viz.linkerd.io/external-prometheus": url}
		}
	}
	return namespaceMark(t.namespace(v), map[string]string{labelExtension: name}, annotations)
}

func (t *extension) buildValues(c *chart.Chart, config cty.Value, _ string, states map[string]hookState) (chart.Values, hcl.Diagnostics) {
	free, err := chart.ValuesFrom(config.GetAttr("values"))
	if err != nil {
		return nil, hcl.Diagnostics{diag.At(diag.Errorf(chart.CodeValues, "Unusable values", "The attribute values: %s.", err), cty.GetAttrPath("values"))}
	}
	hooks := t.hooks(config)
	reserved := [][2]string{{"linkerdNamespace", "set namespace in the provider block"}, {"clusterDomain", "set cluster_domain in the provider block"},
		{"identityTrustDomain", "set trust_domain in the provider block"}, {"createNamespaceMetadataJob", "meshplan labels the namespace itself"}}
	for _, h := range hooks {
		reserved = append(reserved, h.reserved()...)
	}
	if ds := checkReserved(free, reserved); ds.HasErrors() {
		return nil, ds
	}
	out := chart.Values{}
	if schema.True(config.GetAttr("high_availability")) {
		ha, err := c.ValuesFile("values-ha.yaml")
		switch {
		case err != nil:
			return nil, hcl.Diagnostics{diag.At(diag.Errorf(chart.CodeValues, "Unusable values", "In the chart %s: %s.", c.Name(), err), cty.GetAttrPath("high_availability"))}
		case ha == nil:
			return nil, hcl.Diagnostics{diag.At(diag.Errorf(chart.CodeValues, "No values for high availability",
				"The chart %s has no file values-ha.yaml. Remove high_availability and set what the chart offers in values.", c.Name()), cty.GetAttrPath("high_availability"))}
		}
		out = ha
	}
	out = out.Merge(free)
	set(out, "linkerdNamespace", t.env.Namespace())
	set(out, "clusterDomain", t.settings.ClusterDomain())
	set(out, "identityTrustDomain", t.env.TrustDomain())
	set(out, "createNamespaceMetadataJob", false)
	setHooks(out, hooks, states)
	return out, nil
}

// preflight looks at the namespaces of extensions, at Pod Security and at versions.
func (t *extension) preflight(ctx context.Context, req providers.PlanRequest, planned cty.Value, c *chart.Chart) (notes []string, ds hcl.Diagnostics) {
	name := schema.Text(planned.GetAttr("name"))
	ds = append(ds, t.namespaces(ctx, planned, name)...)
	if ds.HasErrors() {
		return nil, ds
	}
	now := t.settingsOf(ctx)
	if now == nil || !now.CNIEnabled {
		ds = append(ds, t.podSecurity(ctx, planned, "the extension")...)
	}
	if now != nil {
		theirs, ok := parseRelease(c.AppVersion())
		if ours, known := parseRelease(now.LinkerdVersion); ok && known && ours.before(theirs) {
			ds = append(ds, diag.Warningf(CodeSkew, "Extension is newer than the control plane",
				"The extension %s is %s and the control plane is %s. Extensions follow the control plane: upgrade that first, in the same plan or before.", name, theirs, ours))
		}
	}
	if req.Prior.IsNull() && name == "viz" {
		notes = append(notes, "Workloads that are meshed already cannot be tapped until they are restarted; what is meshed later can.")
	}
	return notes, ds
}

// namespaces refuses a second namespace for an extension, and a second extension in a namespace: Linkerd's tools find
// an extension by the label of its namespace. A namespace on its way out is no place where anything is installed.
func (t *extension) namespaces(ctx context.Context, planned cty.Value, name string) hcl.Diagnostics {
	c, ours := t.env.Cluster(), t.namespace(planned)
	list, err := c.ListMetadata(ctx, runtimeschema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, kube.ListOptions{Labels: labelExtension})
	if apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return c.Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Namespace"})
	}
	for _, ns := range list {
		switch label := ns.Labels[labelExtension]; {
		case ns.Name == ours && label != name:
			return hcl.Diagnostics{diag.At(diag.Errorf(CodeExtensionNamespace, "Namespace belongs to another extension",
				"The namespace %q carries the label %s=%s. Each extension needs a namespace of its own.", ours, labelExtension, scrub(label)), cty.GetAttrPath("namespace"))}
		case ns.Name != ours && label == name && ns.DeletionTimestamp == nil:
			return hcl.Diagnostics{diag.At(diag.Errorf(CodeExtensionNamespace, "Extension is installed elsewhere",
				"The namespace %q already carries the label %s=%s. There can be one such extension in a cluster: set namespace to that one and on_exists = \"adopt\", or remove it first.",
				ns.Name, labelExtension, name), cty.GetAttrPath("namespace"))}
		}
	}
	return nil
}

// settingsOf reads what the control plane says about itself; nil when that is not known.
func (t *charted) settingsOf(ctx context.Context) *env.Config {
	config, err := t.env.LoadConfig(ctx, t.env.Cluster())
	if err != nil {
		return nil
	}
	return config
}

func (t *extension) admits(context.Context, cty.Value) hcl.Diagnostics { return nil }

// settled has nothing to add: the rollout waits for webhooks with a server and for available aggregated APIs.
func (t *extension) settled(context.Context, *application, time.Duration) hcl.Diagnostics { return nil }

// vanished waits until the extension's pods are on their way out: they have proxies, and the control plane does not go
// while proxies remain.
func (t *extension) vanished(ctx context.Context, prior cty.Value, step providers.Step) hcl.Diagnostics {
	c, pod := t.env.Cluster(), kube.Ref{Version: "v1", Kind: "Pod", Namespace: t.namespace(prior)}
	limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		pods, err := c.ListMetadata(limited, pod.GVK(), kube.ListOptions{Namespace: pod.Namespace, Labels: labelExtension + "=" + schema.Text(prior.GetAttr("name"))})
		if err != nil {
			return c.Diagnose(err, "list", pod)
		}
		pods = slices.DeleteFunc(pods, func(p *metav1.PartialObjectMetadata) bool { return p.DeletionTimestamp != nil })
		if len(pods) == 0 {
			return nil
		}
		if step != nil {
			step.Progress(providers.Progress{Message: fmt.Sprintf("%d pods of the extension are being deleted", len(pods)), Waiting: true})
		}
		select {
		case <-limited.Done():
			return diag.FromError(kube.CodeNotReady, "Pods of the extension remain", context.Cause(limited), nil)
		case <-tick.C:
		}
	}
}

func (t *extension) departure(prior cty.Value) []string {
	return []string{fmt.Sprintf("Webhook configurations and aggregated APIs go first, so that none is left without a server. Give the namespace %q the time until this step is done.", t.namespace(prior))}
}

// mayGo refuses to delete kinds that the extension brought while somebody uses them.
func (t *extension) mayGo(ctx context.Context, prior cty.Value, lineage string) hcl.Diagnostics {
	labels := ""
	if lineage != "" {
		labels = "meshplan.dev/state!=" + kube.StateLabel(lineage)
	}
	left, ds := t.remaining(ctx, prior, labels)
	if len(left) > 0 {
		ds = append(ds, inUse(left))
	}
	return ds
}
