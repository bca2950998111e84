package config

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/meshplan/meshplan/internal/diag"
)

// legible turns what HCL's parser found in one native file into what a person can use. A quote or brace that is not
// closed makes the parser misread all that follows: then only the mistake itself is kept, and what came before it.
// Nothing of the text is quoted, since variable files hold secrets. Without findings it costs nothing.
func legible(ds hcl.Diagnostics, text []byte, path string) hcl.Diagnostics {
	if !ds.HasErrors() {
		return ds
	}
	ds = diag.Sort(coded(ds, CodeSyntax))
	if cause := unclosedText(text, path, ds); cause != nil {
		kept := slices.DeleteFunc(slices.Clone(ds), func(d *hcl.Diagnostic) bool {
			return d.Subject == nil || d.Subject.End.Byte > cause.Subject.Start.Byte || strings.HasPrefix(d.Summary, "Unclosed")
		})
		return append(kept, cause)
	}
	ds = slices.CompactFunc(ds, func(a, b *hcl.Diagnostic) bool { // several complaints about one place
		return a.Subject != nil && b.Subject != nil && *a.Subject == *b.Subject
	})
	more := len(ds) - maxSyntaxErrors
	ds = ds[:min(len(ds), maxSyntaxErrors)]
	for _, d := range ds {
		clarify(d, text)
	}
	if more > 0 {
		ds[len(ds)-1].Detail += fmt.Sprintf(" (%d more syntax errors follow in this file.)", more)
	}
	return ds
}

// maxSyntaxErrors is how many of one file are reported. Behind so many nothing can be relied on.
const maxSyntaxErrors = 20

// unclosedText finds the first quote or heredoc that is not closed, if that is what made the parser fail.
func unclosedText(text []byte, path string, ds hcl.Diagnostics) *hcl.Diagnostic {
	if !slices.ContainsFunc(ds, func(d *hcl.Diagnostic) bool {
		return d.Summary == "Invalid multi-line string" || strings.HasPrefix(d.Summary, "Unterminated ")
	}) {
		return nil
	}
	tokens, _ := hclsyntax.LexConfig(text, path, hcl.InitialPos)
	var open []hclsyntax.Token
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			open = append(open, t)
		case hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		case hclsyntax.TokenQuotedNewline:
			return unclosed(open, t.Range.Start)
		case hclsyntax.TokenEOF:
			return unclosed(open, t.Range.Start)
		}
	}
	return nil
}

func unclosed(open []hclsyntax.Token, end hcl.Pos) *hcl.Diagnostic {
	if len(open) == 0 {
		return nil
	}
	last := open[len(open)-1]
	at := last.Range
	if last.Type == hclsyntax.TokenOHeredoc {
		marker := strings.TrimLeft(strings.TrimSpace(string(last.Bytes)), "<-")
		at.End = at.Start
		at.End.Byte, at.End.Column = at.Start.Byte+2, at.Start.Column+2
		return diag.Error(CodeSyntax, "Text without end", fmt.Sprintf("The text that starts here goes on until a line that holds nothing but %s, and there is none. Add that line.", marker), &at)
	}
	if end.Line == at.Start.Line {
		at.End = end
	}
	return diag.Error(CodeSyntax, "Quote without end", "The text that starts with this quote is not closed on its line. Close it with another quote, or write a text of several lines "+
		"as <<-EOT … EOT. If the quote was meant to end a text, then a quote, or the brace that closes \"${\", is missing before it.", &at)
}

