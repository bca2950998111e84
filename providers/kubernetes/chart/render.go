package chart

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"helm.sh/helm/v4/pkg/chart/common"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// RenderOptions say how a chart is rendered. The zero value renders the defaults for the newest Kubernetes that the
// libraries know.
type RenderOptions struct {
	ReleaseName, Namespace string
	Values                 Values
	// KubeVersion is the version that templates see, for instance "v1.37.2"; empty means that of the client library.
	KubeVersion string
	// APIVersions are the API versions and kinds that templates see ("apps/v1", "policy/v1/PodDisruptionBudget"),
	// beside the built-in ones.
	APIVersions []string
	// IncludeCRDs adds the objects of the crds directories.
	IncludeCRDs bool
	// RunHooks are the hooks, by kind or kind/namespace/name, that are rendered as objects.
	RunHooks []string
	// KeepGenerated finds the fields that the chart renders differently each time instead of refusing them.
	KeepGenerated bool
	// SkipTests leaves hooks out that only `helm test` runs.
	SkipTests bool
}

// capabilities are what templates see as .Capabilities.
func (o RenderOptions) capabilities() *common.Capabilities {
	caps := common.DefaultCapabilities.Copy()
	if v, err := common.ParseKubeVersion(o.KubeVersion); err == nil {
		caps.KubeVersion = *v
	}
	caps.APIVersions = slices.Concat(caps.APIVersions, o.APIVersions)
	return caps
}

// Rendered is what a chart renders.
type Rendered struct {
	// CRDs come from the crds directories, Objects from templates. Both are in the order of installation. Fields that
	// depend on an Unknown hold a placeholder: see Unknown.
	CRDs, Objects []*unstructured.Unstructured
	// Hooks are in order of weight.
	Hooks []Hook
	// Notes is the text of NOTES.txt, scrubbed; empty when it depends on a Secret or an Unknown.
	Notes string
	// Templates names the file that each object comes from.
	Templates map[kube.ID]string
	// Unknown are the fields that depend on an Unknown in Values, Secrets those that depend on a Secret. What a
	// Secret object holds is not listed.
	Unknown, Secrets map[kube.ID][]kube.Path
	// Generated are the fields that differ between two renderings with the same values; none without KeepGenerated.
	Generated map[kube.ID][]kube.Path
}

// All returns CRDs and objects in the order of installation.
func (r *Rendered) All() []*unstructured.Unstructured { return slices.Concat(r.CRDs, r.Objects) }

// Render evaluates the chart. It reads and writes nothing, and it is safe for concurrent use. When the set of objects
// itself depends on an Unknown, or the chart cannot be rendered with a placeholder for one, it returns nil without an
// error: nothing can be said before the value is known.
func (c *Chart) Render(ctx context.Context, o RenderOptions) (*Rendered, hcl.Diagnostics) {
	ds := c.checkKubeVersion(o)
	if ds.HasErrors() {
		return nil, ds
	}
	secrets, unknowns := special(map[string]any(o.Values))
	hidden := func(s string) string { return hide(diag.Scrub(s), secrets) }
	in, err := c.prepare(o, plainly)
	if err != nil {
		return nil, append(ds, renderFailed(c, err, hidden))
	}
	ds = append(ds, checkShape(o, in)...)
	if ds = append(ds, checkSchema(in, unknowns, hidden)...); ds.HasErrors() {
		return nil, ds
	}
	base, err := in.evaluate(ctx, plainly)
	if err != nil {
		if len(unknowns) > 0 && ctx.Err() == nil {
			return nil, ds
		}
		return nil, append(ds, renderFailed(c, err, hidden))
	}
	manifests, more := parseManifests(base.files, hidden)
	if more.HasErrors() && len(unknowns) > 0 {
		return nil, ds
	}
	objects, hooks, again := sortOut(manifests)
	if ds = append(append(ds, more...), again...); ds.HasErrors() {
		return nil, ds
	}
	ds = append(ds, o.unmatched(hooks)...)
	objects, hooks = o.run(objects, hooks)
	out := &Rendered{Templates: map[kube.ID]string{}}
	if o.IncludeCRDs {
		crds, more := c.crds(in, hidden)
		ds = append(ds, more...)
		out.CRDs = out.collect(crds)
	}
	out.Objects = out.collect(objects)
	for _, h := range hooks {
		if !o.SkipTests || !h.Test() {
			out.Hooks = append(out.Hooks, h)
		}
	}
	if o.KeepGenerated {
		out.Generated, more = c.generatedPaths(ctx, o, objects)
	} else {
		more = c.checkDeterminism(ctx, o, objects)
	}
	ds = append(ds, more...)
	notes := base.notes
	if len(secrets) > 0 {
		out.Secrets, notes = c.influences(ctx, o, otherSecrets, objects, notes)
	}
	if len(unknowns) > 0 {
		if out.Unknown, notes = c.influences(ctx, o, otherUnknowns, objects, notes); out.Unknown == nil {
			return nil, ds
		}
	}
	out.Notes = strings.TrimSpace(diag.Scrub(notes))
	return out, ds
}

