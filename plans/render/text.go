package render

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
)

// TextOptions say how Text lays a plan out. The zero value is plain text that is not wrapped.
type TextOptions struct {
	// Width of the terminal in characters, to which prose is wrapped; 0 wraps and cuts nothing. Addresses are never
	// wrapped; values that do not fit lose their middle unless Full is set.
	Width int
	Paint diag.Paint
	// Full shows values that come or go as a whole however long they are. Otherwise the inside of very long ones is
	// summed up.
	Full bool
	// Types declare what has a default: such attributes of what is created or deleted are hidden unless Full is set. Nil hides none.
	Types Types
	// Summary shows one line for each change, with its notes, and no values.
	Summary bool
	// Only restricts the changes that are shown to some actions; empty shows all. What counts the changes counts all.
	Only []plans.Action
}

// Text writes a plan for people, the most dangerous changes last and the line of counts at the very end.
func Text(w io.Writer, p *plans.Plan, o TextOptions) error {
	t := &textWriter{w: bufio.NewWriter(w), o: o, b: newBuilder()}
	t.b.types = o.Types
	if o.Full {
		t.b.limit = 0
	}
	t.head(p)
	all := groups(p.Changes)
	changes := t.only(all)
	if o.Summary {
		t.common = map[string]int{}
		for _, c := range p.Changes {
			for _, n := range notes(c) {
				t.common[n]++
			}
		}
	}
	if len(changes) > 0 {
		t.legend(changes)
	}
	for _, g := range changes {
		for _, c := range g.changes {
			t.change(c)
		}
	}
	if cs := claims(p); len(cs) > 0 {
		for _, c := range cs {
			t.prose("  # ", origin(c))
		}
		t.line("")
	}
	if t.o.Summary && len(changes) > 0 {
		t.repeated()
		t.line("")
	}
	t.drifted(p.Drift)
	t.findings(p)
	if len(o.Only) == 0 {
		t.outputs(p)
	}
	t.foot(p, all)
	return t.w.Flush()
}

// only picks the groups that are to be shown, and says what is left out.
func (t *textWriter) only(gs []group) []group {
	if len(t.o.Only) == 0 {
		return gs
	}
	hidden := 0
	out := slices.DeleteFunc(slices.Clone(gs), func(g group) bool {
		if slices.Contains(t.o.Only, g.action) {
			return false
		}
		hidden += len(g.changes)
		return true
	})
	if hidden > 0 {
		var names []string
		for _, a := range t.o.Only {
			names = append(names, a.String())
		}
		t.prose("", fmt.Sprintf("Shown is only what is to %s; %s not shown.", strings.Join(names, " or "), plural(hidden, "other change")+map[bool]string{true: " is", false: " are"}[hidden == 1]))
		t.line("")
	}
	return out
}

type textWriter struct {
	w *bufio.Writer
	o TextOptions
	b *builder

	common map[string]int // in a summary, how many changes have the same note
	cut    bool           // a value has lost its middle
}

// maxRepeats is how often a summary says the same note before it says it once for all.
const maxRepeats = 3

// repeated writes the notes that too many changes have in common.
func (t *textWriter) repeated() {
	for _, n := range slices.Sorted(maps.Keys(t.common)) {
		if t.common[n] > maxRepeats {
			t.prose("  # ", fmt.Sprintf("%d changes: %s", t.common[n], n))
		}
	}
}

func (t *textWriter) line(format string, args ...any) {
	t.w.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " "))
	t.w.WriteByte('\n')
}

// prose writes a paragraph behind a prefix, wrapped, with the following lines indented as far.
func (t *textWriter) prose(prefix, s string) {
	width := 0
	if t.o.Width > 0 {
		width = max(t.o.Width-len([]rune(prefix)), 30)
	}
	for i, l := range diag.Wrap(oneLine(s), width) {
		if i > 0 {
			prefix = strings.Repeat(" ", len([]rune(prefix)))
		}
		t.line("%s%s", prefix, l)
	}
}

