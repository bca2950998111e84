package mesh

import (
	"context"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// customObjects caches Linkerd's and the Gateway API's custom resources. Their definitions come and go with the
// product's plans, so each is watched from the moment it is Established until it is deleted.
type customObjects struct {
	dyn dynamic.Interface
	ctx context.Context // life of the watches

	mu    sync.Mutex // guards kinds
	kinds map[schema.GroupResource]*customKind
}

type customKind struct {
	uid      types.UID
	resource schema.GroupVersionResource
	cancel   context.CancelFunc
	informer cache.SharedIndexInformer
}

var customGroups = []string{"policy.linkerd.io", "gateway.networking.k8s.io", "linkerd.io"}

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

func watchCustomObjects(ctx context.Context, dyn dynamic.Interface) (*customObjects, error) {
	c := &customObjects{dyn: dyn, ctx: ctx, kinds: map[schema.GroupResource]*customKind{}}
	informer := newInformer(dyn, definitions)
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { c.defined(o.(*unstructured.Unstructured)) },
		UpdateFunc: func(_, o any) { c.defined(o.(*unstructured.Unstructured)) },
		DeleteFunc: func(o any) {
			if d, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = d.Obj
			}
			c.undefined(o.(*unstructured.Unstructured))
		},
	}); err != nil {
		return nil, err
	}
	go informer.RunWithContext(ctx)
	cache.WaitForCacheSync(ctx.Done(), informer.HasSynced)
	return c, nil
}

func newInformer(dyn dynamic.Interface, r schema.GroupVersionResource) cache.SharedIndexInformer {
	return dynamicinformer.NewFilteredDynamicInformer(dyn, r, metav1.NamespaceAll, 0, cache.Indexers{}, nil).Informer()
}

// defined begins to watch the objects of an Established definition.
func (c *customObjects) defined(crd *unstructured.Unstructured) {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	plural, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "plural")
	version := storageVersion(crd)
	if !slices.Contains(customGroups, group) || version == "" || !established(crd) {
		return
	}
	key := schema.GroupResource{Group: group, Resource: plural}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.kinds[key]; old != nil {
		if old.uid == crd.GetUID() && old.resource.Version == version {
			return
		}
		old.cancel()
	}
	ctx, cancel := context.WithCancel(c.ctx)
	k := &customKind{uid: crd.GetUID(), resource: key.WithVersion(version), cancel: cancel}
	k.informer = newInformer(c.dyn, k.resource)
	c.kinds[key] = k
	go k.informer.RunWithContext(ctx)
}

func (c *customObjects) undefined(crd *unstructured.Unstructured) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, k := range c.kinds {
		if k.uid == crd.GetUID() {
			k.cancel()
			delete(c.kinds, key)
		}
	}
}

// list returns the objects of a kind, oldest first: the order in which Linkerd settles conflicts. It returns nothing
// while the kind is not defined.
func (c *customObjects) list(group, plural string) []*unstructured.Unstructured {
	c.mu.Lock()
	k := c.kinds[schema.GroupResource{Group: group, Resource: plural}]
	c.mu.Unlock()
	if k == nil {
		return nil
	}
	var out []*unstructured.Unstructured
	for _, o := range k.informer.GetStore().List() {
		out = append(out, o.(*unstructured.Unstructured))
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int {
		if n := a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time); n != 0 {
			return n
		}
		return strings.Compare(a.GetNamespace()+"/"+a.GetName(), b.GetNamespace()+"/"+b.GetName())
	})
	return out
}

// resource returns a client for a kind's storage version, or nil while it is not defined.
func (c *customObjects) resource(group, plural string) dynamic.NamespaceableResourceInterface {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.kinds[schema.GroupResource{Group: group, Resource: plural}]; k != nil {
		return c.dyn.Resource(k.resource)
	}
	return nil
}

// storageVersion returns the version objects are kept in, if it is served as well.
func storageVersion(crd *unstructured.Unstructured) string {
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, v := range versions {
		v, _ := v.(map[string]any)
		if v["storage"] == true && v["served"] == true {
			name, _ := v["name"].(string)
			return name
		}
	}
	return ""
}

func established(crd *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
	for _, c := range conditions {
		c, _ := c.(map[string]any)
		if c["type"] == "Established" {
			return c["status"] == "True"
		}
	}
	return false
}
