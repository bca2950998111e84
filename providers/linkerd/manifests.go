package linkerd

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/lint"
)

// Manifests knows Linkerd's objects that the run plans as plain manifests, so that their mistakes are found and the
// policy of the plan is judged with them. The zero value is empty; it is safe for concurrent use.
type Manifests struct {
	mu      sync.Mutex // guards objects
	objects map[string]*unstructured.Unstructured
}

// Inspect judges an object and keeps it when it is one of Linkerd's. It is made for kube.Options. Objects that types of
// this provider plan are left to those.
func (m *Manifests) Inspect(owner providers.Owner, u *unstructured.Unstructured) hcl.Diagnostics {
	if !strings.HasPrefix(owner.Address.Type, "kubernetes_") {
		return nil
	}
	ds := lint.Object(u)
	if owner.Address.Type != "kubernetes_manifest" { // who uses a chart has not written the object and cannot add the word
		for _, d := range ds {
			if diag.CodeOf(d) == lint.CodeSilentDeny {
				d.Severity = hcl.DiagWarning
			}
		}
	}
	if g := u.GroupVersionKind().Group; (g == "policy.linkerd.io" || g == "gateway.networking.k8s.io") && !ds.HasErrors() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.objects == nil {
			m.objects = map[string]*unstructured.Unstructured{}
		}
		m.objects[owner.Address.String()] = u
	}
	return ds
}

// planned returns a copy of what is known, by address.
func (m *Manifests) planned() map[string]*unstructured.Unstructured {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.objects)
}

// namespaces are those of the objects, sorted.
func (m *Manifests) namespaces() []string {
	var out []string
	for _, u := range m.planned() {
		out = append(out, u.GetNamespace())
	}
	slices.Sort(out)
	return slices.Compact(out)
}
