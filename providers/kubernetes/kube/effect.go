package kube

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// effect compares a live object with what it would be, at the fields that we own before or after. Everything else is
// the server's or other people's business.
func effect(live, dry *unstructured.Unstructured, manager string) (changes []string, ownership bool) {
	before, after := fieldsOf(entryOf(live.GetManagedFields(), manager)), fieldsOf(entryOf(dry.GetManagedFields(), manager))
	before.Union(after).Leaves().Iterate(func(p fieldpath.Path) {
		was, had := resolve(live.Object, p)
		is, has := resolve(dry.Object, p)
		if had == has && equal(was, is) {
			return
		}
		if text := fieldText(p); text == markPaths[0] || text == markPaths[1] {
			ownership = true
		} else {
			changes = append(changes, text)
		}
	})
	slices.Sort(changes)
	return changes, ownership || !before.Equals(after)
}

// markPaths are the fields of our marks: they are ownership, not changes.
var markPaths = [...]string{
	fieldText(fieldpath.MakePathOrDie("metadata", "labels", LabelState)),
	fieldText(fieldpath.MakePathOrDie("metadata", "annotations", AnnotationOwner)),
}

// fieldText writes a path of managedFields as people read it.
func fieldText(p fieldpath.Path) string {
	var b strings.Builder
	for _, step := range p {
		switch {
		case step.FieldName != nil:
			b.WriteString(strings.TrimPrefix(Path{*step.FieldName}.String(), ""))
			b.WriteByte('.')
		default:
			text := strings.TrimSuffix(b.String(), ".")
			b.Reset()
			b.WriteString(text + step.String() + ".")
		}
	}
	return strings.TrimSuffix(b.String(), ".")
}

// digestOfEffect is what the reader of a plan approves: the fields that change, from what and to what.
func digestOfEffect(key []byte, live, dry *unstructured.Unstructured, manager string, changes []string) string {
	before, after := map[string]any{}, map[string]any{}
	ours := fieldsOf(entryOf(live.GetManagedFields(), manager)).Union(fieldsOf(entryOf(dry.GetManagedFields(), manager)))
	ours.Leaves().Iterate(func(p fieldpath.Path) {
		text := fieldText(p)
		if _, ok := slices.BinarySearch(changes, text); ok {
			before[text], _ = resolve(live.Object, p)
			after[text], _ = resolve(dry.Object, p)
		}
	})
	return Digest(key, []any{changes, before, after})
}

// soleOwned returns the fields that go away because nobody but us owned them, with what becomes of their values.
func soleOwned(live, dry *unstructured.Unstructured, manager string, changes []string) []string {
	var out []string
	before := fieldsOf(entryOf(live.GetManagedFields(), manager))
	before.Difference(fieldsOf(entryOf(dry.GetManagedFields(), manager))).Leaves().Iterate(func(p fieldpath.Path) {
		text := fieldText(p)
		if _, ok := slices.BinarySearch(changes, text); !ok || !strings.HasPrefix(text, "spec.") {
			return
		}
		was, _ := resolve(live.Object, p)
		if is, has := resolve(dry.Object, p); has && scalar(was) && scalar(is) {
			text += fmt.Sprintf(" (%v → %v)", was, is)
		}
		out = append(out, text)
	})
	slices.Sort(out)
	return out
}

func scalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}
