package kube

import (
	"encoding/base64"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// normalize returns the object as it is sent: without what only the server writes, with the namespace that its scope
// asks for, stringData as data, and nulls left out. The input is not changed. Notes say what was left out.
func normalize(in *unstructured.Unstructured, m Mapping) (out *unstructured.Unstructured, notes []string) {
	out = &unstructured.Unstructured{Object: dropNulls(in.Object).(map[string]any)}
	dropServerFields(out.Object)
	switch {
	case m.Namespaced && out.GetNamespace() == "":
		out.SetNamespace(DefaultNamespace)
	case !m.Namespaced && out.GetNamespace() != "":
		notes = append(notes, "kind "+m.GVK.Kind+" belongs to no namespace: metadata.namespace is ignored")
		out.SetNamespace("")
	}
	if isSecret(RefOf(out)) {
		if text, ok := out.Object["stringData"].(map[string]any); ok {
			data, _ := out.Object["data"].(map[string]any)
			if data == nil {
				data = map[string]any{}
			}
			for k, v := range text {
				if s, ok := v.(string); ok {
					data[k] = base64.StdEncoding.EncodeToString([]byte(s))
				}
			}
			out.Object["data"] = data
			delete(out.Object, "stringData")
		}
	}
	return out, notes
}

// dropServerFields removes what only the server writes.
func dropServerFields(object map[string]any) {
	delete(object, "status")
	if metadata, ok := object["metadata"].(map[string]any); ok {
		for _, field := range []string{"managedFields", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink", "deletionTimestamp"} {
			delete(metadata, field)
		}
	}
}

// DefaultNamespace is where namespaced objects go that name no namespace. The kubeconfig's choice is not used: a plan
// must not depend on it.
const DefaultNamespace = "default"

// dropNulls copies JSON terms without nulls in maps.
func dropNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			if e != nil {
				out[k] = dropNulls(e)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = dropNulls(e)
		}
		return out
	}
	return v
}

// wish is one desired object on its way to the server.
type wish struct {
	Desired
	ref     Ref
	mapping Mapping
	body    *unstructured.Unstructured // normalized, without marks
	digest  string
	notes   []string
}

// sent returns the body with ownership marks, ready to be applied.
func (w *wish) sent(owner providers.Owner, o SetOptions) *unstructured.Unstructured {
	out := w.body.DeepCopy()
	if !o.Partial {
		mark(out, owner)
	}
	return out
}

// CheckManifest reports what no manifest may lack or hold.
func CheckManifest(u *unstructured.Unstructured) hcl.Diagnostics {
	var ds hcl.Diagnostics
	missing := func(field string) {
		ds = append(ds, diag.Errorf(CodeManifest, "Incomplete manifest", "The manifest has no %s. Every object needs apiVersion, kind and metadata.name.", field))
	}
	if u.GetAPIVersion() == "" {
		missing("apiVersion")
	}
	if u.GetKind() == "" {
		missing("kind")
	}
	if u.GetGenerateName() != "" {
		ds = append(ds, diag.Errorf(CodeManifest, "Generated names are not supported", "metadata.generateName = %q gives another object each time it is applied. Set metadata.name.", u.GetGenerateName()))
	} else if u.GetName() == "" {
		missing("metadata.name")
	}
	if u.GetKind() == "List" {
		ds = append(ds, diag.Errorf(CodeManifest, "A list is not an object", "kind: List holds several objects. Give each one a resource of its own; manifests() splits files."))
	}
	return ds
}
