package engine

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
)

// CodeExpansion: count, for_each or enabled has a value that cannot say which instances there are.
const CodeExpansion diag.Code = "config.expansion"

// maxInstances bounds one resource: beyond it a configuration is more likely hostile or mistaken than meant.
const maxInstances = 1_000_000

// repetition says which instances a block has. At most one of its expressions is written.
type repetition struct {
	what                    string // the block, for messages
	in                      *module
	count, forEach, enabled hcl.Expression
	refs                    []ref // of the expression
}

// keyed reports whether instances have keys.
func (r *repetition) keyed() bool { return r.count != nil || r.forEach != nil }

// expression returns the name of the argument that is written, and its expression.
func (r *repetition) expression() (string, hcl.Expression) {
	switch {
	case r.count != nil:
		return "count", r.count
	case r.forEach != nil:
		return "for_each", r.forEach
	}
	return "enabled", r.enabled
}

// expand decides which instances a resource has. In the static phase it reports done = false without an error when the
// answer depends on resources.
func (w *world) expand(r *resource, ph phase) (done bool, ds hcl.Diagnostics) {
	if r.expanded {
		return true, nil
	}
	keys, values, done, ds := w.keys(&r.repetition, ph)
	if !done || ds.HasErrors() {
		return false, ds
	}
	if w.sampled && len(keys) > sample {
		keys = keys[:sample]
	}
	r.addInstances(keys, values)
	return true, ds
}

// keys evaluates a repetition: the keys in order and, for for_each, the values. It costs O(instances).
func (w *world) keys(r *repetition, ph phase) (keys []addr.Key, values map[string]cty.Value, done bool, ds hcl.Diagnostics) {
	switch {
	case r.count != nil:
		var n int
		n, done, ds = w.count(r, ph)
		for i := range n {
			keys = append(keys, addr.IntKey(i))
		}
	case r.forEach != nil:
		values, done, ds = w.forEach(r, ph)
		for k := range values {
			keys = append(keys, addr.StringKey(k))
		}
		slices.SortFunc(keys, addr.CompareKey)
	case r.enabled != nil:
		var on bool
		on, done, ds = w.enabled(r, ph)
		if on {
			keys = append(keys, addr.NoKey)
		}
	default:
		keys, done = append(keys, addr.NoKey), true
	}
	return keys, values, done && !ds.HasErrors(), ds
}

func (r *resource) addInstances(keys []addr.Key, values map[string]cty.Value) {
	r.expanded = true
	r.byKey = make(map[addr.Key]*instance, len(keys))
	r.instances = make([]*instance, 0, len(keys))
	r.eachLate = r.forEach != nil && values == nil
	for _, k := range keys {
		i := &instance{addr: r.addr.Instance(k), res: r}
		if s, ok := k.Str(); ok {
			i.each = values[s]
			r.eachLate = r.eachLate || i.each != cty.NilVal && !i.each.IsWhollyKnown()
		}
		r.instances = append(r.instances, i)
		r.byKey[k] = i
	}
}

// unknown explains why a value that decides about instances must be known while planning.
func (r *repetition) unknown(what string, e hcl.Expression) hcl.Diagnostics {
	return hcl.Diagnostics{diag.Error(CodeExpansion, "Instances cannot be known yet", fmt.Sprintf(
		"The value of %s depends on something that is only known after apply, so the plan cannot say which instances of %s there will be. "+
			"Use values that the configuration itself holds, such as names, or apply what it depends on first with --target.", what, r.what), e.Range().Ptr())}
}

func (r *repetition) wrong(what string, e hcl.Expression, format string, args ...any) hcl.Diagnostics {
	return hcl.Diagnostics{diag.Error(CodeExpansion, "Invalid "+what, fmt.Sprintf(format, args...), e.Range().Ptr())}
}

