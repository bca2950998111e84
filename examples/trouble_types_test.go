package examples

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/internal/testenv/faultproxy"
)

// everyType has an object of each type of the Kubernetes provider, and waits wherever one can.
const everyType = `
variable "round" { type = string }

resource "kubernetes_namespace" "n" {
  name                  = "NAME"
  force_delete_contents = true
}

resource "kubernetes_secret" "s" {
  namespace = kubernetes_namespace.n.name
  name      = "db"
  data      = { password = "round ${var.round}" }
}

resource "kubernetes_manifest" "web" {
  manifest = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "web", namespace = kubernetes_namespace.n.name }
    spec = {
      replicas = 2
      selector = { matchLabels = { app = "web" } }
      template = {
        metadata = { labels = { app = "web" } }
        spec     = { containers = [{ name = "web", image = "example.test/web:1" }] }
      }
    }
  }
  wait {
    rollout = true
    timeout = "2m"
    condition { type = "Available" }
    field {
      path  = "status.readyReplicas"
      value = "2"
    }
  }
}

resource "kubernetes_metadata" "m" {
  api_version = "v1"
  kind        = "Namespace"
  name        = kubernetes_namespace.n.name
  labels      = { round = var.round }
}

resource "kubernetes_rollout_restart" "web" {
  namespace  = kubernetes_namespace.n.name
  name       = "web"
  triggers   = { round = var.round }
  depends_on = [kubernetes_manifest.web]
}

resource "kubernetes_chart" "c" {
  namespace = kubernetes_namespace.n.name
  name      = "app"
  path      = "./chart"
  values    = { round = var.round }
  wait { timeout = "2m" }
}
`

var troubledChart = map[string]string{
	"Chart.yaml": "apiVersion: v2\nname: app\nversion: 1.0.0\n",
	"templates/app.yaml": `apiVersion: v1
kind: ConfigMap
metadata: {name: app}
data: {round: {{ .Values.round | quote }}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  replicas: 1
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}, annotations: {round: {{ .Values.round | quote }}}}
    spec: {containers: [{name: app, image: "example.test/app:1"}]}
`}

// TestEveryTypeConvergesInTrouble makes, changes and removes an object of each type while the way to the server is bad:
// everything is done, once, and the plan that follows is empty.
func TestEveryTypeConvergesInTrouble(t *testing.T) {
	deployments := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	for name, rules := range map[string][]faultproxy.Rule{
		"resets and lost answers": {{Match: faultproxy.Writes, Every: 2, Fault: faultproxy.LoseAnswer()}, {Every: 5, Fault: faultproxy.Reset()}},
		"errors":                  {{Match: faultproxy.Any, Every: 6, Times: 15, Fault: faultproxy.Refuse(http.StatusTooManyRequests, "slow down", time.Second)}, {Match: faultproxy.Writes, Every: 3, Fault: faultproxy.Refuse(http.StatusInternalServerError, "etcdserver: leader changed", 0)}},
		"slow, watches are cut":   {{Match: faultproxy.Watches, Fault: faultproxy.Cut(50 * time.Millisecond)}, {Every: 3, Fault: faultproxy.Delay(100 * time.Millisecond)}},
	} {
		t.Run(name, func(t *testing.T) {
			namespace := testenv.Name(t)
			proxy := faultproxy.New(t, testenv.Kubeconfig(t), rules...)
			w := newWorkspace(t, "")
			w.env = append(w.env, "KUBECONFIG="+proxy.Kubeconfig, "MESHPLAN_VAR_round=two")
			w.write("all.mesh.hcl", strings.ReplaceAll(everyType, "NAME", namespace))
			if err := os.MkdirAll(filepath.Join(w.dir, "chart", "templates"), 0o700); err != nil {
				t.Fatal(err)
			}
			for file, text := range troubledChart {
				w.write("chart/"+file, text)
			}
			revision := func(deployment string) string {
				t.Helper()
				u, err := testenv.Dynamic(t).Resource(deployments).Namespace(namespace).Get(t.Context(), deployment, metav1.GetOptions{})
				if err != nil {
					t.Fatal(err)
				}
				return u.GetAnnotations()["deployment.kubernetes.io/revision"]
			}
			for i, round := range []string{"one", "two"} {
				w.must(0, "apply", "--auto-approve", "--var", "round="+round)
				w.must(0, "plan", "--detailed-exitcode", "--var", "round="+round)
				// The restart follows the creation, and is repeated by its trigger; the chart is made, and changed once.
				for deployment, want := range map[string]string{"web": []string{"2", "3"}[i], "app": []string{"1", "2"}[i]} {
					if got := revision(deployment); got != want {
						t.Errorf("round %s: %s is at revision %s, want %s: something was done more or less than once", round, deployment, got, want)
					}
				}
			}
			says(t, w.must(0, "destroy", "--auto-approve"), "6 deleted")
			namespaces := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
			if _, err := namespaces.Get(t.Context(), namespace, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
				t.Errorf("the namespace is still there: %v", err)
			}
			for i, hits := range proxy.Hits() {
				if hits == 0 {
					t.Errorf("rule %d never hit", i)
				}
			}
		})
	}
}
