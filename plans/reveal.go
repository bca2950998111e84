package plans

import (
	"crypto/hmac"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/sealed"
)

// storedValue is a value as a plan file holds it: without its secrets, but with their fingerprints. It stays with a plan
// that was read, because the exported value cannot tell "no secret" from "a secret that the file does not hold".
type storedValue struct {
	sealed.Value
	key       []byte
	ephemeral bool // it was given and must be given again, and nothing is known of it
}

// plain returns the value with null where secrets were, or NilVal when there was no value.
func (s *storedValue) plain() cty.Value {
	if s == nil {
		return cty.NilVal
	}
	return s.Plain
}

// secrets returns the paths of what is missing in plain.
func (s *storedValue) secrets() []cty.Path {
	if s == nil {
		return nil
	}
	var out []cty.Path
	for _, x := range s.Secrets {
		out = append(out, x.Path)
	}
	return out
}

// replaced returns the paths of secrets that after does not hold at the same place, as the fingerprints tell.
func (s *storedValue) replaced(after *storedValue) (out []cty.Path) {
	if s == nil {
		return nil
	}
	sums := map[string][]byte{}
	if after != nil {
		for _, x := range after.Secrets {
			sums[diag.PathString(x.Path)] = x.Sum
		}
	}
	for _, x := range s.Secrets {
		if sum := sums[diag.PathString(x.Path)]; len(sum) == 0 || !hmac.Equal(x.Sum, sum) {
			out = append(out, x.Path)
		}
	}
	return out
}

// RevealBefore returns Before with each secret that a plan file does not hold taken from candidate, marked sensitive,
// where candidate has the very value that the plan was made with. Other secrets stay null and their paths are
// returned. A plan that was not read from a file has all its secrets.
func (c *Change) RevealBefore(candidate cty.Value) (cty.Value, []cty.Path) {
	return reveal(c.Before, c.before, candidate)
}

// RevealAfter is RevealBefore for After. The candidate is the value that the configuration gives when the plan is
// applied.
func (c *Change) RevealAfter(candidate cty.Value) (cty.Value, []cty.Path) {
	return reveal(c.After, c.after, candidate)
}

func reveal(v cty.Value, stored *storedValue, candidate cty.Value) (cty.Value, []cty.Path) {
	if stored == nil {
		return v, nil
	}
	return stored.Reveal(candidate, stored.key)
}

// Matches reports whether value is the one that the plan was made with, whatever marks it bears. A sensitive one is
// compared by its fingerprint; every value matches an ephemeral variable, of which nothing is kept.
func (v *Variable) Matches(value cty.Value) bool {
	if value == cty.NilVal {
		return v.Value == cty.NilVal
	}
	value, _ = value.UnmarkDeep()
	if v.stored == nil {
		if v.Value == cty.NilVal || schema.IsEphemeral(v.Value) {
			return v.Value != cty.NilVal
		}
		planned, _ := v.Value.UnmarkDeep()
		return planned.RawEquals(value)
	}
	if v.stored.ephemeral {
		return true
	}
	planned, missing := v.stored.Reveal(value, v.stored.key)
	for _, s := range v.stored.Secrets {
		if len(s.Sum) > 0 && slices.ContainsFunc(missing, s.Path.Equals) {
			return false
		}
	}
	planned, _ = planned.UnmarkDeep()
	return planned.RawEquals(value) // secrets without a fingerprint were null
}
