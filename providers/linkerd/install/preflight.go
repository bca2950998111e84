package install

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

// preflight looks, with three reads, for what would make the control plane fail after it was applied. It runs only
// for plans that change something.
func (t *controlPlane) preflight(ctx context.Context, req providers.PlanRequest, planned cty.Value, c *chart.Chart) (notes []string, ds hcl.Diagnostics) {
	notes, ds = t.versions(ctx, req, planned)
	ds = append(ds, t.definitionsBehind(ctx, planned, c.Version())...)
	ds = append(ds, t.anchorsNeeded(ctx, planned)...)
	if d := metrics.Denied("the control plane", schema.Text(planned.GetAttr("default_inbound_policy"))); d != nil {
		ds = append(ds, diag.At(d, cty.GetAttrPath("default_inbound_policy")))
	}
	if usesCNI(planned) {
		ds = append(ds, t.pluginPlanned(ctx, planned)...)
	} else {
		if ds = append(ds, t.podSecurity(ctx, planned, "the control plane")...); ds.HasErrors() {
			return notes, ds
		}
	}
	return notes, append(ds, t.nodes(ctx, planned)...)
}

// pluginPlanned warns when neither the cluster nor the plan has the CNI plugin that the control plane relies on. Something else
// may bring it by then: the apply looks again.
func (t *controlPlane) pluginPlanned(ctx context.Context, planned cty.Value) hcl.Diagnostics {
	if t.env.Cluster().World().PlansLabelled(daemonSet.GroupKind(), labelCNI, "true") {
		return nil
	}
	ds := t.plugin(ctx, planned)
	for _, d := range ds {
		if diag.CodeOf(d) == CodeCNISettings {
			d.Severity = hcl.DiagWarning
		}
	}
	return ds
}

// anchorsNeeded refuses a bundle without an anchor that certificates in use lead to: as soon as proxies restart with it,
// they refuse those that have not.
func (t *controlPlane) anchorsNeeded(ctx context.Context, v cty.Value) hcl.Diagnostics {
	text := v.GetAttr("trust_anchors_pem")
	if !text.IsKnown() || text.IsNull() {
		return nil
	}
	next, err := pki.ParseBundle([]byte(text.AsString()))
	if err != nil {
		return nil // said by validation
	}
	lifetime := 24 * time.Hour
	if d, err := time.ParseDuration(schema.Text(v.GetAttr("issuance_lifetime"))); err == nil {
		lifetime = d
	}
	why, ds := certs.Missed(ctx, t.env.Cluster(), t.env, next, lifetime, t.settings.Now())
	if why == "" {
		return ds
	}
	return append(ds, diag.At(diag.Errorf(certs.CodeAnchorInUse, "Trust anchor is still needed",
		"The new bundle lacks an anchor that is in use: %s. Keep it in the bundle until then. When a rotation is rolled back, roll the issuer back first, and the anchor when that time has passed.", why),
		cty.GetAttrPath("trust_anchors_pem")))
}

// podSecurity refuses a namespace whose Pod Security level forbids what linkerd-init must do.
func (t *charted) podSecurity(ctx context.Context, planned cty.Value, whom string) hcl.Diagnostics {
	c, r := t.env.Cluster(), kube.Ref{Version: "v1", Kind: "Namespace", Name: t.namespace(planned)}
	ns, err := c.Get(ctx, r)
	switch {
	case apierrors.IsForbidden(err):
		return nil
	case err != nil:
		return c.Diagnose(err, "get", r)
	}
	if level := podSecurityLevel(ns); level == "baseline" || level == "restricted" {
		return hcl.Diagnostics{diag.Errorf(CodePodSecurity, "Namespace refuses "+whom,
			"The namespace %q enforces the Pod Security level %q, which forbids the capabilities NET_ADMIN and NET_RAW of linkerd-init. "+
				"Label it pod-security.kubernetes.io/enforce=privileged, or use the CNI plugin and set cni_enabled = true on the control plane.", r.Name, level)}
	}
	return nil
}

