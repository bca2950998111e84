package schema

import "github.com/zclconf/go-cty/cty"

// Finite reports whether no number in a value is infinite, as the result of a division by zero is. No state, plan or
// JSON could hold such a number. It costs O(size).
func Finite(v cty.Value) bool {
	v, _ = v.Unmark()
	switch t := v.Type(); {
	case !v.IsKnown() || v.IsNull() || !holdsNumbers(t):
		return true
	case t == cty.Number:
		return !v.AsBigFloat().IsInf()
	case !v.CanIterateElements():
		return true
	}
	finite := true
	eachElement(v, func(e cty.Value) bool {
		finite = Finite(e)
		return finite
	})
	return finite
}

// holdsNumbers reports whether values of a type can contain a number; for structures that is left to their elements.
func holdsNumbers(t cty.Type) bool {
	if t.IsCollectionType() {
		return holdsNumbers(t.ElementType())
	}
	return t != cty.String && t != cty.Bool
}
