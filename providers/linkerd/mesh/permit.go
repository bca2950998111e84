package mesh

import (
	"cmp"
	"context"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// ObserveRights says what Observe needs; an empty namespace is one that is not known yet.
func ObserveRights(purpose providers.Purpose, namespace string) []providers.Right {
	const why = "see workloads and their pods"
	ns := kube.ReadRight(purpose, "get", "", "namespaces", "", why)
	if namespace != "" {
		ns.Names = []string{namespace}
	}
	out := []providers.Right{ns, kube.ReadRight(purpose, "list", "", "pods", cmp.Or(namespace, kube.AnyNamespace), why)}
	for _, resource := range []string{"deployments", "replicasets", "statefulsets", "daemonsets"} {
		out = append(out, kube.ReadRight(purpose, "list", "apps", resource, cmp.Or(namespace, kube.AnyNamespace), why))
	}
	return out
}

// WantRights says what LoadWant needs.
func WantRights(purpose providers.Purpose, e env.Env) []providers.Right {
	return []providers.Right{kube.ReadRight(purpose, "get", "", "configmaps", e.Namespace(), "know what a proxy must be like", "linkerd-identity-trust-roots", env.ConfigName)}
}

// Permit implements providers.Permitter.
func (t injection) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	ns := schema.Text(req.Config.GetAttr("namespace"))
	in := cmp.Or(ns, kube.AnyNamespace)
	const inspects = "find what is, or should be, meshed anywhere" // Inspect looks beyond the namespaces of the configuration
	out := append(ObserveRights(providers.ForDrift, ns), WantRights(providers.ForDrift, t.env)...)
	for _, r := range ObserveRights(providers.ForDrift, "") {
		r.Why = inspects
		out = append(out, r)
	}
	out = append(out,
		kube.ReadRight(providers.ForPlan, "list", "", "services", in, "see what would break with a proxy"),
		kube.ReadRight(providers.ForPlan, "list", "networking.k8s.io", "networkpolicies", in, "see what would break with a proxy"),
		kube.ReadRight(providers.ForDrift, "list", "", "namespaces", "", inspects),
		kube.ReadRight(providers.ForDrift, "list", "", "services", kube.AnyNamespace, inspects),
		kube.ReadRight(providers.ForDrift, "list", "networking.k8s.io", "networkpolicies", kube.AnyNamespace, inspects),
		kube.ReadRight(providers.ForApply, "create", "", "pods", in, "ask the injector by dry run, before anything restarts"),
	)
	whole := req.Config.GetAttr("workloads")
	if whole.IsNull() {
		for _, resource := range []string{"cronjobs", "jobs"} {
			r := kube.ReadRight(providers.ForPlan, "list", "batch", resource, in, "see which Jobs get a proxy")
			r.Rare = true // not when the plan makes the namespace
			out = append(out, r)
		}
		annotate := kube.ReadRight(providers.ForApply, "patch", "", "namespaces", "", "annotate the namespace")
		if ns != "" {
			annotate.Names = []string{ns}
		}
		out = append(out, annotate)
	}
	if slices.ContainsFunc(schema.Texts(whole), isCronJob) {
		out = append(out, kube.ReadRight(providers.ForDrift, "list", "batch", "cronjobs", in, "see the CronJobs that are named"),
			kube.ReadRight(providers.ForApply, "patch", "batch", "cronjobs", in, "annotate the templates of CronJobs"))
	}
	for _, resource := range []string{"deployments", "statefulsets", "daemonsets"} {
		out = append(out, kube.ReadRight(providers.ForApply, "patch", "apps", resource, in, "restart the workloads"))
		out = append(out, kube.ReadRight(providers.ForApply, "get", "apps", resource, in, "see whether one restarts by itself when it leaves the mesh"))
	}
	return out, nil
}
