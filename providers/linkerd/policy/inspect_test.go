package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env/meshtest"
)

// TestInspectionOfPolicy: what others made beside the recorded policy, and what came later without cover, is found.
func TestInspectionOfPolicy(t *testing.T) {
	r := newRig(t)
	meshtest.Apply(t, r.env, r.ns, traffic(tripPays))
	in := r.instance("linkerd_inbound_policy", "shop")
	authn := r.instance("linkerd_mesh_tls_authentication", "shop")
	_, ds := authn.Apply(t.Context(), r.config(authn, "name = \"shop\"\nnamespaces = [\"NS\"]"))
	meshtest.Fail(t, ds)
	_, ds = in.Apply(t.Context(), r.config(in, "mode = \"all-authenticated\"\ngate {\n window = \"1s\"\n min_requests = 0\n}"))
	meshtest.Fail(t, ds)
	inspect := func() string {
		t.Helper()
		found, ds := Inspect(t.Context(), r.env, providers.InspectRequest{Lineage: in.Owner.Lineage, Recorded: []providers.Recorded{
			{Address: in.Owner.Address, Value: in.Value}, {Address: authn.Owner.Address, Value: authn.Value},
		}})
		meshtest.Fail(t, ds)
		found.Sort()
		var out []string
		for _, f := range found.Findings {
			out = append(out, fmt.Sprintf("%s %s %s", f.Severity, strings.TrimPrefix(string(f.Class), "linkerd.drift."), strings.ReplaceAll(f.Object, r.ns, "NS")))
		}
		return strings.Join(out, "\n")
	}
	if got := inspect(); got != "" {
		t.Fatalf("right after the policy: %s", got)
	}
	meshtest.Apply(t, r.env, r.ns, `
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: quick-fix, namespace: NS}
spec:
  targetRef: {group: policy.linkerd.io, kind: Server, name: deployment-payment-8080}
  requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: gone}]
---
apiVersion: policy.linkerd.io/v1beta3
kind: Server
metadata: {name: second, namespace: NS}
spec: {podSelector: {matchLabels: {app: payment}}, port: 8080, accessPolicy: all-unauthenticated}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: late, namespace: NS}
spec:
  selector: {matchLabels: {app: late}}
  template:
    metadata: {labels: {app: late}, annotations: {linkerd.io/inject: enabled}}
    spec: {containers: [{name: late, image: "late:1", ports: [{containerPort: 9000}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: legacy, namespace: NS}
spec:
  selector: {matchLabels: {app: legacy}}
  template:
    metadata: {labels: {app: legacy}, annotations: {linkerd.io/inject: disabled}}
    spec: {containers: [{name: legacy, image: "legacy:1", ports: [{containerPort: 9000}]}]}
`)
	want := strings.Join([]string{
		"drift foreign-policy AuthorizationPolicy NS/quick-fix", "drift foreign-policy Server NS/second", "drift policy-ignored AuthorizationPolicy NS/quick-fix",
		"drift shadowed-server Server NS/second", "drift uncovered-port Deployment NS/late", "note uncovered-port Deployment NS/legacy",
	}, "\n")
	meshtest.Eventually(t, "everything is found", func() bool { return inspect() == want })
	// The next run covers what came later, and does not give its port up to what a stranger put beside its Server.
	in.Type = Types(r.env, NewWorld())["linkerd_inbound_policy"]
	_, ds = in.Apply(t.Context(), r.config(in, "mode = \"all-authenticated\"\ngate {\n window = \"1s\"\n min_requests = 0\n}"))
	meshtest.Fail(t, ds)
	if !strings.Contains(in.Value.GetAttr("servers").GoString(), "deployment-payment-8080") {
		t.Errorf("the port was given up: %#v", in.Value.GetAttr("servers"))
	}
	for _, ref := range []kube.Ref{{Group: "policy.linkerd.io", Version: "v1alpha1", Kind: "AuthorizationPolicy", Namespace: r.ns, Name: "quick-fix"}, {Group: "policy.linkerd.io", Version: "v1beta3", Kind: "Server", Namespace: r.ns, Name: "second"}} {
		if err := r.env.Cluster().Delete(t.Context(), ref, kube.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	meshtest.Eventually(t, "only the workload that opts out is left", func() bool { return inspect() == "note uncovered-port Deployment NS/legacy" })
}

func TestInspectionWithoutRecordedPolicyAsksNothing(t *testing.T) {
	found, ds := Inspect(t.Context(), meshtest.Env(nil), providers.InspectRequest{Lineage: "l"})
	if len(found.Findings) > 0 || len(found.Gauges) > 0 || len(ds) > 0 {
		t.Errorf("found %v, %v", found, ds)
	}
}
