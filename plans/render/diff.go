package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/plans"
)

// differ writes the difference between two trees as lines.
type differ struct {
	replace []cty.Path // what forces a replacement
	limit   int        // how many lines a value that comes or goes as a whole may take; 0 means any number
	height  int        // the same for the parts of the value at hand
	omit    map[*node]bool
	lines   []line
}

// maxWhole is how many lines a reader is asked to look through for one value that comes or goes as a whole (the
// schema of a custom resource definition has thousands). What is changed is always shown.
const maxWhole = 80

// maxParts is how many attributes, elements or lines of one value are shown.
const maxParts = 50

// maxPart is how many lines a part may take of something that is itself too long, or that goes away: the reader wants
// to know that it is there, and --full shows the rest.
const maxPart = 3

// difference returns the lines of a change: everything for a creation or a deletion, what differs otherwise.
func (b *builder) difference(c *plans.Change) []line {
	before, after := b.before(c), b.build(c.After, c.AfterSecret)
	d := &differ{replace: c.Replace, limit: b.limit, height: b.limit}
	switch {
	case c.Action == plans.Forget:
		return nil
	case before.is(object) && after.is(object):
		d.object(before, after, 0, nil, "attribute", nil)
	case after.is(object):
		d.omit = b.defaults(c.Addr.Resource, after)
		d.members(added, after, 0, nil)
	case before.is(object):
		if d.limit > 0 {
			d.height = maxPart
		}
		d.omit = b.defaults(c.Addr.Resource, before)
		d.members(removed, before, 0, nil)
	}
	return d.lines
}

func (d *differ) add(s sign, depth int, path cty.Path, format string, args ...any) {
	l := line{sign: s, depth: depth, text: fmt.Sprintf(format, args...)}
	if s != kept && slices.ContainsFunc(d.replace, func(p cty.Path) bool { return samePath(p, path) }) {
		l.note = "forces replacement"
	}
	d.lines = append(d.lines, l)
}

func samePath(a, b cty.Path) bool {
	if len(a) != len(b) || len(a) == 0 {
		return false
	}
	for i := range a {
		if !sameStep(a[i], b[i]) {
			return false
		}
	}
	return true
}

func (d *differ) hidden(n, depth int, what string) {
	if n > 0 {
		d.lines = append(d.lines, line{sign: kept, depth: depth, text: "# (" + plural(n, "unchanged "+what) + " hidden)"})
	}
}

// object writes what differs between two objects. Attributes in keep are shown although they do not differ.
func (d *differ) object(before, after *node, depth int, path cty.Path, what string, keep []string) {
	keys := slices.Concat(before.keys, after.keys)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	width, hidden := 0, 0
	for _, k := range keys {
		if !same(before.get(k), after.get(k)) || slices.Contains(keep, k) {
			width = max(width, len([]rune(key(k))))
		}
	}
	for _, k := range keys {
		b, a := before.get(k), after.get(k)
		label := fmt.Sprintf("%-*s = ", width, key(k))
		switch {
		case same(b, a) && slices.Contains(keep, k):
			d.add(kept, depth, path, "%s%s", label, a.inline())
		case same(b, a):
			if !b.is(null) {
				hidden++
			}
		default:
			d.value(b, a, depth, path.GetAttr(k), label)
		}
	}
	d.hidden(hidden, depth, what)
}

// value writes the difference between two values that are not the same.
func (d *differ) value(before, after *node, depth int, path cty.Path, label string) {
	switch {
	case before.is(null):
		d.whole(added, after, depth, path, label)
	case after.is(null):
		d.whole(removed, before, depth, path, label)
	case before.is(secret) && after.is(secret):
		d.add(changed, depth, path, "%s%s", label, sensitiveValue)
	case before.is(object) && after.is(object):
		d.add(changed, depth, path, "%s{", label)
		d.object(before, after, depth+1, path, "attribute", nil)
		d.add(kept, depth, nil, "}")
	case before.is(list) && after.is(list):
		d.add(changed, depth, path, "%s[", label)
		d.elements(before, after, depth+1, path)
		d.add(kept, depth, nil, "]")
	case before.is(pem) && after.is(pem):
		d.add(changed, depth, path, "%sPEM [", label)
		d.elements(before, after, depth+1, path)
		d.add(kept, depth, nil, "]")
	case before.is(text) && after.is(text) && (before.multiline() || after.multiline()):
		d.add(changed, depth, path, "%s<<-EOT", label)
		d.text(before.text, after.text, depth+1)
		d.add(kept, depth, nil, "EOT")
	default:
		d.add(changed, depth, path, "%s%s -> %s", label, before.inline(), after.inline())
	}
}

