// Package env is what the Linkerd resource types know of the provider that they belong to: the cluster and the
// settings of the control plane.
//
// The central idea: types are made before the provider is configured, because their schemas are needed without a
// cluster, so every setting is a function that is asked at the moment of use.
package env

import (
	"fmt"
	"strings"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Env gives the types of the Linkerd provider access to its configuration. All functions are required; they are safe for
// concurrent use once the provider is configured.
type Env struct {
	// Cluster returns the cluster that the provider is connected to; it makes no request itself.
	Cluster func() *kube.Cluster
	// Namespace returns the namespace of the control plane, for instance `linkerd`.
	Namespace func() string
	// TrustDomain returns the domain that ends every identity, for instance `cluster.local`.
	TrustDomain func() string
}

// Identity returns the mesh identity of a service account:
// `<account>.<namespace>.serviceaccount.identity.<control plane namespace>.<trust domain>`.
func (e Env) Identity(namespace, account string) string {
	return fmt.Sprintf("%s.%s%s", account, namespace, e.identitySuffix())
}

// NamespaceIdentity returns the pattern that matches every service account of a namespace.
func (e Env) NamespaceIdentity(namespace string) string {
	return fmt.Sprintf("*.%s%s", namespace, e.identitySuffix())
}

// Account returns the namespace and the service account that an identity of this mesh names. It reports false for
// identities of other trust domains and for SPIFFE names.
func (e Env) Account(identity string) (namespace, account string, ok bool) {
	head, ok := strings.CutSuffix(identity, e.identitySuffix())
	if !ok {
		return "", "", false
	}
	// A service account's name may hold dots, a namespace's name may not.
	i := strings.LastIndexByte(head, '.')
	if i <= 0 || i == len(head)-1 {
		return "", "", false
	}
	return head[i+1:], head[:i], true
}

func (e Env) identitySuffix() string {
	return fmt.Sprintf(".serviceaccount.identity.%s.%s", e.Namespace(), e.TrustDomain())
}
