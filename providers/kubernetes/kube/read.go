package kube

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// readLists is how many LISTs are in flight: each costs the server much more than a GET.
	readLists = 4
	// readGets is how many GETs are in flight.
	readGets = 16
	// readFew is the size up to which a group is read object by object.
	readFew = 3
	// readWide is the number of namespaces of one kind from which one LIST over all of them is cheaper.
	readWide = 8
	// readUnmarked is how many objects without our label a namespace must have to be listed: others may live there too.
	readUnmarked = 8
)

// ReadSets reads the objects of many instances. Metadata is listed per resource and namespace; only objects in which
// a field of ours changed are fetched. The states are in the order of the requests.
func (c *Cluster) ReadSets(ctx context.Context, reqs []SetRead) ([]SetState, hcl.Diagnostics) {
	r := reader{cluster: c, reqs: reqs, states: make([]SetState, len(reqs)), work: map[readGroup][]*readItem{}}
	r.group()
	if err := r.list(ctx); err != nil {
		return r.states, err
	}
	return r.states, r.settle(ctx)
}

// reader is one ReadSets under way.
type reader struct {
	cluster *Cluster
	reqs    []SetRead
	states  []SetState
	work    map[readGroup][]*readItem
	items   [][]*readItem // by request
}

// readGroup is what one LIST can answer.
type readGroup struct {
	ref       Ref // without a name
	label     string
	partial   bool
	wide      bool
	namespace string
}

// readItem is one object of one request.
type readItem struct {
	req     int
	rec     *ObjectRecord // nil when the outcome of a write is unknown
	desired *Desired
	ref     Ref
	mapping Mapping
	meta    *metav1.PartialObjectMetadata // without managedFields
	entry   string                        // digest of our entry in them
	err     error
	state   ObjectState
	next    *ObjectRecord
	ds      hcl.Diagnostics
}

// byID finds desired objects, also those that leave their namespace to the default.
func byID(list []Desired) map[ID]*Desired {
	if len(list) == 0 {
		return nil
	}
	out := make(map[ID]*Desired, len(list))
	for j := range list {
		d := &list[j]
		ref := RefOf(d.Object)
		out[ref.ID()] = d
		if ref.Namespace == "" {
			ref.Namespace = DefaultNamespace
			out[ref.ID()] = d
		}
	}
	return out
}

// found notes the metadata of an object.
func (it *readItem) found(meta *metav1.PartialObjectMetadata, req *SetRead) {
	it.meta = meta
	manager := cmp.Or(req.Options.Manager, FieldManager)
	if it.rec != nil {
		manager = cmp.Or(it.rec.Manager, manager)
	}
	it.entry = entryDigest(meta.ManagedFields, manager)
}

// group sorts the objects of all requests into LISTs.
func (r *reader) group() {
	namespaces := map[readGroup]map[string]bool{}
	r.items = make([][]*readItem, len(r.reqs))
	for i := range r.reqs {
		req := &r.reqs[i]
		desired := byID(req.Desired)
		add := func(it *readItem) {
			it.req = i
			r.items[i] = append(r.items[i], it)
			key := readGroup{ref: Ref{Group: it.ref.Group, Version: it.ref.Version, Kind: it.ref.Kind}, label: StateLabel(req.Lineage), partial: req.Options.Partial, namespace: it.ref.Namespace}
			r.work[key] = append(r.work[key], it)
			key.namespace = ""
			if namespaces[key] == nil {
				namespaces[key] = map[string]bool{}
			}
			namespaces[key][it.ref.Namespace] = true
		}
		for j := range req.Record.Objects {
			rec := &req.Record.Objects[j]
			add(&readItem{rec: rec, desired: desired[rec.ID()], ref: rec.Ref})
		}
		if !req.Unresolved {
			continue
		}
		for j := range req.Desired {
			ref := RefOf(req.Desired[j].Object)
			named := ref
			named.Namespace = cmp.Or(ref.Namespace, DefaultNamespace)
			if ref.Name != "" && ref.Kind != "" && req.Record.Find(ref.ID()) == nil && req.Record.Find(named.ID()) == nil {
				add(&readItem{desired: &req.Desired[j], ref: ref})
			}
		}
	}
	for key, names := range namespaces {
		if len(names) <= readWide || key.partial {
			continue
		}
		wide := key
		wide.wide = true
		for name := range names {
			key.namespace = name
			r.work[wide] = append(r.work[wide], r.work[key]...)
			delete(r.work, key)
		}
	}
}

