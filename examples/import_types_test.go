package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
)

const importTypes = `
resource "kubernetes_namespace" "n" {
  name                  = "NAME"
  labels                = { team = "shop" }
  force_delete_contents = true
}

resource "kubernetes_secret" "s" {
  name      = "db"
  namespace = kubernetes_namespace.n.name
  data      = { password = "very-private" }
}

resource "kubernetes_metadata" "m" {
  api_version = "v1"
  kind        = "Namespace"
  name        = "NAME"
  labels      = { team = "shop" }
}
`

const importBlocks = `
import {
  to = kubernetes_namespace.n
  id = "NAME"
}

import {
  to = kubernetes_secret.s
  id = "NAME/db"
}

import {
  to = kubernetes_metadata.m
  id = "v1/Namespace/NAME"
}
`

const importMoves = `
moved {
  from = kubernetes_namespace.n
  to   = kubernetes_namespace.n2
}

moved {
  from = kubernetes_secret.s
  to   = kubernetes_secret.s2
}

moved {
  from = kubernetes_metadata.m
  to   = kubernetes_metadata.m2
}
`

// TestTypesTakeExistingObjectsOver imports what somebody made as the types that people write, and renames it. Nothing
// happens to the objects, and no secret shows.
func TestTypesTakeExistingObjectsOver(t *testing.T) {
	w := newWorkspace(t, "")
	name := testenv.Name(t)
	named := func(text string) string { return strings.ReplaceAll(text, "NAME", name) }
	namespaces := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	secrets := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(name)
	manual := metav1.CreateOptions{FieldManager: "kubectl-create"}
	if _, err := namespaces.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": name, "labels": map[string]any{"team": "shop"}}}}, manual); err != nil {
		t.Fatal(err)
	}
	made, err := secrets.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret",
		"metadata": map[string]any{"name": "db"}, "stringData": map[string]any{"password": "very-private"}}}, manual)
	if err != nil {
		t.Fatal(err)
	}

	w.write("objects.mesh.hcl", named(importTypes))
	w.write("once.mesh.hcl", named(importBlocks))
	planned := w.must(0, "plan")
	says(t, planned, "Plan: 3 to import, 0 to create, 3 to update, 0 to replace, 0 to delete.", "ownership marks")
	applied := w.must(0, "apply", "--auto-approve")
	if strings.Contains(planned.stdout+planned.stderr+applied.stdout+applied.stderr, "very-private") {
		t.Error("the password shows")
	}
	says(t, w.must(0, "plan", "--detailed-exitcode"), "No changes.")

	w.write("objects.mesh.hcl", strings.NewReplacer(`"n" {`, `"n2" {`, `"s" {`, `"s2" {`, `"m" {`, `"m2" {`, "namespace.n.", "namespace.n2.").Replace(named(importTypes)))
	w.write("once.mesh.hcl", importMoves)
	says(t, w.must(2, "plan", "--detailed-exitcode"), "has moved to", "0 to create, 0 to update")
	w.must(0, "apply", "--auto-approve")
	says(t, w.must(0, "plan", "--detailed-exitcode"), "No changes.")
	if now, err := secrets.Get(t.Context(), "db", metav1.GetOptions{}); err != nil || now.GetUID() != made.GetUID() {
		t.Errorf("the Secret is another one: %v", err)
	}
	says(t, w.must(0, "destroy", "--auto-approve"), "3 deleted")
}

// TestImportOfWhatIsNoObject refuses with the words of the type: why there is nothing to import, and what to do instead.
func TestImportOfWhatIsNoObject(t *testing.T) {
	for address, c := range map[string]struct {
		block string
		want  []string
	}{
		"kubernetes_chart.x": {`resource "kubernetes_chart" "x" {
  name      = "x"
  namespace = "default"
  path      = "./chart"
}`, []string{"Objects of type kubernetes_chart cannot be imported", "A chart is a set of objects", `on_exists = "adopt"`}},
		"kubernetes_rollout_restart.x": {`resource "kubernetes_rollout_restart" "x" {
  kind      = "Deployment"
  namespace = "default"
  name      = "web"
}`, []string{"Objects of type kubernetes_rollout_restart cannot be imported", "A restart is something done", "kubernetes_manifest"}},
	} {
		t.Run(address, func(t *testing.T) {
			w := newWorkspace(t, "")
			w.write("x.mesh.hcl", c.block)
			if err := os.Mkdir(filepath.Join(w.dir, "chart"), 0o700); err != nil {
				t.Fatal(err)
			}
			w.write("chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 1.0.0\n")
			says(t, w.must(1, "import", address, "default/x", "--auto-approve"), c.want...)
			w.write("once.mesh.hcl", "import {\n  to = "+address+"\n  id = \"default/x\"\n}\n")
			says(t, w.must(1, "plan"), append(c.want, "once.mesh.hcl")...)
		})
	}
}
