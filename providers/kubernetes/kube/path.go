package kube

import (
	"fmt"
	"strconv"
	"strings"
)

// Path leads to a field of an object: strings are keys of maps, ints are indexes of lists.
type Path []any

// String writes the path as people do: `spec.containers[0].image`, with quotes around keys that hold dots.
func (p Path) String() string {
	var b strings.Builder
	for _, step := range p {
		switch s := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", s)
		case string:
			if strings.ContainsAny(s, `.[]"`) || s == "" {
				fmt.Fprintf(&b, "[%q]", s)
				continue
			}
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s)
		}
	}
	return b.String()
}

// child returns a new path that is one step longer; p is not shared with it.
func (p Path) child(step any) Path {
	out := make(Path, len(p)+1)
	copy(out, p)
	out[len(p)] = step
	return out
}

// ParsePath reads what String writes.
func ParsePath(s string) (Path, error) {
	var out Path
	for rest := s; rest != ""; {
		if rest[0] != '[' {
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, fmt.Errorf("path %q has an empty step", s)
			}
			out = append(out, rest[:end])
			rest = rest[end:]
			if strings.HasPrefix(rest, ".") {
				if rest = rest[1:]; rest == "" {
					return nil, fmt.Errorf("path %q ends with a dot", s)
				}
			}
			continue
		}
		var inner string
		if strings.HasPrefix(rest, `["`) {
			quoted, err := strconv.QuotedPrefix(rest[1:])
			if err != nil {
				return nil, fmt.Errorf("path %q: bad quotes", s)
			}
			key, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("path %q: %w", s, err)
			}
			out, rest = append(out, key), rest[1+len(quoted):]
		} else {
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, fmt.Errorf("path %q lacks a closing bracket", s)
			}
			inner = rest[1:end]
			n, err := strconv.Atoi(inner)
			if err != nil || n < 0 {
				return nil, fmt.Errorf("path %q: %q is not an index", s, inner)
			}
			out, rest = append(out, n), rest[end:]
		}
		if !strings.HasPrefix(rest, "]") {
			return nil, fmt.Errorf("path %q lacks a closing bracket", s)
		}
		if rest = strings.TrimPrefix(rest[1:], "."); rest == "" && strings.HasSuffix(s, ".") {
			return nil, fmt.Errorf("path %q ends with a dot", s)
		}
	}
	return out, nil
}

// at returns the value that a path leads to in JSON terms.
func at(v any, p Path) (any, bool) {
	for _, step := range p {
		switch s := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				return nil, false
			}
			if v, ok = m[s]; !ok {
				return nil, false
			}
		case int:
			l, ok := v.([]any)
			if !ok || s < 0 || s >= len(l) {
				return nil, false
			}
			v = l[s]
		}
	}
	return v, true
}
