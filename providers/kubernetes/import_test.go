package kubernetes_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// byHand makes an object as a person with kubectl does.
func (l *lab) byHand(resource kschema.GroupVersionResource, namespace string, object map[string]any) {
	l.t.Helper()
	if _, err := testenv.Dynamic(l.t).Resource(resource).Namespace(namespace).Create(l.t.Context(), &unstructured.Unstructured{Object: object}, metav1.CreateOptions{FieldManager: "kubectl-create"}); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) secretOf(name string) *unstructured.Unstructured {
	l.t.Helper()
	live, err := testenv.Dynamic(l.t).Resource(secrets).Namespace(l.ns).Get(l.t.Context(), name, metav1.GetOptions{})
	if err != nil {
		l.t.Fatal(err)
	}
	return live
}

func (l *lab) tryImport(address, id string) (record, hcl.Diagnostics) {
	l.t.Helper()
	out, ds := l.kind(address).(providers.Importer).Import(l.t.Context(), l.owner(address), id)
	if ds.HasErrors() {
		return record{}, ds
	}
	value, _ := out.Value.UnmarkDeep()
	l.log.said = append(l.log.said, string(out.Private))
	return record{value, out.Private}, ds
}

// imports takes an object over and fails unless the plan shows no change of a value, and the one after the apply
// nothing at all.
func (l *lab) imports(address, id string, config cty.Value) record {
	l.t.Helper()
	rec, ds := l.tryImport(address, id)
	must(l.t, ds)
	p, ds := l.plan(address, rec, config)
	must(l.t, ds)
	if !p.Planned.RawEquals(rec.value) || p.Restarts != 0 {
		l.t.Fatalf("%s: the plan of the import is not empty:\nfound   %#v\nplanned %#v", id, rec.value, p.Planned)
	}
	if n := l.kind(address).(providers.Namer); !n.Names(id, rec.value) || n.Names(id+"x", rec.value) {
		l.t.Errorf("%s is not known again", id)
	}
	rec = l.apply(address, rec, config)
	l.settled(address, rec, config)
	return rec
}

func TestImportOfANamespace(t *testing.T) {
	for _, prefix := range []string{"", "v1/Namespace/"} {
		t.Run(prefix, func(t *testing.T) {
			l := newLab(t)
			l.patch(namespaces, "", l.ns, `{"metadata":{"labels":null,"annotations":null}}`)
			l.patch(namespaces, "", l.ns, `{"metadata":{"annotations":{"linkerd.io/inject":"enabled"}}}`)
			l.imports("kubernetes_namespace.n", prefix+l.ns, l.config("kubernetes_namespace.n", `
name        = "NS"
annotations = { "linkerd.io/inject" = "enabled" }`))
			_, ds := l.tryImport("kubernetes_namespace.n", "v1/Secret/"+l.ns)
			wantError(t, ds, kube.CodeManifest, "v1/Namespace/shop")
			_, ds = l.tryImport("kubernetes_namespace.n", "absent-"+l.ns)
			wantError(t, ds, kube.CodeGone, "cannot be imported")
		})
	}
}

func TestImportOfASecret(t *testing.T) {
	const planted = "planted-value-of-an-import"
	l := newLab(t)
	const address = "kubernetes_secret.s"
	for name, prefix := range map[string]string{"short": "", "long": "v1/Secret/"} {
		l.byHand(secrets, l.ns, map[string]any{"apiVersion": "v1", "kind": "Secret", "type": "example.test/key",
			"metadata": map[string]any{"name": name, "namespace": l.ns, "labels": map[string]any{"app": "shop"}}, "stringData": map[string]any{"password": planted}})
		config := func(value string) cty.Value {
			return l.config(address, `
name      = "`+name+`"
namespace = "NS"
type      = "example.test/key"
labels    = { app = "shop" }
data      = { password = "`+value+`" }`)
		}
		rec, ds := l.tryImport(address, prefix+l.ns+"/"+name)
		must(t, ds)
		if p, ds := l.plan(address, rec, config("another")); ds.HasErrors() || p.Planned.RawEquals(rec.value) {
			t.Errorf("another value is not seen: %v", ds)
		}
		if again := l.read(address, rec); !again.value.GetAttr("data").RawEquals(rec.value.GetAttr("data")) {
			t.Errorf("the digests of the import are not those of the data: %#v", again.value)
		}
		rec = l.imports(address, prefix+l.ns+"/"+name, config(planted))
		live := l.secretOf(name)
		for _, e := range live.GetManagedFields() {
			if e.Manager != kube.FieldManager {
				t.Errorf("%s still owns fields", e.Manager)
			}
		}
		// The key is ours alone now: it goes when the configuration drops it.
		other := l.config(address, `
name      = "`+name+`"
namespace = "NS"
type      = "example.test/key"
labels    = { app = "shop" }
data      = { token = "x" }`)
		rec = l.apply(address, rec, other)
		if data, _ := l.secretOf(name).Object["data"].(map[string]any); len(data) != 1 || data["token"] == nil {
			t.Errorf("the Secret has %d keys", len(data))
		}
		l.settled(address, rec, other)
	}
	if all := strings.Join(l.log.said, "\n"); strings.Contains(all, planted) {
		t.Errorf("the value leaked: %s", all)
	}
	_, ds := l.tryImport(address, "short")
	wantError(t, ds, kube.CodeManifest, "v1/Secret/shop/db")
}

func TestImportOfMetadata(t *testing.T) {
	l := newLab(t)
	l.byHand(configMaps, l.ns, map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "m", "namespace": l.ns, "labels": map[string]any{"app": "shop"}}})
	const address = "kubernetes_metadata.m"
	config := l.config(address, `
api_version = "v1"
kind        = "ConfigMap"
namespace   = "NS"
name        = "m"
labels      = { app = "shop" }`)
	id := "v1/ConfigMap/" + l.ns + "/m"
	was := l.imports(address, id, config)
	l.patch(configMaps, l.ns, "m", `{"metadata":{"labels":{"by":"others"}}}`)
	if now := l.imports(address, id, config); !now.value.RawEquals(was.value) { // the record was lost
		t.Errorf("%#v, want %#v", now.value, was.value)
	}
	_, ds := l.tryImport(address, "m")
	wantError(t, ds, kube.CodeManifest, "apps/v1/Deployment/shop/web")
}