// list fills in the metadata. It returns diagnostics only for what concerns every object: an unreachable cluster.
func (r *reader) list(ctx context.Context) hcl.Diagnostics {
	var mu sync.Mutex // guards broken
	var broken error
	var group errgroup.Group
	group.SetLimit(readLists)
	for key, items := range r.work {
		group.Go(func() error {
			if err := r.read(ctx, key, items); err != nil {
				mu.Lock()
				broken = err
				mu.Unlock()
			}
			return nil
		})
	}
	_ = group.Wait() // the functions report through broken
	return r.cluster.Diagnose(broken, "list", Ref{Kind: "objects"})
}

// read fills in the metadata of one group. Its error is one that stops everything.
func (r *reader) read(ctx context.Context, key readGroup, items []*readItem) error {
	c := r.cluster
	m, err := c.Mapping(ctx, key.ref.GVK())
	var unknown *UnknownKindError
	switch {
	case errors.As(err, &unknown) && unknown.Broken == nil && len(unknown.Served) > 0: // another version of it is served
		versioned := key.ref.GVK()
		versioned.Version = ""
		m, err = c.Mapping(ctx, versioned)
	case errors.As(err, &unknown) && unknown.Broken == nil, err == nil && m.Planned:
		return nil // the kind is gone, and with it all its objects
	case errors.As(err, &unknown):
		for _, it := range items {
			it.err = err
		}
		return nil
	}
	if err != nil {
		return err
	}
	for _, it := range items {
		it.mapping = m
		if m.Namespaced && it.ref.Namespace == "" {
			it.ref.Namespace = DefaultNamespace
		}
	}
	few := readFew
	if key.partial {
		few = readUnmarked - 1
	}
	missing := items
	if len(items) > few {
		o := ListOptions{Namespace: key.namespace, Labels: LabelState + "=" + key.label}
		if key.partial {
			o.Labels = ""
		}
		if key.wide {
			o.Namespace = ""
		}
		type name struct{ namespace, name string }
		wanted := make(map[name][]*readItem, len(items))
		for _, it := range items {
			of := name{it.ref.Namespace, it.ref.Name}
			wanted[of] = append(wanted[of], it)
		}
		err := c.eachMetadata(ctx, m, o, func() {
			for _, it := range items {
				it.meta = nil
			}
		}, func(found *metav1.PartialObjectMetadata) {
			for _, it := range wanted[name{found.Namespace, found.Name}] {
				it.found(found, &r.reqs[it.req])
			}
			found.ManagedFields = nil // most of its size, and not needed any more
		})
		switch {
		case apierrors.IsForbidden(err): // then one by one
		case err != nil:
			return err
		default:
			missing = slices.DeleteFunc(slices.Clone(items), func(it *readItem) bool { return it.meta != nil }) // gone, or without our label
		}
	}
	var group errgroup.Group
	group.SetLimit(readGets)
	for _, it := range missing {
		group.Go(func() error {
			var found *metav1.PartialObjectMetadata
			if found, it.err = c.getMetadata(ctx, m, it.ref); found != nil {
				it.found(found, &r.reqs[it.req])
			}
			var down *UnreachableError
			if errors.As(it.err, &down) || errors.Is(it.err, context.Canceled) || apierrors.IsUnauthorized(it.err) {
				return it.err
			}
			return nil
		})
	}
	return group.Wait()
}

// settle decides for every object whether it changed, fetching those that may have.
func (r *reader) settle(ctx context.Context) hcl.Diagnostics {
	var group errgroup.Group
	group.SetLimit(readGets)
	for i := range r.items {
		req := &r.reqs[i]
		for _, it := range r.items[i] {
			if !it.suspicious(req, r.cluster.options.Verify) {
				continue
			}
			group.Go(func() error {
				it.fetch(ctx, r.cluster, req)
				return nil
			})
		}
	}
	_ = group.Wait() // the functions report through the items
	for i, items := range r.items {
		state := &r.states[i]
		for _, it := range items {
			state.Objects = append(state.Objects, it.state)
			state.Diagnostics = append(state.Diagnostics, it.ds...)
			if it.next != nil {
				state.Record.Objects = append(state.Record.Objects, *it.next)
			}
		}
		slices.SortFunc(state.Objects, func(a, b ObjectState) int { return CompareRef(a.Ref, b.Ref) })
		slices.SortFunc(state.Record.Objects, func(a, b ObjectRecord) int { return CompareRef(a.Ref, b.Ref) })
	}
	return nil
}