// head says what the plan is about and against what it was made.
func (t *textWriter) head(p *plans.Plan) {
	facts := clusters(p.Base)
	if p.Base.Serial > 0 {
		facts = append(facts, fmt.Sprintf("state serial %d", p.Base.Serial))
	}
	if len(facts) > 0 {
		t.prose("", "Against "+strings.Join(facts, ", ")+".")
		t.line("")
	}
	if s := OfflineNote(p); s != "" {
		t.prose("", s)
		t.line("")
	}
	switch p.Mode {
	case plans.Destroy:
		t.prose("", "This plan deletes everything that the state records.")
		t.line("")
	case plans.RefreshOnly:
		t.prose("", "This plan records what others changed and touches no object.")
		t.line("")
	case plans.Rollback:
		t.rollback(p)
	}
	if p.UnfinishedNote != "" {
		t.prose("", p.UnfinishedNote)
		t.line("")
	}
	if len(p.Targets) > 0 {
		t.prose("", "Restricted to "+strings.Join(p.Targets, ", ")+". The rest of the configuration is not compared.")
		t.line("")
	}
}

// clusters names what the plan was made against, once when all providers are connected to the same: how the user calls
// it, where it is, and what it is.
func clusters(b plans.Base) (out []string) {
	names := slices.Sorted(maps.Keys(b.Clusters))
	names = slices.DeleteFunc(names, func(n string) bool { return b.Clusters[n] == "" })
	name := func(n string) string {
		s := "cluster " + oneLine(b.Clusters[n])
		if place := b.Places[n]; place != "" {
			s = oneLine(place) + ", " + s
		}
		return s
	}
	one := !slices.ContainsFunc(names, func(n string) bool { return name(n) != name(names[0]) })
	for _, n := range names {
		if one {
			return []string{name(n)}
		}
		out = append(out, oneLine(n)+" "+name(n))
	}
	return out
}

func (t *textWriter) rollback(p *plans.Plan) {
	if p.Reverts == nil {
		return
	}
	t.prose("", rollbackTitle(p.Reverts))
	t.line("")
	if len(p.Reverts.Lost) == 0 {
		return
	}
	t.line("%s", t.o.Paint.Yellow("These steps cannot be undone and stay as they are:"))
	for _, l := range p.Reverts.Lost {
		t.prose("  ! ", fmt.Sprintf("%s (run %d): %s", l.Addr, l.Run, l.Reason))
	}
	t.line("")
}

func rollbackTitle(r *plans.Reverts) string {
	var runs []string
	for _, id := range r.Runs {
		runs = append(runs, fmt.Sprint(id))
	}
	what := "run " + strings.Join(runs, "")
	if len(runs) > 1 {
		what = "runs " + strings.Join(runs, ", ")
	}
	if r.To > 0 {
		return fmt.Sprintf("Rollback of %s: restores what was there after run %d.", what, r.To)
	}
	return fmt.Sprintf("Rollback of %s: restores what was there before.", what)
}

// legend explains the symbols that occur; one alone explains itself.
func (t *textWriter) legend(gs []group) {
	t.line("meshplan will perform these actions:")
	t.line("")
	var parts []string
	for _, g := range gs {
		for i, c := range g.changes {
			if s := symbol(c); i == 0 || s != symbol(g.changes[0]) {
				word := g.action.String()
				if s == "+/-" {
					word += " (create first)"
				}
				parts = append(parts, t.color(g.action, s)+" "+word)
				if i > 0 {
					break
				}
			}
		}
	}
	if len(parts) > 1 {
		t.line("  %s", strings.Join(parts, "   "))
		t.line("")
	}
}

func (t *textWriter) color(a plans.Action, s string) string {
	switch a {
	case plans.Create:
		return t.o.Paint.Green(s)
	case plans.Update:
		return t.o.Paint.Yellow(s)
	case plans.Replace:
		return t.o.Paint.Magenta(s)
	case plans.Delete:
		return t.o.Paint.Red(s)
	case plans.Read:
		return t.o.Paint.Cyan(s)
	}
	return s
}

func (t *textWriter) change(c *plans.Change) {
	head := fmt.Sprintf("%s %s %s", t.color(c.Action, fmt.Sprintf("%3s", symbol(c))), t.color(c.Action, fmt.Sprintf("%-7s", c.Action)), t.o.Paint.Bold(oneLine(c.Addr.String())))
	reason, below := why(c), ""
	if t.o.Width > 0 && utf8.RuneCountInString(c.Addr.String())+utf8.RuneCountInString(reason)+17 > t.o.Width {
		reason, below = "", reason // a terminal would break it anywhere
	}
	if reason != "" {
		head += t.o.Paint.Faint("   # " + reason)
	}
	t.line("%s", head)
	if below != "" {
		t.prose("      # ", below)
	}
	if !t.o.Summary {
		t.lines(t.b.difference(c))
	}
	if c.Protected && (c.Action == plans.Delete || c.Action == plans.Replace) {
		t.prose("      ! ", "protected by prevent_destroy")
	}
	for _, n := range notes(c) {
		if t.common[n] <= maxRepeats {
			t.prose("      # ", n)
		}
	}
	if !t.o.Summary {
		t.line("")
	}
}

