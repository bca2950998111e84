package kubernetes_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

const webBody = `
manifest = {
  apiVersion = "apps/v1"
  kind       = "Deployment"
  metadata   = { name = "web", namespace = "NS", labels = null }
  spec = {
    replicas = 2
    selector = { matchLabels = { app = "web" } }
    template = {
      metadata = { labels = { app = "web" } }
      spec     = { containers = [{ name = "web", image = "registry.example/web:1.4", resources = { requests = { cpu = "1000m" } } }] }
    }
  }
}
wait {
  rollout = true
  timeout = "60s"
}
`

const webAddress = "kubernetes_manifest.web"

var (
	deployments = kschema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	secrets     = kschema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	namespaces  = kschema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
)

func (l *lab) patch(resource kschema.GroupVersionResource, namespace, name, patch string) {
	l.t.Helper()
	_, err := testenv.Dynamic(l.t).Resource(resource).Namespace(namespace).Patch(l.t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	if err != nil {
		l.t.Fatal(err)
	}
}

func TestManifestLife(t *testing.T) {
	l := newLab(t)
	config := l.config(webAddress, webBody)
	rec := l.apply(webAddress, record{}, config)
	if !l.log.released || l.log.kept == 0 {
		t.Error("the step was not checkpointed and released before the wait")
	}
	l.settled(webAddress, rec, config)

	l.patch(deployments, l.ns, "web", `{"spec":{"template":{"metadata":{"annotations":{"foreign":"yes"}}}}}`)
	l.settled(webAddress, rec, config)

	if _, err := testenv.Dynamic(t).Resource(deployments).Namespace(l.ns).Patch(t.Context(), "web", types.JSONPatchType,
		[]byte(`[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"registry.example/web:evil"}]`), metav1.PatchOptions{FieldManager: "kubectl-edit"}); err != nil {
		t.Fatal(err)
	}
	prior := l.again().read(webAddress, rec)
	if image := dig(prior.value.GetAttr("manifest"), "spec", "template", "spec", "containers").Index(cty.Zero).GetAttr("image"); image.AsString() != "registry.example/web:evil" {
		t.Errorf("drift does not show: %#v", image)
	}
	p, ds := l.plan(webAddress, prior, config)
	must(t, ds)
	if p.Restarts != 2 || !p.Planned.GetAttr("manifest").RawEquals(config.GetAttr("manifest")) {
		t.Errorf("restarts %d, planned %#v", p.Restarts, p.Planned)
	}
	rec = l.apply(webAddress, prior, config)
	l.settled(webAddress, rec, config)

	if rec = l.apply(webAddress, rec, cty.NilVal); !rec.value.IsNull() {
		t.Errorf("after deletion: %#v", rec.value)
	}
}

func dig(v cty.Value, path ...string) cty.Value {
	for _, p := range path {
		v = v.GetAttr(p)
	}
	return v
}

func TestRemovedMarkIsRestored(t *testing.T) {
	l := newLab(t)
	const address = "kubernetes_manifest.c"
	config := l.config(address, `manifest = { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "c", namespace = "NS" } }`)
	rec := l.apply(address, record{}, config)
	configMaps := kschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	l.patch(configMaps, l.ns, "c", `{"metadata":{"labels":null}}`)
	prior := l.again().read(address, rec)
	p, ds := l.plan(address, prior, config)
	must(t, ds)
	if !p.Planned.RawEquals(prior.value) || p.Again == "" {
		t.Errorf("again %q, planned %#v", p.Again, p.Planned)
	}
	rec = l.apply(address, prior, config)
	l.settled(address, rec, config)
}

func TestObjectBeingDeletedIsMadeAgain(t *testing.T) {
	l := newLab(t)
	const address = "kubernetes_manifest.c"
	config := l.config(address, `manifest = { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "c", namespace = "NS", finalizers = ["example.test/hold"] } }`)
	rec := l.apply(address, record{}, config)
	configMaps := kschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	if err := testenv.Dynamic(t).Resource(configMaps).Namespace(l.ns).Delete(t.Context(), "c", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	fresh := l.again()
	prior := fresh.read(address, rec)
	p, ds := fresh.plan(address, prior, config)
	must(t, ds)
	if p.Planned.GetAttr("uid").IsKnown() || !strings.Contains(strings.Join(p.Notes, ""), "example.test/hold") {
		t.Fatalf("planned %#v, notes %v", p.Planned, p.Notes)
	}
	l.patch(configMaps, l.ns, "c", `{"metadata":{"finalizers":null}}`)
	again, ds := fresh.carryOut(t.Context(), address, prior, config, p)
	must(t, ds)
	if again.value.GetAttr("uid").RawEquals(rec.value.GetAttr("uid")) {
		t.Error("it is the same object")
	}
	l.settled(address, again, config)
	l.patch(configMaps, l.ns, "c", `{"metadata":{"finalizers":null}}`)
}

func TestManifestOfAnotherNameIsReplaced(t *testing.T) {
	l := newLab(t)
	body := `manifest = { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "one", namespace = "NS" } }`
	rec := l.apply("kubernetes_manifest.c", record{}, l.config("kubernetes_manifest.c", body))
	p, ds := l.plan("kubernetes_manifest.c", rec, l.config("kubernetes_manifest.c", strings.Replace(body, "one", "two", 1)))
	must(t, ds)
	if len(p.Replace) != 1 || p.Planned.GetAttr("uid").IsKnown() {
		t.Errorf("replace %v, uid %#v", p.Replace, p.Planned.GetAttr("uid"))
	}
}

func TestManifestWithUnknownParts(t *testing.T) {
	l := newLab(t)
	config := l.config("kubernetes_manifest.c", `manifest = { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "c", namespace = "NS" }, data = { k = "v" } }`)
	unknown := cty.ObjectVal(map[string]cty.Value{
		"apiVersion": cty.StringVal("v1"), "kind": cty.StringVal("ConfigMap"),
		"metadata": dig(config, "manifest", "metadata"), "data": cty.ObjectVal(map[string]cty.Value{"k": cty.UnknownVal(cty.String)}),
	})
	attrs := config.AsValueMap()
	attrs["manifest"] = unknown
	p, ds := l.plan("kubernetes_manifest.c", record{}, cty.ObjectVal(attrs))
	must(t, ds)
	if p.Planned.GetAttr("name").AsString() != "c" {
		t.Errorf("name %#v", p.Planned.GetAttr("name"))
	}
	out, ds := l.carryOut(t.Context(), "kubernetes_manifest.c", record{}, config, providers.PlanResponse{Planned: l.kind("kubernetes_manifest.c").Schema().Block.Propose(cty.NilVal, config), Private: p.Private})
	must(t, ds)
	l.settled("kubernetes_manifest.c", out, config)
}

func TestManifestAdoption(t *testing.T) {
	l := newLab(t)
	body := `manifest = { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "a", namespace = "NS" }, data = { color = "red" } }` + "\n"
	l.apply("kubernetes_manifest.other", record{}, l.config("kubernetes_manifest.other", body))
	l.patch(kschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, l.ns, "a", `{"metadata":{"annotations":{"`+kube.AnnotationOwner+`":null}},"data":{"color":"blue"}}`)
	_, ds := l.plan("kubernetes_manifest.a", record{}, l.config("kubernetes_manifest.a", body))
	wantError(t, ds, kube.CodeExists, "adopt")
	config := l.config("kubernetes_manifest.a", body+`on_exists = "adopt"`)
	p, ds := l.plan("kubernetes_manifest.a", record{}, config)
	must(t, ds)
	if p.Adopted == cty.NilVal || dig(p.Adopted, "manifest", "data", "color").AsString() != "blue" {
		t.Fatalf("adopted %#v", p.Adopted)
	}
	rec := l.apply("kubernetes_manifest.a", record{}, config)
	l.settled("kubernetes_manifest.a", rec, config)
}

func TestSecretNeverLeaks(t *testing.T) {
	const planted, second, third = "planted-value-one", "planted-value-two", "planted-value-three"
	l := newLab(t)
	body := func(v string) cty.Value {
		return l.config("kubernetes_secret.s", `
name      = "s"
namespace = "NS"
data      = { password = "`+v+`", user = "shop" }`)
	}
	rec := l.apply("kubernetes_secret.s", record{}, body(planted))
	l.settled("kubernetes_secret.s", rec, body(planted))
	rec = l.apply("kubernetes_secret.s", rec, body(second))
	l.settled("kubernetes_secret.s", rec, body(second))

	l.patch(secrets, l.ns, "s", `{"stringData":{"password":"`+third+`"}}`)
	prior := l.again().read("kubernetes_secret.s", rec)
	if got := prior.value.GetAttr("data").AsValueMap()["password"]; got.AsString() != third {
		t.Errorf("a foreign change is not seen: %#v", got)
	}
	rec = l.apply("kubernetes_secret.s", prior, body(second))
	l.settled("kubernetes_secret.s", rec, body(second))

	// The server's own words would quote the value.
	_, ds := l.tryApply(t.Context(), "kubernetes_secret.s", rec, l.config("kubernetes_secret.s", `
name      = "s"
namespace = "NS"
data      = { "bad key" = "`+planted+`" }`))
	if !ds.HasErrors() {
		t.Error("a bad key was accepted")
	}
	all := strings.Join(l.log.said, "\n")
	for _, v := range []string{planted, second, third, "cGxhbnRlZC12YWx1ZS"} {
		if strings.Contains(all, v) {
			t.Errorf("%q leaked: %s", v, all)
		}
	}
}

func TestNamespaceIsKeptWhileItHoldsOthersObjects(t *testing.T) {
	l := newLab(t)
	name := testenv.Name(t)
	const address = "kubernetes_namespace.n"
	config := l.config(address, `
name        = "`+name+`"
annotations = { "linkerd.io/inject" = "enabled" }`)
	rec := l.apply(address, record{}, config)
	l.settled(address, rec, config)
	l.patch(namespaces, "", name, `{"metadata":{"annotations":{"linkerd.io/inject":"disabled"}}}`)
	prior := l.again().read(address, rec)
	if got := prior.value.GetAttr("annotations").AsValueMap()["linkerd.io/inject"].AsString(); got != "disabled" {
		t.Errorf("drift: %s", got)
	}
	rec = l.apply(address, prior, config)

	if _, err := testenv.Dynamic(t).Resource(kschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(name).Apply(t.Context(), "theirs", (&kube.Desired{Object: configMapOf(name, "theirs")}).Object, metav1.ApplyOptions{FieldManager: "x"}); err != nil {
		t.Fatal(err)
	}
	_, ds := l.tryApply(t.Context(), address, rec, cty.NilVal)
	wantError(t, ds, kubernetes.CodeNotEmpty, "ConfigMap theirs", "force_delete_contents")
	attrs := rec.value.AsValueMap()
	attrs["force_delete_contents"] = cty.True
	if rec = l.apply(address, record{cty.ObjectVal(attrs), rec.private}, cty.NilVal); !rec.value.IsNull() {
		t.Error("not deleted")
	}
}

func TestMetadataOfTwoResourcesOnOneObject(t *testing.T) {
	l := newLab(t)
	l.apply(webAddress, record{}, l.config(webAddress, webBody))
	body := func(key string) string {
		return `
api_version = "apps/v1"
kind        = "Deployment"
namespace   = "NS"
name        = "web"
annotations = { "example.test/` + key + `" = "x" }
template_annotations = { "example.test/t` + key + `" = "y" }`
	}
	one, two := l.config("kubernetes_metadata.one", body("one")), l.config("kubernetes_metadata.two", body("two"))
	p, ds := l.plan("kubernetes_metadata.one", record{}, one)
	must(t, ds)
	if p.Restarts != 2 || p.Adopted != cty.NilVal {
		t.Errorf("restarts %d, adopted %#v", p.Restarts, p.Adopted)
	}
	a := l.apply("kubernetes_metadata.one", record{}, one)
	b := l.apply("kubernetes_metadata.two", record{}, two)
	l.settled("kubernetes_metadata.one", a, one)
	l.settled("kubernetes_metadata.two", b, two)
	l.apply("kubernetes_metadata.one", a, cty.NilVal)
	live, err := testenv.Dynamic(t).Resource(deployments).Namespace(l.ns).Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := live.GetAnnotations(); got["example.test/one"] != "" || got["example.test/two"] != "x" {
		t.Errorf("annotations %v", got)
	}
	template, _, _ := unstructuredStrings(live.Object, "spec", "template", "metadata", "annotations")
	if template["example.test/tone"] != "y" {
		t.Errorf("template annotations %v: removing one restarts every pod", template)
	}
}

func TestRestartIsProvedAndDeterministic(t *testing.T) {
	l := newLab(t)
	l.apply(webAddress, record{}, l.config(webAddress, webBody))
	const address = "kubernetes_rollout_restart.web"
	body := func(v string) cty.Value {
		return l.config(address, `
namespace = "NS"
name      = "web"
triggers  = { config = "`+v+`" }`)
	}
	generation := func() int64 {
		u, err := testenv.Dynamic(t).Resource(deployments).Namespace(l.ns).Get(t.Context(), "web", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return u.GetGeneration()
	}
	rec := l.apply(address, record{}, body("1"))
	if !slices.ContainsFunc(l.log.said, func(s string) bool { return strings.Contains(s, "2 of 2 pods restarted") }) {
		t.Errorf("no proof in %q", l.log.said)
	}
	l.settled(address, rec, body("1"))
	before := generation()
	l.apply(address, record{}, body("1")) // as after a kill: the record is lost
	if generation() != before {
		t.Error("a repeated apply restarted the pods again")
	}
	rec = l.apply(address, rec, body("2"))
	if generation() == before {
		t.Error("a new trigger restarted nothing")
	}
	l.patch(deployments, l.ns, "web", `{"spec":{"paused":true}}`)
	_, ds := l.plan(address, rec, body("3"))
	wantError(t, ds, kube.CodeRestart, "paused")
	l.patch(deployments, l.ns, "web", `{"spec":{"paused":false}}`)
	before = generation()
	l.apply(address, rec, cty.NilVal)
	if generation() != before {
		t.Error("removing the resource restarted the pods")
	}
}

func TestReadinessFailsWithThePodsOwnWords(t *testing.T) {
	l := newLab(t)
	config := l.config(webAddress, strings.Replace(strings.Replace(webBody, `containers = [`, `nodeSelector = { nowhere = "yes" }, containers = [`, 1), "60s", "4s", 1))
	rec, ds := l.tryApply(t.Context(), webAddress, record{}, config)
	wantError(t, ds, kube.CodeNotReady, "Unschedulable", "apply again")
	if rec.value.IsNull() {
		t.Fatal("the object is not recorded")
	}
	prior := l.again().read(webAddress, rec)
	p, ds := l.plan(webAddress, prior, config)
	must(t, ds)
	if p.Again == "" {
		t.Error("the next plan does not go on waiting")
	}
	if planned, _ := p.Planned.UnmarkDeep(); !planned.RawEquals(prior.value) || len(p.Replace) > 0 || p.Restarts > 0 {
		t.Errorf("the next plan does more than wait: %v, restarts %d", p.Replace, p.Restarts)
	}
}

func TestDataSources(t *testing.T) {
	l := newLab(t)
	l.apply("kubernetes_secret.s", record{}, l.config("kubernetes_secret.s", "name = \"s\"\nnamespace = \"NS\"\ndata = { k = \"v\" }"))
	read := func(name, body string) cty.Value {
		s := l.provider.DataSources()[name]
		v, ds := s.Read(t.Context(), providers.DataRequest{Config: decode(t, &s.Schema().Block, strings.ReplaceAll(body, "NS", l.ns))})
		must(t, ds)
		return v
	}
	object := read("kubernetes_object", "api_version = \"v1\"\nkind = \"Secret\"\nnamespace = \"NS\"\nname = \"s\"")
	if !schema.IsSensitive(object) {
		t.Error("the data of a Secret is not marked")
	}
	if v := read("kubernetes_object", "api_version = \"example.test/v1\"\nkind = \"Nothing\"\nname = \"s\"\noptional = true"); v.GetAttr("exists").True() {
		t.Error("an unknown kind exists")
	}
	list := read("kubernetes_objects", "api_version = \"v1\"\nkind = \"Secret\"\nnamespace = \"NS\"")
	if n, _ := list.GetAttr("names").UnmarkDeep(); n.LengthInt() != 1 || n.Index(cty.Zero).AsString() != "s" {
		t.Errorf("names %#v", n)
	}
	cluster := read("kubernetes_cluster", "")
	if !regexp.MustCompile(`^v1\.\d+`).MatchString(cluster.GetAttr("version").AsString()) || !strings.Contains(kinds(cluster), " apps/v1/Deployment ") {
		t.Errorf("cluster %#v", cluster)
	}
}

func kinds(v cty.Value) string {
	out := " "
	for _, k := range v.GetAttr("kinds").AsValueSlice() {
		out += k.AsString() + " "
	}
	return out
}

func TestImport(t *testing.T) {
	l := newLab(t)
	if _, err := testenv.Dynamic(t).Resource(kschema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(l.ns).Create(t.Context(), configMapOf(l.ns, "i"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	importer := l.kind(webAddress).(providers.Importer)
	out, ds := importer.Import(t.Context(), l.owner("kubernetes_manifest.i"), "v1/ConfigMap/"+l.ns+"/i")
	must(t, ds)
	config := l.config("kubernetes_manifest.i", `manifest = { apiVersion = "v1", kind = "ConfigMap", metadata = { name = "i", namespace = "NS" }, data = { k = "v" } }`)
	rec := l.apply("kubernetes_manifest.i", record{out.Value, out.Private}, config)
	l.settled("kubernetes_manifest.i", rec, config)
	_, ds = importer.Import(t.Context(), l.owner("kubernetes_manifest.i"), "Nonsense")
	wantError(t, ds, kube.CodeManifest, "apps/v1/Deployment/shop/web")
}

// The remaining tests need no cluster.

func TestExamplesAreValid(t *testing.T) {
	p := kubernetes.New(kube.NewPool(kube.Options{}), func() string { return "." })()
	all := map[string]*schema.Resource{}
	for name, r := range p.ResourceTypes() {
		all["resource "+name] = r.Schema()
	}
	for name, d := range p.DataSources() {
		all["data "+name] = d.Schema()
	}
	for name, s := range all {
		f, ds := hclsyntax.ParseConfig([]byte(s.Example), name, hcl.InitialPos)
		must(t, ds)
		block, kind, _ := strings.Cut(name, " ")
		found := false
		for _, b := range f.Body.(*hclsyntax.Body).Blocks {
			if b.Type != block || b.Labels[0] != kind {
				continue
			}
			found = true
			_, ds := s.Block.Decode(b.Body, nil)
			for _, d := range ds {
				if !strings.Contains(d.Summary, "Variables not allowed") && !strings.Contains(d.Summary, "Function calls not allowed") {
					t.Errorf("%s: %s: %s", name, d.Summary, d.Detail)
				}
			}
		}
		if !found {
			t.Errorf("%s: the example has no such block", name)
		}
		if s.Summary == "" || s.Description == "" {
			t.Errorf("%s has no documentation", name)
		}
		for attribute, a := range s.Block.Attributes {
			if a.Description == "" {
				t.Errorf("%s: %s has no description", name, attribute)
			}
		}
	}
}

func TestOrder(t *testing.T) {
	p := kubernetes.New(kube.NewPool(kube.Options{}), func() string { return "." })()
	orderer := p.ResourceTypes()["kubernetes_manifest"].(providers.Orderer)
	order := func(manifest string) providers.Order {
		return orderer.Order(decode(t, &p.ResourceTypes()["kubernetes_manifest"].Schema().Block, "manifest = "+manifest))
	}
	for name, c := range map[string]struct {
		manifest string
		want     providers.Order
	}{
		"namespace": {`{ apiVersion = "v1", kind = "Namespace", metadata = { name = "shop" } }`,
			providers.Order{Provides: []providers.Tag{"kubernetes:object/Namespace/shop", "kubernetes:namespace/shop"}}},
		"custom resource": {`{ apiVersion = "example.test/v1", kind = "Widget", metadata = { name = "w", namespace = "shop" } }`,
			providers.Order{Provides: []providers.Tag{"kubernetes:object/Widget/shop/w"}, After: []providers.Tag{"kubernetes:crd/example.test/Widget", "kubernetes:namespace/shop"}}},
		"definition": {`{ apiVersion = "apiextensions.k8s.io/v1", kind = "CustomResourceDefinition", metadata = { name = "widgets.example.test" }, spec = { group = "example.test", names = { kind = "Widget" } } }`,
			providers.Order{Provides: []providers.Tag{"kubernetes:object/CustomResourceDefinition/widgets.example.test", "kubernetes:crd/example.test/Widget"}, After: []providers.Tag{"kubernetes:crd/apiextensions.k8s.io/CustomResourceDefinition"}}},
		"workload": {`{ apiVersion = "apps/v1", kind = "Deployment", metadata = { name = "web", namespace = "shop" }, spec = { template = { spec = { serviceAccountName = "web", volumes = [{ secret = { secretName = "tls" } }] } } } }`,
			providers.Order{Provides: []providers.Tag{"kubernetes:object/Deployment/shop/web", "kubernetes:workloads/shop"}, After: []providers.Tag{"kubernetes:namespace/shop", "kubernetes:object/Secret/shop/tls", "kubernetes:object/ServiceAccount/shop/web"}}},
		"webhook": {`{ apiVersion = "admissionregistration.k8s.io/v1", kind = "MutatingWebhookConfiguration", metadata = { name = "w" }, webhooks = [{ clientConfig = { service = { namespace = "linkerd", name = "injector" } } }] }`,
			providers.Order{Provides: []providers.Tag{"kubernetes:object/MutatingWebhookConfiguration/w"}, After: []providers.Tag{"kubernetes:crd/admissionregistration.k8s.io/MutatingWebhookConfiguration", "kubernetes:object/Service/linkerd/injector", "kubernetes:workloads/linkerd"}}},
	} {
		got := order(c.manifest)
		if !slices.Equal(got.Provides, c.want.Provides) || !slices.Equal(got.After, c.want.After) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestManifestIsCheckedWithoutACluster(t *testing.T) {
	p := kubernetes.New(kube.NewPool(kube.Options{}), func() string { return "." })()
	s := p.ResourceTypes()["kubernetes_manifest"].Schema()
	for body, want := range map[string]string{
		`{ apiVersion = "v1", metadata = { name = "a" } }`:                             "no kind",
		`{ apiVersion = "v1", kind = "ConfigMap", metadata = { generateName = "a" } }`: "generateName",
		`{ apiVersion = "v1", kind = "List", metadata = { name = "a" } }`:              "several objects",
		`{ apiVersion = "v1", kind = "Pod", metadata = { name = "a" }, x = [null] }`:   "null",
		`"text"`: "object is needed",
	} {
		problems := s.Validate(decode(t, &s.Block, "manifest = "+body))
		if len(problems) != 1 || !strings.Contains(problems[0].Detail, want) {
			t.Errorf("%s: %v, want %q", body, problems, want)
		}
	}
}
