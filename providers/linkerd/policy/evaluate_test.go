package policy

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/meshplan/meshplan/providers/linkerd/env"
)

func names() env.Env {
	return env.Env{Namespace: func() string { return "linkerd" }, TrustDomain: func() string { return "cluster.local" }}
}

func id(account, namespace string) string { return names().Identity(namespace, account) }

// objects reads policy objects from YAML documents.
func objects(t *testing.T, docs string) Objects {
	t.Helper()
	var list []*unstructured.Unstructured
	for doc := range strings.SplitSeq(docs, "---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		if len(u.Object) > 0 {
			if u.GetNamespace() == "" {
				u.SetNamespace("shop")
			}
			list = append(list, u)
		}
	}
	var o Objects
	for _, u := range list {
		if err := o.add(u, names(), clusterNetworks()); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func clusterNetworks() []Network { return []Network{{CIDR: netip.MustParsePrefix("10.0.0.0/8")}} }

func webPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1", Labels: map[string]string{"app": "web"}, Annotations: map[string]string{}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Ports: []corev1.ContainerPort{
			{Name: "http", ContainerPort: 8080}, {Name: "grpc", ContainerPort: 9090}, {Name: "dns", ContainerPort: 53, Protocol: corev1.ProtocolUDP}}}}},
	}
}

const (
	serverYAML = `
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: web, creationTimestamp: "2026-01-01T00:00:00Z", labels: {tier: front}}
spec: {podSelector: {matchLabels: {app: web}}, port: http, accessPolicy: deny}
`
	tripPolicyYAML = `
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: trip}
spec:
  targetRef: {group: policy.linkerd.io, kind: Server, name: web}
  requiredAuthenticationRefs: [{kind: ServiceAccount, name: trip}]
`
)

