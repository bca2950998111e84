package render_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/net/html"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// bulk makes a plan of n changes of each kind, with values of some size, and as many instances that stay.
func bulk(n, size int, actions ...plans.Action) *plans.Plan {
	p := &plans.Plan{Mode: plans.Normal}
	for i := range n {
		for _, action := range actions {
			c := &plans.Change{Addr: addr.Resource{Mode: addr.Managed, Type: "memory_object", Name: strings.ReplaceAll(action.String(), "-", "")}.Instance(addr.IntKey(i)), Action: action,
				Before: cty.NullVal(cty.EmptyObject), After: cty.NullVal(cty.EmptyObject)}
			if action != plans.Create {
				c.Before = obj("name", "old", "text", strings.Repeat("x", size))
			}
			if action != plans.Delete {
				c.After = obj("name", "new", "text", strings.Repeat("x", size))
			}
			p.Changes = append(p.Changes, c)
			if action != plans.NoOp {
				p.Steps = append(p.Steps, plans.Step{Change: len(p.Changes) - 1, Op: plans.OpUpdate})
			}
		}
	}
	return p
}

func markdownOf(t testing.TB, p *plans.Plan, o render.MarkdownOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := render.Markdown(&b, p, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// whole checks that nothing was cut inside of a fence or of details.
func whole(t testing.TB, out string) {
	t.Helper()
	outside := dropFences(out)
	if o, c := strings.Count(outside, "<details"), strings.Count(outside, "</details>"); o != c {
		t.Errorf("%d details opened, %d closed", o, c)
	}
	if strings.Contains(outside, "```") {
		t.Errorf("a fence is not closed")
	}
}

// A comment about 500 changes stays below 60,000 bytes and names everything that is destroyed, and every warning.
func TestCommentOf500Changes(t *testing.T) {
	p := bulk(100, 300, plans.Create, plans.Update, plans.Replace, plans.Delete, plans.Update)
	for i := range 20 {
		p.Warnings = append(p.Warnings, plans.Warning{Code: "mesh.trap", Address: fmt.Sprintf("memory_object.w[%d]", i), Summary: "Probes would fail", Detail: "Open the port of the kubelet."})
	}
	if n := p.Counts().Total(); n != 500 {
		t.Fatalf("%d changes", n)
	}
	out := markdownOf(t, p, render.MarkdownOptions{MaxBytes: 60_000, Link: "https://ci.example/run/7", Context: "prod-eu1"})
	if len(out) > 60_000 {
		t.Errorf("%d bytes", len(out))
	}
	whole(t, out)
	for _, c := range p.Changes {
		name := strings.NewReplacer("_", "&#95;", "[", "&#91;", "]", "&#93;").Replace(c.Addr.String())
		if c.Action.String() != "create" && c.Action.String() != "update" && strings.Count(out, c.Action.String()+" <code>"+name+"</code>") != 1 {
			t.Errorf("%s %s is missing", c.Action, c.Addr)
		}
	}
	if n := strings.Count(out, "- **Warning:** Probes would fail"); n != 20 {
		t.Errorf("%d of 20 warnings", n)
	}
	if !strings.Contains(out, "details omitted, see the [full plan](https://ci.example/run/7).") || strings.Contains(out, "do not fit here") {
		t.Errorf("it does not say what was left out: %s", out[len(out)-300:])
	}
	if !strings.HasPrefix(out, "### meshplan: 500 changes, 100 replacements, 100 deletions · prod-eu1\n") {
		t.Errorf("title: %s", out[:100])
	}
}

// What is left out first is defined, whatever the budget; and nothing is ever cut in the middle.
func TestMarkdownShrinks(t *testing.T) {
	p := bulk(60, 100, plans.Create, plans.Update, plans.NoOp, plans.Replace, plans.Delete)
	p.Steps = p.Steps[:40] // few enough for a picture
	p.Warnings = []plans.Warning{{Code: "a.b", Summary: "Careful", Detail: strings.Repeat("long ", 50)}}
	all := markdownOf(t, p, render.MarkdownOptions{})
	stages := []struct {
		what  string
		there func(string) bool
	}{
		{"values of creations", func(s string) bool {
			return strings.Count(s, "<details><summary>&#43;")+strings.Count(s, "<details><summary>+") == 60
		}},
		{"values of updates", func(s string) bool { return strings.Count(s, "<details><summary>&#126; update") == 60 }},
		{"the list of what stays", func(s string) bool { return strings.Contains(s, "<details><summary>60 unchanged") }},
		{"the picture", func(s string) bool { return strings.Contains(s, "```mermaid") }},
		{"values of what destroys", func(s string) bool { return strings.Count(s, "<details open>") == 120 }},
		{"lines of updates", func(s string) bool { return strings.Count(s, "&#126; update <code>") == 60 }},
		{"details of warnings", func(s string) bool { return strings.Contains(s, "long long") }},
	}
	gone := 0
	for limit := len(all) + 1000; limit > 8000; limit -= 500 {
		out := markdownOf(t, p, render.MarkdownOptions{MaxBytes: limit})
		if len(out) > limit {
			t.Fatalf("with a budget of %d it has %d bytes", limit, len(out))
		}
		whole(t, out)
		for gone < len(stages) && !stages[gone].there(out) {
			gone++
		}
		for i := gone; i < len(stages); i++ {
			if !stages[i].there(out) {
				t.Fatalf("budget %d: %s is gone before %s", limit, stages[i].what, stages[gone].what)
			}
		}
		lost := strings.Count(out, "delete <code>")+strings.Count(out, "replace <code>") < 120 || !strings.Contains(out, "Careful")
		if lost != strings.Contains(out, "do not fit here. Do not decide") {
			t.Fatalf("budget %d: something that destroys is missing: %v, and it says so: %v", limit, lost, !lost)
		}
		if lost && gone < len(stages) {
			t.Fatalf("budget %d: what destroys is dropped before %s", limit, stages[gone].what)
		}
		if !strings.Contains(out, render.CountLine(p)) {
			t.Fatalf("budget %d lost the counts", limit)
		}
	}
	if gone < len(stages) {
		t.Errorf("%s was never left out: the budgets are too large to show anything", stages[gone].what)
	}
}

func TestMarkdownFoot(t *testing.T) {
	out := markdownOf(t, bulk(1, 1, plans.Create), render.MarkdownOptions{Context: "prod @eu", Link: "https://x.example/a(b)", Reproduce: "meshplan plan 'a b'", PlanHash: strings.Repeat("ab", 32), Revision: "a1b2c3d4e5f6"})
	for _, want := range []string{
		"### meshplan: 1 change · prod &#64;&#8203;eu\n",
		"Reproduce: <code>meshplan plan &#39;a b&#39;</code> · plan <code>sha256:abababababab…</code> · base <code>a1b2c3d…</code> · [full report](https://x.example/a%28b%29)\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	if out := markdownOf(t, bulk(1, 1, plans.Create), render.MarkdownOptions{Link: "javascript:alert(1)"}); strings.Contains(out, "javascript") {
		t.Errorf("a link that is none: %s", out)
	}
}

var (
	allowedTags = []string{"html", "head", "body", "h3", "p", "table", "thead", "tbody", "tr", "th", "td", "strong", "code", "pre", "details", "summary", "b", "ul", "li", "blockquote"}
	github      = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(gmhtml.WithUnsafe()))
)

// FuzzMarkdown reads the output as a site would: hostile text makes no tag, link, mention, reference or command.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{"x", "```\n</details><script>alert(1)</script>", "@all #1 !2 GH-3 https://evil.example www.evil.example a@b.example", "<img src=x onerror=y>", "\x1b[2J\u202e\u200f\u2028",
		"](http://x)", "&lt;b&gt; &#60;", "\n/close\n", "|a|b|\n|-|-|", "<!-- meshplan:comment v1 key=x -->", "~~~\n````````", "\\*x\\* **b** _i_ `c`", "- [ ] task", "$x$ $$y$$", "[^1]: note", ":tada:"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			t.Skip("values of configurations are valid UTF-8")
		}
		p := &plans.Plan{Mode: plans.Normal, Targets: []string{a}, Warnings: []plans.Warning{{Code: "a.b", Address: a, Summary: b, Detail: a + " " + b}}}
		for i, action := range []plans.Action{plans.Update, plans.Delete, plans.Create, plans.NoOp} {
			c := &plans.Change{Addr: addr.Resource{Mode: addr.Managed, Type: "memory_object", Name: "x"}.Instance(addr.StringKey(a + fmt.Sprint(i))), Action: action, Notes: []string{b},
				Before: obj("a", a, "m", a+"\n"+b), After: obj("a", b, "m", b+"\n"+a)}
			c.Reverse = plans.Reverse{Kind: plans.Irreversible, Reason: b}
			p.Changes = append(p.Changes, c)
			p.Steps = append(p.Steps, plans.Step{Change: i, Op: plans.OpUpdate})
		}
		out := markdownOf(t, p, render.MarkdownOptions{Title: b, Context: a, Reproduce: a, Revision: b, Link: a})
		if strings.ContainsFunc(out, func(r rune) bool {
			return r < ' ' && r != '\n' && r != '\t' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
		}) {
			t.Fatalf("control characters: %q", out)
		}
		for l := range strings.Lines(dropFences(out)) {
			if strings.HasPrefix(strings.TrimLeft(l, " \t"), "/") {
				t.Fatalf("a line that a site may take for a command: %q", l)
			}
		}
		var page bytes.Buffer
		if err := github.Convert([]byte(out), &page); err != nil {
			t.Fatal(err)
		}
		root, err := html.Parse(&page)
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			inCode := slices.ContainsFunc(slices.Collect(n.Ancestors()), func(a *html.Node) bool { return a.Data == "code" || a.Data == "pre" })
			switch {
			case n.Type == html.CommentNode:
				t.Fatalf("a comment: %q in\n%s", n.Data, out)
			case n.Type == html.ElementNode && n.Data == "a":
				if href := n.Attr[0].Val; len(n.Attr) != 1 || n.FirstChild == nil || n.FirstChild.Data != "full report" && n.FirstChild.Data != "full plan" {
					t.Fatalf("a link to %q in\n%s", href, out)
				}
			case n.Type == html.ElementNode && !slices.Contains(allowedTags, n.Data):
				t.Fatalf("the tag %q in\n%s", n.Data, out)
			case n.Type == html.TextNode && !inCode:
				for _, sign := range []string{"@", "#"} {
					for _, rest := range strings.Split(n.Data, sign)[1:] {
						if rest != "" && !strings.HasPrefix(rest, "\u200b") {
							t.Fatalf("something to refer to: %q in\n%s", n.Data, out)
						}
					}
				}
			}
		}
	})
}
