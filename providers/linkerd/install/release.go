package install

import (
	"fmt"
	"strconv"
	"strings"
)

// release is a version of Linkerd on the common scale of its 2.N lines, as far as it can be told.
type release struct {
	text string
	line int // N of 2.N; an edge release counts towards the line that came after it
	edge [3]int
}

// edgeLines are the edge releases from which the 2.N lines were cut, in ascending order. For the newest line it is
// the last edge of the month of its announcement.
func edgeLines() []struct {
	line int
	edge [3]int
} {
	return []struct {
		line int
		edge [3]int
	}{
		{15, [3]int{24, 2, 4}}, {16, [3]int{24, 8, 2}}, {17, [3]int{24, 11, 8}}, {18, [3]int{25, 4, 4}}, {19, [3]int{25, 10, 7}}, {20, [3]int{26, 6, 3}},
	}
}

// parseRelease reads "edge-26.8.3", "stable-2.14.10", "2.19.1", "v2.18" or a vendor's "enterprise-2.17.0". It reports
// false for anything else.
func parseRelease(s string) (release, bool) {
	r := release{text: s}
	kind, number, found := strings.Cut(s, "-")
	if !found {
		kind, number = "", s
	}
	number, _, _ = strings.Cut(strings.TrimPrefix(number, "v"), "-")
	var parts [3]int
	for i, p := range strings.SplitN(number, ".", 3) {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return r, false
		}
		parts[i] = n
	}
	if kind != "edge" {
		r.line = parts[1]
		return r, parts[0] == 2
	}
	r.edge = parts
	lines := edgeLines()
	r.line = lines[len(lines)-1].line + 1
	for _, l := range lines {
		if !older(l.edge, parts) {
			r.line = l.line
			break
		}
	}
	return r, parts[0] >= 18
}

// before reports whether r is certainly older than o.
func (r release) before(o release) bool {
	if r.edge != [3]int{} && o.edge != [3]int{} {
		return older(r.edge, o.edge)
	}
	return r.line < o.line
}

func older(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

// String returns the version as it was written, and its line.
func (r release) String() string {
	if r.edge == [3]int{} {
		return r.text
	}
	return fmt.Sprintf("%s (towards 2.%d)", r.text, r.line)
}
