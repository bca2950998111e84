package examples

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
)

// TestExistingObjectsComeUnderManagement takes over what somebody made with another tool: the configuration is written
// for them, they are imported, renamed in the configuration, and let go again. Nothing happens to the objects.
func TestExistingObjectsComeUnderManagement(t *testing.T) {
	w := newWorkspace(t, "")
	ns := testenv.Namespace(t)
	maps := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(ns)
	services := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).Namespace(ns)
	manual := metav1.CreateOptions{FieldManager: "kubectl-create"}
	note := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "note", "labels": map[string]any{"app": "shop"}}, "data": map[string]any{"text": "by hand"}}}
	if _, err := maps.Create(t.Context(), note, manual); err != nil {
		t.Fatal(err)
	}
	web := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Service",
		"metadata": map[string]any{"name": "web"},
		"spec":     map[string]any{"selector": map[string]any{"app": "web"}, "ports": []any{map[string]any{"name": "http", "port": int64(80)}}}}}
	made, err := services.Create(t.Context(), web, manual)
	if err != nil {
		t.Fatal(err)
	}

	w.write("import.mesh.hcl", strings.ReplaceAll(`
import {
  to = kubernetes_manifest.note
  id = "v1/ConfigMap/NS/note"
}

import {
  to = kubernetes_manifest.web
  id = "v1/Service/NS/web"
}
`, "NS", ns))
	says(t, w.must(1, "plan"), "--generate-config-out")
	says(t, w.must(0, "plan", "--generate-config-out", "generated.mesh.hcl"), "generated.mesh.hcl")
	generated := w.read("generated.mesh.hcl")
	for _, wrong := range []string{"clusterIP", "uid", "resourceVersion", "sessionAffinity"} {
		if strings.Contains(generated, wrong) {
			t.Errorf("the written configuration holds %s, which the server has set:\n%s", wrong, generated)
		}
	}
	w.must(0, "fmt", "--check")
	says(t, w.must(0, "plan"), "Plan: 2 to import, 0 to create, 2 to update, 0 to replace, 0 to delete.", "(9 unchanged attributes hidden)", "ownership marks")
	w.must(0, "apply", "--auto-approve")
	says(t, w.must(0, "plan", "--detailed-exitcode"), "No changes.")

	w.write("import.mesh.hcl", `
moved {
  from = kubernetes_manifest.web
  to   = kubernetes_manifest.entrance
}
`)
	w.write("generated.mesh.hcl", strings.Replace(generated, `"web" {`, `"entrance" {`, 1))
	says(t, w.must(2, "plan", "--detailed-exitcode"), "has moved to", "0 to create")
	w.must(0, "apply", "--auto-approve")
	says(t, w.must(0, "plan", "--detailed-exitcode"), "No changes.")

	w.write("import.mesh.hcl", `
removed {
  from = kubernetes_manifest.entrance
  lifecycle {
    destroy = false
  }
}

removed {
  from = kubernetes_manifest.note
  lifecycle {
    destroy = false
  }
}
`)
	w.write("generated.mesh.hcl", "")
	says(t, w.must(0, "apply", "--auto-approve"), "0 deleted")
	says(t, w.must(0, "state", "list"), "")
	still, err := services.Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil || still.GetUID() != made.GetUID() {
		t.Errorf("the Service is another one: %v", err)
	}
	if got, err := maps.Get(t.Context(), "note", metav1.GetOptions{}); err != nil {
		t.Error(err)
	} else if text, _, _ := unstructured.NestedString(got.Object, "data", "text"); text != "by hand" {
		t.Errorf("the ConfigMap says %q", text)
	}
}
