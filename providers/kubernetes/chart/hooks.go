package chart

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// hookPrefix begins the annotations that make an object a hook.
const hookPrefix = "helm.sh/hook"

// run moves the hooks that are asked for to the objects: they are made like these, and made again when they change.
// Nothing deletes them when they are done but their own time to live. Tests and what runs on deletion stay hooks.
func (o RenderOptions) run(objects []manifest, hooks []Hook) ([]manifest, []Hook) {
	if len(o.RunHooks) == 0 {
		return objects, hooks
	}
	var left []Hook
	for _, h := range hooks {
		if !h.runs() || !slices.ContainsFunc(o.RunHooks, func(pattern string) bool { return o.means(pattern, h) }) {
			left = append(left, h)
			continue
		}
		u := h.Object.DeepCopy()
		annotations := u.GetAnnotations()
		maps.DeleteFunc(annotations, func(k, _ string) bool { return strings.HasPrefix(k, hookPrefix) })
		if len(annotations) == 0 {
			annotations = nil
		}
		u.SetAnnotations(annotations)
		objects = append(objects, manifest{object: u, template: h.Template})
	}
	return objects, left
}

// runs reports whether Helm would run the hook when it installs or upgrades.
func (h Hook) runs() bool {
	return slices.ContainsFunc(h.Events, func(e string) bool { return strings.HasSuffix(e, "-install") || strings.HasSuffix(e, "-upgrade") })
}

// means reports whether a pattern names a hook: by its kind, or by kind/namespace/name.
func (o RenderOptions) means(pattern string, h Hook) bool {
	ref := kube.RefOf(h.Object)
	if ref.Kind == pattern || ref.Key() == pattern {
		return true
	}
	if ref.Namespace == "" {
		ref.Namespace = o.Namespace
	}
	return ref.Key() == pattern
}

// unmatched warns about patterns that name no hook: they are likely misspelt.
func (o RenderOptions) unmatched(hooks []Hook) (ds hcl.Diagnostics) {
	for i, pattern := range o.RunHooks {
		if !slices.ContainsFunc(hooks, func(h Hook) bool { return h.runs() && o.means(pattern, h) }) {
			ds = append(ds, diag.At(diag.Warningf(CodeValues, "No such hook", "The chart has no hook %q that runs when it is installed or upgraded. Write a kind (\"Job\") or kind/namespace/name.", pattern),
				cty.GetAttrPath("run_hooks").IndexInt(i)))
		}
	}
	return ds
}
