package install_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/install"
	"github.com/meshplan/meshplan/providers/linkerd/linkerdtest"
)

var (
	crdsGVR   = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	routesGVR = schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}
)

const httpRoutes = "httproutes.gateway.networking.k8s.io"

// gatewayCRD is a definition of the Gateway API as somebody could have installed it.
func gatewayCRD(kind, bundle, version string, keep bool) map[string]any {
	plural := strings.ToLower(kind) + "s"
	annotations := map[string]any{
		"api-approved.kubernetes.io":               "https://github.com/kubernetes-sigs/gateway-api/pull/2997",
		"gateway.networking.k8s.io/bundle-version": bundle, "gateway.networking.k8s.io/channel": "standard",
	}
	if keep {
		annotations["helm.sh/resource-policy"] = "keep"
	}
	return map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": plural + ".gateway.networking.k8s.io", "annotations": annotations},
		"spec": map[string]any{"group": "gateway.networking.k8s.io", "scope": "Namespaced",
			"names": map[string]any{"kind": kind, "listKind": kind + "List", "plural": plural, "singular": strings.ToLower(kind)},
			"versions": []any{map[string]any{"name": version, "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}},
	}
}

// gatewayChart writes a chart that brings HTTPRoute of the given bundle, without the annotation that keeps it, as old
// versions of Linkerd's chart did.
func gatewayChart(t *testing.T, r *rollout, bundle string) string {
	t.Helper()
	base := t.TempDir()
	r.settings.BaseDir = func() string { return base }
	r.crds = linkerdtest.New(install.Types(r.env, r.settings)["linkerd_crds"], "linkerd", r.log)
	write := func(name, text string) {
		path := filepath.Join(base, "crds", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	body, err := (&unstructured.Unstructured{Object: gatewayCRD("HTTPRoute", bundle, "v1", false)}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	write("Chart.yaml", "apiVersion: v2\nname: linkerd-crds\nversion: 1.0.0\n")
	write("values.yaml", "installGatewayAPI: false\n")
	write("templates/own.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own}\n")
	write("templates/gateway.yaml", "{{- if .Values.installGatewayAPI }}\n"+string(body)+"\n{{- end }}\n")
	return "path = \"crds\"\n"
}

func (r *rollout) plant(object map[string]any) {
	r.Helper()
	client := testenv.Dynamic(r.T).Resource(crdsGVR)
	u := &unstructured.Unstructured{Object: object}
	if _, err := client.Create(r.Context(), u, metav1.CreateOptions{}); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { removeDefinition(r.T, u.GetName()) })
}

// removeDefinition deletes a definition and waits until it is gone.
func removeDefinition(t *testing.T, name string) {
	client := testenv.Dynamic(t).Resource(crdsGVR)
	ctx := t.Context()
	if ctx.Err() != nil { // in Cleanup
		ctx = teardown()
	}
	w, err := client.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		t.Error(err)
		return
	}
	defer w.Stop()
	if err := client.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
		if !apierrors.IsNotFound(err) {
			t.Error(err)
		}
		return
	}
	for e := range w.ResultChan() {
		if e.Type == "DELETED" {
			return
		}
	}
}

// TestGatewayAPIOfOthersIsNeverOverwritten plans the chart's own copy over definitions that are newer, or somebody
// else's, or too old for Linkerd.
func TestGatewayAPIOfOthersIsNeverOverwritten(t *testing.T) {
	r := newRollout(t)
	config := gatewayChart(t, r, "v1.1.1")
	bring := config + "install_gateway_api = true\n"
	client := testenv.Dynamic(t).Resource(crdsGVR)

	if plan, ds := r.crds.Plan(t, config); ds.HasErrors() || !strings.Contains(strings.Join(plan.Notes, " "), "The cluster has no grpcroutes.gateway.networking.k8s.io and no "+httpRoutes) {
		t.Errorf("without the Gateway API: %q %s", plan.Notes, linkerdtest.Text(ds))
	}
	newer := gatewayCRD("HTTPRoute", "v1.4.0", "v1", false)
	newer["metadata"].(map[string]any)["labels"] = map[string]any{"addonmanager.kubernetes.io/mode": "Reconcile"}
	r.plant(newer)
	before, err := client.Get(t.Context(), httpRoutes, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []string{"", "on_exists = \"adopt\"\nconflicts = \"force\"\n"} {
		_, ds := r.crds.Plan(t, bring+more)
		if text := linkerdtest.Text(ds); !has(ds, install.CodeGatewayAPI) || !ds.HasErrors() || !strings.Contains(text, "bundle v1.4.0, channel standard, kept by the cluster's add-on manager") || !strings.Contains(text, "install_gateway_api = false") {
			t.Errorf("over a newer bundle (%q) the plan says: %s", more, text)
		}
	}
	plan := r.crds.Apply(t, config)
	if notes := strings.Join(plan.Notes, " "); !strings.Contains(notes, "stays as it is: "+httpRoutes+" (bundle v1.4.0") {
		t.Errorf("the plan does not report the Gateway API: %q", notes)
	}
	r.crds.MustBeUnchanged(t, config)
	r.crds.Delete(t)
	after, err := client.Get(t.Context(), httpRoutes, metav1.GetOptions{})
	marks := func(u *unstructured.Unstructured) string {
		return fmt.Sprint(u.GetUID(), u.GetGeneration(), u.GetLabels(), u.GetAnnotations())
	}
	if err != nil || marks(after) != marks(before) {
		t.Errorf("the definition was touched: %v", err)
	}

	// An older one of somebody else is taken over on request only.
	removeDefinition(t, httpRoutes)
	older := gatewayCRD("HTTPRoute", "v1.0.0", "v1", false)
	older["metadata"].(map[string]any)["annotations"].(map[string]any)["meta.helm.sh/release-name"] = "gateway"
	older["metadata"].(map[string]any)["annotations"].(map[string]any)["meta.helm.sh/release-namespace"] = "theirs"
	if _, err := client.Create(t.Context(), &unstructured.Unstructured{Object: older}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, ds := r.crds.Plan(t, bring); !has(ds, install.CodeGatewayAPI) || !strings.Contains(linkerdtest.Text(ds), "kept by the Helm release theirs/gateway") {
		t.Errorf("over somebody else's the plan says: %s", linkerdtest.Text(ds))
	}
	if _, ds := r.crds.Plan(t, bring+"on_exists = \"adopt\"\nconflicts = \"force\"\n"); ds.HasErrors() {
		t.Errorf("taking it over, the plan says: %s", linkerdtest.Text(ds))
	}

	// One that does not serve v1 is of no use for Linkerd.
	removeDefinition(t, httpRoutes)
	if _, err := client.Create(t.Context(), &unstructured.Unstructured{Object: gatewayCRD("HTTPRoute", "v0.7.1", "v1beta1", false)}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, ds := r.crds.Plan(t, config); !has(ds, install.CodeGatewayAPI) || ds.HasErrors() || !strings.Contains(linkerdtest.Text(ds), "serves v1beta1, but Linkerd reads v1") {
		t.Errorf("with a definition that is too old the plan says: %s", linkerdtest.Text(ds))
	}
}

// TestGatewayAPIOutlivesItsInstaller makes the definitions, lets somebody use them, and then leaves them out of the chart
// and destroys it: they and the route stay, although the chart itself does not ask for that.
func TestGatewayAPIOutlivesItsInstaller(t *testing.T) {
	for _, way := range []string{"switched off", "destroyed"} {
		t.Run(way, func(t *testing.T) {
			r := newRollout(t)
			config := gatewayChart(t, r, "v1.1.1")
			t.Cleanup(func() { removeDefinition(t, httpRoutes) })
			bring := config + "install_gateway_api = true\n"
			r.crds.Apply(t, bring)
			r.crds.MustBeUnchanged(t, bring)
			routes := testenv.Dynamic(t).Resource(routesGVR).Namespace(r.namespace)
			route := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": map[string]any{"name": "theirs"}, "spec": map[string]any{}}}
			if _, err := routes.Create(t.Context(), route, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			if way == "switched off" {
				plan := r.crds.Apply(t, config)
				if notes := strings.Join(plan.Notes, " "); !strings.Contains(notes, httpRoutes+" stays") {
					t.Errorf("the plan does not say that the definition stays: %q", notes)
				}
				r.crds.MustBeUnchanged(t, config)
			}
			r.crds.Delete(t)
			if _, err := routes.Get(t.Context(), "theirs", metav1.GetOptions{}); err != nil {
				t.Errorf("the route of somebody else went: %v", err)
			}
			left, err := testenv.Dynamic(t).Resource(crdsGVR).Get(t.Context(), httpRoutes, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if marks := fmt.Sprint(left.GetLabels(), left.GetAnnotations()); strings.Contains(marks, "meshplan.dev/owner") {
				t.Errorf("the definition still carries our mark: %s", marks)
			}
		})
	}
}

// TestDriftBelowTheMesh: others change the Gateway API and the definitions under a control plane that stays as it was.
func TestDriftBelowTheMesh(t *testing.T) {
	r := newRollout(t)
	config := gatewayChart(t, r, "v1.1.1")
	t.Cleanup(func() { removeDefinition(t, httpRoutes) })
	r.crds.Apply(t, config+"install_gateway_api = true\n")
	defer r.crds.Delete(t)
	recorded := func(in *linkerdtest.Instance, typ string) providers.Recorded {
		return providers.Recorded{Address: addr.Resource{Mode: addr.Managed, Type: typ, Name: "linkerd"}.Instance(addr.NoKey), Value: in.Value}
	}
	findings := func(all ...providers.Recorded) (out []string) {
		t.Helper()
		got, ds := install.Inspect(t.Context(), r.env, providers.InspectRequest{Lineage: r.crds.Owner.Lineage, Recorded: all})
		if ds.HasErrors() {
			t.Fatal(linkerdtest.Text(ds))
		}
		for _, f := range got.Findings {
			if f.Fix == "" || f.Owner.Resource.Type == "" {
				t.Errorf("finding without a way out or an owner: %+v", f)
			}
			out = append(out, string(f.Class)+": "+f.Summary)
		}
		return out
	}
	crds := recorded(r.crds, "linkerd_crds")
	if got := findings(crds); len(got) > 0 {
		t.Errorf("right after the installation: %q", got)
	}
	client := testenv.Dynamic(t).Resource(crdsGVR)
	patch := func(name, body string) {
		t.Helper()
		if _, err := client.Patch(t.Context(), name, types.MergePatchType, []byte(body), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	patch(httpRoutes, `{"metadata":{"annotations":{"meta.helm.sh/release-name":"gateway","meta.helm.sh/release-namespace":"theirs"}}}`)
	if got := findings(crds); !slices.Equal(got, []string{"linkerd.drift.gateway-api: Two keep the Gateway API"}) {
		t.Errorf("after a Helm release took it as well: %q", got)
	}
	removeDefinition(t, httpRoutes)
	old := &unstructured.Unstructured{Object: gatewayCRD("HTTPRoute", "v0.7.1", "v1beta1", false)}
	if _, err := client.Create(t.Context(), old, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := findings(crds); !slices.Equal(got, []string{"linkerd.drift.gateway-api: Gateway API is too old for Linkerd"}) {
		t.Errorf("after somebody put an old one there: %q", got)
	}

	// A control plane of another release than its definitions, and one that Kubernetes has left behind.
	control := func(app, chart string) providers.Recorded {
		v := cty.ObjectVal(map[string]cty.Value{"app_version": cty.StringVal(app), "chart_version": cty.StringVal(chart)})
		return providers.Recorded{Address: addr.Resource{Mode: addr.Managed, Type: "linkerd_control_plane", Name: "linkerd"}.Instance(addr.NoKey), Value: v}
	}
	base, err := filepath.Abs(charts)
	if err != nil {
		t.Fatal(err)
	}
	settings := r.settings
	settings.BaseDir = func() string { return base }
	definitions := linkerdtest.New(install.Types(r.env, settings)["linkerd_crds"], "definitions", r.log)
	definitions.Apply(t, crdsConfig)
	defer definitions.Delete(t)
	if got := findings(control("edge-26.8.3", "2026.8.3")); slices.Contains(got, "linkerd.drift.release: Definitions are older than the control plane") {
		t.Errorf("with its own definitions: %q", got)
	}
	patch("servers.policy.linkerd.io", `{"metadata":{"labels":{"helm.sh/chart":"linkerd-crds-2025.1.1"}}}`)
	if got := findings(control("edge-26.8.3", "2026.8.3")); !slices.Contains(got, "linkerd.drift.release: Definitions are older than the control plane") {
		t.Errorf("with old definitions: %q", got)
	}
	if got := findings(control("stable-2.15.0", "2024.1.1")); !slices.Equal(got, []string{"linkerd.drift.release: Kubernetes is not one that this release was made for"}) {
		t.Errorf("with an old release: %q", got)
	}
}
