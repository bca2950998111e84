package lsp

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// cursor is what the words before a place say about it. It needs no valid text: only what is still open matters.
type cursor struct {
	place  place
	blocks []header // that are open, from the outside
	open   int      // where the innermost block opens: the byte of its brace; -1 at the top level
	// prefix is the start of the word that is being typed, and from is where it starts.
	prefix string
	from   int
	// header is the line so far, where a block may begin, and label is the number of the label that is being typed.
	header header
	label  int
	quoted bool // the label is in quotes
	// attribute is the argument whose value is being typed, "" when it is not known; direct says that nothing of the value
	// stands before the prefix, list that the prefix is an element of a list written there.
	attribute    string
	direct, list bool
	// path leads from the argument to the object that a key is being typed in: keys, and "[]" for the element of a list. keys are
	// those that it has before the place.
	path, keys []string
	// chain are the names before the prefix, joined by dots. An index between them is "[]".
	chain []string
}

// place is what may stand at a cursor. The zero value is a place about which nothing is known, as in a comment.
type place uint8

const (
	nowhere    place = iota
	statement        // a block or an argument
	label            // a label of a block
	expression       // a value
	literal          // text in quotes that is a value
	objectKey        // a key of an object
)

// frame is something that was opened and not closed.
type frame struct {
	kind   rune // b(lock), { object, [, (, $ template, " quote, h(eredoc)
	header header
	at     int
	line   []hclsyntax.Token // since the last line break or comma
	keys   []string          // of an object, so far
}

// look reads the text before a byte. It costs O(bytes before it).
func look(src []byte, at int) cursor {
	src = src[:at]
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	stack := []frame{{kind: 'b', at: -1}}
	top := func() *frame { return &stack[len(stack)-1] }
	closing := func(kinds string) {
		for i := len(stack) - 1; i > 0; i-- {
			if slices.Contains([]rune(kinds), stack[i].kind) {
				stack = stack[:i]
				return
			}
		}
	}
	var last hclsyntax.Token
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenEOF {
			break
		}
		last = t
		f := top()
		switch t.Type {
		case hclsyntax.TokenComment:
			if len(t.Bytes) > 0 && t.Bytes[len(t.Bytes)-1] == '\n' {
				f.line = nil
			}
			continue
		case hclsyntax.TokenNewline:
			if f.kind != '(' {
				f.line = nil
			}
			continue
		case hclsyntax.TokenComma:
			f.line = nil
			continue
		case hclsyntax.TokenOBrace:
			if h, ok := blockHeader(f); ok {
				f.line = nil
				stack = append(stack, frame{kind: 'b', header: h, at: t.Range.Start.Byte})
				continue
			}
			f.line = append(f.line, t)
			stack = append(stack, frame{kind: '{'})
			continue
		case hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			f.line = append(f.line, t)
			stack = append(stack, frame{kind: map[hclsyntax.TokenType]rune{hclsyntax.TokenOBrack: '[', hclsyntax.TokenOParen: '(', hclsyntax.TokenOQuote: '"', hclsyntax.TokenOHeredoc: 'h'}[t.Type]})
			if top().kind == 0 {
				top().kind = '$'
			}
			continue
		case hclsyntax.TokenCBrace:
			closing("b{")
		case hclsyntax.TokenCBrack:
			closing("[")
		case hclsyntax.TokenCParen:
			closing("(")
		case hclsyntax.TokenCQuote:
			plain := f.kind == '"' && len(f.line) == 1
			text := f.line
			if closing("\""); plain {
				top().line = append(top().line, text...) // it may be a label
			}
		case hclsyntax.TokenEqual, hclsyntax.TokenColon:
			if name, ok := key(f.line); ok && f.kind == '{' {
				f.keys = append(f.keys, name)
			}
		case hclsyntax.TokenCHeredoc:
			closing("h")
		case hclsyntax.TokenTemplateSeqEnd:
			closing("$")
		}
		top().line = append(top().line, t)
	}
	c := cursor{open: -1, from: at, label: -1}
	for _, f := range stack {
		if f.kind == 'b' && f.at >= 0 {
			c.blocks, c.open = append(c.blocks, f.header), f.at
		}
	}
	if last.Type == hclsyntax.TokenComment && (len(last.Bytes) == 0 || last.Bytes[len(last.Bytes)-1] != '\n') {
		return c
	}
	c.read(stack, at)
	return c
}

// blockHeader reads the line before a brace as the header of a block.
func blockHeader(f *frame) (header, bool) {
	if f.kind != 'b' {
		return header{}, false
	}
	return readHeader(f.line)
}

// readHeader reads a keyword with labels. Quotes are three tokens.
func readHeader(line []hclsyntax.Token) (header, bool) {
	if len(line) == 0 || line[0].Type != hclsyntax.TokenIdent {
		return header{}, false
	}
	h := header{kind: string(line[0].Bytes)}
	for _, t := range line[1:] {
		switch t.Type {
		case hclsyntax.TokenIdent, hclsyntax.TokenQuotedLit:
			h.labels = append(h.labels, string(t.Bytes))
		case hclsyntax.TokenOQuote, hclsyntax.TokenCQuote:
		default:
			return header{}, false
		}
	}
	return h, true
}

