package kube

import "github.com/meshplan/meshplan/internal/diag"

// The codes of what this package reports.
const (
	// CodeUnreachable: the API server cannot be reached, or there is no usable kubeconfig.
	CodeUnreachable diag.Code = "k8s.unreachable"
	// CodeUnauthorized: the API server does not accept the credentials.
	CodeUnauthorized diag.Code = "k8s.unauthorized"
	// CodeOtherCluster: the kubeconfig leads to another cluster than the provider block is for.
	CodeOtherCluster diag.Code = "k8s.other-cluster"
	// CodeForbidden: RBAC does not allow a request; the text names verb, resource and namespace.
	CodeForbidden diag.Code = "k8s.forbidden"
	// CodeUnknownKind: the API server has no such kind and no CustomResourceDefinition of the plan brings it.
	CodeUnknownKind diag.Code = "k8s.unknown-kind"
	// CodeInvalid: the API server or the schema of the kind refuses the object.
	CodeInvalid diag.Code = "k8s.invalid"
	// CodeExists: an object of that name exists and is not ours.
	CodeExists diag.Code = "k8s.exists"
	// CodeForeign: the object belongs to another state or another resource.
	CodeForeign diag.Code = "k8s.foreign-owner"
	// CodeConflict: another field manager owns fields that the configuration sets.
	CodeConflict diag.Code = "k8s.conflict"
	// CodeImmutable: a field cannot be changed on a live object, and replacing it is not safe.
	CodeImmutable diag.Code = "k8s.immutable"
	// CodeMoved: the live object changed since the plan, in fields of ours.
	CodeMoved diag.Code = "k8s.plan-outdated"
	// CodeGone: the object that was to be changed is not there any more.
	CodeGone diag.Code = "k8s.gone"
	// CodeNotReady: a wait ran out of time.
	CodeNotReady diag.Code = "k8s.not-ready"
	// CodeFailed: an object failed for a reason that waiting does not cure.
	CodeFailed diag.Code = "k8s.failed"
	// CodeStuckDeletion: a deleted object does not go away; the text names its finalizers.
	CodeStuckDeletion diag.Code = "k8s.stuck-deletion"
	// CodeProtected: the object is one that is never deleted (default namespaces).
	CodeProtected diag.Code = "k8s.protected"
	// CodeWebhook: an admission webhook refused a request or could not be called.
	CodeWebhook diag.Code = "k8s.webhook"
	// CodeRequest: the API server answered a request with another error.
	CodeRequest diag.Code = "k8s.request"
	// CodeNoNamespace: the namespace of objects does not exist, and nothing in the plan makes it.
	CodeNoNamespace diag.Code = "k8s.no-namespace"
	// CodeServerWarning: the API server sent a warning.
	CodeServerWarning diag.Code = "k8s.server-warning"
	// CodeManifest: a manifest lacks apiVersion, kind or metadata.name, or holds what no manifest may.
	CodeManifest diag.Code = "k8s.manifest"
	// CodeRecord: the recorded private data cannot be read.
	CodeRecord diag.Code = "k8s.record"
	// CodeRestart: a workload cannot be restarted as it stands (paused, OnDelete).
	CodeRestart diag.Code = "k8s.restart"
)
