package kube

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Ref names one object. It is comparable. Namespace is empty for a cluster-scoped kind. Two Refs that differ only in
// Version name the same object: compare ID.
type Ref struct {
	Group     string `json:"g,omitempty"`
	Version   string `json:"v,omitempty"`
	Kind      string `json:"k"`
	Namespace string `json:"ns,omitempty"`
	Name      string `json:"n"`
}

// ID is the identity of an object within its cluster: a Ref without the version.
type ID struct{ Group, Kind, Namespace, Name string }

// RefOf returns the name of an object.
func RefOf(u *unstructured.Unstructured) Ref {
	gvk := u.GroupVersionKind()
	return Ref{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind, Namespace: u.GetNamespace(), Name: u.GetName()}
}

// ID returns the identity.
func (r Ref) ID() ID { return ID{r.Group, r.Kind, r.Namespace, r.Name} }

// GVK returns the group, version and kind.
func (r Ref) GVK() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
}

// GroupKind returns the group and kind.
func (r Ref) GroupKind() schema.GroupKind { return schema.GroupKind{Group: r.Group, Kind: r.Kind} }

// APIVersion returns the version as manifests write it.
func (r Ref) APIVersion() string { return r.GVK().GroupVersion().String() }

// String names the object for people: `Deployment shop/web`.
func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// Key is the object's key in maps of objects: `kind/namespace/name`, without the namespace for a cluster-scoped kind.
func (r Ref) Key() string {
	parts := []string{r.Kind, r.Namespace, r.Name}
	if r.Namespace == "" {
		parts = []string{r.Kind, r.Name}
	}
	return strings.Join(parts, "/")
}

// object returns an empty object of that name.
func (r Ref) object() *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetGroupVersionKind(r.GVK())
	u.SetName(r.Name)
	if r.Namespace != "" {
		u.SetNamespace(r.Namespace)
	}
	return u
}

// CompareRef orders by namespace, kind, name, group and version.
func CompareRef(a, b Ref) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Group, b.Group), cmp.Compare(a.Version, b.Version))
}
