package mesh_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/env/meshtest"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.Options{Mesh: true}) }

const shopYAML = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1", ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: NS}
spec:
  replicas: 1
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "db:1"}]}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: NS}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: agent, image: "agent:1"}]}
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

type rig struct {
	*meshtest.Instance
	t   *testing.T
	env env.Env
	ns  string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	e := meshtest.New(t)
	ns := testenv.Namespace(t)
	meshtest.Apply(t, e, ns, shopYAML)
	r := &rig{meshtest.NewInstance(t, mesh.Types(e, nil)["linkerd_injection"], "linkerd_injection.shop"), t, e, ns}
	for _, name := range []string{"deployment/web", "statefulset/db", "daemonset/agent", "deployment/legacy"} {
		settle(t, r, name)
	}
	return r
}

func (r *rig) config(body string) cty.Value {
	r.t.Helper()
	return r.Config("namespace = \"" + r.ns + "\"\n" + body)
}

func (r *rig) observe() *mesh.Observation {
	r.t.Helper()
	o, err := mesh.Observe(r.t.Context(), r.env.Cluster(), r.ns)
	if err != nil {
		r.t.Fatal(err)
	}
	return o
}

// proxies counts the pods with a proxy by workload.
func (r *rig) proxies() map[string]int {
	out := map[string]int{}
	for _, w := range r.observe().Workloads {
		out[w.Name] = len(w.Proxies())
	}
	return out
}

func TestInjectionInWaves(t *testing.T) {
	r := newRig(t)
	config := r.config("config = { proxy-cpu-request = \"10m\" }\ndepends_on_workloads = { web = [\"db\"] }\ngate { timeout = \"60s\" }")
	plan, ds := r.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	notes := strings.Join(plan.Notes, "\n")
	for _, want := range []string{"wave 1/2 restarts statefulset/db (1 pod)", "wave 2/2 restarts deployment/web (2 pods)", "leaves deployment/legacy alone",
		"restart of deployment/web brings proxy " + meshtest.Version + ", cpu request 10m"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes lack %q:\n%s", want, notes)
		}
	}
	if got := r.Value.GetAttr("meshed").AsString(); got != "3/3" {
		t.Errorf("meshed = %q", got)
	}
	web := r.Value.GetAttr("status").Index(cty.StringVal("deployment/web"))
	if !web.GetAttr("meshed").True() || web.GetAttr("proxy_version").AsString() != meshtest.Version {
		t.Errorf("status of web = %#v", web)
	}
	if got := r.proxies(); got["deployment/web"] != 2 || got["statefulset/db"] != 1 || got["deployment/legacy"] != 0 {
		t.Errorf("proxies = %v", got)
	}
	messages := strings.Join(r.Step.Messages(), "\n")
	for _, want := range []string{"0/3 workloads meshed, wave 1/2: agent, db", "2/3 workloads meshed, wave 2/2: web", "3/3 workloads meshed, wave 2/2: web: proved"} {
		if !strings.Contains(messages, want) {
			t.Errorf("the progress lacks %q:\n%s", want, messages)
		}
	}
	if !r.Step.Released() || r.Step.Checkpoints() < 3 {
		t.Errorf("released %t, %d checkpoints", r.Step.Released(), r.Step.Checkpoints())
	}
	r.WantEmpty(config)
	// An autoscaler changes the number of pods: that is neither drift nor a reason to restart.
	meshtest.Apply(t, r.env, r.ns, strings.Replace(strings.Split(shopYAML, "---\n")[0], "replicas: 2", "replicas: 3", 1))
	settle(t, r, "deployment/web")
	r.WantEmpty(config)

	plan, ds = r.Destroy(t.Context())
	meshtest.Fail(t, ds)
	if plan.Restarts < 4 {
		t.Errorf("the deletion plans %d restarts", plan.Restarts)
	}
	o := r.observe()
	if v, ok := o.Namespace.Annotations[mesh.InjectAnnotation]; ok {
		t.Errorf("the namespace still says inject = %q", v)
	}
	for name, n := range r.proxies() {
		if n != 0 {
			t.Errorf("%s still has %d proxies", name, n)
		}
	}
}

