package typed

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Permit implements providers.Permitter.
func (t Type) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	d, _ := t.desired(req.Config, t.choose(req.Config))
	for _, name := range []string{"namespace", "name"} {
		if !req.Config.GetAttr(name).IsKnown() {
			d.Unknown = append(d.Unknown, kube.Path{"metadata", name})
		}
	}
	out := t.Env.Cluster().ObjectRights([]kube.Desired{d}, t.options(req.Config, req.Owner), nil)
	if t.Looks != nil && !req.Deleting {
		out = append(out, t.Looks(req.Config)...)
	}
	return out, nil
}
