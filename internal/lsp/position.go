package lsp

import (
	"bytes"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// Position is a place in a text: a line, and the number of UTF-16 code units before it in that line, both from 0.
type Position struct {
	Line      int `json:"line"`
	Character int `json:"character"`
}

// Range is a part of a text; End is not in it.
type Range struct {
	Start Position `json:"start"`
	End   Position `json:"end"`
}

// text is a document with an index of its lines. It is not changed after it was made.
type text struct {
	bytes []byte
	lines []int // where each line starts
}

func newText(b []byte) *text {
	t := &text{bytes: b, lines: []int{0}}
	for i, c := range b {
		if c == '\n' {
			t.lines = append(t.lines, i+1)
		}
	}
	return t
}

// offset returns the byte at a position. A place behind the end of a line or of the text is its end, as the protocol has it.
func (t *text) offset(p Position) int {
	if p.Line < 0 {
		return 0
	}
	if p.Line >= len(t.lines) {
		return len(t.bytes)
	}
	at, end := t.lines[p.Line], t.lineEnd(p.Line)
	for units := 0; at < end && units < p.Character; {
		r, size := utf8.DecodeRune(t.bytes[at:end])
		if units += width(r); units > p.Character {
			break // in the middle of a pair: before the character
		}
		at += size
	}
	return at
}

// lineEnd is where the line ends, without what ends it.
func (t *text) lineEnd(line int) int {
	if line+1 == len(t.lines) {
		return len(t.bytes)
	}
	end := t.lines[line+1] - 1
	if end > t.lines[line] && t.bytes[end-1] == '\r' {
		end--
	}
	return end
}

// position returns the place of a byte. It costs O(log lines + length of the line).
func (t *text) position(offset int) Position {
	offset = min(max(offset, 0), len(t.bytes))
	lo, hi := 0, len(t.lines)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; t.lines[mid] <= offset {
			lo = mid
		} else {
			hi = mid
		}
	}
	units := 0
	for at := t.lines[lo]; at < offset; {
		r, size := utf8.DecodeRune(t.bytes[at:])
		units += width(r)
		at += size
	}
	return Position{Line: lo, Character: units}
}

// span converts a range of HCL, whose bytes count.
func (t *text) span(r hcl.Range) Range {
	return Range{Start: t.position(r.Start.Byte), End: t.position(max(r.End.Byte, r.Start.Byte))}
}

// replaced returns the text with a part replaced.
func (t *text) replaced(r Range, by string) *text {
	from, to := t.offset(r.Start), t.offset(r.End)
	to = max(from, to)
	return newText(bytes.Join([][]byte{t.bytes[:from], t.bytes[to:]}, []byte(by)))
}

// whole is the range of the whole text.
func (t *text) whole() Range { return Range{End: t.position(len(t.bytes))} }

// width is the number of UTF-16 code units of a character.
func width(r rune) int {
	if r >= 0x10000 {
		return 2
	}
	return 1
}
