package typed

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Type is the resource type of one kind: one object, planned and applied through the object-set core. All fields are
// required; what one provider instance plans is shared through World.
type Type struct {
	Kind
	Env   env.Env
	World *World
}

// Schema implements providers.ResourceType.
func (t Type) Schema() *schema.Resource {
	s := t.Declare()
	if !t.Partial && s.Coexist == nil {
		s.Coexist = t.coexist
	}
	return s
}

// coexist says why two objects cannot exist at the same time: they have one kind, namespace and name.
func (t Type) coexist(before, after cty.Value) string {
	was, is := t.choose(before), t.choose(after)
	if was.Group != is.Group || was.Kind != is.Kind {
		return ""
	}
	for _, name := range []string{"namespace", "name"} {
		if b, a := before.GetAttr(name), after.GetAttr(name); !b.IsKnown() || !a.IsKnown() || !b.RawEquals(a) {
			return ""
		}
	}
	return fmt.Sprintf("both are %s %s/%s", is.Kind, schema.Text(after.GetAttr("namespace")), schema.Text(after.GetAttr("name")))
}

// Order implements providers.Orderer.
func (t Type) Order(config cty.Value) providers.Order {
	ns := schema.Text(config.GetAttr("namespace"))
	o := providers.Order{After: []providers.Tag{"linkerd:crds", "linkerd:control-plane"}}
	if gvk := t.choose(config); gvk.Group != "" {
		o.After = append(o.After, providers.Tag("kubernetes:crd/"+gvk.Group+"/"+gvk.Kind))
	}
	if ns != "" {
		o.After = append(o.After, providers.Tag("kubernetes:namespace/"+ns))
		if t.Place != nil {
			t.Place(config, &o)
		}
	}
	return o
}

// Plan implements providers.ResourceType.
func (t Type) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	res := providers.PlanResponse{Planned: req.Proposed}
	record, err := kube.DecodeRecord(req.Private)
	if err != nil {
		return res, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	plan := kube.SetPlanRequest{Owner: req.Owner, Prior: record, Replacing: req.Replacing, Offline: req.Offline}
	if req.Config.IsNull() {
		for _, o := range record.Objects {
			t.World.Remove(req.Address.String(), o.Ref)
			t.World.Changes(o.Namespace)
		}
		plan.Options = t.options(req.Prior, req.Owner)
		set, ds := t.Env.Cluster().PlanSet(ctx, plan)
		return providers.PlanResponse{Planned: cty.NullVal(req.Prior.Type()), Private: set.Private, Notes: set.Notes}, ds
	}
	attrs := req.Proposed.AsValueMap()
	if !t.identified(req.Proposed) {
		attrs["uid"] = cty.UnknownVal(cty.String)
		res.Planned = cty.ObjectVal(attrs)
		return res, nil
	}
	gvk, ds := t.served(ctx, req.Proposed, record, req.Offline)
	if ds.HasErrors() {
		return res, ds
	}
	t.name(gvk, attrs)
	desired, known := t.desired(req.Proposed, gvk)
	plan.Desired, plan.Options = []kube.Desired{desired}, t.options(req.Config, req.Owner)
	if req.Prior.IsNull() {
		plan.Prior = kube.Record{}
	}
	set, setDiags := t.Env.Cluster().PlanSet(ctx, plan)
	ds = append(ds, setDiags...)
	res.Private, res.Notes = set.Private, set.Notes
	if ds.HasErrors() {
		return res, ds
	}
	if req.Replacing && t.Risk != "" {
		res.Notes = append(res.Notes, "risky: "+t.Risk)
	}
	o := set.Find(kube.RefOf(desired.Object).ID())
	if o == nil {
		return res, append(ds, diag.Errorf(kube.CodeRecord, "Object was not planned", "%s is missing from its own plan. Please report this.", kube.RefOf(desired.Object)))
	}
	t.identify(req, o, attrs, &res)
	res.Planned = cty.ObjectVal(attrs)
	switch {
	case req.Incomplete && t.Settled != nil && o.Action != kube.Create && o.Action != kube.Replace:
		res.Again = "it was applied, but Linkerd has not put it into force yet"
	case o.Action == kube.Update && !req.Prior.IsNull() && res.Planned.RawEquals(req.Prior):
		res.Again = "the ownership of its fields is to be restored"
		if len(o.Changes) > 0 {
			res.Again = "restores " + strings.Join(o.Changes, ", ")
		}
	}
	if known {
		t.World.Plan(req.Address.String(), desired.Object)
	}
	if known && o.Action != kube.NoOp {
		t.World.Changes(schema.Text(attrs["namespace"]))
	}
	// What does not change is not judged again: an empty plan stays silent and costs no more than its reads.
	if known && !req.Offline && t.Lint != nil && !res.Planned.RawEquals(req.Prior) {
		found, notes, err := t.Lint(ctx, res.Planned)
		if err != nil {
			return res, append(ds, t.Env.Cluster().Diagnose(err, "list", kube.Ref{Kind: "Namespace", Version: "v1", Name: schema.Text(attrs["namespace"])})...)
		}
		ds = append(ds, found...)
		res.Notes = append(res.Notes, notes...)
	}
	return res, ds
}

// identified reports whether it is known which object is meant.
func (t Type) identified(v cty.Value) bool {
	for _, name := range []string{"namespace", "name", "kind", "service", "api"} {
		if _, ok := t.Declare().Block.Attributes[name]; ok && !v.GetAttr(name).IsKnown() {
			if a := t.Declare().Block.Attributes[name]; a.Settable() {
				return false
			}
		}
	}
	return true
}

