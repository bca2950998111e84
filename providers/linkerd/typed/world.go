package typed

import (
	"context"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// World is what one provider instance has planned in this run. The zero value is empty; it is safe for concurrent use.
type World struct {
	// Others returns what is planned as plain manifests; nil means nothing. It is set before the first use.
	Others func() map[string]*unstructured.Unstructured

	mu      sync.Mutex // guards the maps
	planned map[string]*unstructured.Unstructured
	gone    map[kube.ID]bool
	changed map[string]bool // namespaces
	meshes  map[string][]string
	covers  map[string]bool // namespaces
}

// Meshes notes that workloads of a namespace, which have no proxy yet, are planned to get one.
func (w *World) Meshes(namespace string, workloads []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.meshes == nil {
		w.meshes = map[string][]string{}
	}
	w.meshes[namespace] = append(w.meshes[namespace], workloads...)
}

// Meshed returns the workloads of a namespace that are planned to get a proxy.
func (w *World) Meshed(namespace string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.meshes[namespace])
}

// Covers notes that the ports of a namespace are planned to get Servers named after workload and port.
func (w *World) Covers(namespace string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.covers == nil {
		w.covers = map[string]bool{}
	}
	w.covers[namespace] = true
}

// Covered reports whether Covers was called for a namespace.
func (w *World) Covered(namespace string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.covers[namespace]
}

// Remove notes that the object of an instance is planned to go.
func (w *World) Remove(address string, refs ...kube.Ref) {
	w.Forget(address)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone == nil {
		w.gone = map[kube.ID]bool{}
	}
	for _, r := range refs {
		w.gone[r.ID()] = true
	}
}

// Gone returns the objects that are planned to go. What another instance makes again is planned as well.
func (w *World) Gone() []kube.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.gone))
}

// Changes notes that something is planned to change in a namespace.
func (w *World) Changes(namespace string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = map[string]bool{}
	}
	w.changed[namespace] = true
}

// Changed returns the namespaces in which something is planned to change, sorted.
func (w *World) Changed() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.changed))
}

// Address returns the address of the instance that plans an object, or "".
func (w *World) Address(kind, namespace, name string) string {
	for address, u := range w.everything() {
		if u.GetKind() == kind && u.GetNamespace() == namespace && u.GetName() == name {
			return address
		}
	}
	return ""
}

func (w *World) everything() map[string]*unstructured.Unstructured {
	all := map[string]*unstructured.Unstructured{}
	if w.Others != nil {
		maps.Copy(all, w.Others())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.Copy(all, w.planned)
	return all
}

// Plan notes what the instance at an address will be.
func (w *World) Plan(address string, u *unstructured.Unstructured) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.planned == nil {
		w.planned = map[string]*unstructured.Unstructured{}
	}
	w.planned[address] = u
}

// Forget notes that the instance at an address is planned to go.
func (w *World) Forget(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.planned, address)
}

// Planned returns what is planned, in order of address. The caller must not change the objects.
func (w *World) Planned() []*unstructured.Unstructured {
	all := w.everything()
	out := make([]*unstructured.Unstructured, 0, len(all))
	for _, address := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[address])
	}
	return out
}

// List returns the objects of a kind in a namespace ("" means all) as they will be: live ones, with the planned ones
// over them. A kind that the cluster does not serve has planned objects only. Objects are in order of name.
func (w *World) List(ctx context.Context, c *kube.Cluster, gk kschema.GroupKind, namespace string) ([]*unstructured.Unstructured, error) {
	type key struct{ namespace, name string }
	byName := map[key]*unstructured.Unstructured{}
	versions := []string{"v1"}
	if gk.Group != "" {
		var err error
		if versions, err = c.ServedVersions(ctx, gk); err != nil {
			return nil, err
		}
	}
	if len(versions) > 0 {
		live, err := c.List(ctx, gk.WithVersion(versions[0]), kube.ListOptions{Namespace: namespace})
		if err != nil {
			return nil, err
		}
		for _, u := range live {
			byName[key{u.GetNamespace(), u.GetName()}] = u
		}
	}
	for _, id := range w.Gone() {
		if id.Group == gk.Group && id.Kind == gk.Kind {
			delete(byName, key{id.Namespace, id.Name})
		}
	}
	for _, u := range w.Planned() {
		if u.GroupVersionKind().GroupKind() == gk && (namespace == "" || u.GetNamespace() == namespace) {
			k := key{u.GetNamespace(), u.GetName()}
			if was := byName[k]; was != nil { // an update does not change its age
				u = u.DeepCopy()
				u.SetCreationTimestamp(was.GetCreationTimestamp())
			}
			byName[k] = u
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b *unstructured.Unstructured) int {
		return kube.CompareRef(kube.RefOf(a), kube.RefOf(b))
	}), nil
}