// nodes checks what the control plane needs of the cluster's nodes.
func (t *controlPlane) nodes(ctx context.Context, planned cty.Value) (ds hcl.Diagnostics) {
	c := t.env.Cluster()
	nodes, err := c.List(ctx, runtimeschema.GroupVersionKind{Version: "v1", Kind: "Node"}, kube.ListOptions{})
	if apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return c.Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Node"})
	}
	if schema.True(planned.GetAttr("high_availability")) && len(nodes) < 3 {
		ds = append(ds, diag.At(diag.Warningf(CodeHighAvailability, "Too few nodes for high availability",
			"Each replica of a component needs a node of its own, and there are three replicas, but the cluster has %d nodes. The rollout would wait for more.", len(nodes)), cty.GetAttrPath("high_availability")))
	}
	known, _ := networks(defaultNetworks)
	if v := planned.GetAttr("cluster_networks"); !v.IsNull() {
		s, ok := joined(v).(string)
		if !ok {
			return ds
		}
		known, _ = networks(s)
	}
	var out []string
	for _, n := range nodes {
		out = append(out, nodesOutside(n, known)...)
	}
	if len(out) > 0 {
		ds = append(ds, diag.At(diag.Warningf(CodeClusterNetworks, "Pod networks outside of cluster_networks",
			"Linkerd would take these pod networks for the outside world: %s. Add them to cluster_networks.", list(out)), cty.GetAttrPath("cluster_networks")))
	}
	return ds
}

// versions refuses upgrades that Linkerd does not support: the control plane may lead by one major line, and never
// goes back.
func (t *controlPlane) versions(ctx context.Context, req providers.PlanRequest, planned cty.Value) (notes []string, ds hcl.Diagnostics) {
	next, ok := parseRelease(schema.Text(planned.GetAttr("app_version")))
	if !ok || !req.Prior.IsNull() && schema.Text(req.Prior.GetAttr("app_version")) == next.text {
		return nil, nil
	}
	c := t.env.Cluster()
	if kubernetes, err := c.Version(ctx); err == nil {
		ds = append(ds, supported(next, kubernetes)...)
	}
	if now, ok := t.running(ctx, req.Prior); ok {
		if notes = arriving(now, next); now.text != next.text {
			notes = append([]string{journey(now, next)}, notes...)
		}
		switch {
		case next.before(now):
			ds = append(ds, diag.Warningf(CodeDowngrade, "Control plane goes back to an older release",
				"The control plane is %s and would become %s. Proxies that are newer than their control plane are not a tested combination: restart the workloads afterwards.", now, next))
		case next.line-now.line > 1:
			ds = append(ds, t.skew("The control plane is %s and would become %s, which skips a major release. Upgrade one major release at a time and restart the workloads between the steps.", planned, now, next))
		}
	}
	pods, err := c.ListMetadata(ctx, runtimeschema.GroupVersionKind{Version: "v1", Kind: "Pod"},
		kube.ListOptions{Labels: labelControlPlane + "=" + t.env.Namespace() + ",!" + labelComponent})
	if err != nil {
		if apierrors.IsForbidden(err) {
			return notes, ds
		}
		return notes, append(ds, c.Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Pod"})...)
	}
	var behind []string
	for _, p := range pods {
		if v, ok := parseRelease(p.Annotations["linkerd.io/proxy-version"]); ok && next.line-v.line > 1 {
			behind = append(behind, fmt.Sprintf("%s/%s (%s)", p.Namespace, p.Name, v.text))
		}
	}
	if len(behind) > 0 {
		ds = append(ds, t.skew("%d proxies would be more than one major release behind the control plane %s: %s. Restart them with the present control plane first.", planned, len(behind), next, list(behind)))
	}
	return notes, ds
}

// skew is an error that allow_skew turns into a warning.
func (t *controlPlane) skew(format string, planned cty.Value, args ...any) *hcl.Diagnostic {
	d := diag.Errorf(CodeSkew, "Versions too far apart", format, args...)
	if schema.True(planned.GetAttr("allow_skew")) {
		d.Severity = hcl.DiagWarning
	} else {
		d.Detail += " To do it nevertheless, set allow_skew = true."
	}
	return d
}

// running returns the release of the control plane that is there now.
func (t *controlPlane) running(ctx context.Context, prior cty.Value) (release, bool) {
	if !prior.IsNull() {
		return parseRelease(schema.Text(prior.GetAttr("app_version")))
	}
	if c, err := t.env.LoadConfig(ctx, t.env.Cluster()); err == nil && c != nil {
		return parseRelease(c.LinkerdVersion)
	}
	return release{}, false
}
