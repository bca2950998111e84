package docs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/meshplan/meshplan/internal/schema"
)

// Markdown returns the pages of the catalog by their paths, which use slashes: one for each resource type and data
// source, one for each provider, and an index.
func Markdown(catalog []Provider) map[string]string {
	out := map[string]string{}
	var index strings.Builder
	index.WriteString("# Resources and data sources\n")
	for _, p := range catalog {
		fmt.Fprintf(&index, "\n## Provider [%s](providers/%s.md)\n\n| | |\n|---|---|\n", p.Name, p.Name)
		var page strings.Builder
		fmt.Fprintf(&page, "# Provider %s\n\n", p.Name)
		markdownBlock(&page, p.Config, 2, "Arguments")
		out["providers/"+p.Name+".md"] = strings.TrimRight(page.String(), "\n") + "\n"
		for _, t := range p.Types {
			path := pathOf(t)
			fmt.Fprintf(&index, "| [%s](%s) | %s |\n", t.Title(), path, cell(t.Schema.Summary))
			out[path] = t.markdown()
		}
	}
	out["README.md"] = index.String()
	return out
}

// Backends returns a page about the backends of the state, by the labels of their blocks.
func Backends(schemas map[string]*schema.Block) string {
	var b strings.Builder
	b.WriteString("# Backends\n\nWhere the state is kept is said by a block `backend` in the block `meshplan`. Without one it is a file in the directory.\n\n")
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		fmt.Fprintf(&b, "## `backend \"%s\"`\n\n", name)
		markdownBlock(&b, schemas[name], 3, "Arguments")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func pathOf(t Type) string {
	if t.Data {
		return "data-sources/" + t.Name + ".md"
	}
	return "resources/" + t.Name + ".md"
}

func (t Type) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n%s\n\n", t.Title(), strings.TrimSuffix(t.Schema.Summary, ".")+".", strings.TrimSpace(t.Schema.Description))
	if t.Schema.Example != "" {
		fmt.Fprintf(&b, "## Example\n\n```hcl\n%s\n```\n\n", strings.Trim(t.Schema.Example, "\n"))
	}
	markdownBlock(&b, &t.Schema.Block, 2, "Arguments")
	if names := computed(&t.Schema.Block); len(names) > 0 {
		b.WriteString("## Set by meshplan, to refer to\n\n| | | |\n|---|---|---|\n")
		for _, name := range names {
			a := t.Schema.Block.Attributes[name]
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, cell(strings.Join(append([]string{"`" + typeName(a.Type) + "`"}, sensitive(a)...), ", ")), cell(a.Description))
		}
		b.WriteString("\n")
	}
	if s := criticalText(t.Schema); s != "" {
		fmt.Fprintf(&b, "## Deleting\n\n%s\n\n", s)
	}
	if t.Schema.Import+t.Schema.NoImport != "" {
		fmt.Fprintf(&b, "## Import\n\n%s\n", importText(t.Schema))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// markdownBlock writes the arguments of a block as a table, then its nested blocks as sections one level below.
func markdownBlock(b *strings.Builder, block *schema.Block, level int, title string) {
	heading := strings.Repeat("#", min(level, 6))
	names := settable(block)
	if len(names) > 0 {
		fmt.Fprintf(b, "%s %s\n\n| | | |\n|---|---|---|\n", heading, title)
		for _, name := range names {
			a := block.Attributes[name]
			about := facts(a)
			about[0] = "`" + about[0] + "`"
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, cell(strings.Join(about, ", ")), cell(a.Description))
		}
		b.WriteString("\n")
	} else if level > 2 {
		fmt.Fprintf(b, "%s %s\n\n", heading, title)
	}
	for _, name := range slices.Sorted(maps.Keys(block.Blocks)) {
		n := block.Blocks[name]
		markdownBlock(b, &n.Block, level+1, fmt.Sprintf("Block `%s` (%s)", name, strings.Join(blockFacts(n), ", ")))
	}
}

// settable returns the names of the attributes that configuration may set, the required ones first.
func settable(b *schema.Block) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(b.Attributes)) {
		if b.Attributes[name].Settable() {
			names = append(names, name)
		}
	}
	slices.SortStableFunc(names, func(x, y string) int { return first(b.Attributes[y].Required) - first(b.Attributes[x].Required) })
	return names
}

// cell makes prose fit into a cell of a table.
func cell(s string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(s), " "), "|", "\\|")
}
