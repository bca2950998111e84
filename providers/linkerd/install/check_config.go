package install

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// heartbeatAccount is the service account of the heartbeat.
const heartbeatAccount = "linkerd-heartbeat"

// configChecks are about the objects around the control plane.
func configChecks() []check {
	const reinstall = "Apply the linkerd_control_plane and linkerd_crds resources again."
	exist := func(name string, fatal bool, refs func(ns string) []kube.Ref) check {
		return check{category: CategoryConfig, name: name, hint: reinstall, after: true, fatal: fatal, test: func(f *facts) (out []string) {
			for _, r := range refs(f.env.Namespace()) {
				if u := f.get(r); u == nil && len(f.warnings) == 0 {
					out = append(out, fmt.Sprintf("%s does not exist", r))
				}
			}
			return out
		}}
	}
	return []check{
		exist("the control plane namespace exists", true, namespaceRefs),
		exist("cluster roles exist", true, roleRefs("ClusterRole")),
		exist("cluster role bindings exist", true, roleRefs("ClusterRoleBinding")),
		exist("service accounts exist", true, accountRefs),
		exist("custom resources are defined", true, definitionRefs),
		exist("webhook configurations exist", true, webhookRefs),
	}
}

// checkedObjects are all objects whose existence is checked.
func checkedObjects(ns string) []kube.Ref {
	heartbeat := kube.Ref{Version: "v1", Kind: "ServiceAccount", Namespace: ns, Name: heartbeatAccount}
	return slices.Concat(namespaceRefs(ns), roleRefs("ClusterRole")(ns), roleRefs("ClusterRoleBinding")(ns), accountRefs(ns), definitionRefs(ns), webhookRefs(ns), []kube.Ref{heartbeat})
}

func namespaceRefs(ns string) []kube.Ref {
	return []kube.Ref{{Version: "v1", Kind: "Namespace", Name: ns}}
}

func roleRefs(kind string) func(ns string) []kube.Ref {
	return func(ns string) (out []kube.Ref) {
		for _, n := range []string{"identity", "proxy-injector"} {
			out = append(out, kube.Ref{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: kind, Name: "linkerd-" + ns + "-" + n})
		}
		return out
	}
}

func accountRefs(ns string) (out []kube.Ref) {
	for _, n := range []string{"destination", "identity", "proxy-injector"} {
		out = append(out, kube.Ref{Version: "v1", Kind: "ServiceAccount", Namespace: ns, Name: "linkerd-" + n})
	}
	return out
}

func definitionRefs(string) (out []kube.Ref) {
	for _, n := range []string{"servers.policy.linkerd.io", "serverauthorizations.policy.linkerd.io", "authorizationpolicies.policy.linkerd.io",
		"meshtlsauthentications.policy.linkerd.io", "networkauthentications.policy.linkerd.io", "httproutes.policy.linkerd.io", "serviceprofiles.linkerd.io"} {
		out = append(out, kube.Ref{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition", Name: n})
	}
	return out
}

func webhookRefs(string) (out []kube.Ref) {
	for _, w := range certs.Webhooks() {
		out = append(out, w.Configuration)
	}
	return out
}

// existenceChecks are about the running control plane.
func existenceChecks() []check {
	return []check{
		{category: CategoryExistence, name: "linkerd-config can be read", hint: "Apply the linkerd_control_plane resource again.", after: true, fatal: true, test: func(f *facts) []string {
			if f.settings() == nil && len(f.warnings) == 0 {
				return problem("the ConfigMap %s/%s is missing, or its key values is not YAML", f.env.Namespace(), env.ConfigName)
			}
			return nil
		}},
		{category: CategoryExistence, name: "the heartbeat's service account exists", hint: "Apply the linkerd_control_plane resource again.", after: true, test: func(f *facts) []string {
			r := kube.Ref{Version: "v1", Kind: "ServiceAccount", Namespace: f.env.Namespace(), Name: heartbeatAccount}
			if c := f.settings(); c != nil && !c.DisableHeartBeat && f.get(r) == nil && len(f.warnings) == 0 {
				return problem("%s does not exist", r)
			}
			return nil
		}},
		{category: CategoryExistence, name: "no replica set fails to make pods", hint: "The message is the API server's: quota, Pod Security or a webhook refuse the pod.", after: true, test: replicaFailures},
		{category: CategoryExistence, name: "control plane pods can be scheduled", hint: "Give the cluster room, or change tolerations and affinity in values.", after: true, warn: true, test: unschedulable},
		{category: CategoryExistence, name: "control plane pods are ready", hint: "Look at the pods' events and logs in the control plane namespace.", after: true, test: controlReady},
		{category: CategoryExistence, name: "cluster networks hold the nodes' pod networks", hint: "Set cluster_networks to all networks of pods and services.", after: true, test: nodeNetworks},
		{category: CategoryExistence, name: "cluster networks hold all pods and services", hint: "Set cluster_networks to all networks of pods and services.", after: true, test: addresses},
	}
}

func replicaFailures(f *facts) (out []string) {
	for _, u := range f.list(schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}, kube.ListOptions{Namespace: f.env.Namespace()}) {
		conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
		for _, c := range conditions {
			m, _ := c.(map[string]any)
			if m["type"] == "ReplicaFailure" && m["status"] == "True" {
				out = append(out, fmt.Sprintf("%s: %s", u.GetName(), scrub(fmt.Sprint(m["message"]))))
			}
		}
	}
	return out
}

func unschedulable(f *facts) (out []string) {
	for _, p := range f.pods("*") {
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
				out = append(out, fmt.Sprintf("%s: %s", name(p), scrub(c.Message)))
			}
		}
	}
	return out
}

