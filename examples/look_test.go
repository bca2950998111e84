package examples

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/meshplan/meshplan/internal/testenv"
)

// lookAtTheMesh asks everything that can be asked about the mesh of the reference rollout, without its configuration.
func lookAtTheMesh(w *workspace) {
	t := w.t
	t.Helper()
	check := w.must(0, "linkerd", "check")
	contains(t, check, check.stdout, "linkerd-identity", " 0 failed")
	certs := w.must(0, "linkerd", "certs", "--warn-before", "1d")
	contains(t, certs, certs.stdout, "trust-anchor", "issuer", "webhook", "yes")
	edges := w.must(0, "linkerd", "edges", "-n", "shop")
	contains(t, edges, words(edges.stdout), "shop/deployment/tripservice shop/deployment/paymentservice yes")
	mermaid := w.must(0, "linkerd", "edges", "--format", "mermaid")
	contains(t, mermaid, mermaid.stdout, "flowchart LR", `["shop/deployment/tripservice"]`)
	svg := w.must(0, "linkerd", "edges", "--format", "svg")
	contains(t, svg, svg.stdout, "<svg ", "shop/deployment/paymentservice")
	policy := w.must(0, "linkerd", "policy", "-n", "shop")
	contains(t, policy, words(policy.stdout), "shop deployment/paymentservice 8080 yes paymentservice-http deny no deployment/tripservice")
	mtls := w.must(0, "linkerd", "mtls", "-n", "shop", "--window", "2s", "--require", "1")
	contains(t, mtls, words(mtls.stdout), "100%")
	everywhere := w.must(0, "linkerd", "mtls", "--window", "2s", "--require", "1")
	contains(t, everywhere, words(everywhere.stdout), "linkerd-viz 0 no data")
	contains(t, everywhere, everywhere.stderr, "linkerd-viz belongs to an extension and nothing was seen there")
	named := w.must(1, "linkerd", "mtls", "-n", "linkerd-viz", "--window", "200ms", "--require", "1")
	contains(t, named, named.stderr, "linkerd-viz: nothing was seen, and no data is no proof: 100% of mutual TLS is required.")
	contains(t, mtls, w.must(0, "linkerd", "mtls", "--format", "md").stdout, "# Mesh compliance", "| deployment/paymentservice | 8080 |")
	contains(t, mtls, w.must(0, "linkerd", "mtls", "--format", "html").stdout, "<!doctype html>", "<svg ")
	for _, args := range [][]string{{"check"}, {"certs"}, {"edges"}, {"policy"}, {"mtls"}} {
		r := w.must(0, append(append([]string{"linkerd"}, args...), "--format", "json")...)
		if !json.Valid([]byte(r.stdout)) {
			t.Errorf("%s prints no JSON:\n%s", r.line, r.stdout)
		}
	}
	w.must(1, "linkerd", "policy", "-n", "nobody")
	w.must(1, "linkerd", "mtls", "-n", "linkerd", "--window", "200ms", "--require", "1") // no data is no proof
}

// canary takes the payments to a new version and back: the second half of the way fails, the weights return, and the
// history tells why.
func canary(t *testing.T) {
	t.Helper()
	w := newWorkspace(t, "canary")
	w.must(0, "apply", "--auto-approve", "--var", "weight=20")
	w.must(0, "plan", "--detailed-exitcode", "--var", "weight=20")
	client := testenv.Dynamic(t)
	route := schema.GroupVersionResource{Group: "policy.linkerd.io", Version: "v1beta3", Resource: "httproutes"}
	weights := func() string {
		u, err := client.Resource(route).Namespace("shop").Get(t.Context(), "paymentservice", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(u.Object["spec"])
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before := weights()

	failing := `{"data":{"traffic.yaml":"- {from: shop/tripservice, to: shop/paymentservice, port: 8080, rps: 40, successOf: {paymentservice-v2: 0.5}}\n"}}`
	traffic, err := client.Resource(configMaps).Namespace("shop").Get(t.Context(), "mesh-traffic", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Resource(configMaps).Namespace("shop").Patch(t.Context(), "mesh-traffic", types.MergePatchType, []byte(failing), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	r := w.must(3, "apply", "--auto-approve", "--var", "weight=100")
	contains(t, r, words(r.stdout+r.stderr), "Canary was taken back", "responses of paymentservice-v2 were successes", "are in force again")
	if after := weights(); after != before {
		t.Errorf("the weights did not return:\n%s\n%s", before, after)
	}
	show := w.must(0, "show", "run:2")
	contains(t, show, words(show.stdout), "responses of paymentservice-v2 were successes")
	w.must(0, "apply", "--auto-approve", "--var", "weight=20") // what is in force already
	w.must(0, "plan", "--detailed-exitcode", "--var", "weight=20")

	traffic.SetResourceVersion("")
	traffic.SetManagedFields(nil)
	data, _ := json.Marshal(map[string]any{"data": traffic.Object["data"]})
	if _, err := client.Resource(configMaps).Namespace("shop").Patch(t.Context(), "mesh-traffic", types.MergePatchType, data, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	w.must(0, "destroy", "--auto-approve")
	if u, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).Namespace("shop").Get(t.Context(), "paymentservice", metav1.GetOptions{}); err != nil || strings.Contains(fmt.Sprint(u.GetAnnotations()), "retry.linkerd.io") {
		t.Errorf("the Service keeps annotations of the canary: %v %v", u.GetAnnotations(), err)
	}
}