// TestInjectorsWithAnOldCopyOfTheNamespace: each replica of the injector hears of a change of the namespace at its own time. One
// trial and one pod are answered from an old copy, on the way in and on the way out.
func TestInjectorsWithAnOldCopyOfTheNamespace(t *testing.T) {
	r := newRig(t)
	meshtest.Apply(t, r.env, r.ns, "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS, annotations: {sandbox.meshplan.dev/injector-lag: \"1\"}}\n")
	restart(t, r, "web:2") // the injector sees the namespace as it is now
	settle(t, r, "deployment/web")
	config := r.config("max_parallel = 5\ngate { timeout = \"60s\" }")
	_, ds := r.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	for name, n := range r.proxies() {
		if meshed := n > 0; meshed == (name == "deployment/legacy") {
			t.Errorf("%s has %d proxies", name, n)
		}
	}
	r.WantEmpty(config)
	_, ds = r.Destroy(t.Context())
	meshtest.Fail(t, ds)
	for name, n := range r.proxies() {
		if n > 0 {
			t.Errorf("%s has %d proxies left", name, n)
		}
	}
	messages := strings.Join(r.Step.Messages(), "\n")
	for _, want := range []string{"waiting for the proxy injector to answer", "waiting for the proxy injector to let go of the namespace"} {
		if !strings.Contains(messages, want) {
			t.Errorf("the progress lacks %q:\n%s", want, messages)
		}
	}
}

// TestWorkloadsThatAreBeingCreated: whatever pods a workload has made by the time of the annotation, all end up meshed.
func TestWorkloadsThatAreBeingCreated(t *testing.T) {
	t.Parallel()
	e := meshtest.New(t)
	r := &rig{meshtest.NewInstance(t, mesh.Types(e, nil)["linkerd_injection"], "linkerd_injection.shop"), t, e, testenv.Namespace(t)}
	config := r.config("max_parallel = 5\ngate { timeout = \"60s\" }")
	meshtest.Apply(t, e, r.ns, shopYAML)
	_, ds := r.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	if got := r.proxies(); got["deployment/web"] != 2 || got["statefulset/db"] != 1 {
		t.Errorf("proxies = %v", got)
	}
	r.WantEmpty(config)
}

func TestInterruptedInjectionGoesOnWithoutRestartingAgain(t *testing.T) {
	r := newRig(t)
	config := r.config("max_parallel = 1\norder = [[\"db\"]]\ngate { timeout = \"60s\" }")
	ctx, cancel := context.WithCancel(t.Context())
	r.Step.OnCheckpoint = func(n int) {
		if n == 2 { // after the first wave
			cancel()
		}
	}
	_, ds := r.Apply(ctx, config)
	if !ds.HasErrors() {
		t.Fatal("a cancelled application must fail")
	}
	if r.Value.IsNull() {
		t.Fatal("nothing was recorded")
	}
	before := r.observe().Find("statefulset/db")
	r.Step = &meshtest.Step{}
	r.Read()
	plan, ds := r.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	if strings.Contains(strings.Join(plan.Notes, "\n"), "restarts statefulset/db") {
		t.Errorf("db is meshed and must not restart again: %q", plan.Notes)
	}
	if after := r.observe().Find("statefulset/db"); after.Generation != before.Generation || after.Current[0].UID != before.Current[0].UID {
		t.Error("db was restarted a second time")
	}
	if got := r.Value.GetAttr("meshed").AsString(); got != "3/3" {
		t.Errorf("meshed = %q", got)
	}
	r.WantEmpty(config)
}

