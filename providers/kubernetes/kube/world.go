package kube

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
)

// World knows the objects, namespaces and kinds that the run plans to make, so that what depends on them can be
// planned before they exist. The zero value is empty.
type World struct {
	mu         sync.Mutex               // guards all maps
	objects    map[ID]map[string]string // their labels
	namespaces map[string]bool
	crds       map[schema.GroupKind]*unstructured.Unstructured
}

var crdKind = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}

// PlanNamespace notes that the run makes a namespace.
func (w *World) PlanNamespace(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.namespaces == nil {
		w.namespaces = map[string]bool{}
	}
	w.namespaces[name] = true
}

// PlansNamespace reports whether the run makes the namespace.
func (w *World) PlansNamespace(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.namespaces[name]
}

// PlanCRD notes that the run makes a CustomResourceDefinition. The object must not change afterwards.
func (w *World) PlanCRD(crd *unstructured.Unstructured) {
	gk := crdServes(crd)
	if gk.Kind == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crds == nil {
		w.crds = map[schema.GroupKind]*unstructured.Unstructured{}
	}
	w.crds[gk] = crd
}

// PlansKind reports whether a CRD of the run brings the kind.
func (w *World) PlansKind(gk schema.GroupKind) bool { return w.crd(gk) != nil }

func (w *World) crd(gk schema.GroupKind) *unstructured.Unstructured {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.crds[gk]
}

// PlansObject reports whether the run makes or changes the object.
func (w *World) PlansObject(id ID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.objects[id]
	return ok
}

// PlansLabelled reports whether the run makes or changes an object of a kind that bears a label. It costs O(objects).
func (w *World) PlansLabelled(gk schema.GroupKind, label, value string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, labels := range w.objects {
		if id.Group == gk.Group && id.Kind == gk.Kind && labels[label] == value {
			return true
		}
	}
	return false
}

// note learns from an object that is planned.
func (w *World) note(u *unstructured.Unstructured) {
	switch u.GroupVersionKind().GroupKind() {
	case crdKind:
		w.PlanCRD(u)
	case schema.GroupKind{Kind: "Namespace"}:
		w.PlanNamespace(u.GetName())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.objects == nil {
		w.objects = map[ID]map[string]string{}
	}
	w.objects[RefOf(u).ID()] = u.GetLabels()
}

// crdServes returns the kind that a CustomResourceDefinition brings; Kind is empty when it does not say.
func crdServes(crd *unstructured.Unstructured) schema.GroupKind {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	return schema.GroupKind{Group: group, Kind: kind}
}

// crdVersion is one entry of a CRD's spec.versions.
func crdVersion(crd *unstructured.Unstructured, version string) (map[string]any, bool) {
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, v := range versions {
		if m, ok := v.(map[string]any); ok && m["name"] == version && m["served"] == true {
			return m, true
		}
	}
	return nil, false
}

func (w *World) versions(gk schema.GroupKind) []string {
	crd := w.crd(gk)
	if crd == nil {
		return nil
	}
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	var out []string
	for _, v := range versions {
		if m, ok := v.(map[string]any); ok && m["served"] == true {
			if name, ok := m["name"].(string); ok {
				out = append(out, name)
			}
		}
	}
	slices.SortFunc(out, func(a, b string) int { return version.CompareKubeAwareVersionStrings(b, a) })
	return out
}

func (w *World) mapping(gvk schema.GroupVersionKind) (Mapping, bool) {
	crd := w.crd(gvk.GroupKind())
	if crd == nil {
		return Mapping{}, false
	}
	if _, ok := crdVersion(crd, gvk.Version); !ok {
		return Mapping{}, false
	}
	plural, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "plural")
	scope, _, _ := unstructured.NestedString(crd.Object, "spec", "scope")
	return Mapping{GVK: gvk, Resource: gvk.GroupVersion().WithResource(plural), Namespaced: scope == "Namespaced", Planned: true}, true
}
