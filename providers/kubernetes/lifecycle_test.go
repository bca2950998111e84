package kubernetes_test

import (
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

func TestClaimMovesTheMark(t *testing.T) {
	l := newLab(t)
	body := `manifest = { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "m", namespace = "NS" }, data = { k = "v" } }`
	config := l.config("kubernetes_manifest.before", body)
	rec := l.apply("kubernetes_manifest.before", record{l.kind("kubernetes_manifest.x").Schema().Block.Null(), nil}, config)
	owner := l.owner("kubernetes_manifest.after")
	owner.Former = l.owner("kubernetes_manifest.before").Address
	rec = l.read("kubernetes_manifest.before", rec)
	for range 2 { // it is idempotent
		resp, ds := l.kind("kubernetes_manifest.after").(providers.Claimer).Claim(t.Context(), providers.ClaimRequest{Owner: owner, Value: rec.value, Private: rec.private})
		must(t, ds)
		rec.private = resp.Private
	}
	live, err := testenv.Dynamic(t).Resource(kschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(l.ns).Get(t.Context(), "m", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := live.GetAnnotations()[kube.AnnotationOwner]; !strings.HasSuffix(got, "/kubernetes_manifest.after") {
		t.Errorf("mark %q", got)
	}
	l.settled("kubernetes_manifest.after", rec, config)
	changed := l.config("kubernetes_manifest.after", strings.Replace(body, `"v" }`, `"w" }`, 1))
	rec = l.apply("kubernetes_manifest.after", l.read("kubernetes_manifest.after", rec), changed)
	l.settled("kubernetes_manifest.after", rec, changed)
}

// The remaining tests need no cluster.

func TestObjectsCoexistUnderDifferentNames(t *testing.T) {
	p := kubernetes.New(kube.NewPool(kube.Options{}), func() string { return "." })()
	types := p.ResourceTypes()
	object := func(kind, namespace string, name cty.Value) cty.Value {
		attrs := map[string]cty.Value{}
		for n, ty := range types["kubernetes_manifest"].Schema().Block.Type().AttributeTypes() {
			attrs[n] = cty.NullVal(ty)
		}
		metadata := map[string]cty.Value{"name": name}
		if namespace != "" {
			metadata["namespace"] = cty.StringVal(namespace)
		}
		attrs["manifest"] = cty.ObjectVal(map[string]cty.Value{"apiVersion": cty.StringVal("v1"), "kind": cty.StringVal(kind), "metadata": cty.ObjectVal(metadata)})
		return cty.ObjectVal(attrs)
	}
	a, b := cty.StringVal("a"), cty.StringVal("b")
	coexist := types["kubernetes_manifest"].Schema().Coexist
	for name, c := range map[string]struct {
		before, after cty.Value
		can           bool
	}{
		"same":               {object("ConfigMap", "x", a), object("ConfigMap", "x", a), false},
		"other name":         {object("ConfigMap", "x", a), object("ConfigMap", "x", b), true},
		"other namespace":    {object("ConfigMap", "x", a), object("ConfigMap", "y", a), true},
		"other kind":         {object("ConfigMap", "x", a), object("Secret", "x", a), true},
		"default namespace":  {object("ConfigMap", "default", a), object("ConfigMap", "", a), false},
		"name not known yet": {object("ConfigMap", "x", a), object("ConfigMap", "x", cty.UnknownVal(cty.String)), true},
	} {
		if why := coexist(c.before, c.after); (why == "") != c.can {
			t.Errorf("%s: %q", name, why)
		}
	}
	namer := types["kubernetes_manifest"].(providers.Namer)
	for id, want := range map[string]bool{"v1/ConfigMap/x/a": true, "v1/ConfigMap/y/a": false, "v1/ConfigMap/x/b": false, "v1/Secret/x/a": false, "apps/v1/ConfigMap/x/a": false} {
		if namer.Names(id, object("ConfigMap", "x", a)) != want {
			t.Errorf("Names(%q) is not %v", id, want)
		}
	}
}
