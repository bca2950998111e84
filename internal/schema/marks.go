package schema

import (
	"slices"

	"github.com/zclconf/go-cty/cty"
)

// mark is the type of the marks that values carry from the moment they are read.
type mark string

const (
	// Sensitive marks a value that no screen, log, plan, state or report may show.
	Sensitive = mark("sensitive")
	// Ephemeral marks a value that may be used by a run and stored nowhere, not even as a fingerprint.
	Ephemeral = mark("ephemeral")
)

// IsSensitive reports whether v or anything inside it is marked sensitive.
func IsSensitive(v cty.Value) bool { return hasDeep(v, Sensitive) }

// IsEphemeral reports whether v or anything inside it is marked ephemeral.
func IsEphemeral(v cty.Value) bool { return hasDeep(v, Ephemeral) }

// ContainsMarked is cty's method of that name without its garbage: a path for every element and a sorted list of the
// attributes of every object. It is asked of each value several times a run. v must not be cty.NilVal.
func ContainsMarked(v cty.Value) bool {
	if v.IsMarked() {
		return true
	}
	ty := v.Type()
	if ty.IsPrimitiveType() || v.IsNull() || !v.IsKnown() {
		return false
	}
	if ty.IsSetType() || !v.CanIterateElements() { // a set is marked as a whole
		return false
	}
	found := false
	eachElement(v, func(e cty.Value) bool {
		found = ContainsMarked(e)
		return !found
	})
	return found
}

// eachElement calls f with each attribute or element of v, which can be iterated and is not marked itself, until f
// returns false. The attributes of an object come in no order: cty would sort them and make a value of each name.
func eachElement(v cty.Value, f func(cty.Value) bool) {
	if ty := v.Type(); ty.IsObjectType() {
		for name := range ty.AttributeTypes() {
			if !f(v.GetAttr(name)) {
				return
			}
		}
		return
	}
	for it := v.ElementIterator(); it.Next(); {
		if _, e := it.Element(); !f(e) {
			return
		}
	}
}

func hasDeep(v cty.Value, m mark) bool {
	if !ContainsMarked(v) {
		return false
	}
	_, marks := v.UnmarkDeep()
	_, ok := marks[m]
	return ok
}

// MarkSensitive marks the values of b's sensitive attributes in v, which must be of b's type, inside nested blocks
// too. A null stays unmarked: there is nothing to hide and an absent value must stay comparable. It costs
// O(attributes and nested blocks), not O(size of v).
func (b *Block) MarkSensitive(v cty.Value) cty.Value {
	if !b.hasSensitive() || v.IsNull() || !v.IsKnown() {
		return v
	}
	v, marks := v.Unmark()
	if !b.mustMark(v) {
		return v.WithMarks(marks)
	}
	attrs := v.AsValueMap()
	for name, a := range b.Attributes {
		if got := attrs[name]; a.Sensitive && !got.IsNull() {
			attrs[name] = got.Mark(Sensitive)
		}
	}
	for name, n := range b.Blocks {
		if n.Block.hasSensitive() {
			attrs[name] = n.markSensitive(attrs[name])
		}
	}
	return cty.ObjectVal(attrs).WithMarks(marks)
}

// mustMark reports whether v, which is of b's type and unmarked, has anything to mark: rebuilding an object costs far
// more than looking.
func (b *Block) mustMark(v cty.Value) bool {
	for _, name := range b.secrets {
		if !v.GetAttr(name).IsNull() {
			return true
		}
	}
	return false
}

func (n *NestedBlock) markSensitive(v cty.Value) cty.Value {
	if v.IsNull() || !v.IsKnown() {
		return v
	}
	v, marks := v.Unmark()
	switch {
	case n.Nesting == Single:
		v = n.Block.MarkSensitive(v)
	case v.LengthInt() == 0:
	case v.Type().IsMapType() || v.Type().IsObjectType():
		m := v.AsValueMap()
		for k, e := range m {
			m[k] = n.Block.MarkSensitive(e)
		}
		if v.Type().IsMapType() {
			v = cty.MapVal(m)
		} else {
			v = cty.ObjectVal(m)
		}
	default:
		s := slices.Clone(v.AsValueSlice())
		for i, e := range s {
			s[i] = n.Block.MarkSensitive(e)
		}
		if v.Type().IsListType() {
			v = cty.ListVal(s)
		} else {
			v = cty.TupleVal(s)
		}
	}
	return v.WithMarks(marks)
}

// hasSensitive reports whether b declares anything sensitive.
func (b *Block) hasSensitive() bool {
	b.prepare()
	return len(b.secrets) > 0
}