// read finds out what may stand at the end of the text.
func (c *cursor) read(stack []frame, at int) {
	top := stack[len(stack)-1]
	line := top.line
	if top.kind == '"' {
		c.inQuotes(stack, at)
		return
	}
	if top.kind == 'h' {
		return
	}
	if n := len(line); n > 0 && line[n-1].Type == hclsyntax.TokenIdent && line[n-1].Range.End.Byte == at {
		c.prefix, c.from = string(line[n-1].Bytes), line[n-1].Range.Start.Byte
		line = line[:n-1]
	}
	if top.kind == 'b' && !assigns(line) {
		if len(line) == 0 {
			c.place = statement
			return
		}
		if h, ok := readHeader(line); ok && line[len(line)-1].Range.End.Byte < c.from {
			c.place, c.header, c.label = label, h, len(h.labels)
		}
		return
	}
	if top.kind == '{' && len(line) == 0 {
		c.inObject(stack)
		return
	}
	c.place = expression
	c.value(stack, line)
	c.chain = chain(line)
}

// inObject is read for a place where a key of an object may stand. The object must be written as an argument's value, in other
// objects and lists at most.
func (c *cursor) inObject(stack []frame) {
	var path []string
	for i := len(stack) - 2; i >= 0; i-- {
		switch f := stack[i]; f.kind {
		case 'b':
			if name, direct := assigned(f.line[:max(0, len(f.line)-1)]); direct {
				slices.Reverse(path)
				c.place, c.attribute, c.path, c.keys = objectKey, name, path, stack[len(stack)-1].keys
			}
			return
		case '[':
			if len(f.line) > 1 { // the brace alone: something else stands before it
				return
			}
			path = append(path, "[]")
		case '{':
			name, ok := key(f.line[:max(0, len(f.line)-2)])
			if !ok {
				return
			}
			path = append(path, name)
		default:
			return
		}
	}
}

// key reads a line as a key of an object: a name, or one in quotes.
func key(line []hclsyntax.Token) (string, bool) {
	switch {
	case len(line) == 1 && line[0].Type == hclsyntax.TokenIdent:
		return string(line[0].Bytes), true
	case len(line) == 3 && line[0].Type == hclsyntax.TokenOQuote && line[1].Type == hclsyntax.TokenQuotedLit && line[2].Type == hclsyntax.TokenCQuote:
		return string(line[1].Bytes), true
	}
	return "", false
}

// inQuotes is read for a place in a text in quotes.
func (c *cursor) inQuotes(stack []frame, at int) {
	quote, outer := stack[len(stack)-1], stack[len(stack)-2]
	c.from = at
	for i, t := range quote.line {
		if t.Type != hclsyntax.TokenQuotedLit || i > 0 {
			return // behind a template
		}
		c.prefix, c.from = string(t.Bytes), t.Range.Start.Byte
	}
	line := outer.line[:len(outer.line)-1] // without the quote
	if outer.kind == 'b' && !assigns(line) {
		if h, ok := readHeader(line); ok {
			c.place, c.header, c.label, c.quoted = label, h, len(h.labels), true
		}
		return
	}
	c.place = literal
	c.value(stack[:len(stack)-1], line)
}

// assigns reports whether a line has an equals sign.
func assigns(line []hclsyntax.Token) bool {
	return slices.ContainsFunc(line, func(t hclsyntax.Token) bool { return t.Type == hclsyntax.TokenEqual })
}

// value finds the argument whose value is being typed. line is what stands before the place in the innermost frame.
func (c *cursor) value(stack []frame, line []hclsyntax.Token) {
	n := len(stack)
	switch top := stack[n-1]; {
	case top.kind == 'b':
		c.attribute, c.direct = assigned(line)
	case top.kind == '[' && n > 1 && stack[n-2].kind == 'b' && len(line) == 0:
		outer := stack[n-2].line
		c.attribute, c.list = assigned(outer[:len(outer)-1])
	}
	if c.attribute != "" {
		return
	}
	for i := n - 1; i >= 0; i-- {
		if stack[i].kind == 'b' {
			c.attribute, _ = assigned(stack[i].line)
			return
		}
	}
}

// assigned returns the name before the equals sign, and whether nothing follows it.
func assigned(line []hclsyntax.Token) (name string, direct bool) {
	if len(line) < 2 || line[0].Type != hclsyntax.TokenIdent || line[1].Type != hclsyntax.TokenEqual {
		return "", false
	}
	return string(line[0].Bytes), len(line) == 2
}

// chain returns the names that end a line with a dot: a.b["x"]. gives a, b, [].
func chain(line []hclsyntax.Token) (out []string) {
	i := len(line) - 1
	for i >= 0 && line[i].Type == hclsyntax.TokenDot {
		i--
		for i >= 0 && (line[i].Type == hclsyntax.TokenCBrack || line[i].Type == hclsyntax.TokenStar) {
			if line[i].Type == hclsyntax.TokenCBrack { // what was between is in a frame that is gone
				i--
			}
			i--
			out = append(out, "[]")
		}
		if i < 0 || line[i].Type != hclsyntax.TokenIdent {
			return nil
		}
		out = append(out, string(line[i].Bytes))
		i--
	}
	slices.Reverse(out)
	return out
}
