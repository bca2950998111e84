package docs

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
)

// PageOptions say how Page lays a type out. The zero value is plain text that is not wrapped.
type PageOptions struct {
	Width int // of the terminal in characters; 0 wraps nothing
	Paint diag.Paint
}

// Page writes what people need to know of a type: what it is for, an example, arguments, nested blocks, and what can be
// referred to.
func Page(w io.Writer, t Type, o PageOptions) error {
	p := &page{w: bufio.NewWriter(w), o: o}
	p.line("%s", o.Paint.Bold(t.Title()))
	p.prose("", t.Schema.Summary)
	p.line("")
	for para := range strings.SplitSeq(strings.TrimSpace(t.Schema.Description), "\n\n") {
		p.prose("", para)
		p.line("")
	}
	if t.Schema.Example != "" {
		p.line("%s", o.Paint.Bold("Example"))
		for l := range strings.SplitSeq(strings.Trim(t.Schema.Example, "\n"), "\n") {
			p.line("  %s", l)
		}
		p.line("")
	}
	p.block(&t.Schema.Block, "Arguments", "")
	p.computed(&t.Schema.Block)
	if s := criticalText(t.Schema); s != "" {
		p.line("%s", o.Paint.Bold("Deleting"))
		p.prose("  ", s)
		p.line("")
	}
	if t.Schema.Import+t.Schema.NoImport != "" {
		p.line("%s", o.Paint.Bold("Import"))
		p.prose("  ", importText(t.Schema))
		p.line("")
	}
	return p.w.Flush()
}

// List writes one line for each type of the catalog.
func List(w io.Writer, catalog []Provider, o PageOptions) error {
	p := &page{w: bufio.NewWriter(w), o: o}
	width := 0
	for _, c := range catalog {
		for _, t := range c.Types {
			width = max(width, len(t.Title()))
		}
	}
	for i, c := range catalog {
		if i > 0 {
			p.line("")
		}
		p.line("%s", o.Paint.Bold("Provider "+c.Name))
		for _, t := range c.Types {
			p.prose(fmt.Sprintf("  %-*s  ", width, t.Title()), t.Schema.Summary)
		}
	}
	return p.w.Flush()
}

type page struct {
	w *bufio.Writer
	o PageOptions
}

func (p *page) line(format string, args ...any) {
	p.w.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	p.w.WriteByte('\n')
}

// prose writes a paragraph behind a prefix, wrapped, with the following lines indented as far.
func (p *page) prose(prefix, s string) {
	width := 0
	if p.o.Width > 0 {
		width = max(p.o.Width-len(prefix), 30)
	}
	if !strings.HasPrefix(s, "    ") && !strings.HasPrefix(s, "- ") && !strings.HasPrefix(s, "|") {
		s = strings.ReplaceAll(s, "\n", " ")
	}
	for i, l := range diag.Wrap(s, width) {
		if i > 0 {
			prefix = strings.Repeat(" ", len(prefix))
		}
		p.line("%s%s", prefix, l)
	}
}

// block writes the settable attributes of a block, then its nested blocks.
func (p *page) block(b *schema.Block, title, path string) {
	if names := settable(b); len(names) > 0 {
		p.line("%s", p.o.Paint.Bold(title))
		for _, name := range names {
			a := b.Attributes[name]
			p.attribute(name, facts(a), a)
		}
		p.line("")
	}
	for _, name := range slices.Sorted(maps.Keys(b.Blocks)) {
		n := b.Blocks[name]
		inner := strings.TrimSpace(path + " " + name)
		p.block(&n.Block, fmt.Sprintf("Block %s (%s)", inner, strings.Join(blockFacts(n), ", ")), inner)
		if len(n.Block.Attributes) == 0 && len(n.Block.Blocks) == 0 {
			p.line("%s", p.o.Paint.Bold(fmt.Sprintf("Block %s (%s)", inner, strings.Join(blockFacts(n), ", "))))
			p.line("")
		}
	}
}