// collect notes where objects come from and puts them in the order of installation.
func (r *Rendered) collect(all []manifest) []*unstructured.Unstructured {
	out := make([]*unstructured.Unstructured, len(all))
	for i, m := range all {
		out[i] = m.object
		r.Templates[kube.RefOf(m.object).ID()] = m.template
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int {
		ra, rb := kube.RefOf(a), kube.RefOf(b)
		return cmp.Or(cmp.Compare(kube.Rank(ra.GroupKind()), kube.Rank(rb.GroupKind())), kube.CompareRef(ra, rb))
	})
	return out
}

// crds are the objects in the crds directories of the chart and its enabled dependencies. They are no templates.
func (c *Chart) crds(in *input, hidden func(string) string) ([]manifest, hcl.Diagnostics) {
	files := map[string]string{}
	for _, f := range in.chart.CRDObjects() {
		files[f.Filename] = string(f.File.Data)
	}
	all, ds := parseManifests(files, hidden)
	objects, _, more := sortOut(all)
	return objects, append(ds, more...)
}

func (c *Chart) checkKubeVersion(o RenderOptions) (ds hcl.Diagnostics) {
	if o.KubeVersion != "" {
		if _, err := common.ParseKubeVersion(o.KubeVersion); err != nil {
			return append(ds, diag.Errorf(CodeKubeVersion, "Unknown version of Kubernetes", "%q is not a version of Kubernetes.", o.KubeVersion))
		}
	}
	if c.metadata.KubeVersion == "" {
		return ds
	}
	caps := o.capabilities()
	want, err := semver.NewConstraint(c.metadata.KubeVersion)
	if err != nil {
		return append(ds, diag.Errorf(CodeInvalid, "Invalid chart", "The chart %q asks for Kubernetes %q, which is not a range of versions.", c.Name(), c.metadata.KubeVersion))
	}
	if have, err := semver.NewVersion(caps.KubeVersion.String()); err != nil || !want.Check(have) {
		ds = append(ds, diag.Errorf(CodeKubeVersion, "Chart does not support this Kubernetes",
			"The chart %s %s needs Kubernetes %s, but the cluster has %s. Take a version of the chart that supports it.",
			c.Name(), c.Version(), c.metadata.KubeVersion, caps.KubeVersion.Version))
	}
	return ds
}

func renderFailed(c *Chart, err error, hidden func(string) string) *hcl.Diagnostic {
	return diag.At(diag.Errorf(CodeRender, "Chart cannot be rendered", "A template of %s %s failed: %s.", c.Name(), c.Version(),
		hidden(strings.TrimRight(strings.TrimSpace(err.Error()), "."))), cty.GetAttrPath("values"))
}

