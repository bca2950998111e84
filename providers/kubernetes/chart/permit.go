package chart

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

var _ providers.Permitter = (*resourceType)(nil)

// Rights says what a set needs for a rendering and for what is recorded (the `objects` attribute, of which parts that
// the chart does not render any more are deleted). A nil rendering means that it is not known.
func (s *Set) Rights(owner providers.Owner, r *Rendered, recorded cty.Value) ([]providers.Right, hcl.Diagnostics) {
	all := s.placed(r)
	s.Cluster.Announce(owner, all)
	known := map[kube.ID]bool{}
	for _, d := range all {
		known[kube.RefOf(d.Object).ID()] = true
	}
	was := recordedObjects(recorded)
	for _, key := range sortedKeys(was) {
		d, ds := recordedDesired(was[key])
		if ds.HasErrors() {
			return nil, ds
		}
		if !known[kube.RefOf(d.Object).ID()] {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return nil, hcl.Diagnostics{diag.Warningf(kube.CodeKindUnknown, "Rights are not known",
			"What the chart renders depends on values that are known only after apply, so the rights of its objects are missing.")}
	}
	out := s.Cluster.ObjectRights(all, s.Options, s.Wait)
	return append(out, kube.VersionRight()), nil
}

// placed are the objects of a rendering in their namespaces; none for nil.
func (s *Set) placed(r *Rendered) (out []kube.Desired) {
	if r == nil {
		return nil
	}
	scopes := scopesOf(r.All())
	for _, u := range r.All() {
		u = u.DeepCopy()
		if namespaced, own := scopes[u.GroupVersionKind().GroupKind()]; u.GetNamespace() == "" && (namespaced || !own && s.Cluster.Namespaced(u.GroupVersionKind().GroupKind())) {
			u.SetNamespace(s.Namespace)
		}
		out = append(out, kube.Desired{Object: u})
	}
	return out
}

// Permit implements providers.Permitter. It loads and renders the chart, as a plan does.
func (t *resourceType) Permit(ctx context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	recorded, _ := req.Config.GetAttr("objects").UnmarkDeep()
	if req.Deleting {
		return t.set(req.Config).Rights(req.Owner, nil, recorded)
	}
	c, ds := t.load(ctx, req.Config, "", false)
	if ds.HasErrors() {
		return nil, ds
	}
	var rendered *Rendered
	if c != nil {
		var more hcl.Diagnostics
		rendered, more = t.render(ctx, c, req.Config, view{})
		if ds = append(ds, more...); ds.HasErrors() {
			return nil, ds
		}
	}
	rights, more := t.set(req.Config).Rights(req.Owner, rendered, recorded)
	return rights, append(ds, more...)
}
