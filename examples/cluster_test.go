package examples

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// The kinds that the tests look at.
var (
	namespaces  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	configMaps  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	secrets     = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	pods        = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	servers     = schema.GroupVersionResource{Group: "policy.linkerd.io", Version: "v1beta3", Resource: "servers"}
	policies    = schema.GroupVersionResource{Group: "policy.linkerd.io", Version: "v1alpha1", Resource: "authorizationpolicies"}
)

// deprecated kinds are not looked at, since the server warns of each request. Others show the same objects.
var deprecated = []string{"componentstatuses", "endpoints"}

// list lists objects; an empty namespace means all.
func list(t *testing.T, r schema.GroupVersionResource, namespace, selector string) []unstructured.Unstructured {
	t.Helper()
	l, err := testenv.Dynamic(t).Resource(r).Namespace(namespace).List(t.Context(), metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		t.Fatalf("list %s: %v", r.Resource, err)
	}
	return l.Items
}

// kinds returns every kind of object that the cluster serves and lists.
func kinds(t *testing.T) []schema.GroupVersionResource {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", testenv.Kubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := client.ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	var all []schema.GroupVersionResource
	for _, l := range lists {
		gv, err := schema.ParseGroupVersion(l.GroupVersion)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range l.APIResources {
			if slices.Contains(r.Verbs, "list") && !strings.Contains(r.Name, "/") && !slices.Contains(deprecated, r.Name) {
				all = append(all, gv.WithResource(r.Name))
			}
		}
	}
	return all
}

// inventory lists all objects that carry our mark, one a line, sorted. All must be of one state.
func inventory(t *testing.T) string {
	t.Helper()
	var lines []string
	states := map[string]bool{}
	for _, r := range kinds(t) {
		for _, o := range list(t, r, "", kube.LabelState) {
			_, owner, ok := strings.Cut(o.GetAnnotations()[kube.AnnotationOwner], "/")
			if !ok { // a controller copied the labels of its Service to an EndpointSlice
				continue
			}
			lines = append(lines, fmt.Sprintf("%s %s/%s of %s\n", o.GetKind(), o.GetNamespace(), o.GetName(), owner))
			states[o.GetLabels()[kube.LabelState]] = true
		}
	}
	if len(states) > 1 {
		t.Errorf("objects of %d states, want one: %v", len(states), states)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// checkNothingLeft fails when anything of the rollout is in the cluster: what carries our mark, and what Linkerd would be without it.
func checkNothingLeft(t *testing.T) {
	t.Helper()
	if left := inventory(t); left != "" {
		t.Errorf("objects are left in the cluster:\n%s", left)
	}
	for _, r := range kinds(t) {
		if strings.HasSuffix(r.Group, "linkerd.io") {
			t.Errorf("the cluster still serves %s.%s", r.Resource, r.Group)
		}
	}
	for _, o := range list(t, namespaces, "", "") {
		if name := o.GetName(); name == "shop" || strings.HasPrefix(name, "linkerd") {
			t.Errorf("namespace %s is left: %v", name, o.Object["status"])
		}
	}
	for _, resource := range []string{"customresourcedefinitions.apiextensions.k8s.io", "mutatingwebhookconfigurations.admissionregistration.k8s.io",
		"validatingwebhookconfigurations.admissionregistration.k8s.io", "clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io"} {
		gr := schema.ParseGroupResource(resource)
		for _, o := range list(t, gr.WithVersion("v1"), "", "") {
			if strings.Contains(o.GetName(), "linkerd") {
				t.Errorf("%s %s is left", o.GetKind(), o.GetName())
			}
		}
	}
}

// checkListsNothing fails when anything is recorded in the state.
func checkListsNothing(w *workspace) {
	w.t.Helper()
	if r := w.must(0, "state", "list"); r.stdout != "" {
		w.t.Errorf("the state still lists\n%s", r.stdout)
	}
}

// privateKeys reads all private keys from the Secrets of a namespace, by "secret/entry".
func privateKeys(t *testing.T, namespace string) map[string][]byte {
	t.Helper()
	keys := map[string][]byte{}
	for _, s := range list(t, secrets, namespace, "") {
		data, _, _ := unstructured.NestedStringMap(s.Object, "data")
		for entry, text := range data {
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				t.Fatalf("Secret %s: %v", s.GetName(), err)
			}
			if bytes.Contains(b, []byte("PRIVATE KEY")) {
				keys[s.GetName()+"/"+entry] = b
			}
		}
	}
	return keys
}

// needles are the forms in which a private key would be found: as it is, by line, as bytes, and encoded, wherever in a longer
// text the encoding begins.
func needles(t *testing.T, key []byte) [][]byte {
	t.Helper()
	out := [][]byte{key}
	for line := range bytes.Lines(key) {
		if line = bytes.TrimSpace(line); len(line) >= 16 && !bytes.HasPrefix(line, []byte("-----")) {
			out = append(out, line)
		}
	}
	encoded := func(b []byte) {
		for shift := range 3 {
			s := base64.StdEncoding.EncodeToString(b[shift : shift+(len(b)-shift)/3*3])
			out = append(out, []byte(s))
		}
	}
	encoded(key)
	block, _ := pem.Decode(key)
	if block == nil {
		t.Fatal("a key that is not PEM")
	}
	out = append(out, block.Bytes, fmt.Appendf(nil, "%x", block.Bytes))
	encoded(block.Bytes)
	return out
}

// checkNoKeys searches all files below the workspace and everything that was said in it for private keys.
func checkNoKeys(w *workspace, keys map[string][]byte) {
	w.t.Helper()
	texts := map[string][]byte{"the output": w.said.Bytes()}
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		texts[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for where, text := range texts {
		if i := bytes.Index(text, []byte("\x1f\x8b")); i >= 0 { // saved plans are compressed
			if z, err := gzip.NewReader(bytes.NewReader(text[i:])); err == nil {
				inflated, err := io.ReadAll(z)
				if err != nil {
					w.t.Errorf("%s: %v", where, err)
				}
				text = append(text, inflated...)
			}
		}
		if bytes.Contains(text, []byte("PRIVATE KEY")) {
			w.t.Errorf("%s holds a private key", where)
		}
		for name, key := range keys {
			for i, n := range needles(w.t, key) {
				if bytes.Contains(text, n) {
					w.t.Errorf("%s holds the private key %s (form %d)", where, name, i)
				}
			}
		}
	}
}
