package policy

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/env/meshtest"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.Options{Mesh: true}) }

const shopYAML = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: trip, namespace: NS}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: user, namespace: NS}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: trip, namespace: NS}
spec:
  selector: {matchLabels: {app: trip}}
  template:
    metadata: {labels: {app: trip}, annotations: {linkerd.io/inject: enabled}}
    spec: {serviceAccountName: trip, containers: [{name: trip, image: "trip:1"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: user, namespace: NS}
spec:
  selector: {matchLabels: {app: user}}
  template:
    metadata: {labels: {app: user}, annotations: {linkerd.io/inject: enabled}}
    spec: {serviceAccountName: user, containers: [{name: user, image: "user:1"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: payment, namespace: NS}
spec:
  selector: {matchLabels: {app: payment}}
  template:
    metadata: {labels: {app: payment}, annotations: {linkerd.io/inject: enabled}}
    spec:
      containers:
      - name: payment
        image: payment:1
        ports: [{name: http, containerPort: 8080}, {name: mysql, containerPort: 3306}]
        livenessProbe: {grpc: {port: 8080}}
`

func traffic(entries ...string) string {
	out := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mesh-traffic, namespace: NS}\ndata:\n  traffic.yaml: |\n"
	for _, e := range entries {
		out += "    - " + e + "\n"
	}
	return out
}

const (
	tripPays = "{from: NS/trip, to: NS/payment, port: 8080, rps: 50}"
	userPays = "{from: NS/user, to: NS/payment, port: 8080, rps: 50}"
)

// rig is one provider instance in one namespace.
type rig struct {
	t     *testing.T
	env   env.Env
	types map[string]providers.ResourceType
	ns    string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	e := meshtest.New(t)
	r := &rig{t, e, Types(e, NewWorld()), testenv.Namespace(t)}
	meshtest.Apply(t, e, r.ns, shopYAML)
	meshtest.Eventually(t, "all workloads are meshed", func() bool {
		// A new look each time: the world keeps one for some seconds.
		s, err := NewWorld().around(t.Context(), e, r.ns)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range s.observed.Workloads {
			if !w.Settled || len(w.Proxies()) != 1 {
				return false
			}
		}
		return len(s.observed.Workloads) == 3
	})
	return r
}

func (r *rig) instance(typeName, name string) *meshtest.Instance {
	return meshtest.NewInstance(r.t, r.types[typeName], typeName+"."+name)
}

func (r *rig) config(in *meshtest.Instance, body string) cty.Value {
	r.t.Helper()
	return in.Config(strings.ReplaceAll("namespace = \"NS\"\n"+body, "NS", r.ns))
}

// make applies a configuration and wants the next plan to be empty.
func (r *rig) make(in *meshtest.Instance, body string) providers.PlanResponse {
	r.t.Helper()
	config := r.config(in, body)
	plan, ds := in.Apply(r.t.Context(), config)
	meshtest.Fail(r.t, ds)
	in.WantEmpty(config)
	return plan
}

func (r *rig) server(name string) *unstructured.Unstructured {
	r.t.Helper()
	u, err := r.env.Cluster().Get(r.t.Context(), kube.Ref{Group: policyGroup, Version: "v1beta3", Kind: "Server", Namespace: r.ns, Name: name})
	if err != nil {
		r.t.Fatal(err)
	}
	return u
}

const (
	serverBody = "name = \"payment\"\npod_selector = { app = \"payment\" }\nport = \"http\"\naccess_policy = \"deny\"\n"
	tripsBody  = "name = \"trips\"\nservice_accounts = [\"NS/trip\"]\n"
	letTrips   = "name = \"trips\"\ntarget = { kind = \"Server\", name = \"payment\" }\nrequired_authentications = [{ kind = \"MeshTLSAuthentication\", name = \"trips\" }]\n"
)

func findCode(ds hcl.Diagnostics, code diag.Code) *hcl.Diagnostic {
	for _, d := range ds {
		if diag.CodeOf(d) == code {
			return d
		}
	}
	return nil
}

func TestPolicyObjectsLive(t *testing.T) {
	r := newRig(t)
	authentication := r.instance("linkerd_mesh_tls_authentication", "trips")
	network := r.instance("linkerd_network_authentication", "near")
	policy := r.instance("linkerd_authorization_policy", "trips")
	server := r.instance("linkerd_server", "payment")
	r.make(authentication, tripsBody)
	r.make(network, "name = \"near\"\nnetworks = [{ cidr = \"10.0.0.0/8\", except = [\"10.9.0.0/16\"] }, { cidr = \"fd00::/8\" }]")
	plan := r.make(policy, letTrips)
	if notes := strings.Join(plan.Notes, "\n"); !strings.Contains(notes, "admits deployment/trip; not deployment/payment, deployment/user") {
		t.Errorf("notes = %q", notes)
	}
	r.make(server, serverBody)
	if got := server.Value.GetAttr("kind"); got.AsString() != "Server" || server.Value.GetAttr("uid").IsNull() {
		t.Errorf("server = %#v", server.Value)
	}

	// Somebody opens the port by hand: drift, and the next plan closes it.
	meshtest.Apply(t, r.env, r.ns, "apiVersion: policy.linkerd.io/v1beta3\nkind: Server\nmetadata: {name: payment, namespace: NS}\nspec: {accessPolicy: all-unauthenticated, port: http, podSelector: {}}\n")
	server.Read()
	if got := server.Value.GetAttr("access_policy").AsString(); got != "all-unauthenticated" {
		t.Errorf("after a change by hand access_policy = %q", got)
	}
	config := r.config(server, serverBody+"conflicts = \"force\"\n")
	_, ds := server.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	server.WantEmpty(config)

	for _, in := range []*meshtest.Instance{server, policy, network, authentication} {
		if _, ds := in.Destroy(t.Context()); ds.HasErrors() {
			t.Error(ds)
		}
	}
	if r.server("payment") != nil {
		t.Error("the Server is still there")
	}
}

func TestReferencesToNothingAreErrors(t *testing.T) {
	r := newRig(t)
	policy := r.instance("linkerd_authorization_policy", "trips")
	_, ds := policy.Plan(r.config(policy, letTrips))
	if d := findCode(ds, CodeDangling); d == nil || d.Severity != hcl.DiagError || !strings.Contains(d.Detail, "trips does not exist") {
		t.Errorf("plan: %v", ds)
	}
	// The same plan makes the authentication and the Server: all is well.
	for typeName, body := range map[string]string{"linkerd_mesh_tls_authentication": tripsBody, "linkerd_server": serverBody} {
		in := r.instance(typeName, "x")
		_, ds := in.Plan(r.config(in, body))
		meshtest.Fail(t, ds)
	}
	_, ds = policy.Plan(r.config(policy, letTrips))
	if len(ds) != 0 {
		t.Errorf("with both planned: %v", ds)
	}
}

func TestServerTraps(t *testing.T) {
	r := newRig(t)
	first := r.instance("linkerd_server", "first")
	_, ds := first.Plan(r.config(first, serverBody))
	if d := findCode(ds, CodeProbe); d == nil || !strings.Contains(d.Detail, "liveness probe of container payment") {
		t.Errorf("the gRPC probe is refused: %v", ds)
	}
	second := r.instance("linkerd_server", "second")
	_, ds = second.Plan(r.config(second, "name = \"other\"\npod_selector = {}\nport = 8080\naccess_policy = \"audit\"\n"))
	if d := findCode(ds, CodeOverlap); d == nil || d.Severity != hcl.DiagError || !strings.Contains(d.Detail, "port 8080 of deployment/payment") {
		t.Errorf("a name and a number for the same port overlap: %v", ds)
	}
	third := r.instance("linkerd_server", "third")
	_, ds = third.Plan(r.config(third, "name = \"third\"\npod_selector = { app = \"payment\" }\nport = \"htpt\"\naccess_policy = \"audit\"\n"))
	if d := findCode(ds, CodeUndeclaredPort); d == nil || !strings.Contains(d.Detail, "3306 (mysql), 8080 (http)") {
		t.Errorf("an undeclared port: %v", ds)
	}
	fourth := r.instance("linkerd_server", "fourth")
	_, ds = fourth.Plan(r.config(fourth, "name = \"fourth\"\npod_selector = { app = \"paymnet\" }\nport = 8080\naccess_policy = \"audit\"\n"))
	if findCode(ds, CodeNoPods) == nil {
		t.Errorf("a selector of nothing: %v", ds)
	}
}

// TestReplacementsOfPoliciesAreRisky: which of two Servers holds is decided by age, so a replacement is more than a change.
func TestReplacementsOfPoliciesAreRisky(t *testing.T) {
	r := newRig(t)
	for typ, c := range map[string]struct{ body, want string }{
		"linkerd_server":                  {"name = \"other\"\npod_selector = { app = \"payment\" }\nport = 8080\naccess_policy = \"audit\"\n", "risky: while the old Server is gone"},
		"linkerd_mesh_tls_authentication": {tripsBody, "clients that nothing else admits are refused"},
	} {
		i := r.instance(typ, "x")
		config := r.config(i, c.body)
		null := cty.NullVal(config.Type())
		for _, replacing := range []bool{false, true} {
			res, ds := i.Type.Plan(t.Context(), providers.PlanRequest{Owner: i.Owner, Prior: null, Config: config, Replacing: replacing,
				Proposed: i.Type.Schema().Block.Propose(null, config)})
			if ds.HasErrors() {
				t.Fatal(ds)
			}
			if notes := strings.Join(res.Notes, "\n"); strings.Contains(notes, c.want) != replacing {
				t.Errorf("%s, replacing %t: %s", typ, replacing, notes)
			}
		}
	}
}

const gateBlock = "gate {\n window = \"1s\"\n timeout = \"3s\"\n min_requests = 5\n}\n"

func TestInboundPolicyStopsBeforeItRefusesAClient(t *testing.T) {
	r := newRig(t)
	meshtest.Apply(t, r.env, r.ns, traffic(tripPays, userPays))
	r.make(r.instance("linkerd_mesh_tls_authentication", "trips"), tripsBody)
	r.make(r.instance("linkerd_authorization_policy", "trips"), strings.Replace(letTrips, `{ kind = "Server", name = "payment" }`, `{ kind = "Namespace", name = "NS" }`, 1))
	in := r.instance("linkerd_inbound_policy", "shop")
	config := r.config(in, "mode = \"deny\"\n"+gateBlock)
	_, ds := in.Apply(t.Context(), config)
	if d := findCode(ds, CodeWouldDeny); d == nil || !strings.Contains(d.Detail, r.ns+"/user → deployment/payment:8080") || strings.Contains(d.Detail, "/trip →") {
		t.Fatalf("apply: %v", ds)
	}
	// It got as far as nobody was hurt.
	if got := in.Value.GetAttr("effective").AsString(); got != AllAuthenticated {
		t.Errorf("effective = %q", got)
	}
	spec, _, _ := unstructured.NestedMap(r.server("deployment-payment-3306").Object, "spec")
	if spec["proxyProtocol"] != "opaque" || spec["accessPolicy"] != AllAuthenticated {
		t.Errorf("the database's port = %v", spec)
	}
	// The user service stops calling: the next run goes on where this one stopped.
	meshtest.Apply(t, r.env, r.ns, traffic(tripPays))
	in.Read()
	plan, ds := in.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	if notes := strings.Join(plan.Notes, "\n"); !strings.Contains(notes, "deployment/payment:8080: all-authenticated → deny") {
		t.Errorf("notes = %q", notes)
	}
	if got := in.Value.GetAttr("effective").AsString(); got != Deny || in.Value.GetAttr("proof").GetAttr("denied").GreaterThan(cty.Zero).True() {
		t.Errorf("value = %#v", in.Value)
	}
	in.WantEmpty(config)

	// Loosening is one step and needs no proof.
	loose := r.config(in, "mode = \"audit\"\n"+gateBlock)
	_, ds = in.Apply(t.Context(), loose)
	meshtest.Fail(t, ds)
	in.WantEmpty(loose)
	if _, ds := in.Destroy(t.Context()); ds.HasErrors() || r.server("deployment-payment-8080") != nil {
		t.Errorf("destroy: %v", ds)
	}
}

func TestInboundPolicyTakesAStepBackWhenClientsAreRefused(t *testing.T) {
	r := newRig(t)
	meshtest.Apply(t, r.env, r.ns, traffic(tripPays))
	r.make(r.instance("linkerd_mesh_tls_authentication", "trips"), tripsBody)
	r.make(r.instance("linkerd_authorization_policy", "trips"), strings.Replace(letTrips, `{ kind = "Server", name = "payment" }`, `{ kind = "Namespace", name = "NS" }`, 1))
	in := r.instance("linkerd_inbound_policy", "shop")
	in.Step.OnCheckpoint = func(n int) {
		if n == 3 { // audit, all-authenticated, deny: a new client comes right after the last step
			meshtest.Apply(t, r.env, r.ns, traffic(tripPays, userPays))
		}
	}
	_, ds := in.Apply(t.Context(), r.config(in, "mode = \"deny\"\n"+gateBlock))
	if d := findCode(ds, CodeDenied); d == nil || !strings.Contains(d.Detail, r.ns+"/user → deployment/payment:8080") {
		t.Fatalf("apply: %v", ds)
	}
	spec, _, _ := unstructured.NestedMap(r.server("deployment-payment-8080").Object, "spec")
	if got := in.Value.GetAttr("effective").AsString(); got != AllAuthenticated || spec["accessPolicy"] != AllAuthenticated {
		t.Errorf("effective = %q, live %v", got, spec["accessPolicy"])
	}
}

func TestInboundPolicyNeedsEvidence(t *testing.T) {
	r := newRig(t)
	in := r.instance("linkerd_inbound_policy", "shop")
	_, ds := in.Apply(t.Context(), r.config(in, "mode = \"all-authenticated\"\n"+gateBlock))
	if d := findCode(ds, CodeNoData); d == nil || !strings.Contains(d.Detail, "0 requests were seen") {
		t.Fatalf("apply without traffic: %v", ds)
	}
	if got := in.Value.GetAttr("effective").AsString(); got != Audit {
		t.Errorf("effective = %q", got)
	}
	config := r.config(in, "mode = \"all-authenticated\"\ngate {\n window = \"1s\"\n min_requests = 0\n}\n")
	in.Read()
	_, ds = in.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	in.WantEmpty(config)

	// A Server that goes behind our back is drift.
	servers := testenv.Dynamic(t).Resource(runtimeschema.GroupVersionResource{Group: policyGroup, Version: "v1beta3", Resource: "servers"}).Namespace(r.ns)
	if err := servers.Delete(t.Context(), "deployment-payment-8080", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	in.Type = Types(meshtest.New(t), NewWorld())["linkerd_inbound_policy"] // the next run
	in.Read()
	if got := in.Value.GetAttr("effective").AsString(); got != levelNone {
		t.Errorf("effective = %q", got)
	}
	_, ds = in.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	if r.server("deployment-payment-8080") == nil {
		t.Error("the Server was not made again")
	}
}

func TestEffectivePolicyOfLivePorts(t *testing.T) {
	r := newRig(t)
	r.make(r.instance("linkerd_mesh_tls_authentication", "trips"), tripsBody)
	r.make(r.instance("linkerd_authorization_policy", "trips"), letTrips)
	r.make(r.instance("linkerd_server", "payment"), serverBody)
	s := DataSources(r.env)["linkerd_policy"]
	v, ds := s.Read(t.Context(), providers.DataRequest{Config: meshtest.Decode(t, s.Schema(), "namespace = \""+r.ns+"\"")})
	meshtest.Fail(t, ds)
	var got []string
	for _, p := range v.GetAttr("ports").AsValueSlice() {
		got = append(got, p.GetAttr("port").AsBigFloat().String()+" "+p.GetAttr("access_policy").AsString()+" "+strings.Join(schema.Texts(p.GetAttr("admits")), ","))
	}
	want := "3306 all-unauthenticated deployment/payment,deployment/trip,deployment/user; 8080 deny deployment/trip"
	if strings.Join(got, "; ") != want {
		t.Errorf("ports = %q, want %q", strings.Join(got, "; "), want)
	}
}

// TestReviewNamesCallersAndPlaintext: the plan as a whole is judged, before anything is written.
func TestReviewNamesCallersAndPlaintext(t *testing.T) {
	r := newRig(t)
	meshtest.Apply(t, r.env, r.ns, traffic(tripPays, userPays))
	w := NewWorld()
	types := Types(r.env, w)
	plan := func(typeName, name, body string) {
		t.Helper()
		in := meshtest.NewInstance(t, types[typeName], typeName+"."+name)
		_, ds := in.Plan(r.config(in, body))
		meshtest.Fail(t, ds)
	}
	plan("linkerd_server", "payment", serverBody)
	plan("linkerd_mesh_tls_authentication", "trips", tripsBody)
	plan("linkerd_authorization_policy", "trips", letTrips)
	var ds hcl.Diagnostics
	meshtest.Eventually(t, "the callers are seen", func() bool {
		var err error
		if ds, err = w.Review(t.Context(), r.env, w.Changed()); err != nil {
			t.Fatal(err)
		}
		return findCode(ds, CodeBlocks) != nil
	})
	d := findCode(ds, CodeBlocks)
	if !strings.Contains(d.Detail, "this blocks "+r.ns+"/user → deployment/payment:8080") || diag.AddressOf(d) != "linkerd_server.payment" {
		t.Errorf("%s (%s)", d.Detail, diag.AddressOf(d))
	}
	for _, d := range ds {
		if strings.Contains(d.Detail, "/trip →") {
			t.Errorf("a caller that is let in: %s", d.Detail)
		}
	}
	// An old authorization lets everybody in: nobody is blocked, and the port is open.
	plan("linkerd_server_authorization", "old", "name = \"old\"\nserver = \"payment\"\nunauthenticated = true\nnetworks = [{ cidr = \"10.0.0.0/8\" }]\n")
	ds, err := w.Review(t.Context(), r.env, w.Changed())
	if err != nil || findCode(ds, CodeBlocks) != nil {
		t.Errorf("%v %v", err, ds)
	}
	if d := findCode(ds, CodePlaintext); d == nil || !strings.Contains(d.Detail, "still admits plaintext from 10.0.0.0/8") {
		t.Errorf("plaintext: %v", ds)
	}
}

// TestRoutesTakeTheProbeRouteAway: a route on a Server needs another one, with a policy, for each probe.
func TestRoutesTakeTheProbeRouteAway(t *testing.T) {
	s := &surroundings{env: names(), objects: objects(t, serverYAML+`---
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: pay}
spec: {parentRefs: [{group: policy.linkerd.io, kind: Server, name: web}], rules: [{matches: [{path: {type: PathPrefix, value: /pay}}]}]}
`)}
	pod := webPod()
	pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz?deep=1", Port: intstr.FromString("http")}}}
	why := func() string {
		var out []string
		for _, p := range uncovered(pod, "deployment/web", 8080, s) {
			out = append(out, p.path+": "+p.why)
		}
		return strings.Join(out, "; ")
	}
	if got := why(); !strings.Contains(got, "/healthz: no route matches it") {
		t.Errorf("without a route for it: %q", got)
	}
	probeRoute := `
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: probes}
spec: {parentRefs: [{group: policy.linkerd.io, kind: Server, name: web}], rules: [{matches: [{path: {type: Exact, value: /healthz}, method: GET}]}]}
`
	add := func(docs string) {
		more := objects(t, docs)
		s.objects.Routes = append(s.objects.Routes, more.Routes...)
		s.objects.Authorizations = append(s.objects.Authorizations, more.Authorizations...)
		s.objects.Networks = more.Networks
	}
	add(probeRoute)
	if got := why(); !strings.Contains(got, "403") {
		t.Errorf("without a policy for it: %q", got)
	}
	add(`
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: probes}
spec: {targetRef: {group: policy.linkerd.io, kind: HTTPRoute, name: probes}, requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: NetworkAuthentication, name: kubelets}]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: NetworkAuthentication
metadata: {name: kubelets}
spec: {networks: [{cidr: 172.18.0.0/16}]}
`)
	if got := why(); got != "" {
		t.Errorf("with both: %q", got)
	}
}

// TestPlanningInTheMiddleOfARollout: what the same plan mends is no warning: a Server that an inbound policy will make, and
// clients without a proxy that get one first. What nothing mends still is.
func TestPlanningInTheMiddleOfARollout(t *testing.T) {
	r := newRig(t)
	meshtest.Apply(t, r.env, r.ns, traffic(tripPays)+`---
