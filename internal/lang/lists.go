package lang

import (
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// formatListFunction is format for each row of the lists among its arguments. A row of which a part is unknown is
// unknown, the others are not.
func formatListFunction() function.Function {
	of := stdlib.FormatListFunc
	return function.New(&function.Spec{
		Params:       of.Params(),
		VarParam:     of.VarParam(),
		Type:         function.StaticReturnType(cty.List(cty.String)),
		RefineResult: notNull,
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			rows := -1
			for i, a := range args[1:] {
				switch {
				case a.Type() == cty.DynamicPseudoType && !a.IsKnown():
					return cty.UnknownVal(t), nil // perhaps a list
				case !isSequence(a):
					continue
				case !a.IsKnown(), a.Type().IsSetType() && !a.IsWhollyKnown():
					return cty.UnknownVal(t), nil // of unknown length, or in unknown order
				case rows >= 0 && a.LengthInt() != rows:
					return cty.NilVal, function.NewArgErrorf(i+1, "it has %d elements, but the list before it has %d", a.LengthInt(), rows)
				}
				rows = a.LengthInt()
			}
			columns := make([][]cty.Value, len(args)-1)
			for i, a := range args[1:] {
				if isSequence(a) {
					columns[i] = a.AsValueSlice()
				}
			}
			if rows < 0 {
				rows = 1 // no list: one row of single values
			}
			out := make([]cty.Value, rows)
			for r := range out {
				row := make([]cty.Value, len(args))
				row[0] = args[0]
				for i, a := range args[1:] {
					if row[i+1] = a; isSequence(a) {
						row[i+1] = columns[i][r]
					}
				}
				var err error
				if out[r], err = stdlib.FormatFunc.Call(row); err != nil {
					return cty.NilVal, err
				}
			}
			if rows == 0 {
				return cty.ListValEmpty(cty.String), nil
			}
			return cty.ListVal(out), nil
		},
	})
}

// isSequence reports whether a value has one element for each row.
func isSequence(v cty.Value) bool {
	t := v.Type()
	return !v.IsNull() && (t.IsListType() || t.IsSetType() || t.IsTupleType())
}

// reverseFunction turns the order round. The order of a set is unknown while any element is.
func reverseFunction() function.Function {
	of := stdlib.ReverseListFunc
	return function.New(&function.Spec{
		Params: of.Params(),
		Type:   func(args []cty.Value) (cty.Type, error) { return of.ReturnTypeForValues(args) },
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			plain, marks := args[0].Unmark()
			if plain.Type().IsSetType() && !plain.IsWhollyKnown() {
				return cty.UnknownVal(t).WithMarks(marks), nil
			}
			return of.Call(args)
		},
		RefineResult: notNull,
	})
}
