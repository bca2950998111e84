// Package diag adds to hcl.Diagnostics what meshplan needs of every finding: a stable code for machines, the place in a
// value that a provider complains about, a deterministic order and a "did you mean".
//
// The central idea: a diagnostic is written once, by whoever knows most, and every later layer only adds the position
// that the writer could not know. Providers never see HCL; they say which attribute is wrong (At) and the engine
// finds its source range. Codes are typed constants with a doc comment in the package that reports them.
package diag

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Code identifies a kind of finding for machines, for instance `config.cycle`: the area, a dot, and the finding in
// lower case with hyphens. A code never changes its meaning.
type Code string

// Extra is what meshplan keeps in hcl.Diagnostic.Extra. Other packages read it through CodeOf and PathOf.
type Extra struct {
	Code Code
	Path cty.Path // the attribute in the resource's configuration, when only the provider knew it
	// Address names the resource instance which the finding is about; empty when it is about none.
	Address string
	// Refused says that the system said no to a write, so that nothing was changed by it.
	Refused bool
}

// Error returns an error with a code. The subject may be nil when no position is known.
func Error(code Code, summary, detail string, subject *hcl.Range) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: subject, Extra: Extra{Code: code}}
}

// Warning returns a warning with a code. The subject may be nil when no position is known.
func Warning(code Code, summary, detail string, subject *hcl.Range) *hcl.Diagnostic {
	d := Error(code, summary, detail, subject)
	d.Severity = hcl.DiagWarning
	return d
}

// Errorf returns an error without a position whose detail is formatted; providers use it with At or alone.
func Errorf(code Code, summary, format string, args ...any) *hcl.Diagnostic {
	return Error(code, summary, fmt.Sprintf(format, args...), nil)
}

// Warningf is Errorf for warnings.
func Warningf(code Code, summary, format string, args ...any) *hcl.Diagnostic {
	return Warning(code, summary, fmt.Sprintf(format, args...), nil)
}

// At says which attribute of the resource's configuration d is about and returns d. The engine turns the path into a
// source range.
func At(d *hcl.Diagnostic, path cty.Path) *hcl.Diagnostic {
	e, _ := d.Extra.(Extra)
	e.Path = path.Copy()
	d.Extra = e
	return d
}

// For says which resource instance d is about, unless it is known already, and returns d.
func For(d *hcl.Diagnostic, address string) *hcl.Diagnostic {
	e, ok := d.Extra.(Extra)
	if d.Extra != nil && !ok || e.Address != "" {
		return d // HCL's own extras carry the expression that failed: keep them
	}
	e.Address = address
	d.Extra = e
	return d
}

// Refused says that the system said no to a write, so that nothing was changed by it, and returns d.
func Refused(d *hcl.Diagnostic) *hcl.Diagnostic {
	e, _ := d.Extra.(Extra)
	e.Refused = true
	d.Extra = e
	return d
}

// AllRefused reports whether there are errors, and each of them is a refusal.
func AllRefused(ds hcl.Diagnostics) bool {
	for _, d := range ds {
		if e, _ := d.Extra.(Extra); d.Severity == hcl.DiagError && !e.Refused {
			return false
		}
	}
	return ds.HasErrors()
}

// CodeExpression is the code of what HCL itself finds wrong with an expression: a syntax error, an attribute that a
// value does not have, a function that fails.
const CodeExpression Code = "config.expression"

// CodeOf returns the code of a finding; one that HCL itself reported has CodeExpression.
func CodeOf(d *hcl.Diagnostic) Code {
	if e, ok := d.Extra.(Extra); ok && e.Code != "" {
		return e.Code
	}
	return CodeExpression
}

// PathOf returns the attribute that a finding is about, or nil.
func PathOf(d *hcl.Diagnostic) cty.Path {
	e, _ := d.Extra.(Extra)
	return e.Path
}

// AddressOf returns the resource instance that a finding is about, or "".
func AddressOf(d *hcl.Diagnostic) string {
	e, _ := d.Extra.(Extra)
	return e.Address
}

// FromError turns err into diagnostics. An error that already wraps hcl.Diagnostics keeps them.
func FromError(code Code, summary string, err error, subject *hcl.Range) hcl.Diagnostics {
	var ds hcl.Diagnostics
	if errors.As(err, &ds) {
		return ds
	}
	return hcl.Diagnostics{Error(code, summary, sentence(err.Error()), subject)}
}

// sentence makes an error string readable as the body of a message.
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// Sort orders diagnostics by file, position, severity, code and text, and drops exact repetitions. Those without a
// position come last.
func Sort(ds hcl.Diagnostics) hcl.Diagnostics {
	out := slices.Clone(ds)
	slices.SortStableFunc(out, compare)
	return slices.CompactFunc(out, func(a, b *hcl.Diagnostic) bool {
		return compare(a, b) == 0 && a.Detail == b.Detail
	})
}

func compare(a, b *hcl.Diagnostic) int {
	if (a.Subject == nil) != (b.Subject == nil) {
		if a.Subject == nil {
			return 1
		}
		return -1
	}
	var pos int
	if a.Subject != nil {
		pos = cmp.Or(cmp.Compare(a.Subject.Filename, b.Subject.Filename), cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte))
	}
	return cmp.Or(pos, cmp.Compare(a.Severity, b.Severity), cmp.Compare(CodeOf(a), CodeOf(b)),
		cmp.Compare(AddressOf(a), AddressOf(b)), cmp.Compare(a.Summary, b.Summary), cmp.Compare(a.Detail, b.Detail))
}

// Suggest returns ` Did you mean "x"?` for the candidate nearest to name, or "" when none is near enough. Candidates may
// come in any order; equally near ones resolve to the first in byte order. It costs O(candidates), of which there may
// be ten thousand: long names, which nobody types, are not compared.
func Suggest(name string, candidates []string) string {
	const long, many = 100, 10_000
	if len(candidates) > many {
		return ""
	}
	best, distance := "", 3
	if len(name) <= 2 {
		distance = 2 // everything short is near to everything else that is
	}
	for _, c := range candidates {
		if len(name) > long || len(c) > long+3 || max(len(c)-len(name), len(name)-len(c)) > 4*3 { // a letter has up to 4 bytes
			continue
		}
		if d := levenshtein.Distance(name, c, nil); d < distance || d == distance && best != "" && c < best {
			best, distance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" Did you mean %q?", best)
}

// Scrub makes text from outside (a cluster, a chart) safe for a terminal: control characters, escape sequences and marks
// that turn the direction of text around become the replacement character, except line breaks and tabs.
func Scrub(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < 0x20 || r >= 0x7f && r < 0xa0, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
			return '\uFFFD'
		}
		return r
	}, s)
}

// PathString renders a value path as HCL would write it: `wait[0].condition["Ready"]`.
func PathString(p cty.Path) string {
	var b strings.Builder
	for _, step := range p {
		switch s := step.(type) {
		case cty.GetAttrStep:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.Name)
		case cty.IndexStep:
			switch {
			case !s.Key.IsKnown() || s.Key.IsNull():
				b.WriteString("[?]")
			case s.Key.Type() == cty.String:
				fmt.Fprintf(&b, "[%q]", s.Key.AsString())
			case s.Key.Type() == cty.Number:
				fmt.Fprintf(&b, "[%s]", s.Key.AsBigFloat().Text('f', -1))
			default:
				b.WriteString("[*]")
			}
		}
	}
	return b.String()
}
