package draft

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

// found are the objects of a namespace that a draft is made from.
type found struct {
	namespace, clusterDomain string
	observed                 *mesh.Observation
	services                 []*corev1.Service
	policies                 []*networkingv1.NetworkPolicy
	configs                  map[string]map[string]string // ConfigMaps by name
	ingresses                []*networkingv1.Ingress
	jobs                     []string
	cni                      bool
}

// Survey reads a namespace and the control plane. exists is false when there is no such namespace. What the
// credentials may not read is missing from the draft, and a remark says so.
func Survey(ctx context.Context, c *kube.Cluster, e env.Env, clusterDomain, namespace string) (f Facts, exists bool, err error) {
	in := found{namespace: namespace, clusterDomain: clusterDomain, configs: map[string]map[string]string{}}
	if in.observed, err = mesh.Observe(ctx, c, namespace); err != nil || in.observed.Namespace == nil {
		return f, false, err
	}
	var hidden []string
	seen := func(what string, err error) error {
		if apierrors.IsForbidden(err) {
			hidden = append(hidden, what)
			return nil
		}
		return err
	}
	in.services, err = mesh.List[corev1.Service](ctx, c, corev1.SchemeGroupVersion.WithKind("Service"), namespace)
	if err = seen("Services", err); err != nil {
		return f, true, err
	}
	in.policies, err = mesh.List[networkingv1.NetworkPolicy](ctx, c, networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"), namespace)
	if err = seen("NetworkPolicies", err); err != nil {
		return f, true, err
	}
	in.ingresses, err = mesh.List[networkingv1.Ingress](ctx, c, networkingv1.SchemeGroupVersion.WithKind("Ingress"), namespace)
	if err = seen("Ingresses", err); err != nil {
		return f, true, err
	}
	configs, err := mesh.List[corev1.ConfigMap](ctx, c, corev1.SchemeGroupVersion.WithKind("ConfigMap"), namespace)
	if err = seen("ConfigMaps", err); err != nil {
		return f, true, err
	}
	for _, m := range configs {
		in.configs[m.Name] = m.Data
	}
	for _, kind := range []string{"CronJob", "Job"} {
		jobs, err := c.ListMetadata(ctx, schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: kind}, kube.ListOptions{Namespace: namespace})
		if err = seen(kind+"s", err); err != nil {
			return f, true, err
		}
		for _, j := range jobs {
			if len(j.OwnerReferences) == 0 {
				in.jobs = append(in.jobs, strings.ToLower(kind)+"/"+j.Name)
			}
		}
	}
	m, cni, err := control(ctx, c, e)
	if err != nil {
		return f, true, err
	}
	in.cni = cni
	f = in.facts(e)
	f.Mesh = m
	if f.Existing, err = existing(ctx, c, namespace); err != nil {
		return f, true, err
	}
	if len(hidden) > 0 {
		f.Remarks = append(f.Remarks, "The credentials may not read "+strings.Join(hidden, ", ")+": what follows from them is missing here.")
	}
	return f, true, nil
}

// control looks for a control plane and for who installed it.
func control(ctx context.Context, c *kube.Cluster, e env.Env) (m Mesh, cni bool, err error) {
	m = Mesh{Namespace: e.Namespace(), TrustDomain: e.TrustDomain()}
	want, err := mesh.LoadWant(ctx, c, e)
	if err != nil {
		return m, false, err
	}
	config, err := c.Get(ctx, e.ConfigRef())
	if err != nil && !apierrors.IsForbidden(err) {
		return m, false, err
	}
	if config == nil {
		return m, want.CNI, nil
	}
	m.Installed, m.Version = true, want.Version
	values, err := env.ParseConfig(config)
	if err != nil {
		return m, false, err
	}
	if values != nil {
		m.Scheme = values.Identity.Issuer.Scheme
	}
	switch release := config.GetAnnotations()["meta.helm.sh/release-name"]; {
	case config.GetAnnotations()[kube.AnnotationOwner] != "":
		m.Tool = "another rollout of meshplan"
	case release != "":
		m.Tool = "Helm release " + release
	case strings.HasPrefix(config.GetAnnotations()["linkerd.io/created-by"], "linkerd/cli"):
		m.Tool = "the Linkerd CLI"
	}
	return m, want.CNI, nil
}

