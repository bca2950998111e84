package chart

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"pgregory.net/rapid"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// load writes a chart and loads it.
func load(t *testing.T, files map[string]string) *Chart {
	t.Helper()
	dir := t.TempDir()
	writeChart(t, dir, "app", files)
	c, ds := Load(t.Context(), Source{Path: "app"}, LoadOptions{BaseDir: dir})
	noErrors(t, ds)
	return c
}

// summarize writes diagnostics as `code path: text` lines.
func summarize(ds hcl.Diagnostics) string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(string(diag.CodeOf(d)) + " " + diag.PathString(diag.PathOf(d)) + ": " + d.Summary + ". " + d.Detail + "\n")
	}
	return b.String()
}

// wantDiagnostics fails unless every text appears, or, without any, unless there are none.
func wantDiagnostics(t *testing.T, ds hcl.Diagnostics, texts ...string) {
	t.Helper()
	got := summarize(ds)
	if len(texts) == 0 && got != "" {
		t.Errorf("unexpected diagnostics:\n%s", got)
	}
	for _, want := range texts {
		if !strings.Contains(got, want) {
			t.Errorf("diagnostics lack %q:\n%s", want, got)
		}
	}
}

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: app }\ndata:\n"

func TestNondeterministicChartsAreNamed(t *testing.T) {
	tests := []struct{ name, template, want string }{
		{"random", configMap + "  token: {{ randAlphaNum 16 }}\n", "data.token"},
		{"clock", configMap + "  day: {{ now | date \"2006-01-02\" }}\n", "data.day"},
		{"minute", configMap + "  at: \"{{ now | date \"04\" }}\"\n", "data.at"},
		{"certificate", configMap + "  ca: {{ (genCA \"ca\" 1).Cert | b64enc }}\n", "data.ca"},
		{"name", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: app-{{ randAlpha 8 | lower }} }\n", "it appears under a new name each time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := load(t, map[string]string{"templates/config.yaml": tt.template})
			_, ds := c.Render(t.Context(), RenderOptions{})
			wantDiagnostics(t, ds, string(CodeNondeterministic)+" values", "app/templates/config.yaml", "ConfigMap app", tt.want)
		})
	}
}

func TestValuesMergeLikeHelm(t *testing.T) {
	c := load(t, map[string]string{
		"values.yaml": "a: { one: 1, two: 2 }\nlist: [x, y]\nkeep: yes\nport: 8080\n",
		"templates/config.yaml": configMap + "  a: {{ .Values.a | toJson | quote }}\n  list: {{ .Values.list | toJson | quote }}\n" +
			"  keep: {{ hasKey .Values \"keep\" | quote }}\n  port: {{ .Values.port | quote }}\n",
	})
	r, ds := c.Render(t.Context(), RenderOptions{Values: Values{"a": map[string]any{"two": nil, "three": 3.0}, "list": []any{"z"}, "keep": nil}})
	noErrors(t, ds)
	want := map[string]any{"a": `{"one":1,"three":3}`, "list": `["z"]`, "keep": "false", "port": "8080"}
	if diff := cmp.Diff(want, r.Objects[0].Object["data"]); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

func TestMergeIsHelmsMerge(t *testing.T) {
	var tables func(depth int) *rapid.Generator[map[string]any]
	tables = func(depth int) *rapid.Generator[map[string]any] {
		leaf := rapid.OneOf(rapid.Just[any](nil), rapid.Just[any](true), rapid.Map(rapid.StringMatching(`[a-c]?`), func(s string) any { return s }))
		value := leaf
		if depth > 0 {
			value = rapid.OneOf(leaf, rapid.Map(tables(depth-1), func(m map[string]any) any { return m }))
		}
		return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), value, 0, 3)
	}
	rapid.Check(t, func(t *rapid.T) {
		below, over := tables(2).Draw(t, "below"), tables(2).Draw(t, "over")
		want := loader.MergeMaps(below, over)
		if got := map[string]any(Values(below).Merge(over)); !reflect.DeepEqual(got, want) {
			t.Fatalf("Merge = %v, Helm makes %v", got, want)
		}
	})
}

