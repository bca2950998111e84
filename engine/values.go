package engine

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/sealed"
)

// unmark strips v of its marks and returns them with their paths.
func unmark(v cty.Value) (cty.Value, []cty.PathValueMarks) {
	if v == cty.NilVal || !schema.ContainsMarked(v) {
		return v, nil
	}
	return v.UnmarkDeepWithPaths()
}

// paths returns where marks are.
func paths(marks []cty.PathValueMarks) []cty.Path {
	var out []cty.Path
	for _, m := range marks {
		out = append(out, m.Path)
	}
	return out
}

// remark puts marks onto v where their paths still lead somewhere.
func remark(v cty.Value, marks []cty.PathValueMarks) cty.Value {
	if len(marks) == 0 || v.IsNull() || !v.IsKnown() {
		return v
	}
	var kept []cty.PathValueMarks
	for _, m := range marks {
		if at, err := m.Path.Apply(v); err == nil && (!at.IsKnown() || !at.IsNull()) {
			kept = append(kept, m)
		}
	}
	if len(kept) == 0 {
		return v
	}
	return v.MarkWithPaths(kept)
}

// same reports whether two values are equal, marks aside.
func same(a, b cty.Value) bool {
	if a == cty.NilVal || b == cty.NilVal {
		return a == b
	}
	if a.RawEquals(b) { // looking for marks costs more than comparing
		return true
	}
	a, b = plainOf(a), plainOf(b)
	if a.IsNull() && b.IsNull() {
		return true
	}
	return a.RawEquals(b)
}

// resolve fills the unknown parts of planned with what config or actual has there, in that order of preference, and
// the secrets that a plan file left out with what config holds.
func resolve(planned, config cty.Value, secrets []cty.Path) cty.Value {
	if len(secrets) == 0 {
		if t := planned.Type(); t.IsObjectType() && planned.IsKnown() && !planned.IsNull() && config.IsKnown() && !config.IsNull() && config.Type().IsObjectType() {
			return resolveAttributes(planned, config)
		}
		if planned.IsWhollyKnown() {
			return planned
		}
	}
	return resolveAt(planned, config, secrets)
}

// resolveAt rebuilds the whole value.
func resolveAt(planned, config cty.Value, secrets []cty.Path) cty.Value {
	out, err := cty.Transform(planned, func(p cty.Path, v cty.Value) (cty.Value, error) {
		if set := v.Type().IsSetType() && !v.IsWhollyKnown(); v.IsKnown() && !set && !(v.IsNull() && within(p, secrets)) {
			return v, nil // of a set, no path leads to the unknown element: all of it is filled in
		}
		got, err := p.Apply(config)
		if err != nil || got.IsNull() || !got.Type().Equals(v.Type()) && v.Type() != cty.DynamicPseudoType {
			return v, nil
		}
		return got, nil
	})
	if err != nil {
		return planned
	}
	return out
}

// resolveAttributes is resolve for an object, most of whose attributes are known and need no rebuilding.
func resolveAttributes(planned, config cty.Value) cty.Value {
	var attrs map[string]cty.Value
	for name := range planned.Type().AttributeTypes() {
		v := planned.GetAttr(name)
		if v.IsWhollyKnown() {
			continue
		}
		got := cty.NullVal(cty.DynamicPseudoType)
		if config.Type().HasAttribute(name) {
			got = config.GetAttr(name)
		}
		if attrs == nil {
			attrs = planned.AsValueMap()
		}
		attrs[name] = resolveAt(v, got, nil)
	}
	if attrs == nil {
		return planned
	}
	return cty.ObjectVal(attrs)
}

func within(p cty.Path, paths []cty.Path) bool {
	for _, q := range paths {
		if p.HasPrefix(q) {
			return true
		}
	}
	return false
}

// agrees reports the first path at which a value breaks the promise of a plan: a known part of planned that is
// different in actual. Secrets that a plan file left out promise nothing.
func agrees(planned, actual cty.Value, secrets []cty.Path) (cty.Path, bool) {
	if len(secrets) > 0 || !sameAttributes(planned, actual) {
		if len(secrets) == 0 && planned.RawEquals(actual) {
			return nil, true
		}
		return compareKnown(nil, planned, actual, secrets)
	}
	for name := range planned.Type().AttributeTypes() { // most are equal, which is seen without taking them apart
		was, is := planned.GetAttr(name), actual.GetAttr(name)
		if was.RawEquals(is) {
			continue
		}
		if path, ok := compareKnown(cty.GetAttrPath(name), was, is, nil); !ok {
			return path, false
		}
	}
	return nil, true
}

