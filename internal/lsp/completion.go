package lsp

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/meshplan/meshplan/internal/docs"
	"github.com/meshplan/meshplan/internal/schema"
)

// completion offers what may stand at a place. The editor filters it by what is typed already.
func (s *server) completion(_ context.Context, p positionParams) (any, error) {
	out := []completionItem{}
	v := s.workspace.view(p.TextDocument.URI)
	if v == nil || strings.HasSuffix(v.path, ".json") {
		return out, nil
	}
	at := v.text.offset(p.Position)
	c := &completer{server: s, view: v, cursor: look(v.text.bytes, at), snippets: s.snippets.Load()}
	c.replace = Range{Start: v.text.position(c.from), End: v.text.position(at)}
	switch c.place {
	case statement:
		c.statements()
	case label:
		c.labels()
	case objectKey:
		c.objectKeys()
	case expression, literal:
		c.values()
		if c.place == expression {
			c.references()
		}
	}
	return append(out, c.items...), nil
}

// completer collects the items of one answer.
type completer struct {
	*server
	cursor
	view     *view
	snippets bool
	replace  Range
	items    []completionItem
}

// The order in which groups of items are shown.
const (
	orderRequired = "0"
	orderOptional = "1"
	orderBlock    = "2"
	orderMeta     = "3"
	orderLast     = "4"
)

// add offers a text; order is its group.
func (c *completer) add(kind int, order, insert, detail, about string) {
	c.offer(completionItem{Label: insert, Kind: kind, Detail: detail}, order, insert, about)
}

func (c *completer) offer(i completionItem, order, insert, about string) {
	i.SortText, i.FilterText, i.TextEdit = order+i.Label, i.Label, &textEdit{Range: c.replace, NewText: insert}
	if about != "" {
		i.Documentation = markdown(about)
	}
	c.items = append(c.items, i)
}

// block offers a block, with a body where the editor can place the cursor in it.
func (c *completer) block(order, name string, labels int, detail, about string) {
	i, insert := completionItem{Label: name, Kind: itemStruct, Detail: detail}, name
	if c.snippets {
		for n := range labels {
			insert += fmt.Sprintf(" \"$%d\"", n+1)
		}
		i.Format, insert = formatSnippet, insert+" {\n\t$0\n}"
	}
	c.offer(i, order, insert, about)
}

// statements offers the blocks of the top level, or the arguments and nested blocks that the innermost block may hold.
func (c *completer) statements() {
	if len(c.blocks) == 0 {
		for _, b := range docs.TopBlocks() {
			c.block(orderBlock, b.Name, len(b.Labels), "block", b.Description)
		}
		return
	}
	content, _, ok := c.workspace.content(c.blocks)
	if !ok {
		return
	}
	body := c.view.bodyAt(c.open)
	meta := len(c.blocks) == 1 && (c.blocks[0].kind == "resource" || c.blocks[0].kind == "data")
	for _, name := range slices.Sorted(maps.Keys(content.Attributes)) {
		c.argument(name, content.Attributes[name], body, meta && docs.IsMeta(name))
	}
	for _, name := range slices.Sorted(maps.Keys(content.Blocks)) {
		n := content.Blocks[name]
		if n.Nesting == schema.Single && hasBlock(body, name) {
			continue
		}
		order := orderBlock
		switch {
		case n.Required && !hasBlock(body, name):
			order = orderRequired
		case meta && docs.IsMeta(name):
			order = orderMeta
		}
		labels := 0
		if n.Nesting == schema.Map {
			labels = 1
		}
		c.block(order, name, labels, "block, "+docs.BlockSummary(n), n.Description)
	}
	if len(content.Blocks) > 0 {
		c.block(orderLast, "dynamic", 1, "block", "Blocks that an expression makes.")
	}
	if child := called(c.view.module, c.blocks[0].labels); child != nil && len(c.blocks) == 1 && c.blocks[0].kind == "module" {
		for _, x := range child.SortedVariables() {
			order := orderOptional
			if x.Required() {
				order = orderRequired
			}
			if body == nil || body.Attributes[x.Name] == nil {
				c.offer(completionItem{Label: x.Name, Kind: itemField, Detail: "variable of the module"}, order, x.Name+" = ", variableMarkdown(x))
			}
		}
	}
}

// argument offers an argument that is not there yet, the required ones first.
func (c *completer) argument(name string, a *schema.Attribute, body *hclsyntax.Body, meta bool) {
	if !a.Settable() || body != nil && body.Attributes[name] != nil && body.Attributes[name].NameRange.Start.Byte != c.from {
		return
	}
	order := orderOptional
	switch {
	case a.Required:
		order = orderRequired
	case meta:
		order = orderMeta
	}
	c.offer(completionItem{Label: name, Kind: itemField, Detail: docs.Summary(a), Deprecated: a.Deprecated != ""}, order, name+" = ", a.Description)
}

// bodyAt returns the body of the block whose brace is at a byte, as far as it could be parsed.
func (v *view) bodyAt(open int) *hclsyntax.Body {
	body := v.body
	for body != nil {
		var next *hclsyntax.Body
		for _, b := range body.Blocks {
			if b.OpenBraceRange.Start.Byte == open {
				return b.Body
			}
			if b.OpenBraceRange.Start.Byte < open && open < b.Body.SrcRange.End.Byte {
				next = b.Body
			}
		}
		body = next
	}
	return nil
}

func hasBlock(body *hclsyntax.Body, name string) bool {
	return body != nil && slices.ContainsFunc(body.Blocks, func(b *hclsyntax.Block) bool { return b.Type == name })
}

// labels offers the types of resources, data sources and providers, and what dynamic blocks can make.
func (c *completer) labels() {
	if c.label != 0 {
		return // names are free
	}
	named := func(name, about string) {
		insert := name
		if !c.quoted {
			insert = "\"" + name + "\""
		}
		c.offer(completionItem{Label: name, Kind: itemClass}, orderOptional, insert, about)
	}
	switch {
	case len(c.blocks) > 0 && c.header.kind == "dynamic":
		if content, _, ok := c.workspace.content(c.blocks); ok {
			for _, name := range slices.Sorted(maps.Keys(content.Blocks)) {
				named(name, content.Blocks[name].Description)
			}
		}
	case len(c.blocks) == 1 && c.blocks[0].kind == "meshplan" && c.header.kind == "backend":
		for _, name := range slices.Sorted(maps.Keys(c.workspace.options.Backends)) {
			named(name, "")
		}
	case len(c.blocks) > 0:
	case c.header.kind == "provider":
		for _, p := range c.workspace.catalog() {
			named(p.Name, "")
		}
	case c.header.kind == "resource" || c.header.kind == "data":
		for _, p := range c.workspace.catalog() {
			for _, t := range p.Types {
				if t.Keyword() == c.header.kind {
					named(t.Name, t.Schema.Summary)
				}
			}
		}
	}
}
