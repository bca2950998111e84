package examples

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/testenv"
)

// user is somebody who may do what `meshplan rbac` prints for a purpose, and nothing else.
type user struct {
	name, kubeconfig string
	granted          map[string]bool // "verb resource.group"
}

// grant gives a new user the roles that the program prints.
func (w *workspace) grant(purpose string, flags ...string) *user {
	t := w.t
	t.Helper()
	u := &user{name: testenv.Name(t), granted: map[string]bool{}}
	u.kubeconfig = testenv.UserKubeconfig(t, u.name)
	printed := w.must(0, append([]string{"rbac", "--for=" + purpose, "--name", u.name, "--output", "json"}, flags...)...)
	var list struct{ Items []map[string]any }
	if err := json.Unmarshal([]byte(printed.stdout), &list); err != nil {
		t.Fatal(err)
	}
	for _, object := range list.Items {
		role := &unstructured.Unstructured{Object: object}
		t.Logf("%s for %s: %d rules", role.GetKind(), purpose, len(object["rules"].([]any)))
		w.create(role)
		binding := role.DeepCopy()
		delete(binding.Object, "rules")
		binding.SetKind(role.GetKind() + "Binding")
		binding.Object["roleRef"] = map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": role.GetKind(), "name": role.GetName()}
		binding.Object["subjects"] = []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": u.name}}
		w.create(binding)
		for _, r := range object["rules"].([]any) {
			rule := r.(map[string]any)
			for _, verb := range texts(rule["verbs"]) {
				for _, resource := range texts(rule["resources"]) {
					if group := texts(rule["apiGroups"])[0]; group != "" {
						resource += "." + group
					}
					u.granted[verb+" "+resource] = true
				}
			}
		}
	}
	return u
}

func texts(v any) (out []string) {
	list, _ := v.([]any)
	for _, e := range list {
		out = append(out, e.(string))
	}
	return out
}

func (w *workspace) create(u *unstructured.Unstructured) {
	t := w.t
	t.Helper()
	client := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: strings.ToLower(u.GetKind()) + "s"}).Namespace(u.GetNamespace())
	if _, err := client.Create(t.Context(), u, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Delete(context.Background(), u.GetName(), metav1.DeleteOptions{}); err != nil {
			t.Errorf("%s %s stays: %v", u.GetKind(), u.GetName(), err)
		}
	})
}

// as runs the program as a user.
func (w *workspace) as(u *user, code int, args ...string) result {
	w.t.Helper()
	return w.must(code, append(args, "--kubeconfig", u.kubeconfig)...)
}

// judge compares what a user was allowed with what was asked: nothing was refused but what the list tolerates, and each
// verb on a resource that was granted was needed, but for those of the list. Both lists hold prefixes, with reasons.
func (u *user) judge(t *testing.T, tolerated, unused map[string]string) {
	t.Helper()
	used, refused := map[string]bool{}, map[string]int{}
	for _, r := range testenv.Audit(t, u.name) {
		what := r.Verb + " " + r.Resource
		used[what] = true
		if r.Code == http.StatusForbidden && r.URI != "" {
			refused[fmt.Sprintf("%s (%s/%s)", what, r.Namespace, r.Name)]++
		}
	}
	if len(used) == 0 {
		t.Fatalf("the audit log has nothing of %s", u.name)
	}
	known := func(list map[string]string, what string) bool {
		for prefix := range list {
			if strings.HasPrefix(what, prefix) {
				return true
			}
		}
		return false
	}
	for _, what := range slices.Sorted(maps.Keys(refused)) {
		if !known(tolerated, what) {
			t.Errorf("not enough: %s was refused %d times", what, refused[what])
		}
	}
	for _, what := range slices.Sorted(maps.Keys(u.granted)) {
		if !used[what] && !known(unused, what) {
			t.Errorf("too much: %s is granted and was never asked", what)
		}
	}
	for prefix, why := range unused {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(u.granted)), func(g string) bool { return strings.HasPrefix(g, prefix) }) {
			t.Errorf("%q is excused (%s) but not granted", prefix, why)
		}
	}
}

