package render

import (
	"crypto/sha256"
	"encoding/json"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/meshplan/meshplan/plans"
)

type kind uint8

const (
	null    kind = iota // absent; what a nil *node is as well
	unknown             // known after apply
	secret              // sensitive or ephemeral
	text
	number
	boolean
	object // and maps
	list   // tuples and sets
	pem    // text that consists of certificates; kids describe them
	raw    // a description that is shown as it is
)

// node is a value without its secrets.
type node struct {
	kind kind
	// text is the content of text, number, boolean, pem and raw. For a secret it tells equal ones from different ones
	// within one rendering, and is empty when that cannot be told.
	text string
	keys []string // of an object, sorted
	kids []*node
	set  bool // a list without order

	id    string // see identity
	lines int    // see height
}

func (n *node) is(k kind) bool { return n.kindOf() == k }

func (n *node) kindOf() kind {
	if n == nil {
		return null
	}
	return n.kind
}

// get returns the value of a key, or nil.
func (n *node) get(key string) *node {
	if !n.is(object) {
		return nil
	}
	if i, ok := slices.BinarySearch(n.keys, key); ok {
		return n.kids[i]
	}
	return nil
}

// identity is equal for equal trees only. Secrets of unknown content are taken for equal: plan files do not tell.
func (n *node) identity() string {
	if n == nil {
		return "0"
	}
	if n.id != "" {
		return n.id
	}
	var b strings.Builder
	b.WriteByte('0' + byte(n.kind))
	switch n.kind {
	case object, list:
		b.WriteByte('{')
		for i, kid := range n.kids {
			if n.kind == object {
				if kid.is(null) {
					continue // an absent key and a null one mean the same
				}
				b.WriteString(strconv.Quote(n.keys[i]))
			}
			b.WriteString(kid.identity())
			b.WriteByte(',')
		}
		b.WriteByte('}')
	default:
		b.WriteString(strconv.Quote(n.text))
	}
	n.id = b.String()
	if len(n.id) > sha256.Size { // or every level would hold all of what is below it again
		sum := sha256.Sum256([]byte(n.id))
		n.id = string(sum[:])
	}
	return n.id
}

func same(a, b *node) bool { return a.identity() == b.identity() }

// builder makes trees of one rendering.
type builder struct {
	seed  maphash.Seed
	limit int // see differ
	types Types
}

func newBuilder() *builder { return &builder{seed: maphash.MakeSeed(), limit: maxWhole} }

// former is the text of a secret that only its record remembers: it is like no other.
const former = "former"

// before makes the tree of what a change finds.
func (b *builder) before(c *plans.Change) *node {
	root := b.build(c.Before, slices.Concat(c.BeforeSecret, c.Former))
	for _, path := range c.Former {
		if n := root.at(path); n.is(secret) {
			n.text = former
		}
	}
	return root
}

// at returns what a path leads to, or the secret that hides it; nil when there is nothing.
func (n *node) at(path cty.Path) *node {
	for _, step := range path {
		if n.is(secret) {
			return n
		}
		switch s := step.(type) {
		case cty.GetAttrStep:
			n = n.get(s.Name)
		case cty.IndexStep:
			switch {
			case s.Key.Type() == cty.String:
				n = n.get(s.Key.AsString())
			case n.is(list):
				i, _ := s.Key.AsBigFloat().Int64()
				if i < 0 || int(i) >= len(n.kids) {
					return nil
				}
				n = n.kids[i]
			default:
				return nil
			}
		}
	}
	return n
}

