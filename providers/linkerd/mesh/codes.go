package mesh

import "github.com/meshplan/meshplan/internal/diag"

const (
	// CodeNoNamespace: the namespace does not exist and the plan does not make it.
	CodeNoNamespace diag.Code = "linkerd.injection.no-namespace"
	// CodeExcluded: the injector never looks at the namespace (kube-system, or a label that switches webhooks off).
	CodeExcluded diag.Code = "linkerd.injection.excluded-namespace"
	// CodeUnknownWorkload: the configuration names a workload that does not exist.
	CodeUnknownWorkload diag.Code = "linkerd.injection.unknown-workload"
	// CodeOptedOut: a workload in scope can never get a proxy as it stands.
	CodeOptedOut diag.Code = "linkerd.injection.opted-out"
	// CodeMisunderstood: a template's own annotation has a value that the injector takes for no.
	CodeMisunderstood diag.Code = "linkerd.injection.misunderstood-annotation"
	// CodeBlocked: a restart would not replace the pods of a workload (paused, OnDelete, partition).
	CodeBlocked diag.Code = "linkerd.injection.blocked"
	// CodeUnmanaged: pods without a controller stay out of the mesh because nothing would replace them.
	CodeUnmanaged diag.Code = "linkerd.injection.unmanaged-pods"
	// CodePodSecurity: the namespace's Pod Security level refuses the init container of injected pods.
	CodePodSecurity diag.Code = "linkerd.injection.pod-security"
	// CodeNoInjector: the proxy injector does not answer, so that restarted pods would have no proxy.
	CodeNoInjector diag.Code = "linkerd.injection.injector-silent"
	// CodeNotMeshed: pods are not fully meshed; the text names them and says why.
	CodeNotMeshed diag.Code = "linkerd.injection.not-meshed"
	// CodeStillMeshed: pods still have a proxy after the injection was taken back.
	CodeStillMeshed diag.Code = "linkerd.injection.still-meshed"
	// CodeKept: a resource was destroyed, and pods stay in the mesh because somebody else asks for it as well.
	CodeKept diag.Code = "linkerd.injection.kept"
	// CodeConflict: somebody else has set one of the annotations to another value.
	CodeConflict diag.Code = "linkerd.injection.conflict"
	// CodeNetworkPolicy: a NetworkPolicy admits the application's ports and not the port at which meshed traffic arrives.
	CodeNetworkPolicy diag.Code = "linkerd.injection.network-policy"
	// CodeOpaque: a Service and the pods behind it disagree about whether a port is opaque.
	CodeOpaque diag.Code = "linkerd.injection.opaque-mismatch"
	// CodeSpeaksFirst: a Service has a port on which the server speaks first and clients would try to detect the protocol.
	CodeSpeaksFirst diag.Code = "linkerd.injection.server-speaks-first"
	// CodeEndlessJob: the proxy of a Job's pods would keep the Job from completing.
	CodeEndlessJob diag.Code = "linkerd.injection.endless-job"
	// CodeCheckpoint: progress could not be recorded, so that the step stopped.
	CodeCheckpoint diag.Code = "linkerd.injection.checkpoint"
)
