package install_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/linkerd/install"
	"github.com/meshplan/meshplan/providers/linkerd/linkerdtest"
	"github.com/meshplan/meshplan/providers/providertest"
)

func cniConfig(namespace string) string {
	return fmt.Sprintf("path = \"linkerd2-cni\"\nnamespace = %q\nwait_timeout = \"120s\"\n", namespace)
}

func TestCNIPluginComesFirstAndStaysWhilePodsRelyOnIt(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	config := cniConfig(testenv.Namespace(t))
	r.cni.Apply(t, config)
	r.cni.MustBeUnchanged(t, config)
	changed := config + "values = { logLevel = \"debug\" }\n"
	r.cni.Apply(t, changed)
	r.cni.MustBeUnchanged(t, changed)

	pods := testenv.Dynamic(t).Resource(podsGVR).Namespace(r.namespace)
	if _, err := pods.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "web", "labels": map[string]any{"linkerd.io/control-plane-ns": r.namespace}},
		"spec": map[string]any{
			"initContainers": []any{map[string]any{"name": "linkerd-network-validator", "image": "proxy"}},
			"containers":     []any{map[string]any{"name": "web", "image": "web"}},
		},
	}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if ds := r.cni.TryDelete(t); !has(ds, install.CodeCNIInUse) || !strings.Contains(linkerdtest.Text(ds), r.namespace+"/web") {
		t.Errorf("deletion says: %s", linkerdtest.Text(ds))
	}
	zero := int64(0)
	if err := pods.Delete(t.Context(), "web", metav1.DeleteOptions{GracePeriodSeconds: &zero}); err != nil {
		t.Fatal(err)
	}
	r.cni.Delete(t)
}

func TestControlPlaneWithoutItsCNIPluginIsRefused(t *testing.T) {
	r := newRollout(t)
	ns := testenv.Namespace(t)
	defer r.remove()
	r.anchor.Apply(t, ``)
	r.issuer.Scope["root"] = r.anchor.Value
	r.issuer.Apply(t, issuerConfig)
	r.crds.Apply(t, crdsConfig)
	r.control.Scope["root"], r.control.Scope["mesh"] = r.anchor.Value, r.issuer.Value
	const config = controlConfig + "cni_enabled = true\n"
	const free = controlConfig + "values = { cniEnabled = true }\n"
	for _, missing := range []string{config, free} {
		if _, ds := r.control.Plan(t, missing); ds.HasErrors() || !has(ds, install.CodeCNISettings) {
			t.Errorf("without the plugin the plan says: %s", linkerdtest.Text(ds))
		}
	}
	if _, ds := r.control.TryApply(t, free); !has(ds, install.CodeCNISettings) || !r.control.Value.IsNull() {
		t.Errorf("without the plugin the step says: %s", linkerdtest.Text(ds))
	}
	if _, ds := r.control.TryApply(t, config); !has(ds, install.CodeCNISettings) || !r.control.Value.IsNull() {
		t.Errorf("without the plugin the step says: %s", linkerdtest.Text(ds))
	}
	r.cni.Apply(t, cniConfig(ns))
	r.control.Apply(t, config)
	r.control.MustBeUnchanged(t, config)
	if ds := r.cni.TryDelete(t); !has(ds, install.CodeCNIInUse) {
		t.Errorf("under a control plane that relies on it, the deletion says: %s", linkerdtest.Text(ds))
	}
}

func TestCNIPluginKeepsTheContract(t *testing.T) {
	r := newRollout(t)
	config := cniConfig(testenv.Namespace(t))
	providertest.Run(t, providertest.Case{Type: r.cni.Type, Owner: r.cni.Owner, Create: r.cni.Decode(t, config), Update: r.cni.Decode(t, config+"values = { logLevel = \"debug\" }\n")})
}
