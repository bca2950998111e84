package traffic

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
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/policy"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.Options{Mesh: true}) }

// shop has a client and two versions of a server.
func shop() string {
	deployment := func(name, app string) string {
		return strings.NewReplacer("NAME", name, "APP", app).Replace(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: NS}
spec:
  selector: {matchLabels: {v: NAME}}
  template:
    metadata: {labels: {v: NAME, app: APP}, annotations: {linkerd.io/inject: enabled}}
    spec: {containers: [{name: app, image: "app:1", ports: [{name: http, containerPort: 8080}]}]}
---
`)
	}
	service := func(name, selector string) string {
		return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: NS}\nspec: {selector: {" + selector + "}, ports: [{port: 80, targetPort: 8080}]}\n---\n"
	}
	return deployment("trip", "trip") + deployment("payment", "payment") + deployment("payment-v2", "payment") +
		service("payment", "v: payment") + service("payment-v2", "v: payment-v2")
}

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
	w := policy.NewWorld()
	types := Types(e, w)
	for name, rt := range policy.Types(e, w) {
		types[name] = rt
	}
	r := &rig{t, e, types, testenv.Namespace(t)}
	meshtest.Apply(t, e, r.ns, shop())
	meshtest.Eventually(t, "all workloads are meshed", func() bool {
		o, err := mesh.Observe(t.Context(), e.Cluster(), r.ns)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range o.Workloads {
			if !w.Settled || len(w.Proxies()) != 1 {
				return false
			}
		}
		return len(o.Workloads) == 3
	})
	return r
}

func (r *rig) instance(typeName string) *meshtest.Instance {
	return meshtest.NewInstance(r.t, r.types[typeName], typeName+".x")
}

func (r *rig) config(in *meshtest.Instance, body string) cty.Value {
	r.t.Helper()
	return in.Config(strings.ReplaceAll("namespace = \"NS\"\n"+body, "NS", r.ns))
}

func (r *rig) make(in *meshtest.Instance, body string) {
	r.t.Helper()
	config := r.config(in, body)
	_, ds := in.Apply(r.t.Context(), config)
	meshtest.Fail(r.t, ds)
	in.WantEmpty(config)
}

func (r *rig) get(ref kube.Ref) *unstructured.Unstructured {
	r.t.Helper()
	ref.Namespace = r.ns
	u, err := r.env.Cluster().Get(r.t.Context(), ref)
	if err != nil {
		r.t.Fatal(err)
	}
	return u
}

func (r *rig) traffic(entry string) {
	r.t.Helper()
	meshtest.Apply(r.t, r.env, r.ns, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mesh-traffic, namespace: NS}\ndata:\n  traffic.yaml: |\n    - {from: NS/trip, to: NS/payment, service: payment, port: 8080, rps: 60, "+entry+"}\n")
}

func findCode(ds hcl.Diagnostics, code diag.Code) *hcl.Diagnostic {
	for _, d := range ds {
		if diag.CodeOf(d) == code {
			return d
		}
	}
	return nil
}

const canaryBody = `
service = "payment"
port    = 80
backend "payment" { weight = OLD }
backend "payment-v2" { weight = NEW }
canary {
  steps        = [20, 50]
  window       = "1500ms"
  timeout      = "20s"
  min_requests = 5
  max_latency  = "200ms"
}
`

func canary(old, now string) string {
	return strings.NewReplacer("OLD", old, "NEW", now).Replace(canaryBody)
}

func TestCanaryGoesByStepsAndReturnsByItself(t *testing.T) {
	r := newRig(t)
	r.traffic("successOf: {payment-v2: 1}")
	in := r.instance("linkerd_traffic_split")
	r.make(in, canary("1", "0"))
	config := r.config(in, canary("50", "50"))
	plan, ds := in.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	if notes := strings.Join(plan.Notes, "\n"); !strings.Contains(notes, "payment 100% → payment 90%, payment-v2 10% → payment 75%, payment-v2 25% → payment 50%, payment-v2 50%") {
		t.Errorf("notes = %q", notes)
	}
	in.WantEmpty(config)

	// The new version breaks when it gets more: the weights of before are put back, and the error has the numbers.
	r.traffic("successOf: {payment-v2: 0.5}")
	_, ds = in.Apply(t.Context(), r.config(in, canary("0", "1")))
	d := findCode(ds, CodeCanary)
	if d == nil || !strings.Contains(d.Detail, "responses of payment-v2 were successes") || !strings.Contains(d.Detail, "(payment 50%, payment-v2 50%) are in force again") {
		t.Fatalf("apply: %v", ds)
	}
	live := r.get(kube.Ref{Group: policyGroup, Version: "v1beta3", Kind: "HTTPRoute", Name: "payment"})
	if got := liveWeights(live).String(); got != "payment 50%, payment-v2 50%" {
		t.Errorf("weights = %s", got)
	}
	in.Incomplete = false
	in.WantEmpty(config) // as before the attempt

	// Slow answers are as bad.
	r.traffic("latencyOf: {payment-v2: 900}")
	_, ds = in.Apply(t.Context(), r.config(in, canary("0", "1")))
	if d := findCode(ds, CodeCanary); d == nil || !strings.Contains(d.Detail, "99th percentile") {
		t.Fatalf("apply: %v", ds)
	}
	if _, ds := in.Destroy(t.Context()); ds.HasErrors() || r.get(kube.Ref{Group: policyGroup, Version: "v1beta3", Kind: "HTTPRoute", Name: "payment"}) != nil {
		t.Errorf("destroy: %v", ds)
	}
}

func TestCanaryWithoutTrafficProvesNothing(t *testing.T) {
	r := newRig(t)
	in := r.instance("linkerd_traffic_split")
	body := func(old, now string) string { return strings.Replace(canary(old, now), `"20s"`, `"1s"`, 1) }
	r.make(in, body("1", "0"))
	_, ds := in.Apply(t.Context(), r.config(in, body("0", "1")))
	if d := findCode(ds, CodeNoData); d == nil || !strings.Contains(d.Detail, "0 responses of payment-v2 were seen, 5 are needed") {
		t.Fatalf("apply: %v", ds)
	}
	if got := liveWeights(r.get(kube.Ref{Group: policyGroup, Version: "v1beta3", Kind: "HTTPRoute", Name: "payment"})).String(); got != "payment 100%" {
		t.Errorf("weights = %s", got)
	}
}

func TestRequestsOfSomeHeadersGoToOneBackend(t *testing.T) {
	r := newRig(t)
	r.traffic("headers: {x-canary: \"yes\"}")
	in := r.instance("linkerd_traffic_split")
	r.make(in, "service = \"payment\"\nport = 80\nbackend \"payment\" { weight = 1 }\nbackend \"payment-v2\" { weight = 0 }\nmatch {\n headers = { x-canary = \"yes\" }\n backend = \"payment-v2\"\n}\n")
	s := &shift{split: split{env: r.env, linter: linter{r.env, policy.NewWorld()}}}
	s.spec.namespace = r.ns
	s.spec.canary = &canarySpec{window: 1500e6, timeout: 20e9, minRequests: 5, minResult: 0.9}
	s.req.Step = &meshtest.Step{}
	if d := s.prove(t.Context(), []string{"payment-v2"}, weights{"payment-v2": 1}); d != nil {
		t.Errorf("the testers' requests do not arrive: %s", d.Detail)
	}
}

func TestAnnotationsOfOthersObjects(t *testing.T) {
	r := newRig(t)
	service := kube.Ref{Version: "v1", Kind: "Service", Name: "payment"}
	retry, breaker := r.instance("linkerd_retry_policy"), r.instance("linkerd_circuit_breaker")
	r.make(retry, "name = \"payment\"\nhttp = [\"5xx\", \"429\"]\nlimit = 2\ntimeout = \"300ms\"\nrequest_timeout = \"2s\"\n")
	r.make(breaker, "name = \"payment\"\nmax_failures = 5\njitter_ratio = 0.25\n")
	got := r.get(service).GetAnnotations()
	for key, want := range map[string]string{"retry.linkerd.io/http": "5xx,429", "retry.linkerd.io/limit": "2", "timeout.linkerd.io/request": "2s",
		"balancer.linkerd.io/failure-accrual": "consecutive", "balancer.linkerd.io/failure-accrual-consecutive-max-failures": "5", "balancer.linkerd.io/failure-accrual-consecutive-jitter-ratio": "0.25"} {
		if got[key] != want {
			t.Errorf("%s = %q, want %q", key, got[key], want)
		}
	}
	// Somebody changes one by hand: drift, and the plan takes it back.
	meshtest.Apply(t, r.env, r.ns, "apiVersion: v1\nkind: Service\nmetadata: {name: payment, namespace: NS, annotations: {retry.linkerd.io/limit: \"9\"}}\nspec: {ports: [{port: 80, targetPort: 8080}]}\n")
	retry.Read()
	if n := retry.Value.GetAttr("limit"); n.IsNull() || n.AsBigFloat().String() != "9" {
		t.Errorf("limit after a change by hand = %#v", n)
	}
	config := r.config(retry, "name = \"payment\"\nhttp = [\"5xx\", \"429\"]\nlimit = 2\ntimeout = \"300ms\"\nrequest_timeout = \"2s\"\nconflicts = \"force\"\n")
	_, ds := retry.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	retry.WantEmpty(config)
	for _, in := range []*meshtest.Instance{retry, breaker} {
		if _, ds := in.Destroy(t.Context()); ds.HasErrors() {
			t.Error(ds)
		}
	}
	for key := range r.get(service).GetAnnotations() {
		if strings.Contains(key, "linkerd.io/") && !strings.HasPrefix(key, "config.linkerd.io/") {
			t.Errorf("%s is left", key)
		}
	}
}

const routeBody = `name = "payment"
parents = [{ kind = "Service", name = "payment", port = 80 }]
rule {
  matches  = [{ path = "/pay", method = "POST", headers = { x-env = "test" } }]
  backends = [{ name = "payment-v2", port = 80 }]
  set_headers = { x-seen = "1" }
}
rule {
  backends        = [{ name = "payment", port = 80, weight = 3 }, { name = "payment-v2", port = 80 }]
  request_timeout = "2s"
}
`

func TestRoutesProfilesAndTheirPrecedence(t *testing.T) {
	r := newRig(t)
	route, profile := r.instance("linkerd_http_route"), r.instance("linkerd_service_profile")
	r.make(route, routeBody)
	r.make(profile, "name = \"payment.NS.svc.cluster.local\"\nretry_ratio = 0.2\nroute {\n name = \"pay\"\n path_regex = \"/pay\"\n timeout = \"300ms\"\n failures = [\"500-599\"]\n}\n")
	// A profile puts the route out of force, and both plans say so.
	_, ds := profile.Plan(r.config(profile, "name = \"payment.NS.svc.cluster.local\"\nretry_ratio = 0.3\n"))
	if d := findCode(ds, CodeProfileShadows); d == nil || !strings.Contains(d.Detail, "HTTPRoute payment") {
		t.Errorf("profile: %v", ds)
	}
	_, ds = route.Plan(r.config(route, strings.Replace(routeBody, "weight = 3", "weight = 4", 1)))
	if findCode(ds, CodeProfileShadows) == nil {
		t.Errorf("route: %v", ds)
	}
	split := r.instance("linkerd_traffic_split")
	_, ds = split.Plan(r.config(split, "service = \"payment\"\nname = \"other\"\nport = 80\nbackend \"payment\" { weight = 1 }\n"))
	if findCode(ds, CodeProfileShadows) == nil {
		t.Errorf("split: %v", ds)
	}

	// Changes by hand are drift.
	meshtest.Apply(t, r.env, r.ns, "apiVersion: policy.linkerd.io/v1beta3\nkind: HTTPRoute\nmetadata: {name: payment, namespace: NS}\nspec: {parentRefs: [{group: core, kind: Service, name: payment, port: 80}], rules: [{backendRefs: [{name: payment, port: 80}]}]}\n")
	route.Read()
	if n := route.Value.GetAttr("rule").LengthInt(); n != 1 {
		t.Errorf("%d rules after a change by hand", n)
	}
	for _, in := range []*meshtest.Instance{route, profile} {
		if _, ds := in.Destroy(t.Context()); ds.HasErrors() {
			t.Error(ds)
		}
	}
}

func TestRouteThatIsNotAcceptedFailsWithItsReason(t *testing.T) {
	r := newRig(t)
	in := r.instance("linkerd_http_route")
	config := r.config(in, strings.Replace(routeBody, `name = "payment-v2", port = 80 }]
  set`, `name = "nobody", port = 80 }]
  set`, 1))
	plan, ds := in.Apply(t.Context(), config)
	if len(plan.Notes) > 1 {
		t.Errorf("notes = %v", plan.Notes)
	}
	if findCode(ds, "linkerd.not-accepted") == nil || !strings.Contains(ds.Error(), "BackendNotFound") {
		t.Fatalf("apply: %v", ds)
	}
	_, ds = in.Plan(r.config(in, routeBody))
	meshtest.Fail(t, ds)
	in.Incomplete = true
	r.make(in, routeBody)
}

func TestRateLimitsAndEgress(t *testing.T) {
	r := newRig(t)
	r.make(r.instance("linkerd_server"), "name = \"payment\"\npod_selector = { v = \"payment\" }\nport = 8080\naccess_policy = \"audit\"\n")
	body := "name = \"NAME\"\nserver = \"payment\"\nrequests_per_second = 100\nper_client = 10\noverrides = [{ service_accounts = [\"NS/default\"], requests_per_second = 50 }]\n"
	first := r.instance("linkerd_rate_limit")
	r.make(first, strings.Replace(body, "NAME", "first", 1))
	second := r.instance("linkerd_rate_limit")
	_, ds := second.Plan(r.config(second, strings.Replace(body, "NAME", "second", 1)))
	if d := findCode(ds, policy.CodeSecondLimit); d == nil || d.Severity != hcl.DiagError || !strings.Contains(d.Detail, `"first"`) {
		t.Errorf("a second limit: %v", ds)
	}

	egress := r.instance("linkerd_egress_network")
	_, ds = egress.Plan(r.config(egress, "name = \"out\"\ntraffic_policy = \"Deny\"\nnetworks = [{ cidr = \"10.1.0.0/16\" }]\n"))
	if findCode(ds, policy.CodeEgressDenied) == nil || findCode(ds, policy.CodeEgressOverlap) == nil {
		t.Errorf("egress: %v", ds)
	}
	bank := r.instance("linkerd_http_route")
	r.make(bank, "name = \"bank\"\nhostnames = [\"api.bank.example\"]\nparents = [{ kind = \"EgressNetwork\", name = \"out\", port = 443 }]\nrule {}\n")
	config := r.config(egress, "name = \"out\"\ntraffic_policy = \"Deny\"\n")
	_, ds = egress.Plan(config)
	if findCode(ds, policy.CodeEgressDenied) != nil {
		t.Errorf("with a route: %v", ds)
	}
	r.make(egress, "name = \"out\"\ntraffic_policy = \"Deny\"\n")
	before, after := bank.Type.(providers.Orderer).Order(bank.Value), egress.Type.(providers.Orderer).Order(egress.Value)
	if !overlap(before.Provides, after.After) {
		t.Errorf("the network (%v) does not come after its route (%v)", after.After, before.Provides)
	}
}

func overlap(a, b []providers.Tag) bool {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return true
			}
		}
	}
	return false
}

// TestTheFirstRouteOnAServerNeedsOneForProbes: a route takes the one away that Linkerd makes for probes by itself. The plan of
// the route is refused until another route, with a policy, lets the kubelet through.
func TestTheFirstRouteOnAServerNeedsOneForProbes(t *testing.T) {
	r := newRig(t)
	meshtest.Apply(t, r.env, r.ns, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: probed, namespace: NS}
spec:
  selector: {matchLabels: {app: probed}}
  template:
    metadata: {labels: {app: probed}, annotations: {linkerd.io/inject: enabled}}
    spec:
      containers:
      - {name: web, image: "web:1", ports: [{name: http, containerPort: 8080}], readinessProbe: {httpGet: {path: /healthz, port: http}}}
`)
	meshtest.Eventually(t, "the workload is meshed", func() bool {
		o, err := mesh.Observe(t.Context(), r.env.Cluster(), r.ns)
		if err != nil {
			t.Fatal(err)
		}
		w := o.Find("deployment/probed")
		return w != nil && w.Settled && len(w.Proxies()) == 1
	})
	r.make(r.instance("linkerd_server"), "name = \"probed\"\npod_selector = { app = \"probed\" }\nport = \"http\"\naccess_policy = \"deny\"\n")
	review := func() hcl.Diagnostics { // of a plan of its own
		t.Helper()
		world := policy.NewWorld()
		route := meshtest.NewInstance(t, Types(r.env, world)["linkerd_http_route"], "linkerd_http_route.pay")
		_, ds := route.Plan(r.config(route, "name = \"pay\"\nparents = [{ kind = \"Server\", name = \"probed\" }]\nrule { matches = [{ path = \"/pay\" }] }\n"))
		meshtest.Fail(t, ds)
		found, err := world.Review(t.Context(), r.env, world.Changed())
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	ds := review()
	if d := findCode(ds, policy.CodeProbeRoute); d == nil || d.Severity != hcl.DiagError || !strings.Contains(d.Detail, "/healthz") || !strings.Contains(d.Detail, "deployment/probed") {
		t.Fatalf("the plan says %v", ds)
	}
	meshtest.Apply(t, r.env, r.ns, `
apiVersion: policy.linkerd.io/v1beta3
kind: HTTPRoute
metadata: {name: probes, namespace: NS}
spec: {parentRefs: [{group: policy.linkerd.io, kind: Server, name: probed}], rules: [{matches: [{path: {type: Exact, value: /healthz}, method: GET}]}]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: NetworkAuthentication
metadata: {name: kubelets, namespace: NS}
spec: {networks: [{cidr: 0.0.0.0/0}]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: probes, namespace: NS}
spec: {targetRef: {group: policy.linkerd.io, kind: HTTPRoute, name: probes}, requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: NetworkAuthentication, name: kubelets}]}
`)
	meshtest.Eventually(t, "the route for probes is accepted", func() bool {
		parents, _, _ := unstructured.NestedSlice(r.get(kube.Ref{Group: policyGroup, Version: "v1beta3", Kind: "HTTPRoute", Name: "probes"}).Object, "status", "parents")
		return len(parents) > 0
	})
	if ds := review(); findCode(ds, policy.CodeProbeRoute) != nil {
		t.Errorf("with a route and a policy for probes the plan says %v", ds)
	}
}
