package install_test

import (
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/linkerdtest"
)

// step is one planned instance of a rollout that was planned as a whole.
type step struct {
	instance *linkerdtest.Instance
	config   string
	plan     providers.PlanResponse
}

func TestWholeRolloutIsPlannedBeforeAnythingExists(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.namespace = testenv.Name(t) // planned, and not there yet
	r.env.Cluster().World().PlanNamespace(r.namespace)
	steps := []*step{{instance: r.anchor}, {instance: r.issuer, config: issuerConfig}, {instance: r.crds, config: crdsConfig}, {instance: r.control, config: controlConfig}}
	scope := func(root, mesh cty.Value) {
		for _, s := range steps {
			s.instance.Scope["root"], s.instance.Scope["mesh"] = root, mesh
		}
	}
	scope(cty.DynamicVal, cty.DynamicVal)
	for i, s := range steps {
		plan, ds := s.instance.Plan(t, s.config)
		if ds.HasErrors() {
			t.Fatalf("step %d: %s", i, linkerdtest.Text(ds))
		}
		s.plan = plan
		switch i {
		case 0:
			scope(plan.Planned, cty.DynamicVal)
		case 1:
			scope(steps[0].plan.Planned, plan.Planned)
		}
	}
	objects := steps[3].plan.Planned.GetAttr("objects")
	if !objects.IsKnown() || !objects.Type().HasAttribute("Deployment/"+r.namespace+"/linkerd-identity") {
		t.Fatalf("the plan does not show the control plane's objects: %#v", objects.Type())
	}
	roots := objects.GetAttr("ConfigMap/" + r.namespace + "/linkerd-identity-trust-roots")
	if roots.GetAttr("data").GetAttr("ca-bundle.crt").IsKnown() {
		t.Error("the plan claims to know trust anchors that do not exist yet")
	}
	if scheme := objects.GetAttr("Deployment/" + r.namespace + "/linkerd-identity"); scheme.GetAttr("spec").GetAttr("replicas").IsKnown() == false {
		t.Error("what does not depend on the trust anchors is not shown")
	}

	if _, err := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}).Create(t.Context(),
		&unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": r.namespace}}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for i, s := range steps {
		if ds := s.instance.Carry(t, s.instance.Decode(t, s.config), s.plan); ds.HasErrors() {
			t.Fatalf("step %d: %s", i, linkerdtest.Text(ds))
		}
		switch i {
		case 0:
			scope(r.anchor.Value, cty.DynamicVal)
		case 1:
			scope(r.anchor.Value, r.issuer.Value)
		}
	}
	for _, s := range steps {
		s.instance.MustBeUnchanged(t, s.config)
	}
	r.mustBeSecret(r.keys())

	// The same step once more with nothing recorded, as after a kill before the record: nothing is made twice.
	before := r.keys()
	again := linkerdtest.New(r.control.Type, "linkerd", r.log)
	again.Scope = r.control.Scope
	if ds := again.Carry(t, again.Decode(t, controlConfig), steps[3].plan); ds.HasErrors() {
		t.Fatal(linkerdtest.Text(ds))
	}
	r.control = again
	r.control.MustBeUnchanged(t, controlConfig)
	for i, k := range r.keys() {
		if string(k) != string(before[i]) {
			t.Error("the repeated step made a new key")
		}
	}
}

func TestChecksFindWhatIsMissing(t *testing.T) {
	r := newRollout(t)
	find := func(config, category, word string) {
		t.Helper()
		for _, c := range r.checkList(t, config) {
			if c.GetAttr("category").AsString() == category && c.GetAttr("status").AsString() == "error" && strings.Contains(c.GetAttr("message").AsString(), word) {
				return
			}
		}
		t.Errorf("no failed check of %s speaks of %q", category, word)
	}
	find(``, "linkerd-config", "ClusterRole linkerd-"+r.namespace+"-identity does not exist")
	for _, c := range r.checkList(t, `preflight = true`) {
		if c.GetAttr("status").AsString() == "error" {
			t.Errorf("on an empty cluster %s: %s", c.GetAttr("name").AsString(), c.GetAttr("message").AsString())
		}
	}
	defer r.remove()
	r.install(controlConfig)
	find(`preflight = true`, "pre-kubernetes-setup", "linkerd-config says that Linkerd is installed")
	secrets := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(r.namespace)
	if err := secrets.Delete(t.Context(), "linkerd-sp-validator-k8s-tls", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	find(``, "linkerd-webhooks-and-apisvc-tls", "linkerd-sp-validator-k8s-tls does not exist")
	r.control.Refresh(t)
	r.control.Apply(t, controlConfig) // makes it again
	r.control.MustBeUnchanged(t, controlConfig)
}