func TestSchemaOfValues(t *testing.T) {
	files := map[string]string{
		"values.yaml":        "replicas: 1\n",
		"values.schema.json": `{"type":"object","properties":{"replicas":{"type":"integer","minimum":1},"token":{"type":"string","maxLength":3}}}`,
		"templates/c.yaml":   configMap + "  n: \"{{ .Values.replicas }}\"\n",
	}
	_, ds := load(t, files).Render(t.Context(), RenderOptions{Values: Values{"replicas": 0.0, "token": Secret{"hunter22"}}})
	wantDiagnostics(t, ds, "chart.values values.replicas", "minimum", "chart.values values.token")
	if strings.Contains(summarize(ds), "hunter22") {
		t.Error("a secret value is quoted")
	}
	_, ds = load(t, files).Render(t.Context(), RenderOptions{Values: Values{"token": Unknown{}, "replicas": 2.0}})
	wantDiagnostics(t, ds)

	files["values.schema.json"] = `{"$ref":"file:///etc/hostname"}`
	_, ds = load(t, files).Render(t.Context(), RenderOptions{})
	wantDiagnostics(t, ds, "Values are not checked", "file:///etc/hostname, which is not fetched")
}

func TestShapeOfValues(t *testing.T) {
	c := load(t, map[string]string{"values.yaml": "image: { name: x }\nport: 1\n", "templates/c.yaml": configMap + "  x: y\n"})
	logged := captureLog(t)
	_, ds := c.Render(t.Context(), RenderOptions{Values: Values{"image": "y", "port": map[string]any{"http": 1.0}}})
	wantDiagnostics(t, ds, "chart.values-shape values.image", "values.image is a single value, but the chart's default is a table", "values.port is a table")
	if logged.Len() > 0 {
		t.Errorf("Helm logged %q", logged)
	}
}

// captureLog redirects the standard logger for a test.
func captureLog(t *testing.T) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	behind := log.Writer()
	log.SetOutput(&b)
	t.Cleanup(func() { log.SetOutput(behind) })
	return &b
}

func TestOthersMayLogMeanwhile(t *testing.T) {
	logged := captureLog(t)
	quietly(func() {
		quietly(func() { slog.Warn("from a test") })
		log.Print("and another")
	})
	log.Print("and after")
	for _, want := range []string{"from a test", "and another", "and after"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("the line %q was lost", want)
		}
	}
}

func TestSecretsAndUnknownsAreTraced(t *testing.T) {
	c := load(t, map[string]string{"templates/all.yaml": `
apiVersion: v1
kind: ConfigMap
metadata: { name: app }
data:
  plain: {{ .Values.plain }}
  encoded: {{ .Values.token | b64enc }}
  hash: {{ .Values.token | sha256sum }}
  later: {{ printf "%s!" .Values.later | upper }}
---
apiVersion: v1
kind: ConfigMap
metadata: { name: other }
data: { plain: {{ .Values.plain }} }
`, "templates/NOTES.txt": "The token is {{ .Values.token }}."})
	r, ds := c.Render(t.Context(), RenderOptions{Values: Values{"plain": "p", "token": Secret{"hunter22"}, "later": Unknown{}}})
	noErrors(t, ds)
	id := kube.ID{Kind: "ConfigMap", Name: "app"}
	if diff := cmp.Diff(map[kube.ID][]kube.Path{id: {{"data", "encoded"}, {"data", "hash"}}}, r.Secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[kube.ID][]kube.Path{id: {{"data", "later"}}}, r.Unknown); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
	if r.Notes != "" {
		t.Errorf("notes that hold a secret = %q", r.Notes)
	}
	o := object{ref: kube.RefOf(r.Objects[0]), content: r.Objects[0], unknown: r.Unknown[id], secret: r.Secrets[id]}
	data := o.value().GetAttr("data")
	if !data.GetAttr("encoded").HasMark(schema.Sensitive) || data.GetAttr("plain").IsMarked() || data.GetAttr("later").IsKnown() {
		t.Errorf("data = %#v", data)
	}
	d := o.desired()
	if _, has := d.Object.Object["data"].(map[string]any)["later"]; has || len(d.Unknown) != 1 {
		t.Error("an object set gets a placeholder")
	}
}

