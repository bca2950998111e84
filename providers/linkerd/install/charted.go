package install

import (
	"context"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Settings are what the types of this package need beside the provider's environment. All functions are required.
type Settings struct {
	// BaseDir is the configuration directory, to which local charts are relative.
	BaseDir func() string
	// ClusterDomain is the cluster's DNS domain, for instance `cluster.local`.
	ClusterDomain func() string
	// Now judges certificates.
	Now func() time.Time
}

// charted is what the types of this package have in common: one chart.
type charted struct {
	env      env.Env
	settings Settings
	schema   *schema.Resource
	// name is that of the chart in a repository, and of the release.
	name func(v cty.Value) string
	// home is the namespace when the configuration names none.
	home func(v cty.Value) string
	// finish changes a rendering, if there is more to be said than values can; nil does nothing.
	finish func(r *chart.Rendered, v cty.Value)
}

// always answers the same for every value.
func always(s string) func(cty.Value) string { return func(cty.Value) string { return s } }

// Schema implements providers.ResourceType.
func (t *charted) Schema() *schema.Resource { return t.schema }

// sourceAttributes are the attributes that say which chart is installed and how what exists is treated.
func sourceAttributes(name string) map[string]*schema.Attribute {
	return map[string]*schema.Attribute{
		"path":       {Type: cty.String, Optional: true, Description: "Chart directory or packaged chart, relative to the configuration directory."},
		"repository": {Type: cty.String, Optional: true, Description: "Chart repository or OCI registry, for instance `https://helm.linkerd.io/edge`."},
		"chart":      {Type: cty.String, Optional: true, Description: "Name of the chart in the repository; `" + name + "` by default."},
		"version":    {Type: cty.String, Optional: true, Description: "Version of the chart; required with a repository."},
		"digest":     {Type: cty.String, Optional: true, Description: "SHA-256 of the packaged chart, as `sha256:` and 64 hexadecimal digits."},
		"namespace": {Type: cty.String, Optional: true, Computed: true, Replace: true,
			Description: "Namespace of the control plane; by default the provider's. It must exist."},
		"values": {Type: cty.DynamicPseudoType, Optional: true, Description: "Further values of the chart. What an attribute sets cannot be set here."},
		"on_exists": {Type: cty.String, Optional: true, Default: cty.StringVal(kube.OnExistsError), OneOf: []string{kube.OnExistsError, kube.OnExistsAdopt},
			Description: "What to do with objects that exist and are not ours: refuse, or take them over (from Helm or the linkerd CLI, for instance)."},
		"conflicts": {Type: cty.String, Optional: true, Default: cty.StringVal(kube.ConflictsError), OneOf: []string{kube.ConflictsError, kube.ConflictsForce, kube.ConflictsYield},
			Description: "What to do with fields that another field manager owns."},
		"field_conflicts": kube.FieldConflictsAttribute("any object of the chart"),
		"force_destroy":   {Type: cty.Bool, Optional: true, Default: cty.False, Description: "Destroy even what is still in use."},

		"objects":       {Type: cty.DynamicPseudoType, Computed: true, Description: "The rendered objects, by `kind/namespace/name`."},
		"app_version":   {Type: cty.String, Computed: true, Description: "Release of Linkerd that the chart installs."},
		"chart_version": {Type: cty.String, Computed: true, Description: "Version of the chart."},
		"chart_digest":  {Type: cty.String, Computed: true, Description: "Digest of the chart as it was loaded."},
	}
}

// chartComputed are the attributes that follow from the chart.
var chartComputed = []string{"objects", "app_version", "chart_version", "chart_digest"}

// unloaded plans without the chart. What is not configured otherwise than recorded stays as it is, since nothing says
// that it changes.
func unloaded(req providers.PlanRequest, resp providers.PlanResponse) providers.PlanResponse {
	if !req.Prior.IsNull() && req.Proposed.RawEquals(req.Prior) {
		resp.Planned = req.Prior
	}
	return resp
}

// load loads the chart. A nil chart without an error means that its source is not known yet.
func (t *charted) load(ctx context.Context, config cty.Value, offline bool) (*chart.Chart, hcl.Diagnostics) {
	for _, n := range []string{"path", "repository", "chart", "version", "digest"} {
		if !config.GetAttr(n).IsKnown() {
			return nil, nil
		}
	}
	src := chart.Source{Path: schema.Text(config.GetAttr("path")), Repository: schema.Text(config.GetAttr("repository")), Version: schema.Text(config.GetAttr("version")), Digest: schema.Text(config.GetAttr("digest"))}
	if src.Repository != "" {
		if src.Name = schema.Text(config.GetAttr("chart")); src.Name == "" {
			src.Name = t.name(config)
		}
	}
	c, ds := chart.Load(ctx, src, chart.LoadOptions{BaseDir: t.settings.BaseDir(), Offline: offline})
	if offline {
		return chart.Unfetched(c, ds)
	}
	return c, ds
}

// version returns the version of Kubernetes for which the chart is rendered: the cluster's or, without the network,
// the one of the last time; empty when there was none.
func (t *charted) version(ctx context.Context, recorded string, offline bool) (string, hcl.Diagnostics) {
	if offline {
		return recorded, nil
	}
	v, err := t.env.Cluster().Version(ctx)
	if err != nil {
		return "", t.env.Cluster().Diagnose(err, "get", kube.Ref{Kind: "version"})
	}
	return v, nil
}

// render renders the chart. A nil rendering without an error means that the objects cannot be known yet.
func (t *charted) render(ctx context.Context, c *chart.Chart, v cty.Value, version string, values chart.Values) (*chart.Rendered, hcl.Diagnostics) {
	if version == "" {
		return nil, nil
	}
	r, ds := c.Render(ctx, chart.RenderOptions{ReleaseName: t.name(v), Namespace: t.namespace(v), Values: values, KubeVersion: version, IncludeCRDs: true, SkipTests: true})
	if r != nil {
		r.Objects = without(r.Objects)
		if t.finish != nil {
			t.finish(r, v)
		}
	}
	return r, ds
}

// without drops what somebody else keeps.
func without(objects []*unstructured.Unstructured) (out []*unstructured.Unstructured) {
	for _, u := range objects {
		if !external(u.GetKind(), u.GetName()) {
			out = append(out, u)
		}
	}
	return out
}

// set returns the object set of an instance.
func (t *charted) set(v cty.Value, wait *kube.WaitOptions) *chart.Set {
	return &chart.Set{
		Cluster: t.env.Cluster(), Namespace: t.namespace(v), Wait: wait,
		Options: kube.SetOptions{OnExists: schema.Text(v.GetAttr("on_exists")), Conflicts: schema.Text(v.GetAttr("conflicts")), Recreate: true,
			FieldConflicts: kube.FieldConflictsOf(v.GetAttr("field_conflicts"))},
	}
}

func (t *charted) namespace(v cty.Value) string {
	if ns := schema.Text(v.GetAttr("namespace")); ns != "" {
		return ns
	}
	return t.home(v)
}

// planNamespace is the namespace as planned.
func (t *charted) planNamespace(config cty.Value) cty.Value {
	if v := config.GetAttr("namespace"); !v.IsNull() {
		return v
	}
	return cty.StringVal(t.home(config))
}

// chartAttrs are the attributes that follow from the chart alone.
func chartAttrs(c *chart.Chart, objects cty.Value) map[string]cty.Value {
	return map[string]cty.Value{
		"objects": objects, "app_version": cty.StringVal(c.AppVersion()), "chart_version": cty.StringVal(c.Version()), "chart_digest": cty.StringVal(c.Digest()),
	}
}

// with returns an object in which some attributes are replaced.
func with(v cty.Value, attrs map[string]cty.Value) cty.Value {
	m := v.AsValueMap()
	for k, e := range attrs {
		m[k] = e
	}
	return cty.ObjectVal(m)
}

// unknown returns an object in which the named attributes are unknown.
func unknown(v cty.Value, names ...string) cty.Value {
	m := v.AsValueMap()
	for _, n := range names {
		m[n] = cty.UnknownVal(m[n].Type())
	}
	return cty.ObjectVal(m)
}
