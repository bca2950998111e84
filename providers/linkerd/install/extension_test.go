package install_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/install"
	"github.com/meshplan/meshplan/providers/linkerd/linkerdtest"
	"github.com/meshplan/meshplan/providers/providertest"
)

// The kinds that these tests look at.
var (
	namespacesGVR  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	podsGVR        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	deploymentsGVR = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	apiServicesGVR = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
)

const apiService = "v1alpha1.tap.linkerd.io"

// vizConfig is the extension in a namespace of the test's own.
func vizConfig(namespace string) string {
	return fmt.Sprintf("name = \"viz\"\npath = \"linkerd-viz\"\nnamespace = %q\nwait_timeout = \"120s\"\n", namespace)
}

func TestExtensionIsInstalledServedAndUnchangedAfterwards(t *testing.T) {
	r, ns := newRollout(t), testenv.Namespace(t)
	defer r.remove()
	r.install(controlConfig)
	config := vizConfig(ns)
	plan := r.viz.Apply(t, config)
	if notes := strings.Join(plan.Notes, " "); !strings.Contains(notes, "cannot be tapped until they are restarted") {
		t.Errorf("the plan does not speak of restarts: %q", notes)
	}
	r.viz.MustBeUnchanged(t, config)
	client := testenv.Dynamic(t)
	api, err := client.Resource(apiServicesGVR).Get(t.Context(), apiService, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if status := fmt.Sprint(api.Object["status"]); !strings.Contains(status, "status:True type:Available") {
		t.Errorf("the aggregated API is not available: %s", status)
	}
	namespace, err := client.Resource(namespacesGVR).Get(t.Context(), ns, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := namespace.GetLabels()["linkerd.io/extension"]; got != "viz" {
		t.Errorf("the namespace is labelled %q", got)
	}
	keys := r.keysIn(ns)
	if len(keys) != 2 {
		t.Errorf("there are %d keys in the namespace, want those of tap and tap-injector", len(keys))
	}
	r.mustBeSecret(keys)

	// Somebody takes the label away: the next plan puts it back and touches nothing else.
	patch := []byte(`{"metadata":{"labels":{"linkerd.io/extension":null}}}`)
	if _, err := client.Resource(namespacesGVR).Patch(t.Context(), ns, "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	r.viz.Refresh(t)
	if plan := r.viz.Apply(t, config); !strings.Contains(plan.Again, "labels are missing") {
		t.Errorf("the missing label is not planned: %q", plan.Again)
	}
	r.viz.MustBeUnchanged(t, config)

	// A change of one value reaches what it configures, and no certificate is made anew.
	before := r.viz.Value.GetAttr("webhooks")
	changed := config + "values = { defaultLogLevel = \"debug\" }\n"
	r.viz.Apply(t, changed)
	r.viz.MustBeUnchanged(t, changed)
	if !r.viz.Value.GetAttr("webhooks").RawEquals(before) {
		t.Error("a change of a value renewed certificates")
	}
	// They are renewed before they end, and the API server knows both.
	renewed := changed + "webhook_validity = \"800d\"\nwebhook_renew_before = \"400d\"\n"
	r.viz.Apply(t, renewed)
	r.viz.MustBeUnchanged(t, renewed)
	if api, err = client.Resource(apiServicesGVR).Get(t.Context(), apiService, metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	if b := certs.CABundle(api); b.Len() != 2 {
		t.Errorf("the API server trusts %d certificates of tap, want the new and the former one", b.Len())
	}

	// An autoscaler scales a Deployment of it: that is a conflict, unless the field is left to it.
	deployments := client.Resource(deploymentsGVR).Namespace(ns)
	if _, err := deployments.Patch(t.Context(), "tap", "application/merge-patch+json", []byte(`{"spec":{"replicas":3}}`), metav1.PatchOptions{FieldManager: "kube-controller-manager"}); err != nil {
		t.Fatal(err)
	}
	r.viz.Refresh(t)
	if _, ds := r.viz.Plan(t, renewed); !ds.HasErrors() || !strings.Contains(linkerdtest.Text(ds), "spec.replicas") {
		t.Errorf("a field that others set is no conflict: %s", linkerdtest.Text(ds))
	}
	scaled := renewed + "field_conflicts = { \"spec.replicas\" = \"yield\" }\n"
	r.viz.Apply(t, scaled)
	r.viz.Refresh(t)
	r.viz.MustBeUnchanged(t, scaled)
	tap, err := deployments.Get(t.Context(), "tap", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n, _, _ := unstructured.NestedInt64(tap.Object, "spec", "replicas"); n != 3 {
		t.Errorf("%d replicas, want those of the autoscaler", n)
	}
	r.mustBeSecret(r.keysIn(ns))
}

func TestExtensionRefusesValuesAndNamespacesOfOthers(t *testing.T) {
	r := newRollout(t)
	ns := testenv.Namespace(t)
	if _, ds := r.viz.Plan(t, vizConfig(ns)+"values = { tap = { keyPEM = \"planted\" } }\n"); !has(ds, install.CodeReserved) || strings.Contains(linkerdtest.Text(ds), "planted") {
		t.Errorf("the plan says: %s", linkerdtest.Text(ds))
	}
	other, client := testenv.Namespace(t), testenv.Dynamic(t).Resource(namespacesGVR)
	merge := func(patch string) {
		t.Helper()
		if _, err := client.Patch(t.Context(), other, "application/merge-patch+json", []byte(patch), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	merge(`{"metadata":{"labels":{"linkerd.io/extension":"viz"},"finalizers":["test.meshplan.dev/keep"]}}`)
	// The cluster is shared: what looks like viz must not be met by the next test.
	defer merge(`{"metadata":{"labels":{"linkerd.io/extension":null},"finalizers":null}}`)
	r.crds.Apply(t, crdsConfig)
	defer r.remove()
	if _, ds := r.viz.Plan(t, vizConfig(ns)); !has(ds, install.CodeExtensionNamespace) || !strings.Contains(linkerdtest.Text(ds), other) {
		t.Errorf("with viz in another namespace the plan says: %s", linkerdtest.Text(ds))
	}
	// The finalizer holds the namespace where "remove it first" leaves it for a while.
	if err := client.Delete(t.Context(), other, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, ds := r.viz.Plan(t, vizConfig(ns)); has(ds, install.CodeExtensionNamespace) {
		t.Errorf("with the other namespace on its way out the plan says: %s", linkerdtest.Text(ds))
	}
}

// TestAggregatedAPIGoesBeforeItsServer deletes viz and looks at the order: with an aggregated API that has no server, no
// namespace of the cluster could be deleted.
func TestAggregatedAPIGoesBeforeItsServer(t *testing.T) {
	r, ns := newRollout(t), testenv.Namespace(t)
	defer r.remove()
	r.install(controlConfig)
	r.viz.Apply(t, vizConfig(ns))

	client := testenv.Dynamic(t)
	deletions := make(chan change, 100)
	for what, gvr := range map[string]schema.GroupVersionResource{"api": apiServicesGVR, "webhook": mutating(), "deployment": deploymentsGVR} {
		r.follow(gvr, "", deletions, func(e watch.Event, u *unstructured.Unstructured) string {
			if u.GetLabels()["linkerd.io/extension"] != "viz" {
				return ""
			}
			return deleted(what)(e, u)
		})
	}
	r.viz.Delete(t)
	var all []change
	for range 7 {
		select {
		case d := <-deletions:
			all = append(all, d)
		case <-time.After(20 * time.Second):
			t.Fatalf("only these were deleted: %v", all)
		}
	}
	inOrder(all)
	for i, d := range all {
		if want := []string{"webhook", "api"}; i < 2 && d.what != want[i] || i >= 2 && d.what != "deployment" {
			t.Errorf("deleted in the order %v", all)
			break
		}
	}
	namespace, err := client.Resource(namespacesGVR).Get(t.Context(), ns, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := namespace.GetLabels()["linkerd.io/extension"]; got != "" {
		t.Errorf("the namespace is still labelled %q", got)
	}
	// The proof: a namespace goes.
	gone := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": testenv.Name(t)}}}
	if _, err := client.Resource(namespacesGVR).Create(t.Context(), gone, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w, err := client.Resource(namespacesGVR).Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + gone.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if err := client.Resource(namespacesGVR).Delete(t.Context(), gone.GetName(), metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	timeout := time.After(time.Minute)
	for {
		select {
		case e := <-w.ResultChan():
			if e.Type == watch.Deleted {
				return
			}
		case <-timeout:
			t.Fatal("a namespace cannot be deleted any more")
		}
	}
}

func TestExtensionKeepsTheContract(t *testing.T) {
	r := newRollout(t)
	config := vizConfig(testenv.Namespace(t))
	defer r.remove()
	r.install(controlConfig)
	providertest.Run(t, providertest.Case{Type: r.viz.Type, Owner: r.viz.Owner, Create: r.viz.Decode(t, config), Update: r.viz.Decode(t, config+"values = { defaultLogLevel = \"debug\" }\n")})
}

// keysIn returns every private key of a namespace.
func (r *rollout) keysIn(namespace string) [][]byte {
	r.Helper()
	was := r.namespace
	defer func() { r.namespace = was }()
	r.namespace = namespace
	return r.keys()
}

// TestExtensionIsRestartedWithNewAnchors gives an extension other trust anchors: its pod templates change, and nothing
// else does; written in another order they are the same anchors.
func TestExtensionIsRestartedWithNewAnchors(t *testing.T) {
	r, ns := newRollout(t), testenv.Namespace(t)
	defer r.remove()
	r.install(controlConfig)
	first, second := anchorPEM(t), anchorPEM(t)
	config := func(anchors string) string { return vizConfig(ns) + "trust_anchors_pem = <<E\n" + anchors + "E\n" }
	r.viz.Apply(t, config(first))
	marks := func() map[string]string {
		out := map[string]string{}
		list, err := testenv.Dynamic(t).Resource(deploymentsGVR).Namespace(ns).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list.Items {
			out[d.GetName()], _, _ = unstructured.NestedString(d.Object, "spec", "template", "metadata", "annotations", "meshplan.dev/trust-anchors")
		}
		return out
	}
	before := marks()
	plan, ds := r.viz.Plan(t, config(first+second))
	if ds.HasErrors() || plan.Restarts == 0 {
		t.Errorf("the plan restarts %v: %s", plan.Restarts, linkerdtest.Text(ds))
	}
	r.viz.Apply(t, config(first+second))
	for name, mark := range marks() {
		if mark == "" || mark == before[name] {
			t.Errorf("%s has %q, and had %q", name, mark, before[name])
		}
	}
	r.viz.MustBeUnchanged(t, config(first+second))
	after := marks()
	r.viz.Apply(t, config(second+first))
	if got := marks(); !maps.Equal(got, after) {
		t.Errorf("another order restarts: %v, %v", got, after)
	}
}
