package render

import (
	"cmp"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/meshplan/meshplan/plans"
)

// HTMLOptions say how HTML writes. The zero value is the documented default.
type HTMLOptions struct {
	// Title of the page; empty means "meshplan plan".
	Title string
	// MaxLines bounds the lines of details that the page holds; 0 means 50,000. Beyond it, changes that destroy nothing
	// lose their details first, and the page says how many.
	MaxLines int
	// Types declare what has a default: such attributes of what is created or deleted are left out. Nil leaves none out.
	Types Types
}

const maxPageLines = 50_000

// HTML writes the plan as one page that needs nothing else: no script, no request, light and dark by the reader's
// preference. It shows the verdict, the order of the steps as a picture, and every change with its details folded away;
// what destroys comes first and open.
func HTML(w io.Writer, p *plans.Plan, o HTMLOptions) error {
	b, r := newBuilder(), &report{Heading: cmp.Or(o.Title, "meshplan plan"), Verdict: CountLine(p), Impact: impact(p, o.Types), ListTitle: "Changes"}
	b.types = o.Types
	r.Title = r.Heading + ": " + verdict(p)
	r.Facts = planFacts(p)
	n := p.Counts()
	r.Counts = []count{{"create", "to create", n.Create}, {"update", "to update", n.Update}, {"replace", "to replace", n.Replace}, {"delete", "to delete", n.Delete}, {"drift", "drifted", p.Drifted()}}
	r.Warnings = planWarnings(p)
	if len(p.Steps) > 0 {
		r.Picture, r.PictureNote = figure(compose(draw(p), byAction))
	}
	budget := cmp.Or(o.MaxLines, maxPageLines)
	gs := groups(p.Changes)
	for _, g := range slices.Backward(gs) {
		s := section{Class: g.action.String()}
		omitted := 0
		for _, c := range g.changes {
			destroys := c.Action == plans.Delete || c.Action == plans.Replace
			e := entry{Symbol: strings.TrimSpace(symbol(c)), Verb: c.Action.String(), Address: oneLine(c.Addr.String()), Why: why(c), Open: destroys && len(g.changes) <= maxListed}
			for _, note := range c.Notes {
				e.Notes = append(e.Notes, oneLine(note))
			}
			if c.Protected && destroys {
				e.Notes = append(e.Notes, "Protected by prevent_destroy.")
			}
			lines := b.difference(c)
			if budget -= len(lines); budget >= 0 || destroys {
				e.Lines = painted(lines)
			} else {
				omitted++
			}
			s.Items = append(s.Items, e)
		}
		if omitted > 0 {
			s.Omitted = fmt.Sprintf("The details of %s are left out. \"meshplan show\" prints them.", plural(omitted, "change"))
		}
		r.Groups = append(r.Groups, s)
		r.Filters = append(r.Filters, count{s.Class, s.Class, len(s.Items)})
	}
	if len(p.Drift)+len(p.Findings) > 0 {
		s := section{Class: "drift"}
		for _, c := range p.Drift {
			s.Items = append(s.Items, entry{Symbol: "!", Verb: "drift", Address: oneLine(c.Addr.String()), Why: "changed outside meshplan", Lines: painted(b.difference(c))})
		}
		for i := range p.Findings {
			f := &p.Findings[i]
			s.Items = append(s.Items, entry{Symbol: "!", Verb: f.Severity.String(), Address: findingHead(f), Why: f.Class, Notes: []string{oneLine(f.Detail), oneLine(f.Fix)}})
		}
		r.Groups = append(r.Groups, s)
		r.Filters = append(r.Filters, count{"drift", "drift", len(s.Items)})
	}
	r.Outputs = b.outputLines(p)
	r.Footer = "Made by meshplan from a plan of " + p.Created.UTC().Format(time.RFC3339) + ". Sensitive values are not part of it."
	return r.write(w)
}

func (b *builder) outputLines(p *plans.Plan) []paintedLine {
	width := 0
	for _, o := range changedOutputs(p) {
		width = max(width, len(key(o.Name)))
	}
	var out []paintedLine
	for _, o := range changedOutputs(p) {
		out = append(out, painted(b.output(o, width))...)
	}
	return out
}

// figure turns a picture into a part of a page, with a remark when it shows groups.
func figure(p *picture) (template.HTML, string) {
	var b strings.Builder
	p.svg(&b, false)
	note := ""
	if p.grouped > 0 {
		boxes := 0
		for _, x := range p.boxes {
			if !x.bend {
				boxes++
			}
		}
		note = fmt.Sprintf("%d steps drawn as %d groups; a tooltip lists what is in a group.", p.grouped, boxes)
	}
	return template.HTML(b.String()), note // svg escapes every text
}

func planFacts(p *plans.Plan) (out []fact) {
	for _, f := range clusters(p.Base) {
		name, id, _ := strings.Cut(f, " ")
		out = append(out, fact{strings.ToUpper(name[:1]) + name[1:], id})
	}
	if p.Base.Serial > 0 {
		out = append(out, fact{"State serial", fmt.Sprint(p.Base.Serial)})
	}
	if p.Base.Dir != "" {
		out = append(out, fact{"Directory", oneLine(p.Base.Dir)})
	}
	if len(p.Steps) > 0 {
		steps := 0
		for _, s := range p.Steps {
			if s.Op != plans.OpPass {
				steps++
			}
		}
		out = append(out, fact{"Steps", fmt.Sprint(steps)})
	}
	return append(out, fact{"Made", p.Created.UTC().Format("2006-01-02 15:04:05 UTC")})
}

func planWarnings(p *plans.Plan) (out []string) {
	switch {
	case p.Mode == plans.Destroy:
		out = append(out, "This plan deletes everything that the state records.")
	case p.Mode == plans.RefreshOnly:
		out = append(out, "This plan records what others changed and touches no object.")
	case p.Reverts != nil:
		out = append(out, rollbackTitle(p.Reverts))
		for _, l := range p.Reverts.Lost {
			out = append(out, oneLine(fmt.Sprintf("Cannot be undone: %s (run %d): %s", l.Addr, l.Run, l.Reason)))
		}
	}
	if p.UnfinishedNote != "" {
		out = append(out, p.UnfinishedNote)
	}
	if s := OfflineNote(p); s != "" {
		out = append(out, s)
	}
	if len(p.Targets) > 0 {
		out = append(out, oneLine("Restricted to "+strings.Join(p.Targets, ", ")+". The rest of the configuration is not compared."))
	}
	for _, c := range oneWay(p) {
		out = append(out, oneLine(fmt.Sprintf("A later rollback cannot undo %s: %s", c.Addr, c.Reverse.Reason)))
	}
	return out
}
