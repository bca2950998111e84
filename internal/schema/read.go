package schema

import "github.com/zclconf/go-cty/cty"

// Providers read decoded attributes by these: what is null or not known yet counts as absent. Values must be unmarked.

// Text returns a string, or "" when it is absent.
func Text(v cty.Value) string {
	if v.IsNull() || !v.IsKnown() {
		return ""
	}
	return v.AsString()
}

// Texts returns the strings of a collection, or nil when it is absent. An element that is absent is "".
func Texts(v cty.Value) []string {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	out := make([]string, 0, v.LengthInt())
	for _, e := range v.AsValueSlice() {
		out = append(out, Text(e))
	}
	return out
}

// True reports whether a boolean is present and true.
func True(v cty.Value) bool { return !v.IsNull() && v.IsKnown() && v.True() }
