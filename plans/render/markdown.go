package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/meshplan/meshplan/plans"
)

// MarkdownOptions say how Markdown writes. The zero value writes everything under the title "meshplan".
type MarkdownOptions struct {
	// Title begins the first line; Context, for instance the name of a cluster, ends it.
	Title, Context string
	// MaxBytes bounds the output (a comment on GitHub holds 65,536 characters); 0 means no bound. What is left out is
	// counted, in this order: values of creations, values of updates, the list of what stays, the picture, values of
	// drift, values of what destroys, and then the lines of what does not destroy. What destroys and what planning warned
	// about keep a line each for as long as these lines fit alone; a remark at the top counts those that do not.
	MaxBytes int
	// Link is where the whole plan can be read, an http or https address; "" when there is no such place.
	Link string
	// Reproduce is a command to copy. PlanHash and Revision say what was planned; they may be empty.
	Reproduce, PlanHash, Revision string
	// Types declare what has a default: such attributes of what is created or deleted are left out. Nil leaves none out.
	Types Types
}

// Markdown writes the plan for a pull request: the verdict, a table of counts, warnings and what destroys, and
// everything else folded away. Names and texts from outside cannot break out of their place, mention anybody or become
// links.
func Markdown(w io.Writer, p *plans.Plan, o MarkdownOptions) error {
	m := &markdown{b: newBuilder(), p: p, o: o}
	m.b.types = o.Types
	m.build()
	_, err := io.WriteString(w, m.fit(o.MaxBytes))
	return err
}

type markdown struct {
	b     *builder
	p     *plans.Plan
	o     MarkdownOptions
	items []item
}

func (m *markdown) add(forms ...form) { m.items = append(m.items, forms) }

func (m *markdown) always(format string, args ...any) { m.add(form{0, fmt.Sprintf(format, args...)}) }

func (m *markdown) build() {
	m.head()
	m.warnings()
	gs := groups(m.p.Changes)
	for i := len(gs) - 1; i >= 0; i-- { // what destroys is read first here: a comment is read from the top
		if destroys(gs[i].action) {
			m.group(gs[i])
		}
	}
	if s := impact(m.p, m.b.types); s != "" {
		m.always("**Impact:** %s\n\n", prose(s))
	}
	for _, c := range oneWay(m.p) {
		m.add(form{rankLast, fmt.Sprintf("**A later rollback cannot undo** %s: %s\n\n", code(c.Addr.String()), prose(c.Reverse.Reason))}, form{0, ""})
	}
	for i := len(gs) - 1; i >= 0; i-- {
		if !destroys(gs[i].action) {
			m.group(gs[i])
		}
	}
	for _, c := range claims(m.p) {
		m.add(form{rankUpdate, "- " + prose(origin(c)) + "\n"}, form{0, ""})
	}
	for _, c := range m.p.Drift {
		m.drift(c)
	}
	for i := range m.p.Findings {
		m.finding(&m.p.Findings[i])
	}
	for _, out := range changedOutputs(m.p) {
		m.add(form{rankUpdate, details("output "+code(out.Name), m.b.output(out, 0), false)}, form{rankList, "- output " + code(out.Name) + "\n"}, form{0, ""})
	}
	m.unchanged()
	m.graph()
	m.foot()
}

func destroys(a plans.Action) bool { return a == plans.Delete || a == plans.Replace }

// head says what the plan is about.
func (m *markdown) head() {
	title := m.o.Title
	if title == "" {
		title = "meshplan"
	}
	title = prose(title) + ": " + verdict(m.p)
	if m.o.Context != "" {
		title += " · " + prose(m.o.Context)
	}
	n := m.p.Counts()
	m.always("### %s\n\n", title)
	if !m.p.Empty() || m.p.Drifted() > 0 {
		m.always("| create | update | replace | delete | drift |\n|---:|---:|---:|---:|---:|\n| %d | %d | %s | %s | %d |\n\n",
			n.Create, n.Update, bold(n.Replace), bold(n.Delete), m.p.Drifted())
	}
	if s := OfflineNote(m.p); s != "" {
		m.always("> %s\n\n", prose(s))
	}
	if n := len(m.p.Unread); n > 0 {
		m.always("> %s could not be read: the plan shows the rest, and cannot be applied.\n\n", plural(n, "object"))
	}
	if m.p.UnfinishedNote != "" {
		m.always("%s\n\n", prose(m.p.UnfinishedNote))
	}
	if m.p.Reverts != nil {
		m.always("%s\n\n", prose(rollbackTitle(m.p.Reverts)))
		for _, l := range m.p.Reverts.Lost {
			m.add(form{rankLast, fmt.Sprintf("- cannot be undone: %s (run %d): %s\n", code(l.Addr.String()), l.Run, prose(l.Reason))}, form{0, ""})
		}
		if len(m.p.Reverts.Lost) > 0 {
			m.always("\n")
		}
	}
	if len(m.p.Targets) > 0 {
		m.always("Restricted to %s: the rest of the configuration was not compared.\n\n", prose(strings.Join(m.p.Targets, ", ")))
	}
}

