package examples

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
)

// rollout of the test: what the rules of ci/policy speak about, in a cluster without Linkerd.
const policed = `
resource "kubernetes_namespace" "shop" {
  name = "policed"
}

resource "kubernetes_manifest" "web" {
  manifest = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "web", namespace = kubernetes_namespace.shop.name }
    spec = {
      replicas = 24
      selector = { matchLabels = { app = "web" } }
      template = {
        metadata = { labels = { app = "web" } }
        spec     = { containers = [{ name = "web", image = "registry.example.com/web:1" }] }
      }
    }
  }
  wait {
    rollout = true
  }
}

resource "linkerd_crds" "linkerd" {
  path      = "charts/linkerd-crds"
  namespace = kubernetes_namespace.shop.name
}
`

const unpolicedServer = `
resource "linkerd_server" "open" {
  name          = "open"
  namespace     = kubernetes_namespace.shop.name
  pod_selector  = { app = "web" }
  port          = 8080
  access_policy = "all-unauthenticated"
  depends_on    = [linkerd_crds.linkerd]
}
`

const restartAll = `
resource "kubernetes_rollout_restart" "web" {
  kind       = "Deployment"
  name       = "web"
  namespace  = kubernetes_namespace.shop.name
  depends_on = [kubernetes_manifest.web]
}
`

// TestPolicyOnPlans evaluates the shipped rules, by Open Policy Agent's own library, on the JSON of real plans: those that
// break a rule, and one that breaks none. terraform-json reads each of them too.
func TestPolicyOnPlans(t *testing.T) {
	w := newWorkspace(t, "")
	if err := os.CopyFS(filepath.Join(w.dir, "charts", "linkerd-crds"), os.DirFS("mtls-rollout/charts/linkerd-crds")); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("main.mesh.hcl", policed)
	evaluator := filepath.Join(t.TempDir(), "policy")
	build := exec.Command("go", "build", "-trimpath", "-o", evaluator, "./policy")
	build.Dir = "../internal/tools"
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	judge := func(args ...string) (deny, warn []string) {
		t.Helper()
		w.must(0, append([]string{"plan", "--out", "saved.plan"}, args...)...)
		shown := w.must(0, "show", "--json", "saved.plan").stdout
		var plan tfjson.Plan
		if err := json.Unmarshal([]byte(shown), &plan); err != nil || len(plan.ResourceChanges) == 0 {
			t.Errorf("terraform-json reads %d changes: %v", len(plan.ResourceChanges), err)
		}
		write("plan.json", shown)
		var stderr bytes.Buffer
		cmd := exec.Command(evaluator, "ci/policy/meshplan.rego", filepath.Join(w.dir, "plan.json"))
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("the rules cannot be evaluated: %v: %s", err, &stderr)
		}
		var said struct{ Deny, Warn []string }
		if err := json.Unmarshal(out, &said); err != nil {
			t.Fatal(err)
		}
		return said.Deny, said.Warn
	}
	check := func(what string, got []string, want ...string) {
		t.Helper()
		ok := len(got) == len(want)
		for i := 0; ok && i < len(got); i++ {
			ok = strings.Contains(got[i], want[i])
		}
		if !ok {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}

	deny, warn := judge()
	check("a plan that creates", deny)
	check("a plan that creates", warn)
	deny, _ = judge("--offline")
	check("a plan made offline", deny, "the plan was made offline")

	w.must(0, "apply", "--auto-approve", "--summary")
	write("server.mesh.hcl", unpolicedServer)
	write("restart.mesh.hcl", restartAll)
	deny, warn = judge()
	check("a Server for everybody", deny, "linkerd_server.open would admit clients without identity")
	check("24 pods restarted", warn, "24 pods would be restarted")
	deny, _ = judge("--destroy")
	check("definitions deleted", deny, "linkerd_crds.linkerd would be deleted or replaced")

	if err := os.Remove(filepath.Join(w.dir, "server.mesh.hcl")); err != nil {
		t.Fatal(err)
	}
	w.must(0, "apply", "--auto-approve", "--summary")
	write("restart.mesh.hcl", strings.Replace(restartAll, "depends_on", `triggers   = { again = "yes" }
  depends_on`, 1))
	deny, warn = judge()
	check("restarted again", deny)
	check("restarted again", warn, "24 pods would be restarted", "kubernetes_rollout_restart.web cannot be undone: pods that were restarted")
}
