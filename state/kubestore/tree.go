package kubestore

import (
	"context"
	"iter"
	"slices"
	"sort"
	"strings"

	"github.com/google/btree"

	"github.com/meshplan/meshplan/state/ledger"
)

// tree is a state in memory: tables, read when they are needed, and the changes to them. It implements ledger.Tx.
type tree struct {
	tables []ref
	parts  []*part // of the tables; nil until they are read
	read   func([]ref) ([]*part, error)
	over   *btree.BTreeG[change] // the newest change of each key: a put or a deletion
	cuts   []string              // prefixes whose keys in the tables are gone
	log    []change              // what has been changed since the tree was made or cloned
}

func newTree(tables []ref, read func([]ref) ([]*part, error)) *tree {
	return &tree{tables: tables, parts: make([]*part, len(tables)), read: read,
		over: btree.NewG(32, func(a, b change) bool { return a.key < b.key })}
}

// clone returns a tree that can be changed without changing t. It costs O(1); both share the tables that they read, so
// one goroutine uses both.
func (t *tree) clone() *tree {
	return &tree{tables: t.tables, parts: t.parts, read: t.read, over: t.over.Clone(), cuts: slices.Clip(t.cuts)}
}

// need reads the tables from first to last, ends included, that have not been read yet.
func (t *tree) need(first, last int) error {
	var missing []ref
	var at []int
	for i := first; i <= last; i++ {
		if t.parts[i] == nil && !t.gone(i) {
			missing, at = append(missing, t.tables[i]), append(at, i)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	got, err := t.read(missing)
	if err != nil {
		return err
	}
	for n, i := range at {
		t.parts[i] = got[n]
	}
	return nil
}

// apply makes a change that has been stored.
func (t *tree) apply(c change) {
	if c.op != opCut {
		t.over.ReplaceOrInsert(c)
		return
	}
	var gone []change
	t.over.AscendGreaterOrEqual(change{key: c.key}, func(e change) bool {
		if !strings.HasPrefix(e.key, c.key) {
			return false
		}
		gone = append(gone, e)
		return true
	})
	for _, e := range gone {
		t.over.Delete(e)
	}
	t.cuts = append(t.cuts, c.key)
}

func (t *tree) change(c change) {
	t.apply(c)
	t.log = append(t.log, c)
}

func (t *tree) cut(key string) bool {
	return slices.ContainsFunc(t.cuts, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
}

// tableOf returns the index of the table in whose range a key lies, or -1.
func (t *tree) tableOf(key string) int {
	if len(t.tables) == 0 {
		return -1
	}
	return max(0, sort.Search(len(t.tables), func(i int) bool { return t.tables[i].First > key })-1)
}

func (t *tree) Get(b ledger.Bucket, key []byte) ([]byte, error) {
	full := fullKey(b, key)
	if c, ok := t.over.Get(change{key: full}); ok {
		if c.op == opDelete {
			return nil, nil
		}
		return c.value, nil
	}
	if t.cut(full) || len(t.tables) == 0 {
		return nil, nil
	}
	n := t.tableOf(full)
	if err := t.need(n, n); err != nil {
		return nil, err
	}
	p := t.parts[n]
	if i := p.find(full); i < len(p.entries) && p.entries[i].key == full {
		return p.entries[i].value, nil
	}
	return nil, nil
}

// gone reports whether the whole range of a table has been cut.
func (t *tree) gone(i int) bool {
	return i+1 < len(t.tables) && slices.ContainsFunc(t.cuts, func(prefix string) bool {
		return strings.HasPrefix(t.tables[i].First, prefix) && strings.HasPrefix(t.tables[i+1].First, prefix)
	})
}

// end returns the first key after all that start with a prefix.
func end(prefix string) string {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return string(b[:i+1])
		}
	}
	return "" // not reached: a key begins with the number of its bucket
}

// under iterates over the entries of the tables from one key up to before another, those that were cut left out.
func (t *tree) under(from, to string) (iter.Seq[*change], error) {
	if len(t.tables) == 0 {
		return func(func(*change) bool) {}, nil
	}
	first, last := t.tableOf(from), t.tableOf(to)
	if last > first && t.tables[last].First >= to {
		last--
	}
	if err := t.need(first, last); err != nil {
		return nil, err
	}
	return func(yield func(*change) bool) {
		for _, p := range t.parts[first : last+1] {
			if p == nil { // gone
				continue
			}
			for n := p.find(from); n < len(p.entries) && p.entries[n].key < to; n++ {
				if e := &p.entries[n]; !t.cut(e.key) && !yield(e) {
					return
				}
			}
		}
	}, nil
}

// merged calls fn for the entries from one key up to before another, until it returns false.
func (t *tree) merged(from, to string, fn func(change) bool) error {
	entries, err := t.under(from, to)
	if err != nil {
		return err
	}
	next, stop := iter.Pull(entries)
	defer stop()
	e, more := next()
	going := true
	t.over.AscendRange(change{key: from}, change{key: to}, func(c change) bool {
		for more && going && e.key < c.key {
			going = fn(*e)
			e, more = next()
		}
		if more && e.key == c.key {
			e, more = next()
		}
		if going && c.op == opPut {
			going = fn(c)
		}
		return going
	})
	for more && going {
		going = fn(*e)
		e, more = next()
	}
	return nil
}

func (t *tree) Scan(b ledger.Bucket, prefix []byte, fn func(k, v []byte) bool) error {
	start := fullKey(b, prefix)
	return t.merged(start, end(start), func(c change) bool { return fn([]byte(c.key[1:]), c.value) })
}

func (t *tree) Last(b ledger.Bucket) (key, value []byte, err error) {
	start := fullKey(b, nil)
	var last *change
	t.over.DescendRange(change{key: end(start)}, change{key: start}, func(c change) bool {
		if c.op == opPut {
			last = &c
		}
		return last == nil
	})
	from := start
	if last != nil {
		from = last.key
	}
	// What the tables have after that is little: the last entry of a bucket is usually new.
	entries, err := t.under(from, end(start))
	if err != nil {
		return nil, nil, err
	}
	for e := range entries {
		if _, changed := t.over.Get(*e); !changed {
			last = e
		}
	}
	if last == nil {
		return nil, nil, nil
	}
	return []byte(last.key[1:]), last.value, nil
}

func (t *tree) Put(b ledger.Bucket, key, value []byte) error {
	t.change(change{op: opPut, key: fullKey(b, key), value: value})
	return nil
}

func (t *tree) Delete(b ledger.Bucket, key []byte) error {
	t.change(change{op: opDelete, key: fullKey(b, key)})
	return nil
}

func (t *tree) DeletePrefix(b ledger.Bucket, prefix []byte) error {
	t.change(change{op: opCut, key: fullKey(b, prefix)})
	return nil
}

// tree returns a tree of tables that are read with c while ctx lasts.
func (s *Store) tree(ctx context.Context, c *client, tables []ref) *tree {
	return newTree(tables, func(refs []ref) ([]*part, error) { return s.read(ctx, c, refs, true) })
}

// load makes a tree of a head: it reads the logs, and tables when they are needed. ctx bounds all of that.
func (s *Store) load(ctx context.Context, c *client, h *head) (*tree, error) {
	logs, err := s.read(ctx, c, h.Logs, false)
	if err != nil {
		return nil, err
	}
	t := s.tree(ctx, c, h.Tables)
	replay := func(raw []byte) error {
		return readChanges(raw, func(c change) error {
			t.apply(c)
			return nil
		})
	}
	for _, p := range logs {
		if err := replay(p.raw); err != nil {
			return nil, err
		}
	}
	return t, replay(h.Tail)
}
