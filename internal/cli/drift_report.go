package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/alarm"
	"github.com/meshplan/meshplan/internal/ci"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// The codes of what is said about acknowledgements.
const (
	// CodeAcknowledgementEnded: the date of an acknowledgement has passed: what it is about alarms again.
	CodeAcknowledgementEnded diag.Code = "drift.acknowledgement-ended"
	// CodeAcknowledgementUnused: an acknowledgement is about nothing that differs.
	CodeAcknowledgementUnused diag.Code = "drift.acknowledgement-unused"
)

// readAcknowledgements reads the files that the flags name. What is wrong in one of them takes nothing else along.
func (l *driftLook) readAcknowledgements() {
	for _, name := range l.flags.acknowledge {
		list, file, ds := alarm.ReadAcknowledgements(name)
		l.known, l.ds = append(l.known, list...), append(l.ds, ds...)
		if file != nil {
			if l.shown == nil {
				l.shown = map[string]*hcl.File{}
			}
			l.shown[name] = file
		}
	}
}

// checkAcknowledged finds addresses that are neither recorded nor configured; such entries hold for nothing.
func (l *driftLook) checkAcknowledged(configured map[addr.Instance]bool) {
	var names []string
	for _, r := range l.snapshot.Records {
		names = append(names, r.Addr.Resource.String())
		configured[r.Addr.Current()] = true
	}
	l.known = slices.DeleteFunc(l.known, func(a *alarm.Acknowledgement) bool {
		if a.Target == nil {
			return false
		}
		for i := range configured {
			if a.Target.Contains(i) {
				return false
			}
		}
		if l.unplanned {
			return false // it may be in the configuration
		}
		l.ds = append(l.ds, diag.Error(alarm.CodeAcknowledgement, "No such address", fmt.Sprintf("Neither configuration nor state has %s, so nothing can be acknowledged there. Correct the address, or remove the entry.%s",
			a.Target, diag.Suggest(a.Target.String(), names)), &a.Range))
		return true
	})
}

// items names what a change is about.
func items(c *plans.Change) (out []alarm.Item) {
	address := c.Addr.Current().String()
	if c.Action == plans.Delete {
		return []alarm.Item{{Address: address, Kind: alarm.Gone}}
	}
	for _, d := range render.Differences(c) {
		kind := alarm.Changed
		switch d.Action {
		case plans.Create:
			kind = alarm.Added
		case plans.Delete:
			kind = alarm.Removed
		}
		out = append(out, alarm.Item{Address: address, Path: d.Path, Kind: kind})
	}
	if len(out) == 0 { // secrets that differ
		out = append(out, alarm.Item{Address: address, Kind: alarm.Changed})
	}
	return out
}

// findingItem names what a finding is about.
func findingItem(f *plans.Finding) alarm.Item {
	i := alarm.Item{Path: f.Object, Kind: f.Class}
	if !f.Owner.IsZero() {
		i.Address = f.Owner.String()
	}
	return i
}