func TestUnmeshedPodsAreDriftAndAreMended(t *testing.T) {
	r := newRig(t)
	config := r.config("gate { timeout = \"60s\" }")
	_, ds := r.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	// Somebody deploys the database with an annotation that the injector takes for no.
	meshtest.Apply(t, r.env, r.ns, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {config.linkerd.io/proxy-version: edge-26.7.1}}
    spec: {containers: [{name: web, image: "web:2"}]}
`)
	settle(t, r, "deployment/web")
	r.Read()
	if got := r.Value.GetAttr("meshed").AsString(); got != "3/3" {
		t.Errorf("a workload with a version of its own is meshed, got %q", got)
	}
	meshtest.Apply(t, r.env, r.ns, "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS, annotations: {linkerd.io/inject: disabled}}\n")
	restart(t, r, "web:3")
	settle(t, r, "deployment/web")
	r.Read()
	if got := r.Value.GetAttr("meshed").AsString(); got != "2/3" {
		t.Errorf("after an unmeshed restart meshed = %q, want 2/3", got)
	}
	if got := r.Value.GetAttr("mode"); got.IsNull() || got.AsString() != "disabled" {
		t.Errorf("mode = %#v", got)
	}
	_, ds = r.Type.Apply(t.Context(), r.request(r.config("gate { timeout = \"60s\" }")))
	if !ds.HasErrors() || diag.CodeOf(ds[0]) != mesh.CodeConflict {
		t.Errorf("another manager's annotation must be a conflict, got %v", ds)
	}
	config = r.config("conflicts = \"force\"\ngate { timeout = \"60s\" }")
	_, ds = r.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	if got := r.Value.GetAttr("meshed").AsString(); got != "3/3" {
		t.Errorf("meshed = %q", got)
	}
	r.WantEmpty(config)
}

func TestNamedWorkloadsAreAnnotatedThemselves(t *testing.T) {
	r := newRig(t)
	config := r.config("workloads = [\"deployment/web\", \"deployment/legacy\"]\ngate { timeout = \"60s\" }")
	_, ds := r.Apply(t.Context(), config)
	if !ds.HasErrors() || diag.CodeOf(ds[0]) != mesh.CodeConflict {
		t.Fatalf("the template of legacy says disabled by another manager: %v", ds)
	}
	config = r.config("workloads = [\"deployment/web\", \"deployment/legacy\"]\nconflicts = \"force\"\ngate { timeout = \"60s\" }")
	_, ds = r.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	if got := r.proxies(); got["deployment/web"] != 2 || got["deployment/legacy"] != 1 || got["statefulset/db"] != 0 {
		t.Errorf("proxies = %v", got)
	}
	if _, ok := r.observe().Namespace.Annotations[mesh.InjectAnnotation]; ok {
		t.Error("the namespace was annotated")
	}
	r.WantEmpty(config)
	config = r.config("workloads = [\"deployment/web\"]\nconflicts = \"force\"\ngate { timeout = \"60s\" }")
	plan, ds := r.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	if plan.Restarts != 1 || r.proxies()["deployment/legacy"] != 0 {
		t.Errorf("%d restarts, proxies = %v", plan.Restarts, r.proxies())
	}
	r.WantEmpty(config)
	if _, ds = r.Destroy(t.Context()); ds.HasErrors() || r.proxies()["deployment/web"] != 0 {
		t.Errorf("destroy: %v, proxies = %v", ds, r.proxies())
	}
}

func TestASilentInjectorStopsBeforeTheFirstRestart(t *testing.T) {
	r := newRig(t)
	// The label keeps the webhook away from this namespace only: other tests go on.
	config := r.config("gate { timeout = \"2s\" }")
	plan, ds := r.Plan(config)
	meshtest.Fail(t, ds)
	meshtest.Apply(t, r.env, r.ns, "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS, labels: {config.linkerd.io/admission-webhooks: disabled}}\n")
	_, ds = r.Plan(config)
	if len(ds) == 0 || diag.CodeOf(ds[0]) != mesh.CodeExcluded {
		t.Errorf("plan: %v", ds)
	}
	generation := r.observe().Find("deployment/web").Generation
	res, ds := r.Type.Apply(t.Context(), providers.ApplyRequest{Owner: r.Owner, Prior: r.Value, Config: config, Planned: plan.Planned, Step: r.Step})
	if !ds.HasErrors() || !res.Value.IsNull() {
		t.Errorf("apply: %v, %#v", ds, res.Value)
	}
	if o := r.observe(); o.Find("deployment/web").Generation != generation || o.Namespace.Annotations[mesh.InjectAnnotation] != "" {
		t.Error("something was changed")
	}
}

func TestAProbeWithoutProxyStopsBeforeTheFirstRestart(t *testing.T) {
	t.Parallel()
	e := meshtest.New(t)
	ns := testenv.Namespace(t)
	// The webhook's object selector leaves pods with this label alone, which nothing but a probe can show.
	meshtest.Apply(t, e, ns, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, linkerd.io/cni-resource: "true"}}
    spec: {containers: [{name: web, image: "web:1"}]}
`)
	r := &rig{meshtest.NewInstance(t, mesh.Types(e, nil)["linkerd_injection"], "linkerd_injection.shop"), t, e, ns}
	settle(t, r, "deployment/web")
	_, ds := r.Apply(t.Context(), r.config("gate { timeout = \"1s\" }"))
	if len(ds) != 1 || diag.CodeOf(ds[0]) != mesh.CodeNoInjector || !r.Value.IsNull() {
		t.Errorf("apply: %v, %#v", ds, r.Value)
	}
	if w := r.observe().Find("deployment/web"); w.Generation != 1 {
		t.Error("the workload was restarted")
	}
}

