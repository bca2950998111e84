package kube

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// probeRounds bounds how often the server is asked what it would fill in.
const probeRounds = 12

// AsWritten returns a live object as somebody would write it down: without what the server, controllers and defaults
// filled in. Who applied a field wrote it. Where an object was created or edited otherwise, the server is asked, by
// creations that are not persisted, which fields come back by themselves; without the right to create they all stay.
func (c *Cluster) AsWritten(ctx context.Context, live *unstructured.Unstructured) (*unstructured.Unstructured, hcl.Diagnostics) {
	full, _ := normalize(live, Mapping{GVK: live.GroupVersionKind(), Namespaced: live.GetNamespace() != ""})
	s := sieve{full: full.Object, keep: map[string]bool{}}
	dropAssigned(full)
	s.sort(live)
	if len(s.open) == 0 || !probed(RefOf(full)) {
		for _, p := range s.open {
			s.keep[p.String()] = true
		}
		return s.object(), nil
	}
	for round := 0; ; round++ {
		probe := s.object()
		probe.SetName("meshplan-probe-" + string(live.GetUID())[:8])
		dry, err := c.CreateDryRun(ctx, probe)
		if ctx.Err() != nil {
			return nil, c.Diagnose(ctx.Err(), "create", RefOf(full))
		}
		if more := s.learn(dry, err); more == 0 && err == nil {
			return s.object(), nil
		} else if more == 0 || round == probeRounds {
			for _, p := range s.open {
				s.keep[p.String()] = true
			}
			return s.object(), nil
		}
	}
}

// sieve separates what was written from what was filled in.
type sieve struct {
	full map[string]any
	keep map[string]bool // leaves to keep, by path
	open []Path          // leaves of which it is not known
}

// sort decides by managedFields.
func (s *sieve) sort(live *unstructured.Unstructured) {
	var applied, updated []Path
	known := len(live.GetManagedFields()) > 0
	for _, e := range live.GetManagedFields() {
		if e.Subresource != "" || isController(e.Manager) {
			continue
		}
		fieldsOf(&e).Iterate(func(p fieldpath.Path) {
			path, ok := located(s.full, p)
			if !ok {
				return
			}
			if e.Operation == metav1.ManagedFieldsOperationApply {
				applied = append(applied, path)
			} else {
				updated = append(updated, path)
			}
			if key := p[len(p)-1].Key; key != nil { // an element is known by its keys
				for _, f := range *key {
					if f.Name != "protocol" {
						applied = append(applied, path.child(f.Name))
					}
				}
			}
		})
	}
	noted := lastAppliedOf(live)
	byApplied, byUpdated := tree(s.full, applied), tree(s.full, updated)
	for _, p := range leaves(s.full, nil) {
		_, wasNoted := at(noted, p)
		switch {
		case len(p) == 1 || slices.Equal(p, Path{"metadata", "name"}) || slices.Equal(p, Path{"metadata", "namespace"}), byApplied[p.String()], noted != nil && wasNoted:
			s.keep[p.String()] = true
		case p[0] == "metadata" && (byUpdated[p.String()] || !known):
			s.keep[p.String()] = true
		case byUpdated[p.String()] || !known:
			s.open = append(s.open, p)
		}
	}
}

// tree returns the leaves that are owned. A path that ends above a leaf owns it only when nothing below is owned by
// itself: then the value is owned as a whole.
func tree(full map[string]any, owned []Path) map[string]bool {
	out, above := map[string]bool{}, map[string]bool{}
	for _, p := range owned {
		for n := 1; n < len(p); n++ {
			above[p[:n].String()] = true
		}
	}
	for _, p := range owned {
		if above[p.String()] {
			continue
		}
		v, _ := at(full, p)
		for _, l := range leaves(v, p) {
			out[l.String()] = true
		}
	}
	return out
}

// leaves returns the paths of all scalars, and of maps and lists that are empty.
func leaves(v any, at Path) []Path {
	var out []Path
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			out = append(out, leaves(v[k], at.child(k))...)
		}
	case []any:
		for i := range v {
			out = append(out, leaves(v[i], at.child(i))...)
		}
	}
	if out == nil && len(at) > 0 {
		out = append(out, at)
	}
	return out
}

