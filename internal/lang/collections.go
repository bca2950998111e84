package lang

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// maxProduct is how many combinations setproduct makes at most.
const maxProduct = 1 << 18

// length counts what a value without marks has.
func length(v cty.Value) (cty.Value, error) {
	switch t := v.Type(); {
	case v.IsNull():
		return cty.NilVal, function.NewArgErrorf(0, "argument must not be null")
	case t == cty.DynamicPseudoType:
		return cty.UnknownVal(cty.Number).RefineNotNull(), nil
	case t == cty.String:
		return stdlib.StrlenFunc.Call([]cty.Value{v})
	case t.IsTupleType():
		return cty.NumberIntVal(int64(t.Length())), nil
	case t.IsObjectType():
		return cty.NumberIntVal(int64(len(t.AttributeTypes()))), nil
	case t.IsCollectionType():
		return v.Length(), nil
	default:
		return cty.NilVal, function.NewArgErrorf(0, "a string, a collection or an object is required, not %s", t.FriendlyName())
	}
}

// quantifier makes alltrue (stop at false) and anytrue (stop at true). Null counts as false.
func quantifier(stop bool) function.Function {
	return function.New(&function.Spec{
		Params:       []function.Parameter{{Name: "list", Type: cty.List(cty.Bool)}},
		Type:         function.StaticReturnType(cty.Bool),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			result := cty.BoolVal(!stop)
			for it := args[0].ElementIterator(); it.Next(); {
				_, e := it.Element()
				switch {
				case !e.IsKnown():
					result = cty.UnknownVal(cty.Bool)
				case (!e.IsNull() && e.True()) == stop:
					return cty.BoolVal(stop), nil
				}
			}
			return result, nil
		},
	})
}

// oneFunction turns a collection of no or one element into null or the element.
func oneFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type: func(args []cty.Value) (cty.Type, error) {
			t := args[0].Type()
			switch {
			case t.IsListType() || t.IsSetType():
				return t.ElementType(), nil
			case t.IsTupleType() && t.Length() == 0:
				return cty.DynamicPseudoType, nil
			case t.IsTupleType() && t.Length() == 1:
				return t.TupleElementType(0), nil
			case t.IsTupleType():
				return cty.NilType, errNotOne(t.Length())
			}
			return cty.NilType, function.NewArgErrorf(0, "a list, set or tuple is required, not %s", t.FriendlyName())
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			n := args[0].Length()
			if !n.IsKnown() {
				return cty.UnknownVal(t), nil
			}
			switch n := args[0].LengthInt(); n {
			case 0:
				return cty.NullVal(t), nil
			case 1:
				it := args[0].ElementIterator()
				it.Next()
				_, e := it.Element()
				return e, nil
			default:
				return cty.NilVal, errNotOne(n)
			}
		},
	})
}

func errNotOne(n int) error {
	return function.NewArgErrorf(0, "it has %d elements, where none or one is expected", n)
}

// sumFunction adds the numbers of a list, a set or a tuple.
func sumFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if t := args[0].Type(); !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
				return cty.NilType, function.NewArgErrorf(0, "a list, set or tuple of numbers is required, not %s", t.FriendlyName())
			}
			return cty.Number, nil
		},
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(cty.Number), nil
			}
			if args[0].LengthInt() == 0 {
				return cty.NilVal, function.NewArgErrorf(0, "nothing cannot be added up: the list is empty")
			}
			total := cty.Zero
			for it := args[0].ElementIterator(); it.Next(); {
				_, e := it.Element()
				n, err := convert.Convert(e, cty.Number)
				if err != nil || n.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "every element must be a number")
				}
				total = total.Add(n)
			}
			return total, nil
		},
	})
}

// matchKeysFunction picks the values whose key, at the same place in a second list, is in a third.
func matchKeysFunction() function.Function {
	list := func(name string) function.Parameter {
		return function.Parameter{Name: name, Type: cty.List(cty.DynamicPseudoType)}
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{list("values"), list("keys"), list("searchset")},
		Type: func(args []cty.Value) (cty.Type, error) {
			if t, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type(), args[2].Type()}); t == cty.NilType {
				return t, errors.New("keys and searchset must have the same type")
			}
			return args[0].Type(), nil
		},
		RefineResult: notNull,
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			values, keys := args[0].AsValueSlice(), args[1].AsValueSlice()
			if len(values) != len(keys) {
				return cty.NilVal, fmt.Errorf("there are %d values but %d keys", len(values), len(keys))
			}
			if !args[1].IsWhollyKnown() || !args[2].IsWhollyKnown() {
				return cty.UnknownVal(t), nil
			}
			unified, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type().ElementType(), args[2].Type().ElementType()})
			wanted := make(map[int][]cty.Value, args[2].LengthInt()) // by hash, so that the work is linear
			for _, w := range args[2].AsValueSlice() {
				w, err := convert.Convert(w, unified)
				if err != nil {
					return cty.NilVal, function.NewArgError(2, err)
				}
				wanted[w.Hash()] = append(wanted[w.Hash()], w)
			}
			var out []cty.Value
			for i, k := range keys {
				k, err := convert.Convert(k, unified)
				if err != nil {
					return cty.NilVal, function.NewArgError(1, err)
				}
				if slices.ContainsFunc(wanted[k.Hash()], k.RawEquals) {
					out = append(out, values[i])
				}
			}
			if len(out) == 0 {
				return cty.ListValEmpty(t.ElementType()), nil
			}
			return cty.ListVal(out), nil
		},
	})
}

// transposeFunction swaps keys and values of a map of lists of strings.
func transposeFunction() function.Function {
	t := cty.Map(cty.List(cty.String))
	return function.New(&function.Spec{
		Params:       []function.Parameter{{Name: "values", Type: t}},
		Type:         function.StaticReturnType(t),
		RefineResult: notNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(t), nil
			}
			found := make(map[string][]string)
			for it := args[0].ElementIterator(); it.Next(); {
				k, list := it.Element()
				if list.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "a list in the map is null")
				}
				for inner := list.ElementIterator(); inner.Next(); {
					_, e := inner.Element()
					if e.IsNull() {
						return cty.NilVal, function.NewArgErrorf(0, "an element of a list is null")
					}
					found[e.AsString()] = append(found[e.AsString()], k.AsString())
				}
			}
			if len(found) == 0 {
				return cty.MapValEmpty(cty.List(cty.String)), nil
			}
			out := make(map[string]cty.Value, len(found))
			for name, keys := range found {
				slices.SortFunc(keys, strings.Compare)
				vals := make([]cty.Value, len(keys))
				for i, k := range keys {
					vals[i] = cty.StringVal(k)
				}
				out[name] = cty.ListVal(vals)
			}
			return cty.MapVal(out), nil
		},
	})
}

// checkProduct limits the number of combinations that setproduct makes.
func checkProduct(args []cty.Value) error {
	total := 1
	for _, a := range args {
		a, _ = a.Unmark()
		if !a.IsKnown() || a.IsNull() || !a.CanIterateElements() {
			continue
		}
		n := a.LengthInt()
		if n > 0 && total > maxProduct/n {
			return fmt.Errorf("there would be more than %d combinations", maxProduct)
		}
		total *= n
	}
	return nil
}
