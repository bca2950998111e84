package kubernetes

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
)

// Claim implements providers.Claimer: it writes the owner's mark. Types that only add fields to objects of others have
// no mark on them.
func (s *single) Claim(ctx context.Context, req providers.ClaimRequest) (providers.ClaimResponse, hcl.Diagnostics) {
	rec, ds := recordOf(req.Private)
	if ds.HasErrors() || len(rec.Objects) == 0 || s.options(req.Value, req.Owner).Partial {
		return providers.ClaimResponse{Private: req.Private}, ds
	}
	ds = append(ds, s.cluster().Claim(ctx, req.Owner, rec.Objects[0])...)
	return providers.ClaimResponse{Private: req.Private}, ds
}
