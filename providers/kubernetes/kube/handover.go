package kube

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/meshplan/meshplan/providers"
)

// HandOver gives the fields that were applied under the recorded field manager to another, and returns the record from
// then on. Values are not touched. It is idempotent, and does nothing to an object that is gone or another by now: the
// next read finds that.
func (c *Cluster) HandOver(ctx context.Context, o ObjectRecord, to string) (ObjectRecord, hcl.Diagnostics) {
	if o.Manager == "" || o.Manager == to {
		return o, nil
	}
	live, err := c.Get(ctx, o.Ref)
	if err != nil {
		return o, c.Diagnose(err, "get", o.Ref)
	}
	if live == nil || o.UID != string(live.GetUID()) {
		return o, nil
	}
	if entryOf(live.GetManagedFields(), o.Manager) != nil {
		w := &wish{ref: o.Ref, body: o.object()}
		if err := c.rewrite(ctx, w, live, to, rewrite{from: []string{o.Manager}}); err != nil {
			return o, c.Diagnose(err, "patch", o.Ref)
		}
		if live, err = c.Get(ctx, o.Ref); err != nil || live == nil {
			return o, c.Diagnose(err, "get", o.Ref)
		}
	}
	o.Manager, o.ResourceVersion, o.Entry = to, live.GetResourceVersion(), entryDigest(live.GetManagedFields(), to)
	return o, nil
}

// former returns the field manager under which an instance wrote before it moved to another address, or "".
func (o *ObjectRecord) former(manager string) string {
	if o == nil || o.Manager == manager {
		return ""
	}
	return o.Manager
}

// AppliedBy returns the texts that a field manager applied, or nil when it applied nothing.
func AppliedBy(live *unstructured.Unstructured, manager string) *unstructured.Unstructured {
	entry := entryOf(live.GetManagedFields(), manager)
	if entry == nil {
		return nil
	}
	out := &unstructured.Unstructured{Object: map[string]any{}}
	fieldsOf(entry).Leaves().Iterate(func(p fieldpath.Path) {
		names := make([]string, 0, len(p))
		for _, step := range p {
			if step.FieldName == nil {
				return
			}
			names = append(names, *step.FieldName)
		}
		value, _ := resolve(live.Object, p)
		if text, ok := value.(string); ok {
			_ = unstructured.SetNestedField(out.Object, text, names...) // leaves are in nobody's way
		}
	})
	return out
}

// OwnWriting returns an object as if nobody but its owner had written to it, for a record that was lost. Others, among them
// instances of the same state, write to it as well (an annotation that asks for injection, the mark of a restart): what they wrote
// is not the owner's to take away. An object that does not bear the owner's mark, or that was never applied, is returned as it is.
func OwnWriting(live *unstructured.Unstructured, o providers.Owner) *unstructured.Unstructured {
	entry := entryOf(live.GetManagedFields(), FieldManager)
	if whose, _ := ownershipOf(live.GetAnnotations(), o); whose != ours || entry == nil {
		return live
	}
	out := live.DeepCopy()
	out.SetManagedFields([]metav1.ManagedFieldsEntry{*entry})
	return out
}
