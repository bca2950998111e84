package kubestore

import (
	"slices"
	"strings"
)

// fold turns everything into tables. Tables in whose range nothing has changed stay as they are; those whose range has
// been cut as a whole are not even read.
func (k *committer) fold(h *head, next *tree) error {
	var out []ref
	flush := func(from, to string) error { // writes the entries of a range anew
		var entries []change
		err := next.merged(from, to, func(c change) bool {
			entries = append(entries, c)
			return true
		})
		if err != nil {
			return err
		}
		refs, err := k.store.write(k.ctx, k.client, entries, true)
		out = append(out, refs...)
		return err
	}
	dirty := "" // where the range begins that is to be written anew
	open := len(next.tables) == 0
	for i, r := range next.tables {
		from, to := r.First, last
		if i == 0 {
			from = ""
		}
		if i+1 < len(next.tables) {
			to = next.tables[i+1].First
		}
		if next.touched(from, to) {
			if !open {
				dirty, open = from, true
			}
			continue
		}
		if open {
			if err := flush(dirty, from); err != nil {
				return err
			}
			open = false
		}
		out = append(out, r)
	}
	if open {
		if err := flush(dirty, last); err != nil {
			return err
		}
	}
	h.Tables, h.Logs, h.Tail = out, nil, nil
	folded := newTree(out, next.read)
	*next = *folded
	return nil
}

// last is after every key: a key begins with the number of its bucket.
const last = "\xff"

// touched reports whether anything from one key up to before another has changed.
func (t *tree) touched(from, to string) bool {
	found := false
	t.over.AscendRange(change{key: from}, change{key: to}, func(change) bool {
		found = true
		return false
	})
	return found || slices.ContainsFunc(t.cuts, func(prefix string) bool {
		return prefix < to && (prefix >= from || strings.HasPrefix(from, prefix))
	})
}
