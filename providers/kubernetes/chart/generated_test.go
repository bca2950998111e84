package chart

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
)

// generatingChart generates a password, and a key of which another object of the same template holds the print. The key
// is no RSA key: those take seconds where many tests run.
var generatingChart = map[string]string{
	"templates/password.yaml": "apiVersion: v1\nkind: Secret\nmetadata: { name: login }\ntype: Opaque\nstringData:\n  user: {{ .Values.user }}\n  password: {{ randAlphaNum 24 }}\n",
	"templates/tls.yaml": `{{- $key := genPrivateKey "ecdsa" }}
apiVersion: v1
kind: Secret
metadata: { name: tls }
type: Opaque
data: { tls.crt: {{ $key | sha256sum | b64enc }}, tls.key: {{ $key | b64enc }} }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: bundle }
data: { ca.crt: {{ $key | sha256sum | b64enc }}, fixed: {{ .Values.user }} }
`,
	"templates/web.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 0
  selector: { matchLabels: { app: web } }
  template:
    metadata:
      labels: { app: web }
      annotations: { checksum/tls: {{ include (print $.Template.BasePath "/tls.yaml") . | sha256sum }} }
    spec: { containers: [{ name: web, image: example.test/web }] }
`,
	"values.yaml": "user: ann\n",
}

const generatingBody = "name = \"app\"\npath = \"app\"\nnamespace = namespace\ngenerated = \"keep\"\n"

func TestGeneratedFieldsAreFound(t *testing.T) {
	c := load(t, generatingChart)
	r, ds := c.Render(t.Context(), RenderOptions{Namespace: "n", KeepGenerated: true})
	wantDiagnostics(t, ds)
	got := map[string]string{}
	for id, paths := range r.Generated {
		got[id.Name] = fmt.Sprint(paths)
	}
	want := map[string]string{"login": "[stringData.password]", "tls": `[data["tls.crt"] data["tls.key"]]`, "bundle": `[data["ca.crt"]]`,
		"web": `[spec.template.metadata.annotations["checksum/tls"]]`}
	for name, paths := range want {
		if strings.ReplaceAll(got[name], `["checksum/tls"]`, ".checksum/tls") != strings.ReplaceAll(paths, `["checksum/tls"]`, ".checksum/tls") {
			t.Errorf("%s: %s, want %s", name, got[name], paths)
		}
	}
	if len(got) != len(want) {
		t.Errorf("generated: %v", got)
	}
	c = load(t, map[string]string{"templates/config.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: app-{{ randAlpha 8 | lower }} }\n"})
	_, ds = c.Render(t.Context(), RenderOptions{KeepGenerated: true})
	wantDiagnostics(t, ds, string(CodeNondeterministic), "it appears under a new name each time")
}

// generated reads what the cluster holds.
type generated struct{ password, key, bundle, checksum string }

func readGenerated(t *testing.T, ns string) (g generated) {
	t.Helper()
	get := func(group, version, resource, name string, path ...string) string {
		t.Helper()
		u, err := testenv.Dynamic(t).Resource(runtimeschema.GroupVersionResource{Group: group, Version: version, Resource: resource}).Namespace(ns).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s, _, _ := unstructured.NestedString(u.Object, path...)
		if s == "" {
			t.Fatalf("%s has no %v", name, path)
		}
		return s
	}
	g.password = get("", "v1", "secrets", "login", "data", "password")
	g.key = get("", "v1", "secrets", "tls", "data", "tls.key")
	g.bundle = get("", "v1", "configmaps", "bundle", "data", "ca.crt")
	g.checksum = get("apps", "v1", "deployments", "web", "spec", "template", "metadata", "annotations", "checksum/tls")
	return g
}

// TestGeneratedValuesAreMadeOnce follows a chart that generates values: they are made by the first apply and kept by
// the following ones, made anew when they are lost or when that is asked for, and nobody but the cluster knows them.
func TestGeneratedValuesAreMadeOnce(t *testing.T) {
	ns := testenv.Namespace(t)
	dir := t.TempDir()
	writeChart(t, dir, "app", generatingChart)
	in := newInstance(t, dir)
	vars := map[string]cty.Value{"namespace": cty.StringVal(ns)}
	config := in.config(generatingBody, vars)
	plan := in.apply(config, config)
	if notes := strings.Join(plan.Notes, "\n"); !strings.Contains(notes, "generates stringData.password of Secret "+ns+"/login") {
		t.Errorf("notes: %s", notes)
	}
	first := readGenerated(t, ns)
	known := fmt.Sprintf("%#v %s", in.value, in.private)
	for _, secret := range []string{first.password, first.key, first.bundle} {
		if strings.Contains(known, secret) {
			t.Error("the record holds what the chart generated")
		}
	}
	in.read()
	in.wantEmpty(config)

	other := in.config(generatingBody+"values = { user = \"bob\" }\n", vars)
	in.apply(other, other)
	if now := readGenerated(t, ns); now != first {
		t.Errorf("a change of something else generates anew: %v, was %v", now, first)
	}
	in.read()
	in.wantEmpty(other)

	// A Secret is lost: what belongs to it is made anew with it, and nothing else.
	secrets := testenv.Dynamic(t).Resource(runtimeschema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(ns)
	if err := secrets.Delete(t.Context(), "tls", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	in.read()
	plan = in.apply(other, other)
	if notes := strings.Join(plan.Notes, "\n"); !strings.Contains(notes, "is not there, and what one template generates belongs together") {
		t.Errorf("notes: %s", notes)
	}
	second := readGenerated(t, ns)
	if second.password != first.password || second.key == first.key || second.bundle == first.bundle {
		t.Errorf("after the loss: %v, was %v", second, first)
	}
	in.read()
	in.wantEmpty(other)

	rotated := in.config(generatingBody+"values = { user = \"bob\" }\nregenerate = \"2026-11\"\n", vars)
	in.apply(rotated, rotated)
	third := readGenerated(t, ns)
	if third.password == second.password || third.key == second.key || third.bundle == second.bundle || third.checksum == second.checksum {
		t.Errorf("after the trigger: %v, was %v", third, second)
	}
	in.read()
	in.wantEmpty(rotated)

	// An upgrade adds a generated field to an object: the others stay.
	more := strings.Replace(generatingChart["templates/password.yaml"], "  password:", "  token: {{ randAlphaNum 9 }}\n  password:", 1)
	if err := os.WriteFile(dir+"/app/templates/password.yaml", []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	in.apply(rotated, rotated)
	if now := readGenerated(t, ns); now != third {
		t.Errorf("an upgrade generates anew: %v, was %v", now, third)
	}
	in.read()
	in.wantEmpty(rotated)
	noErrors(t, in.destroy())
}

// TestHelmReleaseIsAdoptedWithoutRestart takes over what Helm installed, generated values included.
func TestHelmReleaseIsAdoptedWithoutRestart(t *testing.T) {
	ns := testenv.Namespace(t)
	dir := t.TempDir()
	writeChart(t, dir, "app", generatingChart)
	c, ds := Load(t.Context(), Source{Path: "app"}, LoadOptions{BaseDir: dir})
	noErrors(t, ds)
	r, ds := c.Render(t.Context(), RenderOptions{ReleaseName: "app", Namespace: ns, KeepGenerated: true})
	noErrors(t, ds)
	resources := map[string]runtimeschema.GroupVersionResource{"Secret": {Version: "v1", Resource: "secrets"}, "ConfigMap": {Version: "v1", Resource: "configmaps"},
		"Deployment": {Group: "apps", Version: "v1", Resource: "deployments"}}
	for _, u := range r.Objects {
		u.SetNamespace(ns)
		u.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "Helm"})
		u.SetAnnotations(map[string]string{"meta.helm.sh/release-name": "app", "meta.helm.sh/release-namespace": ns})
		if _, err := testenv.Dynamic(t).Resource(resources[u.GetKind()]).Namespace(ns).Create(t.Context(), u, metav1.CreateOptions{FieldManager: "helm"}); err != nil {
			t.Fatal(err)
		}
	}
	before := readGenerated(t, ns)
	spec := func() string { // the generation of a Deployment counts changes of annotations as well
		t.Helper()
		for range 200 {
			u, err := testenv.Dynamic(t).Resource(resources["Deployment"]).Namespace(ns).Get(t.Context(), "web", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if revision := u.GetAnnotations()["deployment.kubernetes.io/revision"]; revision != "" { // its controller has seen it
				return fmt.Sprint(u.Object["spec"], revision)
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatal("no controller has given the Deployment a revision")
		return ""
	}
	was := spec()
	in := newInstance(t, dir)
	config := in.config(generatingBody+"on_exists = \"adopt\"\n", map[string]cty.Value{"namespace": cty.StringVal(ns)})
	plan := in.apply(config, config)
	if plan.Adopted == cty.NilVal || plan.Restarts > 0 {
		t.Errorf("adopted %v, restarts %d: %v", plan.Adopted != cty.NilVal, plan.Restarts, plan.Notes)
	}
	if now := readGenerated(t, ns); now != before {
		t.Errorf("Helm's generated values are not kept: %v, was %v", now, before)
	}
	if now := spec(); now != was {
		t.Errorf("the workload was changed: %s, was %s", now, was)
	}
	in.read()
	in.wantEmpty(config)
	noErrors(t, in.destroy())
}
