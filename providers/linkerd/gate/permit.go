package gate

import (
	"context"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/install"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

// Permit implements providers.Permitter: a gate reads what its statement is about, while it proves it and, with
// recheck, in every plan.
func (t gate) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	if req.Deleting {
		return nil, nil
	}
	expect, ns := schema.Text(req.Config.GetAttr("expect")), schema.Text(req.Config.GetAttr("namespace"))
	purpose := providers.ForApply
	if schema.True(req.Config.GetAttr("recheck")) && !watchesTraffic(expect) {
		purpose = providers.ForDrift
	}
	states := func() []providers.Right {
		return append(mesh.ObserveRights(purpose, ns), mesh.WantRights(purpose, t.env)...)
	}
	forward := kube.ForwardRight(purpose, ns, "measure at the proxies")
	switch expect {
	case expectCertificates:
		out := certs.InventoryRights(purpose, t.env)
		if req.Config.GetAttr("namespace").IsNull() {
			return out, nil
		}
		return slices.Concat(out, states(), []providers.Right{forward}), nil
	case expectChecks:
		return install.CheckRights(purpose, t.env, false), nil
	case expectMTLS, expectSuccess:
		return append(states(), forward), nil
	}
	return states(), nil
}

// Permit implements providers.Permitter.
func (s mtlsSource) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	return measuring(req.Config), nil
}

// Permit implements providers.Permitter.
func (s edgesSource) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	return measuring(req.Config), nil
}

func measuring(config cty.Value) []providers.Right {
	ns := schema.Text(config.GetAttr("namespace"))
	return append(mesh.ObserveRights(providers.ForPlan, ns), kube.ForwardRight(providers.ForPlan, ns, "measure at the proxies"))
}
