package install

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// permitVersion stands for the cluster's version when a chart is rendered to see what it makes.
const permitVersion = "v1.34.0"

// rights renders the chart and says what its objects need.
func (t *charted) rights(ctx context.Context, req providers.PermitRequest, wait *kube.WaitOptions, values func(*chart.Chart) (chart.Values, hcl.Diagnostics)) ([]providers.Right, hcl.Diagnostics) {
	recorded, _ := req.Config.GetAttr("objects").UnmarkDeep()
	if req.Deleting {
		return t.set(req.Config, wait).Rights(req.Owner, nil, recorded)
	}
	c, ds := t.load(ctx, req.Config, false)
	if ds.HasErrors() {
		return nil, ds
	}
	var rendered *chart.Rendered
	if c != nil {
		v, more := values(c)
		if ds = append(ds, more...); ds.HasErrors() {
			return nil, ds
		}
		rendered, more = t.render(ctx, c, req.Config, permitVersion, v)
		if ds = append(ds, more...); ds.HasErrors() {
			return nil, ds
		}
	}
	out, more := t.set(req.Config, wait).Rights(req.Owner, rendered, recorded)
	return out, append(ds, more...)
}

// Permit implements providers.Permitter.
func (t *crds) Permit(ctx context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	out, ds := t.rights(ctx, req, &kube.WaitOptions{Rollout: true}, func(*chart.Chart) (chart.Values, hcl.Diagnostics) { return t.values(req.Config) })
	out = append(out, definitionsRight("see who keeps the Gateway API", "httproutes."+gatewayGroup, "grpcroutes."+gatewayGroup, "tlsroutes."+gatewayGroup, "tcproutes."+gatewayGroup))
	for _, k := range linkerdKinds() {
		out = append(out, providers.Right{For: providers.ForPlan, Group: k.Group, Kind: k.Kind, Namespace: kube.AnyNamespace, Verbs: []string{"list"},
			Why: "see which objects a deletion of the definitions would take along"})
	}
	return out, ds
}

func definitionsRight(why string, names ...string) providers.Right {
	return kube.ReadRight(providers.ForDrift, "get", "apiextensions.k8s.io", "customresourcedefinitions", "", why, names...)
}

// Permit implements providers.Permitter.
func (t *certified) Permit(ctx context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	k := t.keeper(req.Config)
	out, ds := t.rights(ctx, req, &kube.WaitOptions{Rollout: true}, func(c *chart.Chart) (chart.Values, hcl.Diagnostics) {
		return t.product.buildValues(c, req.Config, req.Lineage, k.states(cty.NullVal(cty.Map(hookType()))))
	})
	var secrets []kube.Desired
	for _, w := range k.hooks {
		if u, err := k.secret(w, nil, hookState{}); err == nil {
			secrets = append(secrets, kube.Desired{Object: u})
		}
	}
	out = append(out, t.env.Cluster().ObjectRights(secrets, kube.SetOptions{}, nil)...)
	if u := t.product.mark(req.Config); u != nil {
		out = append(out, t.env.Cluster().ObjectRights(kube.Objects(u), kube.SetOptions{Partial: true}, nil)...)
	}
	return append(out, t.product.permits(req)...), ds
}

