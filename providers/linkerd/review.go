package linkerd

import (
	"context"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Review implements providers.Reviewer: it judges the policy of the namespaces in which the plan changes some.
func (p *provider) Review(ctx context.Context) hcl.Diagnostics {
	namespaces := append(p.world.Changed(), p.manifests.namespaces()...)
	slices.Sort(namespaces)
	if namespaces = slices.Compact(namespaces); len(namespaces) == 0 {
		return nil
	}
	ds, err := p.world.Review(ctx, p.env(), namespaces)
	if err != nil {
		return append(ds, p.cluster().Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Pod"})...)
	}
	return ds
}
