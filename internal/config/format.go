package config

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/meshplan/meshplan/internal/lang"
)

// Format returns src in the canonical layout. Formatting the result again changes nothing. Text with syntax errors is
// not touched: the diagnostics, whose ranges carry filename, say why. A name that ends in `.json` means the JSON syntax.
func Format(src []byte, filename string) ([]byte, hcl.Diagnostics) {
	if strings.HasSuffix(filename, jsonSuffix) {
		return formatJSON(src, filename)
	}
	at := hcl.Range{Filename: filename, Start: hcl.InitialPos, End: hcl.InitialPos}
	if d := lang.CheckNesting(src, lang.Native, at); d != nil {
		return src, hcl.Diagnostics{d}
	}
	if _, ds := hclsyntax.ParseConfig(src, filename, hcl.InitialPos); ds.HasErrors() {
		return src, legible(ds, src, filename)
	}
	return fixedPoint(src), nil
}

// fixedPoint formats until nothing changes: aligning comments and lines that were joined can need a second pass.
func fixedPoint(src []byte) []byte {
	for range 8 {
		next := hclwrite.Format(src)
		if bytes.Equal(next, src) {
			break
		}
		src = next
	}
	return src
}

// formatJSON indents by two spaces.
func formatJSON(src []byte, filename string) ([]byte, hcl.Diagnostics) {
	if _, ds := parse(src, filename); ds.HasErrors() {
		return src, ds
	}
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(src), "", "  "); err != nil {
		return src, nil // HCL accepted what encoding/json does not: leave it alone
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
