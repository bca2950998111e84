package mesh

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// world is what the stand-ins see of the cluster: caches fed by watches. It is safe for concurrent use; the objects it
// returns are shared and must not be changed.
type world struct {
	client     kubernetes.Interface
	pods       listers.PodLister
	podIndex   cache.Indexer
	namespaces listers.NamespaceLister
	services   listers.ServiceLister
	secrets    listers.SecretLister
	configMaps listers.ConfigMapLister
	custom     *customObjects
	factory    informers.SharedInformerFactory

	mu     sync.Mutex // guards parsed
	parsed map[string]parsedSettings
}

const indexByIP = "ip"

// newWorld starts the watches and returns when the caches are filled.
func newWorld(ctx context.Context, config *rest.Config) (*world, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	f := informers.NewSharedInformerFactory(client, 0)
	core := f.Core().V1()
	w := &world{
		client: client, factory: f, parsed: map[string]parsedSettings{},
		pods: core.Pods().Lister(), podIndex: core.Pods().Informer().GetIndexer(),
		namespaces: core.Namespaces().Lister(), services: core.Services().Lister(),
		secrets: core.Secrets().Lister(), configMaps: core.ConfigMaps().Lister(),
	}
	if err := core.Pods().Informer().AddIndexers(cache.Indexers{indexByIP: func(o any) ([]string, error) {
		if p := o.(*corev1.Pod); p.Status.PodIP != "" && !p.Spec.HostNetwork {
			return []string{p.Status.PodIP}, nil
		}
		return nil, nil
	}}); err != nil {
		return nil, err
	}
	f.Start(ctx.Done())
	for kind, ok := range f.WaitForCacheSync(ctx.Done()) {
		if !ok {
			return nil, fmt.Errorf("watching %v did not begin", kind)
		}
	}
	w.custom, err = watchCustomObjects(ctx, dyn)
	return w, err
}

// readyPodAt returns the Ready pod that has the address. The caches may be a moment behind the API server, which
// already sends traffic there, so a miss is checked against the API.
func (w *world) readyPodAt(ip string) *corev1.Pod {
	objs, _ := w.podIndex.ByIndex(indexByIP, ip)
	for _, o := range objs {
		if p := o.(*corev1.Pod); ready(p) {
			return p
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	list, err := w.client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "status.podIP=" + ip})
	if err != nil {
		return nil
	}
	for i := range list.Items {
		if p := &list.Items[i]; ready(p) {
			return p
		}
	}
	return nil
}

// livePods returns the pods that are not on their way out, sorted by namespace and name.
func (w *world) livePods() []*corev1.Pod {
	all, _ := w.pods.List(labels.Everything())
	all = slices.DeleteFunc(all, func(p *corev1.Pod) bool {
		return p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
	})
	slices.SortFunc(all, func(a, b *corev1.Pod) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return all
}

// componentPods returns the Ready pods of a control plane component in its namespace, sorted by name.
func (w *world) componentPods(namespace, component string) []*corev1.Pod {
	pods, _ := w.pods.Pods(namespace).List(labels.SelectorFromSet(labels.Set{labelComponent: component}))
	pods = slices.DeleteFunc(pods, func(p *corev1.Pod) bool { return !ready(p) })
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods
}

func (w *world) configMapKey(namespace, name, key string) string {
	cm, err := w.configMaps.ConfigMaps(namespace).Get(name)
	if err != nil {
		return ""
	}
	return cm.Data[key]
}

func ready(p *corev1.Pod) bool {
	if p.DeletionTimestamp != nil {
		return false
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// componentOf returns the control plane component a pod belongs to, or "".
func componentOf(p *corev1.Pod) string { return p.Labels[labelComponent] }

// proxyOf returns the pod's proxy container, wherever it is, and whether it is a native sidecar.
func proxyOf(p *corev1.Pod) (proxy *corev1.Container, native bool) {
	for i := range p.Spec.InitContainers {
		if p.Spec.InitContainers[i].Name == proxyContainer {
			return &p.Spec.InitContainers[i], true
		}
	}
	for i := range p.Spec.Containers {
		if p.Spec.Containers[i].Name == proxyContainer {
			return &p.Spec.Containers[i], false
		}
	}
	return nil, false
}

// meshed says whether the pod has a proxy that Linkerd knows of.
func meshed(p *corev1.Pod) bool {
	proxy, _ := proxyOf(p)
	return proxy != nil && p.Labels[labelControlPlane] != ""
}
