package schema

import (
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"
)

// nullElement finds a null among the elements of a list or a set, or in the place of an object in a map. It says nothing that anybody
// could mean, so no type has to think of it. A null text or list in a map is as good as one that is left out, and where the type
// does not say what is inside, null is a value. It costs O(size).
func nullElement(v cty.Value, t cty.Type) (at cty.Path, found bool) {
	if !refusesNulls(t) || !v.IsKnown() || v.IsNull() {
		return nil, false
	}
	v, _ = v.Unmark()
	inside := func(step cty.PathStep, e cty.Value, t cty.Type, refused bool) bool {
		if refused && e.IsNull() {
			at, found = cty.Path{step}, true
		} else if at, found = nullElement(e, t); found {
			at = append(cty.Path{step}, at...)
		}
		return found
	}
	switch {
	case t.IsObjectType():
		attrs := t.AttributeTypes()
		for _, name := range slices.Sorted(maps.Keys(attrs)) {
			if inside(cty.GetAttrStep{Name: name}, v.GetAttr(name), attrs[name], false) {
				break
			}
		}
	case v.CanIterateElements():
		for key, e := range v.Elements() {
			if inside(cty.IndexStep{Key: key}, e, t.ElementType(), refusesNull(t)) {
				break
			}
		}
	}
	return at, found
}

// refusesNull reports whether a null is no element of a collection.
func refusesNull(t cty.Type) bool {
	e := t.ElementType()
	return e.IsObjectType() || !t.IsMapType() && e != cty.DynamicPseudoType
}

// refusesNulls reports whether there is such a collection in a type.
func refusesNulls(t cty.Type) bool {
	switch {
	case t.IsCollectionType():
		return refusesNull(t) || refusesNulls(t.ElementType())
	case t.IsObjectType():
		for _, attr := range t.AttributeTypes() {
			if refusesNulls(attr) {
				return true
			}
		}
	}
	return false
}