// TestRightsOfTheRollout plans, applies, watches and destroys the reference rollout, each as a user who has nothing but
// the roles that `meshplan rbac` prints for that, and reads in the audit log that these were enough, and all needed.
func TestRightsOfTheRollout(t *testing.T) {
	w := newWorkspace(t, "mtls-rollout")
	checkNothingLeft(t)
	planner, applier, watcher := w.grant("plan"), w.grant("apply"), w.grant("drift")

	// What they lack, and that they lack nothing, is known beforehand. Others than those who are judged ask, since a look at the
	// control plane reads more than a configuration needs.
	askers := map[string]*user{}
	for _, purpose := range []string{"plan", "apply", "drift"} {
		askers[purpose] = w.grant(purpose)
		fit := w.as(askers[purpose], 0, "doctor", "--for", purpose)
		contains(t, fit, fit.stdout, "rights that ", "A run can work", "no Linkerd in namespace linkerd yet")
		if strings.Contains(fit.stdout, "no right to") {
			t.Errorf("%s: %s", purpose, fit.stdout)
		}
	}
	lacking := w.as(askers["plan"], 1, "doctor")
	contains(t, lacking, words(lacking.stdout), "FAIL no right to ", "create", "; --json lists all", "A run would fail", "meshplan rbac --for apply")

	first := w.as(planner, 0, "plan", "--summary")
	contains(t, first, first.stdout, " to create, 0 to update, 0 to replace, 0 to delete.")
	w.as(applier, 0, "apply", "--auto-approve", "--summary")
	empty := w.as(planner, 0, "plan")
	contains(t, empty, empty.stdout, "No changes.")
	w.as(watcher, 0, "drift")
	fit := w.as(askers["apply"], 0, "doctor")
	contains(t, fit, fit.stdout, "Linkerd edge-", "A run can work")

	client := testenv.Dynamic(t)
	if _, err := client.Resource(servers).Namespace("shop").Patch(t.Context(), "paymentservice-http", types.MergePatchType,
		[]byte(`{"spec":{"accessPolicy":"all-unauthenticated"}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	found := w.as(watcher, 2, "drift")
	contains(t, found, found.stdout, "linkerd_server.payment")
	predicted := w.as(planner, 2, "plan", "--detailed-exitcode") // the code is that of any plan with changes
	contains(t, predicted, words(predicted.stdout), "predicted: the credentials may not write", "1 to update")
	w.as(applier, 0, "apply", "--auto-approve", "--summary")
	w.as(planner, 0, "plan", "--destroy", "--summary")
	w.as(applier, 0, "destroy", "--auto-approve", "--summary")

	gateway := map[string]string{
		"list grpcroutes.gateway": "only asked where the Gateway API is installed", "list httproutes.gateway": "only asked where the Gateway API is installed",
	}
	drifted := map[string]string{
		"get authorizationpolicies": "its objects are listed; one is read when it has changed", "get meshtlsauthentications": "its objects are listed; one is read when it has changed",
	}
	planner.judge(t, map[string]string{
		"patch ":               "a plan asks the server by dry runs where it may, and predicts otherwise",
		"get pods/portforward": "a plan asks the proxies who calls where it may; it is an estimate",
		"list secrets":         "Secrets are read one by one where they may not be listed",
	}, join(gateway, drifted, map[string]string{
		"list networkpolicies": injects, "list cronjobs": injects, "list jobs": injects, "list namespaces": inspects, "list events": inspects,
	}))
	watcher.judge(t, nil, join(drifted, gateway, map[string]string{
		"get clusterroles": "listed; one is read when it has changed", "get clusterrolebindings": "listed; one is read when it has changed",
		"get customresourcedefinitions": "listed; one is read when it has changed", "get services": "listed; one is read when it has changed",
	}))
	applier.judge(t, map[string]string{
		"list secrets":              "Secrets are read one by one where they may not be listed, and do not hold a deleted namespace",
		"list csistoragecapacities": others, "list podcertificaterequests": others, "list resourceclaims": others, "list resourceclaimtemplates": others,
		"list validatingwebhookconfigurations": "a watch begins with a list; without the right it is looked now and then", "list mutatingwebhookconfigurations": "a watch begins with a list",
	}, join(gateway, map[string]string{
		"bind ": "the server asks itself, when a binding is written", "escalate ": "the server asks itself, when a role is written",
		"create pods/portforward": "the server asks itself, when a WebSocket is opened",
		"list namespaces":         inspects,
		"watch ":                  "only what is not ready, or gone, at the first look is watched",
		"list events":             "only asked to explain why something does not become ready",
		"get daemonsets":          "which workloads a namespace has is found when it is meshed", "get statefulsets": "as above",
		"patch daemonsets": "as above", "patch statefulsets": "as above",
	}))
}

// injects is why a right is not needed where the plan makes the namespace.
const injects = "asked when an injection changes in a namespace that exists"

// inspects is why a right of drift is part of more.
const inspects = "asked when drift is looked for"

// others is why a kind may not be listed when a namespace goes.
const others = "what may not be listed does not hold a deleted namespace back"

func join(maps ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, m := range maps {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

// every is a configuration with every type of the kubernetes provider, in a namespace that exists and one that it makes.
const every = `
resource "kubernetes_namespace" "made" {
  name = "NS-made"
}

resource "kubernetes_manifest" "settings" {
  count    = 5
  manifest = { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "settings-${count.index}", namespace = "NS" }, data = { a = "1" } }
}

resource "kubernetes_manifest" "web" {
  manifest = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "web", namespace = "NS" }
    spec = {
      selector = { matchLabels = { app = "web" } }
      template = {
        metadata = { labels = { app = "web" } }
        spec     = { containers = [{ name = "web", image = "web:1" }] }
      }
    }
  }
  wait {
    rollout = true
  }
}

