package kube

import (
	"context"
	"errors"

	"github.com/hashicorp/hcl/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// CodeClaim: an object does not get its owner's mark.
const CodeClaim diag.Code = "k8s.claim"

// ClaimSet claims every object of an encoded record, with two requests each, and returns the record from then on. Of objects that
// are only written to (o.Partial) the fields go over to o.Manager instead: they bear no mark of the owner. It is idempotent.
func (c *Cluster) ClaimSet(ctx context.Context, owner providers.Owner, record []byte, o SetOptions) ([]byte, hcl.Diagnostics) {
	rec, err := DecodeRecord(record)
	if err != nil {
		return record, diag.FromError(CodeRecord, "Record cannot be read", err, nil)
	}
	var ds hcl.Diagnostics
	for i, object := range rec.Objects {
		var more hcl.Diagnostics
		if o.Partial {
			rec.Objects[i], more = c.HandOver(ctx, object, o.Manager)
		} else {
			more = c.Claim(ctx, owner, object)
		}
		if ds = append(ds, more...); ds.HasErrors() {
			return record, ds
		}
	}
	if !o.Partial || len(rec.Objects) == 0 {
		return record, ds
	}
	return rec.Encode(), ds
}

// ReleaseSet takes the owner's marks off the objects of an encoded record, with two requests each. What is gone, or bears the mark
// of another resource or state, is left alone, and so are objects that are only written to (o.Partial): they bear no mark. It is idempotent.
func (c *Cluster) ReleaseSet(ctx context.Context, owner providers.Owner, record []byte, o SetOptions) hcl.Diagnostics {
	rec, err := DecodeRecord(record)
	if err != nil {
		return diag.FromError(CodeRecord, "Record cannot be read", err, nil)
	}
	if o.Partial {
		return nil
	}
	for _, object := range rec.Objects {
		m, err := c.Mapping(ctx, object.GVK())
		var unknown *UnknownKindError
		if errors.As(err, &unknown) && unknown.Broken == nil {
			continue // the kind is gone, and with it the object
		}
		if err != nil {
			return c.Diagnose(err, "get", object.Ref)
		}
		found, err := c.getMetadata(ctx, m, object.Ref)
		if err != nil {
			return c.Diagnose(err, "get", object.Ref)
		}
		if found == nil || object.UID != "" && string(found.UID) != object.UID {
			continue
		}
		if whose, _ := ownershipOf(found.Annotations, owner); whose != ours {
			continue
		}
		if ds := c.orphan(ctx, object.Ref, found); ds.HasErrors() {
			return ds
		}
	}
	return nil
}

// Claim writes the owner's marks on an object and nothing else. An object of another UID is refused, and so is one that
// another state owns. It is idempotent. A kill half-way leaves a field manager behind that shares the marks, which does no harm.
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
		return hcl.Diagnostics{diag.Errorf(CodeForeign, "Object belongs to another state", "%s carries the mark of another meshplan state (%s). Let it go there, with a removed block that says destroy = false, then adopt it here.", o.Ref, diag.Scrub(marked))}
	}
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": o.APIVersion(), "kind": o.Kind}}
	mark(u, owner)
	u.SetUID(found.UID)
	patch, err := u.MarshalJSON()
	if err != nil {
		return diag.FromError(CodeClaim, "Marks not written", err, nil)
	}
	if entryOf(found.ManagedFields, FieldManager) == nil { // it was never applied, as before an import
		_, err = c.Patch(ctx, o.Ref, types.MergePatchType, patch, metav1.PatchOptions{})
		return c.Diagnose(err, "patch", o.Ref)
	}
	live, err := c.Patch(ctx, o.Ref, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: claimManager})
	if err == nil {
		err = c.rewrite(ctx, &wish{ref: o.Ref, body: u}, live, FieldManager, rewrite{from: []string{claimManager}})
	}
	return c.Diagnose(err, "patch", o.Ref)
}

// claimManager writes marks for as long as it takes to give them back to what was applied: a patch takes a field away from its
// former manager, and the next thorough look would find that the marks are not ours.
const claimManager = FieldManager + "-claim"
