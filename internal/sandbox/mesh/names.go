package mesh

// Names that Linkerd gives to the things the stand-ins read and write.
const (
	labelComponent    = "linkerd.io/control-plane-component"
	labelControlPlane = "linkerd.io/control-plane-ns"
	labelWorkloadNS   = "linkerd.io/workload-ns"
	labelOwnerPrefix  = "linkerd.io/proxy-"

	annInject       = "linkerd.io/inject"
	annCreatedBy    = "linkerd.io/created-by"
	annProxyVersion = "linkerd.io/proxy-version"
	annTrustRoot    = "linkerd.io/trust-root-sha256"
	annConfig       = "config.linkerd.io/"
	annOpaquePorts  = annConfig + "opaque-ports"
	annNative       = annConfig + "proxy-enable-native-sidecar"
	annNativeBeta   = "config.beta.linkerd.io/proxy-enable-native-sidecar"
	annNativeAlpha  = "config.alpha.linkerd.io/proxy-enable-native-sidecar"

	componentIdentity    = "identity"
	componentDestination = "destination"
	componentInjector    = "proxy-injector"

	proxyContainer     = "linkerd-proxy"
	initContainer      = "linkerd-init"
	validatorContainer = "linkerd-network-validator"

	configMapConfig  = "linkerd-config"
	configMapAnchors = "linkerd-identity-trust-roots"
	keyAnchors       = "ca-bundle.crt"
	secretIssuer     = "linkerd-identity-issuer"

	envAnchors       = "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS"
	envDefaultPolicy = "LINKERD2_PROXY_INBOUND_DEFAULT_POLICY"
)

// Annotations that ask the stand-ins for trouble.
const (
	// annPod on a pod: "never-ready" or "crash"; see cluster/stages.yaml, which treats pods without a proxy.
	annPod = "sandbox.meshplan.dev/pod"
	// annReadyAfter on a pod: how long it takes to become Ready.
	annReadyAfter = "sandbox.meshplan.dev/ready-after"
	// annInjectorLag on a namespace: after each change of its injection annotation, this many trials of pods and this many
	// pods are answered as if nothing had changed.
	annInjectorLag = "sandbox.meshplan.dev/injector-lag"
	// annMissedReload on the issuer Secret: what identity controllers do about its next changes.
	annMissedReload = "sandbox.meshplan.dev/missed-reload"

	missedOnce   = "true"   // a running one overlooks them, as the real one has been seen to do, until it is restarted
	missedAlways = "always" // even a new one goes on with the issuer before
	missedWord   = "silent" // it goes by them, and no event says so
)

// inherited lists the annotations that the injector copies from a namespace to its pods.
var inherited = []string{
	annInject,
	annNative, annNativeAlpha, "config.alpha.linkerd.io/proxy-wait-before-exit-seconds",
	annConfig + "access-log", annConfig + "admin-port", annConfig + "control-port", annConfig + "default-inbound-policy",
	annConfig + "enable-debug-sidecar", annConfig + "enable-external-profiles", annConfig + "image-pull-policy",
	annConfig + "inbound-port", annOpaquePorts, annConfig + "outbound-port", annConfig + "pod-inbound-ports",
	annConfig + "proxy-admin-shutdown", annConfig + "proxy-await", annConfig + "proxy-cpu-limit",
	annConfig + "proxy-cpu-request", annConfig + "proxy-disable-inbound-protocol-detect-timeout",
	annConfig + "proxy-disable-outbound-protocol-detect-timeout", annConfig + "proxy-ephemeral-storage-limit",
	annConfig + "proxy-ephemeral-storage-request", annConfig + "proxy-gid", annConfig + "proxy-image",
	annConfig + "proxy-inbound-connect-timeout", annConfig + "proxy-inbound-discovery-cache-unused-timeout",
	annConfig + "proxy-log-format", annConfig + "proxy-log-http-headers", annConfig + "proxy-log-level",
	annConfig + "proxy-memory-limit", annConfig + "proxy-memory-request", annConfig + "proxy-metrics-hostname-labels",
	annConfig + "proxy-outbound-connect-timeout", annConfig + "proxy-outbound-discovery-cache-unused-timeout",
	annConfig + "proxy-require-identity-inbound-ports", annConfig + "proxy-uid", annConfig + "proxy-version",
	annConfig + "shutdown-grace-period", annConfig + "skip-inbound-ports", annConfig + "skip-outbound-ports",
	annConfig + "skip-subnets",
}
