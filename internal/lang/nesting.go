package lang

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/meshplan/meshplan/internal/diag"
)

// maxNesting is how deep brackets, operators and directives may be nested. HCL parses and evaluates by recursion, and a
// stack that overflows cannot be recovered from. People stay below 20; this many levels need a few megabytes.
const maxNesting = 5000

// Syntax is what a piece of source text is written in. The zero value is invalid.
type Syntax uint8

// The syntaxes.
const (
	Native   Syntax = iota + 1 // a file or an expression
	Template                   // the inside of a string, or a template file
	JSON
)

// CheckNesting returns an error when source text is nested so deeply that parsing or evaluating it could overflow the
// stack, and nil otherwise. The range becomes the subject of the error; its start is the position of src[0].
func CheckNesting(src []byte, s Syntax, at hcl.Range) *hcl.Diagnostic {
	deep := false
	switch {
	case s == JSON:
		deep = deepJSON(src)
	case !suspicious(src):
		// The exact answer costs one more pass of the lexer. Few texts need it.
	case s == Template:
		tokens, _ := hclsyntax.LexTemplate(src, at.Filename, hcl.InitialPos)
		deep = deepTokens(tokens)
	default:
		tokens, _ := hclsyntax.LexConfig(src, at.Filename, hcl.InitialPos)
		deep = deepTokens(tokens)
	}
	if !deep {
		return nil
	}
	return diag.Error(CodeTooComplex, "Expression is nested too deeply", fmt.Sprintf("Brackets and operators are chained or nested more than "+
		"%d levels deep in one expression. Split it up with local values.", maxNesting), at.Ptr())
}

// depth counts levels of nesting. Operators count too, because chains of them become deep trees, until a separator ends
// the expression that they belong to.
type depth struct {
	total  int
	levels []level
}

// level is one open bracket.
type level struct {
	ops   int
	lines bool // a line break ends an expression here
}

func newDepth() *depth { return &depth{levels: []level{{lines: true}}} }

func (d *depth) top() *level { return &d.levels[len(d.levels)-1] }

func (d *depth) open(lines bool) {
	d.levels = append(d.levels, level{lines: lines})
	d.total++
}

// close counts as an operator of the level around, because `a[x][x]` is a chain.
func (d *depth) close() {
	if len(d.levels) > 1 {
		d.total -= 1 + d.top().ops
		d.levels = d.levels[:len(d.levels)-1]
	}
	d.operator()
}

func (d *depth) operator() {
	d.top().ops++
	d.total++
}

func (d *depth) separator(newline bool) {
	if t := d.top(); !newline || t.lines {
		d.total -= t.ops
		t.ops = 0
	}
}

// suspicious overestimates the depth from bytes alone, without regard to strings and comments.
func suspicious(src []byte) bool {
	d, directives := newDepth(), 0
	for i, c := range src {
		switch c {
		case '(', '[':
			d.open(false)
		case '{':
			d.open(true)
			if i > 0 && (src[i-1] == '$' || src[i-1] == '%') {
				d.top().lines = false
			}
			if i > 0 && src[i-1] == '%' {
				directives++
			}
		case ')', ']', '}':
			d.close()
		case '!', '-', '+', '*', '/', '%', '&', '|', '=', '<', '>', '?':
			d.operator()
		case ',':
			d.separator(false)
		case '\n':
			d.separator(true)
		}
		if d.total+directives > maxNesting {
			return true
		}
	}
	return false
}

// deepTokens is the exact count.
func deepTokens(tokens hclsyntax.Tokens) bool {
	d, directives := newDepth(), 0
	for i, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenTemplateInterp:
			d.open(false)
		case hclsyntax.TokenOBrace:
			d.open(true)
		case hclsyntax.TokenTemplateControl:
			d.open(false)
			if i+1 < len(tokens) {
				switch string(tokens[i+1].Bytes) {
				case "if", "for":
					directives++
				case "endif", "endfor":
					directives--
				}
			}
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCBrace:
			d.close()
		case hclsyntax.TokenTemplateSeqEnd:
			d.close()
			d.top().ops-- // the parts of a template stand side by side
			d.total--
		case hclsyntax.TokenComma:
			d.separator(false)
		case hclsyntax.TokenNewline:
			d.separator(true)
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenPlus, hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPercent,
			hclsyntax.TokenAnd, hclsyntax.TokenOr, hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan,
			hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq, hclsyntax.TokenQuestion:
			d.operator()
		}
		if d.total+directives > maxNesting {
			return true
		}
	}
	return false
}

// deepJSON counts brackets outside of strings, and looks into every string that is long enough to hold a deep template.
func deepJSON(src []byte) bool {
	open := 0
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '{', '[':
			if open++; open > maxNesting {
				return true
			}
		case '}', ']':
			open--
		case '"':
			end := stringEnd(src[i:])
			if end > maxNesting && !bytes.Contains(src[i:i+end], []byte("{")) && !bytes.Contains(src[i:i+end], []byte(`\u`)) {
				i += end - 1
				continue
			}
			var text string
			if end > maxNesting && json.Unmarshal(src[i:i+end], &text) == nil && CheckNesting([]byte(text), Template, hcl.Range{}) != nil {
				return true
			}
			i += end - 1
		}
	}
	return false
}

// stringEnd returns the length of the JSON string at the start of src, quotes included.
func stringEnd(src []byte) int {
	for i := 1; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(src)
}