func TestUnknownsThatDecideWhatIsRendered(t *testing.T) {
	for name, template := range map[string]string{
		"name":    "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: {{ .Values.later }} }\n",
		"failing": configMap + "  n: {{ (fromJson .Values.later).x.y | required \"y\" }}\n",
	} {
		t.Run(name, func(t *testing.T) {
			r, ds := load(t, map[string]string{"templates/c.yaml": template}).Render(t.Context(), RenderOptions{Values: Values{"later": Unknown{}}})
			noErrors(t, ds)
			if r != nil {
				t.Errorf("rendered %v, want nothing before the value is known", r.Objects)
			}
		})
	}
}

func TestTemplateErrors(t *testing.T) {
	tests := []struct {
		name, template string
		want           []string
	}{
		{"required", configMap + "  x: {{ required \"x must be set\" .Values.x }}\n", []string{"chart.render values", "app/templates/c.yaml:5", "x must be set"}},
		{"secret", configMap + "  x: {{ fail (printf \"bad token %s\" .Values.token) }}\n", []string{"bad token (sensitive value)"}},
		{"not an object", "just text", []string{"chart.manifest", "app/templates/c.yaml"}},
		{"no name", "apiVersion: v1\nkind: Pod\nmetadata: { generateName: x- }\n", []string{"the Pod lacks metadata.name"}},
		{"twice", configMap + "  a: b\n---\n" + configMap + "  a: c\n", []string{"Chart renders an object twice", "ConfigMap app"}},
		{"huge", configMap + "  x: {{ repeat 100000000 \"x\" }}\n", []string{"is too much"}},
		{"endless list", configMap + "  x: {{ until 100000000 | len }}\n", []string{"too many"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, ds := load(t, map[string]string{"templates/c.yaml": tt.template}).Render(t.Context(), RenderOptions{Values: Values{"token": Secret{"hunter22"}}})
			wantDiagnostics(t, ds, tt.want...)
			if strings.Contains(summarize(ds), "hunter22") {
				t.Error("a secret value is quoted")
			}
		})
	}
}

