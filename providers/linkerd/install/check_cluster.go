package install

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// checkRights is the name of the check that asks what the credentials may do.
const checkRights = "these credentials may install Linkerd"

// clusterChecks are about the cluster, with or without Linkerd.
func clusterChecks() []check {
	return []check{
		{category: CategoryAPI, name: "the API server answers", hint: "Check the kubeconfig and the network.", before: true, after: true, fatal: true, test: apiAnswers},
		{category: CategoryVersion, name: "Kubernetes is new enough", hint: "Upgrade the cluster, or install an older release of Linkerd.", before: true, after: true, test: kubernetesVersion},
		{category: CategoryGatewayAPI, name: "Gateway API routes are served", warn: true, before: true, after: true, test: gatewayAPI,
			hint: "Install the Gateway API definitions (channel experimental or standard) to use HTTPRoute and GRPCRoute of gateway.networking.k8s.io."},
		{category: CategorySetup, name: "the control plane namespace admits the control plane", before: true, test: podSecurity,
			hint: "Label the namespace pod-security.kubernetes.io/enforce=privileged, or use the CNI plugin (cni_enabled)."},
		{category: CategorySetup, name: checkRights, hint: "Use credentials with these rights.", before: true, test: permissions},
		{category: CategorySetup, name: "clocks of the nodes agree", warn: true, before: true, test: clockSkew, hint: "Synchronise the nodes' clocks: certificates are valid by the clock."},
		{category: CategorySetup, name: "no other installation is in the way", before: true, test: noOtherInstallation,
			hint: "Adopt the existing installation (on_exists = \"adopt\"), or uninstall it."},
	}
}

func apiAnswers(f *facts) []string {
	if _, err := f.cluster.Version(f.ctx); err != nil {
		return problem("%s", scrub(err.Error()))
	}
	return nil
}

// minimum is the oldest Kubernetes that a line of Linkerd supports.
func minimum(line int) string {
	switch {
	case line >= 20:
		return "1.31.0"
	case line >= 18:
		return "1.23.0"
	}
	return "1.22.0"
}

func kubernetesVersion(f *facts) []string {
	have, err := f.cluster.Version(f.ctx)
	if err != nil {
		return problem("%s", scrub(err.Error()))
	}
	line := edgeLines()[len(edgeLines())-1].line
	if c := f.settings(); c != nil {
		if r, ok := parseRelease(c.LinkerdVersion); ok {
			line = r.line
		}
	}
	v, err := version.ParseGeneric(have)
	if err != nil {
		return problem("the version %q cannot be read", scrub(have))
	}
	if want := minimum(line); v.LessThan(version.MustParseGeneric(want)) {
		return problem("the cluster has %s; this release of Linkerd needs %s", have, want)
	}
	return nil
}

func gatewayAPI(f *facts) (out []string) {
	for _, kind := range []string{"HTTPRoute", "GRPCRoute"} {
		versions, err := f.cluster.ServedVersions(f.ctx, schema.GroupKind{Group: "gateway.networking.k8s.io", Kind: kind})
		switch {
		case err != nil:
			out = append(out, scrub(err.Error()))
		case len(versions) == 0:
			out = append(out, kind+" of gateway.networking.k8s.io is not installed")
		case !slices.Contains(versions, "v1"):
			out = append(out, fmt.Sprintf("%s of gateway.networking.k8s.io is served as %s, not as v1", kind, strings.Join(versions, ", ")))
		}
	}
	return out
}

// podSecurityLevel returns the level that a namespace enforces, or "".
func podSecurityLevel(ns *unstructured.Unstructured) string {
	if ns == nil {
		return ""
	}
	return ns.GetLabels()["pod-security.kubernetes.io/enforce"]
}

func podSecurity(f *facts) []string {
	ns := f.get(kube.Ref{Version: "v1", Kind: "Namespace", Name: f.env.Namespace()})
	if level := podSecurityLevel(ns); level == "baseline" || level == "restricted" {
		return problem("namespace %s enforces the Pod Security level %q, which forbids the capabilities that linkerd-init needs", f.env.Namespace(), level)
	}
	return nil
}

func permissions(f *facts) (out []string) {
	ns := f.env.Namespace()
	for _, a := range []kube.Access{
		{Verb: "create", Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"},
		{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterroles"},
		{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "clusterrolebindings"},
		{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "roles", Namespace: ns},
		{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "rolebindings", Namespace: ns},
		{Verb: "create", Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations"},
		{Verb: "create", Group: "admissionregistration.k8s.io", Resource: "validatingwebhookconfigurations"},
		{Verb: "create", Resource: "serviceaccounts", Namespace: ns},
		{Verb: "create", Resource: "services", Namespace: ns},
		{Verb: "create", Group: "apps", Resource: "deployments", Namespace: ns},
		{Verb: "create", Group: "batch", Resource: "cronjobs", Namespace: ns},
		{Verb: "create", Resource: "configmaps", Namespace: ns},
		{Verb: "create", Resource: "secrets", Namespace: ns},
		{Verb: "get", Resource: "secrets", Namespace: ns},
	} {
		ok, err := f.cluster.CanI(f.ctx, a)
		if err != nil {
			f.tolerate(err, "create", kube.Ref{Group: "authorization.k8s.io", Version: "v1", Kind: "SelfSubjectAccessReview"})
			return nil
		}
		if !ok {
			out = append(out, fmt.Sprintf("not allowed to %s %s", a.Verb, a.Resource))
		}
	}
	return out
}

func clockSkew(f *facts) (out []string) {
	const most = 5*time.Minute + 10*time.Second
	for _, u := range f.list(schema.GroupVersionKind{Version: "v1", Kind: "Node"}, kube.ListOptions{}) {
		n, ok := convert[corev1.Node](u)
		if !ok {
			continue
		}
		for _, c := range n.Status.Conditions {
			if c.Type != corev1.NodeReady || c.Status != corev1.ConditionTrue || c.LastHeartbeatTime.IsZero() {
				continue
			}
			if age := f.options.Now.Sub(c.LastHeartbeatTime.Time).Abs(); age > most {
				out = append(out, fmt.Sprintf("node %s: last heartbeat %s away", n.Name, age.Round(time.Second)))
			}
		}
	}
	return out
}

func noOtherInstallation(f *facts) (out []string) {
	for _, u := range f.list(schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, kube.ListOptions{Fields: "metadata.name=" + env.ConfigName}) {
		out = append(out, fmt.Sprintf("the %s says that Linkerd is installed", kube.RefOf(u)))
	}
	return out
}
