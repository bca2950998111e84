package policy

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

// freshness is how long a look at a namespace serves the plans of further objects in it. It only feeds warnings and
// checks that the API server and the proxies repeat, and spares a large plan some requests per object.
const freshness = 10 * time.Second

// World is what one provider instance has seen of policy, and planned, in this run.
type World struct {
	typed.World
	mu   sync.Mutex       // guards seen
	seen map[string]*look // by namespace
}

// look is one look at a namespace; the mutex makes concurrent plans share it.
type look struct {
	mu       sync.Mutex // guards the rest
	at       time.Time
	objects  Objects
	observed *mesh.Observation
	defaults Defaults
}

// NewWorld returns an empty world.
func NewWorld() *World { return &World{seen: map[string]*look{}} }

// surroundings are what a lint looks at.
type surroundings struct {
	env      env.Env
	objects  Objects
	defaults Defaults
	observed *mesh.Observation
	// live are the objects as they are, without what the run plans.
	live Objects
}

// around returns a namespace as it is, with what this run plans put over it.
func (w *World) around(ctx context.Context, e env.Env, namespace string) (*surroundings, error) {
	w.mu.Lock()
	l := w.seen[namespace]
	if l == nil {
		l = &look{}
		w.seen[namespace] = l
	}
	w.mu.Unlock()

	s := &surroundings{env: e}
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.at) > freshness {
		defaults, err := LoadDefaults(ctx, e.Cluster(), e)
		if err != nil {
			return nil, err
		}
		objects, err := LoadObjects(ctx, e.Cluster(), e, namespace, defaults)
		if err != nil {
			return nil, err
		}
		observed, err := mesh.Observe(ctx, e.Cluster(), namespace)
		if err != nil {
			return nil, err
		}
		l.at, l.objects, l.observed, l.defaults = time.Now(), objects, observed, defaults
	}
	s.live = l.objects
	s.objects, s.observed, s.defaults = l.objects.clone(), l.observed, l.defaults
	s.objects.remove(namespace, w.Gone())
	for _, u := range w.Planned() {
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
