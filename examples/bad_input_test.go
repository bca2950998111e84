package examples

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/meshplan/meshplan/internal/testenv"
)

// complaint is what is expected of a diagnostic.
type complaint struct {
	code string
	file string
	at   string   // the text that the position is on the line of, in file
	says []string // what is wrong, and how to mend it
}

// TestBadInput makes mistakes in the reference rollout, one at a time. Each must be refused with exit code 1 before anything changes, and
// the message must say where, what, and how to mend it.
func TestBadInput(t *testing.T) {
	w := newWorkspace(t, "mtls-rollout")
	w.must(0, "apply", "--auto-approve", "--summary", "--target", "kubernetes_namespace.shop") // so that there is a state

	for _, tt := range []struct {
		name           string
		file, old, new string   // the mistake
		args           []string // more arguments
		want           []complaint
	}{
		{"syntax", "policy.mesh.hcl", `mode      = var.enforcement`, `mode      : var.enforcement`, nil,
			[]complaint{{"config.syntax", "policy.mesh.hcl", `mode      : var`, []string{"To set an argument, use the equals sign"}}}},
		{"unknown argument", "injection.mesh.hcl", "max_parallel ", "max_paralel  ", nil,
			[]complaint{{"config.unknown-attribute", "injection.mesh.hcl", "max_paralel", []string{`"max_paralel"`, `Did you mean "max_parallel"?`}}}},
		{"wrong type", "injection.mesh.hcl", "max_parallel         = 2", `max_parallel         = "two"`, nil,
			[]complaint{{"config.wrong-type", "injection.mesh.hcl", `"two"`, []string{"max_parallel", "number"}}}},
		{"value that is not among the possible ones", "policy.mesh.hcl", `mode      = var.enforcement`, `mode      = "denied"`, nil,
			[]complaint{{"config.invalid-value", "policy.mesh.hcl", `"denied"`, []string{"denied", "deny", "audit"}}}},
		{"not a duration", "verify.mesh.hcl", `timeout   = "2m"`, `timeout   = "2 minutes"`, nil,
			[]complaint{{"config.invalid-value", "verify.mesh.hcl", `"2 minutes"`, []string{"2 minutes", "duration"}}}},
		{"reference to nothing", "policy.mesh.hcl", "[linkerd_gate.encrypted, ", "[linkerd_gate.encryptd, ", nil,
			[]complaint{{"config.no-such-reference", "policy.mesh.hcl", "linkerd_gate.encryptd", []string{"linkerd_gate.encryptd", `Did you mean "linkerd_gate.encrypted"?`}}}},
		{"unknown type", "injection.mesh.hcl", `"linkerd_injection"`, `"linkerd_injecton"`, nil,
			[]complaint{{"config.unknown-type", "injection.mesh.hcl", `"linkerd_injecton"`, []string{`Did you mean "linkerd_injection"?`}}}},
		{"cycle", "locals.mesh.hcl", "locationservice = []", "locationservice = local.called", nil,
			[]complaint{{"config.cycle", "locals.mesh.hcl", "", []string{
				"local.calls (locals.mesh.hcl:3) refers to local.called", "local.called (locals.mesh.hcl:21) refers to local.callers", "local.callers (locals.mesh.hcl:14) refers to local.calls", "Remove one of these references"}}}},
		{"cycle of resources", "certificates.mesh.hcl", `validity     = "3650d"`, `validity     = linkerd_control_plane.linkerd.app_version`, nil,
			[]complaint{{"config.cycle", "", "", []string{
				"linkerd_trust_anchor.root (certificates.mesh.hcl:", "linkerd_control_plane.linkerd (linkerd.mesh.hcl:", "Remove one of these references"}}}},
		{"chart that is not there", "linkerd.mesh.hcl", `"charts/linkerd-crds"`, `"charts/linkerd-crd"`, nil,
			[]complaint{{"chart.not-found", "linkerd.mesh.hcl", `"charts/linkerd-crd"`, []string{"charts/linkerd-crd", "relative to the configuration directory"}}}},
		{"file outside", "locals.mesh.hcl", "locationservice = []", `locationservice = [file("../secret")]`, nil,
			[]complaint{{"config.expression", "locals.mesh.hcl", `../secret`, []string{`"../secret" leads out of the configuration directory`}}}},
		{"broken YAML", "manifests/userservice.yaml", "kind: Service\n", "kind: Service: no\n", nil,
			[]complaint{{"config.expression", "workloads.mesh.hcl", `manifests(`, []string{"manifests/userservice.yaml, document 2 (line 7)", "mapping values are not allowed"}}}},
		{"object that the server refuses", "manifests/userservice.yaml", "replicas: 2", "replicas: two", nil,
			[]complaint{{"k8s.invalid", "workloads.mesh.hcl", `"kubernetes_manifest" "shop"`, []string{"Deployment shop/userservice", "replicas"}}}},
		{"variable", "", "", "", []string{"--var", "enforcement=enforce"},
			[]complaint{{"variable.validation", "variables.mesh.hcl", `variable "enforcement"`, []string{"Use audit or deny."}}}},
		{"variable that nobody declared", "", "", "", []string{"--var", "enforcment=audit"},
			[]complaint{{"variable.undeclared", "", "", []string{"enforcment", `Did you mean "enforcement"?`}}}},
		{"two mistakes", "injection.mesh.hcl", "namespace            = kubernetes_namespace.shop.name\n", "namespace            = kubernetes_namespace.shopp.name\n  colour               = 1\n", nil,
			[]complaint{
				{"config.no-such-reference", "injection.mesh.hcl", "shopp", []string{`Did you mean "kubernetes_namespace.shop"?`}},
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &workspace{t: t, dir: w.dir, env: w.env}
			if tt.file != "" {
				sound := w.read(tt.file)
				if !strings.Contains(sound, tt.old) {
					t.Fatalf("%s holds no %q", tt.file, tt.old)
				}
				w.write(tt.file, strings.Replace(sound, tt.old, tt.new, 1))
				defer w.write(tt.file, sound)
			}
			checkRefused(w, tt.want, tt.args...)
		})
	}
}

