package alarm

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
)

// CodeAcknowledgement: a file of acknowledgements, or an entry of it, cannot be understood or names nothing that there is.
const CodeAcknowledgement diag.Code = "drift.acknowledgement"

// maxFileBytes bounds a file of acknowledgements: it is written by hand.
const maxFileBytes = 1 << 20

// ReadAcknowledgements reads a file. With errors it returns what could be understood; the file is nil when that is
// nothing.
//
//	acknowledge {
//	  address = linkerd_server.payment
//	  path    = "access_policy"
//	  reason  = "Opened for the migration of the ledger"
//	  owner   = "team payments"
//	  expires = "2026-12-31"
//	}
func ReadAcknowledgements(path string) ([]*Acknowledgement, *hcl.File, hcl.Diagnostics) {
	text, err := readBounded(path)
	if err != nil {
		return nil, nil, hcl.Diagnostics{diag.Errorf(CodeAcknowledgement, "Acknowledgements cannot be read", "%s.", err)}
	}
	return ParseAcknowledgements(text, path)
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(b) > maxFileBytes {
		err = fmt.Errorf("the file %s has more than %d bytes", path, maxFileBytes)
	}
	return b, err
}

var (
	fileSchema  = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "acknowledge"}}}
	entrySchema = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "address"}, {Name: "path"}, {Name: "finding"}, {Name: "object"},
		{Name: "reason", Required: true}, {Name: "owner"}, {Name: "expires", Required: true}}}
)

// ParseAcknowledgements is ReadAcknowledgements for a text. The name is that of the file.
func ParseAcknowledgements(text []byte, name string) ([]*Acknowledgement, *hcl.File, hcl.Diagnostics) {
	file, ds := hclsyntax.ParseConfig(text, name, hcl.InitialPos)
	if file == nil || ds.HasErrors() {
		return nil, file, coded(ds)
	}
	content, ds := file.Body.Content(fileSchema)
	ds = coded(ds)
	var out []*Acknowledgement
	for _, b := range content.Blocks {
		a, more := decodeEntry(b)
		ds = append(ds, more...)
		if !more.HasErrors() {
			out = append(out, a)
		}
	}
	return out, file, ds
}

func coded(ds hcl.Diagnostics) hcl.Diagnostics {
	for _, d := range ds {
		if d.Extra == nil {
			d.Extra = diag.Extra{Code: CodeAcknowledgement}
		}
	}
	return ds
}

func decodeEntry(b *hcl.Block) (*Acknowledgement, hcl.Diagnostics) {
	content, ds := b.Body.Content(entrySchema)
	e := &entry{attributes: content.Attributes, ds: coded(ds)}
	a := &Acknowledgement{Range: b.DefRange, Path: e.text("path"), Finding: e.text("finding"), Object: e.text("object"), Reason: e.text("reason"), Owner: e.text("owner")}
	if given := content.Attributes["address"]; given != nil {
		a.Target = e.target(given)
	}
	text := e.text("expires")
	e.check(a, b)
	if given := content.Attributes["expires"]; given != nil {
		until, err := parseUntil(text)
		if err != nil && strings.TrimSpace(text) != "" {
			e.wrong(given.Expr.Range(), "Invalid date", "%q is no date: %s. Write a day such as \"2026-12-31\", or a time such as \"2026-12-31T18:00:00Z\".", text, err)
		}
		a.Until = until
	}
	return a, e.ds
}

// entry reads the attributes of one block and collects what is wrong.
type entry struct {
	attributes hcl.Attributes
	ds         hcl.Diagnostics
}

func (e *entry) wrong(at hcl.Range, summary, format string, args ...any) {
	e.ds = append(e.ds, diag.Error(CodeAcknowledgement, summary, fmt.Sprintf(format, args...), &at))
}

// check finds what contradicts itself or says too little.
func (e *entry) check(a *Acknowledgement, b *hcl.Block) {
	at := func(name string) hcl.Range { return e.attributes[name].Expr.Range() }
	switch {
	case e.attributes["address"] == nil && a.Finding == "":
		e.wrong(b.DefRange, "Acknowledgement of everything", "An entry names the address of what may differ, as in address = kubernetes_manifest.web, or the class of a finding.")
	case a.Path != "" && a.Finding != "":
		e.wrong(at("path"), "Conflicting arguments", "An entry is about an attribute (path) or about a finding, not about both. Write two entries.")
	case a.Object != "" && a.Finding == "":
		e.wrong(at("object"), "Conflicting arguments", "The object tells findings of one class apart, so it needs the argument \"finding\". What was changed is named by address and path.")
	}
	for _, name := range []string{"path", "finding", "object", "reason", "owner", "expires"} {
		if given := e.attributes[name]; given != nil && !e.complained(given.Expr.Range()) && strings.TrimSpace(e.text(name)) == "" {
			if name == "reason" {
				e.wrong(given.Expr.Range(), "No reason", "Say why this may stay: whoever is called at night will read it.")
				continue
			}
			e.wrong(given.Expr.Range(), "Empty text", "The argument %q has no text. Give it one, or leave it out.", name)
		}
	}
	if a.Finding != "" && !strings.Contains(a.Finding, ".") {
		e.wrong(at("finding"), "Invalid class", "%q is no class of findings: those have a dot, as the report of \"meshplan drift\" shows.", a.Finding)
	}
}

// text reads a constant text; "" when there is none, or something else.
func (e *entry) text(name string) string {
	a := e.attributes[name]
	if a == nil {
		return ""
	}
	v, ds := a.Expr.Value(nil)
	switch {
	case ds.HasErrors(), v.Type() != cty.String, v.IsNull(), !v.IsKnown():
		if at := a.Expr.Range(); !e.complained(at) {
			e.wrong(at, "Invalid argument", "The argument %q is a text in quotes, without references.", name)
		}
		return ""
	}
	return v.AsString()
}

// complained reports whether something is wrong with an expression already.
func (e *entry) complained(at hcl.Range) bool {
	return slices.ContainsFunc(e.ds, func(d *hcl.Diagnostic) bool { return d.Subject != nil && *d.Subject == at })
}

func (e *entry) target(a *hcl.Attribute) *addr.Target {
	t, err := targetOf(a.Expr)
	if err != nil {
		e.wrong(a.Expr.Range(), "Invalid address", "The address cannot be understood: %s. Write it as the report does, for instance kubernetes_manifest.web or module.shop.linkerd_server.http[\"web\"].", err)
	}
	return &t
}

// targetOf reads an address that is written as a reference or in quotes.
func targetOf(e hcl.Expression) (addr.Target, error) {
	if v, ds := e.Value(nil); !ds.HasErrors() && v.Type() == cty.String && !v.IsNull() {
		return addr.ParseTarget(v.AsString())
	}
	t, ds := hcl.AbsTraversalForExpr(e)
	if ds.HasErrors() {
		return addr.Target{}, errors.New("it is neither a reference nor a text")
	}
	return addr.TargetFromTraversal(t)
}

// parseUntil reads a day, which holds to its end, or a time.
func parseUntil(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		var wrong *time.ParseError
		if errors.As(err, &wrong) && wrong.Message != "" {
			return time.Time{}, errors.New(strings.TrimPrefix(wrong.Message, ": "))
		}
		return time.Time{}, errors.New("it has another form")
	}
	return day.AddDate(0, 0, 1), nil
}
