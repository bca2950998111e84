package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"

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

// kind is what tells the typed policy objects apart. All functions are pure but lint, which may read the cluster.
type kind struct {
	kschema.GroupKind
	// version is assumed where the cluster does not serve the kind yet.
	version string
	schema  func() *schema.Resource
	// spec builds the object's spec from a value that is known at `specAttributes`.
	spec func(e env.Env, v cty.Value) map[string]any
	// specAttributes are the attributes that spec reads.
	specAttributes []string
	// read puts what a live spec says into attributes; they hold the recorded values.
	read func(e env.Env, live map[string]any, attrs map[string]cty.Value)
	// lint looks at the planned object in its surroundings.
	lint func(s *surroundings, v cty.Value) (hcl.Diagnostics, []string)
	// order adds to the tags that all kinds have.
	order func(v cty.Value, o *providers.Order)
}

// object is the resource type of one kind: one object, planned and applied through the object-set core.
type object struct {
	kind
	env   env.Env
	world *world
}

// Schema implements providers.ResourceType.
func (t object) Schema() *schema.Resource { return t.schema() }

// Order implements providers.Orderer.
func (t object) Order(config cty.Value) providers.Order {
	ns := schema.Text(config.GetAttr("namespace"))
	o := providers.Order{After: []providers.Tag{"linkerd:crds", "linkerd:control-plane", providers.Tag("kubernetes:crd/" + t.Group + "/" + t.Kind)}}
	if ns != "" {
		o.After = append(o.After, providers.Tag("kubernetes:namespace/"+ns))
		t.order(config, &o)
	}
	return o
}

// Plan implements providers.ResourceType.
func (t object) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	res := providers.PlanResponse{Planned: req.Proposed}
	record, err := kube.DecodeRecord(req.Private)
	if err != nil {
		return res, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	plan := kube.SetPlanRequest{Owner: req.Owner, Prior: record, Replacing: req.Replacing, Offline: req.Offline}
	if req.Config.IsNull() {
		t.world.forget(req.Address.String())
		plan.Options = options(req.Prior)
		set, ds := t.env.Cluster().PlanSet(ctx, plan)
		return providers.PlanResponse{Planned: cty.NullVal(req.Prior.Type()), Private: set.Private, Notes: set.Notes}, ds
	}
	attrs := req.Proposed.AsValueMap()
	attrs["group"], attrs["kind"] = cty.StringVal(t.Group), cty.StringVal(t.Kind)
	if !attrs["namespace"].IsKnown() || !attrs["name"].IsKnown() {
		attrs["uid"] = cty.UnknownVal(cty.String)
		res.Planned = cty.ObjectVal(attrs)
		return res, nil
	}
	version, ds := t.served(ctx, record, req.Offline)
	if ds.HasErrors() {
		return res, ds
	}
	desired, known := t.desired(req.Proposed, version)
	plan.Desired, plan.Options = []kube.Desired{desired}, options(req.Config)
	set, setDiags := t.env.Cluster().PlanSet(ctx, plan)
	ds = append(ds, setDiags...)
	res.Private, res.Notes = set.Private, set.Notes
	if ds.HasErrors() {
		return res, ds
	}
	o := set.Find(kube.RefOf(desired.Object).ID())
	if o == nil {
		return res, append(ds, diag.Errorf(kube.CodeRecord, "Object was not planned", "%s is missing from its own plan. Please report this.", kube.RefOf(desired.Object)))
	}
	switch o.Action {
	case kube.Create, kube.Replace:
		attrs["uid"] = cty.UnknownVal(cty.String)
	case kube.Adopt:
		attrs["uid"] = cty.StringVal(o.UID)
		res.Adopted = t.value(o.Before, cty.ObjectVal(attrs))
	}
	if o.Action == kube.Replace {
		res.Replace = append(res.Replace, cty.GetAttrPath("name"))
	}
	res.Planned = cty.ObjectVal(attrs)
	if o.Action == kube.Update && res.Planned.RawEquals(req.Prior) {
		res.Again = fmt.Sprintf("restores %v", o.Changes)
	}
	if known {
		t.world.plan(req.Address.String(), desired.Object)
	}
	// What does not change is not judged again: an empty plan stays silent and costs no more than its reads.
	if known && !req.Offline && t.lint != nil && !res.Planned.RawEquals(req.Prior) {
		s, err := t.world.around(ctx, t.env, schema.Text(attrs["namespace"]))
		if err != nil {
			return res, append(ds, t.env.Cluster().Diagnose(err, "list", kube.Ref{Kind: "Namespace", Version: "v1", Name: schema.Text(attrs["namespace"])})...)
		}
		found, notes := t.lint(s, res.Planned)
		ds = append(ds, found...)
		res.Notes = append(res.Notes, notes...)
	}
	return res, ds
}

