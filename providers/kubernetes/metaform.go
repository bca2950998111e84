package kubernetes

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// field links an attribute that is a map of strings to a place in the object.
type field struct {
	attribute string
	path      kube.Path
}

// put writes map attributes into an object and notes what is unknown.
func put(d *kube.Desired, v cty.Value, fields []field) {
	for _, f := range fields {
		m := v.GetAttr(f.attribute)
		switch {
		case m.IsNull():
			continue
		case !m.IsKnown():
			d.Unknown = append(d.Unknown, f.path)
			continue
		}
		values := map[string]any{}
		for k, e := range m.AsValueMap() {
			switch {
			case !e.IsKnown():
				d.Unknown = append(d.Unknown, append(append(kube.Path{}, f.path...), k))
			case !e.IsNull():
				values[k] = e.AsString()
			}
		}
		into := d.Object.Object
		for _, step := range f.path[:len(f.path)-1] {
			key := step.(string)
			next, ok := into[key].(map[string]any)
			if !ok {
				next = map[string]any{}
				into[key] = next
			}
			into = next
		}
		into[f.path[len(f.path)-1].(string)] = values
	}
}

// take writes drift back into map attributes.
func take(v cty.Value, drift []kube.Drift, fields []field) cty.Value {
	out := map[string]cty.Value{}
	for _, f := range fields {
		m := v.GetAttr(f.attribute)
		if !m.IsKnown() {
			continue
		}
		values := map[string]cty.Value{}
		if !m.IsNull() {
			values = m.AsValueMap()
		}
		if values == nil {
			values = map[string]cty.Value{}
		}
		touched := false
		for _, d := range drift {
			switch {
			case under(f.path, d.Path) && d.Live == nil && len(d.Path) <= len(f.path): // the whole map is gone
				clear(values)
				touched = true
			case under(d.Path, f.path) && len(d.Path) == len(f.path)+1:
				key, _ := d.Path[len(f.path)].(string)
				if text, ok := d.Live.(string); ok {
					values[key] = cty.StringVal(text)
				} else {
					delete(values, key)
				}
				touched = true
			}
		}
		switch {
		case !touched:
		case len(values) == 0:
			out[f.attribute] = cty.MapValEmpty(cty.String)
		default:
			out[f.attribute] = cty.MapVal(values)
		}
	}
	return set(v, out)
}

// under reports whether path begins with prefix.
func under(path, prefix kube.Path) bool {
	if len(prefix) > len(path) {
		return false
	}
	for i := range prefix {
		if path[i] != prefix[i] {
			return false
		}
	}
	return true
}

var (
	labelsField      = field{"labels", kube.Path{"metadata", "labels"}}
	annotationsField = field{"annotations", kube.Path{"metadata", "annotations"}}
)
