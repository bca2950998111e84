package diag

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// TextOptions say how WriteText lays findings out. The zero value is plain text that is not wrapped.
type TextOptions struct {
	// Files hold the source for snippets. Leave out files whose text must not be shown (values of variables).
	Files map[string]*hcl.File
	// Width of the terminal in characters; 0 wraps and clips nothing.
	Width int
	Paint Paint
	// ASCII draws the bar with characters that every terminal has.
	ASCII bool
}

// WriteText writes findings for people, each with its code and the source line that it is about:
//
//	│ Error: Unsupported argument [config.unknown-argument]
//	│
//	│   on shop.mesh.hcl line 3, in resource "memory_object" "web":
//	│    3:   nmae = "web"
//	│         ^^^^
//	│
//	│ There is no argument "nmae" here. Did you mean "name"?
//
// What the expression refers to is never shown: it may be secret. Text is made safe for terminals.
func WriteText(w io.Writer, ds hcl.Diagnostics, o TextOptions) error {
	b := bufio.NewWriter(w)
	for _, d := range ds {
		bar, ellipsis := "│", "…"
		if o.ASCII {
			bar, ellipsis = "|", "..."
		}
		color := o.Paint.Red
		if d.Severity == hcl.DiagWarning {
			color = o.Paint.Yellow
		}
		for _, line := range o.lines(d, ellipsis) {
			fmt.Fprintln(b, strings.TrimRight(color(bar)+" "+line, " "))
		}
		fmt.Fprintln(b)
	}
	return b.Flush()
}

func (o TextOptions) lines(d *hcl.Diagnostic, ellipsis string) []string {
	label, color := "Error", o.Paint.Red
	if d.Severity == hcl.DiagWarning {
		label, color = "Warning", o.Paint.Yellow
	}
	title := color(label+": ") + o.Paint.Bold(oneLine(d.Summary))
	if code := CodeOf(d); code != "" {
		title += o.Paint.Faint(" [" + string(code) + "]")
	}
	width := 0
	if o.Width > 0 {
		width = max(o.Width-2, 20) // the bar and a space
	}
	out := append([]string{title}, o.source(d, width, ellipsis)...)
	if d.Detail != "" {
		out = append(out, "")
		out = append(out, Wrap(Scrub(d.Detail), width)...)
	}
	return out
}

// source says where the finding is and shows the line, where that is possible.
func (o TextOptions) source(d *hcl.Diagnostic, width int, ellipsis string) []string {
	address := AddressOf(d)
	if d.Subject == nil {
		if address == "" {
			return nil
		}
		return []string{"", "  with " + oneLine(address)}
	}
	var out []string
	if address != "" {
		out = append(out, "  with "+oneLine(address)+",")
	}
	where := fmt.Sprintf("  on %s line %d", oneLine(d.Subject.Filename), d.Subject.Start.Line)
	s, ok := snippetOf(o.Files, d.Subject)
	if !ok {
		return append(append([]string{""}, out...), where)
	}
	if s.block != "" {
		where += ", in " + oneLine(s.block)
	}
	number := fmt.Sprintf("  %3d: ", s.line)
	s.code = scrubSameLength(s.code)
	s = s.clip(width-len(number), ellipsis)
	shown := s.code[:s.start] + o.Paint.Bold(s.code[s.start:s.end]) + s.code[s.end:]
	out = append(out, where+":", number+shown, strings.Repeat(" ", len(number))+o.Paint.Red(s.underline()))
	return append([]string{""}, out...)
}

// oneLine makes a name from outside safe within a line.
func oneLine(s string) string { return strings.ReplaceAll(Scrub(s), "\n", " ") }

// scrubSameLength is Scrub for a source line, whose byte offsets must stay valid.
func scrubSameLength(s string) string {
	b := []byte(s)
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError || Scrub(string(r)) != string(r) {
			for j := i; j < i+size; j++ {
				b[j] = '?'
			}
		}
		i += size
	}
	return string(b)
}

// Wrap breaks text into lines of at most width characters, at spaces only. Lines that begin with a space are kept as
// they are: they are commands, lists or tables. A width of zero or less wraps nothing.
func Wrap(s string, width int) []string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimRight(s, "\n"), "\n") {
		if width <= 0 || strings.HasPrefix(line, " ") || utf8.RuneCountInString(line) <= width {
			out = append(out, line)
			continue
		}
		var b strings.Builder
		used := 0
		for word := range strings.FieldsSeq(line) {
			n := utf8.RuneCountInString(word)
			switch {
			case used == 0:
			case used+1+n > width:
				out = append(out, b.String())
				b.Reset()
				used = 0
			default:
				b.WriteByte(' ')
				used++
			}
			b.WriteString(word)
			used += n
		}
		out = append(out, b.String())
	}
	return out
}
