package render

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/meshplan/meshplan/internal/diag"
)

// sign says what happens to a line of a value.
type sign byte

const (
	kept    sign = ' '
	added   sign = '+'
	removed sign = '-'
	changed sign = '~'
)

// line is one line of a value's difference, before it is laid out for a medium.
type line struct {
	sign  sign
	depth int // nesting, from 0
	text  string
	note  string // what follows behind a `#`
}

const (
	knownAfterApply = "(known after apply)"
	sensitiveValue  = "(sensitive value)"
)

// oneLine makes a text from outside safe within a line.
func oneLine(s string) string { return strings.ReplaceAll(diag.Scrub(s), "\n", " ") }

// key writes the name of an attribute or the key of a map.
func key(k string) string {
	if plainName(k) || hclsyntax.ValidIdentifier(k) { // which scans k as HCL
		return k
	}
	return strconv.Quote(k)
}

// plainName reports whether k is an identifier of letters, digits and signs that ASCII has, as nearly all are.
func plainName(k string) bool {
	for i, c := range []byte(k) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '_' && c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return k != ""
}

// inline writes a value within a line. Collections that do not fit are summed up.
func (n *node) inline() string {
	switch n.kindOf() {
	case null:
		return "null"
	case unknown:
		return knownAfterApply
	case secret:
		return sensitiveValue
	case text:
		return strconv.Quote(n.text)
	case pem:
		if len(n.kids) == 1 {
			return n.kids[0].text
		}
		return plural(len(n.kids), "certificate")
	case object, list:
		return n.inlineCollection()
	}
	return n.text
}

// maxInline is how long a collection may be to stay on one line.
const maxInline = 60

func (n *node) inlineCollection() string {
	open, end, what := "{", "}", "attribute"
	if n.kind == list {
		open, end, what = "[", "]", "element"
	}
	if len(n.kids) == 0 {
		return open + end
	}
	var parts []string
	size := 0
	for i, kid := range n.kids {
		part := kid.inline()
		if n.kind == object {
			part = key(n.keys[i]) + " = " + part
		}
		parts = append(parts, part)
		if size += len(part) + 2; size > maxInline {
			return open + "…" + end + " (" + plural(len(n.kids), what) + ")"
		}
	}
	if n.kind == object {
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return open + strings.Join(parts, ", ") + end
}

// flat reports whether a list is short enough, and plain enough, to be written within a line.
func (n *node) flat() bool {
	if !n.is(list) {
		return false
	}
	size := 0
	for _, kid := range n.kids {
		switch kid.kindOf() {
		case object, list, pem:
			return false
		case text:
			if kid.multiline() {
				return false
			}
		}
		size += len(kid.inline()) + 2
	}
	return size <= maxInline
}

// height is how many lines a value takes when it is written as a whole.
func (n *node) height() int {
	switch {
	case n.multiline():
		return strings.Count(n.text, "\n") + 2
	case n.is(pem):
		return len(n.kids)
	case !n.is(object) && !n.is(list), n.flat():
		return 1
	}
	if n.lines == 0 {
		n.lines = 2
		for _, kid := range n.kids {
			if !kid.is(null) {
				n.lines += kid.height()
			}
		}
	}
	return n.lines
}

// folded sums up a value that is too high to be shown.
func (n *node) folded(lines int) string {
	switch n.kindOf() {
	case object:
		return fmt.Sprintf("{…} (%s, %d lines)", plural(len(n.keys), "attribute"), lines)
	case list:
		return fmt.Sprintf("[…] (%s, %d lines)", plural(len(n.kids), "element"), lines)
	}
	return fmt.Sprintf("<<… (%d lines)", lines)
}

// multiline reports whether a text is better shown line by line.
func (n *node) multiline() bool {
	return n.is(text) && strings.Contains(strings.TrimRight(n.text, "\n"), "\n") && utf8.ValidString(n.text)
}

func plural(n int, what string) string {
	s := strconv.Itoa(n) + " " + what
	if n != 1 {
		s += "s"
	}
	return s
}