// warnings says what planning warned about.
func (m *markdown) warnings() {
	for i := range m.p.Warnings {
		w := &m.p.Warnings[i]
		short := "- **Warning:** " + prose(w.Summary)
		if w.Address != "" {
			short += " " + code(w.Address)
		}
		short += " " + code("["+string(w.Code)+"]")
		m.add(form{rankWarning, short + " " + prose(w.Detail) + "\n"}, form{rankLast, short + "\n"}, form{0, ""})
	}
	if len(m.p.Warnings) > 0 {
		m.always("\n")
	}
}

// group writes the changes of one action.
func (m *markdown) group(g group) {
	for _, c := range g.changes {
		m.change(c)
	}
}

func (m *markdown) change(c *plans.Change) {
	rank, last := rankCreate, rankList
	switch {
	case destroys(c.Action):
		rank, last = rankDestroy, rankBare
	case c.Action == plans.Update:
		rank = rankUpdate
	}
	bare := fmt.Sprintf("%s %s %s", escape(strings.TrimSpace(symbol(c))), c.Action, code(c.Addr.String()))
	head := bare
	if reason := why(c); reason != "" {
		head += " – " + prose(reason)
	}
	if destroys(c.Action) {
		head = "<b>" + head + "</b>"
		if c.Protected {
			head += " (protected by prevent_destroy)"
		}
	}
	lines := m.b.difference(c)
	for _, note := range notes(c) {
		lines = append(lines, line{sign: kept, text: "# " + oneLine(note)})
	}
	forms := []form{{last, "- " + head + "\n"}}
	if len(lines) > 0 {
		forms = append([]form{{rank, details(head, lines, destroys(c.Action))}}, forms...)
	}
	if destroys(c.Action) {
		forms = append(forms, form{rankLast, "- " + bare + "\n"})
	}
	m.add(append(forms, form{0, ""})...)
}

func (m *markdown) drift(c *plans.Change) {
	head := "drift: " + code(c.Addr.String())
	m.add(form{rankDrift, details(head, m.b.difference(c), false)}, form{rankList, "- " + head + "\n"}, form{0, ""})
}

func (m *markdown) finding(f *plans.Finding) {
	head := fmt.Sprintf("- **%s** %s", f.Severity, prose(findingHead(f)))
	m.add(form{rankDrift, head + ": " + prose(strings.TrimSpace(f.Detail+" "+f.Fix)) + " (" + code(f.Class) + ")\n"}, form{rankList, head + "\n"}, form{0, ""})
}

// maxUnchanged is how many addresses that stay as they are a reader is offered.
const maxUnchanged = 200

func (m *markdown) unchanged() {
	var names []string
	for _, c := range m.p.Changes {
		if c.Action == plans.NoOp && c.PreviousAddr.IsZero() && c.Import == "" {
			names = append(names, code(c.Addr.String()))
		}
	}
	if len(names) == 0 || m.p.Empty() {
		return
	}
	summary := fmt.Sprintf("%d unchanged", len(names))
	if len(names) > maxUnchanged {
		names = append(names[:maxUnchanged], fmt.Sprintf("and %d more", len(names)-maxUnchanged))
	}
	m.add(form{rankSame, "<details><summary>" + summary + "</summary>\n\n" + strings.Join(names, ", ") + "\n\n</details>\n\n"}, form{0, summary + "\n\n"})
}

func (m *markdown) graph() {
	if len(m.p.Steps) < 2 {
		return
	}
	var b strings.Builder
	steps := plural(len(m.p.Steps), "step")
	if drawn, err := Mermaid(&b, m.p, MermaidOptions{MaxNodes: 60, MaxEdges: 100, MaxBytes: 5000}); err == nil && drawn {
		m.add(form{rankGraph, "<details><summary>Order (" + steps + ")</summary>\n\n```mermaid\n" + b.String() + "```\n\n</details>\n\n"}, form{0, ""})
	} else if link := m.link("full report"); link != "" {
		m.always("The order of the %s is too much for a picture here; the %s has it.\n\n", steps, link)
	}
}

// foot says what was planned and how to see it elsewhere.
func (m *markdown) foot() {
	m.always("\n`%s`\n", CountLine(m.p))
	var facts []string
	if m.o.Reproduce != "" {
		facts = append(facts, "Reproduce: "+code(m.o.Reproduce))
	}
	if m.o.PlanHash != "" {
		facts = append(facts, "plan "+code("sha256:"+firstN(m.o.PlanHash, 12)))
	}
	if m.o.Revision != "" {
		facts = append(facts, "base "+code(firstN(m.o.Revision, 7)))
	}
	if link := m.link("full report"); link != "" {
		facts = append(facts, link)
	}
	if len(facts) > 0 {
		m.always("\n%s\n", strings.Join(facts, " · "))
	}
}

// link returns a link to the whole plan, or "".
func (m *markdown) link(text string) string { return mdLink(text, m.o.Link) }

func firstN(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
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
