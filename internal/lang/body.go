package lang

import (
	"cmp"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
)

// BodyReferences returns the references of every expression in a body of the given shape, inside nested and dynamic
// blocks too, and its diagnostics, both sorted by position. The body must not have been expanded. Names that dynamic
// blocks define are not references. Parts that do not fit the schema are passed over: schema.Block.Decode reports
// them.
func BodyReferences(body hcl.Body, b *schema.Block) ([]Reference, hcl.Diagnostics) {
	var w refWalker
	w.body(body, b)
	slices.SortStableFunc(w.refs, func(a, b Reference) int { return comparePos(a.Range, b.Range) })
	return w.refs, diag.Sort(w.diags) // attributes come in no particular order
}

func (w *refWalker) body(body hcl.Body, b *schema.Block) {
	content, _, _ := body.PartialContent(bodySchema(b))
	for _, a := range content.Attributes {
		w.expr(a.Expr)
	}
	for _, block := range content.Blocks {
		if block.Type != "dynamic" {
			w.body(block.Body, &b.Blocks[block.Type].Block)
		} else if n := b.Blocks[block.Labels[0]]; n != nil {
			w.dynamic(block, n)
		}
	}
}

// dynamic walks a dynamic block that generates blocks of the given kind.
func (w *refWalker) dynamic(block *hcl.Block, n *schema.NestedBlock) {
	content, _, _ := block.Body.PartialContent(&hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "for_each"}, {Name: "iterator"}, {Name: "labels"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "content"}},
	})
	if a := content.Attributes["for_each"]; a != nil {
		w.expr(a.Expr)
	}
	iterator := block.Labels[0]
	if a := content.Attributes["iterator"]; a != nil {
		if name := hcl.ExprAsKeyword(a.Expr); name != "" {
			iterator = name
		}
	}
	w.locals = append(w.locals, map[string]struct{}{iterator: {}})
	if a := content.Attributes["labels"]; a != nil {
		w.expr(a.Expr)
	}
	for _, inner := range content.Blocks {
		w.body(inner.Body, &n.Block)
	}
	w.locals = w.locals[:len(w.locals)-1]
}

func bodySchema(b *schema.Block) *hcl.BodySchema {
	s := &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{{Type: "dynamic", LabelNames: []string{"type"}}}}
	for name := range b.Attributes {
		s.Attributes = append(s.Attributes, hcl.AttributeSchema{Name: name})
	}
	for name, n := range b.Blocks {
		h := hcl.BlockHeaderSchema{Type: name}
		if n.Nesting == schema.Map {
			h.LabelNames = []string{n.Label}
		}
		s.Blocks = append(s.Blocks, h)
	}
	return s
}

func comparePos(a, b hcl.Range) int {
	return cmp.Or(cmp.Compare(a.Filename, b.Filename), cmp.Compare(a.Start.Byte, b.Start.Byte))
}