// build makes the tree of v. Secrets lists paths, relative to v, that are secret although v does not say so.
func (b *builder) build(v cty.Value, secrets []cty.Path) *node {
	for _, p := range secrets {
		if len(p) == 0 {
			return &node{kind: secret}
		}
	}
	if v == cty.NilVal {
		return nil
	}
	if v.IsMarked() {
		return b.hide(v)
	}
	if v.IsNull() {
		if len(secrets) > 0 { // the plan file does not hold the object around the secret either
			return &node{kind: secret}
		}
		return nil
	}
	if !v.IsKnown() {
		return &node{kind: unknown}
	}
	ty := v.Type()
	switch {
	case ty == cty.String:
		return b.text(v.AsString())
	case ty == cty.Number:
		return &node{kind: number, text: v.AsBigFloat().Text('f', -1)}
	case ty == cty.Bool:
		return &node{kind: boolean, text: strconv.FormatBool(v.True())}
	case ty.IsObjectType() || ty.IsMapType():
		values := v.AsValueMap()
		n := &node{kind: object, keys: slices.Sorted(maps.Keys(values))}
		for _, k := range n.keys {
			var step cty.PathStep = cty.GetAttrStep{Name: k}
			if ty.IsMapType() {
				step = cty.IndexStep{Key: cty.StringVal(k)}
			}
			n.kids = append(n.kids, b.build(values[k], below(secrets, step)))
		}
		return n
	case ty.IsListType() || ty.IsTupleType() || ty.IsSetType():
		n := &node{kind: list, set: ty.IsSetType()}
		for i, e := range v.AsValueSlice() {
			n.kids = append(n.kids, b.build(e, below(secrets, cty.IndexStep{Key: cty.NumberIntVal(int64(i))})))
		}
		return n
	}
	return &node{kind: raw, text: "(" + ty.FriendlyName() + ")"}
}

// hide makes the node of a marked value. Every mark hides: a mark that this package does not know is no permission.
func (b *builder) hide(v cty.Value) *node {
	v, _ = v.UnmarkDeep()
	n := &node{kind: secret}
	if v.IsWhollyKnown() && !v.IsNull() {
		if enc, err := ctyjson.Marshal(v, v.Type()); err == nil {
			n.text = strconv.FormatUint(maphash.Bytes(b.seed, enc), 16)
		}
	}
	return n
}

func (b *builder) text(s string) *node {
	switch certs, private := inspectPEM(s); {
	case private:
		return b.hide(cty.StringVal(s))
	case len(certs) > 0:
		n := &node{kind: pem, text: s}
		for _, c := range certs {
			n.kids = append(n.kids, &node{kind: raw, text: c})
		}
		return n
	}
	return &node{kind: text, text: s}
}

// below returns what remains of the paths that begin with step.
func below(paths []cty.Path, step cty.PathStep) (out []cty.Path) {
	for _, p := range paths {
		if len(p) > 0 && sameStep(p[0], step) {
			out = append(out, p[1:])
		}
	}
	return out
}

// sameStep takes `a.b` and `a["b"]` for the same: objects and maps are one thing in configuration.
func sameStep(a, b cty.PathStep) bool {
	name := func(s cty.PathStep) (string, bool) {
		switch s := s.(type) {
		case cty.GetAttrStep:
			return s.Name, true
		case cty.IndexStep:
			if s.Key.IsKnown() && !s.Key.IsNull() && s.Key.Type() == cty.String {
				return s.Key.AsString(), true
			}
		}
		return "", false
	}
	an, aOK := name(a)
	bn, bOK := name(b)
	if aOK || bOK {
		return aOK && bOK && an == bn
	}
	return cty.Path{a}.Equals(cty.Path{b})
}

// json returns the value as encoding/json takes it, with null for what is unknown or secret. Numbers keep all their
// digits.
func (n *node) json() any {
	switch n.kindOf() {
	case text, pem:
		return n.text
	case number:
		return json.Number(n.text)
	case boolean:
		return n.text == "true"
	case object:
		m := make(map[string]any, len(n.keys))
		for i, k := range n.keys {
			if n.kids[i].is(unknown) {
				continue // as Terraform does: after_unknown has it
			}
			m[k] = n.kids[i].json()
		}
		return m
	case list:
		l := make([]any, len(n.kids))
		for i, kid := range n.kids {
			l[i] = kid.json()
		}
		return l
	}
	return nil
}

// flags returns the shape of the value with true where a node of kind k is, leaving out what has none. Nothing at all
// is false.
func (n *node) flags(k kind) any {
	switch {
	case n.is(k):
		return true
	case n.is(object):
		m := map[string]any{}
		for i, key := range n.keys {
			if f := n.kids[i].flags(k); f != false {
				m[key] = f
			}
		}
		if len(m) > 0 {
			return m
		}
	case n.is(list):
		l := make([]any, len(n.kids))
		found := false
		for i, kid := range n.kids {
			l[i] = kid.flags(k)
			found = found || l[i] != false
		}
		if found {
			return l
		}
	}
	return false
}
