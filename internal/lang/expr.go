package lang

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// ExprReferences returns every reference in an expression, in the order of the text. Names that the expression itself
// defines (`for` variables) are not references. Expressions of the JSON syntax are read as precisely as native ones.
func ExprReferences(expr hcl.Expression) ([]Reference, hcl.Diagnostics) {
	var w refWalker
	w.expr(expr)
	return w.refs, w.diags
}

// refWalker collects references. It implements hclsyntax.Walker.
type refWalker struct {
	refs  []Reference
	diags hcl.Diagnostics
	// locals are the names that enclosing `for` expressions and dynamic blocks define, innermost last.
	locals []map[string]struct{}
	// seen are the nodes that were handled together with the node around them.
	seen map[hclsyntax.Node]bool
}

// expr walks an expression of either syntax.
func (w *refWalker) expr(expr hcl.Expression) {
	if native, ok := expr.(hclsyntax.Expression); ok {
		w.seen = nil
		w.diags = append(w.diags, hclsyntax.Walk(native, w)...)
		return
	}
	if _, ok := expr.(interface{ ExprList() []hcl.Expression }); !ok {
		w.traversals(expr.Variables()) // not one of the two syntaxes: a wrapper made by some other package
		return
	}
	w.json(expr)
}

// json walks an expression of the JSON syntax: strings are templates, everything else is a literal or a container.
func (w *refWalker) json(expr hcl.Expression) {
	if list, ds := hcl.ExprList(expr); !ds.HasErrors() {
		for _, e := range list {
			w.json(e)
		}
		return
	}
	if pairs, ds := hcl.ExprMap(expr); !ds.HasErrors() {
		for _, p := range pairs {
			w.json(p.Key)
			w.json(p.Value)
		}
		return
	}
	// Without a context a JSON string is its own text; the range starts at the quote before it.
	v, ds := expr.Value(nil)
	if ds.HasErrors() || v.IsNull() || v.Type() != cty.String {
		return
	}
	at := expr.Range()
	if d := CheckNesting([]byte(v.AsString()), Template, at); d != nil {
		w.diags = append(w.diags, d)
		return
	}
	start := hcl.Pos{Line: at.Start.Line, Column: at.Start.Column + 1, Byte: at.Start.Byte + 1}
	template, ds := hclsyntax.ParseTemplate([]byte(v.AsString()), at.Filename, start)
	if ds.HasErrors() {
		return // evaluation reports it
	}
	inner := refWalker{locals: w.locals}
	inner.expr(template)
	// Escapes in the JSON text shift positions: keep every range within the string.
	for i := range inner.refs {
		inner.refs[i].Range = within(inner.refs[i].Range, at)
	}
	for _, d := range inner.diags {
		if d.Subject != nil {
			d.Subject = within(*d.Subject, at).Ptr()
		}
	}
	w.refs, w.diags = append(w.refs, inner.refs...), append(w.diags, inner.diags...)
}

func within(r, outer hcl.Range) hcl.Range {
	if r.Start.Byte < outer.Start.Byte || r.End.Byte > outer.End.Byte {
		return outer
	}
	return r
}

// Enter implements hclsyntax.Walker.
func (w *refWalker) Enter(n hclsyntax.Node) hcl.Diagnostics {
	switch n := n.(type) {
	case hclsyntax.ChildScope:
		w.locals = append(w.locals, n.LocalNames)
	case *hclsyntax.RelativeTraversalExpr:
		if index, ok := n.Source.(*hclsyntax.IndexExpr); ok {
			w.index(index, n.Traversal, n.Range())
		}
	case *hclsyntax.IndexExpr:
		if !w.seen[n] {
			w.index(n, nil, n.Range())
		}
	case *hclsyntax.ScopeTraversalExpr:
		if !w.seen[n] {
			w.traversals([]hcl.Traversal{n.Traversal})
		}
	}
	return nil
}

// Exit implements hclsyntax.Walker.
func (w *refWalker) Exit(n hclsyntax.Node) hcl.Diagnostics {
	if _, ok := n.(hclsyntax.ChildScope); ok {
		w.locals = w.locals[:len(w.locals)-1]
	}
	return nil
}

// index handles `TYPE.NAME[key]rest` as one reference when the index comes right after the name. The walk goes on
// into the key, whose references are reported as their own.
func (w *refWalker) index(n *hclsyntax.IndexExpr, rest hcl.Traversal, whole hcl.Range) {
	of, ok := n.Collection.(*hclsyntax.ScopeTraversalExpr)
	if !ok || w.local(of.Traversal.RootName()) {
		return
	}
	ref, d := parseReference(of.Traversal)
	indexable := ref.Kind == RefResource || ref.Kind == RefData || ref.Kind == RefModule
	if d != nil || !indexable || ref.KeyExpr != KeyNone || len(ref.Remaining) > 0 {
		return // the index belongs to an attribute, or the name is wrong: the plain traversal says all there is to say
	}
	ref.KeyExpr, ref.Index, ref.Remaining, ref.Range = w.keyExpr(n.Key), n.Key, rest, whole
	w.refs = append(w.refs, ref)
	w.skip(n, of)
}

// keyExpr classifies the expression in the brackets.
func (w *refWalker) keyExpr(key hclsyntax.Expression) KeyExpr {
	for {
		switch k := key.(type) {
		case *hclsyntax.ParenthesesExpr:
			key = k.Expression
			continue
		case *hclsyntax.TemplateWrapExpr: // "${each.key}"
			key = k.Wrapped
			continue
		case *hclsyntax.ScopeTraversalExpr:
			if len(k.Traversal) != 2 || w.local(k.Traversal.RootName()) {
				return KeyDynamic
			}
			name, _ := attrAt(k.Traversal, 1)
			switch k.Traversal.RootName() + "." + name {
			case "each.key":
				return KeyEachKey
			case "each.value":
				return KeyEachValue
			case "count.index":
				return KeyCountIndex
			}
		}
		return KeyDynamic
	}
}

func (w *refWalker) skip(nodes ...hclsyntax.Node) {
	if w.seen == nil {
		w.seen = make(map[hclsyntax.Node]bool)
	}
	for _, n := range nodes {
		w.seen[n] = true
	}
}

func (w *refWalker) local(name string) bool {
	for _, names := range w.locals {
		if _, ok := names[name]; ok {
			return true
		}
	}
	return false
}

func (w *refWalker) traversals(ts []hcl.Traversal) {
	for _, t := range ts {
		if w.local(t.RootName()) {
			continue
		}
		refs, ds := ParseReferences([]hcl.Traversal{t})
		w.refs, w.diags = append(w.refs, refs...), append(w.diags, ds...)
	}
}