// name fills in the attributes by which other resources refer to the object as a whole.
func (t Type) name(gvk kschema.GroupVersionKind, attrs map[string]cty.Value) {
	if t.Partial {
		return
	}
	attrs["group"], attrs["kind"] = cty.StringVal(gvk.Group), cty.StringVal(gvk.Kind)
}

// identify turns the plan of the object into that of the instance.
func (t Type) identify(req providers.PlanRequest, o *kube.ObjectPlan, attrs map[string]cty.Value, res *providers.PlanResponse) {
	switch {
	case o.Action == kube.Create || o.Action == kube.Replace || o.UID == "":
		attrs["uid"] = cty.UnknownVal(cty.String)
	case o.Action == kube.Adopt:
		attrs["uid"] = cty.StringVal(o.UID)
		if !t.Partial {
			res.Adopted = t.value(o.Before, cty.ObjectVal(attrs))
		}
	case req.Prior.IsNull():
		attrs["uid"] = cty.StringVal(o.UID)
	}
	if o.Action == kube.Replace {
		res.Replace = append(res.Replace, cty.GetAttrPath("name"))
	}
}

// served returns the kind in the newest version that the cluster serves.
func (t Type) served(ctx context.Context, v cty.Value, record kube.Record, offline bool) (kschema.GroupVersionKind, hcl.Diagnostics) {
	gvk := t.choose(v)
	if gvk.Group == "" {
		return gvk, nil
	}
	if offline {
		if len(record.Objects) > 0 {
			gvk.Version = record.Objects[0].Version
		}
		return gvk, nil
	}
	versions, err := t.Env.Cluster().ServedVersions(ctx, gvk.GroupKind())
	if err != nil {
		return gvk, t.Env.Cluster().Diagnose(err, "get", kube.Ref{Group: gvk.Group, Kind: gvk.Kind})
	}
	switch {
	case len(versions) == 0 || slices.Contains(versions, gvk.Version):
		return gvk, nil
	case t.Needs != "":
		return gvk, hcl.Diagnostics{diag.Errorf(CodeOldVersion, "Linkerd's CRDs are too old", "The cluster serves %s %v, and %s", gvk.Kind, versions, t.Needs)}
	}
	gvk.Version = versions[0]
	return gvk, nil
}

// desired builds the object. known is false when a part of its spec is not known yet.
func (t Type) desired(v cty.Value, gvk kschema.GroupVersionKind) (d kube.Desired, known bool) {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetGroupVersionKind(gvk)
	u.SetNamespace(schema.Text(v.GetAttr("namespace")))
	u.SetName(schema.Text(v.GetAttr("name")))
	d.Object, known = u, true
	for _, name := range t.SpecAttributes {
		known = known && v.GetAttr(name).IsWhollyKnown()
	}
	switch {
	case known && t.Spec != nil:
		u.Object["spec"] = t.Spec(t.Env, v)
	case !known && t.Spec != nil:
		d.Unknown = append(d.Unknown, kube.Path{"spec"})
	}
	switch {
	case known && t.Annotations != nil:
		if set := t.Annotations(v); len(set) > 0 {
			u.SetAnnotations(set)
		}
	case !known && t.Annotations != nil:
		d.Unknown = append(d.Unknown, kube.Path{"metadata", "annotations"})
	}
	if t.Partial {
		return d, known
	}
	switch labels := v.GetAttr("labels"); {
	case !labels.IsWhollyKnown():
		d.Unknown = append(d.Unknown, kube.Path{"metadata", "labels"})
	case !labels.IsNull():
		set := map[string]string{}
		for k, e := range labels.AsValueMap() {
			set[k] = schema.Text(e)
		}
		u.SetLabels(set)
	}
	return d, known
}

// value is a live object as the schema shows it, on top of recorded or configured attributes.
func (t Type) value(live *unstructured.Unstructured, base cty.Value) cty.Value {
	attrs := base.AsValueMap()
	attrs["uid"] = cty.StringVal(string(live.GetUID()))
	t.name(live.GroupVersionKind(), attrs)
	if labels, ok := attrs["labels"]; ok && !labels.IsNull() && labels.IsKnown() {
		now := map[string]cty.Value{}
		for k := range labels.AsValueMap() {
			if v, ok := live.GetLabels()[k]; ok {
				now[k] = cty.StringVal(v)
			}
		}
		attrs["labels"] = cty.MapValEmpty(cty.String)
		if len(now) > 0 {
			attrs["labels"] = cty.MapVal(now)
		}
	}
	spec, _, _ := unstructured.NestedMap(live.Object, "spec")
	if t.Show != nil {
		t.Show(t.Env, spec, attrs)
	}
	if t.ShowAnnotations != nil {
		t.ShowAnnotations(live.GetAnnotations(), attrs)
	}
	return cty.ObjectVal(attrs)
}

// options are what a value says about an object that exists already.
func (t Type) options(v cty.Value, owner providers.Owner) kube.SetOptions {
	if t.Partial {
		return kube.SetOptions{Partial: true, Manager: kube.InstanceManager(owner), Conflicts: schema.Text(v.GetAttr("conflicts"))}
	}
	return kube.SetOptions{OnExists: schema.Text(v.GetAttr("on_exists")), OnDestroy: schema.Text(v.GetAttr("on_destroy")), Conflicts: schema.Text(v.GetAttr("conflicts")),
		FieldConflicts: kube.FieldConflictsOf(v.GetAttr("field_conflicts"))}
}
