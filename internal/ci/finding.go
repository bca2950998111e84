package ci

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// Level is how bad a finding is. The zero value is invalid.
type Level uint8

// The levels.
const (
	Error Level = iota + 1
	Warning
)

// String returns the word that SARIF and GitHub use.
func (l Level) String() string {
	if l == Error {
		return "error"
	}
	return "warning"
}

// Finding is one entry of a report: a diagnostic, or an object that others changed.
type Finding struct {
	Code            diag.Code
	Level           Level
	Address         string // of the resource instance, or ""
	Summary, Detail string
	// Range is the place in the configuration; nil when none is known.
	Range *hcl.Range

	// identity tells findings of one code, file and address apart without a line number: it stays when lines move.
	identity string
}

// Message returns the finding as one paragraph of plain text.
func (f *Finding) Message() string {
	s := strings.TrimSuffix(oneLine(f.Summary), ".")
	if f.Address != "" {
		s += " (" + oneLine(f.Address) + ")"
	}
	if d := oneLine(f.Detail); d != "" {
		s += ". " + d
	}
	return s
}

// FromDiagnostics returns the findings of a check in the given order. Files hold the sources of the configuration; the
// line that a finding is about identifies it, wherever it moves.
func FromDiagnostics(ds hcl.Diagnostics, files map[string]*hcl.File) []Finding {
	var out []Finding
	for _, d := range ds {
		f := Finding{Code: diag.CodeOf(d), Level: Error, Address: diag.AddressOf(d), Summary: d.Summary, Detail: d.Detail, Range: d.Subject}
		if d.Severity == hcl.DiagWarning {
			f.Level = Warning
		}
		f.identity = d.Summary
		if snippet := diag.ToJSON(d, files).Snippet; snippet != nil {
			f.identity += "\n" + strings.TrimSpace(snippet.Code)
		}
		out = append(out, f)
	}
	return out
}

// CodeDrift: an object was changed outside meshplan.
const CodeDrift diag.Code = "drift.changed"

// CodeDriftGone: an object was deleted outside meshplan.
const CodeDriftGone diag.Code = "drift.deleted"

// FromDrift returns a finding for each object that others changed, as plans list them in Drift. It names the attributes
// and shows no value.
func FromDrift(changes []*plans.Change) []Finding {
	var out []Finding
	for _, c := range changes {
		f := Finding{Code: CodeDrift, Level: Warning, Address: c.Addr.String(), Summary: "Changed outside meshplan"}
		if c.Range.Filename != "" {
			rng := c.Range
			f.Range = &rng
		}
		paths := render.Paths(c)
		switch {
		case c.Action == plans.Delete:
			f.Code, f.Summary = CodeDriftGone, "Deleted outside meshplan"
			f.Detail = "The object that the last run recorded is not there any more."
		case len(paths) > 0:
			f.Detail = "Not as the last run left it: " + some(paths, 20) + "."
		}
		f.identity = strings.Join(paths, "\n")
		out = append(out, f)
	}
	return out
}

// FromFindings returns a finding of a report for each one that a provider made. What fails now is an error.
func FromFindings(list []render.DriftFinding) []Finding {
	var out []Finding
	for _, in := range list {
		f := Finding{Code: diag.Code(in.Class), Level: Warning, Address: in.Address, Summary: in.Summary, Detail: in.Detail + " " + in.Fix, identity: in.Object}
		if in.Object != "" {
			f.Detail = in.Object + ": " + f.Detail
		}
		if in.Severity == plans.SeverityCritical.String() {
			f.Level = Error
		}
		out = append(out, f)
	}
	return out
}

// some joins the first n of names.
func some(names []string, n int) string {
	if len(names) > n+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:n], ", "), len(names)-n)
	}
	return strings.Join(names, ", ")
}

// oneLine makes text from outside safe within a line.
func oneLine(s string) string { return strings.Join(strings.Fields(diag.Scrub(s)), " ") }

// worst sorts findings by level, and leaves the order within a level as it is.
func worst(fs []Finding) []Finding {
	fs = slices.Clone(fs)
	slices.SortStableFunc(fs, func(a, b Finding) int { return int(a.Level) - int(b.Level) })
	return fs
}
