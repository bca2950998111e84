package lsp

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/docs"
	"github.com/meshplan/meshplan/internal/lang"
)

// values offers the only values that an argument may have.
func (c *completer) values() {
	if !c.direct && !c.list || len(c.chain) > 0 {
		return
	}
	content, _, ok := c.workspace.content(c.blocks)
	if !ok || content.Attributes[c.attribute] == nil {
		return
	}
	a := content.Attributes[c.attribute]
	words, quote := a.OneOf, c.place == expression
	if c.list && a.Type == cty.String || c.direct && a.Type != cty.String {
		words = nil
	}
	if a.Type == cty.Bool && c.place == expression && c.direct {
		words, quote = []string{"true", "false"}, false
	}
	for _, w := range words {
		insert := w
		if quote {
			insert = "\"" + w + "\""
		}
		c.offer(completionItem{Label: w, Kind: itemValue}, orderRequired, insert, "")
	}
}

// objectKeys offers the keys of an object that has none of them yet.
func (c *completer) objectKeys() {
	content, _, ok := c.workspace.content(c.blocks)
	if !ok || content.Attributes[c.attribute] == nil {
		return
	}
	a := content.Attributes[c.attribute]
	names := a.Keys
	if t, ok := step(a.Type, c.path); ok && t.IsObjectType() {
		names = slices.Sorted(maps.Keys(t.AttributeTypes()))
	} else if len(c.path) > 0 {
		names = nil
	}
	for _, name := range names {
		if !slices.Contains(c.keys, name) {
			insert := name + " = "
			if !hclsyntax.ValidIdentifier(name) {
				insert = "\"" + name + "\" = "
			}
			c.offer(completionItem{Label: name, Kind: itemField}, orderOptional, insert, "")
		}
	}
}

// references offers what an expression may go on with.
func (c *completer) references() {
	m := c.view.module
	if len(c.chain) == 0 {
		c.roots(m)
		return
	}
	switch first, rest := c.chain[0], c.chain[1:]; first {
	case "var":
		if len(rest) == 0 {
			for _, v := range m.SortedVariables() {
				c.offer(completionItem{Label: v.Name, Kind: itemVariable}, orderOptional, v.Name, variableMarkdown(v))
			}
		} else if v := m.Variables[rest[0]]; v != nil {
			c.attributes(v.Type, rest[1:])
		}
	case "local":
		if len(rest) == 0 {
			for _, l := range m.SortedLocals() {
				c.offer(completionItem{Label: l.Name, Kind: itemConstant}, orderOptional, l.Name, c.workspace.localMarkdown(l))
			}
		}
	case "module":
		c.moduleReference(m, rest)
	case "data":
		c.resources(m, addr.Data, rest)
	case "each":
		c.names(rest, itemVariable, "key", "value")
	case "count":
		c.names(rest, itemVariable, "index")
	case "path":
		c.names(rest, itemVariable, "cwd", "module", "root")
	case "meshplan":
		c.names(rest, itemVariable, "version")
	case "self":
		if len(c.blocks) > 0 && len(c.blocks[0].labels) == 2 {
			c.objectAttributes(c.blocks[0].kind, c.blocks[0].labels[0], rest)
		}
	default:
		c.resources(m, addr.Managed, c.chain)
	}
}

// names offers fixed names, when nothing stands before them.
func (c *completer) names(rest []string, kind int, names ...string) {
	for _, n := range names {
		if len(rest) == 0 {
			c.add(kind, orderOptional, n, "", "")
		}
	}
}

