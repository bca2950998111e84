package linkerd

import (
	"testing"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/providers"
)

// TestSilentServersOfChartsAreWarnings: who installs a chart cannot add what its author left out, and Linkerd's own multicluster
// chart leaves it out.
func TestSilentServersOfChartsAreWarnings(t *testing.T) {
	server := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "policy.linkerd.io/v1beta3", "kind": "Server", "metadata": map[string]any{"name": "s", "namespace": "shop"},
		"spec": map[string]any{"podSelector": map[string]any{"matchLabels": map[string]any{"a": "b"}}, "port": int64(80)},
	}}
	for typ, want := range map[string]hcl.DiagnosticSeverity{"kubernetes_manifest": hcl.DiagError, "kubernetes_chart": hcl.DiagWarning} {
		m := &Manifests{}
		owner := providers.Owner{Address: addr.Instance{Resource: addr.Resource{Type: typ, Name: "x"}}}
		ds := m.Inspect(owner, server)
		if len(ds) != 1 || ds[0].Severity != want {
			t.Errorf("%s: %v", typ, ds)
		}
		if kept := len(m.planned()) == 1; kept != (want == hcl.DiagWarning) {
			t.Errorf("%s: kept %v", typ, kept)
		}
	}
}
