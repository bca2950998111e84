package lint

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/meshplan/meshplan/internal/diag"
)

func findings(t *testing.T, text string) []string {
	t.Helper()
	var out []string
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		u := &unstructured.Unstructured{}
		if err := decoder.Decode(u); err != nil {
			return out
		}
		for _, d := range Object(u) {
			out = append(out, strings.TrimPrefix(string(diag.CodeOf(d)), "linkerd.manifest."))
		}
	}
}

// TestOriginalPlan: the YAML of the plan that this program was asked for from, each fault named.
func TestOriginalPlan(t *testing.T) {
	got := findings(t, `
apiVersion: policy.linkerd.io/v1beta1
kind: Server
metadata: {name: default-server, namespace: default}
spec:
  podSelector: {matchLabels: {}}
  port: {name: http, protocol: TCP, number: 80}
---
apiVersion: policy.linkerd.io/v1beta1
kind: ServerAuthorization
metadata: {name: default-authorization, namespace: default}
spec:
  server: {name: default-server}
  client:
    unauthenticated: true
    networks: [{cidr: 10.0.0.0/8}]
`)
	want := []string{"deprecated-version", "port-object", "denies-at-once", "one-port", "legacy-authorization", "unauthenticated"}
	if !slices.Equal(got, want) {
		t.Errorf("findings = %v, want %v", got, want)
	}
}

func TestObject(t *testing.T) {
	pod := func(annotations, ports string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {metadata: {annotations: {" + annotations + "}}, spec: {containers: [{name: c, ports: [" + ports + "]}]}}}\n"
	}
	route := func(parent string) string {
		return "apiVersion: policy.linkerd.io/v1beta3\nkind: HTTPRoute\nmetadata: {name: r, namespace: shop}\nspec: {parentRefs: [" + parent + "]}\n"
	}
	server := func(spec string) string {
		return "apiVersion: policy.linkerd.io/v1beta3\nkind: Server\nmetadata: {name: s, namespace: shop}\nspec: {podSelector: {matchLabels: {a: b}}, port: 80, " + spec + "}\n"
	}
	for _, tc := range []struct{ name, yaml, want string }{
		{"a good Server", server("accessPolicy: audit"), ""},
		{"an access policy that nobody knows", server("accessPolicy: denny"), "unknown-value"},
		{"a protocol that nobody knows", server("accessPolicy: deny, proxyProtocol: HTTP"), "unknown-value"},
		{"an open Server", server("accessPolicy: all-unauthenticated"), "unauthenticated"},
		{"a silent Server", server("proxyProtocol: gRPC"), "denies-at-once"},
		{"an authorization that admits nobody", "apiVersion: policy.linkerd.io/v1beta1\nkind: ServerAuthorization\nmetadata: {name: a}\nspec: {server: {name: s}, client: {networks: [{cidr: 0.0.0.0/0}]}}\n", "legacy-authorization admits-nobody"},
		{"a policy that admits everybody", "apiVersion: policy.linkerd.io/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec: {targetRef: {group: policy.linkerd.io, kind: Server, name: s}, requiredAuthenticationRefs: []}\n", "unauthenticated"},
		{"a target without its group", "apiVersion: policy.linkerd.io/v1alpha1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec: {targetRef: {kind: Server, name: s}, requiredAuthenticationRefs: [{kind: ServiceAccount, name: x}]}\n", "unknown-value"},
		{"a parent without a kind", route("{name: web}"), "route-parent"},
		{"a Server with a port", route("{group: policy.linkerd.io, kind: Server, name: web, port: 80}"), "route-parent"},
		{"a Server elsewhere", route("{group: policy.linkerd.io, kind: Server, name: web, namespace: other}"), "route-parent"},
		{"a Server with a section", route("{group: policy.linkerd.io, kind: Server, name: web, sectionName: http}"), "route-parent"},
		{"a Service without its group", route("{kind: Service, name: web}"), "route-parent"},
		{"a good parent", route("{group: core, kind: Service, name: web, port: 80}"), ""},
		{"inject: true", pod(`linkerd.io/inject: "true"`, ""), "inject-value"},
		{"a typo", pod("config.linkerd.io/proxy-cpu-requests: 1", ""), "proxy-setting"},
		{"a value that cannot be read", pod("config.linkerd.io/proxy-cpu-request: much", ""), "proxy-setting"},
		{"an annotation on the Deployment", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, annotations: {linkerd.io/inject: enabled}}\nspec: {template: {}}\n", "annotation-place"},
		{"a label for an annotation", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {linkerd.io/inject: enabled}}\n", "annotation-place"},
		{"a key that namespaces do not hand on", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, annotations: {config.linkerd.io/proxy-cpu-ratio-limit: \"0.5\"}}\n", "proxy-setting"},
		{"a declared port that is skipped", pod(`config.linkerd.io/skip-inbound-ports: "8000-8100"`, "{containerPort: 8080}"), "skipped-port"},
		{"a server that speaks first", pod("linkerd.io/inject: enabled", "{name: mysql, containerPort: 3307}"), "server-speaks-first"},
		{"one on a default port", pod("linkerd.io/inject: enabled", "{name: mysql, containerPort: 3306}"), ""},
		{"a namespace that denies", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, annotations: {config.linkerd.io/default-inbound-policy: deny}}\n", "linkerd.metrics-denied"},
		{"a Job without native sidecars", "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {metadata: {annotations: {linkerd.io/inject: enabled, config.linkerd.io/proxy-enable-native-sidecar: \"false\"}}}}\n", "job-proxy"},
		{"a profile of an old version", "apiVersion: linkerd.io/v1alpha1\nkind: ServiceProfile\nmetadata: {name: a.b.svc.cluster.local}\nspec: {routes: []}\n", "deprecated-version"},
		{"no business of Linkerd's", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", ""},
	} {
		if got := strings.Join(findings(t, tc.yaml), " "); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// TestAServerThatLocksOutNeedsAWord: where a Server can say that it denies, one that says nothing is refused.
func TestAServerThatLocksOutNeedsAWord(t *testing.T) {
	for version, want := range map[string]hcl.DiagnosticSeverity{"v1beta3": hcl.DiagError, "v1beta2": hcl.DiagWarning} {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte("apiVersion: policy.linkerd.io/"+version+"\nkind: Server\nmetadata: {name: s, namespace: shop}\nspec: {podSelector: {matchLabels: {a: b}}, port: 80}\n"), &u.Object); err != nil {
			t.Fatal(err)
		}
		found := false
		for _, d := range Object(u) {
			if diag.CodeOf(d) == CodeSilentDeny {
				found = true
				if d.Severity != want {
					t.Errorf("%s: severity %d, want %d", version, d.Severity, want)
				}
			}
		}
		if !found {
			t.Errorf("%s: not found", version)
		}
	}
}
