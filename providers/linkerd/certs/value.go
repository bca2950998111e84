package certs

import (
	"maps"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// texts returns the strings of a list attribute; known reports whether all of them are known.
func texts(v cty.Value, name string) (out []string, known bool) {
	a := v.GetAttr(name)
	if !a.IsWhollyKnown() {
		return nil, false
	}
	if a.IsNull() {
		return nil, true
	}
	for _, e := range a.AsValueSlice() {
		if !e.IsNull() {
			out = append(out, e.AsString())
		}
	}
	return out, true
}

// stringList returns a list of strings, empty rather than null.
func stringList(s []string) cty.Value {
	if len(s) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	out := make([]cty.Value, len(s))
	for i, e := range s {
		out[i] = cty.StringVal(e)
	}
	return cty.ListVal(out)
}

// with returns an object in which some attributes are replaced.
func with(v cty.Value, attrs map[string]cty.Value) cty.Value {
	m := v.AsValueMap()
	maps.Copy(m, attrs)
	return cty.ObjectVal(m)
}

// unknown returns an object in which the named attributes are unknown.
func unknown(v cty.Value, names ...string) cty.Value {
	m := v.AsValueMap()
	for _, n := range names {
		m[n] = cty.UnknownVal(m[n].Type())
	}
	return cty.ObjectVal(m)
}

// orDefault returns v, or a known string when v is null or an unknown that nobody but the provider would fill in.
func orDefault(config cty.Value, name, value string) cty.Value {
	if a := config.GetAttr(name); !a.IsNull() {
		return a
	}
	return cty.StringVal(value)
}

func timestamp(t time.Time) cty.Value { return cty.StringVal(t.UTC().Format(time.RFC3339)) }
