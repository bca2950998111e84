package mesh

import (
	"context"
	"fmt"
	"maps"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// restartAnnotation on a pod template makes new pods when its value changes. Its value is the generation that the
// restart was decided on: a restart that is repeated after a kill writes the same value.
const restartAnnotation = "meshplan.dev/mesh-restart"

// restart writes annotations to a workload's template so that all its pods are replaced.
func restart(ctx context.Context, c *kube.Cluster, w *Workload, annotations map[string]string, manager string, force bool) error {
	if w.Ref.Kind == cronJob { // its next run makes new pods anyway
		return applyTemplate(ctx, c, w, annotations, manager, force)
	}
	all := maps.Clone(annotations)
	all[restartAnnotation] = "generation-" + strconv.FormatInt(w.Generation, 10)
	return applyTemplate(ctx, c, w, all, manager, force)
}

// applyTemplate makes the given annotations exactly those of the manager on a workload's template.
func applyTemplate(ctx context.Context, c *kube.Cluster, w *Workload, annotations map[string]string, manager string, force bool) error {
	u := partial(w.Ref, w.UID)
	if len(annotations) > 0 {
		spec := map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": anyMap(annotations)}}}
		if w.Ref.Kind == cronJob {
			spec = map[string]any{"jobTemplate": map[string]any{"spec": spec}}
		}
		u.Object["spec"] = spec
	}
	_, _, err := c.Apply(ctx, u, kube.ApplyOptions{Manager: manager, Force: force})
	return err
}

// annotateNamespace makes the given annotations exactly those of this instance on the namespace.
func (r *rollout) annotateNamespace(ctx context.Context, ns *corev1.Namespace, annotations map[string]string) hcl.Diagnostics {
	c := r.env.Cluster()
	ref := namespaceRef(ns.Name)
	u := partial(ref, string(ns.UID))
	if len(annotations) > 0 {
		if err := unstructured.SetNestedStringMap(u.Object, annotations, "metadata", "annotations"); err != nil {
			return c.Diagnose(fmt.Errorf("annotations: %w", err), "patch", ref)
		}
	}
	if _, _, err := c.Apply(ctx, u, kube.ApplyOptions{Manager: manager(r.owner), Force: r.spec.force}); err != nil {
		return annotationRefused(c, err, ref)
	}
	return nil
}

// annotationRefused explains why annotations could not be written.
func annotationRefused(c *kube.Cluster, err error, ref kube.Ref) hcl.Diagnostics {
	if !apierrors.IsConflict(err) {
		return c.Diagnose(err, "patch", ref)
	}
	return hcl.Diagnostics{diag.At(diag.Errorf(CodeConflict, "Annotation belongs to somebody else",
		"%s: %s. Set `conflicts = \"force\"` to take the annotation over, or remove it where it was set.", ref, diag.Scrub(err.Error())), cty.GetAttrPath("conflicts"))}
}

// partial names an existing object for a server-side apply. The UID keeps the apply from creating it when it is gone.
func partial(ref kube.Ref, uid string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetAPIVersion(ref.APIVersion())
	u.SetKind(ref.Kind)
	u.SetName(ref.Name)
	if ref.Namespace != "" {
		u.SetNamespace(ref.Namespace)
	}
	metadata := u.Object["metadata"].(map[string]any)
	metadata["uid"] = uid
	return u
}

func anyMap(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