func TestEvaluate(t *testing.T) {
	trip, user := Client{Identity: id("trip", "shop")}, Client{Identity: id("user", "shop")}
	plain := Client{Addr: netip.MustParseAddr("10.1.2.3")}
	world := Client{Addr: netip.MustParseAddr("203.0.113.9")}
	type asked struct {
		client Client
		want   Decision
		rule   string
	}
	for _, tc := range []struct {
		name    string
		yaml    string
		pod     func(*corev1.Pod)
		port    int
		def     string
		server  string
		access  string
		shadow  []string
		ignored int
		asks    []asked
	}{
		{name: "nothing at all", port: 8080, access: AllUnauthenticated, asks: []asked{{plain, Allowed, AllUnauthenticated}}},
		{name: "cluster default", port: 8080, def: AllAuthenticated, access: AllAuthenticated, asks: []asked{{plain, Denied, ""}, {trip, Allowed, AllAuthenticated}}},
		{name: "default of the pod", port: 8080, def: Deny, access: ClusterUnauthenticated,
			pod: func(p *corev1.Pod) {
				p.Annotations["config.linkerd.io/default-inbound-policy"] = ClusterUnauthenticated
			},
			asks: []asked{{plain, Allowed, ClusterUnauthenticated}, {world, Denied, ""}, {Client{}, Undecided, ClusterUnauthenticated}}},
		{name: "a port that requires identity", port: 8080, access: AllAuthenticated,
			pod: func(p *corev1.Pod) {
				p.Annotations["config.linkerd.io/proxy-require-identity-inbound-ports"] = "80,8000-8100"
			},
			asks: []asked{{plain, Denied, ""}, {user, Allowed, AllAuthenticated}}},
		{name: "the proxy's own port is no exception", port: 4191, def: Deny, access: Deny, asks: []asked{{plain, Denied, ""}, {trip, Denied, ""}}},
		{name: "a Server denies", yaml: serverYAML, port: 8080, server: "web", access: Deny, asks: []asked{{plain, Denied, ""}, {trip, Denied, ""}}},
		{name: "and no other port", yaml: serverYAML, port: 9090, access: AllUnauthenticated, asks: []asked{{plain, Allowed, AllUnauthenticated}}},
		{name: "other pods have none", yaml: serverYAML, port: 8080, access: AllUnauthenticated, pod: func(p *corev1.Pod) { p.Labels["app"] = "db" }, asks: []asked{{plain, Allowed, AllUnauthenticated}}},
		{name: "a service account is let in", yaml: serverYAML + "---\n" + tripPolicyYAML, port: 8080, server: "web", access: Deny, asks: []asked{{trip, Allowed, "trip"}, {user, Denied, ""}, {plain, Denied, ""}}},
		{name: "audit lets everybody in, policies first", yaml: strings.Replace(serverYAML, "accessPolicy: deny", "accessPolicy: audit", 1) + "---\n" + tripPolicyYAML, port: 8080, server: "web", access: Audit,
			asks: []asked{{trip, Allowed, "trip"}, {user, Allowed, Audit}, {plain, Allowed, Audit}}},
		{name: "an access policy that nobody knows denies", yaml: strings.Replace(serverYAML, "accessPolicy: deny", "accessPolicy: denny", 1), port: 8080, server: "web", access: Deny, asks: []asked{{trip, Denied, ""}}},
		{name: "the older Server wins, names resolved", port: 8080, server: "web", access: Deny, shadow: []string{"young"}, yaml: serverYAML + `---
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: young, creationTimestamp: "2026-02-01T00:00:00Z"}
spec: {podSelector: {}, port: 8080, accessPolicy: all-unauthenticated}
`, asks: []asked{{plain, Denied, ""}}},
		{name: "a planned Server loses to a live one", port: 8080, server: "web", access: Deny, shadow: []string{"a-planned"}, yaml: serverYAML + `---
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: a-planned}
spec: {podSelector: {}, port: 8080, accessPolicy: audit}
`, asks: []asked{{plain, Denied, ""}}},
		{name: "no authentication required admits everybody", yaml: serverYAML + "---\n" + strings.Replace(tripPolicyYAML, "[{kind: ServiceAccount, name: trip}]", "[]", 1), port: 8080, server: "web", access: Deny,
			asks: []asked{{world, Allowed, "trip"}}},
		{name: "a missing authentication grants nothing", yaml: serverYAML + "---\n" + strings.Replace(tripPolicyYAML, "kind: ServiceAccount", "group: policy.linkerd.io, kind: MeshTLSAuthentication", 1), port: 8080, server: "web", access: Deny, ignored: 1,
			asks: []asked{{trip, Denied, ""}}},
		{name: "a policy for the namespace", port: 8080, server: "web", access: Deny, yaml: serverYAML + `---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: everyone}
spec:
  targetRef: {kind: Namespace, name: shop}
  requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: shop}, {group: policy.linkerd.io, kind: NetworkAuthentication, name: near}]
---
apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata: {name: shop}
spec: {identityRefs: [{kind: Namespace, name: shop}]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: NetworkAuthentication
metadata: {name: near}
spec: {networks: [{cidr: 10.0.0.0/8, except: [10.9.0.0/16]}]}
`, asks: []asked{
			{Client{Identity: id("user", "shop"), Addr: netip.MustParseAddr("10.1.1.1")}, Allowed, "everyone"},
			{Client{Identity: id("user", "shop"), Addr: netip.MustParseAddr("10.9.1.1")}, Denied, ""},
			{Client{Identity: id("user", "other"), Addr: netip.MustParseAddr("10.1.1.1")}, Denied, ""},
			{user, Undecided, "everyone"}, {plain, Denied, ""}}},
		{name: "a policy for another namespace", port: 8080, server: "web", access: Deny, yaml: serverYAML + "---\n" + strings.Replace(tripPolicyYAML, "{group: policy.linkerd.io, kind: Server, name: web}", "{kind: Namespace, name: other}", 1),
			asks: []asked{{trip, Denied, ""}}},
		{name: "a ServerAuthorization without networks means the cluster's", port: 8080, server: "web", access: Deny, yaml: serverYAML + `---
apiVersion: policy.linkerd.io/v1beta1
kind: ServerAuthorization
metadata: {name: old}
spec: {server: {selector: {matchLabels: {tier: front}}}, client: {unauthenticated: true}}
`, asks: []asked{{plain, Allowed, "old"}, {world, Denied, ""}}},
		{name: "a ServerAuthorization that authorizes nobody", port: 8080, server: "web", access: Deny, yaml: serverYAML + `---
apiVersion: policy.linkerd.io/v1beta1
kind: ServerAuthorization
metadata: {name: old}
spec: {server: {name: web}, client: {networks: [{cidr: 0.0.0.0/0}]}}
`, asks: []asked{{plain, Denied, ""}, {trip, Denied, ""}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := webPod()
			if tc.pod != nil {
				tc.pod(p)
			}
			e := Evaluate(p, tc.port, objects(t, tc.yaml), Defaults{Policy: tc.def, ClusterNetworks: clusterNetworks()}, names())
			if e.Server != tc.server || e.Access != tc.access || len(e.Ignored) != tc.ignored {
				t.Errorf("Server %q, Access %q, Ignored %v", e.Server, e.Access, e.Ignored)
			}
			if d := cmp.Diff(tc.shadow, e.Shadowed); d != "" {
				t.Errorf("Shadowed (-want +got):\n%s", d)
			}
			for _, a := range tc.asks {
				if got, rule := e.Decide(a.client, ""); got != a.want || rule.Name != a.rule {
					t.Errorf("Decide(%v) = %v by %q, want %v by %q", a.client, got, rule.Name, a.want, a.rule)
				}
			}
		})
	}
}

