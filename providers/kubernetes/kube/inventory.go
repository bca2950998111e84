package kube

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// inventory remembers for a short time which objects exist, so that planning the creation of thousands of objects
// costs a few LISTs.
type inventory struct {
	mu     sync.Mutex // guards groups
	groups map[inventoryKey]*inventoryGroup
}

type inventoryKey struct {
	resource  schema.GroupVersionResource
	namespace string
}

// inventoryGroup is one kind in one namespace. The lock is held during a LIST, so that one answers all who wait.
type inventoryGroup struct {
	mu     sync.Mutex // guards all fields
	asked  map[string]*asked
	all    map[string]*metav1.PartialObjectMetadata // of a LIST
	at     time.Time
	noList bool // RBAC does not allow the LIST
}

// asked is a question about one object. The answer is there when done is closed.
type asked struct {
	done  chan struct{}
	found *metav1.PartialObjectMetadata
	err   error
	at    time.Time
}

const (
	// inventoryAge is how long an answer holds, that of a LIST also for objects that it did not show.
	inventoryAge = 30 * time.Second
	// inventoryGets is how many objects of a group are asked for one by one before they are listed.
	inventoryGets = 3
)

func (c *Cluster) group(m Mapping, namespace string) *inventoryGroup {
	key := inventoryKey{m.Resource, namespace}
	c.inventory.mu.Lock()
	defer c.inventory.mu.Unlock()
	g := c.inventory.groups[key]
	if g == nil {
		if c.inventory.groups == nil {
			c.inventory.groups = map[inventoryKey]*inventoryGroup{}
		}
		g = &inventoryGroup{}
		c.inventory.groups[key] = g
	}
	return g
}

// lookup returns the metadata of an object, or nil when there is none. The answer may be inventoryAge old.
func (c *Cluster) lookup(ctx context.Context, m Mapping, r Ref) (*metav1.PartialObjectMetadata, error) {
	if m.Planned {
		return nil, nil
	}
	g := c.group(m, r.Namespace)
	g.mu.Lock()
	if g.all != nil && time.Since(g.at) < inventoryAge {
		found := g.all[r.Name]
		g.mu.Unlock()
		return found, nil
	}
	if a := g.asked[r.Name]; a != nil && time.Since(a.at) < inventoryAge {
		g.mu.Unlock()
		select {
		case <-a.done:
			return a.found, a.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if len(g.asked) < inventoryGets || g.noList {
		return c.ask(ctx, m, r, g)
	}
	list, err := c.listMetadata(ctx, m, ListOptions{Namespace: r.Namespace})
	if apierrors.IsForbidden(err) {
		g.noList = true
		return c.ask(ctx, m, r, g)
	}
	defer g.mu.Unlock()
	if err != nil {
		return nil, err
	}
	g.all, g.at = make(map[string]*metav1.PartialObjectMetadata, len(list)), time.Now()
	for _, o := range list {
		o.ManagedFields = nil // most of its size, and not needed
		g.all[o.Name] = o
	}
	return g.all[r.Name], nil
}

// ask looks for one object and remembers the answer: many objects ask about one namespace. The group is locked, and is not
// when it returns.
func (c *Cluster) ask(ctx context.Context, m Mapping, r Ref, g *inventoryGroup) (*metav1.PartialObjectMetadata, error) {
	if g.asked == nil {
		g.asked = map[string]*asked{}
	}
	a := &asked{done: make(chan struct{}), at: time.Now()}
	g.asked[r.Name] = a
	g.mu.Unlock()
	a.found, a.err = c.getMetadata(ctx, m, r)
	if a.err != nil { // who waits gets the error, who comes later asks again
		g.mu.Lock()
		if g.asked[r.Name] == a {
			delete(g.asked, r.Name)
		}
		g.mu.Unlock()
	}
	close(a.done)
	return a.found, a.err
}

// forget drops what is remembered about an object that was written or deleted.
func (c *Cluster) forget(m Mapping, r Ref, now *metav1.PartialObjectMetadata) {
	g := c.group(m, r.Namespace)
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.asked, r.Name)
	if g.all == nil {
		return
	}
	if now == nil {
		delete(g.all, r.Name)
	} else {
		g.all[r.Name] = now
	}
}

// namespaceExists reports whether a namespace is there. Without the right to look, it is taken to be.
func (c *Cluster) namespaceExists(ctx context.Context, name string) (bool, error) {
	found, err := c.lookup(ctx, namespaceMapping, Ref{Version: "v1", Kind: "Namespace", Name: name})
	if apierrors.IsForbidden(err) {
		return true, nil
	}
	return found != nil, err
}
