package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/meshplan/meshplan/plans"
)

// MarkdownOptions say how Markdown writes. The zero value writes everything under the title "meshplan".
type MarkdownOptions struct {
	Title string
	// MaxBytes bounds the output (a comment on GitHub holds 65,536 characters); 0 means no bound. Details go first,
	// those of creations before those of updates; what destroys goes last, and what was left out is counted.
	MaxBytes int
	// Types declare what has a default: such attributes of what is created or deleted are left out. Nil leaves none out.
	Types Types
}

// Markdown writes the plan for a pull request: the verdict, a table of counts, what destroys, and everything else
// folded away.
func Markdown(w io.Writer, p *plans.Plan, o MarkdownOptions) error {
	m := &markdown{b: newBuilder(), p: p}
	m.b.types = o.Types
	m.build(o)
	_, err := io.WriteString(w, m.fit(o.MaxBytes))
	return err
}

// The ranks say what is shortened first when the output is too long.
const (
	rankCreate = iota + 1
	rankUpdate
	rankGraph
	rankDrift
	rankDestroy
	rankList
	rankLast
)

// form is one way to write an item: the shorter one behind it takes its place when rank has come.
type form struct {
	rank int
	text string
}

// item is a part of the output with ever shorter forms. A form of rank 0 is never given up.
type item []form

type markdown struct {
	b     *builder
	p     *plans.Plan
	items []item
}

func (m *markdown) add(forms ...form) { m.items = append(m.items, forms) }

func (m *markdown) always(format string, args ...any) { m.add(form{0, fmt.Sprintf(format, args...)}) }

func (m *markdown) build(o MarkdownOptions) {
	title := o.Title
	if title == "" {
		title = "meshplan"
	}
	n := m.p.Counts()
	m.always("### %s: %s\n\n", escape(title), verdict(m.p))
	if !m.p.Empty() || m.p.Drifted() > 0 {
		m.always("| create | update | replace | delete | drift |\n|---:|---:|---:|---:|---:|\n| %d | %d | %s | %s | %d |\n\n",
			n.Create, n.Update, bold(n.Replace), bold(n.Delete), m.p.Drifted())
	}
	if m.p.Reverts != nil {
		m.always("%s\n\n", escape(rollbackTitle(m.p.Reverts)))
		for _, l := range m.p.Reverts.Lost {
			m.always("- cannot be undone: %s (run %d): %s\n", code(l.Addr.String()), l.Run, escape(l.Reason))
		}
		if len(m.p.Reverts.Lost) > 0 {
			m.always("\n")
		}
	}
	if len(m.p.Targets) > 0 {
		m.always("Restricted to %s: the rest of the configuration was not compared.\n\n", escape(strings.Join(m.p.Targets, ", ")))
	}
	gs := groups(m.p.Changes)
	for i := len(gs) - 1; i >= 0; i-- { // what destroys is read first here: a comment is read from the top
		for _, c := range gs[i].changes {
			m.change(c)
		}
	}
	for _, c := range claims(m.p) {
		m.add(form{rankUpdate, "- " + escape(origin(c)) + "\n"}, form{rankLast, ""})
	}
	for _, c := range m.p.Drift {
		m.drift(c)
	}
	for i := range m.p.Findings {
		m.finding(&m.p.Findings[i])
	}
	for _, out := range changedOutputs(m.p) {
		m.add(form{rankUpdate, details("output "+code(out.Name), m.b.output(out, 0))}, form{rankList, "- output " + code(out.Name) + "\n"}, form{rankLast, ""})
	}
	if s := impact(m.p); s != "" {
		m.always("\n**Impact:** %s\n", escape(s))
	}
	for _, c := range oneWay(m.p) {
		m.always("\n**A later rollback cannot undo** %s: %s\n", code(c.Addr.String()), escape(c.Reverse.Reason))
	}
	var graph strings.Builder
	if drawn, err := Mermaid(&graph, m.p, MermaidOptions{MaxNodes: 60, MaxEdges: 100, MaxBytes: 5000}); err == nil && drawn && len(m.p.Steps) > 1 {
		m.add(form{rankGraph, "\n<details><summary>Order of the steps</summary>\n\n```mermaid\n" + graph.String() + "```\n\n</details>\n"}, form{0, ""})
	}
	m.always("\n`%s`\n", CountLine(m.p))
}

