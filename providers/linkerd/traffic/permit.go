package traffic

import (
	"cmp"
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

// looks returns a Looks function: what judging routes and annotations reads.
func looks(routes ...[2]string) func(cty.Value) []providers.Right {
	return func(v cty.Value) []providers.Right {
		const why = "see what else routes these calls"
		in := cmp.Or(schema.Text(v.GetAttr("namespace")), kube.AnyNamespace)
		out := []providers.Right{kube.ReadRight(providers.ForPlan, "list", "", "services", in, "see the Services that it is about")}
		for _, r := range routes {
			out = append(out, providers.Right{For: providers.ForPlan, Group: r[0], Kind: r[1], Namespace: in, Verbs: []string{"list"}, Why: why, Rare: r[0] == gatewayGroup})
		}
		return out
	}
}

// The kinds that judging may read.
var (
	profiles      = [2]string{"linkerd.io", "ServiceProfile"}
	grpcRoutes    = [2]string{gatewayGroup, "GRPCRoute"}
	httpRoutes    = [2]string{policyGroup, "HTTPRoute"}
	gatewayRoutes = [2]string{gatewayGroup, "HTTPRoute"}
	tlsRoutes     = [2]string{gatewayGroup, "TLSRoute"}
	tcpRoutes     = [2]string{gatewayGroup, "TCPRoute"}
)

// Permit implements providers.Permitter.
func (t split) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	ns := schema.Text(req.Config.GetAttr("namespace"))
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetAPIVersion(policyGroup + "/v1beta3")
	if schema.Text(req.Config.GetAttr("api")) == gatewayGroup {
		u.SetAPIVersion(gatewayGroup + "/v1")
	}
	u.SetKind("HTTPRoute")
	u.SetNamespace(ns)
	u.SetName(cmp.Or(schema.Text(req.Config.GetAttr("name")), schema.Text(req.Config.GetAttr("service"))))
	d := kube.Desired{Object: u}
	for _, name := range []string{"namespace", "name"} {
		if !req.Config.GetAttr(name).IsKnown() && (name != "name" || u.GetName() == "") {
			d.Unknown = append(d.Unknown, kube.Path{"metadata", name})
		}
	}
	out := t.env.Cluster().ObjectRights([]kube.Desired{d}, splitOptions(req.Config), nil)
	if req.Deleting {
		return out, nil
	}
	out = append(out, looks(profiles, grpcRoutes)(req.Config)...)
	if canary := req.Config.GetAttr("canary"); !canary.IsNull() {
		out = append(out, mesh.ObserveRights(providers.ForApply, ns)...)
		out = append(out, kube.ForwardRight(providers.ForApply, ns, "measure how the canary does"))
	}
	return out, nil
}

// looksOfRetries is the Looks function of retries: of a Service or of a route.
func looksOfRetries(v cty.Value) []providers.Right {
	if gvk := annotated(v); gvk.Group != "" {
		return looks([2]string{gvk.Group, gvk.Kind})(v)
	}
	return looks(profiles)(v)
}
