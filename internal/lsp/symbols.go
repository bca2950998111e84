package lsp

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/meshplan/meshplan/internal/config"
)

// symbols lists the blocks of a document by their addresses, and the entries of locals below them.
func (s *server) symbols(_ context.Context, p documentParams) (any, error) {
	out := []documentSymbol{}
	v := s.workspace.view(p.TextDocument.URI)
	if v == nil || v.body == nil {
		return out, nil
	}
	for _, b := range v.body.Blocks {
		whole := hcl.RangeBetween(b.TypeRange, b.Body.SrcRange)
		sym := documentSymbol{Name: symbolName(b), Detail: b.Type, Kind: symbolKind(b.Type), Range: v.text.span(whole), SelectionRange: v.text.span(b.TypeRange)}
		if n := len(b.LabelRanges); n > 0 {
			sym.SelectionRange = v.text.span(b.LabelRanges[n-1])
		}
		if b.Type == "locals" {
			for _, a := range sorted(b.Body.Attributes) {
				sym.Children = append(sym.Children, documentSymbol{Name: "local." + a.Name, Kind: symbolConstant, Range: v.text.span(a.SrcRange), SelectionRange: v.text.span(a.NameRange)})
			}
		}
		out = append(out, sym)
	}
	return out, nil
}

func sorted(attrs hclsyntax.Attributes) []*hclsyntax.Attribute {
	out := make([]*hclsyntax.Attribute, 0, len(attrs))
	for _, a := range attrs {
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *hclsyntax.Attribute) int { return a.SrcRange.Start.Byte - b.SrcRange.Start.Byte })
	return out
}

// symbolName is what references call the block, where they can.
func symbolName(b *hclsyntax.Block) string {
	name := strings.Join(b.Labels, ".")
	switch b.Type {
	case "resource":
	case "variable":
		name = "var." + name
	default:
		name = strings.TrimSuffix(b.Type+"."+name, ".")
	}
	if name == "" {
		return b.Type // labels are still being typed
	}
	return name
}

func symbolKind(block string) int {
	switch block {
	case "resource":
		return symbolObject
	case "data":
		return symbolStruct
	case "variable":
		return symbolVariable
	case "output":
		return symbolProperty
	case "module":
		return symbolModule
	case "check":
		return symbolEvent
	}
	return symbolNamespace
}

// formatting lays a document out as `meshplan fmt` does. What cannot be parsed is left alone.
func (s *server) formatting(_ context.Context, p documentParams) (any, error) {
	out := []textEdit{}
	d := s.workspace.document(p.TextDocument.URI)
	if d == nil {
		return out, nil
	}
	formatted, ds := config.Format(d.text.bytes, d.path)
	if ds.HasErrors() || string(formatted) == string(d.text.bytes) {
		return out, nil
	}
	return append(out, textEdit{Range: d.text.whole(), NewText: string(formatted)}), nil
}
