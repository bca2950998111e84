package lint

import "github.com/meshplan/meshplan/internal/diag"

const (
	// CodeOldAPI: an object is written in a deprecated version of its kind.
	CodeOldAPI diag.Code = "linkerd.manifest.deprecated-version"
	// CodeLegacy: an object is of a kind that a newer one has replaced.
	CodeLegacy diag.Code = "linkerd.manifest.legacy-authorization"
	// CodePortObject: a Server's port is an object, and the API server accepts a number or a name only.
	CodePortObject diag.Code = "linkerd.manifest.port-object"
	// CodeSilentDeny: a Server says nothing about its access policy, so it denies everybody from the moment it exists.
	CodeSilentDeny diag.Code = "linkerd.manifest.denies-at-once"
	// CodeOnePort: a Server selects every pod of its namespace, yet covers one port only.
	CodeOnePort diag.Code = "linkerd.manifest.one-port"
	// CodeUnauthenticated: a policy admits clients without mTLS.
	CodeUnauthenticated diag.Code = "linkerd.manifest.unauthenticated"
	// CodeNobody: an authorization admits nobody, because Linkerd ignores it as it is written.
	CodeNobody diag.Code = "linkerd.manifest.admits-nobody"
	// CodeParent: a route's parent is written so that Linkerd ignores the route.
	CodeParent diag.Code = "linkerd.manifest.route-parent"
	// CodeValue: a value is none of those that Linkerd knows.
	CodeValue diag.Code = "linkerd.manifest.unknown-value"
	// CodeInject: the injection annotation has a value that the injector takes for no.
	CodeInject diag.Code = "linkerd.manifest.inject-value"
	// CodePlace: an annotation of Linkerd stands where nobody reads it.
	CodePlace diag.Code = "linkerd.manifest.annotation-place"
	// CodeSetting: the injector does not know an annotation, or cannot read its value, and ignores it.
	CodeSetting diag.Code = "linkerd.manifest.proxy-setting"
	// CodeSkippedPort: a declared port bypasses the proxy, so that neither mTLS nor policy holds on it.
	CodeSkippedPort diag.Code = "linkerd.manifest.skipped-port"
	// CodeOpaquePort: on a port the server speaks first, and detection would hold up each connection.
	CodeOpaquePort diag.Code = "linkerd.manifest.server-speaks-first"
	// CodeJob: a Job gets a proxy that may never end.
	CodeJob diag.Code = "linkerd.manifest.job-proxy"
)