// whole writes a value that comes or goes as a whole.
func (d *differ) whole(s sign, n *node, depth int, path cty.Path, label string) {
	if lines := n.height(); d.limit > 0 && lines > d.height {
		if depth > 0 || s == removed {
			d.add(s, depth, path, "%s%s", label, n.folded(lines))
			return
		}
		defer func(h int) { d.height = h }(d.height)
		d.height = maxPart
	}
	switch {
	case n.flat():
		d.add(s, depth, path, "%s%s", label, n.inline())
	case n.is(object) && len(n.keys) > 0:
		d.add(s, depth, path, "%s{", label)
		d.members(s, n, depth+1, path)
		d.add(kept, depth, nil, "}")
	case n.is(pem) && len(n.kids) == 1:
		d.add(s, depth, path, "%sPEM %s", label, n.kids[0].text)
	case n.is(list) && len(n.kids) > 0, n.is(pem):
		open := "["
		if n.is(pem) {
			open = "PEM ["
		}
		d.add(s, depth, path, "%s%s", label, open)
		for i, kid := range n.kids[:d.fold(len(n.kids))] {
			d.whole(s, kid, depth+1, path.IndexInt(i), "")
		}
		d.rest(s, len(n.kids), depth+1, "element")
		d.add(kept, depth, nil, "]")
	case n.multiline():
		d.add(s, depth, path, "%s<<-EOT", label)
		lines := strings.Split(strings.TrimSuffix(n.text, "\n"), "\n")
		for _, l := range lines[:d.fold(len(lines))] {
			d.add(s, depth+1, nil, "%s", oneLine(l))
		}
		d.rest(s, len(lines), depth+1, "line")
		d.add(kept, depth, nil, "EOT")
	default:
		d.add(s, depth, path, "%s%s", label, n.inline())
	}
}

// members writes all attributes of an object that comes or goes, those that are null left out.
func (d *differ) members(s sign, n *node, depth int, path cty.Path) {
	width, omitted := 0, 0
	for i, k := range n.keys {
		switch {
		case d.omit[n.kids[i]]:
			omitted++
		case !n.kids[i].is(null):
			width = max(width, len([]rune(key(k))))
		}
	}
	shown := len(n.keys)
	if depth > 0 {
		shown = d.fold(len(n.keys))
	}
	for i, k := range n.keys[:shown] {
		if !n.kids[i].is(null) && !d.omit[n.kids[i]] {
			d.whole(s, n.kids[i], depth, path.GetAttr(k), fmt.Sprintf("%-*s = ", width, key(k)))
		}
	}
	if omitted > 0 {
		d.lines = append(d.lines, line{sign: kept, depth: depth, text: "# (" + plural(omitted, "default") + " hidden)"})
	}
	if depth > 0 {
		d.rest(s, len(n.keys), depth, "attribute")
	}
}

// fold returns how many of n parts are shown.
func (d *differ) fold(n int) int {
	if d.limit > 0 && n > maxParts {
		return maxParts
	}
	return n
}

// rest says how many of n parts are not shown.
func (d *differ) rest(s sign, n, depth int, what string) {
	if hidden := n - d.fold(n); hidden > 0 {
		d.add(s, depth, nil, "# (%s more)", plural(hidden, what))
	}
}

// elements writes what differs between two lists. Elements are matched by name where they have one, as Kubernetes
// does, and by their order otherwise.
func (d *differ) elements(before, after *node, depth int, path cty.Path) {
	hidden := 0
	for _, p := range match(before.kids, after.kids) {
		at := path.IndexInt(max(p.after, p.before))
		switch {
		case p.before < 0:
			d.whole(added, after.kids[p.after], depth, at, "")
		case p.after < 0:
			d.whole(removed, before.kids[p.before], depth, at, "")
		case same(before.kids[p.before], after.kids[p.after]):
			hidden++
		case before.kids[p.before].is(object) && after.kids[p.after].is(object):
			d.add(changed, depth, at, "{")
			d.object(before.kids[p.before], after.kids[p.after], depth+1, at, "attribute", []string{nameKey})
			d.add(kept, depth, nil, "}")
		default:
			d.value(before.kids[p.before], after.kids[p.after], depth, at, "")
		}
	}
	if hidden == len(before.kids) && hidden == len(after.kids) {
		d.lines = append(d.lines, line{sign: kept, depth: depth, text: "# (only the order of " + plural(hidden, "element") + " changes)"})
		return
	}
	d.hidden(hidden, depth, "element")
}

// text writes the difference between two texts by lines, with a little of what is around each change.
func (d *differ) text(before, after string, depth int) {
	out := string(diff.Diff("a", []byte(before), "b", []byte(after)))
	for i, l := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
		switch {
		case i < 3 || l == "": // the head of the unified format
		case strings.HasPrefix(l, "@@"):
			if i > 3 {
				d.add(kept, depth, nil, "# …")
			}
		case l[0] == '\\':
		default:
			d.add(sign(l[0]), depth, nil, "%s", oneLine(l[1:]))
		}
	}
}
