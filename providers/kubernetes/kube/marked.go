package kube

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// CodeNotListed: objects of a kind could not be listed, so a search may be incomplete.
const CodeNotListed diag.Code = "k8s.not-listed"

// Marked finds all objects that bear an ownership mark, by one metadata LIST for each kind that the server serves. An
// object that is served under several groups is listed once.
func (c *Cluster) Marked(ctx context.Context) (out []providers.Marked, ds hcl.Diagnostics) {
	kinds, err := c.Kinds(ctx)
	if err != nil {
		return nil, c.Diagnose(err, "list", Ref{})
	}
	seen := map[string]bool{} // by UID
	for _, m := range kinds {
		var list []*metav1.PartialObjectMetadata
		err := c.retry(ctx, func() (err error) {
			list, err = c.listMetadata(ctx, m, ListOptions{Labels: LabelState})
			return err
		})
		switch {
		case apierrors.IsNotFound(err), apierrors.IsMethodNotSupported(err): // a kind without objects, such as a review
			continue
		case ctx.Err() != nil:
			return nil, c.Diagnose(err, "list", Ref{})
		case err != nil:
			ds = append(ds, diag.Warningf(CodeNotListed, "Objects could not be listed",
				"Objects of the kind %s in the group %q could not be listed, so those that are ours are not found: %s.", m.GVK.Kind, m.GVK.Group, err))
			continue
		}
		for _, o := range list {
			lineage, address, ok := strings.Cut(o.Annotations[AnnotationOwner], "/")
			a, err := addr.Parse(address)
			if !ok || err != nil || seen[string(o.UID)] {
				continue
			}
			seen[string(o.UID)] = true
			name := o.Name
			if o.Namespace != "" {
				name = o.Namespace + "/" + o.Name
			}
			out = append(out, providers.Marked{Owner: providers.Owner{Lineage: lineage, Address: a},
				IDs: []string{m.GVK.GroupVersion().String() + "/" + m.GVK.Kind + "/" + name, name}})
		}
	}
	slices.SortFunc(out, func(a, b providers.Marked) int {
		if d := strings.Compare(a.Lineage, b.Lineage); d != 0 {
			return d
		}
		if d := addr.Compare(a.Address, b.Address); d != 0 {
			return d
		}
		return strings.Compare(a.IDs[0], b.IDs[0])
	})
	return out, ds
}
