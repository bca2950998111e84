package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
)

// Mapping is how a kind is served.
type Mapping struct {
	GVK        schema.GroupVersionKind
	Resource   schema.GroupVersionResource
	Namespaced bool
	Planned    bool // a CRD of this run brings the kind: the server does not serve it yet
}

// namespaceMapping is known without discovery.
var namespaceMapping = Mapping{
	GVK:      schema.GroupVersionKind{Version: "v1", Kind: "Namespace"},
	Resource: schema.GroupVersionResource{Version: "v1", Resource: "namespaces"},
}

// UnknownKindError says that the server has no such kind.
type UnknownKindError struct {
	GVK    schema.GroupVersionKind
	Served []string // other versions of the kind that are served
	Near   string   // a suggestion, as diag.Suggest writes it
	Broken error    // why the group could not be read, if so
}

func (e *UnknownKindError) Error() string {
	switch {
	case e.Broken != nil:
		return fmt.Sprintf("the API group of %s cannot be read: %v", e.GVK.Kind, e.Broken)
	case len(e.Served) > 0:
		return fmt.Sprintf("the server does not serve %s in version %s of group %q, only in %s", e.GVK.Kind, e.GVK.Version, e.GVK.Group, strings.Join(e.Served, ", "))
	}
	return fmt.Sprintf("the server has no kind %s in %s.%s", e.GVK.Kind, e.GVK.GroupVersion(), e.Near)
}

// discoveryCache holds what the server serves, read once per run and again after a miss.
type discoveryCache struct {
	mu     sync.Mutex // guards all fields, and is held while reading so that one read serves all who wait
	kinds  map[schema.GroupKind][]Mapping
	broken map[string]error // by group
	reads  int
}

// load reads what the server serves unless somebody did so after the read that the caller knows.
func (d *discoveryCache) load(ctx context.Context, c *Cluster, seen int) error {
	if d.reads > seen {
		return nil
	}
	k, err := c.connect()
	if err != nil {
		return err
	}
	kinds, broken := map[schema.GroupKind][]Mapping{}, map[string]error{}
	err = c.retry(ctx, func() error {
		groups, resources, failed, err := k.discovery.GroupsAndMaybeResourcesWithContext(ctx)
		if err != nil {
			return err
		}
		clear(kinds)
		clear(broken)
		for gv, err := range failed {
			broken[gv.Group] = err
		}
		for _, g := range groups.Groups {
			versions := make([]string, 0, len(g.Versions)+1)
			versions = append(versions, g.PreferredVersion.Version)
			for _, v := range g.Versions {
				if !slices.Contains(versions, v.Version) {
					versions = append(versions, v.Version)
				}
			}
			for _, v := range versions {
				gv := schema.GroupVersion{Group: g.Name, Version: v}
				list := resources[gv]
				if list == nil {
					if resources == nil || failed[gv] == nil { // a server without aggregated discovery
						got, err := k.discovery.ServerResourcesForGroupVersionWithContext(ctx, gv.String())
						if err != nil {
							broken[g.Name] = err
							continue
						}
						list = got
					} else {
						continue
					}
				}
				for _, r := range list.APIResources {
					if strings.Contains(r.Name, "/") {
						continue
					}
					gk := schema.GroupKind{Group: g.Name, Kind: r.Kind}
					kinds[gk] = append(kinds[gk], Mapping{GVK: gk.WithVersion(v), Resource: gv.WithResource(r.Name), Namespaced: r.Namespaced})
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, group := range slices.Sorted(maps.Keys(broken)) {
		c.warnings.add(fmt.Sprintf("The API group %s cannot be read, so its kinds are unknown for now: %s", group, sentence(diag.Scrub(broken[group].Error()))))
	}
	d.kinds, d.broken = kinds, broken
	d.reads++
	return nil
}

// Mapping finds how a kind is served. A miss reads discovery once more. The error of an unknown kind is
// *UnknownKindError.
func (c *Cluster) Mapping(ctx context.Context, gvk schema.GroupVersionKind) (Mapping, error) {
	d := &c.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	first := d.reads == 0
	if err := d.load(ctx, c, 0); err != nil {
		return Mapping{}, err
	}
	if m, ok := d.find(gvk); ok {
		return m, nil
	}
	if m, ok := c.world.mapping(gvk); ok {
		return m, nil
	}
	if !first {
		if err := d.load(ctx, c, d.reads); err != nil {
			return Mapping{}, err
		}
		if m, ok := d.find(gvk); ok {
			return m, nil
		}
	}
	return Mapping{}, d.unknown(gvk)
}

// served is Mapping without the planned world: it reports whether the server serves the kind now, after a fresh look.
func (c *Cluster) served(ctx context.Context, gvk schema.GroupVersionKind) (Mapping, bool, error) {
	d := &c.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	if m, ok := d.find(gvk); ok {
		return m, true, nil
	}
	if err := d.load(ctx, c, d.reads); err != nil {
		return Mapping{}, false, err
	}
	m, ok := d.find(gvk)
	return m, ok, nil
}

func (d *discoveryCache) find(gvk schema.GroupVersionKind) (Mapping, bool) {
	for _, m := range d.kinds[gvk.GroupKind()] {
		if m.GVK.Version == gvk.Version || gvk.Version == "" {
			return m, true
		}
	}
	return Mapping{}, false
}

func (d *discoveryCache) unknown(gvk schema.GroupVersionKind) error {
	e := &UnknownKindError{GVK: gvk, Broken: d.broken[gvk.Group]}
	var near []string
	for gk, ms := range d.kinds {
		if gk == gvk.GroupKind() {
			for _, m := range ms {
				e.Served = append(e.Served, m.GVK.Version)
			}
		}
		near = append(near, gk.Kind)
	}
	e.Near = diag.Suggest(gvk.Kind, near)
	if strings.Contains(e.Near, fmt.Sprintf("%q", gvk.Kind)) { // the kind is right, the group is not
		var groups []string
		for gk := range d.kinds {
			if gk.Kind == gvk.Kind {
				groups = append(groups, fmt.Sprintf("%q", gk.Group))
			}
		}
		slices.Sort(groups)
		e.Near = fmt.Sprintf(" It serves a kind of that name in group %s.", strings.Join(groups, ", "))
	}
	return e
}

// ServedVersions returns the versions of a kind, the preferred one first; none when the kind is unknown. Kinds that
// the run only plans are included.
func (c *Cluster) ServedVersions(ctx context.Context, gk schema.GroupKind) ([]string, error) {
	d := &c.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(ctx, c, 0); err != nil {
		return nil, err
	}
	var out []string
	for _, m := range d.kinds[gk] {
		out = append(out, m.GVK.Version)
	}
	if len(out) == 0 {
		out = c.world.versions(gk)
	}
	return out, nil
}

// Kinds returns every served kind in its preferred version, in order of group and kind.
func (c *Cluster) Kinds(ctx context.Context) ([]Mapping, error) {
	d := &c.discovery
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.load(ctx, c, 0); err != nil {
		return nil, err
	}
	out := make([]Mapping, 0, len(d.kinds))
	for _, ms := range d.kinds {
		out = append(out, ms[0])
	}
	slices.SortFunc(out, func(a, b Mapping) int {
		return strings.Compare(a.GVK.Group+"/"+a.GVK.Kind, b.GVK.Group+"/"+b.GVK.Kind)
	})
	return out, nil
}

// IsUnknownKind reports whether an error says that the server has no such kind.
func IsUnknownKind(err error) bool {
	var unknown *UnknownKindError
	return errors.As(err, &unknown) && unknown.Broken == nil
}