// sameAttributes reports whether two values are objects with the same attributes.
func sameAttributes(a, b cty.Value) bool {
	if !a.IsKnown() || a.IsNull() || !b.IsKnown() || b.IsNull() || a.IsMarked() || b.IsMarked() || !a.Type().IsObjectType() || !b.Type().IsObjectType() {
		return false
	}
	mine, others := a.Type().AttributeTypes(), b.Type().AttributeTypes()
	if len(mine) != len(others) {
		return false
	}
	for name := range mine {
		if _, ok := others[name]; !ok {
			return false
		}
	}
	return true
}

func compareKnown(at cty.Path, planned, actual cty.Value, secrets []cty.Path) (cty.Path, bool) {
	if within(at, secrets) {
		return nil, true
	}
	if !planned.IsKnown() { // what is known of an unknown value is a promise too
		if actual.IsKnown() && planned.Type() != cty.DynamicPseudoType && planned.Range().Includes(actual).RawEquals(cty.False) {
			return at.Copy(), false
		}
		return nil, true
	}
	if planned.IsNull() || !actual.IsKnown() || actual.IsNull() {
		if actual.IsKnown() && planned.IsNull() && actual.IsNull() {
			return nil, true
		}
		return at.Copy(), false
	}
	pt, ac := planned.Type(), actual.Type()
	switch {
	case (pt.IsObjectType() || pt.IsMapType()) && (ac.IsObjectType() || ac.IsMapType()):
		want, got := planned.AsValueMap(), actual.AsValueMap()
		if len(want) != len(got) {
			return at.Copy(), false
		}
		for k, v := range want {
			g, ok := got[k]
			if !ok {
				return append(at.Copy(), cty.GetAttrStep{Name: k}), false
			}
			var step cty.PathStep = cty.GetAttrStep{Name: k}
			if pt.IsMapType() {
				step = cty.IndexStep{Key: cty.StringVal(k)}
			}
			if p, ok := compareKnown(append(at, step), v, g, secrets); !ok {
				return p, false
			}
		}
		return nil, true
	case (pt.IsListType() || pt.IsTupleType()) && (ac.IsListType() || ac.IsTupleType()):
		want, got := planned.AsValueSlice(), actual.AsValueSlice()
		if len(want) != len(got) {
			return at.Copy(), false
		}
		for i := range want {
			if p, ok := compareKnown(append(at, cty.IndexStep{Key: cty.NumberIntVal(int64(i))}), want[i], got[i], secrets); !ok {
				return p, false
			}
		}
		return nil, true
	case pt.IsSetType() && ac.IsSetType() && !planned.IsWhollyKnown():
		return at.Copy(), setAgrees(planned, actual)
	}
	if planned.RawEquals(actual) {
		return nil, true
	}
	return at.Copy(), false
}

// setAgrees reports whether a set can be what a set with unknown elements became: those may turn out equal, so it may
// shrink, but it cannot grow, and the known elements are in it.
func setAgrees(planned, actual cty.Value) bool {
	want, got := planned.AsValueSlice(), actual.AsValueSlice()
	if len(got) > len(want) || len(got) == 0 {
		return false
	}
	for _, w := range want {
		if w.IsWhollyKnown() && !actual.HasElement(w).True() {
			return false
		}
	}
	return true
}

// setAt returns v with the value at path replaced by that of from, removed where from has none there. It serves
// ignore_changes: paths lead through objects and maps.
func setAt(v, from cty.Value, path cty.Path) cty.Value {
	if len(path) == 0 {
		return from
	}
	if v == cty.NilVal || v.IsNull() || !v.IsKnown() || !(v.Type().IsObjectType() || v.Type().IsMapType()) {
		return v
	}
	v, marks := v.Unmark()
	name, ok := stepName(path[0])
	if !ok {
		return v.WithMarks(marks)
	}
	attrs := v.AsValueMap()
	if attrs == nil {
		attrs = map[string]cty.Value{}
	}
	inner := cty.NilVal
	if from != cty.NilVal && !from.IsNull() && from.IsKnown() && (from.Type().IsObjectType() || from.Type().IsMapType()) {
		from, _ = from.Unmark()
		inner = from.AsValueMap()[name]
	}
	switch {
	case len(path) > 1:
		if had, ok := attrs[name]; ok {
			attrs[name] = setAt(had, inner, path[1:])
		}
	case inner != cty.NilVal:
		attrs[name] = inner
	default:
		delete(attrs, name)
	}
	if v.Type().IsMapType() {
		if len(attrs) == 0 {
			return cty.MapValEmpty(v.Type().ElementType()).WithMarks(marks)
		}
		return cty.MapVal(attrs).WithMarks(marks)
	}
	return cty.ObjectVal(attrs).WithMarks(marks)
}