func TestRoutesAddToTheServersRules(t *testing.T) {
	e := Evaluate(webPod(), 8080, objects(t, serverYAML+`---
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: pay}
status: {parents: [{parentRef: {group: policy.linkerd.io, kind: Server, name: web}, conditions: [{type: Accepted, status: "True"}]}]}
---
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: rejected}
status: {parents: [{parentRef: {group: policy.linkerd.io, kind: Server, name: web}, conditions: [{type: Accepted, status: "False"}]}]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: pay}
spec:
  targetRef: {group: policy.linkerd.io, kind: HTTPRoute, name: pay}
  requiredAuthenticationRefs: [{kind: ServiceAccount, name: trip}]
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: rejected}
spec:
  targetRef: {group: policy.linkerd.io, kind: HTTPRoute, name: rejected}
  requiredAuthenticationRefs: []
`), Defaults{}, names())
	if !e.Routed {
		t.Error("the Server has an accepted route")
	}
	trip := Client{Identity: id("trip", "shop")}
	if got, rule := e.Decide(trip, "pay"); got != Allowed || rule.Name != "pay" {
		t.Errorf("by the route: %v by %q", got, rule.Name)
	}
	for _, route := range []string{"", "rejected"} {
		if got, _ := e.Decide(trip, route); got != Denied {
			t.Errorf("by route %q: %v", route, got)
		}
	}
}

// A GRPCRoute counts as an HTTPRoute does, whatever its matches look like, and no probe falls under them.
func TestGRPCRoutesAddToTheServersRules(t *testing.T) {
	o := objects(t, serverYAML+`---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: pay}
spec:
  parentRefs: [{group: policy.linkerd.io, kind: Server, name: web}]
  rules: [{matches: [{method: {type: Exact, service: shop.v1.Payment, method: Pay}}]}]
status: {parents: [{parentRef: {group: policy.linkerd.io, kind: Server, name: web}, conditions: [{type: Accepted, status: "True"}]}]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: pay}
spec:
  targetRef: {group: gateway.networking.k8s.io, kind: GRPCRoute, name: pay}
  requiredAuthenticationRefs: [{kind: ServiceAccount, name: trip}]
`)
	if len(o.Routes) != 1 || len(o.Routes[0].matches) != 0 {
		t.Errorf("routes = %+v", o.Routes)
	}
	e := Evaluate(webPod(), 8080, o, Defaults{}, names())
	if got, rule := e.Decide(Client{Identity: id("trip", "shop")}, "pay"); !e.Routed || got != Allowed || rule.Name != "pay" {
		t.Errorf("by the route: %v by %q", got, rule.Name)
	}
}

func TestMatchesAny(t *testing.T) {
	for _, tc := range []struct {
		identity, pattern string
		want              bool
	}{
		{"a.b", "*", true}, {"a.b", "*.b", true}, {"b", "*.b", false}, {".b", "*.b", false}, {"a.b", "a.b", true}, {"a.c", "a.b", false},
	} {
		if got := matchesAny(tc.identity, []string{tc.pattern}); got != tc.want {
			t.Errorf("matchesAny(%q, %q) = %t", tc.identity, tc.pattern, got)
		}
	}
}
