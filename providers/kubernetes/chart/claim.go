package chart

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Claim implements providers.Claimer.
func (t *resourceType) Claim(ctx context.Context, req providers.ClaimRequest) (providers.ClaimResponse, hcl.Diagnostics) {
	record, ds := t.set(req.Value).Cluster.ClaimSet(ctx, req.Owner, req.Private, kube.SetOptions{})
	return providers.ClaimResponse{Private: record}, ds
}

// Release implements providers.Releaser.
func (t *resourceType) Release(ctx context.Context, req providers.ClaimRequest) hcl.Diagnostics {
	return t.set(req.Value).Cluster.ReleaseSet(ctx, req.Owner, req.Private, kube.SetOptions{})
}
