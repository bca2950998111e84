package kube

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// rewrite is a change of who owns the fields of an object, for what no apply can do. The zero value changes nothing.
type rewrite struct {
	// version is the API version to which all entries are moved: the server cannot read entries of a version that is
	// served no more, or whose schema lacks fields that ours has.
	version string
	// from names tools whose fields become ours. Otherwise they would own them as well, and a field removed from the
	// configuration would stay for ever.
	from []string
	// shared are list elements that others set as well and give up.
	shared []string
}

func (r rewrite) any() bool { return r.version != "" || len(r.from) > 0 || len(r.shared) > 0 }

// rewrite changes managedFields, guarded by the resource version. Values are not touched. When somebody writes to the
// object meanwhile, most likely its status, it is tried again.
func (c *Cluster) rewrite(ctx context.Context, w *wish, live *unstructured.Unstructured, manager string, r rewrite) error {
	const attempts = 10
	for n := 1; ; n++ {
		entries, err := r.apply(live, w.body, manager)
		if err != nil {
			return err
		}
		patch, err := jsonPatch(
			patchOp{"test", "/metadata/resourceVersion", live.GetResourceVersion()},
			patchOp{"replace", "/metadata/managedFields", entries},
		)
		if err != nil {
			return err
		}
		_, err = c.Patch(ctx, w.ref, types.JSONPatchType, patch, metav1.PatchOptions{})
		if err == nil || n == attempts {
			return err
		}
		now, getErr := c.Get(ctx, w.ref)
		if getErr != nil || now == nil || now.GetUID() != live.GetUID() || now.GetResourceVersion() == live.GetResourceVersion() {
			return err // it was not the guard
		}
		live = now
	}
}

// apply returns the entries as they are to be.
func (r rewrite) apply(live, body *unstructured.Unstructured, manager string) ([]metav1.ManagedFieldsEntry, error) {
	var out []metav1.ManagedFieldsEntry
	taken := &fieldpath.Set{}
	for _, e := range live.GetManagedFields() {
		if r.version != "" {
			e.APIVersion = r.version
		}
		if e.Subresource == "" && e.Manager != manager && slices.Contains(r.from, e.Manager) {
			taken = taken.Union(written(live, body, &e))
			continue
		}
		if e.Subresource == "" && e.Manager != manager && len(r.shared) > 0 {
			left, err := withFields(e, without(fieldsOf(&e), r.shared))
			if err != nil {
				return nil, err
			}
			e = left
		}
		out = append(out, e)
	}
	if taken.Empty() {
		return out, nil
	}
	for i := range out {
		if entryOf(out[i:i+1], manager) != nil {
			merged, err := withFields(out[i], fieldsOf(&out[i]).Union(taken))
			if err != nil {
				return nil, err
			}
			out[i] = merged
			return out, nil
		}
	}
	now := metav1.Now()
	ours, err := withFields(metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: body.GetAPIVersion(), Time: &now, FieldsType: "FieldsV1"}, taken)
	return append(out, ours), err
}

// withFields returns an entry with other fields.
func withFields(e metav1.ManagedFieldsEntry, fields *fieldpath.Set) (metav1.ManagedFieldsEntry, error) {
	text, err := fields.ToJSON()
	if err != nil {
		return e, fmt.Errorf("fields of %s: %w", e.Manager, err)
	}
	e.FieldsV1 = &metav1.FieldsV1{}
	e.FieldsV1.SetRawBytes(bytes.Clone(text))
	return e, nil
}

// written returns the fields of an entry that its manager wrote down. An entry of an apply holds nothing else. One of
// an update holds what the server defaulted as well: then kubectl's note of what it applied tells, and without one only
// what the configuration sets itself is certain.
func written(live, body *unstructured.Unstructured, e *metav1.ManagedFieldsEntry) *fieldpath.Set {
	fields := fieldsOf(e)
	if e.Operation == metav1.ManagedFieldsOperationApply || e.Manager == claimManager {
		return fields
	}
	model := body.Object
	if applied := lastAppliedOf(live); applied != nil {
		model = applied
	}
	out := &fieldpath.Set{}
	fields.Iterate(func(p fieldpath.Path) {
		if _, ok := resolve(model, p); ok || p.String() == lastApplied {
			out.Insert(p.Copy())
		}
	})
	return out
}