func (t *controlPlane) permits(req providers.PermitRequest) []providers.Right {
	const why = "see what would make the control plane fail"
	ns := t.env.Namespace()
	issuer := kube.ReadRight(providers.ForPlan, "get", "", "secrets", ns, "see whether an anchor that leaves the bundle is still needed", certs.IssuerName)
	plugin := kube.ReadRight(providers.ForPlan, "list", "apps", "daemonsets", kube.AnyNamespace, "see whether the CNI plugin is there")
	issuer.Rare, plugin.Rare = true, true // only when an anchor leaves, or with the plugin
	out := append(certs.RefusalRights(providers.ForDrift, t.env), kube.VersionRight(),
		kube.ReadRight(providers.ForPlan, "get", "", "namespaces", "", why, t.namespace(req.Config)),
		kube.ReadRight(providers.ForPlan, "list", "", "nodes", "", why),
		kube.ReadRight(providers.ForPlan, "get", "", "configmaps", ns, "see which release runs and what proxies trust", env.ConfigName, certs.TrustRootsName),
		kube.ReadRight(providers.ForPlan, "list", "", "pods", kube.AnyNamespace, "see which proxies depend on it"),
		definitionsRight("see whether the definitions are older", "servers.policy.linkerd.io"),
		issuer, plugin)
	if schema.True(req.Config.GetAttr("probe_injector")) && !req.Deleting {
		probed := kube.ReadRight(providers.ForApply, "create", "", "pods", schema.Text(req.Config.GetAttr("probe_namespace")), "ask the injector by dry run")
		if probed.Namespace == "" {
			probed.Namespace = kube.AnyNamespace
		}
		out = append(out, probed, kube.ReadRight(providers.ForApply, "get", "", "configmaps", ns, "compare the injector's trust anchors", certs.TrustRootsName))
	}
	return out
}

func (t *extension) permits(req providers.PermitRequest) []providers.Right {
	return []providers.Right{
		kube.ReadRight(providers.ForPlan, "list", "", "namespaces", "", "see where extensions are installed"),
		kube.ReadRight(providers.ForPlan, "get", "", "configmaps", t.env.Namespace(), "see which release runs", env.ConfigName),
		kube.ReadRight(providers.ForApply, "list", "", "pods", t.namespace(req.Config), "see its pods go"),
	}
}

func (t *cniPlugin) permits(req providers.PermitRequest) []providers.Right {
	return []providers.Right{
		kube.ReadRight(providers.ForPlan, "get", "", "namespaces", "", "see whether the namespace admits the plugin", t.namespace(req.Config)),
		kube.ReadRight(providers.ForApply, "list", "", "pods", kube.AnyNamespace, "see which pods rely on the plugin"),
	}
}

// Permit implements providers.Permitter.
func (s *checkSource) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	return CheckRights(providers.ForPlan, s.env, schema.True(req.Config.GetAttr("preflight"))), nil
}

// CheckRights says what RunChecks needs, before an installation or after it.
func CheckRights(purpose providers.Purpose, e env.Env, preflight bool) []providers.Right {
	const why = "check the mesh"
	ns := e.Namespace()
	out := []providers.Right{kube.VersionRight(), kube.ReadRight(purpose, "get", "", "namespaces", "", why, ns), kube.ReadRight(purpose, "list", "", "nodes", "", why)}
	if preflight {
		review := kube.ReadRight(purpose, "create", "authorization.k8s.io", "selfsubjectaccessreviews", "", "ask what the credentials may do")
		return append(out, review, kube.ReadRight(purpose, "list", "", "configmaps", kube.AnyNamespace, "see whether Linkerd is installed already"))
	}
	out = append(out, certs.InventoryRights(purpose, e)...)
	for _, r := range checkedObjects(ns) {
		out = append(out, providers.Right{For: purpose, Group: r.Group, Version: r.Version, Kind: r.Kind, Namespace: r.Namespace, Names: []string{r.Name}, Verbs: []string{"get"}, Why: why})
	}
	ha := kube.ReadRight(purpose, "get", "apps", "deployments", ns, "check high availability", "linkerd-destination", "linkerd-identity", "linkerd-proxy-injector")
	cni := kube.ReadRight(purpose, "list", "apps", "daemonsets", kube.AnyNamespace, "check the CNI plugin")
	ha.Rare, cni.Rare = true, true // only where these are switched on
	return append(out, ha, cni,
		kube.ReadRight(purpose, "get", "", "configmaps", ns, why, env.ConfigName),
		kube.ReadRight(purpose, "list", "apps", "replicasets", ns, why),
		kube.ReadRight(purpose, "list", "", "namespaces", "", why),
		kube.ReadRight(purpose, "list", "", "pods", kube.AnyNamespace, why),
		kube.ReadRight(purpose, "list", "", "services", kube.AnyNamespace, why))
}
