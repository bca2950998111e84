package render

import (
	"strings"
	"unicode/utf8"
)

// ellipsis stands for what was cut out of a value.
const ellipsis = "…"

// leastValue is how much of a value is shown however narrow the terminal is.
const leastValue = 16

// fit shortens a line of a value to a room, in characters: long values lose their middle, and of two values that differ in a
// part it is the part that stays. It reports whether it cut anything. Labels are never cut.
func fit(body string, room int) (string, bool) {
	if utf8.RuneCountInString(body) <= room {
		return body, false
	}
	label, value := "", body
	if head, rest, ok := strings.Cut(body, " = "); ok && !strings.ContainsRune(head, '"') {
		label, value = head+" = ", rest
	} else if strings.HasPrefix(body, `"`) { // the key of a map is quoted as well
		if i := strings.Index(body, `" = `); i > 0 {
			label, value = body[:i+4], body[i+4:]
		}
	}
	room -= utf8.RuneCountInString(label)
	before, after, isChange := strings.Cut(value, " -> ")
	if !isChange {
		return label + middle(value, max(room, leastValue)), true
	}
	before, after = around(before, after, max(room-4, 2*leastValue))
	return label + before + " -> " + after, true
}

// middle cuts the middle out of a text that is longer than n characters.
func middle(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	head := (n - 1 + 1) / 2
	return string(r[:head]) + ellipsis + string(r[len(r)-(n-1-head):])
}

// around shortens two texts to n characters together. What they have in common at both ends goes first, so that the
// difference is seen.
func around(a, b string, n int) (string, string) {
	switch { // words that stand for a value stay whole
	case phrase(b):
		return middle(a, max(n-utf8.RuneCountInString(b), leastValue)), b
	case phrase(a):
		return a, middle(b, max(n-utf8.RuneCountInString(a), leastValue))
	}
	x, y := []rune(a), []rune(b)
	prefix := 0
	for prefix < min(len(x), len(y)) && x[prefix] == y[prefix] {
		prefix++
	}
	suffix := 0
	for suffix < min(len(x), len(y))-prefix && x[len(x)-1-suffix] == y[len(y)-1-suffix] {
		suffix++
	}
	// A little of what is around a difference says where it is; the rest of the room goes to the difference itself.
	context := max(6, (n/2-(max(len(x), len(y))-prefix-suffix)-4)/2)
	skip := func(common int) int {
		if common <= context+1 {
			return 0
		}
		return common - context
	}
	cut := func(r []rune) string {
		from, to := skip(prefix), len(r)-skip(suffix)
		s := string(r[from:to])
		if from > 0 {
			s = string(r[:1]) + ellipsis + s // the quote stays
		}
		if to < len(r) {
			s += ellipsis + string(r[len(r)-1:])
		}
		return s
	}
	short, long := cut(x), cut(y)
	room := n / 2
	if spare := room - utf8.RuneCountInString(short); spare > 0 {
		return short, middle(long, room+spare)
	}
	if spare := room - utf8.RuneCountInString(long); spare > 0 {
		return middle(short, room+spare), long
	}
	return middle(short, room), middle(long, room)
}

// phrase reports whether a text is not a value, but says something about one.
func phrase(s string) bool { return s == knownAfterApply || s == sensitiveValue || s == "null" }

// broken writes a description that consists of facts with commas between them (a certificate) in several lines, none longer
// than room if that can be.
func broken(body string, room int) []string {
	if utf8.RuneCountInString(body) <= room {
		return []string{body}
	}
	var out []string
	line := ""
	for i, part := range strings.SplitAfter(body, ", ") {
		if i > 0 && utf8.RuneCountInString(line)+utf8.RuneCountInString(strings.TrimSuffix(part, " ")) > room {
			out = append(out, strings.TrimSuffix(line, " "))
			line = "    "
		}
		line += part
	}
	return append(out, line)
}