// attribute writes the facts beside the name, as far as they fit, and the description below.
func (p *page) attribute(name string, facts []string, a *schema.Attribute) {
	text, width := strings.Join(facts, ", "), 0
	if p.o.Width > 0 {
		width = max(p.o.Width-6, 30)
	}
	for i, l := range diag.Wrap(name+"  "+text, width) {
		if i == 0 { // wrapping leaves one space, or the name alone
			p.line("  %s  %s", p.o.Paint.Bold(name), p.o.Paint.Faint(strings.TrimLeft(l[len(name):], " ")))
			continue
		}
		p.line("      %s", p.o.Paint.Faint(l))
	}
	p.prose("      ", a.Description)
}

// criticalText says what it takes to delete or replace objects of a type on which others stand.
func criticalText(s *schema.Resource) string {
	if s.Critical == nil {
		return ""
	}
	which := "one"
	if s.Critical.Which != "" {
		which += " " + s.Critical.Which
	}
	return fmt.Sprintf("Others stand on it: %s. To delete or replace %s, `apply` asks for the name of the environment instead of `yes`, and `--auto-approve` needs `--approve-destructive`.", s.Critical.Why, which)
}

// importText says what id an import block for the type takes, or why there is none.
func importText(s *schema.Resource) string {
	if s.Import == "" {
		return s.NoImport
	}
	return "An import block, or `meshplan import`, takes an existing object over. The id is " + strings.TrimSuffix(s.Import, ".") + "."
}

func first(required bool) int {
	if required {
		return 1
	}
	return 0
}

// computed writes what can be referred to beside the arguments.
func (p *page) computed(b *schema.Block) {
	names := computed(b)
	if len(names) == 0 {
		return
	}
	p.line("%s", p.o.Paint.Bold("Set by meshplan, to refer to"))
	for _, name := range names {
		a := b.Attributes[name]
		p.attribute(name, append([]string{typeName(a.Type)}, sensitive(a)...), a)
	}
	p.line("")
}

// computed returns the names of the attributes that only the provider sets.
func computed(b *schema.Block) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(b.Attributes)) {
		if !b.Attributes[name].Settable() {
			names = append(names, name)
		}
	}
	return names
}

// facts are what a reader wants to know of an attribute at a glance.
func facts(a *schema.Attribute) []string {
	out := []string{typeName(a.Type)}
	switch {
	case a.Required:
		out = append(out, "required")
	case a.Computed:
		out = append(out, "chosen by meshplan when it is not set")
	}
	if s := defaultText(a); s != "" {
		out = append(out, "default "+s)
	}
	if len(a.OneOf) > 0 {
		out = append(out, "one of "+strings.Join(a.OneOf, ", "))
	}
	if a.Replace {
		out = append(out, "a change replaces the object")
	}
	if out = append(out, sensitive(a)...); a.Deprecated != "" {
		out = append(out, "deprecated: "+a.Deprecated)
	}
	return out
}

func sensitive(a *schema.Attribute) []string {
	if a.Sensitive {
		return []string{"sensitive"}
	}
	return nil
}

func blockFacts(n *schema.NestedBlock) []string {
	out := []string{"at most one"}
	switch n.Nesting {
	case schema.List:
		out = []string{"any number"}
		if n.Max > 0 {
			out = []string{fmt.Sprintf("at most %d", n.Max)}
		}
	case schema.Map:
		out = []string{"one for each " + n.Label}
	}
	if n.Required {
		out = append(out, "required")
	}
	return append(out, strings.TrimSuffix(n.Description, "."))
}

// typeName writes a type as configuration would.
func typeName(t cty.Type) string { return typeexpr.TypeString(t) }

// defaultText writes a default, or "" when there is none.
func defaultText(a *schema.Attribute) string {
	if a.Default == cty.NilVal || a.Default.IsNull() {
		return ""
	}
	b, err := ctyjson.Marshal(a.Default, a.Default.Type())
	if err != nil {
		return ""
	}
	return string(b)
}