func TestAnAnnotationThatMeansNoIsRefusedWhilePlanning(t *testing.T) {
	r := newRig(t)
	meshtest.Apply(t, r.env, r.ns, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: typo, namespace: NS}
spec:
  selector: {matchLabels: {app: typo}}
  template:
    metadata: {labels: {app: typo}, annotations: {linkerd.io/inject: "true"}}
    spec: {containers: [{name: typo, image: "typo:1"}]}
`)
	_, ds := r.Plan(r.config(""))
	if len(ds) != 1 || diag.CodeOf(ds[0]) != mesh.CodeMisunderstood || !strings.Contains(ds[0].Detail, `"true"`) {
		t.Errorf("plan: %v", ds)
	}
}

// TestInspectionOfALiveNamespace: what drift finds is gone after the next apply.
func TestInspectionOfALiveNamespace(t *testing.T) {
	r := newRig(t)
	inspect := func() string {
		t.Helper()
		found, ds := mesh.Inspect(t.Context(), r.env, providers.InspectRequest{Lineage: r.Owner.Lineage, Recorded: []providers.Recorded{{Address: r.Owner.Address, Value: r.Value}}})
		meshtest.Fail(t, ds)
		found.Sort()
		var out []string
		for _, f := range found.Findings {
			if strings.Contains(f.Object, r.ns) { // the cluster is shared
				out = append(out, f.Severity.String()+" "+string(f.Class)+" "+strings.ReplaceAll(f.Object, r.ns, "NS"))
			}
		}
		return strings.Join(out, "\n")
	}
	config := r.config("gate { timeout = \"60s\" }")
	_, ds := r.Apply(t.Context(), config)
	meshtest.Fail(t, ds)
	if got := inspect(); got != "" {
		t.Fatalf("right after the injection: %s", got)
	}
	meshtest.Apply(t, r.env, r.ns, "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS, annotations: {config.linkerd.io/default-inbound-policy: deny}}\n")
	meshtest.Apply(t, r.env, r.ns, "apiVersion: v1\nkind: Pod\nmetadata: {name: bare, namespace: NS, labels: {linkerd.io/cni-resource: \"true\"}}\nspec: {containers: [{name: bare, image: \"bare:1\"}]}\n")
	const pending = "drift linkerd.drift.pending-restart "
	want := "critical linkerd.drift.pod-unmeshed Pod NS/bare\n" + pending + "DaemonSet NS/agent\n" + pending + "Deployment NS/web\n" + pending + "StatefulSet NS/db"
	if got := inspect(); got != want {
		t.Errorf("found:\n%s\nwant:\n%s", got, want)
	}
	if err := r.env.Cluster().Delete(t.Context(), kube.Ref{Version: "v1", Kind: "Pod", Namespace: r.ns, Name: "bare"}, kube.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	_, ds = r.Apply(t.Context(), r.config("config = { default-inbound-policy = \"deny\" }\nconflicts = \"force\"\ngate { timeout = \"60s\" }"))
	meshtest.Fail(t, ds)
	meshtest.Eventually(t, "nothing is found", func() bool { return inspect() == "" })
}

// TestAQuotaWithoutRoomStopsBeforeTheFirstRestart: the plan says that the restart would fail and why, and the apply
// changes nothing.
func TestAQuotaWithoutRoomStopsBeforeTheFirstRestart(t *testing.T) {
	r := newRig(t)
	generations := func() (out []int64) {
		for _, w := range r.observe().Workloads {
			out = append(out, w.Generation)
		}
		return out
	}
	before := generations()
	meshtest.Apply(t, r.env, r.ns, "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: full, namespace: NS}\nspec: {hard: {pods: \"1\"}}\n")
	config := r.config("max_parallel = 1\ngate { timeout = \"2s\" }")
	meshtest.Eventually(t, "the plan knows of the quota", func() bool {
		plan, ds := r.Plan(config)
		meshtest.Fail(t, ds)
		return strings.Contains(strings.Join(plan.Notes, "\n"), "restart of deployment/web would fail") && strings.Contains(strings.Join(plan.Notes, "\n"), "exceeded quota")
	})
	_, ds := r.Apply(t.Context(), config)
	if len(ds) != 1 || diag.CodeOf(ds[0]) != mesh.CodeBlocked || !strings.Contains(ds[0].Detail, "exceeded quota") || !r.Value.IsNull() {
		t.Errorf("apply: %v, %#v", ds, r.Value)
	}
	if after := generations(); !slices.Equal(before, after) {
		t.Errorf("workloads were restarted: generations %v, then %v", before, after)
	}
}

// TestARestartThatGetsNoPodsStopsTheRollout: a quota that has room for the trial and not for the restart holds the wave up.
// The controller's words are in the error, later waves are not begun, and the next apply goes on.
func TestARestartThatGetsNoPodsStopsTheRollout(t *testing.T) {
	r := newRig(t)
	// The database is replaced pod by pod and needs no room; web wants one pod more at a time than there is room for memory.
	meshtest.Apply(t, r.env, r.ns, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: greedy, namespace: NS}
spec:
  replicas: 1
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: greedy}}
  template:
    metadata: {labels: {app: greedy}}
    spec: {containers: [{name: greedy, image: "greedy:1"}]}
`)
	settle(t, r, "deployment/greedy")
	config := r.config("max_parallel = 1\norder = [[\"db\"], [\"greedy\"], [\"web\"], [\"agent\"]]\ngate { timeout = \"8s\" }")
	web := r.observe().Find("deployment/web").Generation
	r.Step.OnCheckpoint = func(n int) {
		if n == 2 { // after the first wave: somebody sets a quota
			meshtest.Apply(t, r.env, r.ns, "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: full, namespace: NS}\nspec: {hard: {pods: \"1\"}}\n")
		}
	}
	_, ds := r.Apply(t.Context(), config)
	if len(ds) != 1 || diag.CodeOf(ds[0]) != mesh.CodeNotMeshed || !strings.Contains(ds[0].Detail, "exceeded quota") {
		t.Fatalf("apply: %v", ds)
	}
	if got := r.Value.GetAttr("meshed").AsString(); got != "1/4" {
		t.Errorf("the record says %s, want 1/4", got)
	}
	if r.observe().Find("deployment/web").Generation != web {
		t.Error("a later wave was begun")
	}
	if err := r.env.Cluster().Delete(t.Context(), kube.Ref{Version: "v1", Kind: "ResourceQuota", Namespace: r.ns, Name: "full"}, kube.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.Step = &meshtest.Step{}
	r.Read()
	_, ds = r.Apply(t.Context(), r.config("max_parallel = 1\norder = [[\"db\"], [\"greedy\"], [\"web\"], [\"agent\"]]\ngate { timeout = \"60s\" }"))
	meshtest.Fail(t, ds)
	if got := r.Value.GetAttr("meshed").AsString(); got != "4/4" {
		t.Errorf("after the quota is gone: %s", got)
	}
}

