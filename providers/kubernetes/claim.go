package kubernetes

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Claim implements providers.Claimer: it writes the owner's mark. Types that only add fields to objects of others have
// no mark on them: their fields go over to the field manager of the new address.
func (s *single) Claim(ctx context.Context, req providers.ClaimRequest) (providers.ClaimResponse, hcl.Diagnostics) {
	o := s.options(req.Value, req.Owner)
	record, ds := s.cluster().ClaimSet(ctx, req.Owner, req.Private, o)
	rec, more := recordOf(record)
	if ds = append(ds, more...); ds.HasErrors() || !o.Partial || len(rec.Objects) == 0 {
		return providers.ClaimResponse{Private: req.Private}, ds
	}
	return providers.ClaimResponse{Private: s.resealed(rec, req.Private)}, ds
}

// resealer is the part of a form that keeps more than the record, and takes it over from what was recorded before.
type resealer interface {
	reseal(rec kube.Record, was []byte) []byte
}

func (s *single) resealed(rec kube.Record, was []byte) []byte {
	if f, ok := s.form.(resealer); ok {
		return f.reseal(rec, was)
	}
	return rec.Encode()
}

// Release implements providers.Releaser.
func (s *single) Release(ctx context.Context, req providers.ClaimRequest) hcl.Diagnostics {
	return s.cluster().ReleaseSet(ctx, req.Owner, req.Private, s.options(req.Value, req.Owner))
}
