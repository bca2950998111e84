package examples

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
)

// linkerdCharts names a directory that holds Linkerd's own charts linkerd-crds, linkerd-control-plane and linkerd-viz, as
// `helm pull --untar` leaves them: each with its library chart in charts/partials, and with real versions in Chart.yaml
// and values.yaml.
const linkerdCharts = "MESHPLAN_LINKERD_CHARTS"

// TestReferenceRolloutOnLinkerdsOwnCharts installs, plans again, upgrades one value, rolls back and uninstalls Linkerd
// from its real charts, and compares the whole cluster at each step.
func TestReferenceRolloutOnLinkerdsOwnCharts(t *testing.T) {
	dir := os.Getenv(linkerdCharts)
	if dir == "" {
		t.Skip(linkerdCharts + " does not name a directory with Linkerd's charts")
	}
	plantForeign(t)
	w := newWorkspace(t, "mtls-rollout")
	for _, name := range []string{"linkerd-crds", "linkerd-control-plane", "linkerd-viz"} {
		into := filepath.Join(w.dir, "charts", name)
		if err := os.RemoveAll(into); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(into, os.DirFS(filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
	}
	empty := everything(t)

	w.must(0, "apply", "--auto-approve", "--summary")
	w.must(0, "plan", "--detailed-exitcode")
	w.must(0, "drift")
	checkNoKeys(w, privateKeys(t, "linkerd"))
	checkNoKeys(w, privateKeys(t, "linkerd-viz"))
	installed := everything(t)
	if foreign := differing(empty, installed, true); len(foreign) > 0 {
		t.Errorf("the installation touched what was there: %q", foreign)
	}

	former := w.read("linkerd.mesh.hcl")
	w.write("linkerd.mesh.hcl", strings.Replace(former, `default_inbound_policy =`, "issuance_lifetime = \"12h0m0s\"\n  default_inbound_policy =", 1))
	w.must(0, "apply", "--auto-approve", "--summary")
	w.must(0, "plan", "--detailed-exitcode")
	changed := differing(installed, everything(t), false)
	if want := []string{"ConfigMap linkerd/linkerd-config", "Deployment linkerd/linkerd-identity"}; !slices.Equal(changed, want) {
		t.Errorf("the upgrade of one value changed %q, want %q", changed, want)
	}

	w.must(0, "rollback", "--auto-approve", "--summary")
	if changed := differing(installed, everything(t), false); len(changed) > 0 {
		t.Errorf("after the rollback these differ from before the upgrade: %q", changed)
	}
	w.write("linkerd.mesh.hcl", former)
	w.must(0, "plan", "--detailed-exitcode")

	w.must(0, "destroy", "--auto-approve", "--summary")
	checkListsNothing(w)
	checkNothingLeftBeside(t, empty)
}

// checkNothingLeftBeside waits until the cluster is as it was: controllers clear away after us.
func checkNothingLeftBeside(t *testing.T, before map[string]string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		changed := differing(before, everything(t), false)
		if len(changed) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("after the uninstallation these differ from before: %q", changed)
			return
		}
		<-time.After(500 * time.Millisecond)
	}
}

// plantForeign makes what other people could have in the cluster: definitions of the Gateway API of their own version, a
// route, a webhook, a role, and things in a namespace. All of it goes with the test.
func plantForeign(t *testing.T) {
	t.Helper()
	client := testenv.Dynamic(t)
	make := func(r schema.GroupVersionResource, namespace string, object map[string]any) {
		t.Helper()
		u := &unstructured.Unstructured{Object: object}
		deadline := time.Now().Add(20 * time.Second)
		for {
			_, err := client.Resource(r).Namespace(namespace).Create(t.Context(), u, metav1.CreateOptions{})
			if err == nil {
				break
			}
			if !apierrors.IsNotFound(err) || time.Now().After(deadline) { // a definition is not served at once
				t.Fatalf("%s: %v", u.GetName(), err)
			}
			<-time.After(100 * time.Millisecond)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own has ended
			defer cancel()
			if err := client.Resource(r).Namespace(namespace).Delete(ctx, u.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
		})
	}
	meta := func(name string) map[string]any { return map[string]any{"name": name} }
	make(namespaces, "", map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": meta("theirs")})
	make(configMaps, "theirs", map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("theirs"), "data": map[string]any{"a": "b"}})
	open := map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}
	for kind, plural := range map[string]string{"HTTPRoute": "httproutes", "GRPCRoute": "grpcroutes"} {
		make(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}, "", map[string]any{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": map[string]any{"name": plural + ".gateway.networking.k8s.io", "annotations": map[string]any{
				"api-approved.kubernetes.io":               "https://github.com/kubernetes-sigs/gateway-api/pull/2997",
				"gateway.networking.k8s.io/bundle-version": "v1.4.0", "gateway.networking.k8s.io/channel": "standard"}},
			"spec": map[string]any{"group": "gateway.networking.k8s.io", "scope": "Namespaced", "names": map[string]any{"kind": kind, "plural": plural, "singular": strings.ToLower(kind), "listKind": kind + "List"},
				"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": open}}},
		})
	}
	make(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"}, "theirs",
		map[string]any{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": meta("theirs"), "spec": map[string]any{}})
	make(schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"}, "",
		map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": meta("linkerd-theirs"), "rules": []any{}})
	make(schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"}, "",
		map[string]any{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": meta("linkerd-theirs"), "webhooks": []any{}})
}

// everything is the content of every object of the cluster by kind and name, without what servers and controllers keep
// for themselves, and without objects that controllers make.
func everything(t *testing.T) map[string]string {
	t.Helper()
	derived := []string{"events", "leases", "endpointslices", "endpoints", "pods", "replicasets", "controllerrevisions", "nodes", "csinodes", "apiservices", "ipaddresses", "componentstatuses"}
	out := map[string]string{}
	for _, r := range kinds(t) {
		if slices.Contains(derived, r.Resource) && r.Group != "apiregistration.k8s.io" {
			continue
		}
		for _, o := range list(t, r, "", "") {
			if r.Resource == "apiservices" && o.GetLabels()["kube-aggregator.kubernetes.io/automanaged"] != "" {
				continue
			}
			content := o.DeepCopy().Object
			delete(content, "status")
			metadata := content["metadata"].(map[string]any)
			for _, k := range []string{"resourceVersion", "managedFields", "generation"} {
				delete(metadata, k)
			}
			if a, ok := metadata["annotations"].(map[string]any); ok {
				delete(a, "deployment.kubernetes.io/revision")
			}
			b, err := json.Marshal(content)
			if err != nil {
				t.Fatal(err)
			}
			name := o.GetName()
			if ns := o.GetNamespace(); ns != "" {
				name = ns + "/" + name
			}
			out[fmt.Sprintf("%s %s", o.GetKind(), name)] = string(b)
		}
	}
	return out
}

// differing names the objects whose content differs, sorted. With known, only those that are in the first.
func differing(a, b map[string]string, known bool) []string {
	var out []string
	for name, content := range a {
		if b[name] != content {
			out = append(out, name)
		}
	}
	if !known {
		for name := range maps.Keys(b) {
			if _, ok := a[name]; !ok {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}
