package lang

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// toCollection is tolist, tomap or toset. The general conversion looks for a common type of all elements by comparing
// them pairwise; a tuple or object whose elements have one type already, which is what a `for` expression usually gives,
// is converted at a cost of O(elements).
//
// Marks inside the argument stay inside the result, where that has a place for them: a set has none for its elements.
func toCollection(wanted cty.Type, build func(cty.Value) cty.Value) function.Function {
	uniform := func(v cty.Value) (cty.Value, bool) { return uniform(v, wanted.IsMapType()) }
	general := stdlib.MakeToFunc(wanted)
	return function.New(&function.Spec{
		Params: []function.Parameter{{
			Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowMarked: true, AllowDynamicType: true,
		}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if v, ok := uniform(args[0]); ok {
				return build(v).Type(), nil
			}
			return general.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			if v, ok := uniform(args[0]); ok {
				_, marks := args[0].Unmark()
				return build(v).WithMarks(marks), nil
			}
			v, err := convert.Convert(args[0], t)
			if err != nil {
				return general.Call(args) // its messages are made for explicit conversions
			}
			return v, nil
		},
	})
}

// uniform returns v without its own marks if it is a tuple (or the object asked for) whose elements, at least one,
// are of one type.
func uniform(v cty.Value, object bool) (cty.Value, bool) {
	v, _ = v.Unmark()
	if v.IsNull() || !v.IsKnown() {
		return v, false
	}
	var types []cty.Type
	switch ty := v.Type(); {
	case ty.IsTupleType() && !object:
		types = ty.TupleElementTypes()
	case ty.IsObjectType() && object:
		for _, t := range ty.AttributeTypes() {
			types = append(types, t)
		}
	}
	if len(types) == 0 || types[0] == cty.DynamicPseudoType {
		return v, false
	}
	for _, t := range types[1:] {
		if !t.Equals(types[0]) {
			return v, false
		}
	}
	return v, true
}

func toList() function.Function {
	return toCollection(cty.List(cty.DynamicPseudoType), func(v cty.Value) cty.Value { return cty.ListVal(v.AsValueSlice()) })
}

func toSet() function.Function {
	return toCollection(cty.Set(cty.DynamicPseudoType), func(v cty.Value) cty.Value { return cty.SetVal(v.AsValueSlice()) })
}

func toMap() function.Function {
	return toCollection(cty.Map(cty.DynamicPseudoType), func(v cty.Value) cty.Value { return cty.MapVal(v.AsValueMap()) })
}
