// Package sealed takes secrets out of values before they are stored: a sealed value holds null where something sensitive
// was, and a keyed fingerprint that is enough to see later whether it is still the same.
//
// The central idea: nobody who stores or shows values can forget to redact, because what they are given cannot hold
// a secret. State records, journals and saved plans hold sealed values only. Ephemeral values leave no fingerprint.
package sealed

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
)

// Value is a value without its secrets. The zero Value is a null of any type.
type Value struct {
	Plain   cty.Value // free of marks; null where a secret was
	Secrets []Secret  // in order of path
}

// Secret is the place of one secret and its fingerprint, empty when the secret was unknown or ephemeral.
type Secret struct {
	Path cty.Path
	Sum  []byte
}

// Seal takes the secrets out of v. The key keys the fingerprints (HMAC-SHA-256); without a key nothing is
// fingerprinted. It costs O(size of v).
func Seal(v cty.Value, key []byte) Value {
	if v == cty.NilVal {
		return Value{}
	}
	if !schema.ContainsMarked(v) {
		return Value{Plain: v}
	}
	plain, marks := v.UnmarkDeepWithPaths()
	var out Value
	for _, m := range marks {
		_, ephemeral := m.Marks[schema.Ephemeral]
		_, secret := m.Marks[schema.Sensitive]
		if !ephemeral && !secret {
			continue
		}
		s := Secret{Path: m.Path.Copy()}
		if at, err := m.Path.Apply(plain); err == nil && !ephemeral && at.IsWhollyKnown() {
			s.Sum = fingerprint(at, key)
		}
		out.Secrets = append(out.Secrets, s)
	}
	slices.SortFunc(out.Secrets, func(a, b Secret) int { return strings.Compare(diag.PathString(a.Path), diag.PathString(b.Path)) })
	out.Secrets = outermost(out.Secrets)
	out.Plain = replaceAll(plain, out.Secrets, func(_ Secret, old cty.Value) cty.Value {
		if !old.IsKnown() {
			return cty.UnknownVal(old.Type())
		}
		return cty.NullVal(old.Type())
	})
	return out
}

// outermost drops secrets inside other secrets: the outer one covers them. s is sorted, so an outer path comes first.
func outermost(s []Secret) []Secret {
	var out []Secret
	for _, x := range s {
		if n := len(out); n > 0 && x.Path.HasPrefix(out[n-1].Path) {
			continue
		}
		out = append(out, x)
	}
	return out
}

// IsNull reports whether there is no value at all: neither one to see nor a secret.
func (v Value) IsNull() bool {
	return v.Plain == cty.NilVal || v.Plain.IsNull() && len(v.Secrets) == 0
}

// Reveal returns v with each secret filled in from candidate, marked sensitive, where candidate holds the very value
// whose fingerprint was taken. Other secrets stay null and their paths are returned.
func (v Value) Reveal(candidate cty.Value, key []byte) (out cty.Value, missing []cty.Path) {
	if v.Plain == cty.NilVal {
		return cty.NullVal(cty.DynamicPseudoType), nil
	}
	if len(v.Secrets) == 0 {
		return v.Plain, nil
	}
	if candidate != cty.NilVal {
		candidate, _ = candidate.UnmarkDeep()
	}
	out = replaceAll(v.Plain, v.Secrets, func(s Secret, old cty.Value) cty.Value {
		if candidate != cty.NilVal {
			if got, err := s.Path.Apply(candidate); err == nil && got.IsWhollyKnown() && hmac.Equal(s.Sum, fingerprint(got, key)) && len(s.Sum) > 0 {
				return got.Mark(schema.Sensitive)
			}
		}
		missing = append(missing, s.Path)
		return old
	})
	return out, missing
}

// Same reports whether v and o hold the same value, secrets compared by fingerprint. A secret without fingerprint equals
// nothing.
func (v Value) Same(o Value) bool {
	if v.IsNull() || o.IsNull() {
		return v.IsNull() && o.IsNull()
	}
	if len(v.Secrets) != len(o.Secrets) || !v.Plain.RawEquals(o.Plain) {
		return false
	}
	for i, s := range v.Secrets {
		if len(s.Sum) == 0 || !hmac.Equal(s.Sum, o.Secrets[i].Sum) || !s.Path.Equals(o.Secrets[i].Path) {
			return false
		}
	}
	return true
}

// IsSecret reports whether the value at path, or one that it lies in, was taken out.
func (v Value) IsSecret(path cty.Path) bool {
	for _, s := range v.Secrets {
		if path.HasPrefix(s.Path) {
			return true
		}
	}
	return false
}

func fingerprint(v cty.Value, key []byte) []byte {
	if len(key) == 0 || v.IsNull() {
		return nil
	}
	raw, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		return nil
	}
	h := hmac.New(sha256.New, key)
	h.Write(raw)
	return h.Sum(nil)
}

// replaceAll rebuilds v with the value at each path replaced.
func replaceAll(v cty.Value, secrets []Secret, replace func(Secret, cty.Value) cty.Value) cty.Value {
	return substitute(v, 0, secrets, replace)
}

// substitute descends only where secrets are: all of secrets share the first depth steps of their paths with v.
func substitute(v cty.Value, depth int, secrets []Secret, replace func(Secret, cty.Value) cty.Value) cty.Value {
	if len(secrets) == 0 || len(secrets[0].Path) == depth {
		if len(secrets) > 0 {
			return replace(secrets[0], v)
		}
		return v
	}
	if v.IsNull() || !v.IsKnown() {
		return v
	}
	under := func(step cty.PathStep) (out []Secret) {
		for _, s := range secrets {
			if stepEqual(s.Path[depth], step) {
				out = append(out, s)
			}
		}
		return out
	}
	ty := v.Type()
	switch {
	case ty.IsObjectType():
		m := v.AsValueMap()
		for k, e := range m {
			m[k] = substitute(e, depth+1, under(cty.GetAttrStep{Name: k}), replace)
		}
		return cty.ObjectVal(m)
	case ty.IsMapType():
		m := v.AsValueMap()
		for k, e := range m {
			m[k] = substitute(e, depth+1, under(cty.IndexStep{Key: cty.StringVal(k)}), replace)
		}
		if len(m) == 0 {
			return v
		}
		return cty.MapVal(m)
	case ty.IsListType(), ty.IsTupleType():
		s := v.AsValueSlice()
		for i, e := range s {
			s[i] = substitute(e, depth+1, under(cty.IndexStep{Key: cty.NumberIntVal(int64(i))}), replace)
		}
		if len(s) == 0 {
			return v
		}
		if ty.IsTupleType() {
			return cty.TupleVal(s)
		}
		return cty.ListVal(s)
	}
	return v
}

func stepEqual(a, b cty.PathStep) bool { return cty.Path{a}.Equals(cty.Path{b}) }

// WithoutEphemeral returns v with null in the place of what is ephemeral: that is kept nowhere, not even encrypted.
func WithoutEphemeral(v cty.Value) cty.Value {
	out, err := cty.Transform(v, func(_ cty.Path, e cty.Value) (cty.Value, error) {
		if e.HasMark(schema.Ephemeral) {
			return cty.NullVal(e.Type()), nil
		}
		return e, nil
	})
	if err != nil { // the function returns none
		return v
	}
	return out
}