apiVersion: apps/v1
kind: Deployment
metadata: {name: late, namespace: NS}
spec:
  selector: {matchLabels: {app: late}}
  template:
    metadata: {labels: {app: late}}
    spec: {containers: [{name: late, image: "late:1"}]}
---
`+traffic("{from: NS/late, to: NS/payment, port: 8080, rps: 50}"))
	w := NewWorld()
	types := Types(r.env, w)
	plan := func(typeName, name, body string) hcl.Diagnostics {
		t.Helper()
		in := meshtest.NewInstance(t, types[typeName], typeName+"."+name)
		_, ds := in.Plan(r.config(in, body))
		meshtest.Fail(t, ds)
		return ds
	}
	const let = "required_authentications = [{ group = \"policy.linkerd.io\", kind = \"MeshTLSAuthentication\", name = \"trips\" }]\n"
	plan("linkerd_mesh_tls_authentication", "trips", tripsBody)
	ds := plan("linkerd_authorization_policy", "trips", "name = \"trips\"\ntarget = { kind = \"Server\", name = \"deployment-payment-8080\" }\n"+let)
	ds = append(ds, plan("linkerd_authorization_policy", "typo", "name = \"typo\"\ntarget = { kind = \"Server\", name = \"deployment-payments-8080\" }\n"+let)...)
	if d := findCode(ds, CodeNoTarget); d != nil {
		t.Errorf("judged before the plan is complete: %s", d.Detail)
	}
	const deny = "mode = \"deny\"\ngate { window = \"1s\" }"
	meshtest.Eventually(t, "the client without a proxy is seen", func() bool {
		w.mu.Lock()
		w.seen = map[string]*look{}
		w.mu.Unlock()
		return findCode(plan("linkerd_inbound_policy", "shop", deny), CodeWouldDeny) != nil
	})
	reviewed, err := w.Review(t.Context(), r.env, w.Changed())
	if err != nil {
		t.Fatal(err)
	}
	var missing []string
	for _, d := range reviewed {
		if diag.CodeOf(d) == CodeNoTarget {
			missing = append(missing, diag.AddressOf(d)+d.Detail)
		}
	}
	if len(missing) != 1 || !strings.HasPrefix(missing[0], "linkerd_authorization_policy.typo") || !strings.Contains(missing[0], `Did you mean "deployment-payment-8080"?`) {
		t.Errorf("targets that are missing: %q", missing)
	}
	w.Meshes(r.ns, []string{"deployment/late"})
	for _, d := range plan("linkerd_inbound_policy", "shop", deny) {
		if diag.CodeOf(d) == CodeWouldDeny && strings.Contains(d.Detail, noMTLS) {
			t.Errorf("the plan meshes the client, and still: %s", d.Detail)
		}
	}
	plan("linkerd_server", "payment", serverBody)
	if reviewed, err = w.Review(t.Context(), r.env, w.Changed()); err != nil {
		t.Fatal(err)
	}
	if d := findCode(reviewed, CodeBlocks); d == nil || !strings.Contains(d.Detail, "this plan meshes deployment/late: if they are the callers, nothing is refused") {
		t.Errorf("a Server that denies at once: %v", reviewed)
	}
}
