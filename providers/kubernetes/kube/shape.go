package kube

import (
	"encoding/json"
	"math/big"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// difference is one field at which a live object is not as wanted.
type difference struct {
	path   Path
	want   any
	live   any
	exists bool // in the live object
}

// differences compares a live object with what is wanted, only where something is wanted. Lists are matched by the
// keys that fields shows; without them, lists of named elements are matched by name and others are compared as a
// whole. It costs O(size of want × length of the lists in it).
func differences(want, live any, fields *fieldpath.Set) []difference {
	var out []difference
	walkShape(want, live, true, fields, nil, &out)
	return out
}

// differencesFrom is differences for a live object, whose managedFields are read only when something differs: reading
// them costs more than everything else.
func differencesFrom(want, live map[string]any, entries []metav1.ManagedFieldsEntry) []difference {
	if holds(live, want) {
		return nil
	}
	return differences(want, live, allFields(entries))
}

// holds reports whether a live object has all of want and nothing beside it in any map or list that could be owned as a
// whole. Labels and annotations never are.
func holds(live, want map[string]any) bool {
	for k, w := range want {
		l, ok := live[k]
		if !ok {
			return false
		}
		if k != "metadata" {
			if !equal(w, l) {
				return false
			}
			continue
		}
		for name, field := range asMap(w) {
			is, ok := asMap(l)[name]
			if !ok {
				return false
			}
			if members := asMap(field); members != nil && (name == "labels" || name == "annotations") {
				for key, value := range members {
					if is, ok := asMap(is)[key]; !ok || !equal(value, is) {
						return false
					}
				}
			} else if !equal(field, is) {
				return false
			}
		}
	}
	return true
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func walkShape(want, live any, exists bool, fields *fieldpath.Set, path Path, out *[]difference) {
	if !exists {
		*out = append(*out, difference{path: path, want: want})
		return
	}
	switch w := want.(type) {
	case map[string]any:
		l, ok := live.(map[string]any)
		if !ok {
			break
		}
		for _, k := range sortedKeys(w) {
			pe := fieldpath.FieldNameElement(k)
			e, has := l[k]
			below := fields.WithPrefix(pe)
			if inner, isMap := w[k].(map[string]any); isMap && has && len(inner) > 0 && below.Empty() && fields.Members.Has(pe) {
				if !equal(w[k], e) { // a map that is owned as a whole
					*out = append(*out, difference{path.child(k), w[k], e, true})
				}
				continue
			}
			walkShape(w[k], e, has, below, path.child(k), out)
		}
		return
	case []any:
		l, ok := live.([]any)
		if !ok {
			break
		}
		if walkList(w, l, fields, path, out) {
			return
		}
	}
	if !equal(want, live) {
		*out = append(*out, difference{path, want, live, true})
	}
}

// walkList compares lists whose elements have identities, and reports false for those that must be compared as a whole.
func walkList(want, live []any, fields *fieldpath.Set, path Path, out *[]difference) bool {
	var keys []fieldpath.PathElement
	sets, names := false, map[string]bool{}
	note := func(pe fieldpath.PathElement) {
		switch {
		case pe.Key != nil:
			keys = append(keys, pe)
			for _, f := range *pe.Key {
				names[f.Name] = true
			}
		case pe.Value != nil:
			sets = true
		}
	}
	fields.Members.Iterate(note)
	fields.Children.Iterate(note)
	if sets {
		for i, w := range want {
			found := false
			for _, l := range live {
				found = found || equal(w, l)
			}
			if !found {
				*out = append(*out, difference{path: path.child(i), want: w})
			}
		}
		return true
	}
	if len(names) == 0 {
		if !allNamed(want) || !allNamed(live) {
			return false
		}
		names["name"] = true
	}
	for i, w := range want {
		at := matchElement(w, live, names)
		if at < 0 {
			*out = append(*out, difference{path: path.child(i), want: w})
			continue
		}
		below := &fieldpath.Set{}
		for _, pe := range keys {
			if indexByKey(live[at:at+1], *pe.Key) == 0 {
				below = below.Union(fields.WithPrefix(pe))
			}
		}
		walkShape(w, live[at], true, below, path.child(i), out)
	}
	return true
}

// matchElement finds the element that agrees in all key fields that the wanted one names.
func matchElement(want any, live []any, names map[string]bool) int {
	w, ok := want.(map[string]any)
	if !ok {
		return -1
	}
	for i, e := range live {
		m, ok := e.(map[string]any)
		if !ok {
			continue
		}
		match := true
		for name := range names {
			if v, ok := w[name]; ok && !equal(v, m[name]) {
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

// allNamed reports whether every element is a map with a name of its own.
func allNamed(list []any) bool {
	seen := map[string]bool{}
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			return false
		}
		name, ok := m["name"].(string)
		if !ok || seen[name] {
			return false
		}
		seen[name] = true
	}
	return len(list) > 0
}

// equal compares values in JSON terms; numbers by value, whatever their Go type.
func equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			w, ok := b[k]
			if !ok || !equal(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case string, bool, nil:
		return a == b
	}
	x, y := number(a), number(b)
	return x != nil && y != nil && x.Cmp(y) == 0
}

// number returns the exact value of a number in JSON terms, or nil for anything else.
func number(v any) *big.Float {
	switch v := v.(type) {
	case int64:
		return new(big.Float).SetInt64(v)
	case int:
		return new(big.Float).SetInt64(int64(v))
	case uint64:
		return new(big.Float).SetUint64(v)
	case float64:
		return big.NewFloat(v)
	case json.Number:
		if f, _, err := big.ParseFloat(string(v), 10, 512, big.ToNearestEven); err == nil {
			return f
		}
	}
	return nil
}
