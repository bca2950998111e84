package lsp

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/meshplan/meshplan/internal/docs"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/internal/schema"
)

// spot is what lies at a place of a syntax tree.
type spot struct {
	blocks    []*hclsyntax.Block // that enclose it, from the outside
	keyword   bool               // it is the type of the last block
	label     int                // it is this label of the last block; -1: no label
	attribute *hclsyntax.Attribute
	name      bool                          // it is the name of the attribute
	traversal *hclsyntax.ScopeTraversalExpr // in the attribute's expression
	function  *hclsyntax.FunctionCallExpr   // whose name it is
}

// locate finds what lies at a byte. It costs O(blocks and attributes on the way, plus one expression).
func locate(body *hclsyntax.Body, at int) spot {
	s := spot{label: -1}
	for body != nil {
		next := s.step(body, at)
		if next == nil {
			break
		}
		body = next
	}
	return s
}

// step looks into one body and returns the body of the block that goes on.
func (s *spot) step(body *hclsyntax.Body, at int) *hclsyntax.Body {
	for _, a := range body.Attributes {
		switch {
		case within(a.NameRange, at):
			s.attribute, s.name = a, true
			return nil
		case within(a.Expr.Range(), at):
			s.attribute = a
			s.expression(a.Expr, at)
			return nil
		}
	}
	for _, b := range body.Blocks {
		if !within(hcl.RangeBetween(b.TypeRange, b.Body.SrcRange), at) && !within(b.TypeRange, at) {
			continue
		}
		s.blocks = append(s.blocks, b)
		if within(b.TypeRange, at) {
			s.keyword = true
			return nil
		}
		for i, r := range b.LabelRanges {
			if within(r, at) {
				s.label = i
				return nil
			}
		}
		return b.Body
	}
	return nil
}

// expression finds the innermost reference or call at a byte.
func (s *spot) expression(e hclsyntax.Expression, at int) {
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.ScopeTraversalExpr:
			if within(n.Range(), at) {
				s.traversal = n
			}
		case *hclsyntax.FunctionCallExpr:
			if within(n.NameRange, at) {
				s.function = n
			}
		}
		return nil
	})
}

// within reports whether a cursor at a byte touches a range.
func within(r hcl.Range, at int) bool { return r.Start.Byte <= at && at <= r.End.Byte }

// reference reads a traversal. False means that it is none, as in an object's key.
func reference(t hcl.Traversal) (lang.Reference, bool) {
	refs, ds := lang.ParseReferences([]hcl.Traversal{t})
	if ds.HasErrors() || len(refs) != 1 {
		return lang.Reference{}, false
	}
	return refs[0], true
}

// header is a block as completion and explanations need it.
type header struct {
	kind   string
	labels []string
}

func headers(blocks []*hclsyntax.Block) (out []header) {
	for _, b := range blocks {
		out = append(out, header{b.Type, b.Labels})
	}
	return out
}

// content returns what the innermost of the blocks may hold. about says what that block is for.
func (w *workspace) content(path []header) (b *schema.Block, about string, ok bool) {
	if len(path) == 0 {
		return nil, "", false
	}
	first := ""
	if len(path[0].labels) > 0 {
		first = path[0].labels[0]
	}
	for _, t := range docs.TopBlocks() {
		if t.Name == path[0].kind {
			about = t.Description
		}
	}
	if b, ok = docs.Content(w.catalog(), path[0].kind, first); !ok {
		return nil, about, false
	}
	for i := 1; i < len(path); i++ {
		h := path[i]
		if i == 1 && h.kind == "backend" && path[0].kind == "meshplan" {
			if len(h.labels) == 0 || w.options.Backends[h.labels[0]] == nil {
				return nil, "", false
			}
			b, about = w.options.Backends[h.labels[0]], "Where the state is kept."
			continue
		}
		if h.kind == "dynamic" && len(h.labels) > 0 && b.Blocks[h.labels[0]] != nil {
			inner := b.Blocks[h.labels[0]]
			b, about = dynamic(inner), "Makes blocks "+h.labels[0]+" from the elements of a collection."
			continue
		}
		inner := b.Blocks[h.kind]
		if inner == nil {
			return nil, "", false
		}
		b, about = &inner.Block, inner.Description
	}
	return b, about, true
}

// dynamic is what a dynamic block for blocks of a kind may hold.
func dynamic(n *schema.NestedBlock) *schema.Block {
	out := &schema.Block{
		Attributes: map[string]*schema.Attribute{
			"for_each": {Type: anyType, Required: true, Description: "A collection: one block for each element."},
			"iterator": {Type: anyType, Optional: true, Description: "The name of the element in content; the block's kind when it is not set."},
		},
		Blocks: map[string]*schema.NestedBlock{"content": {Nesting: schema.Single, Required: true, Description: n.Description, Block: schema.Block{Attributes: n.Block.Attributes, Blocks: n.Block.Blocks}}},
	}
	if n.Nesting == schema.Map {
		out.Attributes["labels"] = &schema.Attribute{Type: anyType, Optional: true, Description: "The labels of each block."}
	}
	return out
}
