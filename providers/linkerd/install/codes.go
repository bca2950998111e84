package install

import "github.com/meshplan/meshplan/internal/diag"

// The codes of what this package reports.
const (
	// CodeDriftGateway: the Gateway API that the mesh reads is too old, or somebody else keeps it as well.
	CodeDriftGateway diag.Code = "linkerd.drift.gateway-api"
	// CodeDriftRelease: a release of Linkerd does not fit its definitions or the cluster any more.
	CodeDriftRelease diag.Code = "linkerd.drift.release"
	// CodeNoInjector: the proxy injector did not inject the pod that it was asked to.
	CodeNoInjector diag.Code = "linkerd.injector-silent"
	// CodeForeignResources: custom resources that are not ours would be deleted with their definition.
	CodeForeignResources diag.Code = "linkerd.crds-in-use"
	// CodeProxiesRemain: the control plane is to be deleted while pods still have a proxy.
	CodeProxiesRemain diag.Code = "linkerd.proxies-remain"
	// CodeSkew: the versions of the control plane and the proxies would be further apart than Linkerd supports.
	CodeSkew diag.Code = "linkerd.version-skew"
	// CodeDowngrade: an older release would replace a newer one.
	CodeDowngrade diag.Code = "linkerd.downgrade"
	// CodeReserved: the free values set what another attribute or meshplan itself decides.
	CodeReserved diag.Code = "linkerd.reserved-value"
	// CodePodSecurity: the Pod Security level of the control plane namespace refuses the control plane's pods.
	CodePodSecurity diag.Code = "linkerd.pod-security"
	// CodeHighAvailability: the cluster cannot spread the replicas of a highly available control plane.
	CodeHighAvailability diag.Code = "linkerd.high-availability"
	// CodeClusterNetworks: addresses of the cluster lie outside of the networks that Linkerd takes for its own.
	CodeClusterNetworks diag.Code = "linkerd.cluster-networks"
	// CodeSettings: attributes of the control plane contradict each other.
	CodeSettings diag.Code = "linkerd.control-plane-settings"
	// CodeCheckFailed: a check of data linkerd_check failed and fail_on asks to stop.
	CodeCheckFailed diag.Code = "linkerd.check-failed"
	// CodeCNIInUse: the CNI plugin is to be removed while pods of the mesh rely on it.
	CodeCNIInUse diag.Code = "linkerd.cni-in-use"
	// CodeCNISettings: the control plane and the CNI plugin disagree about who redirects traffic.
	CodeCNISettings diag.Code = "linkerd.cni-settings"
	// CodeExtensionNamespace: another namespace already holds the extension, or this one holds another extension.
	CodeExtensionNamespace diag.Code = "linkerd.extension-namespace"
	// CodeGatewayAPI: the Gateway API's definitions are somebody else's, newer than the chart's, or too old for Linkerd.
	CodeGatewayAPI diag.Code = "linkerd.gateway-api"
	// CodeKubernetes: this release of Linkerd was not made for this version of Kubernetes.
	CodeKubernetes diag.Code = "linkerd.kubernetes-version"
	// CodeDefinitions: the definitions in the cluster are older than the control plane.
	CodeDefinitions diag.Code = "linkerd.crds-behind"
	// CodeInternal: a webhook's certificate could not be made.
	CodeInternal diag.Code = "linkerd.webhook-certificate-failed"
)
