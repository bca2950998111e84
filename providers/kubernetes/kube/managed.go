package kube

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// entryOf returns the entry of managedFields that an apply as manager writes, or nil.
func entryOf(entries []metav1.ManagedFieldsEntry, manager string) *metav1.ManagedFieldsEntry {
	for i := range entries {
		e := &entries[i]
		if e.Manager == manager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" {
			return e
		}
	}
	return nil
}

// entryDigest is the digest of our entry: it changes when we apply something else and when anybody changes the value
// of a field of ours, and at no other time, but for one gap: times of entries are whole seconds, so that two applies of ours
// with the same fields within one second have one digest. It is empty without an entry.
func entryDigest(entries []metav1.ManagedFieldsEntry, manager string) string {
	e := entryOf(entries, manager)
	if e == nil || e.FieldsV1 == nil {
		return ""
	}
	h := sha256.New()
	at := int64(0)
	if e.Time != nil {
		at = e.Time.Unix()
	}
	fmt.Fprintf(h, "%s\n%d\n", e.APIVersion, at)
	h.Write(e.FieldsV1.GetRawBytes())
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// fieldsOf decodes the fields of an entry; none for nil or what cannot be read.
func fieldsOf(e *metav1.ManagedFieldsEntry) *fieldpath.Set {
	set := &fieldpath.Set{}
	if e == nil || e.FieldsV1 == nil {
		return set
	}
	if err := set.FromJSON(bytes.NewReader(e.FieldsV1.GetRawBytes())); err != nil {
		return &fieldpath.Set{}
	}
	return set
}

// ManagersOf names the field managers of an object, in the order of their entries, that own the field at a path of names.
func ManagersOf(entries []metav1.ManagedFieldsEntry, path ...string) (out []string) {
	field := make(fieldpath.Path, len(path))
	for i := range path {
		field[i] = fieldpath.PathElement{FieldName: &path[i]}
	}
	for i := range entries {
		if e := &entries[i]; e.Subresource == "" && fieldsOf(e).Has(field) && !slices.Contains(out, e.Manager) {
			out = append(out, e.Manager)
		}
	}
	return out
}

// allFields is the union of what all managers own. It shows which lists are keyed and which maps are atomic without any
// schema.
func allFields(entries []metav1.ManagedFieldsEntry) *fieldpath.Set {
	all := &fieldpath.Set{}
	for i := range entries {
		all = all.Union(fieldsOf(&entries[i]))
	}
	return all
}

// resolve follows a path of managedFields through an object.
func resolve(v any, path fieldpath.Path) (any, bool) {
	for _, step := range path {
		switch {
		case step.FieldName != nil:
			m, ok := v.(map[string]any)
			if !ok {
				return nil, false
			}
			if v, ok = m[*step.FieldName]; !ok {
				return nil, false
			}
		case step.Key != nil:
			l, _ := v.([]any)
			i := indexByKey(l, *step.Key)
			if i < 0 {
				return nil, false
			}
			v = l[i]
		case step.Value != nil:
			l, _ := v.([]any)
			found := false
			for _, e := range l {
				if found = equal(e, (*step.Value).Unstructured()); found {
					v = e
					break
				}
			}
			if !found {
				return nil, false
			}
		case step.Index != nil:
			l, _ := v.([]any)
			if *step.Index < 0 || *step.Index >= len(l) {
				return nil, false
			}
			v = l[*step.Index]
		}
	}
	return v, true
}

// indexByKey finds the element of a keyed list, or -1. A key field that the element lacks matches: the server has
// defaulted it.
func indexByKey(list []any, key value.FieldList) int {
	for i, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			continue
		}
		match := true
		for _, f := range key {
			if got, ok := m[f.Name]; ok && !equal(got, f.Value.Unstructured()) {
				match = false
				break
			}
		}
		if match {
			return i
		}
	}
	return -1
}

// remove deletes the field that a path of managedFields names, and reports whether it was there.
func remove(v any, path fieldpath.Path) (any, bool) {
	if len(path) == 0 {
		return nil, true
	}
	parent, ok := resolve(v, path[:len(path)-1])
	if !ok {
		return v, false
	}
	last := path[len(path)-1]
	switch p := parent.(type) {
	case map[string]any:
		if last.FieldName == nil {
			return v, false
		}
		_, had := p[*last.FieldName]
		delete(p, *last.FieldName)
		return v, had
	case []any:
		at := -1
		switch {
		case last.Key != nil:
			at = indexByKey(p, *last.Key)
		case last.Value != nil:
			for i, e := range p {
				if equal(e, (*last.Value).Unstructured()) {
					at = i
				}
			}
		}
		if at < 0 {
			return v, false
		}
		shorter := append(append([]any{}, p[:at]...), p[at+1:]...)
		return replaceAt(v, path[:len(path)-1], shorter), true
	}
	return v, false
}

// replaceAt puts a value where a path leads and returns the root.
func replaceAt(v any, path fieldpath.Path, with any) any {
	if len(path) == 0 {
		return with
	}
	parent, ok := resolve(v, path[:len(path)-1])
	if !ok {
		return v
	}
	last := path[len(path)-1]
	switch p := parent.(type) {
	case map[string]any:
		if last.FieldName != nil {
			p[*last.FieldName] = with
		}
	case []any:
		if last.Key != nil {
			if i := indexByKey(p, *last.Key); i >= 0 {
				p[i] = with
			}
		}
	}
	return v
}