// existing names the policy objects of the namespace.
func existing(ctx context.Context, c *kube.Cluster, namespace string) (out []string, err error) {
	for _, kind := range []string{"Server", "AuthorizationPolicy", "ServerAuthorization", "MeshTLSAuthentication", "NetworkAuthentication"} {
		g := schema.GroupKind{Group: "policy.linkerd.io", Kind: kind}
		versions, err := c.ServedVersions(ctx, g)
		if err != nil {
			return nil, err
		}
		if len(versions) == 0 {
			continue
		}
		objects, err := c.ListMetadata(ctx, g.WithVersion(versions[0]), kube.ListOptions{Namespace: namespace})
		if err != nil && !apierrors.IsForbidden(err) {
			return nil, err
		}
		for _, o := range objects {
			out = append(out, kind+" "+o.Name)
		}
	}
	return out, nil
}

// facts decides what becomes of everything. It is pure.
func (in *found) facts(e env.Env) Facts {
	f := Facts{Namespace: in.namespace, Whole: true}
	names, optedOut := in.observed.InScope(nil)
	for _, name := range slices.Sorted(maps.Keys(optedOut)) {
		f.Left = append(f.Left, Remark{name, optedOut[name]})
	}
	var inside []*mesh.Workload
	for _, name := range names {
		w := in.observed.Find(name)
		if reason := mesh.Misunderstood(&w.Template); reason != "" {
			f.Whole = false
			f.Left = append(f.Left, Remark{name, fmt.Sprintf("its template says linkerd.io/inject: %q, which the injector takes for no: correct it there", reason)})
			continue
		}
		if w.Blocked != "" && len(w.Proxies()) == 0 {
			f.Whole = false
			f.Left = append(f.Left, Remark{name, w.Blocked})
			continue
		}
		inside = append(inside, w)
	}
	slices.SortFunc(f.Left, func(a, b Remark) int { return cmp.Compare(a.Object, b.Object) })
	ends := endpoints(in.services, in.observed.Workloads)
	for _, w := range inside {
		f.Workloads = append(f.Workloads, in.workload(w, ends))
	}
	in.link(&f, inside, ends)
	f.Refused = mesh.Refused(in.observed.Namespace, in.cni)
	for _, p := range in.observed.Unmanaged {
		f.Remarks = append(f.Remarks, fmt.Sprintf("Pod %s has no controller that would replace it: it stays out of the mesh until you make it anew.", p.Name))
	}
	if len(in.jobs) > 0 {
		f.Remarks = append(f.Remarks, "Pods of "+strings.Join(in.jobs, ", ")+" get a proxy at their next run. They end only with native sidecars (the default since Linkerd 2.20).")
	}
	return f
}

// workload says what is known of one workload by itself.
func (in *found) workload(w *mesh.Workload, ends []endpoint) Workload {
	out := Workload{Name: w.Name, ServiceAccount: w.ServiceAccount(), Pods: w.Replicas, Meshed: len(w.Proxies()) > 0}
	ports := map[int]*Port{}
	for _, c := range w.Template.Spec.Containers {
		for _, p := range c.Ports {
			if c.Name != "linkerd-proxy" && (p.Protocol == "" || p.Protocol == corev1.ProtocolTCP) {
				ports[int(p.ContainerPort)] = &Port{Number: int(p.ContainerPort), Name: p.Name, Declared: true}
			}
		}
	}
	for _, e := range ends {
		if e.workload == w && ports[e.target] == nil {
			ports[e.target] = &Port{Number: e.target}
		}
	}
	for _, number := range slices.Sorted(maps.Keys(ports)) {
		p := ports[number]
		p.Probes = mesh.ProbesOutsideHTTP(&w.Template.Spec, number)
		p.Outside = in.outside(w, number, ends)
		out.Ports = append(out.Ports, *p)
	}
	if out.ServiceAccount == "default" {
		out.Remarks = append(out.Remarks, "It runs under the account \"default\", which it shares with every other workload that names none: a permission for one is a permission for all. Give it an account of its own.")
	}
	return out
}

