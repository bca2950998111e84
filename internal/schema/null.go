package schema

import (
	"github.com/hashicorp/hcl/v2/hcldec"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// untypedNulls makes every null of an attribute that takes any value a null without a type. A variable of type string
// that is null and an attribute that is left out are the same absence: without this a plan would show a change between
// them that nobody could see.
func untypedNulls(s hcldec.Spec) hcldec.Spec {
	return &hcldec.TransformFuncSpec{Wrapped: s, Func: function.New(&function.Spec{
		Params: []function.Parameter{{
			Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true,
		}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if !hasTypedNull(args[0]) { // nearly always, and rebuilding a value costs more than looking
				return args[0].Type(), nil
			}
			return untyped(args[0]).Type(), nil
		},
		Impl: func(args []cty.Value, want cty.Type) (cty.Value, error) {
			if want.Equals(args[0].Type()) {
				return args[0], nil // untyped changes nothing but types
			}
			return untyped(args[0]), nil
		},
	})}
}

// untyped costs O(size) of objects and tuples. Elements of lists, sets and maps keep their common type.
func untyped(v cty.Value) cty.Value {
	plain, marks := v.Unmark()
	switch t := plain.Type(); {
	case plain.IsNull():
		if t != cty.DynamicPseudoType {
			return cty.NullVal(cty.DynamicPseudoType).WithMarks(marks)
		}
	case !plain.IsKnown():
	case t.IsObjectType():
		attrs := plain.AsValueMap()
		changed := false
		for name, a := range attrs {
			if u := untyped(a); !u.Type().Equals(a.Type()) {
				attrs[name], changed = u, true
			}
		}
		if changed {
			return cty.ObjectVal(attrs).WithMarks(marks)
		}
	case t.IsTupleType():
		elements := plain.AsValueSlice()
		changed := false
		for i, e := range elements {
			if u := untyped(e); !u.Type().Equals(e.Type()) {
				elements[i], changed = u, true
			}
		}
		if changed {
			return cty.TupleVal(elements).WithMarks(marks)
		}
	}
	return v
}

// hasTypedNull reports whether untyped would change v.
func hasTypedNull(v cty.Value) bool {
	v, _ = v.Unmark()
	t := v.Type()
	switch {
	case v.IsNull():
		return t != cty.DynamicPseudoType
	case !v.IsKnown() || !t.IsObjectType() && !t.IsTupleType():
		return false
	}
	found := false
	eachElement(v, func(e cty.Value) bool {
		found = hasTypedNull(e)
		return !found
	})
	return found
}
