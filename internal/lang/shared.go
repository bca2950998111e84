package lang

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/gocty"
)

// shared makes a function that looks at a small part of its arguments only. It takes them as expressions, because what
// is handed over as a value is first walked through as a whole: a thousand instances that each look one key up in a
// map of a thousand would cost a million steps. Call gets the values as they are, perhaps unknown, null or marked; its
// errors must quote none of them.
func shared(params []string, optional string, call func(args []cty.Value) (cty.Value, error)) function.Function {
	spec := &function.Spec{
		Type: function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(closures []cty.Value, _ cty.Type) (cty.Value, error) {
			args := make([]cty.Value, len(closures))
			for i, c := range closures {
				v, ds := customdecode.ExpressionClosureFromVal(c).Value()
				if ds.HasErrors() {
					return cty.NilVal, function.NewArgError(i, located(ds))
				}
				args[i] = v
			}
			return call(args)
		},
	}
	for _, p := range params {
		spec.Params = append(spec.Params, function.Parameter{Name: p, Type: customdecode.ExpressionClosureType})
	}
	if optional != "" {
		spec.VarParam = &function.Parameter{Name: optional, Type: customdecode.ExpressionClosureType}
	}
	return function.New(spec)
}

// lengthFunction counts the elements of a collection, the attributes of an object or the characters of a string. The
// number is known as soon as the type or the refinements tell.
func lengthFunction() function.Function {
	return shared([]string{"value"}, "", func(args []cty.Value) (cty.Value, error) {
		v, marks := args[0].Unmark() // what is inside may be secret, how much of it is not
		n, err := length(v)
		if err != nil {
			return cty.NilVal, err
		}
		return n.WithMarks(marks), nil
	})
}

// lookupFunction reads one element of a map or attribute of an object, or else a default. The rest of the map may be
// unknown.
func lookupFunction() function.Function {
	return shared([]string{"map", "key"}, "default", func(args []cty.Value) (cty.Value, error) {
		if len(args) > 3 {
			return cty.NilVal, fmt.Errorf("lookup takes two or three arguments, not %d", len(args))
		}
		m, marks := args[0].Unmark()
		given, keyMarks := args[1].Unmark()
		switch {
		case m.IsNull():
			return cty.NilVal, function.NewArgErrorf(0, "argument must not be null")
		case given.IsNull():
			return cty.NilVal, function.NewArgErrorf(1, "argument must not be null")
		}
		key, err := convert.Convert(given, cty.String)
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(1, "a string is required, not %s", given.Type().FriendlyName())
		}
		out, err := lookup(m, key, args[2:])
		if err != nil {
			return cty.NilVal, err
		}
		return out.WithMarks(marks, keyMarks), nil
	})
}

// lookup costs O(1), and O(size of the default) when the default counts.
func lookup(m, key cty.Value, def []cty.Value) (cty.Value, error) {
	t := m.Type()
	switch {
	case t == cty.DynamicPseudoType:
		return cty.DynamicVal, nil
	case t.IsObjectType():
		switch {
		case !key.IsKnown() || !m.IsKnown() && !t.HasAttribute(key.AsString()):
			return cty.DynamicVal, nil
		case t.HasAttribute(key.AsString()):
			return m.GetAttr(key.AsString()), nil
		case len(def) > 0:
			return def[0], nil
		}
		return cty.NilVal, function.NewArgErrorf(1, "the object has no such attribute, and there is no default")
	case !t.IsMapType():
		return cty.NilVal, function.NewArgErrorf(0, "a map or an object is required, not %s", t.FriendlyName())
	}
	unsuitable := func(err error) error {
		return function.NewArgErrorf(2, "the default must have the type of the map's elements: %s", err)
	}
	if len(def) > 0 && convert.GetConversionUnsafe(def[0].Type(), t.ElementType()) == nil && !def[0].Type().Equals(t.ElementType()) {
		return cty.NilVal, unsuitable(errors.New(convert.MismatchMessage(def[0].Type(), t.ElementType())))
	}
	switch {
	case !m.IsKnown() || !key.IsKnown():
		return cty.UnknownVal(t.ElementType()), nil
	case m.HasIndex(key).True():
		return m.Index(key), nil
	case len(def) > 0:
		out, err := convert.Convert(def[0], t.ElementType())
		if err != nil {
			return cty.NilVal, unsuitable(errors.New("it cannot be converted"))
		}
		return out, nil
	}
	return cty.NilVal, function.NewArgErrorf(1, "the map has no such key, and there is no default")
}

// elementFunction reads the element of a list at an index that goes round at both ends.
func elementFunction() function.Function {
	return shared([]string{"list", "index"}, "", func(args []cty.Value) (cty.Value, error) {
		list, marks := args[0].Unmark()
		given, indexMarks := args[1].Unmark()
		switch {
		case list.IsNull():
			return cty.NilVal, function.NewArgErrorf(0, "argument must not be null")
		case given.IsNull():
			return cty.NilVal, function.NewArgErrorf(1, "argument must not be null")
		}
		index, err := convert.Convert(given, cty.Number)
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(1, "a number is required, not %s", given.Type().FriendlyName())
		}
		out, err := element(list, index)
		if err != nil {
			return cty.NilVal, err
		}
		return out.WithMarks(marks, indexMarks), nil
	})
}

// element costs O(1).
func element(list, index cty.Value) (cty.Value, error) {
	t := list.Type()
	switch {
	case t == cty.DynamicPseudoType:
		return cty.DynamicVal, nil
	case !t.IsListType() && !t.IsTupleType():
		return cty.NilVal, function.NewArgErrorf(0, "a list or tuple is required, not %s", t.FriendlyName())
	case t.IsListType() && (!list.IsKnown() || !index.IsKnown()):
		return cty.UnknownVal(t.ElementType()), nil
	case !index.IsKnown():
		return cty.DynamicVal, nil
	}
	var i int
	if err := gocty.FromCtyValue(index, &i); err != nil {
		return cty.NilVal, function.NewArgErrorf(1, "a whole number is required")
	}
	n := 0
	if t.IsTupleType() {
		n = t.Length()
	} else {
		n = list.LengthInt()
	}
	if n == 0 {
		return cty.NilVal, function.NewArgErrorf(0, "the list is empty")
	}
	if i %= n; i < 0 {
		i += n
	}
	return list.Index(cty.NumberIntVal(int64(i))), nil
}
