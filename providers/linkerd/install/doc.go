// Package install puts Linkerd into a cluster and proves that it works: linkerd_crds, linkerd_control_plane and data
// linkerd_check.
//
// The central idea: Linkerd's charts are pure functions once everything that they would draw at random is given to
// them. The webhooks' certificates are made once, kept in their Secrets and fed back as CA bundles; the issuer's key
// stays in the Secret that linkerd_identity_issuer writes; the heartbeat's schedule follows from the state's lineage.
// What is left is rendered, planned and applied object by object, and a second plan is empty.
//
// Order inside the control plane: identity before what needs it, webhook configurations last and deleted first,
// because a webhook without a server blocks the pods of the whole cluster. After a rollout the injector is asked to
// inject a pod that is not created; readiness alone does not prove that the API server accepts its certificate.
package install
