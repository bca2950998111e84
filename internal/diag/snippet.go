package diag

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// snippet is the first source line of a finding's subject.
type snippet struct {
	// block is the header of the enclosing block, for instance `resource "a" "b"`; empty when none is known.
	block string
	line  int
	// code is the line without its end. code[start:end] is the subject, or its part on this line.
	code       string
	start, end int
}

// snippetOf finds the source of a range. It reports false when the source is not at hand or the range does not fit it.
func snippetOf(files map[string]*hcl.File, rng *hcl.Range) (s snippet, ok bool) {
	if rng == nil || files[rng.Filename] == nil {
		return s, false
	}
	f := files[rng.Filename]
	if rng.Start.Byte < 0 || rng.Start.Byte > len(f.Bytes) || len(f.Bytes) == 0 {
		return s, false
	}
	begin := bytes.LastIndexByte(f.Bytes[:rng.Start.Byte], '\n') + 1
	length := bytes.IndexByte(f.Bytes[begin:], '\n')
	if length < 0 {
		length = len(f.Bytes) - begin
	}
	line := bytes.TrimRight(f.Bytes[begin:begin+length], "\r")
	s.line, s.code = rng.Start.Line, string(line)
	s.start = min(rng.Start.Byte-begin, len(line))
	s.end = min(max(rng.End.Byte-begin, s.start), len(line))
	for s.start > 0 && s.start < len(line) && !utf8.RuneStart(line[s.start]) { // a range from outside may cut a character
		s.start--
	}
	for s.end < len(line) && !utf8.RuneStart(line[s.end]) {
		s.end++
	}
	if nav, is := f.Nav.(interface{ ContextString(int) string }); is {
		s.block = nav.ContextString(rng.Start.Byte)
	}
	return s, true
}

// clip cuts the line down to width characters around the subject and shows cuts as an ellipsis. A width of zero or
// less cuts nothing.
func (s snippet) clip(width int, ellipsis string) snippet {
	if width <= 0 || utf8.RuneCountInString(s.code) <= width {
		return s
	}
	runes := []rune(s.code)
	start, end := utf8.RuneCountInString(s.code[:s.start]), utf8.RuneCountInString(s.code[:s.end])
	room := max(width-2*utf8.RuneCountInString(ellipsis), 1)
	from := 0
	if end > room {
		from = min(max(start-room/4, 0), len(runes)-room)
	}
	to := from + room
	var before, after string
	if from > 0 {
		before = ellipsis
	}
	if to < len(runes) {
		after = ellipsis
	} else {
		to = len(runes)
	}
	code := string(runes[from:to])
	at := func(n int) int { return len(before) + len(string(runes[from:min(max(n, from), to)])) }
	return snippet{s.block, s.line, before + code + after, at(start), at(end)}
}

// underline returns the line that marks the subject: tabs stay tabs, so that both lines align whatever a tab is worth.
func (s snippet) underline() string {
	pad := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, s.code[:s.start])
	return pad + strings.Repeat("^", max(utf8.RuneCountInString(s.code[s.start:s.end]), 1))
}
