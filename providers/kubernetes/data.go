package kubernetes

import (
	"context"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// valueOf is a live object as configuration sees it; the data of Secrets is marked.
func valueOf(u *unstructured.Unstructured) cty.Value {
	return kube.MarkSecret(kube.ToValue(kube.Clean(u).Object))
}

// objectSource is the data source kubernetes_object.
type objectSource struct{ cluster func() *kube.Cluster }

// Schema implements providers.DataSource.
func (*objectSource) Schema() *schema.Resource {
	return &schema.Resource{
		Summary:     "One live object",
		Description: "Reads an object as it is in the cluster, with defaults and status. The data of a Secret is sensitive.",
		Example: `data "kubernetes_object" "dns" {
  api_version = "v1"
  kind        = "Service"
  namespace   = "kube-system"
  name        = "kube-dns"
  optional    = true
}

output "dns_ip" {
  value = data.kubernetes_object.dns.exists ? data.kubernetes_object.dns.object.spec.clusterIP : null
}`,
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"api_version": {Type: cty.String, Required: true, Description: "API version."},
			"kind":        {Type: cty.String, Required: true, Description: "Kind."},
			"namespace":   {Type: cty.String, Optional: true, Description: "Namespace; left out for kinds that belong to none."},
			"name":        {Type: cty.String, Required: true, Description: "Name."},
			"optional":    {Type: cty.Bool, Optional: true, Default: cty.False, Description: "Whether the object, or its kind, may be missing."},
			"object":      {Type: cty.DynamicPseudoType, Computed: true, Description: "The live object; null when it is missing."},
			"exists":      {Type: cty.Bool, Computed: true, Description: "Whether it is there."},
		}},
	}
}

// Read implements providers.DataSource.
func (s *objectSource) Read(ctx context.Context, req providers.DataRequest) (cty.Value, hcl.Diagnostics) {
	gvk, ds := kindOf(req.Config)
	if ds.HasErrors() {
		return cty.DynamicVal, ds
	}
	ref := kube.Ref{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind, Namespace: schema.Text(req.Config.GetAttr("namespace")), Name: schema.Text(req.Config.GetAttr("name"))}
	optional := req.Config.GetAttr("optional").True()
	m, err := s.cluster().Mapping(ctx, gvk)
	if err == nil {
		switch {
		case m.Namespaced && ref.Namespace == "":
			ref.Namespace = kube.DefaultNamespace
		case !m.Namespaced:
			ref.Namespace = ""
		}
	}
	var live *unstructured.Unstructured
	if err == nil {
		live, err = s.cluster().Get(ctx, ref)
	}
	if err != nil && !(optional && kube.IsUnknownKind(err)) {
		return cty.DynamicVal, s.cluster().Diagnose(err, "get", ref)
	}
	object := cty.NullVal(cty.DynamicPseudoType)
	switch {
	case live != nil:
		object = valueOf(live)
	case !optional:
		return cty.DynamicVal, hcl.Diagnostics{diag.At(diag.Errorf(kube.CodeGone, "Object does not exist", "%s does not exist. Set `optional = true` if it may be missing.", ref), cty.GetAttrPath("name"))}
	}
	return set(req.Config, map[string]cty.Value{"object": object, "exists": cty.BoolVal(live != nil)}), s.cluster().Warnings()
}

func kindOf(config cty.Value) (kschema.GroupVersionKind, hcl.Diagnostics) {
	gv, err := kschema.ParseGroupVersion(schema.Text(config.GetAttr("api_version")))
	if err != nil || schema.Text(config.GetAttr("api_version")) == "" {
		return kschema.GroupVersionKind{}, hcl.Diagnostics{diag.At(diag.Errorf(kube.CodeManifest, "Not an API version", "%q is not an API version such as v1 or apps/v1.", schema.Text(config.GetAttr("api_version"))), cty.GetAttrPath("api_version"))}
	}
	return gv.WithKind(schema.Text(config.GetAttr("kind"))), nil
}

// objectsSource is the data source kubernetes_objects.
type objectsSource struct{ cluster func() *kube.Cluster }

