package schema

import "github.com/zclconf/go-cty/cty"

// Critical says that others stand on the objects of a type: deleting or replacing one takes more than a "yes" that is
// typed by habit.
type Critical struct {
	// Why says what is lost with the object, in words that go on from its address and a colon.
	Why string
	// When narrows it down to some objects by their recorded value, which is unmarked, may be null and may hold unknowns;
	// nil means all of them. Which describes them in documentation, in words that go on from the name of the type.
	When  func(recorded cty.Value) bool
	Which string
}

// Takes says what is lost with an object of the type, or "" when nobody stands on it.
func (r *Resource) Takes(recorded cty.Value) string {
	if r == nil || r.Critical == nil {
		return ""
	}
	if when := r.Critical.When; when != nil {
		if recorded == cty.NilVal {
			return ""
		}
		if recorded, _ = recorded.UnmarkDeep(); !when(recorded) {
			return ""
		}
	}
	return r.Critical.Why
}
