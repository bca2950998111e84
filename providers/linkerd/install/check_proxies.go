package install

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// certificateChecks are about everything that expires.
func certificateChecks() []check {
	of := func(category, name, hint, kind string) check {
		return check{category: category, name: name, hint: hint, after: true, test: func(f *facts) (out []string) {
			for _, e := range f.certificates() {
				if e.Kind != kind {
					continue
				}
				for _, x := range e.Findings {
					if x.Warning {
						f.warn("%s", scrub(x.Detail))
						continue
					}
					out = append(out, scrub(x.Detail))
				}
			}
			return out
		}}
	}
	return []check{
		of(CategoryIdentity, "trust anchors are in order", "Rotate the trust anchor: `rotate` of linkerd_trust_anchor.", certs.KindAnchor),
		of(CategoryIdentity, "the identity issuer is in order", "Rotate the issuer: `rotate` of linkerd_identity_issuer.", certs.KindIssuer),
		of(CategoryWebhooks, "webhook certificates are in order", "Apply the linkerd_control_plane resource: it renews webhook certificates.", certs.KindWebhook),
		{category: CategoryIdentityProxy, name: "proxies trust the anchors of the control plane", warn: true, after: true, test: proxyAnchors,
			hint: "Restart these workloads: a proxy keeps the anchors that it was started with."},
	}
}

func proxyAnchors(f *facts) (out []string) {
	roots, found, ds := certs.TrustRoots(f.ctx, f.cluster, f.env.Namespace())
	if f.ds = append(f.ds, ds...); ds.HasErrors() || !found {
		return nil
	}
	for _, p := range f.pods("") {
		c, _ := proxy(p)
		if c == nil {
			continue
		}
		i := slices.IndexFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS" })
		if i < 0 {
			continue
		}
		if b, err := pki.ParseBundle([]byte(c.Env[i].Value)); err != nil || !b.Equal(roots) {
			out = append(out, name(p)+" has other anchors")
		}
	}
	return out
}

// proxyChecks are about the proxies of the control plane and of workloads.
func proxyChecks() []check {
	return []check{
		{category: CategoryControlProxies, name: "control plane proxies are ready", hint: "Look at the logs of the container linkerd-proxy.", after: true, test: func(f *facts) []string { return unready(f, "*") }},
		{category: CategoryControlProxies, name: "control plane proxies have the control plane's version", warn: true, hint: "Wait for the rollout, or restart the control plane.", after: true, test: func(f *facts) []string { return otherVersion(f, "*") }},
		{category: CategoryDataPlane, name: "proxies are ready", hint: "Look at the logs of the container linkerd-proxy.", after: true, test: func(f *facts) []string { return unready(f, "") }},
		{category: CategoryDataPlane, name: "proxies have the control plane's version", warn: true, hint: "Restart these workloads to get the new proxy.", after: true, test: func(f *facts) []string { return otherVersion(f, "") }},
		{category: CategoryDataPlane, name: "pods of the mesh have a proxy", after: true, test: noProxy,
			hint: "A pod with the label " + labelControlPlane + " counts as meshed: clients attempt mTLS and fail. Remove the label, or let the injector set it."},
		{category: CategoryDataPlane, name: "settings are annotations, not labels", warn: true, after: true, test: labelsForAnnotations,
			hint: "Linkerd reads config.linkerd.io/ settings from annotations of the pod template or the namespace."},
		{category: CategoryHA, name: "the control plane has several replicas", warn: true, hint: "Wait for the replicas, or give the cluster more nodes.", after: true, test: replicas},
	}
}

func unready(f *facts, component string) (out []string) {
	for _, p := range f.pods(component) {
		if c, s := proxy(p); c != nil && (s == nil || !s.Ready) {
			out = append(out, name(p)+" is not ready")
		}
	}
	return out
}

func otherVersion(f *facts, component string) (out []string) {
	c := f.settings()
	if c == nil {
		return nil
	}
	want := c.Proxy.Image.Version
	if want == "" {
		want = c.LinkerdVersion
	}
	for _, p := range f.pods(component) {
		k, _ := proxy(p)
		if k == nil || p.Annotations["config.linkerd.io/proxy-version"] != "" || p.Annotations["config.linkerd.io/proxy-image"] != "" {
			continue
		}
		if have := p.Annotations["linkerd.io/proxy-version"]; have != "" && have != want {
			out = append(out, fmt.Sprintf("%s has %s, not %s", name(p), scrub(have), want))
		}
	}
	return out
}

func noProxy(f *facts) (out []string) {
	for _, p := range f.pods("") {
		if c, _ := proxy(p); c == nil {
			out = append(out, name(p)+" has the label and no proxy")
		}
	}
	return out
}

func labelsForAnnotations(f *facts) (out []string) {
	for _, p := range f.pods("") {
		for k := range p.Labels {
			if strings.HasPrefix(k, "config.linkerd.io/") {
				out = append(out, fmt.Sprintf("%s has the label %s", name(p), k))
			}
		}
	}
	return out
}

func replicas(f *facts) (out []string) {
	if c := f.settings(); c == nil || !c.HighAvailability {
		return f.skip()
	}
	for _, n := range []string{"linkerd-destination", "linkerd-identity", "linkerd-proxy-injector"} {
		r := kube.Ref{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: f.env.Namespace(), Name: n}
		u := f.get(r)
		if u == nil {
			continue
		}
		if have, _, _ := unstructured.NestedInt64(u.Object, "status", "availableReplicas"); have <= 1 {
			out = append(out, fmt.Sprintf("%s has %d available replicas", r, have))
		}
	}
	return out
}

// extensionChecks are about what was installed beside the control plane.
func extensionChecks() []check {
	return []check{
		{category: CategoryExtensions, name: "each extension has one namespace", warn: true, hint: "Remove the label linkerd.io/extension from all but one namespace.", after: true, test: extensions},
		{category: CategoryCNI, name: "the CNI plugin runs on every node", hint: "Look at the pods of the DaemonSet linkerd-cni.", after: true, test: cni},
	}
}

func extensions(f *facts) (out []string) {
	seen := map[string]string{}
	for _, u := range f.list(schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}, kube.ListOptions{Labels: "linkerd.io/extension"}) {
		e := u.GetLabels()["linkerd.io/extension"]
		if first, ok := seen[e]; ok {
			out = append(out, fmt.Sprintf("extension %s is in the namespaces %s and %s", scrub(e), first, u.GetName()))
			continue
		}
		seen[e] = u.GetName()
	}
	return out
}

func cni(f *facts) (out []string) {
	if c := f.settings(); c == nil || !c.CNIEnabled {
		return f.skip()
	}
	sets := f.list(daemonSet, kube.ListOptions{Labels: labelCNI + "=true"})
	if len(sets) == 0 && len(f.warnings) == 0 {
		return problem("the control plane is set up for the CNI plugin, but there is no DaemonSet with the label linkerd.io/cni-resource=true")
	}
	for _, u := range sets {
		want, _, _ := unstructured.NestedInt64(u.Object, "status", "desiredNumberScheduled")
		have, _, _ := unstructured.NestedInt64(u.Object, "status", "numberReady")
		if have < want {
			out = append(out, fmt.Sprintf("%s: %d of %d pods are ready", kube.RefOf(u), have, want))
		}
	}
	return out
}
