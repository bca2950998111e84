package typed

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// CodeImport: what is to be imported does not exist, or is not named as this type names its objects.
const CodeImport diag.Code = "linkerd.import"

// Read implements providers.ResourceType.
func (t Type) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	reads := make([]kube.SetRead, len(reqs))
	for i, r := range reqs {
		out[i] = providers.ReadResponse{Value: r.Value, Private: r.Private}
		record, err := kube.DecodeRecord(r.Private)
		if err != nil {
			out[i].Diagnostics = diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
		}
		gvk := t.choose(r.Value)
		if len(record.Objects) > 0 {
			gvk.Version = record.Objects[0].Version
		}
		desired, _ := t.desired(r.Value, gvk)
		o := t.options(r.Value, r.Owner)
		reads[i] = kube.SetRead{Owner: r.Owner, Record: record, Desired: []kube.Desired{desired}, Unresolved: r.Unresolved, Manager: o.Manager, Partial: o.Partial}
	}
	states, ds := t.Env.Cluster().ReadSets(ctx, reads)
	if len(states) != len(reqs) {
		return out, ds
	}
	for i, s := range states {
		if out[i].Diagnostics.HasErrors() {
			continue
		}
		out[i].Diagnostics, out[i].Private = s.Diagnostics, s.Record.Encode()
		switch {
		case s.Diagnostics.HasErrors():
		case !s.Exists():
			out[i].Value, out[i].Private = cty.NullVal(reqs[i].Value.Type()), nil
		default:
			out[i].Value, out[i].Diagnostics = t.found(ctx, reqs[i], s.Objects[0])
		}
	}
	return out, ds
}

// found brings a recorded value up to date. An object in which nothing of ours changed is not looked at.
func (t Type) found(ctx context.Context, req providers.ReadRequest, s kube.ObjectState) (cty.Value, hcl.Diagnostics) {
	if len(s.Drift) == 0 && !req.Unresolved {
		return req.Value, nil
	}
	live := s.Live
	if live == nil {
		var err error
		if live, err = t.Env.Cluster().Get(ctx, s.Ref); err != nil || live == nil {
			return req.Value, t.Env.Cluster().Diagnose(err, "get", s.Ref)
		}
	}
	return t.value(live, req.Value), nil
}

// Import implements providers.Importer: the id is `namespace/name`.
func (t Type) Import(ctx context.Context, owner providers.Owner, id string) (providers.ReadResponse, hcl.Diagnostics) {
	null := providers.ReadResponse{Value: t.Declare().Block.Null()}
	ns, name, ok := strings.Cut(id, "/")
	if !ok || ns == "" || name == "" || strings.Contains(name, "/") || t.Partial {
		return null, hcl.Diagnostics{diag.Errorf(CodeImport, "Cannot be imported", "%q does not name an object as `namespace/name`, or the type only adds to objects of others.", id)}
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