// checkDeterminism renders again at another time and reports what changed.
func (c *Chart) checkDeterminism(ctx context.Context, o RenderOptions, first []manifest) (ds hcl.Diagnostics) {
	second, _, err := c.again(ctx, o, anotherTime)
	if err != nil {
		return append(ds, failsAgain(c, err))
	}
	diff := compare(first, second)
	for _, ref := range diff.ids {
		ds = append(ds, nondeterministic(c, ref, templateOf(ref.ID(), first, second), "it appears under a new name each time"))
	}
	for _, m := range first {
		if paths := diff.paths[kube.RefOf(m.object).ID()]; len(paths) > 0 {
			names := make([]string, 0, 4)
			for _, p := range paths[:min(len(paths), 3)] {
				names = append(names, p.String())
			}
			if len(paths) > 3 {
				names = append(names, fmt.Sprintf("%d more", len(paths)-3))
			}
			ds = append(ds, nondeterministic(c, kube.RefOf(m.object), m.template, strings.Join(names, ", ")))
		}
	}
	return ds
}

func failsAgain(c *Chart, err error) *hcl.Diagnostic {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return diag.Errorf(CodeRender, "Chart cannot be rendered", "The templates of %s did not finish.", c.Name())
	}
	return diag.Errorf(CodeNondeterministic, "Chart does not render the same twice", "The templates of %s succeed once and fail a second time.", c.Name())
}

func nondeterministic(c *Chart, ref kube.Ref, template, what string) *hcl.Diagnostic {
	return diag.At(diag.Errorf(CodeNondeterministic, "Chart does not render the same twice",
		"With the same values, the template %s renders %s differently each time: %s. It draws random values or reads the clock, so no plan would ever be empty. "+
			"Set the value of %s that gives the result instead (a certificate, a password, a schedule), or switch the object off. With `generated = \"keep\"` fields are generated once, and then kept as the cluster has them.",
		template, ref, what, c.Name()), cty.GetAttrPath("values"))
}

func templateOf(id kube.ID, renderings ...[]manifest) string {
	for _, r := range renderings {
		for _, m := range r {
			if kube.RefOf(m.object).ID() == id {
				return m.template
			}
		}
	}
	return ""
}

// again renders once more for comparison.
func (c *Chart) again(ctx context.Context, o RenderOptions, va variant) ([]manifest, string, error) {
	in, err := c.prepare(o, va)
	if err != nil {
		return nil, "", err
	}
	ev, err := in.evaluate(ctx, va)
	if err != nil {
		return nil, "", err
	}
	all, ds := parseManifests(ev.files, func(s string) string { return s })
	if ds.HasErrors() {
		return nil, "", ds
	}
	objects, hooks, ds := sortOut(all)
	if ds.HasErrors() {
		return nil, "", ds
	}
	objects, _ = o.run(objects, hooks)
	return objects, ev.notes, nil
}

// influences finds the fields that depend on what the variant replaces. When the chart cannot be rendered with the
// replacements, or has other objects then, every field of every object counts for secrets, and the answer is nil for
// unknowns. The notes come back empty when they are influenced.
func (c *Chart) influences(ctx context.Context, o RenderOptions, va variant, first []manifest, notes string) (map[kube.ID][]kube.Path, string) {
	second, otherNotes, err := c.again(ctx, o, va)
	if err == nil {
		diff := compare(first, second)
		if otherNotes != notes {
			notes = ""
		}
		if !diff.other {
			return diff.paths, notes
		}
	}
	if va == otherUnknowns {
		return nil, ""
	}
	all := make(map[kube.ID][]kube.Path, len(first))
	for _, m := range first {
		for key := range m.object.Object {
			if key != "apiVersion" && key != "kind" && key != "metadata" {
				id := kube.RefOf(m.object).ID()
				all[id] = append(all[id], kube.Path{key})
			}
		}
	}
	return all, ""
}