// TestAnInjectorThatDiesBetweenProbeAndRestartStopsTheRollout: with failures that are fatal no pod comes any more. The rollout
// ends with what the controller says of it, long before its time is up, and the next apply goes on.
func TestAnInjectorThatDiesBetweenProbeAndRestartStopsTheRollout(t *testing.T) {
	r := newRig(t)
	const timeout = 60 * time.Second
	// What nobody listens to stands for the injector, for this namespace alone: other tests go on.
	dead := kube.Ref{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingWebhookConfiguration", Name: "dead-" + r.ns}
	remove := func() {
		if err := r.env.Cluster().Delete(context.Background(), dead, kube.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(remove)
	r.Step.OnCheckpoint = func(n int) {
		if n != 1 {
			return
		}
		meshtest.Apply(t, r.env, r.ns, `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {name: dead-NS}
webhooks:
- name: dead.linkerd.io
  clientConfig: {url: "https://127.0.0.1:1/"}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NS}}
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
`)
	}
	order := "max_parallel = 1\norder = [[\"web\"], [\"db\"], [\"agent\"]]\n"
	db := r.observe().Find("statefulset/db").Generation
	began := time.Now()
	_, ds := r.Apply(t.Context(), r.config(order+`gate { timeout = "60s" }`))
	if len(ds) != 1 || diag.CodeOf(ds[0]) != mesh.CodeNotMeshed || !strings.Contains(ds[0].Detail, "deployment/web gets no pods") || !strings.Contains(ds[0].Detail, "failed calling webhook") {
		t.Fatalf("apply: %v", ds)
	}
	if took := time.Since(began); took > timeout*2/3 {
		t.Errorf("it took %s to stop", took)
	}
	if r.observe().Find("statefulset/db").Generation != db {
		t.Error("a later wave was begun")
	}
	remove()
	r.Step = &meshtest.Step{}
	r.Read()
	_, ds = r.Apply(t.Context(), r.config(order+`gate { timeout = "90s" }`))
	meshtest.Fail(t, ds)
	if got := r.Value.GetAttr("meshed").AsString(); got != "3/3" {
		t.Errorf("after the injector is back: %s", got)
	}
}

// TestPodsThatComeWithoutAProxyStopTheRollout: an injector that is silent and may be ignored lets pods through that are ready
// and have no proxy. That is a failure and no progress, and the next apply mends it.
func TestPodsThatComeWithoutAProxyStopTheRollout(t *testing.T) {
	r := newRig(t)
	label := func(value string) {
		meshtest.Apply(t, r.env, r.ns, "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS, labels: {config.linkerd.io/admission-webhooks: "+value+"}}\n")
	}
	r.Step.OnCheckpoint = func(n int) {
		if n == 1 { // after the probe: the webhook does not see this namespace any more
			label("disabled")
		}
	}
	order := "max_parallel = 1\norder = [[\"web\"], [\"db\"], [\"agent\"]]\ngate { timeout = \"60s\" }"
	db := r.observe().Find("statefulset/db").Generation
	_, ds := r.Apply(t.Context(), r.config(order))
	if len(ds) != 1 || diag.CodeOf(ds[0]) != mesh.CodeNotMeshed || !strings.Contains(ds[0].Detail, "deployment/web was restarted, but") || !strings.Contains(ds[0].Detail, "no proxy") {
		t.Fatalf("apply: %v", ds)
	}
	if got := r.Value.GetAttr("meshed").AsString(); got != "0/3" {
		t.Errorf("the record says %s, want 0/3", got)
	}
	if r.observe().Find("statefulset/db").Generation != db {
		t.Error("a later wave was begun")
	}
	label("enabled")
	r.Step = &meshtest.Step{}
	r.Read()
	_, ds = r.Apply(t.Context(), r.config(order))
	meshtest.Fail(t, ds)
	if got := r.Value.GetAttr("meshed").AsString(); got != "3/3" {
		t.Errorf("after the injector is back: %s", got)
	}
}

// TestStrategiesThatReplaceNoPodAreRefusedWhilePlanning: OnDelete and a partition keep pods as they are, so that a restart would
// wait for ever.
func TestStrategiesThatReplaceNoPodAreRefusedWhilePlanning(t *testing.T) {
	r := newRig(t)
	for _, tc := range []struct{ kind, name, strategy, want string }{
		{"StatefulSet", "lazy", "{type: OnDelete}", "its update strategy is OnDelete"},
		{"StatefulSet", "partial", "{type: RollingUpdate, rollingUpdate: {partition: 1}}", "its update strategy keeps the first 1 pods as they are"},
		{"DaemonSet", "lazy", "{type: OnDelete}", "its update strategy is OnDelete"},
	} {
		meshtest.Apply(t, r.env, r.ns, fmt.Sprintf(`
apiVersion: apps/v1
kind: %s
metadata: {name: %s, namespace: NS}
spec:
  updateStrategy: %s
  selector: {matchLabels: {app: %[2]s}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec: {containers: [{name: app, image: "app:1"}]}
`, tc.kind, tc.name, tc.strategy))
		name := strings.ToLower(tc.kind) + "/" + tc.name
		settle(t, r, name)
		_, ds := r.Plan(r.config("workloads = [\"" + name + "\"]"))
		if len(ds) != 1 || diag.CodeOf(ds[0]) != mesh.CodeBlocked || !strings.Contains(ds[0].Detail, tc.want) {
			t.Errorf("%s with %s: %v", name, tc.strategy, ds)
		}
	}
}
