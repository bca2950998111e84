package linkerd

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
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

// Authorize implements providers.Authorizer.
func (p *provider) Authorize(ctx context.Context, rights []providers.Right) ([]providers.Right, hcl.Diagnostics) {
	return p.cluster().Authorize(ctx, rights)
}
