package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// review lets the providers judge the plan as a whole. A finding that names an instance is placed at its block.
func (p *planner) review(ctx context.Context) (ds hcl.Diagnostics) {
	for _, key := range slices.Sorted(maps.Keys(p.providers)) {
		prov := p.providers[key]
		r, ok := prov.instance.(providers.Reviewer)
		if !ok || prov.pending {
			continue
		}
		for _, d := range r.Review(ctx) {
			if i := p.named(diag.AddressOf(d)); i != nil {
				ds = append(ds, i.place(hcl.Diagnostics{d})...)
				continue
			}
			ds = append(ds, prov.place(hcl.Diagnostics{d})...)
		}
	}
	return ds
}

// named returns the instance of an address; nil when there is none.
func (p *planner) named(text string) *instance {
	a, err := addr.Parse(text)
	if text == "" || err != nil {
		return nil
	}
	if r := p.resources[a.Resource]; r != nil {
		return r.byKey[a.Key]
	}
	return nil
}