resource "kubernetes_manifest" "kind" {
  manifest = {
    apiVersion = "apiextensions.k8s.io/v1"
    kind       = "CustomResourceDefinition"
    metadata   = { name = "widgetry.NS.example.org" }
    spec = {
      group    = "NS.example.org"
      scope    = "Namespaced"
      names    = { kind = "Widget", plural = "widgetry" }
      versions = [{ name = "v1", served = true, storage = true, schema = { openAPIV3Schema = { type = "object", "x-kubernetes-preserve-unknown-fields" = true } } }]
    }
  }
  wait {
    rollout = true
  }
}

resource "kubernetes_manifest" "widget" {
  manifest   = { apiVersion = "NS.example.org/v1", kind = "Widget", metadata = { name = "one", namespace = kubernetes_namespace.made.name }, spec = { size = 1 } }
  depends_on = [kubernetes_manifest.kind]
}

resource "kubernetes_manifest" "role" {
  manifest = {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "Role"
    metadata   = { name = "reader", namespace = "NS" }
    rules      = [{ apiGroups = [""], resources = ["pods"], verbs = ["get", "deletecollection"] }]
  }
}

resource "kubernetes_manifest" "binding" {
  manifest = {
    apiVersion = "rbac.authorization.k8s.io/v1"
    kind       = "RoleBinding"
    metadata   = { name = "reader", namespace = "NS" }
    roleRef    = { apiGroup = "rbac.authorization.k8s.io", kind = "Role", name = kubernetes_manifest.role.name }
    subjects   = [{ kind = "ServiceAccount", name = "default", namespace = "NS" }]
  }
}

resource "kubernetes_secret" "token" {
  namespace = "NS"
  name      = "token"
  data      = { token = "planted" }
}

resource "kubernetes_metadata" "label" {
  api_version = "v1"
  kind        = "ConfigMap"
  namespace   = "NS"
  name        = "kube-root-ca.crt"
  labels      = { "example.org/seen" = "yes" }
}

resource "kubernetes_rollout_restart" "web" {
  namespace = "NS"
  name      = kubernetes_manifest.web.name
  triggers  = { a = "1" }
}

resource "kubernetes_chart" "app" {
  name      = "app"
  namespace = "NS"
  path      = "chart"
}

data "kubernetes_object" "account" {
  api_version = "v1"
  kind        = "ServiceAccount"
  namespace   = "NS"
  name        = "default"
}

data "kubernetes_objects" "quotas" {
  api_version = "v1"
  kind        = "ResourceQuota"
  namespace   = "NS"
}

data "kubernetes_cluster" "this" {}
`

// TestRightsOfEveryType does the same for every type of the kubernetes provider, with Roles in a namespace that exists and a
// planner who may ask the server by dry runs.
func TestRightsOfEveryType(t *testing.T) {
	w := newWorkspace(t, "")
	ns := testenv.Namespace(t)
	w.write("main.mesh.hcl", strings.ReplaceAll(every, "NS", ns))
	if err := os.MkdirAll(filepath.Join(w.dir, "chart", "templates"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write("chart/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n")
	w.write("chart/templates/app.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: app}\nspec: {ports: [{port: 80}], selector: {app: web}}\n")
	planner, applier, watcher := w.grant("plan", "--dry-run"), w.grant("apply"), w.grant("drift")

	w.as(planner, 0, "plan")
	w.as(applier, 0, "apply", "--auto-approve")
	empty := w.as(planner, 0, "plan")
	contains(t, empty, empty.stdout, "No changes.")
	w.as(watcher, 0, "drift")
	maps := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(ns)
	if _, err := maps.Patch(t.Context(), "settings-0", types.MergePatchType, []byte(`{"data":{"a":"2"}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	w.as(watcher, 2, "drift")
	w.write("main.mesh.hcl", strings.NewReplacer("NS", ns, `a = "1"`, `a = "3"`, `"deletecollection"`, `"list"`, `size = 1`, `size = 2`, `"planted"`, `"replanted"`, `"yes"`, `"no"`).Replace(every))
	changed := w.as(planner, 0, "plan", "--summary")
	if strings.Contains(changed.stdout, "predicted") {
		t.Errorf("the server was not asked:\n%s", changed.stdout)
	}
	w.as(applier, 0, "apply", "--auto-approve")
	w.as(applier, 0, "destroy", "--auto-approve")

	itself := map[string]string{
		"bind ": "the server asks itself, when a binding is written", "escalate ": "the server asks itself, when a role is written",
	}
	planner.judge(t, nil, join(itself, map[string]string{"create widgetry": "its kind does not exist before the apply"}))
	watcher.judge(t, nil, nil)
	applier.judge(t, map[string]string{
		"list secrets": others, "list widgetry": others, "list csistoragecapacities": others, "list podcertificaterequests": others,
		"list resourceclaims": others, "list resourceclaimtemplates": others,
	}, join(itself, map[string]string{
		"watch ": "only what is not ready, or gone, at the first look is watched", "list events": "only asked to explain why something does not become ready",
	}))
}