func (t *textWriter) lines(lines []line) {
	for _, l := range lines {
		s := string(l.sign)
		switch l.sign {
		case added:
			s = t.o.Paint.Green(s)
		case removed:
			s = t.o.Paint.Red(s)
		case changed:
			s = t.o.Paint.Yellow(s)
		}
		body, more := t.room(l)
		if l.sign == kept && strings.HasPrefix(body, "#") {
			body = t.o.Paint.Faint(body)
		}
		if l.note != "" {
			body += t.o.Paint.Red("   # " + l.note)
		}
		indent := "      " + strings.Repeat("    ", l.depth)
		t.line("%s%s %s", indent, s, body)
		for _, m := range more {
			t.line("%s  %s", indent, m)
		}
	}
}

// room makes a line of a value fit the terminal: certificates in several lines, other values without their middle.
func (t *textWriter) room(l line) (body string, more []string) {
	if t.o.Width <= 0 || t.o.Full || strings.HasPrefix(l.text, "#") {
		return l.text, nil
	}
	room := t.o.Width - 8 - 4*l.depth
	if l.note != "" {
		room -= utf8.RuneCountInString(l.note) + 5
	}
	if strings.Contains(l.text, "certificate ") && strings.Contains(l.text, ", sha256 ") {
		lines := broken(l.text, room)
		return lines[0], lines[1:]
	}
	body, cut := fit(l.text, max(room, leastValue))
	t.cut = t.cut || cut
	return body, nil
}

func (t *textWriter) outputs(p *plans.Plan) {
	changed := changedOutputs(p)
	if len(changed) == 0 {
		return
	}
	t.line("%s", t.o.Paint.Bold("Outputs:"))
	t.line("")
	width := 0
	for _, o := range changed {
		width = max(width, len(key(o.Name)))
	}
	for _, o := range changed {
		t.lines(t.b.output(o, width))
	}
	t.line("")
}

const (
	// maxWithoutSummary is how many changes a reader keeps in mind without a list of them.
	maxWithoutSummary = 6
	// maxListed is how many addresses the summary lists of what does not destroy.
	maxListed = 20
)

func (t *textWriter) foot(p *plans.Plan, gs []group) {
	if s := impact(p, t.o.Types); s != "" {
		t.prose("Impact: ", s+".")
		t.line("")
	}
	if lost := oneWay(p); len(lost) > 0 {
		t.line("%s", t.o.Paint.Yellow("A later rollback cannot undo:"))
		for _, c := range lost {
			t.prose("  ! ", fmt.Sprintf("%s: %s", c.Addr, c.Reverse.Reason))
		}
		t.line("")
	}
	total := 0
	for _, g := range gs {
		total += len(g.changes)
	}
	if total > maxWithoutSummary && !t.o.Summary {
		t.line("Summary:")
		for _, g := range gs {
			t.summary(g)
		}
		t.line("")
	}
	if t.cut {
		t.prose("", "Long values are cut in the middle (…); --full shows them whole.")
		t.line("")
	}
	if n := p.Counts().Forget; n > 0 {
		t.line("%s: the record goes, the object stays.", plural(n, "object")+" to forget")
	}
	if len(p.Unread) > 0 {
		t.line("%s", t.o.Paint.Yellow("Could not be read, so this plan is incomplete and cannot be applied:"))
		for _, a := range p.Unread {
			t.line("  ! %s", oneLine(a.String()))
		}
		t.line("")
	}
	t.line("%s", t.o.Paint.Bold(CountLine(p)))
	if n := recordSteps(p); n > 0 && p.Empty() {
		t.line("The next apply brings %s up to date (dependencies, settings, marks). No object changes.", plural(n, "record"))
	}
}

func (t *textWriter) summary(g group) {
	for i, c := range g.changes {
		if i == maxListed && g.action != plans.Delete && g.action != plans.Replace && len(g.changes) > maxListed+1 {
			t.line("      %s", t.o.Paint.Faint(fmt.Sprintf("… and %d more to %s", len(g.changes)-i, g.action)))
			return
		}
		t.line("%s %s %s", t.color(g.action, fmt.Sprintf("%3s", symbol(c))), t.color(g.action, fmt.Sprintf("%-7s", g.action)), oneLine(c.Addr.String()))
	}
}
