package lang

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/meshplan/meshplan/internal/schema"
)

// anything is a parameter that takes every value as it is.
func anything() *function.Parameter {
	return &function.Parameter{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true}
}

func sensitiveFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{*anything()},
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0].Mark(schema.Sensitive), nil },
	})
}

// nonsensitiveFunction takes the mark off the value itself. What is marked inside stays marked.
func nonsensitiveFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{*anything()},
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, marks := args[0].Unmark()
			delete(marks, schema.Sensitive)
			return v.WithMarks(marks), nil
		},
	})
}

// isSensitiveFunction says whether the value itself is sensitive; it is not known for an unknown value without the
// mark, which may still come out sensitive.
func isSensitiveFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{*anything()},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			switch {
			case args[0].HasMark(schema.Sensitive):
				return cty.True, nil
			case !args[0].IsKnown():
				return cty.UnknownVal(cty.Bool), nil
			}
			return cty.False, nil
		},
	})
}

// ephemeralAsNullFunction replaces every ephemeral value, also inside others, by null, so that the rest can be stored.
func ephemeralAsNullFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{*anything()},
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.Transform(args[0], func(_ cty.Path, v cty.Value) (cty.Value, error) {
				if !v.HasMark(schema.Ephemeral) {
					return v, nil
				}
				_, marks := v.Unmark()
				delete(marks, schema.Ephemeral)
				return cty.NullVal(v.Type()).WithMarks(marks), nil
			})
		},
	})
}
