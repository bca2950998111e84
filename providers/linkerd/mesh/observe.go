package mesh

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Lister is what observing needs of a cluster.
type Lister interface {
	env.Getter
	List(ctx context.Context, gvk schema.GroupVersionKind, o kube.ListOptions) ([]*unstructured.Unstructured, error)
}

// Observation is one namespace as it was found.
type Observation struct {
	// Namespace is nil when there is none.
	Namespace *corev1.Namespace
	// Workloads are in order of name.
	Workloads []*Workload
	// Unmanaged are pods that no controller would replace, in order of name: they cannot be restarted.
	Unmanaged []*corev1.Pod
	// Others are pods of controllers that are not among the workloads (Jobs, bare ReplicaSets, custom ones), in order of
	// name.
	Others []*corev1.Pod
}

// Find returns the workload of that name (`kind/name`), or nil.
func (o *Observation) Find(name string) *Workload {
	i := slices.IndexFunc(o.Workloads, func(w *Workload) bool { return w.Name == name })
	if i < 0 {
		return nil
	}
	return o.Workloads[i]
}

// Names returns the names of the workloads, sorted.
func (o *Observation) Names() []string {
	out := make([]string, 0, len(o.Workloads))
	for _, w := range o.Workloads {
		out = append(out, w.Name)
	}
	return out
}

func namespaceRef(name string) kube.Ref {
	return kube.Ref{Version: "v1", Kind: "Namespace", Name: name}
}

// Observe reads a namespace, its workloads and their pods with a LIST per kind.
func Observe(ctx context.Context, c Lister, namespace string) (*Observation, error) {
	o := &Observation{}
	ns, err := c.Get(ctx, namespaceRef(namespace))
	if err != nil || ns == nil {
		return o, err
	}
	if o.Namespace, err = convert[corev1.Namespace](ns); err != nil {
		return nil, err
	}
	pods, err := List[corev1.Pod](ctx, c, schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, namespace)
	if err != nil {
		return nil, err
	}
	pods = slices.DeleteFunc(pods, func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	byOwner := map[types.UID][]*corev1.Pod{}
	for _, p := range pods {
		owner := metav1.GetControllerOf(p)
		if owner == nil {
			o.Unmanaged = append(o.Unmanaged, p)
			continue
		}
		byOwner[owner.UID] = append(byOwner[owner.UID], p)
	}
	for _, read := range []func(context.Context, Lister, string, map[types.UID][]*corev1.Pod) ([]*Workload, error){deployments, statefulSets, daemonSets} {
		found, err := read(ctx, c, namespace, byOwner)
		if err != nil {
			return nil, err
		}
		o.Workloads = append(o.Workloads, found...)
	}
	slices.SortFunc(o.Workloads, func(a, b *Workload) int { return cmp.Compare(a.Name, b.Name) })
	known := map[types.UID]bool{}
	for _, w := range o.Workloads {
		for _, p := range w.Pods() {
			known[p.UID] = true
		}
	}
	for _, p := range pods {
		if metav1.GetControllerOf(p) != nil && !known[p.UID] {
			o.Others = append(o.Others, p)
		}
	}
	return o, nil
}

// observe reads what an injection is about: its namespace, and the CronJobs that it names.
func observe(ctx context.Context, c Lister, namespace string, named []string) (*Observation, error) {
	o, err := Observe(ctx, c, namespace)
	if err != nil || o.Namespace == nil {
		return o, err
	}
	return o, o.addCronJobs(ctx, c, namespace, named)
}

func deployments(ctx context.Context, c Lister, namespace string, pods map[types.UID][]*corev1.Pod) ([]*Workload, error) {
	found, err := List[appsv1.Deployment](ctx, c, appsv1.SchemeGroupVersion.WithKind("Deployment"), namespace)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	sets, err := List[appsv1.ReplicaSet](ctx, c, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), namespace)
	if err != nil {
		return nil, err
	}
	var out []*Workload
	for _, d := range found {
		w := newWorkload("Deployment", &d.ObjectMeta, &d.Spec.Template, d.Spec.Selector)
		w.Replicas = replicas(d.Spec.Replicas)
		acted := d.Status.ObservedGeneration >= d.Generation
		for _, s := range sets {
			if owner := metav1.GetControllerOf(s); owner == nil || owner.UID != d.UID {
				continue
			}
			const revision = "deployment.kubernetes.io/revision"
			w.sort(pods[s.UID], acted && s.Annotations[revision] == d.Annotations[revision])
		}
		w.Settled = acted && int(d.Status.UpdatedReplicas) == w.Replicas && int(d.Status.Replicas) == w.Replicas && int(d.Status.ReadyReplicas) == w.Replicas
		for _, cond := range d.Status.Conditions {
			if cond.Type == appsv1.DeploymentReplicaFailure && cond.Status == corev1.ConditionTrue {
				w.Failure = cond.Message
			}
		}
		if d.Spec.Paused {
			w.Blocked = "its rollout is paused: resume it with `kubectl rollout resume`"
		}
		out = append(out, w)
	}
	return out, nil
}

