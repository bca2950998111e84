package mesh

import corev1 "k8s.io/api/core/v1"

// podSecurity returns the Pod Security level that refuses injected pods, or "". The init container that redirects
// traffic needs NET_ADMIN, which every level but `privileged` forbids; with the CNI plugin no pod needs it.
func podSecurity(ns *corev1.Namespace, cni bool) string {
	level := ns.Labels["pod-security.kubernetes.io/enforce"]
	if cni || level == "" || level == "privileged" {
		return ""
	}
	return level
}
