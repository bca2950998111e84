package typed

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
)

// Claim implements providers.Claimer.
func (t Type) Claim(ctx context.Context, req providers.ClaimRequest) (providers.ClaimResponse, hcl.Diagnostics) {
	record, ds := t.Env.Cluster().ClaimSet(ctx, req.Owner, req.Private, t.options(req.Value, req.Owner))
	return providers.ClaimResponse{Private: record}, ds
}

// Release implements providers.Releaser.
func (t Type) Release(ctx context.Context, req providers.ClaimRequest) hcl.Diagnostics {
	return t.Env.Cluster().ReleaseSet(ctx, req.Owner, req.Private, t.options(req.Value, req.Owner))
}
