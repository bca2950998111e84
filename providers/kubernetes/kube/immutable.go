package kube

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// refused explains why the server refuses a change: a field that cannot be changed needs a new object, anything else
// is an error of the manifest.
func (c *Cluster) refused(ctx context.Context, owner providers.Owner, w *wish, rec *ObjectRecord, live *unstructured.Unstructured, err error, e evaluation) (evaluation, hcl.Diagnostics) {
	if needsMigration(err, live, w) {
		e.migrate = true
		e.plan.Notes = append(e.plan.Notes, "its field ownership is first moved to "+w.ref.APIVersion()+", since the recorded version has other fields")
		e.plan.Changes = predictedChanges(owner, w, rec, live)
		e.settle(w, live, true)
		return e, nil
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Code != http.StatusUnprocessableEntity {
		return e, c.Diagnose(err, "patch", w.ref)
	}
	fields := immutableFields(status.Status())
	if len(fields) == 0 && !c.transitionForbidden(ctx, w, live) {
		return e, c.Diagnose(err, "patch", w.ref)
	}
	if neverReplaced(w.ref) {
		return e, hcl.Diagnostics{diag.Errorf(CodeImmutable, "Field cannot be changed", "%s cannot be changed in place, and replacing a %s destroys what it holds. Undo the change of %s, or move to a new object by hand.",
			w.ref, w.ref.Kind, orWhole(fields))}
	}
	e.plan.Action = Replace
	e.plan.Immutable = fields
	e.plan.Notes = append(e.plan.Notes, "the server does not change "+orWhole(fields)+" of a live object: it is deleted and made again")
	e.plan.Changes = predictedChanges(owner, w, rec, live)
	return e, nil
}

func orWhole(fields []string) string {
	if len(fields) == 0 {
		return "the object"
	}
	return strings.Join(fields, ", ")
}

// immutableFields returns the fields of which the server says that they cannot be changed, sorted.
func immutableFields(s metav1.Status) []string {
	if s.Details == nil {
		return nil
	}
	var out []string
	for _, cause := range s.Details.Causes {
		if containsAny(cause.Message, "field is immutable", "may not be changed", "may not change once set", "updates to statefulset spec for fields other than", "cannot change", "is immutable") {
			out = append(out, cause.Field)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// transitionForbidden asks whether the same object could be created under another name: then it is the change that is
// forbidden, not the object that is wrong.
func (c *Cluster) transitionForbidden(ctx context.Context, w *wish, live *unstructured.Unstructured) bool {
	switch w.ref.GroupKind().String() {
	case crdKind.String(), "APIService.apiregistration.k8s.io", "Namespace", "Node":
		return false // the name says what they are
	}
	probe := w.body.DeepCopy()
	probe.SetName("meshplan-probe-" + string(live.GetUID())[:8])
	if w.ref.GroupKind().String() == "Service" {
		spec, _ := probe.Object["spec"].(map[string]any)
		delete(spec, "clusterIP")
		delete(spec, "clusterIPs")
		if ports, ok := spec["ports"].([]any); ok {
			for _, p := range ports {
				if m, ok := p.(map[string]any); ok {
					delete(m, "nodePort")
				}
			}
		}
	}
	_, err := c.CreateDryRun(ctx, probe)
	return err == nil
}

// neverReplaced lists kinds whose deletion destroys more than the object.
func neverReplaced(r Ref) bool {
	switch r.GroupKind().String() {
	case "Namespace", crdKind.String(), "PersistentVolume", "PersistentVolumeClaim":
		return true
	}
	return false
}

// needsMigration recognises managedFields of a version whose schema lacks fields that ours has.
func needsMigration(err error, live *unstructured.Unstructured, w *wish) bool {
	return containsAny(err.Error(), "field not declared in schema") && staleVersions(live, w.ref.APIVersion())
}

func staleVersions(live *unstructured.Unstructured, version string) bool {
	return slices.ContainsFunc(live.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return e.APIVersion != version })
}

// migrate rewrites our managedFields entry to the version that is applied now, guarded by the resource version.
func (c *Cluster) migrate(ctx context.Context, w *wish, live *unstructured.Unstructured) error {
	entries := live.GetManagedFields()
	for i := range entries {
		entries[i].APIVersion = w.ref.APIVersion()
	}
	patch, err := jsonPatch(
		patchOp{"test", "/metadata/resourceVersion", live.GetResourceVersion()},
		patchOp{"replace", "/metadata/managedFields", entries},
	)
	if err != nil {
		return err
	}
	_, err = c.Patch(ctx, w.ref, types.JSONPatchType, patch, metav1.PatchOptions{})
	return err
}

func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}

// isRBAC reports whether a 403 comes from the authorizer and not from an admission plugin.
func isRBAC(err error) bool { return strings.Contains(err.Error(), "cannot ") }