// Schema implements providers.DataSource.
func (*objectsSource) Schema() *schema.Resource {
	return &schema.Resource{
		Summary:     "Live objects of one kind",
		Description: "Lists objects by namespace, labels and fields, in order of namespace and name.",
		Example: `data "kubernetes_objects" "meshed" {
  api_version    = "v1"
  kind           = "Namespace"
  label_selector = "linkerd.io/is-control-plane!=true"
}

output "namespaces" {
  value = data.kubernetes_objects.meshed.names
}`,
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"api_version":    {Type: cty.String, Required: true, Description: "API version."},
			"kind":           {Type: cty.String, Required: true, Description: "Kind."},
			"namespace":      {Type: cty.String, Optional: true, Description: "Namespace; all when left out."},
			"label_selector": {Type: cty.String, Optional: true, Description: "Label selector, as kubectl takes it."},
			"field_selector": {Type: cty.String, Optional: true, Description: "Field selector, as kubectl takes it."},
			"objects":        {Type: cty.DynamicPseudoType, Computed: true, Description: "The objects."},
			"names":          {Type: cty.List(cty.String), Computed: true, Description: "Their names."},
		}},
	}
}

// Read implements providers.DataSource.
func (s *objectsSource) Read(ctx context.Context, req providers.DataRequest) (cty.Value, hcl.Diagnostics) {
	gvk, ds := kindOf(req.Config)
	if ds.HasErrors() {
		return cty.DynamicVal, ds
	}
	o := kube.ListOptions{Namespace: schema.Text(req.Config.GetAttr("namespace")), Labels: schema.Text(req.Config.GetAttr("label_selector")), Fields: schema.Text(req.Config.GetAttr("field_selector"))}
	list, err := s.cluster().List(ctx, gvk, o)
	if err != nil {
		return cty.DynamicVal, s.cluster().Diagnose(err, "list", kube.Ref{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind, Namespace: o.Namespace})
	}
	objects, names := make([]cty.Value, len(list)), make([]cty.Value, len(list))
	for i, u := range list {
		if u.GetKind() == "" { // lists leave it out of their elements
			u.SetGroupVersionKind(gvk)
		}
		objects[i], names[i] = valueOf(u), cty.StringVal(u.GetName())
	}
	out := map[string]cty.Value{"objects": cty.TupleVal(objects), "names": cty.ListValEmpty(cty.String)}
	if len(names) > 0 {
		out["names"] = cty.ListVal(names)
	}
	return set(req.Config, out), s.cluster().Warnings()
}

// clusterSource is the data source kubernetes_cluster.
type clusterSource struct{ cluster func() *kube.Cluster }

// Schema implements providers.DataSource.
func (*clusterSource) Schema() *schema.Resource {
	return &schema.Resource{
		Summary:     "The cluster itself",
		Description: "Reads which cluster this is and what it serves, for preconditions and checks.",
		Example: `data "kubernetes_cluster" "this" {}

check "gateway_api" {
  assert {
    condition     = contains(data.kubernetes_cluster.this.kinds, "gateway.networking.k8s.io/v1/HTTPRoute")
    error_message = "The Gateway API is not installed."
  }
}`,
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"uid":     {Type: cty.String, Computed: true, Description: "UID of the namespace kube-system, which stands for the cluster."},
			"version": {Type: cty.String, Computed: true, Description: "Version of the API server, for instance `v1.37.2`."},
			"kinds":   {Type: cty.List(cty.String), Computed: true, Description: "What the API server serves, as `group/version/Kind` in the preferred version, sorted; the core group is `v1/Kind`."},
		}},
	}
}

// Read implements providers.DataSource.
func (s *clusterSource) Read(ctx context.Context, req providers.DataRequest) (cty.Value, hcl.Diagnostics) {
	c := s.cluster()
	uid, ds := c.Identity(ctx)
	if ds.HasErrors() {
		return cty.DynamicVal, ds
	}
	version, err := c.Version(ctx)
	if err != nil {
		return cty.DynamicVal, c.Diagnose(err, "get", kube.Ref{Kind: "version"})
	}
	kinds, err := c.Kinds(ctx)
	if err != nil {
		return cty.DynamicVal, c.Diagnose(err, "list", kube.Ref{Kind: "kinds"})
	}
	names := make([]cty.Value, len(kinds))
	for i, m := range kinds {
		names[i] = cty.StringVal(fmt.Sprintf("%s/%s", m.GVK.GroupVersion(), m.GVK.Kind))
	}
	return set(req.Config, map[string]cty.Value{"uid": cty.StringVal(uid), "version": cty.StringVal(version), "kinds": cty.ListVal(names)}), nil
}
