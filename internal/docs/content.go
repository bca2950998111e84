package docs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

// TopBlock is a block that can stand at the top level of a file.
type TopBlock struct {
	Name        string
	Labels      []string // what each label is
	Description string
}

// TopBlocks returns the blocks of the top level, by name.
func TopBlocks() []TopBlock {
	out := []TopBlock{
		{"resource", []string{"type", "name"}, "An object that meshplan makes and keeps as it is declared."},
		{"data", []string{"type", "name"}, "Something that is read and not changed."},
		{"provider", []string{"name"}, "A connection of a provider."},
		{"module", []string{"name"}, "Another directory used as a part of this one."},
		{"locals", nil, "Values with names, for use in several places."},
	}
	for name, l := range language() {
		out = append(out, TopBlock{name, l.labels, l.description})
	}
	slices.SortFunc(out, func(a, b TopBlock) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Content returns what a block at the top level may hold, arguments of the language included. The label is its first one,
// "" when it has none. False means that there is no such block or type, or that it may hold any name.
func Content(catalog []Provider, block, label string) (*schema.Block, bool) {
	switch block {
	case "resource", "data":
		for _, t := range Find(catalog, label) {
			if t.Keyword() == block {
				return with(&t.Schema.Block, meta()), true
			}
		}
		return nil, false
	case "provider":
		for _, p := range catalog {
			if p.Name == label {
				return with(p.Config, aliased()), true
			}
		}
		return nil, false
	case "module":
		return moduleArguments(), true
	}
	l, ok := language()[block]
	return l.block, ok
}

// IsMeta reports whether an argument or a nested block of a resource or data block belongs to the language.
func IsMeta(name string) bool {
	m := meta()
	return m.Attributes[name] != nil || m.Blocks[name] != nil
}

// aliased is what every provider block may hold beside what its provider declares.
func aliased() *schema.Block {
	return &schema.Block{Attributes: map[string]*schema.Attribute{"alias": optional(cty.String, "The name of this configuration, when a provider has several.")}}
}

// Summary is a line about an argument: its type, whether it is required, its default and its values.
func Summary(a *schema.Attribute) string { return strings.Join(facts(a), ", ") }

// BlockSummary is a line about a nested block: how often it may be there, and what it is for.
func BlockSummary(n *schema.NestedBlock) string { return strings.Join(blockFacts(n), ", ") }

// AttributeMarkdown explains an argument.
func AttributeMarkdown(name string, a *schema.Attribute) string {
	return fmt.Sprintf("**%s** (%s)\n\n%s", name, Summary(a), a.Description)
}

// BlockMarkdown explains a block and lists what it may hold.
func BlockMarkdown(name, about string, b *schema.Block) string {
	var out strings.Builder
	fmt.Fprintf(&out, "**%s**\n\n%s\n", name, about)
	for _, n := range settable(b) {
		fmt.Fprintf(&out, "\n- `%s` %s", n, requiredText(b.Attributes[n].Required))
	}
	for _, n := range slices.Sorted(maps.Keys(b.Blocks)) {
		fmt.Fprintf(&out, "\n- block `%s` %s", n, requiredText(b.Blocks[n].Required))
	}
	return strings.TrimSpace(out.String())
}

func requiredText(required bool) string {
	if required {
		return "(required)"
	}
	return ""
}

// TypeMarkdown explains a type in short: what it is for, and an example.
func TypeMarkdown(t Type) string {
	out := fmt.Sprintf("**%s**\n\n%s\n\n%s", t.Title(), strings.TrimSuffix(t.Schema.Summary, ".")+".", strings.TrimSpace(t.Schema.Description))
	if t.Schema.Example != "" {
		out += "\n\n```hcl\n" + strings.Trim(t.Schema.Example, "\n") + "\n```"
	}
	return out
}
