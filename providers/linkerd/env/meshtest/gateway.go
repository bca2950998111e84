package meshtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
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
// channel. The definitions stay: tests share the cluster. With Linkerd's own charts they are those that linkerd-crds brings.
func GatewayAPI(t testing.TB, e env.Env) {
	t.Helper()
	if defineFromChart(t, e, "linkerd-crds", "gateway.networking.k8s.io", chart.Values{"installGatewayAPI": true}) {
		return
	}
	for _, k := range [][2]string{{"GRPCRoute", "v1"}, {"TLSRoute", "v1alpha2"}, {"TCPRoute", "v1alpha2"}} {
		define(t, e, "gateway.networking.k8s.io", k[0], k[1], routeDefinition)
	}
}

// Links defines Link, as the multicluster extension does.
func Links(t testing.TB, e env.Env) {
	t.Helper()
	if defineFromChart(t, e, "linkerd-multicluster", "multicluster.linkerd.io", nil) {
		return
	}
	define(t, e, "multicluster.linkerd.io", "Link", "v1alpha3", linkDefinition)
}

// defineFromChart applies the definitions of a group that one of Linkerd's own charts brings, where there are such.
func defineFromChart(t testing.TB, e env.Env, name, group string, values chart.Values) bool {
	t.Helper()
	dir := os.Getenv(realCharts)
	if dir == "" {
		return false
	}
	if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
		t.Logf("the reduced definitions of %s are used: %v", group, err)
		return false
	}
	loaded, ds := chart.Load(t.Context(), chart.Source{Path: name}, chart.LoadOptions{BaseDir: dir, Offline: true})
	Fail(t, ds)
	version, err := e.Cluster().Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rendered, ds := loaded.Render(t.Context(), chart.RenderOptions{ReleaseName: name, Namespace: "linkerd", Values: values, KubeVersion: version, IncludeCRDs: true})
	Fail(t, ds)
	for _, u := range rendered.All() {
		definedGroup, _, _ := unstructured.NestedString(u.Object, "spec", "group")
		if u.GetKind() != "CustomResourceDefinition" || definedGroup != group {
			continue
		}
		if _, _, err := e.Cluster().Apply(t.Context(), u, kube.ApplyOptions{Manager: "test", Force: true}); err != nil {
			t.Fatal(err)
		}
		kind, _, _ := unstructured.NestedString(u.Object, "spec", "names", "kind")
		served(t, group, kind)
	}
	return true
}

func define(t testing.TB, e env.Env, group, kind, version, spec string) {
	t.Helper()
	plural := strings.ToLower(kind) + "s"
	Apply(t, e, "", strings.NewReplacer("SPEC", strings.TrimRight(spec, "\n"), "GROUP", group, "VERSION", version, "KIND", kind, "PLURAL", plural, "SINGULAR", strings.ToLower(kind)).Replace(definition))
	served(t, group, kind)
}

// served waits until the API server knows a kind.
func served(t testing.TB, group, kind string) {
	t.Helper()
	Eventually(t, kind+" is served", func() bool {
		// What is asked through e would be remembered, the answer "no" included.
		c := kube.NewPool(kube.Options{Kubeconfig: testenv.Kubeconfig(t)}).Cluster(kube.Connection{})
		versions, err := c.ServedVersions(t.Context(), schema.GroupKind{Group: group, Kind: kind})
		return err == nil && len(versions) > 0
	})
}
