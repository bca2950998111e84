package kubernetes

import (
	"cmp"
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// What happens to metadata when the resource is removed.
const (
	onDestroyRemove = "remove"
	onDestroyLeave  = "leave"
)

// targetAttributes name an object that somebody else owns.
func targetAttributes(kind cty.Value) map[string]*schema.Attribute {
	k := &schema.Attribute{Type: cty.String, Required: true, Replace: true, Description: "Kind of the object."}
	if kind != cty.NilVal {
		k = &schema.Attribute{Type: cty.String, Optional: true, Default: kind, Replace: true, Description: "Kind of the workload."}
	}
	return map[string]*schema.Attribute{
		"kind":      k,
		"name":      {Type: cty.String, Required: true, Replace: true, Description: "Name of the object."},
		"namespace": {Type: cty.String, Optional: true, Replace: true, Description: "Namespace of the object."},
		"uid":       {Type: cty.String, Computed: true, NeverNull: true, Description: "UID of the live object."},
	}
}

// metadataForm writes down some labels and annotations of an object.
type metadataForm struct{}

var metadataFields = []field{
	labelsField, annotationsField,
	{"template_labels", kube.Path{"spec", "template", "metadata", "labels"}},
	{"template_annotations", kube.Path{"spec", "template", "metadata", "annotations"}},
}

func newMetadata(cluster func() *kube.Cluster) providers.ResourceType {
	return &metadata{single{form: metadataForm{}, cluster: cluster, schema: &schema.Resource{
		Coexist: coexists(metadataForm{}),
		Import:  importMetadata,
		Summary: "Labels and annotations of an object that somebody else owns",
		Description: `Sets labels and annotations of an existing object, or of the pod template of a workload, and nothing else. Each resource has a field manager of its
own, so several of them on one object do not disturb each other. A change of template metadata restarts the workload's pods; the plan says how many.`,
		Example: `resource "kubernetes_metadata" "skip_web" {
  api_version = "apps/v1"
  kind        = "Deployment"
  namespace   = "shop"
  name        = "web"

  template_annotations = {
    "config.linkerd.io/skip-outbound-ports" = "3306"
  }
}`,
		Block: schema.Block{Attributes: with(targetAttributes(cty.NilVal), map[string]*schema.Attribute{
			"api_version":          {Type: cty.String, Required: true, Description: "API version of the object."},
			"labels":               {Type: cty.Map(cty.String), Optional: true, Description: "Labels to set."},
			"annotations":          {Type: cty.Map(cty.String), Optional: true, Description: "Annotations to set."},
			"template_labels":      {Type: cty.Map(cty.String), Optional: true, Description: "Labels to set in `spec.template`."},
			"template_annotations": {Type: cty.Map(cty.String), Optional: true, Description: "Annotations to set in `spec.template`."},
			"conflicts":            optionAttributes()["conflicts"],
			"on_destroy": {Type: cty.String, Optional: true, Default: cty.StringVal(onDestroyRemove), OneOf: []string{onDestroyRemove, onDestroyLeave},
				Description: "What happens when the resource is removed: `remove` takes the labels and annotations away, but leaves those of the pod template, since removing them would restart every pod; `leave` leaves all."},
		})},
	}}}
}

// metadata is kubernetes_metadata.
type metadata struct{ single }

func (metadataForm) desired(v cty.Value) (kube.Desired, hcl.Diagnostics) {
	return target(v, metadataFields), nil
}

// target builds the part of an object that a resource manages.
func target(v cty.Value, fields []field) kube.Desired {
	d := named(schema.Text(v.GetAttr("api_version")), schema.Text(v.GetAttr("kind")), v, fields)
	for attribute, key := range map[string]string{"api_version": "apiVersion", "kind": "kind"} {
		if !v.GetAttr(attribute).IsKnown() {
			d.Unknown = append(d.Unknown, kube.Path{key})
		}
	}
	return d
}

func (metadataForm) present(recorded cty.Value, drift []kube.Drift) cty.Value {
	return take(recorded, drift, metadataFields)
}

func (metadataForm) computed(kube.Ref) map[string]cty.Value { return map[string]cty.Value{} }

func (metadataForm) options(v cty.Value, owner providers.Owner) kube.SetOptions {
	return kube.SetOptions{Partial: true, Manager: kube.InstanceManager(owner), Conflicts: schema.Text(v.GetAttr("conflicts")), OnDestroy: schema.Text(v.GetAttr("on_destroy"))}
}

func (metadataForm) body() []string {
	return []string{"labels", "annotations", "template_labels", "template_annotations"}
}
func (metadataForm) identity() cty.Path            { return cty.GetAttrPath("name") }
func (metadataForm) protect(v cty.Value) cty.Value { return v }

// Apply implements providers.ResourceType. Template metadata outlives the resource: it is let go of, not removed.
func (m *metadata) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	if !req.Deleting() {
		return m.single.Apply(ctx, req)
	}
	gone := providers.ApplyResponse{Value: cty.NullVal(m.schema.Block.Type())}
	rec, ds := recordOf(req.PriorPrivate)
	if ds.HasErrors() || schema.Text(req.Prior.GetAttr("on_destroy")) == onDestroyLeave || len(rec.Objects) == 0 {
		return gone, ds
	}
	keep := named(schema.Text(req.Prior.GetAttr("api_version")), schema.Text(req.Prior.GetAttr("kind")), req.Prior, metadataFields[2:])
	if _, template := keep.Object.Object["spec"]; !template {
		return m.single.Apply(ctx, req)
	}
	live, err := m.cluster().Get(ctx, rec.Objects[0].Ref)
	if err != nil {
		return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, m.cluster().Diagnose(err, "get", rec.Objects[0].Ref)
	}
	if live == nil || string(live.GetUID()) != rec.Objects[0].UID {
		return gone, nil
	}
	keep.Object.SetUID(live.GetUID())
	if _, _, err := m.cluster().Apply(ctx, keep.Object, kube.ApplyOptions{Manager: cmp.Or(rec.Objects[0].Manager, kube.InstanceManager(req.Owner)), Force: true}); err != nil {
		return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, m.cluster().Diagnose(err, "patch", rec.Objects[0].Ref)
	}
	return gone, nil
}

// Plan implements providers.ResourceType.
func (m *metadata) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	out, ds := m.single.Plan(ctx, req)
	if req.Config.IsNull() && !ds.HasErrors() {
		switch {
		case schema.Text(req.Prior.GetAttr("on_destroy")) == onDestroyLeave:
			out.Notes = append(out.Notes, "the labels and annotations stay on the object")
		case !req.Prior.GetAttr("template_labels").IsNull() || !req.Prior.GetAttr("template_annotations").IsNull():
			out.Notes = append(out.Notes, "those of the pod template stay, so that no pod restarts")
		}
	}
	return out, ds
}

// Order implements providers.Orderer.
func (m *metadata) Order(config cty.Value) providers.Order { return afterTarget(config) }

// afterTarget comes after what makes the object.
func afterTarget(config cty.Value) providers.Order {
	if config.IsNull() || !config.IsKnown() {
		return providers.Order{}
	}
	kind, namespace, name := schema.Text(config.GetAttr("kind")), schema.Text(config.GetAttr("namespace")), schema.Text(config.GetAttr("name"))
	out := providers.Order{After: []providers.Tag{ObjectTag(kind, namespace, name)}}
	if namespace != "" {
		out.After = append(out.After, NamespaceTag(namespace))
	}
	return out
}
