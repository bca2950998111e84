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
	mu      sync.Mutex // guards planned
	planned map[string]*unstructured.Unstructured
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
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]*unstructured.Unstructured, 0, len(w.planned))
	for _, address := range slices.Sorted(maps.Keys(w.planned)) {
		out = append(out, w.planned[address])
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
