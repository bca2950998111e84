package mesh_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/linkerd/env/meshtest"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

// TestPodSecurityOfEveryVersion: a namespace may bind its level to a version of the standards. The API server refuses NET_ADMIN in
// every version of baseline and restricted, so the version is not asked for.
func TestPodSecurityOfEveryVersion(t *testing.T) {
	t.Parallel()
	e := meshtest.New(t)
	for _, level := range []string{"privileged", "baseline", "restricted"} {
		for _, version := range []string{"", "v1.0", "v1.18", "v1.19", "v1.24", "v1.25", "latest"} {
			ns := testenv.Namespace(t)
			labels := map[string]string{"pod-security.kubernetes.io/enforce": level}
			text := "pod-security.kubernetes.io/enforce: " + level
			if version != "" {
				labels["pod-security.kubernetes.io/enforce-version"] = version
				text += ", pod-security.kubernetes.io/enforce-version: " + version
			}
			meshtest.Apply(t, e, ns, "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS, labels: {"+text+"}, annotations: {linkerd.io/inject: enabled}}\n")
			pod := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"generateName": "probe-", "namespace": ns},
				"spec": map[string]any{
					"securityContext": map[string]any{"runAsNonRoot": true, "runAsUser": int64(1000), "seccompProfile": map[string]any{"type": "RuntimeDefault"}},
					"containers": []any{map[string]any{"name": "web", "image": "web:1", "securityContext": map[string]any{
						"allowPrivilegeEscalation": false, "capabilities": map[string]any{"drop": []any{"ALL"}},
					}}},
				},
			}}
			var err error
			meshtest.Eventually(t, "the answer of the server is about an injected pod", func() bool {
				var live *unstructured.Unstructured
				live, err = e.Cluster().CreateDryRun(t.Context(), pod)
				if err == nil {
					return live.GetLabels()["linkerd.io/control-plane-ns"] != ""
				}
				return strings.Contains(err.Error(), "NET_ADMIN")
			})
			want := mesh.Refused(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns, Labels: labels}}, false)
			if (err != nil) != (want != "") || (want == "") != (level == "privileged") {
				t.Errorf("level %s, version %q: the server says %v, the plan %q", level, version, err, want)
			}
		}
	}
}
