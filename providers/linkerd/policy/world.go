package policy

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

// freshness is how long a look at a namespace serves the plans of further objects in it. It only feeds warnings and
// checks that the API server and the proxies repeat, and spares a large plan some requests per object.
const freshness = 10 * time.Second

// world is what one provider instance has seen and planned in this run.
type world struct {
	mu      sync.Mutex                            // guards the maps
	planned map[string]*unstructured.Unstructured // by address; nil for an object that is planned to go
	seen    map[string]*look                      // by namespace
}

// look is one look at a namespace; the mutex makes concurrent plans share it.
type look struct {
	mu       sync.Mutex // guards the rest
	at       time.Time
	objects  Objects
	observed *mesh.Observation
}

func newWorld() *world {
	return &world{planned: map[string]*unstructured.Unstructured{}, seen: map[string]*look{}}
}

// plan notes what an instance will be.
func (w *world) plan(address string, u *unstructured.Unstructured) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.planned[address] = u
}

// forget notes that an instance is planned to go.
func (w *world) forget(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.planned, address)
}

// surroundings are what a lint looks at.
type surroundings struct {
	env      env.Env
	objects  Objects
	defaults Defaults
	observed *mesh.Observation
}

// around returns a namespace as it is, with what this run plans put over it.
func (w *world) around(ctx context.Context, e env.Env, namespace string) (*surroundings, error) {
	w.mu.Lock()
	l := w.seen[namespace]
	if l == nil {
		l = &look{}
		w.seen[namespace] = l
	}
	planned := maps.Clone(w.planned)
	w.mu.Unlock()

	s := &surroundings{env: e, defaults: Defaults{ClusterNetworks: defaultClusterNetworks()}}
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at) > freshness {
		objects, err := LoadObjects(ctx, e.Cluster(), e, namespace, s.defaults)
		if err != nil {
			return nil, err
		}
		observed, err := mesh.Observe(ctx, e.Cluster(), namespace)
		if err != nil {
			return nil, err
		}
		l.at, l.objects, l.observed = time.Now(), objects, observed
	}
	s.objects, s.observed = l.objects.clone(), l.observed
	for _, address := range slices.Sorted(maps.Keys(planned)) {
		u := planned[address]
		if u.GetNamespace() == namespace || u.GetKind() == "MeshTLSAuthentication" || u.GetKind() == "NetworkAuthentication" {
			if err := s.objects.add(u, e, s.defaults.ClusterNetworks); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// clone returns a copy to which objects can be added.
func (o Objects) clone() Objects {
	o.Servers, o.Authorizations = slices.Clone(o.Servers), slices.Clone(o.Authorizations)
	o.Identities, o.Networks = maps.Clone(o.Identities), maps.Clone(o.Networks)
	o.Legacy, o.Routes = slices.Clone(o.Legacy), slices.Clone(o.Routes)
	return o
}
