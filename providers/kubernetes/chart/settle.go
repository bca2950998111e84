package chart

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
)

// settle returns what the `objects` attribute is after apply: as planned, unknown parts filled in. It fails when the
// rendering is not what was planned.
func settle(planned cty.Value, objects []object) (cty.Value, *hcl.Diagnostic) {
	out := make(map[string]cty.Value, len(objects))
	if planned == cty.NilVal || !planned.IsKnown() {
		for i := range objects {
			out[objects[i].key] = objects[i].value()
		}
		return objectsValue(out), nil
	}
	want := recordedObjects(planned)
	var wrong []string
	for i := range objects {
		o := &objects[i]
		w, ok := want[o.key]
		now := o.value()
		if !ok || !conforms(w, now) {
			wrong = append(wrong, o.key)
			continue
		}
		out[o.key] = withheld(w, now)
		delete(want, o.key)
	}
	wrong = append(wrong, sortedKeys(want)...)
	if len(wrong) == 0 {
		return objectsValue(out), nil
	}
	slices.Sort(wrong)
	wrong = slices.Compact(wrong)
	return cty.NilVal, diag.Errorf(CodeOutdated, "Chart renders something else than planned",
		"Now that all values are known, these objects differ from the plan: %s. Nothing was written. Plan again.", strings.Join(wrong[:min(len(wrong), 5)], ", "))
}

// withheld returns a rendered value without the secrets that the planned one lacks: they were withheld from a record
// that stands for the same object.
func withheld(planned, now cty.Value) cty.Value {
	plain, marks := now.Unmark()
	switch {
	case !planned.IsKnown() || plain.IsNull():
		return now
	case planned.IsNull():
		return planned
	case plain.Type().IsObjectType() && planned.Type().IsObjectType():
		out, was := plain.AsValueMap(), planned.AsValueMap()
		for k, v := range out {
			out[k] = withheld(was[k], v)
		}
		return objectsValue(out).WithMarks(marks)
	case plain.Type().IsTupleType() && planned.Type().IsTupleType():
		out, was := plain.AsValueSlice(), planned.AsValueSlice()
		for i, v := range out {
			out[i] = withheld(was[i], v)
		}
		return cty.TupleVal(out).WithMarks(marks)
	}
	return now
}

// conforms reports whether a rendered value is one that was planned: unknowns stand for anything, and a null for what is
// secret, because records leave it out.
func conforms(planned, now cty.Value) bool {
	now, nowMarks := now.Unmark()
	planned, _ = planned.Unmark()
	switch {
	case !planned.IsKnown():
		return true
	case planned.IsNull():
		return now.IsNull() || len(nowMarks) > 0
	case now.IsNull():
		return false
	case planned.Type().IsObjectType() && now.Type().IsObjectType():
		a, b := planned.AsValueMap(), now.AsValueMap()
		if len(a) != len(b) {
			return false
		}
		for k, v := range a {
			other, ok := b[k]
			if !ok || !conforms(v, other) {
				return false
			}
		}
		return true
	case planned.Type().IsTupleType() && now.Type().IsTupleType():
		a, b := planned.AsValueSlice(), now.AsValueSlice()
		if len(a) != len(b) {
			return false
		}
		for i := range a {
			if !conforms(a[i], b[i]) {
				return false
			}
		}
		return true
	}
	return planned.RawEquals(now)
}
