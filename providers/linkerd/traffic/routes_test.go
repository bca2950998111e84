package traffic

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/env/meshtest"
	"github.com/meshplan/meshplan/providers/linkerd/policy"
)

const grpcBody = `name = "calls"
parents = [{ kind = "Service", name = "payment", port = 80 }]
rule {
  matches  = [{ service = "shop.v1.Payment", method = "Pay", headers = { x-env = "test" } }]
  backends = [{ name = "payment-v2", port = 80 }]
  set_headers = { x-seen = "1" }
}
rule {
  backends = [{ name = "payment", port = 80, weight = 3 }, { name = "payment-v2", port = 80 }]
}
`

func TestGRPCRoute(t *testing.T) {
	r := newRig(t)
	meshtest.GatewayAPI(t, r.env)
	in := r.instance("linkerd_grpc_route")
	r.make(in, grpcBody)
	ref := kube.Ref{Group: gatewayGroup, Version: "v1", Kind: "GRPCRoute", Name: "calls"}
	rules, _, _ := unstructured.NestedSlice(r.get(ref).Object, "spec", "rules")
	call, _, _ := unstructured.NestedStringMap(rules[0].(map[string]any)["matches"].([]any)[0].(map[string]any), "method")
	if len(rules) != 2 || call["type"] != "Exact" || call["service"] != "shop.v1.Payment" || call["method"] != "Pay" {
		t.Errorf("rules = %v", rules)
	}
	// Somebody changes a weight by hand: drift in the attribute, and a plan that takes it back.
	meshtest.Apply(t, r.env, r.ns, "apiVersion: gateway.networking.k8s.io/v1\nkind: GRPCRoute\nmetadata: {name: calls, namespace: NS}\nspec: {parentRefs: [{group: core, kind: Service, name: payment, port: 80}], rules: [{backendRefs: [{name: payment, port: 80, weight: 7}]}]}\n")
	in.Read()
	if n := in.Value.GetAttr("rule").LengthInt(); n != 1 {
		t.Errorf("%d rules are shown after a change by hand", n)
	}
	config := r.config(in, grpcBody+"conflicts = \"force\"\n")
	_, ds := in.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	in.WantEmpty(config)
	if _, ds := in.Destroy(t.Context()); ds.HasErrors() || r.get(ref) != nil {
		t.Errorf("destroy: %v", ds)
	}
}

// On one parent one kind of route is in force: plans say which, whichever comes first.
func TestRoutesOfSeveralKindsOnOneParent(t *testing.T) {
	r := newRig(t)
	meshtest.GatewayAPI(t, r.env)
	http, grpc, tcp := r.instance("linkerd_http_route"), r.instance("linkerd_grpc_route"), r.instance("linkerd_tcp_route")
	tcpBody := "name = \"raw\"\nparents = [{ kind = \"Service\", name = \"payment\", port = 80 }]\nbackends = [{ name = \"payment\", port = 80 }]\n"
	r.make(tcp, tcpBody)
	r.make(http, routeBody)
	_, ds := grpc.Plan(r.config(grpc, grpcBody))
	if d := findCode(ds, CodeConflict); d == nil || d.Severity != hcl.DiagWarning || !strings.Contains(d.Detail, `HTTPRoute "payment" attaches to Service `+r.ns+`/payment port 80`) {
		t.Errorf("a stronger route: %v", ds)
	}
	_, ds = tcp.Plan(r.config(tcp, strings.Replace(tcpBody, "port = 80 }]\n", "port = 80, weight = 2 }]\n", 2)))
	if d := findCode(ds, CodeConflict); d == nil || d.Severity != hcl.DiagError || !strings.Contains(d.Detail, `HTTPRoute "payment"`) {
		t.Errorf("a weaker route: %v", ds)
	}
	// The controller says the same of the one that is there.
	meshtest.Eventually(t, "the weaker route is in conflict", func() bool {
		_, refusal := routeSettled(r.get(kube.Ref{Group: gatewayGroup, Version: "v1alpha2", Kind: "TCPRoute", Name: "raw"}))
		return strings.Contains(refusal, "RouteReasonConflicted")
	})
}

