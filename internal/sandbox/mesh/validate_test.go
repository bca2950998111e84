package mesh

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestValidators(t *testing.T) {
	for _, c := range []struct {
		name  string
		check func(*unstructured.Unstructured) error
		spec  string
		want  string // part of the error; empty means accepted
	}{
		{"server", checkServer, `{podSelector: {}, port: 80, accessPolicy: audit, proxyProtocol: HTTP/1}`, ""},
		{"server", checkServer, `{podSelector: {}, port: 80, proxyProtocol: HTTP/3}`, "proxyProtocol"},
		{"server", checkServer, `{podSelector: {}, port: http, accessPolicy: allow}`, "accessPolicy"},
		{"policy", checkAuthorizationPolicy, `{targetRef: {group: policy.linkerd.io, kind: Server, name: s}, requiredAuthenticationRefs: []}`, ""},
		{"policy", checkAuthorizationPolicy, `{targetRef: {kind: Service, name: s}, requiredAuthenticationRefs: []}`, "targetRef"},
		{"policy", checkAuthorizationPolicy, `{targetRef: {kind: Namespace, name: other}, requiredAuthenticationRefs: []}`, "another namespace"},
		{"policy", checkAuthorizationPolicy, `{targetRef: {kind: Namespace, name: shop}, requiredAuthenticationRefs:
			[{kind: ServiceAccount, name: a}, {kind: ServiceAccount, name: b}]}`, "single ServiceAccount"},
		{"authn", checkMeshTLS, `{identities: ["*", "*.shop.serviceaccount.identity.linkerd.cluster.local", "spiffe://x/y"]}`, ""},
		{"authn", checkMeshTLS, `{identities: ["a_b"]}`, "invalid identity"},
		{"authn", checkMeshTLS, `{identityRefs: [{kind: Namespace, name: shop, namespace: shop}]}`, "must not have a namespace"},
		{"network", checkNetworkAuthentication, `{networks: [{cidr: 10.0.0.0/8, except: [10.1.0.0/16]}, {cidr: "::1"}]}`, ""},
		{"network", checkNetworkAuthentication, `{networks: [{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}]}`, "completely negated"},
		{"network", checkNetworkAuthentication, `{networks: [{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}]}`, "does not include"},
		{"network", checkNetworkAuthentication, `{networks: []}`, "at least one"},
		{"saz", checkServerAuthorization, `{server: {name: s}, client: {unauthenticated: true, meshTLS: {identities: ["*"]}}}`, "unauthenticated"},
		{"route", checkRoute, `{parentRefs: [{kind: EgressNetwork, name: e}]}`, "without specifying a port"},
		{"route", checkRoute, `{rules: [{timeouts: {request: 1s, backendRequest: 2s}}]}`, "must not be greater"},
		{"limit", checkRateLimit, `{targetRef: {group: policy.linkerd.io, kind: Server, name: s}, total: {requestsPerSecond: 5}, identity: {requestsPerSecond: 6}}`, "less than or equal"},
		{"egress", checkEgressNetwork, `{trafficPolicy: Deny}`, ""},
		{"egress", checkEgressNetwork, `{trafficPolicy: Deny, networks: []}`, "at least one"},
		{"web.shop.svc.cluster.local", checkServiceProfile, `{routes: [{name: r, condition: {method: GET}}]}`, ""},
		{"web.shop.svc.cluster.local", checkServiceProfile, `{routes: [{name: r}]}`, "no condition"},
		{"web", checkServiceProfile, `{routes: []}`, "invalid name"},
	} {
		o := &unstructured.Unstructured{Object: map[string]any{}}
		var spec map[string]any
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll(c.spec, "\t", "")), &spec); err != nil {
			t.Fatalf("%s: %v", c.spec, err)
		}
		o.Object["spec"] = spec
		o.SetName(c.name)
		o.SetNamespace("shop")
		err := c.check(o)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s %s: %v, want %q", c.name, c.spec, err, c.want)
		}
	}
}
