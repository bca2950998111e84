package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// How long a deleted object may take to go.
const (
	goneTimeout          = 5 * time.Minute
	goneTimeoutNamespace = 10 * time.Minute
)

// protected reports whether an object is one without which a cluster does not work.
func protected(r Ref) bool {
	return r.Group == "" && r.Kind == "Namespace" && slices.Contains([]string{"default", "kube-system", "kube-public", "kube-node-lease"}, r.Name)
}

func protectedDiagnostic(r Ref) *hcl.Diagnostic {
	return diag.Errorf(CodeProtected, "Object is protected", "%s belongs to Kubernetes itself and is never deleted. Set `on_destroy = \"orphan\"` to let go of it.", r)
}

// DeleteSet deletes all objects of a record, in reverse Rank order, and waits until they are gone. Only objects with
// the recorded UID and without another owner's mark are deleted. The record returned holds what is left.
func (c *Cluster) DeleteSet(ctx context.Context, req SetDeleteRequest) (Record, hcl.Diagnostics) {
	left := Record{Objects: slices.Clone(req.Record.Objects)}
	order := byRank(req.Record.Objects, func(o ObjectRecord) Ref { return o.Ref })
	slices.Reverse(order)
	for len(order) > 0 {
		n := 1
		for n < len(order) && Rank(order[n].GroupKind()) == Rank(order[0].GroupKind()) {
			n++
		}
		var mu sync.Mutex // guards left and ds
		var ds hcl.Diagnostics
		var group errgroup.Group
		group.SetLimit(setParallelism)
		more := n < len(order)
		for _, o := range order[:n] {
			group.Go(func() error {
				found := c.deleteOne(ctx, req, o, more)
				mu.Lock()
				defer mu.Unlock()
				ds = append(ds, found...)
				if !found.HasErrors() {
					left = left.without(o.ID())
				}
				return nil
			})
		}
		_ = group.Wait() // the functions report through ds
		order = order[n:]
		if ds.HasErrors() {
			return left, diag.Sort(ds)
		}
		if req.Checkpoint != nil && len(order) > 0 {
			if err := req.Checkpoint(left); err != nil {
				return left, diag.FromError(CodeRecord, "Progress not recorded", err, nil)
			}
		}
	}
	return left, nil
}

// deleteOne deletes, orphans or releases one object. More says that other objects of the set go after it.
func (c *Cluster) deleteOne(ctx context.Context, req SetDeleteRequest, o ObjectRecord, more bool) hcl.Diagnostics {
	m, err := c.Mapping(ctx, o.GVK())
	var unknown *UnknownKindError
	if errors.As(err, &unknown) && unknown.Broken == nil || err == nil && m.Planned {
		return nil // the kind is gone, and with it all its objects
	}
	if err != nil {
		return c.Diagnose(err, "delete", o.Ref)
	}
	found, err := c.getMetadata(ctx, m, o.Ref)
	switch {
	case err != nil:
		return c.Diagnose(err, "get", o.Ref)
	case found == nil || o.UID != "" && string(found.UID) != o.UID:
		return nil // what we made is gone; an object made by others since is theirs
	case req.Options.Partial:
		return c.release(ctx, req, o)
	case req.Options.OnDestroy == OnDestroyOrphan:
		return c.orphan(ctx, o.Ref, found)
	case protected(o.Ref):
		return hcl.Diagnostics{protectedDiagnostic(o.Ref)}
	}
	if whose, mark := ownershipOf(found.Annotations, req.Owner); whose == foreigner {
		return hcl.Diagnostics{diag.Errorf(CodeForeign, "Object belongs to another state", "%s now carries the mark of another meshplan state (%s) and is not deleted. `meshplan state rm` makes this state forget it.", o.Ref, diag.Scrub(mark))}
	}
	if found.DeletionTimestamp == nil {
		if err := c.Delete(ctx, o.Ref, DeleteOptions{UID: string(found.UID), Propagation: propagation(req, o.Ref, more)}); err != nil {
			return c.Diagnose(err, "delete", o.Ref)
		}
	}
	c.forget(m, o.Ref, nil)
	if req.Step != nil {
		req.Step.Release()
	}
	return c.WaitGone(ctx, o.Ref, string(found.UID), req.Timeout, req.Step)
}

// propagation is how the pods of a workload go: together with it, or before it when what they may need (accounts,
// configuration, claims, the namespace) goes after it.
func propagation(req SetDeleteRequest, r Ref, more bool) string {
	if req.Propagation != "" || Rank(r.GroupKind()) != rankWorkload || r.Kind == "Pod" {
		return req.Propagation
	}
	step, ok := req.Step.(providers.Awaiter)
	if more || ok && step.Awaited() {
		return string(metav1.DeletePropagationForeground)
	}
	return ""
}

