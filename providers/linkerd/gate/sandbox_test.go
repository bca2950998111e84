package gate_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/env/meshtest"
	"github.com/meshplan/meshplan/providers/linkerd/gate"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.Options{Mesh: true}) }

const shopYAML = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {linkerd.io/inject: enabled}}
    spec: {containers: [{name: web, image: "web:1"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: NS}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}, annotations: {linkerd.io/inject: enabled}}
    spec: {containers: [{name: api, image: "api:1", ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: legacy, namespace: NS}
spec:
  selector: {matchLabels: {app: legacy}}
  template:
    metadata: {labels: {app: legacy}, annotations: {linkerd.io/inject: disabled}}
    spec: {containers: [{name: legacy, image: "legacy:1"}]}
`

const meshTraffic = `
apiVersion: v1
kind: ConfigMap
metadata: {name: mesh-traffic, namespace: NS}
data:
  traffic.yaml: |
    - {from: NS/web, to: NS/api, port: 8080, rps: 50, success: 0.9}
`

const plainTraffic = meshTraffic + "    - {from: NS/legacy, to: NS/api, port: 8080, rps: 50}\n"

type rig struct {
	*meshtest.Instance
	t   *testing.T
	env env.Env
	ns  string
}

func newRig(t *testing.T, traffic string) *rig {
	t.Helper()
	t.Parallel()
	e := meshtest.New(t)
	ns := testenv.Namespace(t)
	meshtest.Apply(t, e, ns, shopYAML+"---\n"+traffic)
	r := &rig{meshtest.NewInstance(t, gate.Types(e)["linkerd_gate"], "linkerd_gate.x"), t, e, ns}
	_, ds := r.prove("expect = \"meshed\"\ntimeout = \"30s\"")
	meshtest.Fail(t, ds)
	if got := r.result(); got != "2/2 workloads meshed" {
		t.Fatalf("result = %q", got)
	}
	r.Instance = meshtest.NewInstance(t, r.Type, "linkerd_gate.x")
	return r
}

func (r *rig) config(body string) cty.Value {
	r.t.Helper()
	return r.Config("namespace = \"" + r.ns + "\"\n" + body)
}

// prove plans and applies a configuration.
func (r *rig) prove(body string) (cty.Value, hcl.Diagnostics) {
	r.t.Helper()
	config := r.config(body)
	_, ds := r.Apply(r.t.Context(), config)
	return config, ds
}

func (r *rig) result() string { return r.Value.GetAttr("result").AsString() }

// wantFailure wants one error of a code whose text holds the words.
func wantFailure(t *testing.T, ds hcl.Diagnostics, code diag.Code, words ...string) {
	t.Helper()
	if len(ds) != 1 || diag.CodeOf(ds[0]) != code {
		t.Fatalf("got %v, want one error %s", ds, code)
	}
	for _, w := range words {
		if !strings.Contains(ds[0].Detail, w) {
			t.Errorf("the text lacks %q: %s", w, ds[0].Detail)
		}
	}
}

func TestMTLSIsProvedOnceAndThePlanStaysEmpty(t *testing.T) {
	r := newRig(t, meshTraffic)
	config, ds := r.prove("expect = \"mtls\"\nwindow = \"1s\"\nmin_requests = 10\ntimeout = \"20s\"")
	meshtest.Fail(t, ds)
	if got := r.result(); !strings.HasSuffix(got, "requests in 1s, 100% mutual TLS") {
		t.Errorf("result = %q", got)
	}
	if !r.Step.Released() {
		t.Error("a wait must hold no slot")
	}
	r.WantEmpty(config)
	plan, ds := r.Plan(r.config("expect = \"mtls\"\nwindow = \"1s\"\nmin_requests = 10\ntriggers = { version = \"2\" }"))
	meshtest.Fail(t, ds)
	if plan.Planned.GetAttr("result").IsKnown() {
		t.Error("a changed trigger must repeat the proof")
	}
	if _, ds := r.Destroy(t.Context()); ds.HasErrors() {
		t.Error(ds)
	}
}

func TestPlaintextIsNamed(t *testing.T) {
	r := newRig(t, plainTraffic)
	_, ds := r.prove("expect = \"mtls\"\nwindow = \"1s\"\nmin_requests = 1\ntimeout = \"3s\"")
	wantFailure(t, ds, gate.CodeNotProved, "deployment/api port 8080", "without mTLS", "no_tls_from_remote")
	if !r.Value.IsNull() {
		t.Error("a gate that failed has no record")
	}
}

func TestNoTrafficProvesNothing(t *testing.T) {
	r := newRig(t, "")
	for _, expect := range []string{"mtls", "success_rate"} {
		_, ds := r.prove("expect = \"" + expect + "\"\nwindow = \"200ms\"\nmin_requests = 0\ntimeout = \"1s\"")
		wantFailure(t, ds, gate.CodeNoData, "0 re", "What is not measured is not proved")
	}
}

func TestSuccessRate(t *testing.T) {
	r := newRig(t, meshTraffic)
	_, ds := r.prove("expect = \"success_rate\"\nwindow = \"2s\"\nmin_requests = 10\nmin_success_rate = 0.999\ntimeout = \"3s\"")
	wantFailure(t, ds, gate.CodeNotProved, "were successes, 99.90% are needed")
	config, ds := r.prove("expect = \"success_rate\"\nwindow = \"2s\"\nmin_requests = 10\nmin_success_rate = 0.7\nmax_latency = \"1s\"\ntimeout = \"20s\"")
	meshtest.Fail(t, ds)
	r.WantEmpty(config)
}

func TestUnmeshedWorkloadsAreNamed(t *testing.T) {
	r := newRig(t, meshTraffic)
	_, ds := r.prove("expect = \"meshed\"\nworkloads = [\"deployment/web\", \"deployment/apj\"]\ntimeout = \"1s\"")
	wantFailure(t, ds, gate.CodeNotProved, `there is no workload "deployment/apj"`)
}

func TestRecheckFindsThatAProofDoesNotHoldAnyMore(t *testing.T) {
	r := newRig(t, meshTraffic)
	config, ds := r.prove("expect = \"meshed\"\nrecheck = true\ntimeout = \"20s\"")
	meshtest.Fail(t, ds)
	r.WantEmpty(config)
	// An owner misspells the annotation: the new pod has no proxy.
	web := strings.Split(shopYAML, "---\n")[0]
	meshtest.Apply(t, r.env, r.ns, strings.Replace(web, "inject: enabled", "inject: \"true\"", 1))
	meshtest.Eventually(t, "the proof is lost", func() bool {
		r.Read()
		return r.Value.GetAttr("result").IsNull()
	})
	plan, ds := r.Plan(config)
	meshtest.Fail(t, ds)
	if plan.Planned.RawEquals(r.Value) {
		t.Error("the plan must prove it again")
	}
}

func TestCertificatesAndChecks(t *testing.T) {
	r := newRig(t, meshTraffic)
	config, ds := r.prove("expect = \"certificates\"\ntimeout = \"10s\"")
	meshtest.Fail(t, ds)
	if got := r.result(); !strings.Contains(got, "certificates valid, the first ends at ") {
		t.Errorf("result = %q", got)
	}
	r.WantEmpty(config)
	r.Instance = meshtest.NewInstance(t, r.Type, "linkerd_gate.y")
	_, ds = r.prove("expect = \"certificates\"\nmin_remaining = \"240h\"\ntimeout = \"1s\"")
	wantFailure(t, ds, gate.CodeNotProved, "less than 240h")
}

func TestSources(t *testing.T) {
	r := newRig(t, plainTraffic)
	sources := gate.DataSources(r.env)
	read := func(name, body string) cty.Value {
		source := sources[name]
		in := meshtest.Decode(t, source.Schema(), "namespace = \""+r.ns+"\"\n"+body)
		v, ds := source.Read(t.Context(), providers.DataRequest{Config: in})
		meshtest.Fail(t, ds)
		if !v.Type().Equals(source.Schema().Block.Type()) {
			t.Fatalf("%s has type %#v", name, v.Type())
		}
		return v
	}
	meshtest.Eventually(t, "both kinds of traffic are seen", func() bool {
		ratio := read("linkerd_mtls", "").GetAttr("ratio")
		return !ratio.IsNull() && ratio.LessThan(cty.NumberIntVal(1)).True() && ratio.GreaterThan(cty.Zero).True()
	})
	var seen []string
	for _, e := range read("linkerd_edges", "window = \"1s\"").GetAttr("edges").AsValueSlice() {
		from := "nobody"
		if !e.GetAttr("from").IsNull() {
			from = e.GetAttr("from").AsString()
		}
		seen = append(seen, from+" -> "+e.GetAttr("to").AsString())
	}
	if got := strings.Join(seen, ", "); got != "nobody -> deployment/api, deployment/web -> deployment/api" {
		t.Errorf("edges = %s", got)
	}
}
