package kube

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
)

// conflictPolicy says what to do when another manager sets a field. The field is written as the server does. The
// longest path of FieldConflicts that leads to it decides, and Conflicts where none does; named tells which.
func (o SetOptions) conflictPolicy(field string) (policy string, named bool) {
	if len(o.FieldConflicts) == 0 {
		return cmp.Or(o.Conflicts, ConflictsError), false
	}
	steps, most := fieldSteps(field), 0
	policy = cmp.Or(o.Conflicts, ConflictsError)
	for _, pattern := range sortedKeys(o.FieldConflicts) {
		if want := fieldSteps(pattern); len(want) > most && leadsTo(want, steps) {
			policy, named, most = o.FieldConflicts[pattern], true, len(want)
		}
	}
	return policy, named
}

// leadsTo reports whether a field is at or below a pattern, in which [*] is any element of a list.
func leadsTo(pattern, field []string) bool {
	if len(field) < len(pattern) {
		return false
	}
	for i, step := range pattern {
		if step != field[i] && (step != "[*]" || field[i][0] != '[') {
			return false
		}
	}
	return true
}

// fieldSteps splits a path of managedFields, whether the server wrote it (.metadata.annotations.a/b,
// .spec.containers[name="app"].image) or a person (metadata.annotations["a/b"], spec.containers[name=app].image): both
// give the same steps. Steps into lists begin with a bracket; quotes are left out.
func fieldSteps(s string) []string {
	var out []string
	for s != "" {
		switch {
		case s[0] == '.':
			s = s[1:]
		case s[0] != '[':
			end := strings.IndexAny(s, ".[")
			if end < 0 {
				end = len(s)
			}
			out, s = append(out, s[:end]), s[end:]
		default:
			end, quoted := 1, false
			for end < len(s) && (quoted || s[end] != ']') {
				if s[end] == '"' && s[end-1] != '\\' {
					quoted = !quoted
				}
				end++
			}
			inner := s[1:end]
			s = s[min(end+1, len(s)):]
			plain := strings.ReplaceAll(inner, `"`, "")
			if strings.HasPrefix(inner, `"`) { // a key of a map, with dots in it
				out = append(out, strings.FieldsFunc(plain, func(r rune) bool { return r == '.' })...)
				continue
			}
			out = append(out, "["+plain+"]")
		}
	}
	return out
}

// FieldConflictsAttribute is the attribute `field_conflicts` of a resource that has more to say about it than the rest: what
// names the object or objects whose fields it means.
func FieldConflictsAttribute(what string) *schema.Attribute {
	return &schema.Attribute{Type: cty.Map(cty.String), Optional: true, Validate: ValidFieldConflicts,
		Description: "The same for single fields of " + what + ", by path, as in `kubernetes_manifest`: `{ \"spec.replicas\" = \"yield\" }` leaves the number of replicas to an autoscaler."}
}

// FieldConflictsOf reads the attribute field_conflicts; nil when it is null or not known.
func FieldConflictsOf(v cty.Value) map[string]string {
	if v.IsNull() || !v.IsWhollyKnown() {
		return nil
	}
	out := map[string]string{}
	for path, policy := range v.AsValueMap() {
		if !policy.IsNull() {
			out[path] = policy.AsString()
		}
	}
	return out
}

// ValidFieldConflicts is CheckFieldConflicts for a value.
func ValidFieldConflicts(v cty.Value) error { return CheckFieldConflicts(FieldConflictsOf(v)) }

// CheckFieldConflicts says what is wrong with a map of paths to policies.
func CheckFieldConflicts(m map[string]string) error {
	for _, path := range sortedKeys(m) {
		if len(fieldSteps(path)) == 0 {
			return fmt.Errorf("%q is no path of a field such as spec.replicas", path)
		}
		if !slices.Contains([]string{ConflictsError, ConflictsForce, ConflictsYield}, m[path]) {
			return fmt.Errorf("%q is none of error, force and yield", m[path])
		}
	}
	return nil
}

