package policy

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Claim implements providers.Claimer.
func (t inbound) Claim(ctx context.Context, req providers.ClaimRequest) (providers.ClaimResponse, hcl.Diagnostics) {
	res := providers.ClaimResponse{Private: req.Private}
	record, err := decodeInbound(req.Private)
	if err != nil {
		return res, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	_, ds := t.env.Cluster().ClaimSet(ctx, req.Owner, record.Set.Encode(), kube.SetOptions{}) // whose record stays as it is
	return res, ds
}

// Release implements providers.Releaser.
func (t inbound) Release(ctx context.Context, req providers.ClaimRequest) hcl.Diagnostics {
	record, err := decodeInbound(req.Private)
	if err != nil {
		return diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	return t.env.Cluster().ReleaseSet(ctx, req.Owner, record.Set.Encode(), kube.SetOptions{})
}