// served returns the newest version of the kind that the cluster serves.
func (t object) served(ctx context.Context, record kube.Record, offline bool) (string, hcl.Diagnostics) {
	if offline {
		if len(record.Objects) > 0 {
			return record.Objects[0].Version, nil
		}
		return t.version, nil
	}
	versions, err := t.env.Cluster().ServedVersions(ctx, t.GroupKind)
	if err != nil {
		return "", t.env.Cluster().Diagnose(err, "get", kube.Ref{Group: t.Group, Kind: t.Kind})
	}
	switch {
	case len(versions) == 0 || slices.Contains(versions, t.version):
		return t.version, nil
	case t.Kind == "Server":
		return "", hcl.Diagnostics{diag.Errorf(CodeOldVersion, "Linkerd's CRDs are too old",
			"The cluster serves %s %v, and access policies need %s. Upgrade Linkerd's CRDs (linkerd_crds) to a release of 2.16 or later.", t.Kind, versions, t.version)}
	}
	return versions[0], nil
}

// desired builds the object. known is false when a part of its spec is not known yet.
func (t object) desired(v cty.Value, version string) (d kube.Desired, known bool) {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetAPIVersion(kschema.GroupVersion{Group: t.Group, Version: version}.String())
	u.SetKind(t.Kind)
	u.SetNamespace(schema.Text(v.GetAttr("namespace")))
	u.SetName(schema.Text(v.GetAttr("name")))
	d.Object, known = u, true
	for _, name := range t.specAttributes {
		known = known && v.GetAttr(name).IsWhollyKnown()
	}
	if known {
		u.Object["spec"] = t.spec(t.env, v)
	} else {
		d.Unknown = append(d.Unknown, kube.Path{"spec"})
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
func (t object) value(live *unstructured.Unstructured, base cty.Value) cty.Value {
	attrs := base.AsValueMap()
	attrs["uid"] = cty.StringVal(string(live.GetUID()))
	attrs["group"], attrs["kind"] = cty.StringVal(t.Group), cty.StringVal(t.Kind)
	if labels := attrs["labels"]; !labels.IsNull() && labels.IsKnown() {
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
	t.read(t.env, spec, attrs)
	return cty.ObjectVal(attrs)
}

// Apply implements providers.ResourceType.
func (t object) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	record, err := kube.DecodeRecord(req.PriorPrivate)
	if err != nil {
		return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	c := t.env.Cluster()
	if req.Deleting() {
		left, ds := c.DeleteSet(ctx, kube.SetDeleteRequest{Owner: req.Owner, Record: record, Options: options(req.Prior), Step: req.Step,
			Checkpoint: func(r kube.Record) error { return req.Step.Checkpoint(req.Prior, r.Encode()) }})
		if len(left.Objects) > 0 {
			return providers.ApplyResponse{Value: req.Prior, Private: left.Encode()}, ds
		}
		return providers.ApplyResponse{Value: cty.NullVal(req.Prior.Type())}, ds
	}
	version, ds := t.served(ctx, record, false)
	if ds.HasErrors() {
		return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, ds
	}
	desired, _ := t.desired(req.Planned, version)
	result, ds := c.ApplySet(ctx, kube.SetApplyRequest{Owner: req.Owner, Prior: record, Planned: req.PlannedPrivate,
		Desired: []kube.Desired{desired}, Options: options(req.Planned), Step: req.Step})
	live := result.Live[kube.RefOf(desired.Object).ID()]
	if live == nil {
		return providers.ApplyResponse{Value: req.Prior, Private: result.Record.Encode()}, ds
	}
	attrs := req.Planned.AsValueMap()
	attrs["uid"] = cty.StringVal(string(live.GetUID()))
	return providers.ApplyResponse{Value: cty.ObjectVal(attrs), Private: result.Record.Encode()}, ds
}

// Read implements providers.ResourceType.
func (t object) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	reads := make([]kube.SetRead, len(reqs))
	for i, r := range reqs {
		out[i] = providers.ReadResponse{Value: r.Value, Private: r.Private}
		record, err := kube.DecodeRecord(r.Private)
		if err != nil {
			out[i].Diagnostics = diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
		}
		version := t.version
		if len(record.Objects) > 0 {
			version = record.Objects[0].Version
		}
		desired, _ := t.desired(r.Value, version)
		reads[i] = kube.SetRead{Owner: r.Owner, Record: record, Desired: []kube.Desired{desired}, Unresolved: r.Unresolved}
	}
	states, ds := t.env.Cluster().ReadSets(ctx, reads)
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
func (t object) found(ctx context.Context, req providers.ReadRequest, s kube.ObjectState) (cty.Value, hcl.Diagnostics) {
	if len(s.Drift) == 0 && !req.Unresolved {
		return req.Value, nil
	}
	live := s.Live
	if live == nil {
		var err error
		if live, err = t.env.Cluster().Get(ctx, s.Ref); err != nil || live == nil {
			return req.Value, t.env.Cluster().Diagnose(err, "get", s.Ref)
		}
	}
	return t.value(live, req.Value), nil
}

func options(v cty.Value) kube.SetOptions {
	return kube.SetOptions{OnExists: schema.Text(v.GetAttr("on_exists")), OnDestroy: schema.Text(v.GetAttr("on_destroy")), Conflicts: schema.Text(v.GetAttr("conflicts"))}
}

// commonAttributes are the attributes that every kind has, beside its own.
func commonAttributes(what string, own map[string]*schema.Attribute) map[string]*schema.Attribute {
	out := map[string]*schema.Attribute{
		"namespace":  {Type: cty.String, Required: true, Replace: true, Description: "Namespace of the " + what + "."},
		"name":       {Type: cty.String, Required: true, Replace: true, Description: "Name of the " + what + "."},
		"labels":     {Type: cty.Map(cty.String), Optional: true, Description: "Labels of the object."},
		"on_exists":  choice(kube.OnExistsError, "What to do when the object exists and is not ours.", kube.OnExistsError, kube.OnExistsAdopt),
		"on_destroy": choice(kube.OnDestroyDelete, "What to do with the object when the resource is destroyed.", kube.OnDestroyDelete, kube.OnDestroyOrphan),
		"conflicts":  choice(kube.ConflictsError, "What to do when somebody else owns a field of the object.", kube.ConflictsError, kube.ConflictsForce, kube.ConflictsYield),
		"group":      {Type: cty.String, Computed: true, Description: "API group of the object, so that other resources can refer to this one as a whole."},
		"kind":       {Type: cty.String, Computed: true, Description: "Kind of the object."},
		"uid":        {Type: cty.String, Computed: true, Description: "UID of the object."},
	}
	maps.Copy(out, own)
	return out
}

func choice(def, description string, values ...string) *schema.Attribute {
	return &schema.Attribute{Type: cty.String, Optional: true, Default: cty.StringVal(def), OneOf: values, Description: description + " Default `" + def + "`."}
}
