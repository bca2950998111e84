package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
)

const movedBefore = `resource "kubernetes_namespace" "shop" {
  name = "shop"
}

resource "linkerd_crds" "old" {
  path      = "charts/linkerd-crds"
  namespace = kubernetes_namespace.shop.name
}

resource "linkerd_server" "old" {
  namespace     = kubernetes_namespace.shop.name
  name          = "web"
  pod_selector  = { app = "web" }
  port          = 8080
  access_policy = "audit"
  depends_on    = [linkerd_crds.old]
}

resource "kubernetes_manifest" "web" {
  manifest = {
    apiVersion = "v1"
    kind       = "Service"
    metadata   = { name = "web", namespace = kubernetes_namespace.shop.name }
    spec       = { ports = [{ port = 80 }], selector = { app = "web" } }
  }
}

resource "linkerd_retry_policy" "old" {
  namespace  = kubernetes_namespace.shop.name
  name       = "web"
  http       = ["5xx"]
  limit      = 2
  depends_on = [kubernetes_manifest.web]
}
`

// TestMovedResourcesTakeTheirObjectsAlong renames resources of a chart, of a custom resource and of annotations on a Service of
// somebody else. Marks and field managers follow, so that the most thorough look finds nothing to do and a removal leaves nothing.
func TestMovedResourcesTakeTheirObjectsAlong(t *testing.T) {
	w := newWorkspace(t, "")
	if err := os.CopyFS(filepath.Join(w.dir, "charts", "linkerd-crds"), os.DirFS("mtls-rollout/charts/linkerd-crds")); err != nil {
		t.Fatal(err)
	}
	w.write("main.mesh.hcl", movedBefore)
	w.must(0, "apply", "--auto-approve")

	after := strings.NewReplacer(`" "old"`, `" "new"`, "linkerd_crds.old", "linkerd_crds.new").Replace(movedBefore)
	for _, typ := range []string{"linkerd_crds", "linkerd_server", "linkerd_retry_policy"} {
		after += "\nmoved {\n  from = " + typ + ".old\n  to   = " + typ + ".new\n}\n"
	}
	w.write("main.mesh.hcl", after)
	moved := w.must(0, "apply", "--auto-approve")
	contains(t, moved, words(moved.stdout), "linkerd_server.old has moved to linkerd_server.new", "0 created, 0 updated, 0 replaced, 0 deleted")
	client := testenv.Dynamic(t)
	for name, gvr := range map[string]schema.GroupVersionResource{
		"web": {Group: "policy.linkerd.io", Version: "v1beta3", Resource: "servers"}, "servers.policy.linkerd.io": {Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
	} {
		namespace := "shop"
		if gvr.Resource != "servers" {
			namespace = ""
		}
		u, err := client.Resource(gvr).Namespace(namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if mark := u.GetAnnotations()["meshplan.dev/owner"]; !strings.Contains(mark, ".new") {
			t.Errorf("%s bears the mark %q", name, mark)
		}
	}
	thorough := w.must(0, "plan", "--refresh=full", "--detailed-exitcode")
	contains(t, thorough, thorough.stdout, "No changes.")

	w.write("main.mesh.hcl", movedBefore[:strings.Index(movedBefore, `resource "linkerd_retry_policy"`)])
	w.write("main.mesh.hcl", strings.NewReplacer(`" "old"`, `" "new"`, "linkerd_crds.old", "linkerd_crds.new").Replace(w.read("main.mesh.hcl")))
	w.must(0, "apply", "--auto-approve")
	service, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).Namespace("shop").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for key := range service.GetAnnotations() {
		if strings.Contains(key, "retry.linkerd.io") {
			t.Errorf("%s is left", key)
		}
	}
	w.must(0, "destroy", "--auto-approve")
}

// TestObjectsAreHandedOverToAnotherState: what one state lets go with a removed block, another adopts as it is. Without that
// it is refused.
func TestObjectsAreHandedOverToAnotherState(t *testing.T) {
	a, b := newWorkspace(t, ""), newWorkspace(t, "")
	if err := os.CopyFS(filepath.Join(a.dir, "charts", "linkerd-crds"), os.DirFS("mtls-rollout/charts/linkerd-crds")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(b.dir, "charts", "linkerd-crds"), os.DirFS("mtls-rollout/charts/linkerd-crds")); err != nil {
		t.Fatal(err)
	}
	a.write("main.mesh.hcl", movedBefore)
	a.must(0, "apply", "--auto-approve")
	client := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).Namespace("shop")
	before, err := client.Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}

	theirs := strings.NewReplacer(
		"  name = \"shop\"\n", "  name      = \"shop\"\n  on_exists = \"adopt\"\n",
		"  namespace = kubernetes_namespace.shop.name\n}", "  namespace = kubernetes_namespace.shop.name\n  on_exists = \"adopt\"\n}",
		"  access_policy = \"audit\"\n", "  access_policy = \"audit\"\n  on_exists     = \"adopt\"\n",
		"  manifest = {\n    apiVersion = \"v1\"", "  on_exists = \"adopt\"\n  manifest = {\n    apiVersion = \"v1\"",
	).Replace(movedBefore)
	b.write("main.mesh.hcl", theirs)
	refused := b.must(1, "plan")
	contains(t, refused, words(refused.stderr), "k8s.foreign-owner", "a removed block that says destroy = false")

	gone := ""
	for _, address := range []string{"linkerd_retry_policy.old", "kubernetes_manifest.web", "linkerd_server.old", "linkerd_crds.old", "kubernetes_namespace.shop"} {
		gone += "removed {\n  from = " + address + "\n  lifecycle {\n    destroy = false\n  }\n}\n"
	}
	a.write("main.mesh.hcl", gone)
	a.must(0, "apply", "--auto-approve")
	a.must(0, "plan", "--detailed-exitcode")
	b.must(0, "plan")
	b.must(0, "apply", "--auto-approve")
	b.must(0, "plan", "--detailed-exitcode")
	after, err := client.Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil || after.GetUID() != before.GetUID() {
		t.Errorf("the Service is another one: %v", err)
	}
	if mark := after.GetAnnotations()["meshplan.dev/owner"]; mark == before.GetAnnotations()["meshplan.dev/owner"] || !strings.HasSuffix(mark, "/kubernetes_manifest.web") {
		t.Errorf("its mark is %q", mark)
	}
	b.must(0, "destroy", "--auto-approve")
}
