package mesh

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// Refused says why pods with a proxy would be refused in a namespace; empty when they would not.
func Refused(ns *corev1.Namespace, cni bool) string {
	if level := podSecurity(ns, cni); level != "" {
		return fmt.Sprintf("The namespace enforces the Pod Security level %q, which forbids NET_ADMIN; linkerd-init needs it. Use Linkerd's CNI plugin, or the level \"privileged\" for the namespace.", level)
	}
	return ""
}

// podSecurity returns the Pod Security level that refuses injected pods, or "". The init container that redirects
// traffic needs NET_ADMIN, which every level but `privileged` forbids; with the CNI plugin no pod needs it.
func podSecurity(ns *corev1.Namespace, cni bool) string {
	level := ns.Labels["pod-security.kubernetes.io/enforce"]
	if cni || level == "" || level == "privileged" {
		return ""
	}
	return level
}
