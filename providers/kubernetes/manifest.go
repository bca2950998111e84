package kubernetes

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// manifestForm writes an object down as its manifest.
type manifestForm struct{}

func newManifest(cluster func() *kube.Cluster) providers.ResourceType {
	return &manifest{single{form: manifestForm{}, cluster: cluster, schema: &schema.Resource{
		Coexist:  coexists(manifestForm{}),
		Critical: &schema.Critical{Why: "everything in the namespace, or of the kind, goes with it", When: holdsOthers, Which: "whose object is a Namespace or a CustomResourceDefinition"},
		Summary:  "Any Kubernetes object, by its manifest",
		Description: `Applies one object of any kind by server-side apply. Only the fields of the manifest are managed: defaults of the server, fields of
webhooks and controllers never show up in a plan, and a field that is removed from the manifest is given back. The plan is what the
API server itself says would happen, conflicts with other managers and fields that cannot be changed included.

A CustomResourceDefinition and objects of its kind, or a namespace and its content, can be in one plan.`,
		Example: `resource "kubernetes_manifest" "web" {
  manifest = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "web", namespace = "shop" }
    spec = {
      replicas = 2
      selector = { matchLabels = { app = "web" } }
      template = {
        metadata = { labels = { app = "web" } }
        spec     = { containers = [{ name = "web", image = "registry.example/web:1.4" }] }
      }
    }
  }

  wait {
    rollout = true
    timeout = "5m"
  }
}`,
		Block: schema.Block{
			Attributes: with(optionAttributes(), map[string]*schema.Attribute{
				"manifest":    {Type: cty.DynamicPseudoType, Required: true, Description: "The object, as in YAML: `apiVersion`, `kind`, `metadata` and the rest. `yamldecode(file(…))` and `manifests(…)` read files. The data of a Secret is never shown or stored; `kubernetes_secret` is the simpler way to write one."},
				"name":        {Type: cty.String, Computed: true, Description: "Name of the object."},
				"namespace":   {Type: cty.String, Computed: true, Description: "Namespace of the object; empty for a kind that belongs to none."},
				"api_version": {Type: cty.String, Computed: true, Description: "API version of the manifest."},
				"kind":        {Type: cty.String, Computed: true, Description: "Kind of the object."},
			}),
			Blocks: map[string]*schema.NestedBlock{"wait": waitBlock()},
		},
		Import:   importObject,
		Validate: validateManifest,
	}}}
}

// manifest is kubernetes_manifest.
type manifest struct{ single }

// validateManifest finds what is wrong with a manifest without a cluster.
func validateManifest(config cty.Value) []schema.Problem {
	m := config.GetAttr("manifest")
	if !m.IsKnown() || m.IsNull() {
		return nil
	}
	at := cty.GetAttrPath("manifest")
	d, ds := kube.DesiredFrom(m)
	if !ds.HasErrors() && identified(d) {
		ds = kube.CheckManifest(d.Object)
	}
	var out []schema.Problem
	for _, p := range ds {
		out = append(out, schema.Problem{Path: at, Summary: p.Summary, Detail: p.Detail})
	}
	return out
}

func (manifestForm) desired(v cty.Value) (kube.Desired, hcl.Diagnostics) {
	return kube.DesiredFrom(v.GetAttr("manifest"))
}

func (manifestForm) present(recorded cty.Value, drift []kube.Drift) cty.Value {
	if len(drift) == 0 {
		return recorded
	}
	return set(recorded, map[string]cty.Value{"manifest": kube.WithDrift(recorded.GetAttr("manifest"), drift)})
}

func (manifestForm) computed(r kube.Ref) map[string]cty.Value {
	return map[string]cty.Value{
		"name": cty.StringVal(r.Name), "namespace": cty.StringVal(r.Namespace),
		"api_version": cty.StringVal(r.APIVersion()), "kind": cty.StringVal(r.Kind),
	}
}

func (manifestForm) options(v cty.Value, _ providers.Owner) kube.SetOptions { return optionsOf(v) }
func (manifestForm) body() []string                                         { return []string{"manifest"} }
func (manifestForm) identity() cty.Path                                     { return cty.GetAttrPath("manifest") }

func (manifestForm) protect(v cty.Value) cty.Value {
	if v.IsNull() || !v.IsKnown() {
		return v
	}
	if m := kube.MarkSecret(v.GetAttr("manifest")); schema.ContainsMarked(m) {
		return set(v, map[string]cty.Value{"manifest": m})
	}
	return v
}

// Order implements providers.Orderer.
func (m *manifest) Order(config cty.Value) providers.Order {
	if config.IsNull() || !config.IsKnown() {
		return providers.Order{}
	}
	return orderOf(config.GetAttr("manifest"))
}

// holdsOthers reports whether the object of a recorded manifest takes others with it when it goes.
func holdsOthers(recorded cty.Value) bool {
	kind := recorded
	for _, name := range []string{"manifest", "kind"} {
		if kind.IsNull() || !kind.IsKnown() || !kind.Type().IsObjectType() || !kind.Type().HasAttribute(name) {
			return false
		}
		kind = kind.GetAttr(name)
	}
	return schema.Text(kind) == "Namespace" || schema.Text(kind) == "CustomResourceDefinition"
}
