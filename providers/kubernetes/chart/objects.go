package chart

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// object is one rendered object on its way into a plan.
type object struct {
	key string // in the `objects` attribute
	ref kube.Ref
	// content is the object as rendered; its fields at unknown hold placeholders.
	content *unstructured.Unstructured
	unknown []kube.Path
	secret  []kube.Path
	// generated are the fields that the chart renders differently each time, and template is where they come from.
	generated []kube.Path
	template  string
}

// desired is the object as an object set takes it: without the fields that are not known.
func (o *object) desired() kube.Desired {
	u := o.content.DeepCopy()
	for _, p := range slices.Backward(o.unknown) {
		remove(u.Object, p)
	}
	return kube.Desired{Object: u, Unknown: o.unknown}
}

// remove returns v without a field. A list becomes shorter, so paths must be removed from the last to the first.
func remove(v any, p kube.Path) any {
	switch s := p[0].(type) {
	case string:
		m, ok := v.(map[string]any)
		if !ok {
			return v
		}
		if e, has := m[s]; has && len(p) > 1 {
			m[s] = remove(e, p[1:])
		} else {
			delete(m, s)
		}
	case int:
		l, ok := v.([]any)
		if !ok || s >= len(l) {
			return v
		}
		if len(p) > 1 {
			l[s] = remove(l[s], p[1:])
			return l
		}
		return slices.Delete(l, s, s+1)
	}
	return v
}

// value is the object as the `objects` attribute shows it: secrets marked, unknown fields unknown.
func (o *object) value() cty.Value {
	marks := pathSet(o.secret)
	if gk := o.ref.GroupKind(); gk.Group == "" && gk.Kind == "Secret" {
		marks["data"], marks["stringData"] = true, true
	}
	return fieldValue(o.content.Object, nil, pathSet(o.unknown), marks, false)
}

func pathSet(paths []kube.Path) map[string]bool {
	out := make(map[string]bool, len(paths))
	for _, p := range paths {
		out[p.String()] = true
	}
	return out
}

// fieldValue converts JSON terms. Leaves at or below a secret path are marked one by one, so that the keys of a Secret
// stay visible.
func fieldValue(v any, at kube.Path, unknown, secret map[string]bool, below bool) cty.Value {
	name := at.String()
	below = below || secret[name]
	var out cty.Value
	switch v := v.(type) {
	case map[string]any:
		if unknown[name] {
			return cty.DynamicVal
		}
		attrs := make(map[string]cty.Value, len(v))
		for k, e := range v {
			attrs[k] = fieldValue(e, append(slices.Clone(at), k), unknown, secret, below)
		}
		return cty.ObjectVal(attrs)
	case []any:
		if unknown[name] {
			return cty.DynamicVal
		}
		elems := make([]cty.Value, len(v))
		for i, e := range v {
			elems[i] = fieldValue(e, append(slices.Clone(at), i), unknown, secret, below)
		}
		return cty.TupleVal(elems)
	default:
		out = kube.ToValue(v)
	}
	if unknown[name] {
		out = cty.UnknownVal(out.Type())
	}
	if below && !out.IsNull() {
		out = out.Mark(schema.Sensitive)
	}
	return out
}

// keyed gives every object its key: the reference's own, with the group added where two kinds of one name would collide.
func keyed(objects []object) {
	count := make(map[string]int, len(objects))
	for i := range objects {
		count[objects[i].ref.Key()]++
	}
	for i := range objects {
		ref := objects[i].ref
		objects[i].key = ref.Key()
		if count[objects[i].key] > 1 && ref.Group != "" {
			ref.Kind += "." + ref.Group
			objects[i].key = ref.Key()
		}
	}
}

// recordedObjects takes the `objects` attribute apart. Unknown and null give nothing.
func recordedObjects(v cty.Value) map[string]cty.Value {
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() {
		return nil
	}
	v, _ = v.Unmark()
	if !v.CanIterateElements() {
		return nil
	}
	return v.AsValueMap()
}

// objectsValue is the value of the `objects` attribute.
func objectsValue(m map[string]cty.Value) cty.Value {
	if len(m) == 0 {
		return cty.EmptyObjectVal
	}
	return cty.ObjectVal(m)
}

// sortedKeys returns the keys of a map of objects in order.
func sortedKeys(m map[string]cty.Value) []string { return slices.Sorted(maps.Keys(m)) }

// recordedDesired turns a recorded object into the shape that reading needs. A list from which a secret was withheld
// is left out as a whole, since what is left of it has other places.
func recordedDesired(v cty.Value) (kube.Desired, hcl.Diagnostics) {
	plain, _ := v.UnmarkDeep()
	plain, err := cty.Transform(plain, func(_ cty.Path, e cty.Value) (cty.Value, error) {
		if e.IsKnown() && !e.IsNull() && e.Type().IsTupleType() && slices.ContainsFunc(e.AsValueSlice(), cty.Value.IsNull) {
			return cty.NullVal(cty.DynamicPseudoType), nil
		}
		return e, nil
	})
	if err != nil {
		return kube.Desired{}, hcl.Diagnostics{diag.Errorf(kube.CodeRecord, "Recorded object cannot be read", "%s.", scrub(err))}
	}
	return kube.DesiredFrom(plain)
}
