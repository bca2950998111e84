package install

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Claim implements providers.Claimer: for the chart's objects, the webhooks' Secrets and the labels on the namespace.
func (t *charted) Claim(ctx context.Context, req providers.ClaimRequest) (providers.ClaimResponse, hcl.Diagnostics) {
	p, ds := decodePrivate(req.Private)
	if ds.HasErrors() {
		return providers.ClaimResponse{Private: req.Private}, ds
	}
	claim := func(record []byte, o kube.SetOptions) []byte {
		if ds.HasErrors() {
			return record
		}
		record, more := t.env.Cluster().ClaimSet(ctx, req.Owner, record, o)
		ds = append(ds, more...)
		return record
	}
	p.Chart = claim(p.Chart, kube.SetOptions{})
	for name, hook := range p.Hooks {
		p.Hooks[name] = claim(hook, kube.SetOptions{})
	}
	p.Mark = claim(p.Mark, markOptions(req.Owner))
	return providers.ClaimResponse{Private: p.encode()}, ds
}

// Release implements providers.Releaser. The labels on the namespace stay: they bear no mark.
func (t *charted) Release(ctx context.Context, req providers.ClaimRequest) hcl.Diagnostics {
	p, ds := decodePrivate(req.Private)
	if ds.HasErrors() {
		return ds
	}
	for _, record := range append(slices.Collect(maps.Values(p.Hooks)), p.Chart) {
		if ds = append(ds, t.env.Cluster().ReleaseSet(ctx, req.Owner, record, kube.SetOptions{})...); ds.HasErrors() {
			return ds
		}
	}
	return ds
}
