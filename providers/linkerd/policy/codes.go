package policy

import "github.com/meshplan/meshplan/internal/diag"

const (
	// CodeOverlap: another Server selects the same port of the same pod; the older one wins and this one is ignored
	// without a word.
	CodeOverlap diag.Code = "linkerd.policy.overlapping-servers"
	// CodeNoPods: a Server selects no pod that exists.
	CodeNoPods diag.Code = "linkerd.policy.selects-nothing"
	// CodeUndeclaredPort: no selected pod declares the Server's port.
	CodeUndeclaredPort diag.Code = "linkerd.policy.undeclared-port"
	// CodeProbe: a kubelet probe that Linkerd does not admit by itself reaches a port that refuses unauthenticated
	// clients.
	CodeProbe diag.Code = "linkerd.policy.probe-denied"
	// CodeDangling: a policy refers to an authentication that does not exist; the whole policy then grants nothing.
	CodeDangling diag.Code = "linkerd.policy.missing-authentication"
	// CodeNoTarget: a policy's target does not exist.
	CodeNoTarget diag.Code = "linkerd.policy.missing-target"
	// CodeSecondLimit: a Server has a rate limit already; Linkerd refuses a second one.
	CodeSecondLimit diag.Code = "linkerd.policy.second-rate-limit"
	// CodeEgressOverlap: an egress network covers the cluster's own networks, which Linkerd does not accept.
	CodeEgressOverlap diag.Code = "linkerd.policy.egress-overlaps-cluster"
	// CodeEgressDenied: an egress network denies and no route admits anything.
	CodeEgressDenied diag.Code = "linkerd.policy.egress-denied"
	// CodeProbeRoute: a route on a Server takes Linkerd's own probe route away, and nothing admits a probe any more.
	CodeProbeRoute diag.Code = "linkerd.policy.probe-without-route"
	// CodeBlocks: callers were seen that a planned policy would refuse; the text names them.
	CodeBlocks diag.Code = "linkerd.policy.blocks-caller"
	// CodePlaintext: a port's policy reads as strict, and still admits clients without mTLS.
	CodePlaintext diag.Code = "linkerd.policy.admits-plaintext"
	// CodeForeignDomain: an identity belongs to another trust domain, so that no client of this mesh can have it.
	CodeForeignDomain diag.Code = "linkerd.policy.foreign-trust-domain"
	// CodeNoNamespace: the namespace that a data source is about does not exist.
	CodeNoNamespace diag.Code = "linkerd.policy.no-namespace"
	// CodeWouldDeny: traffic was seen that the next step would refuse; the text names the pairs.
	CodeWouldDeny diag.Code = "linkerd.inbound-policy.would-deny"
	// CodeDenied: traffic was refused after a step.
	CodeDenied diag.Code = "linkerd.inbound-policy.denied"
	// CodeNoData: nothing was measured, so that nothing is proved.
	CodeNoData diag.Code = "linkerd.inbound-policy.no-data"
	// CodeNothingToCover: a namespace has no meshed port that the policy could cover.
	CodeNothingToCover diag.Code = "linkerd.inbound-policy.nothing-to-cover"
)