// decide evaluates an expression that decides about instances.
func (w *world) decide(r *repetition, what string, e hcl.Expression, ph phase) (v cty.Value, done bool, ds hcl.Diagnostics) {
	v, ds = e.Value(w.contextFor(r.in, r.refs, ph))
	if ds.HasErrors() {
		return v, false, ds
	}
	switch {
	case v.HasMark(schema.Ephemeral):
		return v, false, append(ds, r.wrong(what, e, "The value of %s is ephemeral, and the instances that it makes are recorded. Use a value that may be stored.", what)...)
	case v.HasMark(schema.Sensitive): // of the keys: values under them have marks of their own
		return v, false, append(ds, r.wrong(what, e, "The value of %s is sensitive, and instance keys are shown in every plan. Use nonsensitive() if the keys themselves are not secret.", what)...)
	}
	v, _ = v.Unmark()
	if !v.IsKnown() {
		if ph == static {
			return v, false, nil
		}
		return v, false, r.unknown(what, e)
	}
	if v.IsNull() {
		return v, false, r.wrong(what, e, "The value of %s is null. It must be known and not null.", what)
	}
	return v, true, ds
}

func (w *world) count(r *repetition, ph phase) (int, bool, hcl.Diagnostics) {
	e := r.count
	v, done, ds := w.decide(r, "count", e, ph)
	if !done {
		return 0, false, ds
	}
	num, err := convert.Convert(v, cty.Number)
	if err != nil {
		return 0, false, r.wrong("count", e, "The value of count must be a whole number: %s.", err)
	}
	f := num.AsBigFloat()
	n, acc := f.Int64()
	if acc != 0 || n < 0 || n > maxInstances {
		return 0, false, r.wrong("count", e, "The value of count must be a whole number from 0 to %d, not %s.", maxInstances, f.Text('f', -1))
	}
	return int(n), true, ds
}

func (w *world) enabled(r *repetition, ph phase) (bool, bool, hcl.Diagnostics) {
	e := r.enabled
	v, done, ds := w.decide(r, "enabled", e, ph)
	if !done {
		return false, false, ds
	}
	on, err := convert.Convert(v, cty.Bool)
	if err != nil {
		return false, false, r.wrong("enabled", e, "The value of enabled must be true or false: %s.", err)
	}
	return on.True(), true, ds
}

func (w *world) forEach(r *repetition, ph phase) (map[string]cty.Value, bool, hcl.Diagnostics) {
	e := r.forEach
	v, done, ds := w.decide(r, "for_each", e, ph)
	if !done {
		return nil, false, ds
	}
	ty := v.Type()
	switch {
	case ty.IsMapType(), ty.IsObjectType():
		out := v.AsValueMap()
		if len(out) > maxInstances {
			return nil, false, r.wrong("for_each", e, "There are more than %d elements.", maxInstances)
		}
		if out == nil {
			out = map[string]cty.Value{}
		}
		return out, true, ds
	case ty.IsSetType():
		out := make(map[string]cty.Value, v.LengthInt())
		for it := v.ElementIterator(); it.Next(); {
			_, el := it.Element()
			switch {
			case !el.IsKnown() && ph == static:
				return nil, false, nil
			case !el.IsKnown():
				return nil, false, r.unknown("for_each", e)
			case el.IsNull() || el.Type() != cty.String:
				return nil, false, r.wrong("for_each", e, "A set for for_each must hold strings that are not null. Use a map, or toset() on a list of strings.")
			}
			out[el.AsString()] = el
		}
		return out, true, ds
	}
	hint := "Use a map or a set of strings."
	if ty.IsTupleType() || ty.IsListType() {
		hint = "Use toset(…) to turn a list of strings into a set: instances need keys that do not move when the list changes."
	}
	return nil, false, r.wrong("for_each", e, "The value of for_each is a %s. %s", ty.FriendlyName(), hint)
}

// evaluateEach gives instances their each.value when it was not known before what it refers to.
func (w *world) evaluateEach(r *resource) hcl.Diagnostics {
	if !r.eachLate {
		return nil
	}
	r.eachOnce.Do(func() {
		values, done, ds := w.forEach(&r.repetition, dynamic)
		if !done {
			r.eachDiags = append(ds, r.unknown("for_each", r.forEach)...)
			return
		}
		for _, i := range r.instances {
			key, _ := i.addr.Key.Str()
			v, ok := values[key]
			if !ok {
				r.eachDiags = r.wrong("for_each", r.forEach, "The key %q was planned and is not in for_each any more. Plan again.", key)
				return
			}
			i.each = v
		}
	})
	return r.eachDiags
}
