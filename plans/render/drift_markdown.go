package render

import (
	"cmp"
	"io"
	"strings"

	"github.com/meshplan/meshplan/internal/addr"
)

// DriftMarkdown writes a report for an issue, a summary or a message. Title and MaxBytes are as for plans: when it must
// be shortened, details go first and the names of what drifted last.
func DriftMarkdown(w io.Writer, r *DriftReport, o MarkdownOptions) error {
	m := &markdown{b: newBuilder(), o: o}
	m.b.types = o.Types
	m.always("### %s: %s\n\n", prose(cmp.Or(o.Title, "meshplan")), prose(r.Verdict()))
	for _, s := range r.Problems {
		m.add(form{rankUpdate, "- **problem:** " + prose(s) + "\n"}, form{rankLast, ""})
	}
	if len(r.Problems) > 0 {
		m.always("\n")
	}
	for _, c := range r.Drift {
		m.drift(c)
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		head := prose(f.Severity) + ": " + code(f.about()) + ": " + prose(f.Summary)
		m.add(form{rankDrift, strings.TrimRight("- "+head+". "+prose(strings.TrimSpace(f.Detail+" "+f.Fix)), " ") + "\n"}, form{rankList, "- " + head + "\n"}, form{0, ""})
	}
	m.unread(r.Unread)
	for i := range r.Notes {
		f := &r.Notes[i]
		m.add(form{rankUpdate, "- note: " + code(f.about()) + ": " + prose(f.Summary) + "\n"}, form{0, ""})
	}
	m.acknowledged("acknowledged", r.Acknowledged, false)
	m.acknowledged("acknowledgement", r.Ended, true)
	if s := r.pendingLine(); s != "" {
		m.always("\n%s\n", prose(s))
	}
	for _, c := range r.Pending {
		m.add(form{rankUpdate, "- pending: " + prose(c.Action.String()) + " " + code(c.Addr.String()) + "\n"}, form{0, ""})
	}
	_, err := io.WriteString(w, m.fit(o.MaxBytes))
	return err
}

func (m *markdown) unread(list []addr.Instance) {
	for _, a := range list {
		m.add(form{rankList, "- not read: " + code(a.String()) + "\n"}, form{0, ""})
	}
}

func (m *markdown) acknowledged(what string, list []Acknowledgement, ended bool) {
	for i := range list {
		a := &list[i]
		m.add(form{rankUpdate, "- " + what + ": " + code(a.about()) + " – " + prose(a.terms(ended)) + "\n"}, form{rankList, "- " + what + ": " + code(a.about()) + "\n"}, form{0, ""})
	}
}
