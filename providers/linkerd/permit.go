package linkerd

import (
	"context"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/policy"
)

var _ providers.Authorizer = (*provider)(nil)

// Location implements providers.Locator.
func (p *provider) Location() string { return p.cluster().Location() }

// Place implements providers.Authorizer.
func (p *provider) Place() string { return p.cluster().Place() }

// Ask implements providers.Asker.
func (p *provider) Ask(ctx context.Context, right providers.Right) (bool, hcl.Diagnostics) {
	return p.cluster().Ask(ctx, right)
}

// Scope implements providers.Scoper.
func (p *provider) Scope() string { return p.cluster().Scope() }

// Authorize implements providers.Authorizer. Policies that stand in plain manifests are reviewed as those of this provider's types
// are, and it is this provider that looks around them.
func (p *provider) Authorize(ctx context.Context, rights []providers.Right) ([]providers.Right, hcl.Diagnostics) {
	out := slices.Clone(rights)
	for _, namespace := range p.manifests.namespaces() {
		for _, r := range policy.ReviewRights(p.env(), namespace) {
			r.For = max(r.For, providers.ForPlan) // who looks for drift judges what types of this provider have recorded
			out = append(out, r)
		}
	}
	return p.cluster().Authorize(ctx, out)
}