// outside says how clients without a proxy reach a port.
func (in *found) outside(w *mesh.Workload, port int, ends []endpoint) string {
	for _, e := range ends {
		if e.workload != w || e.target != port {
			continue
		}
		i := slices.IndexFunc(in.services, func(s *corev1.Service) bool { return s.Name == e.service })
		if t := in.services[i].Spec.Type; t == corev1.ServiceTypeLoadBalancer || t == corev1.ServiceTypeNodePort {
			return fmt.Sprintf("Service %s is of type %s", e.service, t)
		}
		for _, g := range in.ingresses {
			if routesTo(g, e.service) {
				return "Ingress " + g.Name + " leads to it"
			}
		}
	}
	return ""
}

func routesTo(g *networkingv1.Ingress, service string) bool {
	is := func(b *networkingv1.IngressBackend) bool {
		return b != nil && b.Service != nil && b.Service.Name == service
	}
	if is(g.Spec.DefaultBackend) {
		return true
	}
	for _, r := range g.Spec.Rules {
		if r.HTTP == nil {
			continue
		}
		for i := range r.HTTP.Paths {
			if is(&r.HTTP.Paths[i].Backend) {
				return true
			}
		}
	}
	return false
}

// link finds out who calls whom.
func (in *found) link(f *Facts, inside []*mesh.Workload, ends []endpoint) {
	known := map[string]bool{}
	for _, e := range ends {
		known[e.service] = true
	}
	for _, from := range inside {
		variables := environment(from, in.configs)
		for _, name := range slices.Sorted(maps.Keys(variables)) {
			for _, a := range addresses(variables[name], in.namespace, in.clusterDomain, known) {
				for _, e := range ends {
					if e.service != a.service || a.port != 0 && a.port != e.port || e.workload == from {
						continue
					}
					f.call(from, e, a.port != 0, "its variable "+name)
				}
			}
		}
		for _, p := range in.policies {
			for i := range f.Workloads {
				to := inside[i]
				for _, port := range f.Workloads[i].Ports {
					if to != from && admitted(p, from, to, port.Number) {
						f.call(from, endpoint{workload: to, target: port.Number}, true, "NetworkPolicy "+p.Name)
					}
				}
			}
		}
	}
}

// call notes that a workload calls a port. What is certain takes the place of what is likely.
func (f *Facts) call(from *mesh.Workload, e endpoint, certain bool, evidence string) {
	i := slices.IndexFunc(f.Workloads, func(w Workload) bool { return w.Name == e.workload.Name })
	if i < 0 {
		return
	}
	j := slices.IndexFunc(f.Workloads[i].Ports, func(p Port) bool { return p.Number == e.target })
	if j < 0 {
		return
	}
	port := &f.Workloads[i].Ports[j]
	caller := Caller{from.Name, from.Ref.Namespace + "/" + from.ServiceAccount(), evidence}
	same := func(c Caller) bool { return c.Workload == caller.Workload }
	switch {
	case slices.ContainsFunc(port.Callers, same):
	case certain:
		port.Callers = append(port.Callers, caller)
		port.Likely = slices.DeleteFunc(port.Likely, same)
		k := slices.IndexFunc(f.Workloads, func(w Workload) bool { return w.Name == from.Name })
		if calls := &f.Workloads[k].Calls; !slices.Contains(*calls, e.workload.Name) {
			*calls = append(*calls, e.workload.Name)
			slices.Sort(*calls)
		}
	case !slices.ContainsFunc(port.Likely, same):
		port.Likely = append(port.Likely, caller)
	}
}
