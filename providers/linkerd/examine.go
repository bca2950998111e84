package linkerd

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/install"
)

// Examine implements providers.Examiner: the control plane and its certificates.
func (p *provider) Examine(ctx context.Context) ([]providers.Examination, hcl.Diagnostics) {
	return install.Examine(ctx, p.env(), p.now())
}
