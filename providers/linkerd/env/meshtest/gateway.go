package meshtest

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// definition is a definition of the Gateway API, reduced to what routes of meshes use, with the defaults that the API
// server fills in.
const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: PLURAL.GROUP
  annotations: {api-approved.kubernetes.io: "https://github.com/kubernetes-sigs/gateway-api/pull/2997"}
spec:
  group: GROUP
  scope: Namespaced
  names: {kind: KIND, listKind: KINDList, plural: PLURAL, singular: SINGULAR}
  versions:
    - name: VERSION
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            status: {type: object, x-kubernetes-preserve-unknown-fields: true}
            spec: SPEC
`

const routeDefinition = `
              type: object
              properties:
                hostnames: {type: array, maxItems: 16, items: {type: string}}
                parentRefs:
                  type: array
                  maxItems: 32
                  items:
                    type: object
                    required: [name]
                    properties:
                      group: {type: string, default: gateway.networking.k8s.io}
                      kind: {type: string, default: Gateway}
                      name: {type: string}
                      namespace: {type: string}
                      port: {type: integer, format: int32}
                      sectionName: {type: string}
                rules:
                  type: array
                  maxItems: 16
                  items:
                    type: object
                    properties:
                      matches:
                        type: array
                        items:
                          type: object
                          properties:
                            method:
                              type: object
                              properties:
                                type: {type: string, default: Exact, enum: [Exact, RegularExpression]}
                                service: {type: string}
                                method: {type: string}
                            headers:
                              type: array
                              x-kubernetes-list-type: map
                              x-kubernetes-list-map-keys: [name]
                              items:
                                type: object
                                required: [name, value]
                                properties: {type: {type: string, default: Exact}, name: {type: string}, value: {type: string}}
                      filters: {type: array, items: {type: object, x-kubernetes-preserve-unknown-fields: true}}
                      backendRefs:
                        type: array
                        maxItems: 16
                        items:
                          type: object
                          required: [name]
                          properties:
                            group: {type: string, default: ""}
                            kind: {type: string, default: Service}
                            name: {type: string}
                            namespace: {type: string}
                            port: {type: integer, format: int32}
                            weight: {type: integer, format: int32, default: 1}
                          x-kubernetes-validations:
                            - {rule: "size(self.group) != 0 || self.kind != 'Service' || has(self.port)", message: Must have port for Service reference}
`

// linkDefinition is the definition that Linkerd's multicluster extension brings, reduced in the same way.
const linkDefinition = `
              type: object
              properties:
                clusterCredentialsSecret: {type: string}
                gatewayAddress: {type: string}
                gatewayIdentity: {type: string}
                gatewayPort: {type: string}
                probeSpec:
                  type: object
                  properties:
                    failureThreshold: {type: string, default: "3"}
                    path: {type: string}
                    period: {type: string, format: duration}
                    port: {type: string}
                    timeout: {type: string, format: duration, default: 30s}
                selector: &selector
                  type: object
                  properties:
                    matchLabels: {type: object, x-kubernetes-preserve-unknown-fields: true}
                    matchExpressions: {type: array, items: {type: object, x-kubernetes-preserve-unknown-fields: true}}
                remoteDiscoverySelector: *selector
                federatedServiceSelector: *selector
                targetClusterName: {type: string}
                targetClusterDomain: {type: string}
                targetClusterLinkerdNamespace: {type: string}
                excludedAnnotations: {type: array, items: {type: string}}
                excludedLabels: {type: array, items: {type: string}}
`

// GatewayAPI defines GRPCRoute, TLSRoute and TCPRoute, as somebody else would who brings the Gateway API's experimental
// channel. The definitions stay: tests share the cluster.
func GatewayAPI(t testing.TB, e env.Env) {
	t.Helper()
	for _, k := range [][2]string{{"GRPCRoute", "v1"}, {"TLSRoute", "v1alpha2"}, {"TCPRoute", "v1alpha2"}} {
		define(t, e, "gateway.networking.k8s.io", k[0], k[1], routeDefinition)
	}
}

// Links defines Link, as the multicluster extension does.
func Links(t testing.TB, e env.Env) {
	t.Helper()
	define(t, e, "multicluster.linkerd.io", "Link", "v1alpha3", linkDefinition)
}

func define(t testing.TB, e env.Env, group, kind, version, spec string) {
	t.Helper()
	plural := strings.ToLower(kind) + "s"
	Apply(t, e, "", strings.NewReplacer("SPEC", strings.TrimRight(spec, "\n"), "GROUP", group, "VERSION", version, "KIND", kind, "PLURAL", plural, "SINGULAR", strings.ToLower(kind)).Replace(definition))
	Eventually(t, kind+" is served", func() bool {
		// What is asked through e would be remembered, the answer "no" included.
		c := kube.NewPool(kube.Options{Kubeconfig: testenv.Kubeconfig(t)}).Cluster(kube.Connection{})
		versions, err := c.ServedVersions(t.Context(), schema.GroupKind{Group: group, Kind: kind})
		return err == nil && len(versions) > 0
	})
}
