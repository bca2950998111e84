package chart

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

const exampleCharts = "../../../examples/mtls-rollout/charts"

// pem stands for certificates and keys; the charts do not look into them.
func pem(what string) string {
	return "-----BEGIN CERTIFICATE-----\n" + what + "\n-----END CERTIFICATE-----\n"
}

// controlPlaneValues are the values without which the control plane's chart refuses.
func controlPlaneValues() Values {
	webhook := func(name string) map[string]any {
		return map[string]any{"crtPEM": pem(name + "-crt"), "keyPEM": Secret{pem(name + "-key")}}
	}
	return Values{
		"identityTrustAnchorsPEM": pem("anchor"),
		"identity": map[string]any{"issuer": map[string]any{"tls": map[string]any{
			"crtPEM": pem("issuer-crt"), "keyPEM": Secret{pem("issuer-key")},
		}}},
		"proxyInjector": webhook("injector"), "profileValidator": webhook("profile"), "policyValidator": webhook("policy"),
	}
}

// vizValues are those of an installation whose certificates are kept elsewhere.
func vizValues() Values {
	server := func(name string) map[string]any {
		return map[string]any{"externalSecret": true, "caBundle": pem(name + "-ca")}
	}
	return Values{"tap": server("tap"), "tapInjector": server("tap-injector")}
}

func loadExample(t *testing.T, name string) *Chart {
	t.Helper()
	c, ds := Load(t.Context(), Source{Path: name}, LoadOptions{BaseDir: exampleCharts})
	noErrors(t, ds)
	return c
}

func noErrors(t *testing.T, ds hcl.Diagnostics) {
	t.Helper()
	for _, d := range ds {
		t.Fatalf("unexpected %s: %s", d.Summary, d.Detail)
	}
}

// manifests writes a rendering as YAML documents, each under the name of its template.
func manifests(t *testing.T, r *Rendered) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, u := range r.All() {
		b.WriteString("---\n# " + r.Templates[kube.RefOf(u).ID()] + "\n")
		doc, err := yaml.Marshal(u.Object)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(doc)
	}
	return b.Bytes()
}

