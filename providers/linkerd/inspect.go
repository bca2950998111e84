package linkerd

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/install"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/policy"
)

// Inspect implements providers.Inspector: each package looks for the drift of what it knows. An error of one does not hide
// what the others find.
func (p *provider) Inspect(ctx context.Context, req providers.InspectRequest) (out providers.Inspection, ds hcl.Diagnostics) {
	for _, inspect := range []func(context.Context, env.Env, providers.InspectRequest) (providers.Inspection, hcl.Diagnostics){
		mesh.Inspect, policy.Inspect, install.Inspect, p.inspectCertificates,
	} {
		found, more := inspect(ctx, p.env(), req)
		out.Add(found)
		ds = append(ds, more...)
	}
	return out, ds
}

func (p *provider) inspectCertificates(ctx context.Context, e env.Env, req providers.InspectRequest) (providers.Inspection, hcl.Diagnostics) {
	return certs.Inspect(ctx, e, req, p.now())
}
