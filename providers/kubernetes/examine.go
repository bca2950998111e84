package kubernetes

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Examine implements providers.Examiner: the version, for people to compare.
func (p *provider) Examine(ctx context.Context) ([]providers.Examination, hcl.Diagnostics) {
	c := p.cluster()
	version, err := c.Version(ctx)
	if err != nil {
		return nil, c.Diagnose(err, "get", kube.Ref{Version: "v1", Kind: "Version", Name: "(of the server)"})
	}
	return []providers.Examination{{Health: providers.Fit, Text: "Kubernetes " + version}}, nil
}
