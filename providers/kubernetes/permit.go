package kubernetes

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

var (
	_ providers.Authorizer = (*provider)(nil)
	_ providers.Permitter  = (*single)(nil)
)

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

// Permit implements providers.Permitter.
func (s *single) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	d, ds := s.desired(req.Config)
	if ds.HasErrors() {
		return nil, ds
	}
	if d.Object.GetKind() == "" {
		return nil, append(ds, diag.Warningf(kube.CodeKindUnknown, "Rights are not known", "Which kind of object %s makes is known only after apply, so its rights are missing.", req.Address))
	}
	if !req.Deleting {
		s.cluster().Announce(req.Owner, []kube.Desired{d})
	}
	return s.cluster().ObjectRights([]kube.Desired{d}, s.options(req.Config, req.Owner), s.waits(req.Config)), ds
}

// Permit implements providers.Permitter.
func (n *namespace) Permit(ctx context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	out, ds := n.single.Permit(ctx, req)
	if schema.Text(req.Config.GetAttr("on_destroy")) != kube.OnDestroyOrphan && !schema.True(req.Config.GetAttr("force_delete_contents")) {
		out = append(out, kube.NamespaceContentRights(schema.Text(req.Config.GetAttr("name")))...)
	}
	return out, ds
}

// Permit implements providers.Permitter.
func (r *restart) Permit(ctx context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	out, ds := r.single.Permit(ctx, req)
	ref := workloadOf(req.Config)
	if !req.Config.GetAttr("namespace").IsKnown() {
		ref.Namespace = kube.AnyNamespace
	}
	return append(out, kube.RestartRights(ref)...), ds
}

// Permit implements providers.Permitter.
func (s *objectSource) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	right, ds := sourceRight(req.Config, "get")
	if name := schema.Text(req.Config.GetAttr("name")); name != "" {
		right.Names = []string{name}
	}
	return []providers.Right{right}, ds
}

// Permit implements providers.Permitter.
func (s *objectsSource) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	right, ds := sourceRight(req.Config, "list")
	if right.Namespace == "" {
		right.Namespace = kube.AnyNamespace
	}
	return []providers.Right{right}, ds
}

// sourceRight is a right to read what a data source names.
func sourceRight(config cty.Value, verb string) (providers.Right, hcl.Diagnostics) {
	gvk, ds := kindOf(config)
	right := providers.Right{For: providers.ForPlan, Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind, Verbs: []string{verb}, Why: "read"}
	right.Namespace = schema.Text(config.GetAttr("namespace"))
	if !config.GetAttr("namespace").IsKnown() {
		right.Namespace = kube.AnyNamespace
	}
	return right, ds
}

// Permit implements providers.Permitter.
func (s *clusterSource) Permit(context.Context, providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	return []providers.Right{kube.VersionRight()}, nil
}
