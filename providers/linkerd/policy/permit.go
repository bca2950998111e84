package policy

import (
	"cmp"
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

// AroundRights says what looking at the policy of a namespace needs, and at the workloads that it is about; an empty
// namespace is one that is not known yet.
func AroundRights(e env.Env, namespace string) []providers.Right {
	const why = "see the policy around it"
	out := []providers.Right{kube.ReadRight(providers.ForDrift, "get", "", "configmaps", e.Namespace(), why, env.ConfigName)}
	for _, k := range policyKinds() {
		in := cmp.Or(namespace, kube.AnyNamespace)
		if k.everywhere {
			in = kube.AnyNamespace
		}
		out = append(out, providers.Right{For: providers.ForDrift, Group: k.Group, Kind: k.Kind, Namespace: in, Verbs: []string{"list"}, Why: why, Rare: k.Group == gatewayGroup})
	}
	return append(out, mesh.ObserveRights(providers.ForDrift, namespace)...)
}

// ReviewRights says what judging the policy that a plan makes of a namespace needs: what is around it, and who calls now.
func ReviewRights(e env.Env, namespace string) []providers.Right {
	return append(AroundRights(e, namespace), kube.ForwardRight(providers.ForChecks, namespace, "ask the proxies who would be refused"))
}

// reviewed are the rights of a type whose objects are reviewed.
func reviewed(e env.Env) func(cty.Value) []providers.Right {
	return func(v cty.Value) []providers.Right { return ReviewRights(e, schema.Text(v.GetAttr("namespace"))) }
}

// Permit implements providers.Permitter. The Servers are named after workloads and ports, which are found during the plan.
func (t inbound) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	ns := schema.Text(req.Config.GetAttr("namespace"))
	out := append(AroundRights(t.env, ns), kube.ForwardRight(providers.ForChecks, ns, "measure who is let in and who is refused"))
	for _, r := range []struct {
		purpose providers.Purpose
		verb    string
	}{
		{providers.ForDrift, "get"}, {providers.ForDrift, "list"}, {providers.ForChecks, "patch"}, {providers.ForChecks, "create"},
		{providers.ForApply, "delete"}, {providers.ForApply, "watch"},
	} {
		out = append(out, providers.Right{For: r.purpose, Group: policyGroup, Kind: "Server", Namespace: cmp.Or(ns, kube.AnyNamespace), Verbs: []string{r.verb}, Why: "the Servers that it makes"})
	}
	return out, nil
}

// Permit implements providers.Permitter.
func (s source) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	return AroundRights(s.env, schema.Text(req.Config.GetAttr("namespace"))), nil
}

// looksAtLimits is the Looks function of rate limits.
func looksAtLimits(e env.Env) func(cty.Value) []providers.Right {
	return func(v cty.Value) []providers.Right {
		namespace := schema.Text(v.GetAttr("namespace"))
		other := providers.Right{For: providers.ForPlan, Group: policyGroup, Kind: "HTTPLocalRateLimitPolicy", Namespace: cmp.Or(namespace, kube.AnyNamespace), Verbs: []string{"list"}, Why: "see other limits"}
		return append(AroundRights(e, namespace), other)
	}
}

// looksAtEgress is the Looks function of egress networks.
func looksAtEgress(e env.Env) func(cty.Value) []providers.Right {
	return func(v cty.Value) []providers.Right {
		namespace := schema.Text(v.GetAttr("namespace"))
		out := []providers.Right{kube.ReadRight(providers.ForPlan, "get", "", "configmaps", e.Namespace(), "know the cluster's networks", env.ConfigName)}
		for _, gk := range egressRoutes {
			out = append(out, providers.Right{For: providers.ForPlan, Group: gk.Group, Kind: gk.Kind, Namespace: cmp.Or(namespace, kube.AnyNamespace), Verbs: []string{"list"}, Why: "see which routes admit traffic", Rare: gk.Group == gatewayGroup})
		}
		return out
	}
}
