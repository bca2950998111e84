package chart

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// The values of the `generated` attribute.
const (
	generatedError = "error" // refuse charts that render something else each time
	generatedKeep  = "keep"  // generate once and keep what the cluster has
)

// generations is how often a chart is rendered to find what it generates: a random number out of few may come up twice.
const generations = 3

// generatedPaths finds the fields that differ between renderings with the same values. Objects that do not appear in
// all of them cannot be kept and are errors.
func (c *Chart) generatedPaths(ctx context.Context, o RenderOptions, first []manifest) (map[kube.ID][]kube.Path, hcl.Diagnostics) {
	out := map[kube.ID][]kube.Path{}
	for range generations - 1 {
		second, _, err := c.again(ctx, o, anotherTime)
		if err != nil {
			return nil, hcl.Diagnostics{failsAgain(c, err)}
		}
		diff := compare(first, second)
		var ds hcl.Diagnostics
		for _, ref := range diff.ids {
			ds = append(ds, nondeterministic(c, ref, templateOf(ref.ID(), first, second), "it appears under a new name each time"))
		}
		if ds.HasErrors() {
			return nil, ds
		}
		for id, paths := range diff.paths {
			out[id] = union(out[id], paths)
		}
	}
	return out, nil
}

// union joins paths in their order; what lies below another one is part of that.
func union(a, b []kube.Path) []kube.Path {
	all := slices.Concat(a, b)
	slices.SortFunc(all, comparePaths)
	var out []kube.Path
	for _, p := range all {
		if n := len(out); n == 0 || len(out[n-1]) > len(p) || !slices.Equal(out[n-1], p[:len(out[n-1])]) {
			out = append(out, p)
		}
	}
	return out
}

func comparePaths(a, b kube.Path) int {
	return slices.CompareFunc(a, b, func(x, y any) int {
		xi, xIsInt := x.(int)
		yi, yIsInt := y.(int)
		if xIsInt && yIsInt {
			return cmp.Compare(xi, yi)
		}
		return strings.Compare(fmt.Sprint(x), fmt.Sprint(y))
	})
}

// planGenerated is keepGenerated for a plan. Without the network nothing can be compared: everything that is generated is
// unknown.
func (s *Set) planGenerated(ctx context.Context, objects []object, req SetPlanRequest) ([]string, hcl.Diagnostics) {
	if !req.Offline {
		return s.keepGenerated(ctx, objects, req.Prior, false)
	}
	for i := range objects {
		o := &objects[i]
		o.unknown, o.secret = union(o.unknown, o.generated), union(o.secret, o.generated)
	}
	return nil, nil
}

// keepGenerated gives the fields that the chart generates the values that they have in the cluster. Those that are to be
// generated are unknown in a plan and stay as rendered when it is applied (final). All of them are treated as secrets:
// nobody knows which are. The cluster is where they are kept; the state has fingerprints.
//
// What one template generates belongs together (a certificate and the bundle that vouches for it): when part of it was
// lost, all of it is generated anew.
func (s *Set) keepGenerated(ctx context.Context, objects []object, prior cty.Value, final bool) ([]string, hcl.Diagnostics) {
	recorded := recordedObjects(prior)
	now := make([]map[string]any, len(objects)) // the live objects, in the shape of the rendered ones
	lost, there := map[string]string{}, map[string]bool{}
	for i := range objects {
		o := &objects[i]
		if len(o.generated) == 0 {
			continue
		}
		live, err := s.Cluster.Get(ctx, o.ref)
		var unknown *kube.UnknownKindError
		switch {
		case errors.As(err, &unknown): // its definition is in the chart, or went away with all objects
		case err != nil:
			return nil, s.Cluster.Diagnose(err, "get", o.ref)
		case live != nil && live.GetDeletionTimestamp() == nil:
			now[i] = kube.Project(o.content, live)
		}
		there[o.template] = there[o.template] || now[i] != nil
		for _, p := range o.generated {
			// A field that was never recorded is new in the chart, and nothing else has to do with it.
			_, ok := fieldAt(now[i], p)
			if was, known := recorded[o.key]; !ok && (now[i] == nil || known && recordsField(was, p)) {
				lost[o.template] = fmt.Sprintf("%s of %s", p, o.ref)
			}
		}
	}
	maps.DeleteFunc(lost, func(template, _ string) bool { return !there[template] }) // nothing is left that could not fit
	var made []string
	for i := range objects {
		o := &objects[i]
		var fresh []string
		for _, p := range o.generated {
			v, ok := fieldAt(now[i], p)
			if ok && !s.Regenerate && lost[o.template] == "" {
				setField(o.content, p, v)
				continue
			}
			fresh = append(fresh, p.String())
			if !final {
				o.unknown = union(o.unknown, []kube.Path{p})
			}
		}
		o.secret = union(o.secret, o.generated)
		if len(fresh) > 0 {
			note := fmt.Sprintf("generates %s of %s", shortly(fresh), o.ref)
			if gone := lost[o.template]; gone != "" && !s.Regenerate {
				note += ": " + gone + " is not there, and what one template generates belongs together"
			}
			made = append(made, note)
		}
	}
	return made, nil
}

func shortly(names []string) string {
	if len(names) > 3 {
		names = append(slices.Clone(names[:3]), fmt.Sprintf("%d more", len(names)-3))
	}
	return strings.Join(names, ", ")
}

// fieldAt returns a field that is there and not null.
func fieldAt(v any, p kube.Path) (any, bool) {
	for _, step := range p {
		switch s := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			l, _ := v.([]any)
			if s >= len(l) {
				return nil, false
			}
			v = l[s]
		}
	}
	return v, v != nil
}

// setField replaces a field that the object has.
func setField(u *unstructured.Unstructured, p kube.Path, v any) {
	parent, _ := fieldAt(u.Object, p[:len(p)-1])
	switch s := p[len(p)-1].(type) {
	case string:
		if m, ok := parent.(map[string]any); ok {
			m[s] = v
		}
	case int:
		if l, ok := parent.([]any); ok && s < len(l) {
			l[s] = v
		}
	}
}

// recordsField reports whether a recorded object has a field, be it that its value was withheld.
func recordsField(v cty.Value, p kube.Path) bool {
	for _, step := range p {
		v, _ = v.Unmark()
		if v.IsNull() || !v.IsKnown() {
			return false
		}
		switch s := step.(type) {
		case string:
			if !v.Type().IsObjectType() || !v.Type().HasAttribute(s) {
				return false
			}
			v = v.GetAttr(s)
		case int:
			if !v.Type().IsTupleType() || s >= len(v.Type().TupleElementTypes()) {
				return false
			}
			v = v.Index(cty.NumberIntVal(int64(s)))
		}
	}
	return true
}
