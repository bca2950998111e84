package kube

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// evaluation is what was found out about one object.
type evaluation struct {
	plan   ObjectPlan
	rv     string
	effect string
	force  bool
	yield  []string
	// body is what was found fit to be sent to an object that exists, without the fields that are left to others.
	body *unstructured.Unstructured
	// rewrite is done to managedFields before the apply.
	rewrite rewrite
}

func (e evaluation) planned(r Ref) plannedObject {
	return plannedObject{Ref: r, Action: e.plan.Action, UID: e.plan.UID, ResourceVersion: e.rv, Effect: e.effect, Force: e.force, Yield: e.yield, Rewrite: e.rewrite.any()}
}

// evaluate asks the server about one object.
func (c *Cluster) evaluate(ctx context.Context, owner providers.Owner, w *wish, rec *ObjectRecord, o SetOptions, replacing bool) (evaluation, hcl.Diagnostics) {
	if w.mapping.Planned {
		return c.evaluateDeferred(w, "its kind is made by the same plan")
	}
	if replacing {
		return c.evaluateCreate(ctx, owner, w, o, true)
	}
	if rec != nil || o.Partial {
		return c.evaluateLive(ctx, owner, w, rec, o)
	}
	found, err := c.lookup(ctx, w.mapping, w.ref)
	switch {
	case apierrors.IsForbidden(err):
		e := evaluation{plan: ObjectPlan{Action: Create, Notes: []string{"predicted: the credentials may not read it, so it may exist already"}}}
		return e, nil
	case err != nil:
		return evaluation{}, c.Diagnose(err, "get", w.ref)
	case found == nil:
		return c.evaluateCreate(ctx, owner, w, o, false)
	case found.DeletionTimestamp != nil:
		return terminating(found), nil
	}
	return c.evaluateLive(ctx, owner, w, nil, o)
}

// terminating plans to make an object again whose predecessor is still going away.
func terminating(found *metav1.PartialObjectMetadata) evaluation {
	note := "the present object is being deleted; the new one is made when it is gone"
	if len(found.Finalizers) > 0 {
		note += fmt.Sprintf(" (finalizers: %v)", found.Finalizers)
	}
	return evaluation{plan: ObjectPlan{Action: Create, UID: string(found.UID), Deferred: "the present object is being deleted", Notes: []string{note}}}
}

// evaluateDeferred plans a creation about which the server cannot be asked yet.
func (c *Cluster) evaluateDeferred(w *wish, why string) (evaluation, hcl.Diagnostics) {
	e := evaluation{plan: ObjectPlan{Action: Create, Deferred: why}}
	if w.mapping.Planned && len(w.Unknown) == 0 {
		if ds := validatePlanned(c.world.crd(w.ref.GroupKind()), w); ds.HasErrors() {
			return e, ds
		}
	}
	return e, nil
}

// inert kinds have nothing that the server would find wrong beyond what is checked here, and nothing reacts to their
// creation. Planning thousands of them must not cost a request each.
func inert(gk schema.GroupKind) bool {
	return gk.Group == "" && (gk.Kind == "ConfigMap" || gk.Kind == "Secret")
}

// namespaceMissing says once what all objects of a namespace lack that does not exist.
func namespaceMissing(namespace string, objects []Ref) *hcl.Diagnostic {
	need := objects[0].String() + " needs"
	if n := len(objects) - 1; n > 0 {
		need = fmt.Sprintf("%s and %d more need", objects[0], n)
	}
	return diag.Errorf(CodeNoNamespace, "Namespace does not exist",
		"%s the namespace %s, which neither exists nor is made by this configuration. Declare it as a kubernetes_namespace, or create it first.", need, namespace)
}

// evaluateCreate plans an object that does not exist.
func (c *Cluster) evaluateCreate(ctx context.Context, owner providers.Owner, w *wish, o SetOptions, replacing bool) (evaluation, hcl.Diagnostics) {
	e := evaluation{plan: ObjectPlan{Action: Create}}
	if len(w.Unknown) > 0 {
		e.plan.Deferred = "parts of it are known after apply"
		return e, nil
	}
	if w.mapping.Namespaced {
		exists, err := c.namespaceExists(ctx, w.ref.Namespace)
		switch {
		case err != nil:
			return e, c.Diagnose(err, "get", Ref{Version: "v1", Kind: "Namespace", Name: w.ref.Namespace})
		case !exists && c.world.PlansNamespace(w.ref.Namespace):
			return c.evaluateDeferred(w, "its namespace is made by the same plan")
		case !exists:
			return e, hcl.Diagnostics{namespaceMissing(w.ref.Namespace, []Ref{w.ref})}
		}
	}
	if inert(w.ref.GroupKind()) {
		return e, validateInert(w)
	}
	if replacing {
		return e, nil // the name is taken until the old object is gone
	}
	_, _, err := c.Apply(ctx, w.sent(owner, o), ApplyOptions{Manager: o.Manager, DryRun: true})
	if predicted := prediction(err); predicted != "" {
		e.plan.Notes = append(e.plan.Notes, predicted)
		return e, nil
	}
	return e, c.Diagnose(err, "create", w.ref)
}

// prediction says why a plan must do without the server's answer, or "".
func prediction(err error) string {
	var unreachable *UnreachableError
	switch {
	case err == nil || errors.As(err, &unreachable):
		return ""
	case apierrors.IsForbidden(err) && !isWebhookRefusal(err.Error()) && isRBAC(err):
		return "predicted: the credentials may not write, so defaults and admission webhooks were not asked"
	case isWebhookDown(err):
		return "predicted: an admission webhook could not be called"
	case apierrors.IsBadRequest(err) && containsAny(err.Error(), "does not support dry run"):
		return "predicted: an admission webhook does not support dry runs"
	}
	return ""
}