// clarify rewords the findings that say least about what to do.
func clarify(d *hcl.Diagnostic, text []byte) {
	if d.Subject == nil {
		return
	}
	found := ""
	if s := d.Subject; s.Start.Byte >= 0 && s.Start.Byte <= s.End.Byte && s.End.Byte <= len(text) {
		found = strings.TrimSpace(string(text[s.Start.Byte:s.End.Byte]))
	}
	switch {
	case d.Summary == "Unclosed configuration block":
		d.Summary, d.Detail = "Brace without end", "The block that starts here has no closing brace."
		if line := nextBlock(text, d.Subject.Start); line > 0 {
			d.Detail += fmt.Sprintf(" Line %d starts another block, so the brace is probably missing before it.", line)
		} else {
			d.Detail += " Add it, or look for an opening brace too many inside the block."
		}
	case d.Summary == "Argument or block definition required" && found == "}":
		d.Summary, d.Detail = "Brace without beginning", "There is no open block that this brace could close. Remove it, or look for a closing brace too many above."
	case d.Summary == "Invalid block definition" && strings.Contains(d.Detail, "starting on the same line"):
		d.Detail = "The opening brace of a block stands on the line of its header, as in resource \"TYPE\" \"NAME\" {."
	case d.Summary == "Invalid expression" && strings.Contains(d.Detail, "invalid expression token"):
		d.Detail = "A value is expected here: a text in quotes, a number, true, false, null, a reference, a list in brackets or an object in braces."
	case strings.HasPrefix(d.Summary, "Missing false expression"):
		d.Detail = "A conditional has the form CONDITION ? A : B, and here its second half, \": B\", is missing."
	case d.Summary == "Missing item separator":
		d.Detail = "The elements of a list or object are separated by commas or, in an object, by line breaks, and it ends with its closing bracket. One of these is missing before this place."
	case d.Summary == "Missing argument separator":
		d.Detail = "The arguments of a function are separated by commas and end with a closing parenthesis. One of these is missing before this place."
	case d.Summary == "Missing newline after argument" || d.Summary == "Missing newline after block definition":
		d.Detail = "What stands here belongs to no argument. Every argument and block has a line of its own; a text stands in quotes."
	}
}

// nextBlock returns the number of the first line after a position that starts like a block at the top of a file.
func nextBlock(text []byte, after hcl.Pos) int {
	kinds := blockKinds()
	line := after.Line
	for rest := text[min(after.Byte, len(text)):]; ; line++ {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return 0
		}
		rest = rest[i+1:]
		word := rest[:len(rest)-len(bytes.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz_"))]
		if _, ok := kinds[string(word)]; ok && blockHeader(rest[len(word):]) {
			return line + 1
		}
	}
}

// blockHeader reports whether what follows a word on its line makes it the header of a block.
func blockHeader(rest []byte) bool {
	header, _, _ := bytes.Cut(rest, []byte("\n"))
	header = bytes.TrimSpace(header)
	return bytes.HasSuffix(header, []byte("{")) && !bytes.Contains(header, []byte("="))
}

// followUps leaves out the findings about blocks in which the parser failed: what they complain about may be there, or be
// a piece of something else. Parsed are what the parser found, decoded what was found in the blocks that it made.
func followUps(parsed, decoded hcl.Diagnostics, files map[string]*hcl.File) hcl.Diagnostics {
	broken := map[string][]hcl.Range{} // by file: the places from the start of a block to its end
	for n, d := range parsed {
		if diag.CodeOf(d) != CodeSyntax || d.Subject == nil || files[d.Subject.Filename] == nil {
			continue
		}
		at := *d.Subject
		if d.Summary == "Quote without end" || d.Summary == "Text without end" || d.Summary == "Brace without end" || n >= maxSyntaxErrors-1 {
			at.End.Byte = len(files[at.Filename].Bytes)
		}
		text := files[at.Filename].Bytes
		body, native := files[at.Filename].Body.(*hclsyntax.Body)
		if !native {
			at.Start, at.End.Byte = hcl.InitialPos, len(text) // what a JSON file means depends on all of it
			broken[at.Filename] = append(broken[at.Filename], at)
			continue
		}
		at.Start.Byte = bytes.LastIndexByte(text[:min(max(at.Start.Byte, 0), len(text))], '\n') + 1 // the whole line
		for _, b := range body.Blocks {
			if r := hcl.RangeBetween(b.TypeRange, b.Body.SrcRange); r.Start.Byte <= d.Subject.Start.Byte && d.Subject.Start.Byte <= r.End.Byte {
				at.Start, at.End.Byte = r.Start, max(at.End.Byte, r.End.Byte)
			}
		}
		broken[at.Filename] = append(broken[at.Filename], at)
	}
	if len(broken) == 0 {
		return decoded
	}
	return slices.DeleteFunc(decoded, func(d *hcl.Diagnostic) bool {
		return d.Subject != nil && slices.ContainsFunc(broken[d.Subject.Filename], func(r hcl.Range) bool {
			return r.Start.Byte <= d.Subject.Start.Byte && d.Subject.Start.Byte <= r.End.Byte
		})
	})
}
