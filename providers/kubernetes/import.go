package kubernetes

import (
	"context"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// The ids of import blocks, as documentation says them.
const (
	importObject    = "`apiVersion/kind/namespace/name`, without the namespace for a kind that belongs to none: `apps/v1/Deployment/shop/web`, `v1/Namespace/shop`"
	importNamespace = "the name, or `v1/Namespace/NAME`: `shop`. Labels and annotations that a person or a tool set are compared with the configuration"
	importSecret    = "`NAMESPACE/NAME`, or `v1/Secret/NAMESPACE/NAME`: `shop/db`. Type, labels, annotations and `immutable` are compared with the configuration, and so is the data, as a whole and by keyed fingerprints: no value of it is shown or recorded. Keys that the configuration leaves out show as a change of the data, and go when kubectl, Helm or another such tool set them"
	importMetadata  = importObject + ". Labels and annotations that a person or a tool set are compared with the configuration, or, when this very resource set some before, those alone. What the configuration leaves out is not managed, and stays on the object when somebody else set it"
)

// existing is an object that is being imported.
type existing struct {
	live *unstructured.Unstructured
	// written is what somebody would write down of it.
	written *unstructured.Unstructured
	record  kube.Record
}

// existing reads the object of an import.
func (s *single) existing(ctx context.Context, owner providers.Owner, ref kube.Ref) (existing, hcl.Diagnostics) {
	live, err := s.cluster().Get(ctx, ref)
	switch {
	case err != nil:
		return existing{}, s.cluster().Diagnose(err, "get", ref)
	case live == nil:
		return existing{}, hcl.Diagnostics{diag.Errorf(kube.CodeGone, "Object does not exist", "%s does not exist, so it cannot be imported.", ref)}
	}
	written, ds := s.cluster().AsWritten(ctx, kube.OwnWriting(live, owner))
	_, rec := kube.Imported(owner, live)
	return existing{live, written, rec}, ds
}

// imported is the value of an object: what only the configuration can say has its default, or is null.
func (s *single) imported(e existing, known map[string]cty.Value) cty.Value {
	attrs := map[string]cty.Value{}
	for name, ty := range s.schema.Block.Type().AttributeTypes() {
		attrs[name] = cty.NullVal(ty)
		if a := s.schema.Block.Attributes[name]; a != nil && a.Default != cty.NilVal {
			attrs[name] = a.Default
		}
	}
	attrs["uid"] = cty.StringVal(string(e.live.GetUID()))
	return s.protect(set(cty.ObjectVal(attrs), known))
}

// texts reads the maps of strings of an object; an empty one is null.
func texts(u *unstructured.Unstructured, fields []field) map[string]cty.Value {
	out := map[string]cty.Value{}
	for _, f := range fields {
		at := make([]string, len(f.path))
		for i, step := range f.path {
			at[i], _ = step.(string) // the paths of fields have no other steps
		}
		out[f.attribute] = cty.NullVal(cty.Map(cty.String))
		if m, ok, err := unstructured.NestedStringMap(u.Object, at...); ok && err == nil && len(m) > 0 {
			values := map[string]cty.Value{}
			for k, v := range m {
				values[k] = cty.StringVal(v)
			}
			out[f.attribute] = cty.MapVal(values)
		}
	}
	return out
}

func notNamed(id, want string) hcl.Diagnostics {
	return hcl.Diagnostics{diag.Errorf(kube.CodeManifest, "Not the name of an object", "%q does not name an object of this type. Write %s.", id, want)}
}

// Import implements providers.Importer. The id is `apiVersion/kind/namespace/name`, without the namespace for a kind
// that has none: apps/v1/Deployment/shop/web.
func (m *manifest) Import(ctx context.Context, owner providers.Owner, id string) (providers.ReadResponse, hcl.Diagnostics) {
	ref, ds := m.parse(ctx, id)
	if ds.HasErrors() {
		return providers.ReadResponse{}, ds
	}
	e, ds := m.existing(ctx, owner, ref)
	if ds.HasErrors() {
		return providers.ReadResponse{}, ds
	}
	known := m.computed(ref)
	known["manifest"] = kube.ToValue(e.written.Object)
	return providers.ReadResponse{Value: m.imported(e, known), Private: e.record.Encode()}, ds
}

// parse reads the id of an object of any kind.
func (s *single) parse(ctx context.Context, id string) (kube.Ref, hcl.Diagnostics) {
	ref, err := s.cluster().ParseRef(ctx, id)
	if err != nil {
		return ref, hcl.Diagnostics{diag.Errorf(kube.CodeManifest, "Not the name of an object", "%s. Write apiVersion/kind/namespace/name, for instance apps/v1/Deployment/shop/web, or v1/Namespace/shop.", err)}
	}
	return ref, nil
}

// Import implements providers.Importer. The id is the name, or v1/Namespace/NAME.
func (n *namespace) Import(ctx context.Context, owner providers.Owner, id string) (providers.ReadResponse, hcl.Diagnostics) {
	name := strings.TrimPrefix(id, "v1/Namespace/")
	if dnsLabel(cty.StringVal(name)) != nil {
		return providers.ReadResponse{}, notNamed(id, "its name, for instance shop, or v1/Namespace/shop")
	}
	e, ds := n.existing(ctx, owner, kube.Ref{Version: "v1", Kind: "Namespace", Name: name})
	if ds.HasErrors() {
		return providers.ReadResponse{}, ds
	}
	known := texts(e.written, []field{labelsField, annotationsField})
	known["name"] = cty.StringVal(name)
	return providers.ReadResponse{Value: n.imported(e, known), Private: e.record.Encode()}, ds
}

// Names implements providers.Namer.
func (n *namespace) Names(id string, value cty.Value) bool {
	return n.single.Names("v1/Namespace/"+strings.TrimPrefix(id, "v1/Namespace/"), value)
}

// Import implements providers.Importer. The id is NAMESPACE/NAME, or v1/Secret/NAMESPACE/NAME. As from Read, the data
// is in the value, marked as secret, and Private holds a keyed digest of each of its values.
func (s *secret) Import(ctx context.Context, owner providers.Owner, id string) (providers.ReadResponse, hcl.Diagnostics) {
	in, name, ok := strings.Cut(strings.TrimPrefix(id, "v1/Secret/"), "/")
	if !ok || in == "" || name == "" || strings.Contains(name, "/") {
		return providers.ReadResponse{}, notNamed(id, "NAMESPACE/NAME, for instance shop/db, or v1/Secret/shop/db")
	}
	e, ds := s.existing(ctx, owner, kube.Ref{Version: "v1", Kind: "Secret", Namespace: in, Name: name})
	if ds.HasErrors() {
		return providers.ReadResponse{}, ds
	}
	known := texts(e.written, []field{labelsField, annotationsField})
	known["name"], known["namespace"] = cty.StringVal(name), cty.StringVal(in)
	kind, _, _ := unstructured.NestedString(e.live.Object, "type")
	fixed, _, _ := unstructured.NestedBool(e.live.Object, "immutable")
	known["type"], known["immutable"] = cty.StringVal(kind), cty.BoolVal(fixed)
	live, _ := e.live.Object["data"].(map[string]any)
	private := sealed{Record: e.record, Data: map[string]string{}}
	for k, v := range live {
		text, _ := v.(string)
		private.Data[k] = kube.Digest(owner.Key, plain(text))
	}
	if len(live) > 0 {
		known["data"] = decoded(live)
	}
	return providers.ReadResponse{Value: s.imported(e, known), Private: private.encode()}, ds
}

// Names implements providers.Namer.
func (s *secret) Names(id string, value cty.Value) bool {
	return s.single.Names("v1/Secret/"+strings.TrimPrefix(id, "v1/Secret/"), value)
}

// Import implements providers.Importer. The id is that of the object, as for kubernetes_manifest.
func (m *metadata) Import(ctx context.Context, owner providers.Owner, id string) (providers.ReadResponse, hcl.Diagnostics) {
	ref, ds := m.parse(ctx, id)
	if ds.HasErrors() {
		return providers.ReadResponse{}, ds
	}
	e, ds := m.existing(ctx, owner, ref)
	if ds.HasErrors() {
		return providers.ReadResponse{}, ds
	}
	manager := kube.InstanceManager(owner)
	if applied := kube.AppliedBy(e.live, manager); applied != nil { // the record was lost
		e.written = applied
	}
	e.record.Objects[0].Manager = manager
	known := texts(e.written, metadataFields)
	known["api_version"], known["kind"], known["name"] = cty.StringVal(ref.APIVersion()), cty.StringVal(ref.Kind), cty.StringVal(ref.Name)
	if ref.Namespace != "" {
		known["namespace"] = cty.StringVal(ref.Namespace)
	}
	return providers.ReadResponse{Value: m.imported(e, known), Private: e.record.Encode()}, ds
}