func TestExampleChartsRenderAsRecorded(t *testing.T) {
	haFile, err := os.ReadFile(filepath.Join(exampleCharts, "linkerd-control-plane/values-ha.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var ha map[string]any
	if err := yaml.Unmarshal(haFile, &ha); err != nil {
		t.Fatal(err)
	}
	external := Values(controlPlaneValues()).Merge(Values{
		"identity":         map[string]any{"externalCA": true, "issuer": map[string]any{"scheme": "kubernetes.io/tls"}},
		"proxyInjector":    map[string]any{"externalSecret": true, "injectCaFrom": "linkerd/injector", "crtPEM": nil, "keyPEM": nil},
		"disableHeartBeat": false,
		"cniEnabled":       true,
		"proxy":            map[string]any{"nativeSidecar": false},
	})
	render := func(t *testing.T, chart string, values Values) *Rendered {
		t.Helper()
		r, ds := loadExample(t, chart).Render(t.Context(), RenderOptions{ReleaseName: chart, Namespace: "linkerd", Values: values, KubeVersion: "v1.37.2"})
		noErrors(t, ds)
		return r
	}
	standard := render(t, "linkerd-control-plane", controlPlaneValues())
	golden.Check(t, "control-plane", manifests(t, standard))
	// Of the other settings, what differs from the standard ones says more.
	golden.Check(t, "control-plane-ha", changes(standard, render(t, "linkerd-control-plane", controlPlaneValues().Merge(ha))))
	golden.Check(t, "control-plane-external", changes(standard, render(t, "linkerd-control-plane", external)))
	golden.Check(t, "crds", definitions(t, render(t, "linkerd-crds", nil)))
	viz := render(t, "linkerd-viz", vizValues())
	golden.Check(t, "viz", manifests(t, viz))
	vizHA, err := loadExample(t, "linkerd-viz").ValuesFile("values-ha.yaml")
	if err != nil || vizHA == nil {
		t.Fatalf("values-ha.yaml of viz: %v %v", vizHA, err)
	}
	golden.Check(t, "viz-ha", changes(viz, render(t, "linkerd-viz", vizHA.Merge(vizValues()))))
	golden.Check(t, "cni", manifests(t, render(t, "linkerd2-cni", nil)))
}

// changes lists objects and fields in which two renderings differ.
func changes(a, b *Rendered) []byte {
	var out bytes.Buffer
	before := map[kube.ID]*unstructured.Unstructured{}
	for _, u := range a.All() {
		before[kube.RefOf(u).ID()] = u
	}
	for _, u := range b.All() {
		ref := kube.RefOf(u)
		was := before[ref.ID()]
		delete(before, ref.ID())
		if was == nil {
			fmt.Fprintf(&out, "+ %s\n", ref)
			continue
		}
		for _, p := range differences(was.Object, u.Object, nil) {
			fmt.Fprintf(&out, "~ %s %s\n", ref, p)
		}
	}
	for _, u := range a.All() {
		if ref := kube.RefOf(u); before[ref.ID()] != nil {
			fmt.Fprintf(&out, "- %s\n", ref)
		}
	}
	return out.Bytes()
}

// definitions lists each CustomResourceDefinition with its versions and columns.
func definitions(t *testing.T, r *Rendered) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, u := range r.All() {
		crd := definition(t, u.Object)
		fmt.Fprintf(&out, "%s %s (%s) labels=%v\n", crd.Name, crd.Spec.Names.Kind, strings.Join(crd.Spec.Names.ShortNames, " "), crd.Labels)
		for _, v := range crd.Spec.Versions {
			var columns []string
			for _, c := range v.AdditionalPrinterColumns {
				columns = append(columns, c.Name)
			}
			fmt.Fprintf(&out, "  %s served=%t storage=%t deprecated=%t status=%t columns=%q\n",
				v.Name, v.Served, v.Storage, v.Deprecated, v.Subresources != nil, columns)
		}
	}
	return out.Bytes()
}

func definition(t *testing.T, object map[string]any) *apiextensions.CustomResourceDefinition {
	t.Helper()
	crd := &apiextensions.CustomResourceDefinition{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

// TestExampleDefinitionsAgreeWithLinkerd compares the stand-in's definitions with the real ones.
func TestExampleDefinitionsAgreeWithLinkerd(t *testing.T) {
	real, err := os.ReadFile("../../../../shared/data/linkerd-crds.yaml")
	if err != nil {
		t.Skip("Linkerd's own definitions are not there: ", err)
	}
	all, ds := parseManifests(map[string]string{"real": string(real)}, func(s string) string { return s })
	noErrors(t, ds)
	r, ds := loadExample(t, "linkerd-crds").Render(t.Context(), RenderOptions{Namespace: "linkerd", KubeVersion: "v1.37.2"})
	noErrors(t, ds)
	ours := map[string]*apiextensions.CustomResourceDefinition{}
	for _, u := range r.All() {
		ours[u.GetName()] = definition(t, u.Object)
	}
	if len(ours) != len(all) {
		t.Errorf("the chart has %d definitions, Linkerd %d", len(ours), len(all))
	}
	for _, m := range all {
		want, got := definition(t, m.object.Object), ours[m.object.GetName()]
		if got == nil {
			t.Errorf("%s is missing", want.Name)
			continue
		}
		if diff := cmp.Diff(want.Spec.Names.ShortNames, got.Spec.Names.ShortNames); diff != "" {
			t.Errorf("%s: short names (-want +got):\n%s", want.Name, diff)
		}
		for i, v := range want.Spec.Versions {
			w := got.Spec.Versions[i]
			if v.Name != w.Name || v.Served != w.Served || v.Storage != w.Storage || v.Deprecated != w.Deprecated || (v.Subresources == nil) != (w.Subresources == nil) {
				t.Errorf("%s: version %d = %+v, want %s", want.Name, i, w.Name, v.Name)
			}
			agree(t, want.Name+" "+v.Name, v.Schema.OpenAPIV3Schema, w.Schema.OpenAPIV3Schema)
		}
	}
}

// agree reports fields, types, required fields, defaults and limits in which our schema differs from the real one.
// Patterns may be left out, but not differ.
func agree(t *testing.T, at string, want, got *apiextensions.JSONSchemaProps) {
	t.Helper()
	slices.Sort(want.Required)
	slices.Sort(got.Required)
	shape := func(p *apiextensions.JSONSchemaProps) any {
		var def string
		if p.Default != nil {
			var v any
			if err := json.Unmarshal(p.Default.Raw, &v); err != nil {
				t.Fatal(err)
			}
			def = fmt.Sprint(v)
		}
		var enum []string
		for _, e := range p.Enum {
			enum = append(enum, string(e.Raw))
		}
		// Linkerd's "required" on the items of an array is one that the API server ignores.
		required := strings.Join(p.Required, ",")
		if p.Type == "array" {
			required = ""
		}
		return fmt.Sprint(p.Type, required, def, enum, len(p.OneOf), p.MaxItems == nil, p.MinItems == nil, p.XIntOrString, p.XListMapKeys)
	}
	if w, g := shape(want), shape(got); w != g {
		t.Errorf("%s: %v, want %v", at, g, w)
	}
	if got.Pattern != "" && got.Pattern != want.Pattern {
		t.Errorf("%s: pattern %q, want %q", at, got.Pattern, want.Pattern)
	}
	for name, w := range want.Properties {
		g, ok := got.Properties[name]
		if !ok {
			if name != "apiVersion" && name != "kind" && name != "metadata" {
				t.Errorf("%s.%s is missing", at, name)
			}
			continue
		}
		agree(t, at+"."+name, &w, &g)
	}
	for name := range got.Properties {
		if _, ok := want.Properties[name]; !ok {
			t.Errorf("%s.%s is not in Linkerd's definition", at, name)
		}
	}
	if want.Items != nil && want.Items.Schema != nil && got.Items != nil {
		agree(t, at+"[]", want.Items.Schema, got.Items.Schema)
	}
}

func TestControlPlaneKeepsKeysOutOfItsConfig(t *testing.T) {
	r, ds := loadExample(t, "linkerd-control-plane").Render(t.Context(), RenderOptions{Namespace: "linkerd", Values: controlPlaneValues(), KubeVersion: "v1.37.2"})
	noErrors(t, ds)
	for _, u := range r.All() {
		if u.GetKind() == "Secret" {
			continue
		}
		text, err := yaml.Marshal(u.Object)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"issuer-key", "injector-key", "profile-key", "policy-key"} {
			if strings.Contains(string(text), key) {
				t.Errorf("%s holds the private key %s", kube.RefOf(u), key)
			}
		}
	}
	// Keys reach Secrets, and the checksums of the two files that hold them.
	want := []string{"Deployment linkerd/linkerd-destination", "Deployment linkerd/linkerd-proxy-injector",
		"Secret linkerd/linkerd-identity-issuer", "Secret linkerd/linkerd-policy-validator-k8s-tls",
		"Secret linkerd/linkerd-proxy-injector-k8s-tls", "Secret linkerd/linkerd-sp-validator-k8s-tls"}
	var got []string
	for id := range maps.Keys(r.Secrets) {
		got = append(got, kube.Ref{Kind: id.Kind, Namespace: id.Namespace, Name: id.Name}.String())
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("objects that depend on a key = %q, want %q", got, want)
	}
}

// TestLinkerdsOwnChartsRender renders the real charts where they are there: what the stand-ins call an object must be
// its real name. MESHPLAN_LINKERD_CHARTS names a directory that holds linkerd-crds, linkerd-control-plane, linkerd-viz
// and linkerd2-cni as `helm pull --untar` leaves them: each with its library chart in charts/partials and with real
// versions.
func TestLinkerdsOwnChartsRender(t *testing.T) {
	dir := os.Getenv("MESHPLAN_LINKERD_CHARTS")
	if dir == "" {
		t.Skip("MESHPLAN_LINKERD_CHARTS does not name a directory with Linkerd's charts")
	}
	webhook := func(name string) map[string]any {
		return map[string]any{"externalSecret": true, "caBundle": pem(name + "-ca")}
	}
	for name, values := range map[string]Values{
		"linkerd-crds": nil,
		"linkerd-control-plane": {
			"identityTrustAnchorsPEM": pem("anchor"), "identity": map[string]any{"issuer": map[string]any{"scheme": "kubernetes.io/tls"}},
			"proxyInjector": webhook("injector"), "profileValidator": webhook("profile"), "policyValidator": webhook("policy"), "heartbeatSchedule": "1 2 * * *",
		},
		"linkerd-viz":  vizValues().Merge(Values{"createNamespaceMetadataJob": false}),
		"linkerd2-cni": nil,
	} {
		t.Run(name, func(t *testing.T) {
			options := RenderOptions{ReleaseName: name, Namespace: "linkerd", Values: values, KubeVersion: "v1.35.0"}
			c, ds := Load(t.Context(), Source{Path: name}, LoadOptions{BaseDir: dir})
			noErrors(t, ds)
			theirs, ds := c.Render(t.Context(), options)
			noErrors(t, ds)
			ours, ds := loadExample(t, name).Render(t.Context(), options)
			noErrors(t, ds)
			for id, template := range ours.Templates {
				if _, ok := theirs.Templates[id]; !ok {
					t.Errorf("%v of %s is not an object of Linkerd's chart", id, template)
				}
			}
		})
	}
}

func BenchmarkRender(b *testing.B) {
	c, ds := Load(b.Context(), Source{Path: "linkerd-control-plane"}, LoadOptions{BaseDir: exampleCharts})
	if ds.HasErrors() {
		b.Fatal(ds)
	}
	for b.Loop() {
		if _, ds := c.Render(b.Context(), RenderOptions{Namespace: "linkerd", Values: controlPlaneValues(), KubeVersion: "v1.37.2"}); ds.HasErrors() {
			b.Fatal(ds)
		}
	}
}