func stepName(s cty.PathStep) (string, bool) {
	switch s := s.(type) {
	case cty.GetAttrStep:
		return s.Name, true
	case cty.IndexStep:
		if s.Key.Type() == cty.String {
			return s.Key.AsString(), true
		}
	}
	return "", false
}

// toPath turns a relative traversal into a path.
func toPath(t hcl.Traversal) cty.Path {
	var p cty.Path
	for _, s := range t {
		switch s := s.(type) {
		case hcl.TraverseRoot:
			p = p.GetAttr(s.Name)
		case hcl.TraverseAttr:
			p = p.GetAttr(s.Name)
		case hcl.TraverseIndex:
			p = p.Index(s.Key)
		}
	}
	return p
}

// conform fits a recorded value to the present schema: attributes that it lacks become null, and those that the
// schema no longer has go away.
func conform(b *schema.Block, v cty.Value) cty.Value {
	if v.IsNull() || !v.Type().IsObjectType() {
		return b.Null()
	}
	want := b.Type().AttributeTypes()
	have := v.Type().AttributeTypes()
	fits := len(want) == len(have)
	for name := range want {
		if _, ok := have[name]; !ok {
			fits = false
		}
	}
	if fits {
		return v
	}
	attrs := v.AsValueMap()
	out := make(map[string]cty.Value, len(want))
	for name, ty := range want {
		if got, ok := attrs[name]; ok {
			out[name] = got
		} else if a := b.Attributes[name]; a != nil && a.Default != cty.NilVal {
			out[name] = a.Default
		} else {
			out[name] = cty.NullVal(ty)
		}
	}
	return cty.ObjectVal(out)
}

// withSecrets fills the secrets of a value that its provider did not read from candidate, where it holds the very
// values of which the record has fingerprints.
func withSecrets(live cty.Value, recorded sealed.Value, candidate cty.Value, key []byte) cty.Value {
	if len(recorded.Secrets) == 0 || live.IsNull() {
		return live
	}
	plain, marks := unmark(live)
	var open []sealed.Secret
	for _, s := range recorded.Secrets {
		if at, err := s.Path.Apply(plain); err == nil && at.IsNull() {
			open = append(open, s)
		}
	}
	out, _ := sealed.Value{Plain: plain, Secrets: open}.Reveal(candidate, key)
	out, more := unmark(out)
	return remark(out, append(marks, more...))
}

// at finds the source range of a path in a resource's block; what cannot be found is its header.
func (r *resource) rangeOf(path cty.Path, ctx *hcl.EvalContext) *hcl.Range {
	if len(path) > 0 {
		if rng, ok := r.schema.Block.RangeOf(r.cfg.Body, path, ctx); ok {
			return &rng
		}
	}
	rng := r.cfg.DeclRange
	return &rng
}

// place completes diagnostics that came from a provider: the position in the configuration and the instance.
func (i *instance) place(ds hcl.Diagnostics) hcl.Diagnostics {
	out := make(hcl.Diagnostics, len(ds))
	for n, d := range ds {
		c := *d
		if c.Subject == nil && i.res != nil && i.res.cfg != nil {
			c.Subject = i.res.rangeOf(diag.PathOf(d), nil)
			rng := i.res.cfg.Range
			c.Context = &rng
		}
		out[n] = diag.For(&c, i.addr.String())
	}
	return out
}

func providerBug(i *instance, format string, args ...any) *hcl.Diagnostic {
	return i.place(hcl.Diagnostics{diag.Errorf(CodeProviderBug, "Provider broke its promise",
		"%s This is a fault of the provider, not of the configuration: please report it.", fmt.Sprintf(format, args...))})[0]
}

// known replaces what is unknown by null: an optional attribute that the provider chose and nobody configured.
func known(v cty.Value) cty.Value {
	if v.IsWhollyKnown() {
		return v
	}
	out, err := cty.Transform(v, func(_ cty.Path, v cty.Value) (cty.Value, error) {
		if !v.IsKnown() {
			return cty.NullVal(v.Type()), nil
		}
		return v, nil
	})
	if err != nil {
		return v
	}
	return out
}

// firstUnknown returns the path of an unknown part of v.
func firstUnknown(v cty.Value) (found cty.Path) {
	_ = cty.Walk(v, func(p cty.Path, v cty.Value) (bool, error) {
		if found == nil && !v.IsKnown() {
			found = p.Copy()
		}
		return found == nil && v.IsKnown(), nil
	})
	return found
}