func controlReady(f *facts) (out []string) {
	for _, component := range []string{"destination", "identity", "proxy-injector"} {
		pods := f.pods(component)
		ready := slices.ContainsFunc(pods, func(p *corev1.Pod) bool {
			return p.Status.Phase == corev1.PodRunning && !slices.ContainsFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return !s.Ready })
		})
		switch {
		case len(f.warnings) > 0:
		case len(pods) == 0:
			out = append(out, fmt.Sprintf("there is no pod of %s", component))
		case !ready:
			out = append(out, fmt.Sprintf("none of the %d pods of %s has all containers ready", len(pods), component))
		}
	}
	return out
}

// networks parses the control plane's clusterNetworks.
func networks(s string) (out []netip.Prefix, bad []string) {
	for _, e := range strings.Split(s, ",") {
		if e = strings.TrimSpace(e); e == "" {
			continue
		}
		p, err := netip.ParsePrefix(e)
		if err != nil {
			bad = append(bad, fmt.Sprintf("%q is not a network", scrub(e)))
			continue
		}
		out = append(out, p.Masked())
	}
	return out, bad
}

// defaultNetworks are the chart's clusterNetworks.
const defaultNetworks = "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8"

func (f *facts) clusterNetworks() ([]netip.Prefix, []string) {
	c := f.settings()
	if c == nil || c.ClusterNetworks == "" {
		return networks(defaultNetworks)
	}
	return networks(c.ClusterNetworks)
}

func nodeNetworks(f *facts) []string {
	known, out := f.clusterNetworks()
	for _, u := range f.list(schema.GroupVersionKind{Version: "v1", Kind: "Node"}, kube.ListOptions{}) {
		out = append(out, nodesOutside(u, known)...)
	}
	return out
}

// nodesOutside lists pod networks of a node that no known network holds.
func nodesOutside(node *unstructured.Unstructured, known []netip.Prefix) (out []string) {
	cidrs, _, _ := unstructured.NestedStringSlice(node.Object, "spec", "podCIDRs")
	if one, _, _ := unstructured.NestedString(node.Object, "spec", "podCIDR"); one != "" && len(cidrs) == 0 {
		cidrs = []string{one}
	}
	for _, s := range cidrs {
		p, err := netip.ParsePrefix(s)
		if err == nil && !slices.ContainsFunc(known, func(k netip.Prefix) bool { return k.Bits() <= p.Bits() && k.Contains(p.Addr()) }) {
			out = append(out, fmt.Sprintf("node %s: %s", node.GetName(), s))
		}
	}
	return out
}

func addresses(f *facts) []string {
	known, out := f.clusterNetworks()
	outside := func(ip string) bool {
		a, err := netip.ParseAddr(ip)
		return err == nil && !slices.ContainsFunc(known, func(k netip.Prefix) bool { return k.Contains(a) })
	}
	for _, u := range f.list(schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, kube.ListOptions{}) {
		ip, _, _ := unstructured.NestedString(u.Object, "status", "podIP")
		host, _, _ := unstructured.NestedBool(u.Object, "spec", "hostNetwork")
		if !host && outside(ip) {
			out = append(out, fmt.Sprintf("%s has %s", kube.RefOf(u), ip))
		}
	}
	for _, u := range f.list(schema.GroupVersionKind{Version: "v1", Kind: "Service"}, kube.ListOptions{}) {
		if ip, _, _ := unstructured.NestedString(u.Object, "spec", "clusterIP"); outside(ip) {
			out = append(out, fmt.Sprintf("%s has %s", kube.RefOf(u), ip))
		}
	}
	return out
}
