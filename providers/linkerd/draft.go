package linkerd

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/draft"
	"github.com/meshplan/meshplan/providers/linkerd/policy"
)

// Draft writes a rollout for what runs in a namespace: files of HCL by name, not yet formatted. Charts come from chartDir,
// a directory below the rollout's, or from Linkerd's repository when that is empty; kubeContext is the default of the
// variable that names the context. It reads the cluster and writes nothing to it.
func (p *provider) Draft(ctx context.Context, namespace, chartDir, kubeContext string) (map[string][]byte, hcl.Diagnostics) {
	c := p.cluster()
	facts, exists, err := draft.Survey(ctx, c, p.env(), p.settings.clusterDomain, namespace)
	switch {
	case err != nil:
		return nil, c.Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Namespace", Name: namespace})
	case !exists:
		return nil, hcl.Diagnostics{diag.Errorf(policy.CodeNoNamespace, "Namespace does not exist", "There is no namespace %q in this cluster. Correct the name, or choose another context.", namespace)}
	}
	return draft.Write(facts, draft.Charts{Dir: chartDir, Context: kubeContext}), nil
}