func TestStreamRoutesAndEgress(t *testing.T) {
	r := newRig(t)
	meshtest.GatewayAPI(t, r.env)
	egress := r.instance("linkerd_egress_network")
	bank := r.instance("linkerd_tls_route")
	body := "name = \"bank\"\nhostnames = [\"api.bank.example\"]\nparents = [{ kind = \"EgressNetwork\", name = \"out\", port = 443 }]\n"
	r.make(bank, body)
	_, ds := egress.Plan(r.config(egress, "name = \"out\"\ntraffic_policy = \"Deny\"\n"))
	if findCode(ds, policy.CodeEgressDenied) != nil {
		t.Errorf("with a TLS route: %v", ds)
	}
	r.make(egress, "name = \"out\"\ntraffic_policy = \"Deny\"\n")
	u := r.get(kube.Ref{Group: gatewayGroup, Version: "v1alpha2", Kind: "TLSRoute", Name: "bank"})
	rules, _, _ := unstructured.NestedSlice(u.Object, "spec", "rules")
	if len(rules) != 1 {
		t.Fatalf("rules = %v", rules)
	}
	ref := rules[0].(map[string]any)["backendRefs"].([]any)[0].(map[string]any)
	if ref["kind"] != "EgressNetwork" || ref["name"] != "out" {
		t.Errorf("backend = %v", ref)
	}
	meshtest.Eventually(t, "the route is in force", func() bool {
		done, _ := routeSettled(r.get(kube.Ref{Group: gatewayGroup, Version: "v1alpha2", Kind: "TLSRoute", Name: "bank"}))
		return done
	})
	bank.WantEmpty(r.config(bank, body))

	split := r.instance("linkerd_tcp_route")
	weights := "name = \"split\"\nparents = [{ kind = \"Service\", name = \"payment\", port = 80 }]\nbackends = [{ name = \"payment\", port = 80, weight = 9 }, { name = \"payment-v2\", port = 80 }]\n"
	r.make(split, weights)
	for _, in := range []interface{ Read() }{split, bank} {
		in.Read()
	}
	split.WantEmpty(r.config(split, weights))
}

// What the API server or Linkerd would refuse or ignore is refused while planning.
func TestRoutesThatCannotWork(t *testing.T) {
	types := Types(env.Env{}, policy.NewWorld())
	for _, tt := range []struct{ typeName, body, want string }{
		{"linkerd_grpc_route", `parents = [{ kind = "Service", name = "a" }]` + "\nrule {\n matches = [{ service = \"shop.v1/Pay\" }]\n}", "a slash or the method does not belong to it"},
		{"linkerd_grpc_route", `parents = [{ kind = "Service", name = "a" }]` + "\nrule {\n matches = [{ method_type = \"Exact\" }]\n}", "needs a service or a method"},
		{"linkerd_grpc_route", `parents = [{ kind = "Service", name = "a" }]` + "\nrule {\n matches = [{ service = \"(\", method_type = \"RegularExpression\" }]\n}", "not a regular expression"},
		{"linkerd_grpc_route", `parents = [{ kind = "Server", name = "a" }]` + "\nrule {\n backends = [{ name = \"b\", port = 80 }]\n}", "a route of a Server only names requests"},
		{"linkerd_tls_route", `parents = [{ kind = "Server", name = "a" }]`, "a Server cannot be a parent here"},
		{"linkerd_tls_route", `parents = [{ kind = "EgressNetwork", name = "a" }]`, "needs a port"},
		{"linkerd_tcp_route", `parents = [{ kind = "Service", name = "a" }]`, "give at least one, for instance the Service itself"},
		{"linkerd_tcp_route", `parents = [{ kind = "service", name = "a" }]`, `Did you mean "Service"?`},
	} {
		_, ds := meshtest.TryDecode(t, types[tt.typeName].Schema(), "namespace = \"shop\"\nname = \"x\"\n"+tt.body)
		text := ds.Error()
		if !strings.Contains(text, tt.want) {
			t.Errorf("%s %s: %q, want %q", tt.typeName, tt.body, text, tt.want)
		}
	}
}
