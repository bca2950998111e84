package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
)

// drafted is what runs in a namespace before anybody thinks of a mesh: payments, which trips call by an address in their
// environment, and a job queue that only hints at whom it calls.
const drafted = `
resource "kubernetes_namespace" "drafted" {
  name = "drafted"
}

locals {
  variables = {
    payment = []
    trip    = [{ name = "PAYMENT_URL", value = "http://payment.drafted.svc:80/pay" }]
    queue   = [{ name = "PAYMENT_HOST", value = "payment" }]
  }
}

resource "kubernetes_manifest" "account" {
  for_each = local.variables
  manifest = { apiVersion = "v1", kind = "ServiceAccount", metadata = { name = each.key, namespace = kubernetes_namespace.drafted.name } }
}

resource "kubernetes_manifest" "service" {
  for_each = local.variables
  manifest = {
    apiVersion = "v1", kind = "Service", metadata = { name = each.key, namespace = kubernetes_namespace.drafted.name }
    spec       = { selector = { app = each.key }, ports = [{ port = 80, targetPort = "http" }] }
  }
}

resource "kubernetes_manifest" "workload" {
  for_each = local.variables
  manifest = {
    apiVersion = "apps/v1", kind = "Deployment", metadata = { name = each.key, namespace = kubernetes_namespace.drafted.name }
    spec = {
      selector = { matchLabels = { app = each.key } }
      template = {
        metadata = { labels = { app = each.key } }
        spec = {
          serviceAccountName = each.key
          containers         = [{ name = each.key, image = "${each.key}:1", env = each.value, ports = [{ name = "http", containerPort = 8080 }] }]
        }
      }
    }
  }
  wait { rollout = true }
}

# What comes later has a namespace of its own.
resource "kubernetes_namespace" "later" {
  name = "later"
}

resource "kubernetes_manifest" "later" {
  manifest = {
    apiVersion = "apps/v1", kind = "Deployment", metadata = { name = "web", namespace = kubernetes_namespace.later.name }
    spec = {
      selector = { matchLabels = { app = "web" } }
      template = { metadata = { labels = { app = "web" } }, spec = { containers = [{ name = "web", image = "web:1", ports = [{ containerPort = 8080 }] }] } }
    }
  }
  wait { rollout = true }
}
`

// TestDraftedRollout: what init --from-cluster writes is valid, formatted, plans and applies as it stands, with and
// without a control plane, and leaves an empty plan and no drift.
func TestDraftedRollout(t *testing.T) {
	apps := newWorkspace(t, "")
	if err := os.WriteFile(filepath.Join(apps.dir, "apps.mesh.hcl"), []byte(drafted), 0o600); err != nil {
		t.Fatal(err)
	}
	apps.must(0, "apply", "--auto-approve")

	w := newWorkspace(t, "")
	if err := os.CopyFS(filepath.Join(w.dir, "charts"), os.DirFS("mtls-rollout/charts")); err != nil {
		t.Fatal(err)
	}
	first := w.must(0, "init", "--from-cluster", "drafted", "--charts", "charts")
	contains(t, first, first.stdout, "Wrote policy.mesh.hcl", "meshplan plan")
	written := read(t, w, "policy.mesh.hcl")
	for _, want := range []string{`"deployment-payment-8080" = ["drafted/trip"]`, `add "drafted/queue" if so`, `# "deployment-trip-8080" = `} {
		if !strings.Contains(words(strings.ReplaceAll(written, "    # ", "")), strings.TrimPrefix(want, "# ")) {
			t.Errorf("the policy lacks %s:\n%s", want, written)
		}
	}
	again := w.must(1, "init", "--from-cluster", "drafted")
	contains(t, again, again.stderr, "holds a configuration already")
	w.must(0, "fmt", "--check")
	if r := w.must(0, "validate"); r.stderr != "" {
		t.Errorf("validate says\n%s", r.stderr)
	}
	plan := w.must(0, "plan")
	contains(t, plan, plan.stdout, "linkerd_control_plane.linkerd", "wave 2/2 restarts deployment/trip")
	w.must(0, "apply", "--auto-approve")
	w.must(0, "plan", "--detailed-exitcode")
	drift := w.must(0, "drift")
	contains(t, drift, drift.stdout, "No drift.")

	// The control plane is there now: another draft leaves it alone, and says how to take it over.
	second := newWorkspace(t, "")
	if err := os.CopyFS(filepath.Join(second.dir, "charts"), os.DirFS("mtls-rollout/charts")); err != nil {
		t.Fatal(err)
	}
	second.must(0, "init", "--from-cluster", "later", "--charts", "charts")
	second.must(0, "fmt", "--check")
	second.must(0, "validate")
	mesh := read(t, second, "mesh.mesh.hcl")
	if !strings.Contains(mesh, "installed by another rollout of meshplan") {
		t.Errorf("the installation is not recognised:\n%s", mesh)
	}
	if r := second.must(0, "plan"); strings.Contains(r.stdout, "linkerd_control_plane") {
		t.Errorf("the plan touches the control plane:\n%s", r.stdout)
	}
	_, block, _ := strings.Cut(mesh, "out of the way.\n#\n")
	block = regexp.MustCompile(`(?m)^# ?`).ReplaceAllString(block, "")
	if err := os.WriteFile(filepath.Join(second.dir, "mesh.mesh.hcl"), []byte(mesh[:strings.Index(mesh, "# To take")]+block), 0o600); err != nil {
		t.Fatal(err)
	}
	second.must(0, "fmt", "--check")
	second.must(0, "validate")

	// And so it is done: the former owner lets the installation go, and the draft takes it over as it is.
	pods := func() string {
		t.Helper()
		list, err := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace("linkerd").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, u := range list.Items {
			out = append(out, string(u.GetUID()))
		}
		return strings.Join(out, " ")
	}
	before := pods()
	gone := ""
	for _, address := range []string{"linkerd_control_plane.linkerd", "linkerd_crds.linkerd", "linkerd_identity_issuer.mesh", "linkerd_trust_anchor.root", "kubernetes_namespace.linkerd"} {
		gone += "removed {\n  from = " + address + "\n  lifecycle {\n    destroy = false\n  }\n}\n"
	}
	w.write("mesh.mesh.hcl", gone)
	injection := read(t, w, "injection.mesh.hcl")
	w.write("injection.mesh.hcl", regexp.MustCompile(`(?m)^ +proxy_version .*\n`).ReplaceAllString(injection, ""))
	w.must(0, "apply", "--auto-approve")
	adopts := second.must(0, "plan")
	contains(t, adopts, adopts.stdout, "linkerd_control_plane.linkerd")
	second.must(0, "apply", "--auto-approve")
	if checked := second.must(0, "output", "--json"); !strings.Contains(strings.ReplaceAll(checked.stdout, " ", ""), `"healthy":{"sensitive":false,"value":true}`) {
		t.Errorf("not every check passes after the apply:\n%s", checked.stdout)
	}
	second.must(0, "plan", "--detailed-exitcode")
	if after := pods(); after != before {
		t.Errorf("taking the control plane over has replaced its pods: %s, then %s", before, after)
	}
	w.must(0, "destroy", "--auto-approve")                                               // the proxies go before what they depend on
	for _, secret := range []string{"linkerd-identity-issuer", "linkerd-trust-anchor"} { // which the draft left to whoever keeps them
		if err := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace("linkerd").Delete(t.Context(), secret, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	second.must(0, "destroy", "--auto-approve")
}

func read(t *testing.T, w *workspace, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
