package kube

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// builtinNamespaced and builtinCluster are the kinds that every API server brings, and those of the Gateway API and of
// Linkerd, by group. Their plural names follow the usual rule.
var (
	builtinNamespaced = map[string]string{
		"": "ConfigMap Endpoints Event LimitRange PersistentVolumeClaim Pod PodTemplate ReplicationController ResourceQuota Secret Service " +
			"ServiceAccount",
		"apps":                      "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet",
		"autoscaling":               "HorizontalPodAutoscaler",
		"batch":                     "CronJob Job",
		"coordination.k8s.io":       "Lease",
		"discovery.k8s.io":          "EndpointSlice",
		"events.k8s.io":             "Event",
		"networking.k8s.io":         "Ingress NetworkPolicy",
		"policy":                    "PodDisruptionBudget",
		"rbac.authorization.k8s.io": "Role RoleBinding",
		"resource.k8s.io":           "ResourceClaim ResourceClaimTemplate",
		"storage.k8s.io":            "CSIStorageCapacity",
		"gateway.networking.k8s.io": "GRPCRoute Gateway HTTPRoute ReferenceGrant TCPRoute TLSRoute",
		"linkerd.io":                "ServiceProfile",
		"multicluster.linkerd.io":   "Link",
		"policy.linkerd.io": "AuthorizationPolicy EgressNetwork HTTPLocalRateLimitPolicy HTTPRoute MeshTLSAuthentication NetworkAuthentication " +
			"Server ServerAuthorization",
		"workload.linkerd.io": "ExternalWorkload",
	}
	builtinCluster = map[string]string{
		"": "Namespace Node PersistentVolume",
		"admissionregistration.k8s.io": "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration " +
			"ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration",
		"apiextensions.k8s.io":         "CustomResourceDefinition",
		"apiregistration.k8s.io":       "APIService",
		"certificates.k8s.io":          "CertificateSigningRequest",
		"flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
		"networking.k8s.io":            "IPAddress IngressClass ServiceCIDR",
		"node.k8s.io":                  "RuntimeClass",
		"rbac.authorization.k8s.io":    "ClusterRole ClusterRoleBinding",
		"resource.k8s.io":              "DeviceClass ResourceSlice",
		"scheduling.k8s.io":            "PriorityClass",
		"storage.k8s.io":               "CSIDriver CSINode StorageClass VolumeAttachment VolumeAttributesClass",
		"gateway.networking.k8s.io":    "GatewayClass",
	}
)

// builtin finds a kind that is known without a cluster.
func builtin(gk schema.GroupKind) (resource string, namespaced, ok bool) {
	in := func(table map[string]string) bool {
		return gk.Kind != "" && strings.Contains(" "+table[gk.Group]+" ", " "+gk.Kind+" ")
	}
	switch {
	case in(builtinNamespaced):
		return plural(gk.Kind), true, true
	case in(builtinCluster):
		return plural(gk.Kind), false, true
	}
	return "", false, false
}

// plural writes the name of a resource by the usual rule.
func plural(kind string) string {
	name, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Kind: kind})
	return name.Resource
}
