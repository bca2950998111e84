package expansion_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/env/meshtest"
	"github.com/meshplan/meshplan/providers/linkerd/expansion"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.Options{Mesh: true}) }

type rig struct {
	t   *testing.T
	env env.Env
	ns  string
	in  *meshtest.Instance
}

func newRig(t *testing.T, typeName string) *rig {
	t.Helper()
	t.Parallel()
	e := meshtest.New(t)
	return &rig{t, e, testenv.Namespace(t), meshtest.NewInstance(t, expansion.Types(e, &typed.World{})[typeName], typeName+".x")}
}

func (r *rig) config(body string) cty.Value {
	r.t.Helper()
	return r.in.Config("namespace = \"" + r.ns + "\"\nname = \"x\"\n" + body)
}

func (r *rig) apply(body string) {
	r.t.Helper()
	config := r.config(body)
	_, ds := r.in.Apply(r.t.Context(), config)
	meshtest.Fail(r.t, ds)
	r.in.WantEmpty(config)
}

func (r *rig) get(ref kube.Ref) *unstructured.Unstructured {
	r.t.Helper()
	ref.Namespace, ref.Name = r.ns, "x"
	u, err := r.env.Cluster().Get(r.t.Context(), ref)
	if err != nil {
		r.t.Fatal(err)
	}
	return u
}

func (r *rig) destroy(ref kube.Ref) {
	r.t.Helper()
	if _, ds := r.in.Destroy(r.t.Context()); ds.HasErrors() || r.get(ref) != nil {
		r.t.Errorf("destroy: %v", ds)
	}
}

const workloadBody = `identity = "spiffe://root.linkerd.cluster.local/ledger"
server_name = "ledger.shop.cluster.local"
labels = { app = "ledger" }
ips = ["192.0.2.17", "2001:db8::17"]
ports = [{ name = "grpc", port = 8080 }, { port = 53, protocol = "UDP" }]
`

func TestExternalWorkload(t *testing.T) {
	r := newRig(t, "linkerd_external_workload")
	ref := kube.Ref{Group: "workload.linkerd.io", Version: "v1beta1", Kind: "ExternalWorkload"}
	r.apply(workloadBody)
	// Its status belongs to whoever enrols the machine, and is no drift.
	meshtest.Apply(t, r.env, r.ns, "apiVersion: workload.linkerd.io/v1beta1\nkind: ExternalWorkload\nmetadata: {name: x, namespace: NS, annotations: {enrolled: \"yes\"}}\nspec: {meshTLS: {identity: \"spiffe://root.linkerd.cluster.local/ledger\", serverName: ledger.shop.cluster.local}}\n")
	r.in.Read()
	r.in.WantEmpty(r.config(workloadBody))
	// An address that somebody changed is shown and taken back.
	meshtest.Apply(t, r.env, r.ns, "apiVersion: workload.linkerd.io/v1beta1\nkind: ExternalWorkload\nmetadata: {name: x, namespace: NS}\nspec: {meshTLS: {identity: \"spiffe://root.linkerd.cluster.local/ledger\", serverName: ledger.shop.cluster.local}, workloadIPs: [{ip: 192.0.2.99}]}\n")
	r.in.Read()
	if ips := r.in.Value.GetAttr("ips"); ips.LengthInt() != 1 || ips.Index(cty.NumberIntVal(0)).AsString() != "192.0.2.99" {
		t.Errorf("addresses after a change by hand: %#v", ips)
	}
	r.apply(workloadBody + "conflicts = \"force\"\n")
	if ips, _, _ := unstructured.NestedSlice(r.get(ref).Object, "spec", "workloadIPs"); len(ips) != 2 {
		t.Errorf("addresses = %v", ips)
	}
	r.destroy(ref)
}

const linkBody = `target_cluster = "east"
cluster_credentials_secret = "cluster-credentials-east"
gateway_address = "east.example,192.0.2.7"
gateway_identity = "linkerd-gateway.linkerd-multicluster.serviceaccount.identity.linkerd.cluster.local"
selector = { "mirror.linkerd.io/exported" = "true" }
federated_service_selector = { "mirror.linkerd.io/federated" = "member" }
excluded_annotations = ["example.com/*"]
probe {
  path   = "/ready"
  port   = 4191
  period = "3s"
}
`

