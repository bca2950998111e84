package typed

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// CodeImport: what is to be imported does not exist, or is not named as this type names its objects.
const CodeImport diag.Code = "linkerd.import"

// ImportID is the id of an import block for an Owned type, as its schema says it.
const ImportID = "`namespace/name`: `shop/web`"

// New returns the resource type of a kind. Only objects that are ours as a whole can be imported.
func New(k Kind, e env.Env, w *World) providers.ResourceType {
	t := Type{Kind: k, Env: e, World: w}
	if k.Partial {
		return t
	}
	return Owned{t}
}

// Owned is the resource type of a kind whose objects are ours as a whole.
type Owned struct{ Type }

// Import implements providers.Importer: the id is `namespace/name`.
func (t Owned) Import(ctx context.Context, owner providers.Owner, id string) (providers.ReadResponse, hcl.Diagnostics) {
	null := providers.ReadResponse{Value: t.Declare().Block.Null()}
	ns, name, ok := strings.Cut(id, "/")
	if !ok || ns == "" || name == "" || strings.Contains(name, "/") {
		return null, hcl.Diagnostics{diag.Errorf(CodeImport, "Cannot be imported", "%q does not name an object as `namespace/name`.", id)}
	}
	attrs := map[string]cty.Value{}
	for n, a := range t.Declare().Block.Attributes {
		attrs[n] = cty.NullVal(a.Type.WithoutOptionalAttributesDeep())
		if a.Default != cty.NilVal {
			attrs[n] = a.Default
		}
	}
	for n, ty := range t.Declare().Block.Type().AttributeTypes() {
		if _, ok := attrs[n]; !ok {
			attrs[n] = cty.NullVal(ty)
			if ty.IsListType() {
				attrs[n] = cty.ListValEmpty(ty.ElementType())
			}
			if ty.IsMapType() {
				attrs[n] = cty.MapValEmpty(ty.ElementType())
			}
		}
	}
	attrs["namespace"], attrs["name"] = cty.StringVal(ns), cty.StringVal(name)
	base := cty.ObjectVal(attrs)
	gvk, ds := t.served(ctx, base, kube.Record{}, false)
	if ds.HasErrors() {
		return null, ds
	}
	ref := kube.Ref{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind, Namespace: ns, Name: name}
	live, err := t.Env.Cluster().Get(ctx, ref)
	switch {
	case err != nil:
		return null, t.Env.Cluster().Diagnose(err, "get", ref)
	case live == nil:
		return null, hcl.Diagnostics{diag.Errorf(CodeImport, "Cannot be imported", "There is no %s. Correct the id.", fmt.Sprint(ref))}
	}
	_, record := kube.Imported(owner, live)
	return providers.ReadResponse{Value: t.value(live, base), Private: record.Encode()}, nil
}

// Names implements providers.Namer.
func (t Owned) Names(id string, value cty.Value) bool {
	return id == schema.Text(value.GetAttr("namespace"))+"/"+schema.Text(value.GetAttr("name"))
}
