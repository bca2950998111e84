// Package linkerd is the provider for Linkerd: its certificates, its control plane, the injection of workloads,
// policy, and the gates that prove what a rollout claims.
//
// The central idea: what makes a mesh rollout safe is order and proof, and both belong to the types, not to the
// people who write configuration. Every type says what it comes after (Order), and a step ends when the cluster shows
// that it worked, not when a request was accepted.
//
//	namespace -> trust anchor -> issuer ┐
//	             definitions (crds) ────┴-> control plane -> injection -> policy (audit) -> gate -> policy (deny)
//
// The provider shares its connection with the kubernetes provider through a kube.Pool: what one plans (a namespace, a
// definition), the other knows.
//
// Packages below: certs (certificates), install (charts and checks), mesh (injection), policy (authorization), gate
// (proofs), metrics (what proxies count), env (what all of them know of the provider block).
package linkerd
