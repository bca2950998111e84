package install

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// The labels and names that checks look for.
const (
	labelControlPlane = "linkerd.io/control-plane-ns"
	labelComponent    = "linkerd.io/control-plane-component"
	proxyContainer    = "linkerd-proxy"
)

// facts is what one run of checks has learnt from the cluster: each thing is read once, when the first check needs it.
// It belongs to one goroutine.
type facts struct {
	ctx     context.Context
	cluster *kube.Cluster
	env     env.Env
	options CheckOptions
	ds      hcl.Diagnostics // what kept a check from being made

	config    *env.Config
	entries   []certs.Entry
	inventory bool
	objects   map[kube.ID]*unstructured.Unstructured
	lists     map[string][]*unstructured.Unstructured
	warnings  []string
	skipped   bool
}

// problem formats one contradiction.
func problem(format string, args ...any) []string { return []string{fmt.Sprintf(format, args...)} }

// list joins what was found, the first few of many.
func list(found []string) string {
	found = sorted(found)
	const most = 8
	if len(found) > most {
		return strings.Join(found[:most], "; ") + fmt.Sprintf("; and %d more", len(found)-most)
	}
	return strings.Join(found, "; ")
}

// warn notes something that is worth knowing beside the check's own outcome.
func (f *facts) warn(format string, args ...any) {
	f.warnings = append(f.warnings, fmt.Sprintf(format, args...))
}

func (f *facts) takeWarnings() []string {
	out := f.warnings
	f.warnings = nil
	return out
}

// skip says that the check has nothing to look at, so that it is neither a success nor a failure.
func (f *facts) skip() []string {
	f.skipped = true
	return nil
}

func (f *facts) takeSkipped() bool {
	out := f.skipped
	f.skipped = false
	return out
}

// get returns an object, nil when it does not exist. What the credentials may not read is a warning of the check.
func (f *facts) get(r kube.Ref) *unstructured.Unstructured {
	if u, ok := f.objects[r.ID()]; ok {
		return u
	}
	u, err := f.cluster.Get(f.ctx, r)
	if err != nil && !f.tolerate(err, "get", r) {
		return nil
	}
	if f.objects == nil {
		f.objects = map[kube.ID]*unstructured.Unstructured{}
	}
	f.objects[r.ID()] = u
	return u
}

// list returns objects of a kind; o selects them.
func (f *facts) list(gvk schema.GroupVersionKind, o kube.ListOptions) []*unstructured.Unstructured {
	key := fmt.Sprint(gvk, o)
	if l, ok := f.lists[key]; ok {
		return l
	}
	l, err := f.cluster.List(f.ctx, gvk, o)
	if err != nil && !f.tolerate(err, "list", kube.Ref{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind, Namespace: o.Namespace}) {
		return nil
	}
	if f.lists == nil {
		f.lists = map[string][]*unstructured.Unstructured{}
	}
	f.lists[key] = l
	return l
}

// tolerate turns a refusal into a warning; everything else ends the run.
func (f *facts) tolerate(err error, verb string, r kube.Ref) bool {
	if apierrors.IsForbidden(err) {
		f.warn("these credentials may not %s %s", verb, r.Kind)
		return true
	}
	f.ds = append(f.ds, f.cluster.Diagnose(err, verb, r)...)
	return false
}

// settings reads linkerd-config; nil when it is missing or broken.
func (f *facts) settings() *env.Config {
	if f.config == nil {
		f.config, _ = env.ParseConfig(f.get(f.env.ConfigRef())) // the check of linkerd-config says that it is broken
	}
	return f.config
}

// certificates returns the inventory of certificates.
func (f *facts) certificates() []certs.Entry {
	if !f.inventory {
		var ds hcl.Diagnostics
		f.entries, ds = certs.Inventory(f.ctx, f.cluster, f.env, f.options.Now, f.options.WarnBefore)
		f.ds = append(f.ds, ds...)
		f.inventory = true
	}
	return f.entries
}

// pods returns the pods of the mesh: all that carry the control plane's label, of one component when it is not empty.
// Pods that have ended do not count.
func (f *facts) pods(component string) (out []*corev1.Pod) {
	o := kube.ListOptions{Labels: labelControlPlane + "=" + f.env.Namespace()}
	for _, u := range f.list(schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, o) {
		p, ok := convert[corev1.Pod](u)
		if !ok || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
			continue
		}
		_, control := p.Labels[labelComponent]
		if control == (component != "") && (component == "" || component == "*" || p.Labels[labelComponent] == component) {
			out = append(out, p)
		}
	}
	return out
}

// convert gives an object its type; what does not fit is left out.
func convert[T any](u *unstructured.Unstructured) (*T, bool) {
	if u == nil {
		return nil, false
	}
	var out T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &out); err != nil {
		return nil, false
	}
	return &out, true
}

// proxy returns the proxy's container of a pod and its status; it is a container or, with native sidecars, an init
// container.
func proxy(p *corev1.Pod) (*corev1.Container, *corev1.ContainerStatus) {
	var found *corev1.Container
	var status *corev1.ContainerStatus
	for _, l := range [][]corev1.Container{p.Spec.Containers, p.Spec.InitContainers} {
		if i := slices.IndexFunc(l, func(c corev1.Container) bool { return c.Name == proxyContainer }); i >= 0 {
			found = &l[i]
		}
	}
	for _, l := range [][]corev1.ContainerStatus{p.Status.ContainerStatuses, p.Status.InitContainerStatuses} {
		if i := slices.IndexFunc(l, func(c corev1.ContainerStatus) bool { return c.Name == proxyContainer }); i >= 0 {
			status = &l[i]
		}
	}
	return found, status
}

func name(p *corev1.Pod) string { return p.Namespace + "/" + p.Name }

// scrub makes text of the cluster safe to show.
func scrub(s string) string { return diag.Scrub(s) }