// object is what is kept so far.
func (s *sieve) object() *unstructured.Unstructured {
	out, _ := s.sift(s.full, nil)
	m, _ := out.(map[string]any)
	return (&unstructured.Unstructured{Object: m}).DeepCopy()
}

func (s *sieve) sift(v any, at Path) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if below, ok := s.sift(e, at.child(k)); ok {
				out[k] = below
			}
		}
		return out, len(out) > 0 || s.keep[at.String()]
	case []any:
		var out []any
		for i, e := range v {
			if below, ok := s.sift(e, at.child(i)); ok {
				out = append(out, below)
			}
		}
		return out, len(out) > 0 || s.keep[at.String()]
	}
	return v, s.keep[at.String()]
}

// learn takes an answer of the server and returns how many more leaves must be kept: those that it asks for, that come
// back with another value, or, when there are none such, that do not come back: they may follow from another.
func (s *sieve) learn(dry *unstructured.Unstructured, err error) int {
	if err != nil {
		var status apierrors.APIStatus
		if !errors.As(err, &status) || status.Status().Details == nil {
			return 0
		}
		return s.keepThose(func(p Path) bool {
			return slices.ContainsFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool {
				return c.Field != "" && (p.String() == c.Field || strings.HasPrefix(p.String(), c.Field+".") || strings.HasPrefix(p.String(), c.Field+"["))
			})
		})
	}
	if n := s.keepThose(func(p Path) bool { now, has := at(dry.Object, p); return has && !equal(now, mustAt(s.full, p)) }); n > 0 {
		return n
	}
	return s.keepThose(func(p Path) bool { _, has := at(dry.Object, p); return !has })
}

// keepThose keeps the open leaves that f picks and returns how many.
func (s *sieve) keepThose(f func(Path) bool) int {
	before := len(s.open)
	s.open = slices.DeleteFunc(s.open, func(p Path) bool {
		if f(p) {
			s.keep[p.String()] = true
			return true
		}
		return false
	})
	return before - len(s.open)
}

// probed reports whether a creation that is not persisted says what the server fills in: for kinds whose name is not
// theirs to choose, and those that have no defaults, it does not.
func probed(r Ref) bool {
	return r.GroupKind() != crdKind && r.Kind != "Namespace" && r.Kind != "APIService" && !inert(r.GroupKind())
}

// dropAssigned removes what the cluster assigned to this very object.
func dropAssigned(u *unstructured.Unstructured) {
	annotations := u.GetAnnotations()
	for _, name := range []string{lastAppliedAnnotation, AnnotationOwner, "deployment.kubernetes.io/revision"} {
		delete(annotations, name)
	}
	labels := u.GetLabels()
	delete(labels, LabelState)
	delete(labels, "kubernetes.io/metadata.name")
	u.SetAnnotations(annotations)
	u.SetLabels(labels)
	spec, _ := u.Object["spec"].(map[string]any)
	switch RefOf(u).GroupKind().String() {
	case "Service":
		if spec["clusterIP"] != "None" {
			delete(spec, "clusterIP")
			delete(spec, "clusterIPs")
		}
		ports, _ := spec["ports"].([]any)
		for _, p := range ports {
			if port, ok := p.(map[string]any); ok {
				delete(port, "nodePort")
			}
		}
	case "PersistentVolumeClaim":
		delete(spec, "volumeName")
	case "Namespace":
		delete(u.Object, "spec")
	case "Job.batch":
		delete(spec, "selector")
		for _, name := range []string{"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"} {
			unstructured.RemoveNestedField(spec, "template", "metadata", "labels", name)
			delete(labels, name)
		}
		u.SetLabels(labels)
	}
}

// isController reports whether a manager's name is that of a controller rather than of a person or a tool.
func isController(manager string) bool {
	return containsAny(strings.ToLower(manager), "controller", "operator", "autoscaler")
}