// TestBadEnvironment meets clusters that are away, that refuse, and that hold somebody else's objects.
func TestBadEnvironment(t *testing.T) {
	w := newWorkspace(t, "mtls-rollout")
	w.must(0, "apply", "--auto-approve", "--summary", "--target", "kubernetes_namespace.shop")
	client := testenv.Dynamic(t)

	t.Run("unreachable cluster", func(t *testing.T) {
		w := &workspace{t: t, dir: w.dir, env: append(w.env, "KUBECONFIG="+closed(t))}
		checkRefused(w, []complaint{{"k8s.unreachable", "settings.mesh.hcl", `provider "`, []string{"127.0.0.1:1", "connection refused", "Check the kubeconfig"}}})
	})
	t.Run("kubeconfig that is not there", func(t *testing.T) {
		w := &workspace{t: t, dir: w.dir, env: append(w.env, "KUBECONFIG="+filepath.Join(t.TempDir(), "nowhere"))}
		checkRefused(w, []complaint{{"k8s.unreachable", "settings.mesh.hcl", `provider "`, []string{"nowhere", "--kubeconfig"}}})
	})
	t.Run("context that is not there", func(t *testing.T) {
		w := &workspace{t: t, dir: w.dir, env: w.env}
		checkRefused(w, []complaint{{"k8s.unreachable", "settings.mesh.hcl", `provider "`, []string{`has no context "production"`, "It has "}}}, "--context", "production")
	})
	t.Run("no permission at all", func(t *testing.T) {
		w := &workspace{t: t, dir: w.dir, env: append(w.env, "KUBECONFIG="+testenv.UserKubeconfig(t, "nobody"))}
		checkRefused(w, []complaint{{"k8s.forbidden", "settings.mesh.hcl", `provider "`, []string{"get namespaces", "kube-system", "kubectl create clusterrole"}}})
	})
	t.Run("missing permission", func(t *testing.T) {
		allow(t, "reader", map[string]any{"apiGroups": []any{""}, "resources": []any{"namespaces"}, "verbs": []any{"get", "list"}})
		w := newWorkspace(t, "")
		w.env = append(w.env, "KUBECONFIG="+testenv.UserKubeconfig(t, "reader"), "MESHPLAN_VAR_namespace=shop")
		w.write("maps.mesh.hcl", twoMaps)
		// Planning takes the object for absent, as read-only credentials must do; the write says what is missing.
		r := w.diagnose("apply", "--auto-approve", "--target", "kubernetes_manifest.settings")
		if r.code != 3 || len(r.found) != 1 || r.found[0].Code != "k8s.forbidden" || r.found[0].Range == nil || r.found[0].Range.Start.Line != w.lineOf("maps.mesh.hcl", `"settings" {`) {
			t.Errorf("exit code %d, want 3 and one k8s.forbidden at the object's block\n%s", r.code, r.text())
		}
		contains(t, r, words(r.stderr), "may not create configmaps in namespace shop (ConfigMap shop/settings)", "kubectl create role", "--verb=create --resource=configmaps --namespace shop")
	})
	t.Run("somebody else's object", func(t *testing.T) {
		theirs := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "mesh-traffic"}, "data": map[string]any{"theirs": "yes"}}}
		if _, err := client.Resource(configMaps).Namespace("shop").Create(t.Context(), theirs, metav1.CreateOptions{FieldManager: "somebody-else"}); err != nil {
			t.Fatal(err)
		}
		w := &workspace{t: t, dir: w.dir, env: w.env}
		checkRefused(w, []complaint{{"k8s.exists", "workloads.mesh.hcl", `resource "kubernetes_manifest" "traffic"`, []string{"ConfigMap shop/mesh-traffic", `on_exists = "adopt"`}}})
		got, err := client.Resource(configMaps).Namespace("shop").Get(t.Context(), "mesh-traffic", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if data := fmt.Sprint(got.Object["data"]); data != "map[theirs:yes]" {
			t.Errorf("the object was changed: %s", data)
		}
		if err := client.Resource(configMaps).Namespace("shop").Delete(t.Context(), "mesh-traffic", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	})
}