func TestLink(t *testing.T) {
	r := newRig(t, "linkerd_link")
	meshtest.Links(t, r.env)
	ref := kube.Ref{Group: "multicluster.linkerd.io", Version: "v1alpha3", Kind: "Link"}
	missing := func() bool {
		t.Helper()
		_, ds := r.in.Plan(r.config(linkBody))
		meshtest.Fail(t, ds)
		for _, d := range ds {
			if diag.CodeOf(d) == expansion.CodeNoCredentials {
				return d.Severity == hcl.DiagWarning
			}
		}
		return false
	}
	if !missing() {
		t.Error("missing credentials are not found")
	}
	meshtest.Apply(t, r.env, r.ns, "apiVersion: v1\nkind: Secret\nmetadata: {name: cluster-credentials-east, namespace: NS}\nstringData: {kubeconfig: planted-secret}\n")
	if missing() {
		t.Error("credentials that are there are missed")
	}
	r.apply(linkBody)
	spec, _, _ := unstructured.NestedMap(r.get(ref).Object, "spec")
	probe, _ := spec["probeSpec"].(map[string]any)
	if spec["gatewayPort"] != "4143" || probe["port"] != "4191" || probe["failureThreshold"] != "3" || spec["targetClusterLinkerdNamespace"] != "linkerd" {
		t.Errorf("spec = %v", spec)
	}
	meshtest.Apply(t, r.env, r.ns, "apiVersion: multicluster.linkerd.io/v1alpha3\nkind: Link\nmetadata: {name: x, namespace: NS}\nspec: {gatewayPort: \"9\", probeSpec: {period: 9s}}\n")
	r.in.Read()
	if n, _ := r.in.Value.GetAttr("gateway_port").AsBigFloat().Int64(); n != 9 || r.in.Value.GetAttr("probe").GetAttr("period").AsString() != "9s" {
		t.Errorf("after a change by hand: %#v", r.in.Value)
	}
	r.apply(linkBody + "conflicts = \"force\"\n")
	order := r.in.Type.(providers.Orderer).Order(r.in.Value)
	for _, want := range []providers.Tag{"linkerd:extension/multicluster", "kubernetes:crd/multicluster.linkerd.io/Link"} {
		found := false
		for _, tag := range order.After {
			found = found || tag == want
		}
		if !found {
			t.Errorf("it does not come after %s: %v", want, order.After)
		}
	}
	r.destroy(ref)
}

func TestMistakes(t *testing.T) {
	types := expansion.Types(env.Env{}, &typed.World{})
	for _, tt := range []struct{ typeName, from, to, want string }{
		{"linkerd_external_workload", "spiffe://root.linkerd.cluster.local/ledger", "spiffe://root", "lacks the trust domain or the path"},
		{"linkerd_external_workload", `"ledger.shop.cluster.local"`, `"spiffe://a/b"`, "belongs into identity only"},
		{"linkerd_external_workload", `"2001:db8::17"`, `"192.0.2.18"`, "one of IPv4 and one of IPv6"},
		{"linkerd_external_workload", `"192.0.2.17"`, `"ledger.example"`, "names are not looked up"},
		{"linkerd_external_workload", `port = 8080`, `port = 80800`, "from 1 to 65535"},
		{"linkerd_external_workload", `name = "grpc"`, `name = "a-very-long-port-name"`, "at most 15"},
		{"linkerd_external_workload", `port = 53, protocol = "UDP"`, `port = 8080`, "listed twice"},
		{"linkerd_link", `east.example,`, `east.example:4143,`, "the port is gateway_port"},
		{"linkerd_link", `gateway_identity`, `# gateway_identity`, "Clients check the gateway's identity"},
		{"linkerd_link", "probe {\n  path   = \"/ready\"\n  port   = 4191\n  period = \"3s\"\n}\n", "", "never counts as alive"},
		{"linkerd_link", "selector = {", "remote_discovery_selector = {", ""},
		{"linkerd_link", `"3s"`, `"3 seconds"`, "not a duration"},
		{"linkerd_link", "selector = { \"mirror.linkerd.io/exported\" = \"true\" }\nfederated_service_selector = { \"mirror.linkerd.io/federated\" = \"member\" }\n", "", "at least one of"},
	} {
		body := map[string]string{"linkerd_external_workload": workloadBody, "linkerd_link": linkBody}[tt.typeName]
		wrong := strings.Replace(body, tt.from, tt.to, 1)
		if wrong == body {
			t.Fatalf("%q is not in the body", tt.from)
		}
		_, ds := meshtest.TryDecode(t, types[tt.typeName].Schema(), "namespace = \"shop\"\nname = \"x\"\n"+wrong)
		if got := ds.Error(); tt.want == "" && ds.HasErrors() || !strings.Contains(got, tt.want) {
			t.Errorf("%s to %s: %q, want %q", tt.from, tt.to, got, tt.want)
		}
	}
}