// judge tells what alarms from what is acknowledged.
func (l *driftLook) judge() {
	var all []alarm.Item
	for _, c := range l.found.Drift {
		all = append(all, items(c)...)
	}
	for i := range l.found.Findings {
		if f := &l.found.Findings[i]; f.Severity > plans.SeverityNote {
			all = append(all, findingItem(f))
		}
	}
	if l.flags.alarmPending {
		for _, c := range l.report.Pending {
			all = append(all, alarm.Item{Address: c.Addr.Current().String(), Kind: "pending"})
		}
	}
	l.division = alarm.Divide(all, l.known, l.app.now())
	alarming := map[alarm.Item]bool{}
	for _, i := range l.division.Alarming {
		alarming[i] = true
	}
	notes := map[string][]string{}
	for _, a := range l.division.Acknowledged {
		notes[a.Address] = append(notes[a.Address], fmt.Sprintf("acknowledged: %s", or(a.Path, a.Kind)))
		l.report.Acknowledged = append(l.report.Acknowledged, acknowledged(a))
	}
	for _, a := range l.division.Lapsed {
		notes[a.Address] = append(notes[a.Address], fmt.Sprintf("acknowledged until %s: %s", a.By.Until.UTC().Format("2006-01-02 15:04 UTC"), a.By.Reason))
	}
	for _, c := range l.found.Drift {
		if slices.ContainsFunc(items(c), func(i alarm.Item) bool { return alarming[i] }) {
			noted := *c
			noted.Notes = append(slices.Clip(c.Notes), notes[c.Addr.Current().String()]...)
			l.report.Drift = append(l.report.Drift, &noted)
		}
	}
	for i := range l.found.Findings {
		f := &l.found.Findings[i]
		switch {
		case f.Severity == plans.SeverityNote:
			l.report.Notes = append(l.report.Notes, render.ReportFinding(f))
		case alarming[findingItem(f)]:
			l.report.Findings = append(l.report.Findings, render.ReportFinding(f))
		}
	}
	for _, a := range l.division.Expired {
		l.report.Ended = append(l.report.Ended, acknowledged(alarm.Acknowledged{Item: alarm.Item{Address: about(a), Path: a.Path}, By: a}))
		l.ds = append(l.ds, diag.Warning(CodeAcknowledgementEnded, "Acknowledgement has ended", fmt.Sprintf("The acknowledgement of %s held until %s. Repair what it is about, or agree on another date, or remove the entry.",
			about(a), a.Until.UTC().Format("2006-01-02 15:04 UTC")), &a.Range))
	}
	if len(l.found.Unread) == 0 {
		for _, a := range l.division.Unused {
			l.ds = append(l.ds, diag.Warning(CodeAcknowledgementUnused, "Acknowledgement of nothing", fmt.Sprintf("Nothing of %s differs. Remove the entry, before it hides something new.", about(a)), &a.Range))
		}
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// about says what an acknowledgement is about.
func about(a *alarm.Acknowledgement) string {
	var parts []string
	if a.Target != nil {
		parts = append(parts, a.Target.String())
	}
	for _, s := range []string{a.Path, a.Finding, a.Object} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, " ")
}

func acknowledged(a alarm.Acknowledged) render.Acknowledgement {
	return render.Acknowledgement{Address: a.Address, What: strings.TrimSpace(a.Kind + " " + a.Path), Reason: a.By.Reason, Owner: a.By.Owner, Until: a.By.Until,
		Where: fmt.Sprintf("%s:%d", a.By.Range.Filename, a.By.Range.Start.Line)}
}

// show prints the report and writes the files that were asked for.
func (l *driftLook) show() error {
	if l.found != nil {
		for _, s := range l.streams {
			s.Drift(l.report.Drift)
			s.Findings(l.found.Findings)
		}
	}
	for _, s := range l.streams {
		s.Log(l.report.Verdict())
	}
	if !l.json {
		if err := render.Drift(l.Out, &l.report, render.TextOptions{Width: l.Width, Paint: l.OutPaint, Full: l.full, Summary: l.summary, Types: l.types}); err != nil {
			return err
		}
	}
	l.diagnostics(diag.Sort(l.ds))
	l.late = append(l.late, l.reports.write(l.write)...)
	if l.flags.template != "" && l.found != nil {
		l.writeTemplate()
	}
	return nil
}

// write makes one report.
func (l *driftLook) write(kind string, w io.Writer) error {
	switch kind {
	case "text":
		return render.Drift(w, &l.report, render.TextOptions{Full: l.full, Summary: l.summary, Types: l.types})
	case "json":
		return render.DriftJSON(w, &l.report)
	case "md":
		return render.DriftMarkdown(w, &l.report, render.MarkdownOptions{MaxBytes: maxMarkdownReport, Types: l.types})
	case "html":
		return render.DriftHTML(w, &l.report, render.HTMLOptions{Types: l.types})
	}
	f := findings{command: "drift", general: "state and configuration", strict: true, took: l.app.now().Sub(l.started), place: l.app.place(l.files)}
	f.list = append(ci.FromDiagnostics(l.ds, l.snippets()), ci.FromDrift(l.report.Drift)...)
	f.list = append(f.list, ci.FromFindings(l.report.Findings)...)
	if l.snapshot != nil {
		for _, r := range l.snapshot.Records {
			f.cases = append(f.cases, r.Addr.String())
		}
	}
	return f.report(kind, w)
}

// maxMarkdownReport keeps a report in Markdown below what a comment or an issue holds.
const maxMarkdownReport = 60_000

// writeTemplate writes entries for what alarms into a new file.
func (l *driftLook) writeTemplate() {
	if len(l.division.Alarming) == 0 {
		l.say("\nNothing alarms: %s was not written.", l.flags.template)
		return
	}
	f, err := os.OpenFile(l.flags.template, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err == nil {
		err = alarm.WriteTemplate(f, l.division.Alarming, l.app.now())
		if e := f.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		l.late = append(l.late, diag.Errorf(CodeReport, "Template cannot be written", "%s. Name a file that does not exist yet.", err))
		return
	}
	l.say("\nWrote %s. Give every entry that may stay a reason and a date, then: %s", l.flags.template, l.w.command("drift", "--acknowledge", quote(l.flags.template)))
}