func (m *markdown) change(c *plans.Change) {
	rank := rankCreate
	destroys := c.Action == plans.Replace || c.Action == plans.Delete
	switch {
	case destroys:
		rank = rankDestroy
	case c.Action == plans.Update:
		rank = rankUpdate
	}
	head := fmt.Sprintf("%s %s %s", escape(strings.TrimSpace(symbol(c))), c.Action, code(c.Addr.String()))
	if reason := why(c); reason != "" {
		head += " – " + escape(reason)
	}
	if destroys {
		head = "<b>" + head + "</b>"
	}
	lines := m.b.difference(c)
	for _, note := range notes(c) {
		lines = append(lines, line{sign: kept, text: "# " + oneLine(note)})
	}
	short, last := "- "+head+"\n", rankList
	if destroys {
		last = rankLast
	}
	if len(lines) == 0 {
		m.add(form{last, short}, form{0, ""})
		return
	}
	m.add(form{rank, details(head, lines)}, form{last, short}, form{0, ""})
}

func (m *markdown) drift(c *plans.Change) {
	head := "drift: " + code(c.Addr.String())
	m.add(form{rankDrift, details(head, m.b.difference(c))}, form{rankList, "- " + head + "\n"}, form{0, ""})
}

func (m *markdown) finding(f *plans.Finding) {
	head := fmt.Sprintf("- **%s** %s", f.Severity, escape(findingHead(f)))
	m.add(form{rankDrift, head + ": " + escape(strings.TrimSpace(f.Detail+" "+f.Fix)) + " (" + code(f.Class) + ")\n"}, form{rankLast, head + "\n"}, form{0, ""})
}

// fit writes the items, shortened until they fit.
func (m *markdown) fit(limit int) string {
	const room = 160 // for the remark that something was left out
	size, omitted := 0, 0
	for _, it := range m.items {
		size += len(it[0].text)
	}
	for rank := rankCreate; limit > 0 && rank <= rankLast && size > limit-room; rank++ {
		for i := len(m.items) - 1; i >= 0 && size > limit-room; i-- {
			it := m.items[i]
			if it[0].rank != rank || len(it) == 1 {
				continue
			}
			size -= len(it[0].text) - len(it[1].text)
			m.items[i] = it[1:]
			omitted++
		}
	}
	var b strings.Builder
	for _, it := range m.items {
		b.WriteString(it[0].text)
	}
	if omitted > 0 {
		fmt.Fprintf(&b, "\n%s left out to keep this short. `meshplan show` prints the whole plan.\n", plural(omitted, "detail"))
	}
	return b.String()
}

func verdict(p *plans.Plan) string {
	if p.Mode == plans.RefreshOnly {
		return strings.TrimSuffix(strings.ToLower(DriftLine(p)[:1])+DriftLine(p)[1:], ".")
	}
	if p.Empty() {
		if len(p.Drift) > 0 {
			return "no changes, but " + plural(len(p.Drift), "object") + " drifted"
		}
		return "no changes"
	}
	n := p.Counts()
	parts := []string{plural(n.Total(), "change")}
	if n.Total() == 0 {
		parts = []string{"outputs change"}
	}
	if n.Replace > 0 {
		parts = append(parts, plural(n.Replace, "replacement"))
	}
	if n.Delete > 0 {
		parts = append(parts, plural(n.Delete, "deletion"))
	}
	return strings.Join(parts, ", ")
}

func bold(n int) string {
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("**%d**", n)
}

// details folds lines away under a summary, which is HTML. The marks stand in the first column: only there do they
// colour a line.
func details(summary string, lines []line) string {
	var body strings.Builder
	for _, l := range lines {
		mark := string(l.sign)
		if l.sign == changed {
			mark = "!"
		}
		fmt.Fprintf(&body, "%s %s%s", mark, strings.Repeat("  ", l.depth), l.text)
		if l.note != "" {
			body.WriteString("   # " + l.note)
		}
		body.WriteByte('\n')
	}
	fence := strings.Repeat("`", max(longestRun(body.String(), '`')+1, 3))
	return fmt.Sprintf("<details><summary>%s</summary>\n\n%sdiff\n%s%s\n\n</details>\n\n", summary, fence, body.String(), fence)
}

func longestRun(s string, c rune) (longest int) {
	run := 0
	for _, r := range s {
		if r != c {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// code writes a name from outside as code, in HTML: Markdown's own form has no way to escape a backquote.
func code(s string) string { return "<code>" + escape(s) + "</code>" }

// escape makes text from outside harmless in Markdown and HTML: no tag, no mention, no reference, no formatting.
func escape(s string) string {
	var b strings.Builder
	for _, r := range oneLine(s) {
		if strings.ContainsRune("&<>\"'@`*_[]|\\~!#$", r) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
