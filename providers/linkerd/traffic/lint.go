package traffic

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/policy"
)

// linter judges planned objects by what is there and what else is planned.
type linter struct {
	env   env.Env
	world *policy.World
}

// services reads the Services of a namespace.
func (l linter) services(ctx context.Context, namespace string) (map[string]*corev1.Service, error) {
	found, err := l.env.Cluster().List(ctx, corev1.SchemeGroupVersion.WithKind("Service"), kube.ListOptions{Namespace: namespace})
	if err != nil {
		return nil, err
	}
	out := map[string]*corev1.Service{}
	for _, u := range found {
		s := &corev1.Service{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, s); err != nil {
			return nil, fmt.Errorf("service %s/%s: %w", u.GetNamespace(), u.GetName(), err)
		}
		out[s.Name] = s
	}
	return out, nil
}

// service judges one Service that a route or an annotation is about. A Service of the same plan passes.
func (l linter) service(all map[string]*corev1.Service, namespace, name string, port int, path cty.Path) hcl.Diagnostics {
	s := all[name]
	if s == nil {
		if l.env.Cluster().World().PlansObject(kube.Ref{Version: "v1", Kind: "Service", Namespace: namespace, Name: name}.ID()) {
			return nil
		}
		names := make([]string, 0, len(all))
		for n := range all {
			names = append(names, n)
		}
		slices.Sort(names)
		return hcl.Diagnostics{diag.At(diag.Warningf(CodeNoService, "Service does not exist", "There is no Service %q in namespace %q, and this plan does not make one.%s", name, namespace, diag.Suggest(name, names)), path)}
	}
	var ds hcl.Diagnostics
	switch {
	case s.Spec.Type == corev1.ServiceTypeExternalName:
		ds = append(ds, diag.At(diag.Warningf(CodeNotRouted, "Calls are not routed", "Service %q is an ExternalName: its clients talk to another name, and what is configured here is never looked at.", name), path))
	case s.Spec.ClusterIP == corev1.ClusterIPNone:
		ds = append(ds, diag.At(diag.Warningf(CodeNotRouted, "Calls are not routed", "Service %q is headless: its clients call pods by address, and routes and weights are for calls of the cluster IP.", name), path))
	}
	if port == 0 {
		return ds
	}
	var have []string
	for _, p := range s.Spec.Ports {
		if int(p.Port) == port {
			return ds
		}
		have = append(have, strconv.Itoa(int(p.Port)))
	}
	return append(ds, diag.At(diag.Warningf(CodeNoPort, "Service has no such port", "Service %q has no port %d; it has %v. A route refers to the Service's port, not to the container's.", name, port, have), path))
}

// profile warns when a ServiceProfile exists for a Service: clients then look at nothing else.
func (l linter) profile(ctx context.Context, namespace, service string, path cty.Path) (hcl.Diagnostics, error) {
	profiles, err := l.world.List(ctx, l.env.Cluster(), kschema.GroupKind{Group: "linkerd.io", Kind: "ServiceProfile"}, namespace)
	if err != nil {
		return nil, err
	}
	for _, p := range profiles {
		if name, ns := serviceOf(p.GetName()); name == service && ns == namespace {
			return hcl.Diagnostics{diag.At(diag.Warningf(CodeProfileShadows, "Service profile takes precedence",
				"ServiceProfile %q exists, so clients of Service %q ignore its routes, weights, retry and timeout annotations and circuit breaking. Move what the profile does to routes and annotations, and delete it.", p.GetName(), service), path)}, nil
		}
	}
	return nil, nil
}

// parents are the parents of a route as text, for comparing.
func parents(route *unstructured.Unstructured) []string {
	refs, _, _ := unstructured.NestedSlice(route.Object, "spec", "parentRefs")
	var out []string
	for _, r := range refs {
		m, _ := r.(map[string]any)
		ns, _ := m["namespace"].(string)
		if ns == "" {
			ns = route.GetNamespace()
		}
		text := fmt.Sprintf("%v %s/%v", m["kind"], ns, m["name"])
		if m["port"] != nil {
			text += fmt.Sprintf(" port %v", m["port"])
		}
		out = append(out, text)
	}
	return out
}

// parentNames are the names of a route's parents of a kind in its own namespace.
func parentNames(route *unstructured.Unstructured, kind string) []string {
	refs, _, _ := unstructured.NestedSlice(route.Object, "spec", "parentRefs")
	var out []string
	for _, r := range refs {
		m, _ := r.(map[string]any)
		if name, ok := m["name"].(string); ok && m["kind"] == kind {
			out = append(out, name)
		}
	}
	return out
}
