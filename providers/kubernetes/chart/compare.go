package chart

import (
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// differences returns the paths at which two JSON values differ, as deep as their shapes agree: a list of another
// length and a key that only one of them has are one difference. They are in order of path.
func differences(a, b any, at kube.Path) []kube.Path {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok {
			return []kube.Path{at}
		}
		keys := maps.Clone(a)
		maps.Copy(keys, b)
		var out []kube.Path
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			va, inA := a[k]
			vb, inB := b[k]
			here := append(slices.Clone(at), k)
			if inA != inB {
				out = append(out, here)
				continue
			}
			out = append(out, differences(va, vb, here)...)
		}
		return out
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return []kube.Path{at}
		}
		var out []kube.Path
		for i := range a {
			out = append(out, differences(a[i], b[i], append(slices.Clone(at), i))...)
		}
		return out
	}
	if reflect.DeepEqual(a, b) {
		return nil
	}
	return []kube.Path{at}
}

// influence says where two renderings differ.
type influence struct {
	// paths of objects that both have, by identity; absent when they agree.
	paths map[kube.ID][]kube.Path
	// other reports that the renderings do not have the same objects.
	other bool
	// ids are the objects that only one of them has, in order.
	ids []kube.Ref
}

// compare finds out where two renderings of a chart differ.
func compare(a, b []manifest) influence {
	out := influence{paths: map[kube.ID][]kube.Path{}}
	byID := make(map[kube.ID]*unstructured.Unstructured, len(b))
	for _, m := range b {
		byID[kube.RefOf(m.object).ID()] = m.object
	}
	for _, m := range a {
		ref := kube.RefOf(m.object)
		twin := byID[ref.ID()]
		delete(byID, ref.ID())
		if twin == nil {
			out.ids = append(out.ids, ref)
			continue
		}
		if paths := differences(m.object.Object, twin.Object, nil); len(paths) > 0 {
			out.paths[ref.ID()] = paths
		}
	}
	for _, m := range b {
		if ref := kube.RefOf(m.object); byID[ref.ID()] != nil {
			out.ids = append(out.ids, ref)
		}
	}
	out.other = len(out.ids) > 0
	slices.SortFunc(out.ids, kube.CompareRef)
	return out
}
