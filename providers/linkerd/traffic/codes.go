package traffic

import "github.com/meshplan/meshplan/internal/diag"

const (
	// CodeProfileShadows: a ServiceProfile exists for a Service, and clients ignore its routes, retries and timeouts.
	CodeProfileShadows diag.Code = "linkerd.traffic.profile-shadows"
	// CodeNoService: a route or annotation is about a Service that does not exist.
	CodeNoService diag.Code = "linkerd.traffic.missing-service"
	// CodeNoPort: a Service does not have the port that a route refers to.
	CodeNoPort diag.Code = "linkerd.traffic.missing-port"
	// CodeNotRouted: clients do not route calls of such a Service (headless or ExternalName).
	CodeNotRouted diag.Code = "linkerd.traffic.not-routed"
	// CodeConflict: another route attaches to the same parent and wins.
	CodeConflict diag.Code = "linkerd.traffic.conflicting-route"
	// CodeReplaces: annotations of a route replace all of their family that the Service has.
	CodeReplaces diag.Code = "linkerd.traffic.replaces-annotations"
	// CodeCanary: a step of a canary was not as good as it has to be; the old weights are in force again.
	CodeCanary diag.Code = "linkerd.traffic.canary-returned"
	// CodeNoData: nothing was measured, so that a step proves nothing.
	CodeNoData diag.Code = "linkerd.traffic.no-data"
	// CodeNoPods: a backend has no pod with a proxy, so that nothing can be measured.
	CodeNoPods diag.Code = "linkerd.traffic.no-proxies"
)