func TestRenderingHonoursItsContext(t *testing.T) {
	c := load(t, map[string]string{"templates/c.yaml": configMap + "  x: {{ range until 100000 }}{{ range until 20 }}{{ end }}{{ end }}\n"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, ds := c.Render(ctx, RenderOptions{})
	wantDiagnostics(t, ds, "did not finish")
}

func TestHooksListsAndDefinitions(t *testing.T) {
	c := load(t, map[string]string{
		"crds/crd.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: { name: things.example.org }\n",
		"templates/hook.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: { name: migrate, annotations: { helm.sh/hook: \"pre-install, pre-upgrade\", helm.sh/hook-weight: \"5\" } }\n---\n" +
			"apiVersion: v1\nkind: Pod\nmetadata: { name: try, annotations: { helm.sh/hook: test } }\n",
		"templates/list.yaml": "apiVersion: v1\nkind: List\nitems:\n- { apiVersion: v1, kind: Service, metadata: { name: web } }\n- { apiVersion: v1, kind: Namespace, metadata: { name: shop } }\n",
		"templates/look.yaml": configMap + "  found: \"{{ len (lookup \"v1\" \"Namespace\" \"\" \"\") }}\"\n",
	})
	r, ds := c.Render(t.Context(), RenderOptions{IncludeCRDs: true, SkipTests: true})
	noErrors(t, ds)
	var got []string
	for _, u := range r.All() {
		got = append(got, kube.RefOf(u).String())
	}
	want := []string{"CustomResourceDefinition things.example.org", "Namespace shop", "ConfigMap app", "Service web"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	if len(r.Hooks) != 1 || r.Hooks[0].Weight != 5 || !reflect.DeepEqual(r.Hooks[0].Events, []string{"pre-install", "pre-upgrade"}) {
		t.Errorf("hooks = %+v", r.Hooks)
	}
	if notes := hookNotes(r); len(notes) != 1 || !strings.Contains(notes[0], "Job migrate (pre-install, pre-upgrade) is not run") {
		t.Errorf("notes = %q", notes)
	}
	if plain, _ := c.Render(t.Context(), RenderOptions{}); len(plain.CRDs) != 0 || len(plain.Hooks) != 2 {
		t.Errorf("without options: %d definitions and %d hooks", len(plain.CRDs), len(plain.Hooks))
	}
}

func TestKubeVersion(t *testing.T) {
	c := load(t, map[string]string{
		"Chart.yaml":       "apiVersion: v2\nname: app\nversion: 1.0.0\nkubeVersion: \">=1.31.0-0\"\n",
		"templates/c.yaml": configMap + "  v: \"{{ .Capabilities.KubeVersion.Version }} {{ .Capabilities.APIVersions.Has \"example.org/v1\" }}\"\n",
	})
	_, ds := c.Render(t.Context(), RenderOptions{KubeVersion: "v1.30.4"})
	wantDiagnostics(t, ds, "chart.kube-version", ">=1.31.0-0", "v1.30.4")
	r, ds := c.Render(t.Context(), RenderOptions{KubeVersion: "v1.33.1-gke.100", APIVersions: []string{"example.org/v1"}})
	noErrors(t, ds)
	if got := r.Objects[0].Object["data"].(map[string]any)["v"]; got != "v1.33.1-gke.100 true" {
		t.Errorf("templates see %q", got)
	}
}

func TestValuesFrom(t *testing.T) {
	v, err := ValuesFrom(cty.ObjectVal(map[string]cty.Value{
		"n": cty.NumberIntVal(3), "s": cty.StringVal("x").Mark(schema.Sensitive), "u": cty.UnknownVal(cty.Bool),
		"l": cty.ListVal([]cty.Value{cty.True}), "none": cty.NullVal(cty.String),
	}))
	want := Values{"n": 3.0, "s": Secret{"x"}, "u": Unknown{cty.Bool}, "l": []any{true}, "none": nil}
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("ValuesFrom = %#v, %v, want %#v", v, err, want)
	}
	if _, err := ValuesFrom(cty.StringVal("x")); err == nil {
		t.Error("a text was taken for values")
	}
}

func TestKeysTellGroupsApart(t *testing.T) {
	objects := []object{
		{ref: kube.Ref{Group: "policy.linkerd.io", Kind: "HTTPRoute", Namespace: "a", Name: "r"}},
		{ref: kube.Ref{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute", Namespace: "a", Name: "r"}},
		{ref: kube.Ref{Kind: "Namespace", Name: "a"}},
	}
	keyed(objects)
	got := []string{objects[0].key, objects[1].key, objects[2].key}
	want := []string{"HTTPRoute.policy.linkerd.io/a/r", "HTTPRoute.gateway.networking.k8s.io/a/r", "Namespace/a"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

func TestPlanIsHeldToWhatItSaid(t *testing.T) {
	u := namespaceObject("shop")
	objects := []object{{key: "Namespace/shop", ref: kube.RefOf(u), content: u}}
	planned := objectsValue(map[string]cty.Value{"Namespace/shop": objects[0].value(), "ConfigMap/shop/x": cty.EmptyObjectVal})
	if _, d := settle(planned, objects); d == nil || !strings.Contains(d.Detail, "ConfigMap/shop/x") {
		t.Errorf("an object that is not rendered any more was accepted: %v", d)
	}
	other := namespaceObject("shop")
	other.SetLabels(map[string]string{"a": "b"})
	if _, d := settle(objectsValue(map[string]cty.Value{"Namespace/shop": objects[0].value()}), []object{{key: "Namespace/shop", content: other}}); d == nil {
		t.Error("another rendering was accepted")
	}
	if v, d := settle(cty.DynamicVal, objects); d != nil || len(recordedObjects(v)) != 1 {
		t.Errorf("settle of an unknown plan = %#v, %v", v, d)
	}
}
