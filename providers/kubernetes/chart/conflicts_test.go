package chart

import (
	"testing"

	"github.com/zclconf/go-cty/cty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/testenv"
)

// TestFieldsOfAChartAreLeftToOthers scales a Deployment of a chart as an autoscaler does: that is a conflict, and nothing
// to do once the field is left to it.
func TestFieldsOfAChartAreLeftToOthers(t *testing.T) {
	ns := testenv.Namespace(t)
	dir := t.TempDir()
	writeChart(t, dir, "app", map[string]string{"templates/app.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  replicas: 1
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec: {containers: [{name: app, image: "example.test/app:1"}]}
`})
	in := newInstance(t, dir)
	vars := map[string]cty.Value{"namespace": cty.StringVal(ns)}
	const body = "name = \"app\"\npath = \"app\"\nnamespace = namespace\n"
	config := in.config(body, vars)
	in.apply(config, config)
	deployments := testenv.Dynamic(t).Resource(runtimeschema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}).Namespace(ns)
	if _, err := deployments.Patch(t.Context(), "app", types.MergePatchType, []byte(`{"spec":{"replicas":3}}`), metav1.PatchOptions{FieldManager: "kube-controller-manager"}); err != nil {
		t.Fatal(err)
	}
	in.read()
	_, ds := in.plan(config)
	wantDiagnostics(t, ds, "k8s.conflict", "spec.replicas is set by kube-controller-manager")
	left := in.config(body+"field_conflicts = { \"spec.replicas\" = \"yield\" }\n", vars)
	in.apply(left, left)
	in.wantEmpty(left)
	in.read()
	in.wantEmpty(left)
	live, err := deployments.Get(t.Context(), "app", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n, _, _ := unstructured.NestedInt64(live.Object, "spec", "replicas"); n != 3 {
		t.Errorf("%d replicas, want those of the autoscaler", n)
	}
}
