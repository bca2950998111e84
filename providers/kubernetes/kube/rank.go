package kube

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// rankOf orders kinds inside a set. What others need comes first; webhook configurations come last, since they call
// workloads that must run by then, and so are deleted first.
var rankOf = map[schema.GroupKind]int{
	{Kind: "Namespace"}: 0,
	crdKind:             1,
	{Group: "scheduling.k8s.io", Kind: "PriorityClass"}:              2,
	{Group: "storage.k8s.io", Kind: "StorageClass"}:                  2,
	{Kind: "ServiceAccount"}:                                         3,
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRole"}:        4,
	{Group: "rbac.authorization.k8s.io", Kind: "Role"}:               4,
	{Group: "rbac.authorization.k8s.io", Kind: "ClusterRoleBinding"}: 5,
	{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}:        5,
	{Kind: "ConfigMap"}:                                   6,
	{Kind: "Secret"}:                                      6,
	{Kind: "PersistentVolumeClaim"}:                       6,
	{Group: "networking.k8s.io", Kind: "NetworkPolicy"}:   6,
	{Kind: "LimitRange"}:                                  6,
	{Kind: "ResourceQuota"}:                               6,
	{Kind: "Service"}:                                     7,
	{Group: "apps", Kind: "DaemonSet"}:                    8,
	{Group: "apps", Kind: "Deployment"}:                   8,
	{Group: "apps", Kind: "StatefulSet"}:                  8,
	{Group: "apps", Kind: "ReplicaSet"}:                   8,
	{Kind: "Pod"}:                                         8,
	{Group: "batch", Kind: "Job"}:                         8,
	{Group: "batch", Kind: "CronJob"}:                     8,
	{Group: "apiregistration.k8s.io", Kind: "APIService"}: 9,
	{Group: "admissionregistration.k8s.io", Kind: "MutatingWebhookConfiguration"}:     11,
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration"}:   11,
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingAdmissionPolicy"}:        11,
	{Group: "admissionregistration.k8s.io", Kind: "ValidatingAdmissionPolicyBinding"}: 11,
	{Group: "admissionregistration.k8s.io", Kind: "MutatingAdmissionPolicy"}:          11,
	{Group: "admissionregistration.k8s.io", Kind: "MutatingAdmissionPolicyBinding"}:   11,
}

// rankWorkload is the rank of what runs pods.
const rankWorkload = 8

// rankOther is the rank of kinds that are not listed, custom resources above all: after the workloads that serve
// them, before the webhooks.
const rankOther = 10

// Rank orders kinds inside a set, lowest first: namespaces, CustomResourceDefinitions, RBAC and configuration,
// services, workloads, other kinds, webhook configurations.
func Rank(gk schema.GroupKind) int {
	if r, ok := rankOf[gk]; ok {
		return r
	}
	return rankOther
}

// byRank sorts by rank, then by name.
func byRank[T any](in []T, ref func(T) Ref) []T {
	out := slices.Clone(in)
	slices.SortStableFunc(out, func(a, b T) int {
		if d := Rank(ref(a).GroupKind()) - Rank(ref(b).GroupKind()); d != 0 {
			return d
		}
		return CompareRef(ref(a), ref(b))
	})
	return out
}
