package chart

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	encpem "encoding/pem"
	"fmt"
	"math/big"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.Options{}) }

// instance drives the resource type as the engine does: it keeps the record and plans against what was read.
type instance struct {
	t       *testing.T
	rt      providers.ResourceType
	owner   providers.Owner
	value   cty.Value
	private []byte
	step    recordingStep
}

func newInstance(t *testing.T, baseDir string) *instance {
	t.Helper()
	pool := kube.NewPool(kube.Options{Kubeconfig: testenv.Kubeconfig(t)})
	cluster := pool.Cluster(kube.Connection{})
	rt := New(func() *kube.Cluster { return cluster }, func() string { return baseDir })
	address, err := addr.Parse("kubernetes_chart." + strings.ReplaceAll(testenv.Name(t), "-", "_"))
	if err != nil {
		t.Fatal(err)
	}
	return &instance{t: t, rt: rt, value: rt.Schema().Block.Null(),
		owner: providers.Owner{Lineage: "11111111-2222-3333-4444-555555555555", Address: address, Key: []byte("key")}}
}

// config decodes the content of a resource block.
func (in *instance) config(body string, variables map[string]cty.Value) cty.Value {
	in.t.Helper()
	f, ds := hclsyntax.ParseConfig([]byte(body), "test.mesh.hcl", hcl.InitialPos)
	noErrors(in.t, ds)
	v, ds := in.rt.Schema().Block.Decode(f.Body, &hcl.EvalContext{Variables: variables})
	noErrors(in.t, ds)
	v, _ = v.UnmarkDeep()
	return v
}

func (in *instance) plan(config cty.Value) (providers.PlanResponse, hcl.Diagnostics) {
	in.t.Helper()
	proposed := in.rt.Schema().Block.Propose(in.value, config)
	return in.rt.Plan(in.t.Context(), providers.PlanRequest{Owner: in.owner, Prior: in.value, Config: config, Proposed: proposed, Private: in.private})
}

// apply plans and applies; known is the configuration as it is at the time of application.
func (in *instance) apply(config, known cty.Value) providers.PlanResponse {
	in.t.Helper()
	plan, ds := in.plan(config)
	noErrors(in.t, ds)
	planned, _ := plan.Planned.UnmarkDeep()
	for name, v := range known.AsValueMap() { // what the engine fills in
		if a := in.rt.Schema().Block.Attributes[name]; a != nil && a.Settable() {
			planned = with(planned, name, v)
		}
	}
	done, ds := in.rt.Apply(in.t.Context(), providers.ApplyRequest{
		Owner: in.owner, Prior: in.value, Config: known, Planned: planned, PriorPrivate: in.private, PlannedPrivate: plan.Private, Step: &in.step,
	})
	noErrors(in.t, ds)
	in.record(done.Value, done.Private)
	return plan
}

// record keeps a value as a state does: secrets are withheld.
func (in *instance) record(v cty.Value, private []byte) {
	in.t.Helper()
	v, err := cty.Transform(v, func(_ cty.Path, e cty.Value) (cty.Value, error) {
		if e.IsMarked() {
			return cty.NullVal(cty.DynamicPseudoType), nil
		}
		return e, nil
	})
	if err != nil {
		in.t.Fatal(err)
	}
	in.value, in.private = v, private
}

// read refreshes the record.
func (in *instance) read() {
	in.t.Helper()
	out, ds := in.rt.Read(in.t.Context(), []providers.ReadRequest{{Owner: in.owner, Value: in.value, Private: in.private}})
	noErrors(in.t, append(ds, out[0].Diagnostics...))
	in.record(out[0].Value, out[0].Private)
}

func (in *instance) destroy() hcl.Diagnostics {
	in.t.Helper()
	null := in.rt.Schema().Block.Null()
	plan, ds := in.rt.Plan(in.t.Context(), providers.PlanRequest{Owner: in.owner, Prior: in.value, Config: null, Proposed: null, Private: in.private})
	noErrors(in.t, ds)
	done, ds := in.rt.Apply(in.t.Context(), providers.ApplyRequest{
		Owner: in.owner, Prior: in.value, Config: null, Planned: null, PriorPrivate: in.private, PlannedPrivate: plan.Private, Step: &in.step,
	})
	if !ds.HasErrors() && !done.Value.IsNull() {
		in.t.Error("a deleted chart still has a value")
	}
	return ds
}

