package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// refused explains why the server refuses a change: a field that cannot be changed needs a new object, anything else
// is an error of the manifest.
func (c *Cluster) refused(ctx context.Context, owner providers.Owner, w *wish, rec *ObjectRecord, o SetOptions, live *unstructured.Unstructured, err error, e evaluation) (evaluation, hcl.Diagnostics) {
	if needsMigration(err, live, w) {
		e.rewrite.version = w.ref.APIVersion()
		e.plan.Notes = append(e.plan.Notes, "its field ownership is first moved to "+w.ref.APIVersion()+", since the recorded version has other fields")
		e.plan.Changes = predictedChanges(owner, w, rec, live)
		e.settle(w, live, true)
		return e, nil
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Code != http.StatusUnprocessableEntity {
		return e, c.Diagnose(err, "patch", w.ref)
	}
	if shared := coOwned(status.Status(), w, live, managerOf(o)); len(shared) > 0 {
		if o.Conflicts != ConflictsForce {
			return e, hcl.Diagnostics{(&conflictError{shared, o}).diagnostic(w.ref)}
		}
		e.force = true
		for _, f := range shared {
			e.rewrite.shared = append(e.rewrite.shared, f.Field)
			e.plan.Notes = append(e.plan.Notes, fmt.Sprintf("takes %s from %s, who set the former element as well", strings.TrimPrefix(f.Field, "."), diag.Scrub(f.Manager)))
		}
		e.plan.Changes = predictedChanges(owner, w, rec, live)
		e.settle(w, live, true)
		return e, nil
	}
	fields := immutableFields(status.Status())
	if len(fields) == 0 && !c.transitionForbidden(ctx, w, live) {
		return e, c.Diagnose(err, "patch", w.ref)
	}
	switch mode := cmp.Or(o.OnImmutable, ifImmutable(w)); mode {
	case OnImmutableRefuse:
		hint := "Undo the change of " + orWhole(fields) + ", move to a new object by hand, or say with `on_immutable = \"replace\"` that it may be deleted and made again"
		if w.ref.GroupKind().String() == "StatefulSet.apps" {
			hint += ", or with `on_immutable = \"orphan\"` that it is made again around its running pods"
		}
		return e, hcl.Diagnostics{diag.Errorf(CodeImmutable, "Field cannot be changed", "The server does not change %s of %s in place, and replacing a %s destroys what it holds. %s.",
			orWhole(fields), w.ref, w.ref.Kind, hint)}
	case OnImmutableOrphan:
		e.plan.Notes = append(e.plan.Notes, "the server does not change "+orWhole(fields)+" of a live object: it is deleted, what belongs to it stays, and it is made again around that")
	default:
		e.plan.Notes = append(e.plan.Notes, "the server does not change "+orWhole(fields)+" of a live object: it is deleted and made again")
	}
	e.plan.Action = Replace
	e.plan.Immutable = fields
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

// ifImmutable is what is done about a kind unless the configuration says otherwise: deleting some destroys more than the
// object.
func ifImmutable(w *wish) string {
	switch w.ref.GroupKind().String() {
	case "Namespace", crdKind.String(), "PersistentVolume", "PersistentVolumeClaim":
		return OnImmutableRefuse
	case "StatefulSet.apps":
		if claims, _, _ := unstructured.NestedSlice(w.body.Object, "spec", "volumeClaimTemplates"); len(claims) > 0 {
			return OnImmutableRefuse
		}
	}
	return OnImmutableReplace
}

func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}

// isRBAC reports whether a 403 comes from the authorizer and not from an admission plugin.
func isRBAC(err error) bool { return strings.Contains(err.Error(), "cannot ") }
