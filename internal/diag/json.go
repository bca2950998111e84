package diag

import "github.com/hashicorp/hcl/v2"

// JSON is the form of a finding for machines: that of Terraform's `validate -json`, with a code. Expression values
// are always empty, for they may be secret.
type JSON struct {
	Severity string       `json:"severity"` // error or warning
	Code     Code         `json:"code,omitempty"`
	Summary  string       `json:"summary"`
	Detail   string       `json:"detail"`
	Address  string       `json:"address,omitempty"`
	Range    *JSONRange   `json:"range,omitempty"`
	Snippet  *JSONSnippet `json:"snippet,omitempty"`
}

// JSONRange is a place in a file; the end is exclusive.
type JSONRange struct {
	Filename string  `json:"filename"`
	Start    JSONPos `json:"start"`
	End      JSONPos `json:"end"`
}

// JSONPos is a position: line and column count from 1, bytes from 0.
type JSONPos struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

// JSONSnippet is the source line that a finding is about. The offsets are bytes of Code.
type JSONSnippet struct {
	Context              *string    `json:"context"`
	Code                 string     `json:"code"`
	StartLine            int        `json:"start_line"`
	HighlightStartOffset int        `json:"highlight_start_offset"`
	HighlightEndOffset   int        `json:"highlight_end_offset"`
	Values               []struct{} `json:"values"`
}

// ToJSON converts a finding. Files hold the source for snippets, as in TextOptions.
func ToJSON(d *hcl.Diagnostic, files map[string]*hcl.File) JSON {
	out := JSON{Severity: "error", Code: CodeOf(d), Summary: d.Summary, Detail: d.Detail, Address: AddressOf(d)}
	if d.Severity == hcl.DiagWarning {
		out.Severity = "warning"
	}
	if d.Subject == nil {
		return out
	}
	pos := func(p hcl.Pos) JSONPos { return JSONPos{p.Line, p.Column, p.Byte} }
	out.Range = &JSONRange{d.Subject.Filename, pos(d.Subject.Start), pos(d.Subject.End)}
	if s, ok := snippetOf(files, d.Subject); ok {
		out.Snippet = &JSONSnippet{Code: s.code, StartLine: s.line, HighlightStartOffset: s.start, HighlightEndOffset: s.end, Values: []struct{}{}}
		if s.block != "" {
			out.Snippet.Context = &s.block
		}
	}
	return out
}