// lastAppliedOf returns what kubectl noted, or nil.
func lastAppliedOf(live *unstructured.Unstructured) map[string]any {
	text := live.GetAnnotations()[lastAppliedAnnotation]
	if text == "" {
		return nil
	}
	var u unstructured.Unstructured
	if err := u.UnmarshalJSON([]byte(text)); err != nil {
		return nil
	}
	return u.Object
}

// without returns the fields that are not in or below the elements named, as the server writes them.
func without(fields *fieldpath.Set, elements []string) *fieldpath.Set {
	out := &fieldpath.Set{}
	fields.Iterate(func(p fieldpath.Path) {
		for n := 1; n <= len(p); n++ {
			if slices.Contains(elements, p[:n].String()) {
				return
			}
		}
		out.Insert(p.Copy())
	})
	return out
}

// tools returns those managers of an object, sorted, that are other ways to write down whole objects. What a
// controller or a person's edit set is not theirs to hand over.
func tools(live *unstructured.Unstructured) []string {
	var out []string
	for _, e := range live.GetManagedFields() {
		if e.Subresource == "" && isTool(e.Manager) {
			out = append(out, e.Manager)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// isTool reports whether a manager's name is one that kubectl, Helm and their like use for whole objects.
func isTool(manager string) bool {
	switch name := strings.ToLower(manager); name {
	case "before-first-apply", "kubectl", "kubectl-client-side-apply", "kubectl-create", "kubectl-replace", "helm", "terraform", "hashicorp", "kapp":
		return true
	}
	return false
}

// leftBehind returns the fields that are removed when the managers' fields become ours: those that neither the
// configuration nor anybody else sets. The bookkeeping of kubectl is not worth a word.
func leftBehind(live, dry, body *unstructured.Unstructured, manager string, from []string) []string {
	if len(from) == 0 {
		return nil
	}
	theirs, kept := &fieldpath.Set{}, fieldsOf(entryOf(dry.GetManagedFields(), manager))
	for _, e := range live.GetManagedFields() {
		if e.Subresource == "" && slices.Contains(from, e.Manager) {
			theirs = theirs.Union(written(live, body, &e))
		} else {
			kept = kept.Union(fieldsOf(&e))
		}
	}
	var out []string
	theirs.Leaves().Difference(kept).Iterate(func(p fieldpath.Path) {
		if _, has := resolve(live.Object, p); has && p.String() != lastApplied {
			out = append(out, fieldText(p))
		}
	})
	slices.Sort(out)
	return out
}

// lastAppliedAnnotation is where kubectl notes what it applied.
const lastAppliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration"

var lastApplied = fieldpath.MakePathOrDie("metadata", "annotations", lastAppliedAnnotation).String()

// coOwned explains a refusal for duplicates: an element of a keyed list that the configuration no longer has stays,
// since another manager set it as well, and is at odds with the one that takes its place.
func coOwned(s metav1.Status, w *wish, live *unstructured.Unstructured, manager string) []fieldConflict {
	if s.Details == nil || !slices.ContainsFunc(s.Details.Causes, func(c metav1.StatusCause) bool { return c.Type == metav1.CauseTypeFieldValueDuplicate }) {
		return nil
	}
	var out []fieldConflict
	ours := fieldsOf(entryOf(live.GetManagedFields(), manager))
	for _, e := range live.GetManagedFields() {
		if e.Subresource != "" || e.Manager == manager {
			continue
		}
		fieldsOf(&e).Iterate(func(p fieldpath.Path) {
			last := p[len(p)-1]
			if last.Key == nil || !ours.Has(p) {
				return
			}
			if _, wanted := resolve(w.body.Object, p); !wanted {
				out = append(out, fieldConflict{Field: p.String(), Manager: e.Manager})
			}
		})
	}
	return out
}

// needsMigration recognises managedFields that the server cannot read: of a version that it does not serve any more, or
// whose schema lacks fields that ours has.
func needsMigration(err error, live *unstructured.Unstructured, w *wish) bool {
	return containsAny(err.Error(), "field not declared in schema", "no corresponding type for", "request to convert CR to an invalid") &&
		slices.ContainsFunc(live.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return e.APIVersion != w.ref.APIVersion() })
}
