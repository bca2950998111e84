package kube

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// CodeClaim: an object does not get its owner's mark.
const CodeClaim diag.Code = "k8s.claim"

// Claim writes the owner's marks on an object and nothing else. An object of another UID is refused, and so is one that
// another state owns. It is idempotent.
func (c *Cluster) Claim(ctx context.Context, owner providers.Owner, o ObjectRecord) hcl.Diagnostics {
	m, err := c.Mapping(ctx, o.GVK())
	if err != nil {
		return c.Diagnose(err, "patch", o.Ref)
	}
	found, err := c.getMetadata(ctx, m, o.Ref)
	switch {
	case err != nil:
		return c.Diagnose(err, "get", o.Ref)
	case found == nil || o.UID != "" && string(found.UID) != o.UID:
		return hcl.Diagnostics{diag.Errorf(CodeClaim, "Object has changed hands", "%s is no longer the object that the plan was made for. Plan again.", o.Ref)}
	}
	whose, marked := ownershipOf(found.Annotations, owner)
	switch {
	case marked == OwnerMark(owner):
		return nil
	case whose == foreigner:
		return hcl.Diagnostics{diag.Errorf(CodeForeign, "Object belongs to another state", "%s carries the mark of another meshplan state (%s). Remove it there first (`meshplan state rm`), then adopt it here.", o.Ref, diag.Scrub(marked))}
	}
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": o.APIVersion(), "kind": o.Kind}}
	mark(u, owner)
	u.SetUID(found.UID)
	patch, err := u.MarshalJSON()
	if err != nil {
		return diag.FromError(CodeClaim, "Marks not written", err, nil)
	}
	_, err = c.Patch(ctx, o.Ref, types.MergePatchType, patch, metav1.PatchOptions{})
	return c.Diagnose(err, "patch", o.Ref)
}