// checkRefused applies and expects exactly these errors, exit code 1 and an unchanged state. What people read says the same.
func checkRefused(w *workspace, want []complaint, args ...string) {
	t := w.t
	t.Helper()
	before := digest(t, w.state())
	r := w.diagnose(append([]string{"apply", "--auto-approve", "--summary"}, args...)...)
	if r.code != 1 {
		t.Errorf("exit code %d, want 1\n%s", r.code, r.text())
	}
	if digest(t, w.state()) != before {
		t.Error("the state was changed")
	}
	if len(r.found) != len(want) {
		t.Errorf("%d errors, want %d\n%s", len(r.found), len(want), r.text())
	}
	for i, c := range want[:min(len(want), len(r.found))] {
		f := r.found[i]
		if f.Code != c.code {
			t.Errorf("code %q, want %q (%s)", f.Code, c.code, f.Summary)
		}
		text := words(r.stderr)
		for _, s := range c.says {
			if !strings.Contains(words(f.Detail), s) || !strings.Contains(text, s) {
				t.Errorf("%s does not say %q:\n%s", f.Code, s, r.stderr)
			}
		}
		if c.file == "" {
			continue
		}
		if f.Range == nil {
			t.Errorf("%s has no position; it belongs to %s:\n%s", f.Code, c.file, r.stderr)
			continue
		}
		line := f.Range.Start.Line
		if c.at != "" {
			line = w.lineOf(c.file, c.at)
		}
		if f.Range.Filename != c.file || f.Range.Start.Line != line {
			t.Errorf("%s is at %s:%d, want %s:%d", f.Code, f.Range.Filename, f.Range.Start.Line, c.file, line)
		}
		if place := fmt.Sprintf("on %s line %d", c.file, line); !strings.Contains(text, place) {
			t.Errorf("the text does not say %q:\n%s", place, r.stderr)
		}
	}
}

// closed writes a kubeconfig that leads to a port where nobody listens.
func closed(t *testing.T) string {
	t.Helper()
	config, err := clientcmd.LoadFromFile(testenv.Kubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range config.Clusters {
		c.Server = "https://127.0.0.1:1"
	}
	path := filepath.Join(t.TempDir(), "closed.kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// allow lets a user do what a rule says, in the whole cluster, until the test ends.
func allow(t *testing.T, user string, rule map[string]any) {
	t.Helper()
	name := testenv.Name(t)
	for _, o := range []struct {
		resource string
		object   map[string]any
	}{
		{"clusterroles", map[string]any{"kind": "ClusterRole", "rules": []any{rule}}},
		{"clusterrolebindings", map[string]any{"kind": "ClusterRoleBinding", "roleRef": map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
			"subjects": []any{map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}}}},
	} {
		client := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: o.resource})
		o.object["apiVersion"], o.object["metadata"] = "rbac.authorization.k8s.io/v1", map[string]any{"name": name}
		if _, err := client.Create(t.Context(), &unstructured.Unstructured{Object: o.object}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := client.Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil {
				t.Errorf("%s %s stays: %v", o.resource, name, err)
			}
		})
	}
}
