package render

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/meshplan/meshplan/plans"
)

// DriftHTML writes a report as one page that needs nothing else, like that of a plan.
func DriftHTML(w io.Writer, r *DriftReport, o HTMLOptions) error {
	b, page := newBuilder(), &report{Heading: cmp.Or(o.Title, "meshplan drift"), Verdict: r.Verdict(), ListTitle: "Findings"}
	b.types = o.Types
	page.Title = page.Heading + ": " + r.Verdict()
	page.Facts = planFacts(&plans.Plan{Base: plans.Base{Clusters: r.Clusters, Dir: r.Directory}, Created: r.At})
	page.Counts = []count{{"drift", "alarming", r.Alarms()}, {"update", "acknowledged", len(r.Acknowledged)}, {"create", "pending", len(r.Pending)}, {"delete", "not read", len(r.Unread)}}
	for _, s := range r.Problems {
		page.Warnings = append(page.Warnings, oneLine(s))
	}
	if s := r.pendingLine(); s != "" {
		page.Warnings = append(page.Warnings, s)
	}
	group := func(class, name string, items []entry) {
		if len(items) > 0 {
			page.Groups = append(page.Groups, section{Class: class, Items: items})
			page.Filters = append(page.Filters, count{class, name, len(items)})
		}
	}
	var items []entry
	for _, c := range r.Drift {
		e := entry{Symbol: "!", Verb: "drift", Address: oneLine(c.Addr.String()), Why: why(c), Lines: painted(b.difference(c)), Open: destructive(c) || len(r.Drift) <= maxWithoutSummary}
		for _, n := range c.Notes {
			e.Notes = append(e.Notes, oneLine(n))
		}
		items = append(items, e)
	}
	for i := range r.Findings {
		items = append(items, r.Findings[i].entry())
	}
	group("drift", "drift", items)
	items = nil
	for _, a := range r.Unread {
		items = append(items, entry{Symbol: "?", Verb: "unread", Address: oneLine(a.String())})
	}
	group("delete", "not read", items)
	items = nil
	for i := range r.Notes {
		items = append(items, r.Notes[i].entry())
	}
	group("read", "notes", items)
	items = nil
	for _, list := range []struct {
		of    []Acknowledgement
		ended bool
	}{{r.Acknowledged, false}, {r.Ended, true}} {
		for i := range list.of {
			a := &list.of[i]
			items = append(items, entry{Symbol: "·", Verb: "known", Address: a.about(), Why: a.terms(list.ended)})
		}
	}
	group("update", "acknowledged", items)
	items = nil
	for _, c := range r.Pending {
		items = append(items, entry{Symbol: strings.TrimSpace(symbol(c)), Verb: c.Action.String(), Address: oneLine(c.Addr.String()), Why: "pending"})
	}
	group("create", "pending", items)
	page.Footer = fmt.Sprintf("Made by meshplan at %s. Sensitive values are not part of it.", r.At.UTC().Format(time.RFC3339))
	return page.write(w)
}

func (f *DriftFinding) entry() entry {
	e := entry{Symbol: "!", Verb: oneLine(f.Severity), Address: f.about(), Why: oneLine(f.Summary), Open: f.Severity == "critical"}
	for _, s := range []string{f.Detail, f.Fix} {
		if s != "" {
			e.Notes = append(e.Notes, oneLine(s))
		}
	}
	return e
}
