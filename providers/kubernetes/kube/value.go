package kube

import (
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	mschema "github.com/meshplan/meshplan/internal/schema"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// FromValue converts a configured object to JSON terms: whole numbers become int64, others float64. Nulls and
// unknowns in maps are left out and listed. Marks are ignored. The error of what has no JSON form says where it is.
func FromValue(v cty.Value) (object map[string]any, unknown, null []Path, err error) {
	if mschema.ContainsMarked(v) { // unmarking rebuilds the value
		v, _ = v.UnmarkDeep()
	}
	if !v.IsKnown() {
		return map[string]any{}, []Path{{}}, nil, nil
	}
	if v.IsNull() {
		return map[string]any{}, nil, []Path{{}}, nil
	}
	if t := v.Type(); !t.IsObjectType() && !t.IsMapType() {
		return nil, nil, nil, fmt.Errorf("an object is needed, not %s", t.FriendlyName())
	}
	c := conversion{}
	out, err := c.convert(v, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	return out.(map[string]any), c.unknown, c.null, nil
}

type conversion struct{ unknown, null []Path }

// place is where a value lies inside another one. Most are never written down as a Path.
type place struct {
	in   *place // nil for the whole
	name string
	at   int // when it is in a list
	list bool
}

func (p *place) path() Path {
	if p == nil {
		return nil
	}
	if p.list {
		return p.in.path().child(p.at)
	}
	return p.in.path().child(p.name)
}

func (c *conversion) convert(v cty.Value, path *place) (any, error) {
	switch {
	case !v.IsKnown():
		c.unknown = append(c.unknown, path.path())
		return nil, nil
	case v.IsNull():
		c.null = append(c.null, path.path())
		return nil, nil
	}
	t := v.Type()
	switch {
	case t == cty.String:
		return v.AsString(), nil
	case t == cty.Bool:
		return v.True(), nil
	case t == cty.Number:
		f := v.AsBigFloat()
		if n, accuracy := f.Int64(); accuracy == big.Exact {
			return n, nil
		}
		n, _ := f.Float64()
		return n, nil
	case t.IsObjectType():
		names := t.AttributeTypes()
		out := make(map[string]any, len(names))
		for _, k := range sortedKeys(names) {
			if err := c.member(out, k, v.GetAttr(k), path); err != nil {
				return nil, err
			}
		}
		return out, nil
	case t.IsMapType():
		out := make(map[string]any, v.LengthInt())
		values := v.AsValueMap()
		for _, k := range sortedKeys(values) {
			if err := c.member(out, k, values[k], path); err != nil {
				return nil, err
			}
		}
		return out, nil
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		out := make([]any, 0, v.LengthInt())
		for i, e := range v.AsValueSlice() {
			at := &place{in: path, at: i, list: true}
			x, err := c.convert(e, at)
			if err != nil {
				return nil, err
			}
			if x != nil {
				out = append(out, x)
			} else if e.IsKnown() {
				return nil, fmt.Errorf("%s is null, which a list cannot hold", at.path())
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s has type %s, which no manifest can hold", path.path(), t.FriendlyName())
}

// member converts one member of an object.
func (c *conversion) member(out map[string]any, name string, v cty.Value, in *place) error {
	e, err := c.convert(v, &place{in: in, name: name})
	if e != nil {
		out[name] = e
	}
	return err
}

// DesiredFrom converts a configured manifest. Diagnostics point at the attribute `manifest`.
func DesiredFrom(v cty.Value) (Desired, hcl.Diagnostics) {
	object, unknown, null, err := FromValue(v)
	if err != nil {
		return Desired{}, hcl.Diagnostics{diag.At(diag.Errorf(CodeManifest, "Not a manifest", "The manifest cannot be written as JSON: %s.", err), cty.GetAttrPath("manifest"))}
	}
	return Desired{Object: &unstructured.Unstructured{Object: object}, Unknown: unknown, Null: null}, nil
}

// ToValue converts JSON terms to a value: objects, tuples, strings, numbers, booleans, nulls.
func ToValue(v any) cty.Value {
	switch v := v.(type) {
	case nil:
		return cty.NullVal(cty.DynamicPseudoType)
	case string:
		return cty.StringVal(v)
	case bool:
		return cty.BoolVal(v)
	case map[string]any:
		if len(v) == 0 {
			return cty.EmptyObjectVal
		}
		out := make(map[string]cty.Value, len(v))
		for k, e := range v {
			out[k] = ToValue(e)
		}
		return cty.ObjectVal(out)
	case []any:
		if len(v) == 0 {
			return cty.EmptyTupleVal
		}
		out := make([]cty.Value, len(v))
		for i, e := range v {
			out[i] = ToValue(e)
		}
		return cty.TupleVal(out)
	}
	if f := number(v); f != nil {
		return cty.NumberVal(f)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}

// WithDrift returns a recorded value in which the fields that drifted have their live values; secrets are marked
// sensitive. The type of the value may change with it.
func WithDrift(recorded cty.Value, drift []Drift) cty.Value {
	for _, d := range drift {
		live := ToValue(d.Live)
		if d.Secret && !live.IsNull() {
			live = live.Mark(mschema.Sensitive)
		}
		recorded = withField(recorded, d.Path, live)
	}
	return recorded
}

// withField replaces one field of a value made of objects, maps, tuples and lists. Maps and lists become objects and
// tuples, since the new element may be of another type.
func withField(v cty.Value, path Path, with cty.Value) cty.Value {
	if len(path) == 0 {
		return with
	}
	v, marks := v.Unmark()
	switch step := path[0].(type) {
	case string:
		fields := map[string]cty.Value{}
		if v.IsKnown() && !v.IsNull() && (v.Type().IsObjectType() || v.Type().IsMapType()) {
			maps.Copy(fields, v.AsValueMap())
		}
		old, ok := fields[step]
		if !ok {
			old = cty.NullVal(cty.DynamicPseudoType)
		}
		fields[step] = withField(old, path[1:], with)
		return cty.ObjectVal(fields).WithMarks(marks)
	case int:
		if !v.IsKnown() || v.IsNull() || !v.CanIterateElements() || v.Type().IsObjectType() || v.Type().IsMapType() {
			return v.WithMarks(marks)
		}
		elements := slices.Clone(v.AsValueSlice())
		if step >= 0 && step < len(elements) {
			elements[step] = withField(elements[step], path[1:], with)
		}
		return cty.TupleVal(elements).WithMarks(marks)
	}
	return v.WithMarks(marks)
}

// MarkSecret marks the data of a manifest of kind Secret as sensitive; other manifests are returned as they are.
func MarkSecret(manifest cty.Value) cty.Value {
	if manifest.IsNull() || !manifest.IsKnown() || manifest.IsMarked() || !manifest.Type().IsObjectType() {
		return manifest
	}
	is := func(field, want string) bool {
		if !manifest.Type().HasAttribute(field) {
			return false
		}
		v, _ := manifest.GetAttr(field).Unmark()
		return v.Type() == cty.String && v.IsKnown() && !v.IsNull() && v.AsString() == want
	}
	if !is("kind", "Secret") || !is("apiVersion", "v1") {
		return manifest
	}
	fields := manifest.AsValueMap()
	for _, name := range []string{"data", "stringData"} {
		data, ok := fields[name]
		if !ok || data.IsNull() {
			continue
		}
		data, _ = data.UnmarkDeep()
		if !data.IsKnown() || !data.CanIterateElements() {
			fields[name] = data.Mark(mschema.Sensitive)
			continue
		}
		marked := map[string]cty.Value{}
		for k, v := range data.AsValueMap() {
			if !v.IsNull() {
				v = v.Mark(mschema.Sensitive)
			}
			marked[k] = v
		}
		fields[name] = cty.ObjectVal(marked)
	}
	return cty.ObjectVal(fields)
}
