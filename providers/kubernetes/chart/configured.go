package chart

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// load fetches the chart. It returns nil without an error when the source is not known yet. A digest from the plan
// pins it.
func (t *resourceType) load(ctx context.Context, config cty.Value, digest string, offline bool) (*Chart, hcl.Diagnostics) {
	src, known := sourceFrom(config)
	if !known {
		return nil, nil
	}
	if src.Digest == "" {
		src.Digest = digest
	}
	c, ds := Load(ctx, src, LoadOptions{BaseDir: t.baseDir(), Offline: offline})
	if offline {
		return Unfetched(c, ds)
	}
	return c, ds
}

// render evaluates the chart with the values of a configuration and leaves out what is to be skipped. Nil without an
// error means that the objects are not known yet.
func (t *resourceType) render(ctx context.Context, c *Chart, config cty.Value, v view) (*Rendered, hcl.Diagnostics) {
	values, known, ds := t.values(config)
	if ds.HasErrors() || !known {
		return nil, ds
	}
	includeCRDs := config.GetAttr("include_crds")
	r, more := c.Render(ctx, RenderOptions{
		ReleaseName: text(config, "name"), Namespace: text(config, "namespace"), Values: values,
		KubeVersion: v.KubeVersion, APIVersions: v.APIVersions,
		IncludeCRDs: includeCRDs.IsKnown() && !includeCRDs.IsNull() && includeCRDs.True(), SkipTests: true,
		RunHooks: texts(config, "run_hooks"), KeepGenerated: text(config, "generated") == generatedKeep,
	})
	if ds = append(ds, more...); r == nil || ds.HasErrors() {
		return nil, ds
	}
	ds = append(ds, r.skip(texts(config, "skip"))...)
	if create := config.GetAttr("create_namespace"); create.IsKnown() && !create.IsNull() && create.True() {
		r.CRDs = slices.Insert(r.CRDs, 0, namespaceObject(text(config, "namespace")))
	}
	return r, ds
}

// withValues returns a configuration with other values: those whose sensitive parts are marked.
func withValues(config, values cty.Value) cty.Value {
	attrs := config.AsValueMap()
	attrs["values"] = values
	return cty.ObjectVal(attrs)
}

// values puts values files, values and secret values on top of each other.
func (t *resourceType) values(config cty.Value) (Values, bool, hcl.Diagnostics) {
	for _, name := range []string{"name", "namespace", "values_files", "skip", "run_hooks", "include_crds", "create_namespace"} {
		if !config.GetAttr(name).IsWhollyKnown() {
			return nil, false, nil
		}
	}
	out, ds := readValuesFiles(t.baseDir(), texts(config, "values_files"))
	for _, name := range []string{"values", "secret_values"} {
		given := config.GetAttr(name)
		if !given.IsKnown() {
			return nil, false, ds
		}
		more, err := ValuesFrom(given)
		if err != nil {
			ds = append(ds, diag.At(diag.Errorf(CodeValues, "Invalid values", "The attribute %s: %s.", name, scrub(err)), cty.GetAttrPath(name)))
			continue
		}
		if name == "secret_values" {
			more = more.secret()
		}
		out = out.Merge(more)
	}
	return out, true, ds
}

// skip leaves objects out. A pattern that matches nothing is a warning: it is likely misspelt.
func (r *Rendered) skip(patterns []string) (ds hcl.Diagnostics) {
	for i, pattern := range patterns {
		found := false
		drop := func(u *unstructured.Unstructured) bool {
			ref := kube.RefOf(u)
			hit := ref.Kind == pattern || ref.Key() == pattern
			found = found || hit
			return hit
		}
		r.CRDs, r.Objects = slices.DeleteFunc(r.CRDs, drop), slices.DeleteFunc(r.Objects, drop)
		if !found {
			ds = append(ds, diag.At(diag.Warningf(CodeValues, "Nothing to skip", "The chart renders no object %q. Write a kind (\"CronJob\") or kind/namespace/name.", pattern),
				cty.GetAttrPath("skip").IndexInt(i)))
		}
	}
	return ds
}

func namespaceObject(name string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion("v1")
	u.SetKind("Namespace")
	u.SetName(name)
	return u
}

// capabilitiesOf asks the cluster what the templates of a chart may see of it: its version, and its API versions when
// the chart mentions them, which costs two requests more.
func capabilitiesOf(ctx context.Context, cluster *kube.Cluster, c *Chart) (version string, apis []string, ds hcl.Diagnostics) {
	version, err := cluster.Version(ctx)
	if err != nil {
		return "", nil, cluster.Diagnose(err, "get", kube.Ref{Kind: "version"})
	}
	if !c.mentions("APIVersions") {
		return version, nil, nil
	}
	apis, err = servedAPIs(cluster)
	if err != nil {
		return "", nil, cluster.Diagnose(err, "list", kube.Ref{Kind: "APIGroup"})
	}
	return version, apis, nil
}

// mentions reports whether a template of the chart or of its dependencies holds a word.
func (c *Chart) mentions(word string) bool {
	for _, f := range c.files {
		if strings.HasSuffix(f.Name, ".tgz") || strings.Contains(f.Name, "templates/") && strings.Contains(string(f.Data), word) {
			return true
		}
	}
	return false
}
