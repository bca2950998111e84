package kube_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
)

// hook is a webhook that the real API server calls for the test's namespace only.
type hook struct {
	resource    string // of any group
	sideEffects string // "None" when empty
	validating  bool
	// answer returns a JSON patch, or a refusal.
	answer func(object map[string]any) (patch, refusal string)
	calls  atomic.Int32
}

// serve registers the webhook for the time of the test.
func (h *hook) serve(t *testing.T, namespace string) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.calls.Add(1)
		var review struct {
			APIVersion string         `json:"apiVersion"`
			Kind       string         `json:"kind"`
			Request    map[string]any `json:"request"`
		}
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		object, _ := review.Request["object"].(map[string]any)
		answer := map[string]any{"uid": review.Request["uid"], "allowed": true}
		patch, refusal := h.answer(object)
		if patch != "" {
			answer["patchType"], answer["patch"] = "JSONPatch", base64.StdEncoding.EncodeToString([]byte(patch))
		}
		if refusal != "" {
			answer["allowed"], answer["status"] = false, map[string]any{"message": refusal, "code": 400}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": review.APIVersion, "kind": review.Kind, "response": answer})
	}))
	t.Cleanup(server.Close)
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	kind, resource := "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"
	if h.validating {
		kind, resource = "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"
	}
	if h.sideEffects == "" {
		h.sideEffects = "None"
	}
	r := &rig{t: t, ns: "NS"} // the bundle may hold these letters
	u := r.object(fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: %s
metadata: {name: %s}
webhooks:
- name: hook.example.test
  sideEffects: %s
  failurePolicy: Fail
  admissionReviewVersions: [v1]
  clientConfig: {url: %q, caBundle: %s}
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}
  rules: [{apiGroups: ["*"], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [%s]}]
`, kind, namespace, h.sideEffects, server.URL, base64.StdEncoding.EncodeToString(bundle), namespace, h.resource))
	client := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: resource})
	if _, err := client.Create(t.Context(), u, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Delete(context.Background(), namespace, metav1.DeleteOptions{}); err != nil {
			t.Logf("webhook configuration %s stays: %v", namespace, err)
		}
	})
}

// active waits until the API server asks the webhook: it reads new configurations now and then.
func (h *hook) active(r *rig, probe string) {
	r.t.Helper()
	before := h.calls.Load()
	eventually(r.t, "the webhook is never asked", func() bool {
		_, _ = r.CreateDryRun(r.t.Context(), r.object(probe))
		return h.calls.Load() > before
	})
}
