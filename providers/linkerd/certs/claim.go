package certs

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Claim implements providers.Claimer.
func (t *anchorResource) Claim(ctx context.Context, req providers.ClaimRequest) (providers.ClaimResponse, hcl.Diagnostics) {
	record, ds := t.env.Cluster().ClaimSet(ctx, req.Owner, req.Private, kube.SetOptions{})
	return providers.ClaimResponse{Private: record}, ds
}

// Claim implements providers.Claimer.
func (t *issuerResource) Claim(ctx context.Context, req providers.ClaimRequest) (providers.ClaimResponse, hcl.Diagnostics) {
	p, ds := decodeIssuerPrivate(req.Private)
	if ds.HasErrors() {
		return providers.ClaimResponse{Private: req.Private}, ds
	}
	_, ds = t.env.Cluster().ClaimSet(ctx, req.Owner, p.Set, kube.SetOptions{}) // whose record stays as it is
	return providers.ClaimResponse{Private: req.Private}, ds
}

// Release implements providers.Releaser.
func (t *anchorResource) Release(ctx context.Context, req providers.ClaimRequest) hcl.Diagnostics {
	return t.env.Cluster().ReleaseSet(ctx, req.Owner, req.Private, kube.SetOptions{})
}

// Release implements providers.Releaser.
func (t *issuerResource) Release(ctx context.Context, req providers.ClaimRequest) hcl.Diagnostics {
	p, ds := decodeIssuerPrivate(req.Private)
	if ds.HasErrors() {
		return ds
	}
	return t.env.Cluster().ReleaseSet(ctx, req.Owner, p.Set, kube.SetOptions{})
}