// roots offers what a reference can start with.
func (c *completer) roots(m *config.Module) {
	for _, r := range m.SortedResources() {
		c.add(itemField, orderOptional, r.Addr.String(), "", "")
	}
	for _, v := range m.SortedVariables() {
		c.offer(completionItem{Label: "var." + v.Name, Kind: itemVariable}, orderOptional, "var."+v.Name, variableMarkdown(v))
	}
	for _, l := range m.SortedLocals() {
		c.offer(completionItem{Label: "local." + l.Name, Kind: itemConstant}, orderOptional, "local."+l.Name, "")
	}
	for _, call := range m.SortedCalls() {
		c.add(itemModule, orderOptional, "module."+call.Name, call.Source, "")
	}
	if c.attribute == "depends_on" || c.attribute == "replace_triggered_by" {
		return // addresses only
	}
	for _, word := range []string{"each.key", "each.value", "count.index", "path.module", "true", "false", "null"} {
		c.add(itemKeyword, orderLast, word, "", "")
	}
	for _, f := range lang.Documentation() {
		if f.Refused != "" {
			continue
		}
		i, insert := completionItem{Label: f.Name, Kind: itemFunction, Detail: f.Signature}, f.Name
		if c.snippets {
			i.Format, insert = formatSnippet, f.Name+"($0)"
		}
		c.offer(i, orderMeta, insert, f.Description)
	}
}

// moduleReference offers calls, and outputs behind the name of one.
func (c *completer) moduleReference(m *config.Module, rest []string) {
	if len(rest) == 0 {
		for _, call := range m.SortedCalls() {
			c.add(itemModule, orderOptional, call.Name, call.Source, "")
		}
		return
	}
	call := m.Calls[rest[0]]
	if call == nil || call.Module == nil || strings.Trim(strings.Join(rest[1:], ""), "[]") != "" {
		return
	}
	for _, o := range call.Module.SortedOutputs() {
		c.add(itemField, orderOptional, o.Name, "", o.Description)
	}
}

// resources offers types and names of what the module declares, and attributes behind a name.
func (c *completer) resources(m *config.Module, mode addr.Mode, rest []string) {
	if len(rest) < 2 {
		seen := map[string]bool{}
		for _, r := range m.SortedResources() {
			name := r.Addr.Name
			if len(rest) == 0 {
				name = r.Addr.Type
			} else if r.Addr.Type != rest[0] {
				continue
			}
			if r.Addr.Mode == mode && !seen[name] {
				seen[name] = true
				c.add(itemField, orderOptional, name, "", "")
			}
		}
		return
	}
	r := m.Resources[addr.Resource{Mode: mode, Type: rest[0], Name: rest[1]}]
	path := rest[2:]
	if r != nil && (r.Count != nil || r.ForEach != nil) && len(path) > 0 && path[0] == "[]" {
		path = path[1:] // chooses an instance
	}
	c.objectAttributes(keyword(addr.Resource{Mode: mode}), rest[0], path)
}

// objectAttributes offers attributes of an object of a type, with their descriptions at its first level.
func (c *completer) objectAttributes(block, typ string, path []string) {
	for _, t := range docs.Find(c.workspace.catalog(), typ) {
		if t.Keyword() != block {
			continue
		}
		if len(path) > 0 {
			c.attributes(t.Schema.Block.Type(), path)
			continue
		}
		for _, name := range t.Schema.Block.Names() {
			if a := t.Schema.Block.Attributes[name]; a != nil {
				c.offer(completionItem{Label: name, Kind: itemField, Detail: docs.Summary(a)}, orderOptional, name, a.Description)
			} else {
				c.add(itemField, orderBlock, name, "block", t.Schema.Block.Blocks[name].Description)
			}
		}
	}
}

// attributes follows a path through a type and offers what the object at its end has.
func (c *completer) attributes(t cty.Type, path []string) {
	if t, ok := step(t, path); ok && t.IsObjectType() {
		for _, name := range slices.Sorted(maps.Keys(t.AttributeTypes())) {
			c.add(itemField, orderOptional, name, "", "")
		}
	}
}

// step returns the type that a path leads to, if there is one.
func step(t cty.Type, path []string) (cty.Type, bool) {
	for _, name := range path {
		switch {
		case t.IsObjectType() && t.HasAttribute(name):
			t = t.AttributeType(name)
		case name == "[]" && t.IsCollectionType(), name != "[]" && t.IsMapType():
			t = t.ElementType()
		default:
			return t, false
		}
	}
	return t, true
}