func statefulSets(ctx context.Context, c Lister, namespace string, pods map[types.UID][]*corev1.Pod) ([]*Workload, error) {
	found, err := List[appsv1.StatefulSet](ctx, c, appsv1.SchemeGroupVersion.WithKind("StatefulSet"), namespace)
	if err != nil {
		return nil, err
	}
	var out []*Workload
	for _, s := range found {
		w := newWorkload("StatefulSet", &s.ObjectMeta, &s.Spec.Template, s.Spec.Selector)
		w.Replicas = replicas(s.Spec.Replicas)
		acted := s.Status.ObservedGeneration >= s.Generation
		for _, p := range pods[s.UID] {
			w.sort([]*corev1.Pod{p}, acted && p.Labels[appsv1.ControllerRevisionHashLabelKey] == s.Status.UpdateRevision)
		}
		w.Settled = acted && len(w.Old) == 0 && len(w.Current) == w.Replicas && int(s.Status.ReadyReplicas) == w.Replicas
		switch u := s.Spec.UpdateStrategy; {
		case u.Type == appsv1.OnDeleteStatefulSetStrategyType:
			w.Blocked = "its update strategy is OnDelete: delete its pods by hand, or use RollingUpdate"
		case u.RollingUpdate != nil && u.RollingUpdate.Partition != nil && *u.RollingUpdate.Partition > 0:
			w.Blocked = fmt.Sprintf("its update strategy keeps the first %d pods as they are: set the partition to 0", *u.RollingUpdate.Partition)
		}
		out = append(out, w)
	}
	return out, nil
}

func daemonSets(ctx context.Context, c Lister, namespace string, pods map[types.UID][]*corev1.Pod) ([]*Workload, error) {
	found, err := List[appsv1.DaemonSet](ctx, c, appsv1.SchemeGroupVersion.WithKind("DaemonSet"), namespace)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	revisions, err := List[appsv1.ControllerRevision](ctx, c, appsv1.SchemeGroupVersion.WithKind("ControllerRevision"), namespace)
	if err != nil {
		return nil, err
	}
	var out []*Workload
	for _, d := range found {
		w := newWorkload("DaemonSet", &d.ObjectMeta, &d.Spec.Template, d.Spec.Selector)
		w.Replicas = int(d.Status.DesiredNumberScheduled)
		acted := d.Status.ObservedGeneration >= d.Generation
		var newest *appsv1.ControllerRevision
		for _, r := range revisions {
			if owner := metav1.GetControllerOf(r); owner != nil && owner.UID == d.UID && (newest == nil || r.Revision > newest.Revision) {
				newest = r
			}
		}
		for _, p := range pods[d.UID] {
			const hash = appsv1.ControllerRevisionHashLabelKey
			w.sort([]*corev1.Pod{p}, acted && newest != nil && p.Labels[hash] == newest.Labels[hash])
		}
		w.Settled = acted && len(w.Old) == 0 && len(w.Current) == w.Replicas && int(d.Status.NumberReady) == w.Replicas
		if d.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType {
			w.Blocked = "its update strategy is OnDelete: delete its pods by hand, or use RollingUpdate"
		}
		out = append(out, w)
	}
	return out, nil
}

func newWorkload(kind string, m *metav1.ObjectMeta, template *corev1.PodTemplateSpec, selector *metav1.LabelSelector) *Workload {
	return &Workload{
		Ref:  kube.Ref{Group: appsv1.GroupName, Version: "v1", Kind: kind, Namespace: m.Namespace, Name: m.Name},
		Name: strings.ToLower(kind) + "/" + m.Name, UID: string(m.UID), Generation: m.Generation,
		Template: *template, Selector: selector, managed: m.ManagedFields,
	}
}

// sort files pods as current or old. A terminating pod is old whatever its revision: it still carries traffic but
// will not be there when the next step relies on it.
func (w *Workload) sort(pods []*corev1.Pod, current bool) {
	for _, p := range pods {
		if current && p.DeletionTimestamp == nil {
			w.Current = insertPod(w.Current, p)
		} else {
			w.Old = insertPod(w.Old, p)
		}
	}
}

func insertPod(pods []*corev1.Pod, p *corev1.Pod) []*corev1.Pod {
	i, _ := slices.BinarySearchFunc(pods, p, func(a, b *corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return slices.Insert(pods, i, p)
}

func replicas(n *int32) int {
	if n == nil {
		return 1
	}
	return int(*n)
}

// List reads the objects of a kind in a namespace, each into a T of its own. Errors are those of the request; an object that is
// no T is one as well.
func List[T any](ctx context.Context, c Lister, gvk schema.GroupVersionKind, namespace string) ([]*T, error) {
	found, err := c.List(ctx, gvk, kube.ListOptions{Namespace: namespace})
	if err != nil {
		return nil, err
	}
	out := make([]*T, 0, len(found))
	for _, u := range found {
		t, err := convert[T](u)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

func convert[T any](u *unstructured.Unstructured) (*T, error) {
	out := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, out); err != nil {
		return nil, fmt.Errorf("%s %s/%s: %w", u.GetKind(), u.GetNamespace(), u.GetName(), err)
	}
	return out, nil
}