// release gives the fields of a shared object back: those that nobody else owns go away.
func (c *Cluster) release(ctx context.Context, req SetDeleteRequest, o ObjectRecord) hcl.Diagnostics {
	u := o.object()
	u.SetUID(types.UID(o.UID))
	_, _, err := c.Apply(ctx, u, ApplyOptions{Manager: cmp.Or(o.Manager, req.Options.Manager)})
	if err != nil && isUIDMismatch(err) {
		return nil
	}
	return c.Diagnose(err, "patch", o.Ref)
}

// orphan removes our marks.
func (c *Cluster) orphan(ctx context.Context, r Ref, found *metav1.PartialObjectMetadata) hcl.Diagnostics {
	metadata := map[string]any{"uid": string(found.UID)}
	if found.Labels[LabelState] != "" {
		metadata["labels"] = map[string]any{LabelState: nil}
	}
	if found.Annotations[AnnotationOwner] != "" {
		metadata["annotations"] = map[string]any{AnnotationOwner: nil}
	}
	if len(metadata) == 1 {
		return nil
	}
	patch, err := (&unstructured.Unstructured{Object: map[string]any{"apiVersion": r.APIVersion(), "kind": r.Kind, "metadata": metadata}}).MarshalJSON()
	if err != nil {
		return diag.FromError(CodeRequest, "Marks not removed", err, nil)
	}
	_, err = c.Patch(ctx, r, types.MergePatchType, patch, metav1.PatchOptions{})
	return c.Diagnose(err, "patch", r)
}

// WaitGone waits until the object of that UID is gone; one of another UID counts as gone. A zero timeout means 5
// minutes, 10 for a namespace. When it does not go, the diagnostic names what holds it. Step may be nil.
func (c *Cluster) WaitGone(ctx context.Context, r Ref, uid string, timeout time.Duration, step providers.Step) hcl.Diagnostics {
	if timeout == 0 {
		timeout = goneTimeout
		if r.Kind == "Namespace" {
			timeout = goneTimeoutNamespace
		}
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var last *unstructured.Unstructured
	said := ""
	err := c.observe(limited, r, func(live *unstructured.Unstructured) (bool, error) {
		if live == nil || uid != "" && string(live.GetUID()) != uid {
			return true, nil
		}
		last = live
		if text := holders(live); step != nil && text != said {
			said = text
			step.Progress(providers.Progress{Message: fmt.Sprintf("waiting for %s to be gone%s", r, text), Waiting: true})
		}
		return false, nil
	})
	var unknown *UnknownKindError
	switch {
	case err == nil || errors.As(err, &unknown):
		return nil
	case ctx.Err() != nil:
		return c.Diagnose(ctx.Err(), "delete", r)
	case errors.Is(err, context.DeadlineExceeded):
		detail := fmt.Sprintf("%s was deleted, but after %s it is still there", r, timeout)
		if last != nil {
			detail += holders(last)
			switch f := foreignFinalizers(last); {
			case len(f) == 0 && len(last.GetFinalizers()) > 0:
				detail += fmt.Sprintf(". It goes after its pods: `kubectl get pods%s` shows those that do not end", namespaceFlag(r))
			case len(f) > 0:
				detail += fmt.Sprintf(". The controllers that own the finalizers must remove them; if they are gone for good, `kubectl patch %s %s%s --type=merge -p '{\"metadata\":{\"finalizers\":null}}'` gives the object up",
					strings.ToLower(r.Kind), r.Name, namespaceFlag(r))
			}
		}
		return hcl.Diagnostics{diag.Errorf(CodeStuckDeletion, "Object does not go away", "%s.", detail)}
	}
	return c.Diagnose(err, "get", r)
}

// foreignFinalizers are those of controllers, without the server's own that keeps an object until its pods are gone.
func foreignFinalizers(u *unstructured.Unstructured) []string {
	return slices.DeleteFunc(u.GetFinalizers(), func(f string) bool { return f == metav1.FinalizerDeleteDependents })
}

func namespaceFlag(r Ref) string {
	if r.Namespace == "" {
		return ""
	}
	return " -n " + r.Namespace
}

// holders says what keeps a deleted object: finalizers, and for namespaces and CRDs what the conditions tell.
func holders(u *unstructured.Unstructured) string {
	var parts []string
	f := foreignFinalizers(u)
	if len(f) > 0 {
		parts = append(parts, "finalizers "+strings.Join(f, ", "))
	}
	if len(f) < len(u.GetFinalizers()) {
		parts = append(parts, "its pods are still there")
	}
	for _, c := range conditionsOf(u) {
		if c.Status != "True" {
			continue
		}
		switch c.Type {
		case "NamespaceDeletionDiscoveryFailure", "NamespaceContentRemaining", "NamespaceFinalizersRemaining", "Terminating":
			parts = append(parts, c.Message)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	slices.Sort(parts)
	return diag.Scrub(" (" + strings.Join(parts, "; ") + ")")
}
