package install_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/meshplan/meshplan/internal/testenv"
)

// TestHighAvailabilityNeverLocksTheClusterOut installs and removes a control plane whose webhooks must answer: with the
// injector's webhook there before anybody serves it, or still there when nobody does any more, no pod could be made anywhere, not
// even the injector's own.
func TestHighAvailabilityNeverLocksTheClusterOut(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	const config = controlConfig + "high_availability = true\nvalues = { enablePodAntiAffinity = false } # there may be less than three nodes\n"
	client := testenv.Dynamic(t)
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}

	events := make(chan change, 1000)
	r.follow(mutating(), "", events, func(e watch.Event, u *unstructured.Unstructured) string {
		if !strings.Contains(u.GetName(), "injector") || e.Type == watch.Modified {
			return ""
		}
		return "webhook " + strings.ToLower(string(e.Type))
	})
	ready := map[types.UID]bool{}
	r.follow(pods, r.namespace, events, func(e watch.Event, u *unstructured.Unstructured) string {
		conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
		is := e.Type != watch.Deleted && u.GetDeletionTimestamp() == nil && slices.ContainsFunc(conditions, func(c any) bool {
			m, _ := c.(map[string]any)
			return m["type"] == string(corev1.PodReady) && m["status"] == "True"
		})
		if u.GetLabels()["linkerd.io/control-plane-component"] != "proxy-injector" || is == ready[u.GetUID()] {
			return ""
		}
		if ready[u.GetUID()] = is; is {
			return "injector ready"
		}
		return "injector gone"
	})

	r.install(config)
	r.control.MustBeUnchanged(t, config)
	hook, err := client.Resource(mutating()).Get(t.Context(), "linkerd-proxy-injector-webhook-config", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	hooks, _, _ := unstructured.NestedSlice(hook.Object, "webhooks")
	if first, _ := hooks[0].(map[string]any); first["failurePolicy"] != "Fail" {
		t.Fatalf("the webhook's failures do not matter, so the order proves nothing: %v", first["failurePolicy"])
	}
	for _, name := range []string{"linkerd-identity", "linkerd-destination", "linkerd-proxy-injector"} {
		d, err := client.Resource(deploymentsGVR).Namespace(r.namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if n, _, _ := unstructured.NestedInt64(d.Object, "status", "readyReplicas"); n != 3 {
			t.Errorf("%s has %d ready replicas", name, n)
		}
	}
	r.control.Delete(t)

	var all []change
	for drained := false; !drained; {
		select {
		case e := <-events:
			all = append(all, e)
		case <-time.After(time.Second):
			drained = true
		}
	}
	inOrder(all)
	serving, exists := 0, false
	seen := map[string]int{}
	for _, e := range all {
		seen[e.what]++
		switch e.what {
		case "injector ready":
			serving++
		case "injector gone":
			serving--
		case "webhook added":
			exists = true
		case "webhook deleted":
			exists = false
		}
		if exists && serving == 0 {
			t.Errorf("the webhook must answer and nobody serves it: %v", all)
			break
		}
	}
	if seen["webhook added"] != 1 || seen["webhook deleted"] != 1 || seen["injector ready"] < 3 {
		t.Errorf("seen: %v", seen)
	}
}