// wantEmpty fails unless planning the configuration finds nothing to do.
func (in *instance) wantEmpty(config cty.Value) {
	in.t.Helper()
	plan, ds := in.plan(config)
	noErrors(in.t, ds)
	if plan.Again != "" {
		in.t.Errorf("the second plan wants to run again: %s", plan.Again)
	}
	planned, _ := plan.Planned.UnmarkDeep()
	if planned.RawEquals(in.value) {
		return
	}
	in.t.Errorf("the second plan is not empty: %s", strings.Join(differing(in.value, planned), ", "))
}

// differing names the attributes and objects in which two values of the resource differ.
func differing(a, b cty.Value) (out []string) {
	for name, was := range a.AsValueMap() {
		now := b.GetAttr(name)
		switch {
		case was.RawEquals(now):
		case name == "objects":
			x, y := recordedObjects(was), recordedObjects(now)
			for _, key := range slices.Sorted(slices.Values(slices.Concat(sortedKeys(x), sortedKeys(y)))) {
				if v, ok := y[key]; !ok || x[key] == cty.NilVal || !v.RawEquals(x[key]) {
					out = append(out, key)
				}
			}
		default:
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// recordingStep keeps what Apply told the engine.
type recordingStep struct {
	mu          sync.Mutex // guards both
	messages    []string
	checkpoints int
}

func (s *recordingStep) Progress(p providers.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, p.Message)
}

func (s *recordingStep) Checkpoint(cty.Value, []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkpoints++
	return nil
}

func (s *recordingStep) Release() {}

// selfSigned returns a certificate and key that the API server accepts as a webhook's CA.
func selfSigned(t *testing.T, name string) (crt, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(encpem.EncodeToMemory(&encpem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(encpem.EncodeToMemory(&encpem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// controlPlaneVariables are what the configurations below refer to.
func controlPlaneVariables(t *testing.T, namespace string) map[string]cty.Value {
	vars := map[string]cty.Value{"namespace": cty.StringVal(namespace)}
	for _, name := range []string{"anchor", "issuer", "injector", "profile", "policy"} {
		crt, key := selfSigned(t, "linkerd-"+name+"."+namespace+".svc")
		vars[name] = cty.ObjectVal(map[string]cty.Value{"crt": cty.StringVal(crt), "key": cty.StringVal(key)})
	}
	return vars
}

const controlPlaneBody = `
name      = "linkerd-control-plane"
path      = "linkerd-control-plane"
namespace = namespace
values = {
  identityTrustAnchorsPEM = anchor.crt
  controllerReplicas      = %d
  identity                = { issuer = { tls = { crtPEM = issuer.crt } } }
  proxyInjector           = { crtPEM = injector.crt, namespaceSelector = { matchLabels = { none = "none" } } }
  profileValidator        = { crtPEM = profile.crt, namespaceSelector = { matchLabels = { none = "none" } } }
  policyValidator         = { crtPEM = policy.crt, namespaceSelector = { matchLabels = { none = "none" } } }
}
secret_values = {
  identity         = { issuer = { tls = { keyPEM = issuer.key } } }
  proxyInjector    = { keyPEM = injector.key }
  profileValidator = { keyPEM = profile.key }
  policyValidator  = { keyPEM = policy.key }
}
wait { timeout = "2m" }
`

func TestControlPlaneOnCluster(t *testing.T) {
	ns := testenv.Namespace(t)
	in := newInstance(t, exampleCharts)
	vars := controlPlaneVariables(t, ns)
	config := in.config(fmt.Sprintf(controlPlaneBody, 1), vars)

	// The trust anchor is not known when the plan is made, as in a rollout that makes it.
	unknown := map[string]cty.Value{}
	for k, v := range vars {
		unknown[k] = v
	}
	unknown["anchor"] = cty.ObjectVal(map[string]cty.Value{"crt": cty.UnknownVal(cty.String), "key": cty.UnknownVal(cty.String)})
	plan := in.apply(in.config(fmt.Sprintf(controlPlaneBody, 1), unknown), config)
	planned := recordedObjects(plan.Planned.GetAttr("objects"))
	roots := planned["ConfigMap/"+ns+"/linkerd-identity-trust-roots"]
	if roots == cty.NilVal || !roots.GetAttr("metadata").IsWhollyKnown() || roots.GetAttr("data").GetAttr("ca-bundle.crt").IsKnown() {
		t.Errorf("of an object with an unknown field, exactly that field must be unknown: %#v", roots)
	}
	if in.step.checkpoints == 0 {
		t.Error("nothing was recorded before the wait")
	}
	objects := recordedObjects(in.value.GetAttr("objects"))
	secret := objects["Secret/"+ns+"/linkerd-identity-issuer"].GetAttr("data").GetAttr("key.pem")
	if !secret.IsNull() {
		t.Error("a secret value reached the record")
	}
	if got := in.value.GetAttr("app_version").AsString(); got != "edge-26.8.3" {
		t.Errorf("app_version = %q", got)
	}

	in.read()
	in.wantEmpty(config)

	// One value changes three objects, and nothing else.
	scaled := in.config(fmt.Sprintf(controlPlaneBody, 2), vars)
	second, ds := in.plan(scaled)
	noErrors(t, ds)
	after, _ := second.Planned.UnmarkDeep()
	want := []string{"ConfigMap/" + ns + "/linkerd-config", "Deployment/" + ns + "/linkerd-destination",
		"Deployment/" + ns + "/linkerd-identity", "Deployment/" + ns + "/linkerd-proxy-injector", "values"}
	if got := differing(in.value, after); !slices.Equal(got, want) {
		t.Errorf("changed = %q, want %q", got, want)
	}
	in.apply(scaled, scaled)
	in.read()
	in.wantEmpty(scaled)

	// Somebody scales by hand: drift of one field, and the next plan repairs it.
	deployments := runtimeschema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	if _, err := testenv.Dynamic(t).Resource(deployments).Namespace(ns).Patch(t.Context(), "linkerd-identity", types.MergePatchType,
		[]byte(`{"spec":{"replicas":5}}`), metav1.PatchOptions{FieldManager: "somebody"}); err != nil {
		t.Fatal(err)
	}
	before := in.value
	in.read()
	if got, want := differing(before, in.value), []string{"Deployment/" + ns + "/linkerd-identity"}; !slices.Equal(got, want) {
		t.Errorf("drift = %q, want %q", got, want)
	}

	seen := watchDeletions(t, ns)
	noErrors(t, in.destroy())
	checkDeletionOrder(t, seen())
}

// watchDeletions notes the order in which webhook configurations and Deployments go.
func watchDeletions(t *testing.T, ns string) func() []string {
	t.Helper()
	client := testenv.Dynamic(t)
	var mu sync.Mutex
	var order []string
	watch := func(resource runtimeschema.GroupVersionResource, namespace string, only func(string) bool) {
		w, err := client.Resource(resource).Namespace(namespace).Watch(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Stop)
		go func() {
			for e := range w.ResultChan() {
				if o, ok := e.Object.(metav1.Object); ok && e.Type == "DELETED" && only(o.GetName()) {
					mu.Lock()
					order = append(order, resource.Resource+"/"+o.GetName())
					mu.Unlock()
				}
			}
		}()
	}
	linkerd := func(name string) bool { return strings.HasPrefix(name, "linkerd-") }
	admission := runtimeschema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1"}
	watch(admission.GroupVersion().WithResource("mutatingwebhookconfigurations"), "", linkerd)
	watch(admission.GroupVersion().WithResource("validatingwebhookconfigurations"), "", linkerd)
	watch(runtimeschema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}, ns, linkerd)
	return func() []string {
		deadline := time.Now().Add(10 * time.Second)
		for {
			mu.Lock()
			got := slices.Clone(order)
			mu.Unlock()
			if len(got) >= 6 || time.Now().After(deadline) {
				return got
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func checkDeletionOrder(t *testing.T, order []string) {
	t.Helper()
	if len(order) != 6 {
		t.Fatalf("deleted %q, want three webhook configurations and three deployments", order)
	}
	for i, name := range order {
		if webhook := strings.Contains(name, "webhook"); webhook != (i < 3) {
			t.Errorf("deleted in the order %q, want webhook configurations first", order)
			return
		}
	}
}

func TestForeignObjectsAreRefusedOrAdopted(t *testing.T) {
	ns := testenv.Namespace(t)
	dir := t.TempDir()
	writeChart(t, dir, "app", map[string]string{
		"templates/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: app }\ndata: { color: {{ .Values.color }} }\n",
		"values.yaml":           "color: blue\n",
	})
	in := newInstance(t, dir)
	configMaps := runtimeschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	client := testenv.Dynamic(t)
	u := namespaceObject("app")
	u.SetKind("ConfigMap")
	u.Object["data"] = map[string]any{"color": "green"}
	if _, err := client.Resource(configMaps).Namespace(ns).Create(t.Context(), u, metav1.CreateOptions{FieldManager: "helm"}); err != nil {
		t.Fatal(err)
	}
	release := namespaceObject("sh.helm.release.v1.old-app.v1")
	release.SetKind("Secret")
	release.SetLabels(map[string]string{"owner": "helm", "name": "old-app"})
	if _, err := client.Resource(runtimeschema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(ns).Create(t.Context(), release, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	body := "name = \"app\"\npath = \"app\"\nnamespace = namespace\n"
	vars := map[string]cty.Value{"namespace": cty.StringVal(ns)}
	_, ds := in.plan(in.config(body, vars))
	text := ""
	for _, d := range ds {
		text += string(diag.CodeOf(d)) + " " + d.Detail + "\n"
	}
	for _, want := range []string{string(kube.CodeExists), "old-app", "on_exists", "owner=helm"} {
		if !strings.Contains(text, want) {
			t.Errorf("the refusal does not say %q:\n%s", want, text)
		}
	}
	adopting := in.config(body+"on_exists = \"adopt\"\nconflicts = \"force\"\n", vars)
	plan := in.apply(adopting, adopting)
	if plan.Adopted == cty.NilVal {
		t.Fatal("the plan does not say what it adopts")
	}
	key := "ConfigMap/" + ns + "/app"
	if got := recordedObjects(plan.Adopted.GetAttr("objects"))[key].GetAttr("data").GetAttr("color").AsString(); got != "green" {
		t.Errorf("adopted color = %q, want the live one", got)
	}
	in.read()
	in.wantEmpty(adopting)
}

func TestKeptObjectsSurviveDeletion(t *testing.T) {
	ns := testenv.Namespace(t)
	dir := t.TempDir()
	writeChart(t, dir, "app", map[string]string{
		"templates/kept.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: kept, annotations: { helm.sh/resource-policy: keep } }\n",
		"templates/gone.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: gone }\n",
		"templates/dropped.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: kept-early, annotations: { helm.sh/resource-policy: keep } }\n---\n" +
			"apiVersion: v1\nkind: ConfigMap\nmetadata: { name: gone-early }\n",
	})
	in := newInstance(t, dir)
	config := in.config("name = \"app\"\npath = \"app\"\nnamespace = namespace\n", map[string]cty.Value{"namespace": cty.StringVal(ns)})
	in.apply(config, config)
	// A new version of the chart renders one object of each kind less.
	if err := os.Remove(dir + "/app/templates/dropped.yaml"); err != nil {
		t.Fatal(err)
	}
	plan := in.apply(config, config)
	if want := "ConfigMap " + ns + "/kept-early stays"; !strings.Contains(strings.Join(plan.Notes, "\n"), want) {
		t.Errorf("notes = %q, want %q", plan.Notes, want)
	}
	in.read()
	in.wantEmpty(config)
	noErrors(t, in.destroy())
	list, err := testenv.Dynamic(t).Resource(runtimeschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, u := range list.Items {
		if u.GetName() != "kube-root-ca.crt" {
			names = append(names, u.GetName())
		}
	}
	if want := []string{"kept", "kept-early"}; !slices.Equal(names, want) {
		t.Errorf("left = %q, want %q, which the chart wants kept", names, want)
	}
	for _, u := range list.Items {
		if u.GetAnnotations()["meshplan.dev/owner"] != "" {
			t.Errorf("%s is kept and still marked as ours", u.GetName())
		}
	}
}

func TestValuesThatAreKnownOnlyWhenApplied(t *testing.T) {
	ns := testenv.Namespace(t)
	dir := t.TempDir()
	writeChart(t, dir, "app", map[string]string{"templates/c.yaml": configMap + "  color: {{ .Values.color }}\n"})
	in := newInstance(t, dir)
	body := "name = \"app\"\npath = \"app\"\nnamespace = namespace\nvalues = settings\n"
	vars := map[string]cty.Value{"namespace": cty.StringVal(ns), "settings": cty.DynamicVal}
	before := in.config(body, vars)
	vars["settings"] = cty.ObjectVal(map[string]cty.Value{"color": cty.StringVal("blue")})
	after := in.config(body, vars)
	if plan := in.apply(before, after); plan.Planned.GetAttr("objects").IsKnown() || len(plan.Notes) == 0 {
		t.Errorf("objects = %#v, notes = %q", plan.Planned.GetAttr("objects"), plan.Notes)
	}
	in.read()
	in.wantEmpty(after)
	tags := in.rt.(providers.Orderer).Order(in.value)
	if !slices.Contains(tags.Provides, providers.Tag("kubernetes:object/ConfigMap/"+ns+"/app")) || !slices.Contains(tags.After, providers.Tag("kubernetes:namespace/"+ns)) {
		t.Errorf("order = %+v", tags)
	}
	// Deleted behind our back: the record says so, and the next plan makes it again.
	configMaps := runtimeschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	if err := testenv.Dynamic(t).Resource(configMaps).Namespace(ns).Delete(t.Context(), "app", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	in.read()
	if !in.value.IsNull() {
		t.Error("a chart of which nothing is left still has a value")
	}
}

func TestNamespaceOfTheChart(t *testing.T) {
	dir := t.TempDir()
	writeChart(t, dir, "app", map[string]string{
		"templates/c.yaml":     configMap + "  a: b\n",
		"crds/crd.yaml":        thingDefinition,
		"templates/thing.yaml": "apiVersion: chart.example.org/v1\nkind: Thing\nmetadata: { name: one }\nspec: { size: {{ .Values.size }} }\n",
		"values.yaml":          "size: 1\n",
	})
	in := newInstance(t, dir)
	ns := testenv.Name(t)
	config := in.config("name = \"app\"\npath = \"app\"\ncreate_namespace = true\nnamespace = namespace\n", map[string]cty.Value{"namespace": cty.StringVal(ns)})
	plan := in.apply(config, config)
	want := []string{"ConfigMap/" + ns + "/app", "CustomResourceDefinition/things.chart.example.org", "Namespace/" + ns, "Thing/" + ns + "/one"}
	if got := sortedKeys(recordedObjects(plan.Planned.GetAttr("objects"))); !slices.Equal(got, want) {
		t.Errorf("objects = %q, want %q", got, want)
	}
	in.read()
	in.wantEmpty(config)
	noErrors(t, in.destroy())
	if in.read(); !in.value.IsNull() {
		t.Error("something of the chart is left")
	}
}

const thingDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: things.chart.example.org }
spec:
  group: chart.example.org
  scope: Namespaced
  names: { kind: Thing, plural: things, singular: thing }
  versions:
    - name: v1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { size: { type: integer } } } } } }
`

// writeChart writes a chart with a minimal Chart.yaml unless the files have one.
func writeChart(t *testing.T, dir, name string, files map[string]string) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	all := map[string]string{"Chart.yaml": "apiVersion: v2\nname: " + name + "\nversion: 1.2.3\nappVersion: \"9\"\n"}
	for k, v := range files {
		all[k] = v
	}
	for k, v := range all {
		full := name + "/" + k
		if err := root.MkdirAll(full[:strings.LastIndex(full, "/")], 0o755); err != nil {
			t.Fatal(err)
		}
		if err := root.WriteFile(full, []byte(v), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