// decision is what becomes of a field that somebody else set.
type decision uint8

const (
	refuseField decision = iota + 1
	takeField
	leaveField
)

// decide applies the policy to one conflict. Where the configuration names the field, it has the last word; otherwise
// what a person changed of an object of ours is drift, and goes back.
func (o SetOptions) decide(live *unstructured.Unstructured, f fieldConflict, managed, adopting bool) decision {
	policy, named := o.conflictPolicy(f.Field)
	switch {
	case policy == ConflictsForce, !named && restorable(live, f, managed, adopting), f.Manager == FieldManager && f.Subresource == "":
		return takeField
	case policy == ConflictsYield:
		return leaveField
	}
	return refuseField
}

// others calls do with every field that another manager than ours has set.
func others(live *unstructured.Unstructured, manager string, do func(metav1.ManagedFieldsEntry, fieldpath.Path)) {
	for _, entry := range live.GetManagedFields() {
		if entry.Manager == manager && entry.Subresource == "" && entry.Operation == metav1.ManagedFieldsOperationApply {
			continue
		}
		fieldsOf(&entry).Leaves().Iterate(func(p fieldpath.Path) { do(entry, p) })
	}
}

// keep puts fields into the body that the configuration leaves to others by name and that nobody but us has set so
// far: without them the server would remove their values. They stay as they are until their owner takes them.
func (e *evaluation) keep(body, live *unstructured.Unstructured, o SetOptions) {
	if len(o.FieldConflicts) == 0 {
		return
	}
	theirs := map[string]bool{}
	others(live, managerOf(o), func(_ metav1.ManagedFieldsEntry, p fieldpath.Path) { theirs[p.String()] = true })
	fieldsOf(entryOf(live.GetManagedFields(), managerOf(o))).Leaves().Iterate(func(p fieldpath.Path) {
		field := p.String()
		if policy, named := o.conflictPolicy(field); !named || policy != ConflictsYield || theirs[field] {
			return
		}
		if _, set := resolve(body.Object, p); set {
			return
		}
		now, exists := resolve(live.Object, p)
		if exists && insert(body.Object, p, now) {
			e.plan.Notes = append(e.plan.Notes, fmt.Sprintf("keeps %s (%v) until somebody else sets it", strings.TrimPrefix(field, "."), diag.Scrub(fmt.Sprint(now))))
		}
	})
}

// insert sets a field that a path of managedFields names, making maps on the way to it. Elements of lists are not made:
// one that is gone from the configuration is not wanted.
func insert(object map[string]any, path fieldpath.Path, v any) bool {
	var at any = object
	for i, step := range path {
		next, ok := resolve(at, path[i:i+1])
		m, isMap := at.(map[string]any)
		switch {
		case i == len(path)-1 && isMap && step.FieldName != nil:
			m[*step.FieldName] = v
			return true
		case ok:
		case isMap && step.FieldName != nil && path[i+1].FieldName != nil:
			next = map[string]any{}
			m[*step.FieldName] = next
		default:
			return false
		}
		at = next
	}
	return false
}

// left lists the fields of a desired object that are left to those who have set them to something else.
func (o SetOptions) left(desired map[string]any, live *unstructured.Unstructured, manager string) []string {
	if o.Conflicts != ConflictsYield && len(o.FieldConflicts) == 0 {
		return nil
	}
	var out []string
	others(live, manager, func(entry metav1.ManagedFieldsEntry, p fieldpath.Path) {
		f := fieldConflict{Field: p.String(), Manager: entry.Manager, Subresource: entry.Subresource}
		want, set := resolve(desired, p)
		if now, exists := resolve(live.Object, p); !set || !exists || equal(want, now) {
			return
		}
		if o.decide(live, f, true, false) == leaveField {
			out = append(out, f.Field)
		}
	})
	slices.Sort(out)
	return slices.Compact(out)
}
