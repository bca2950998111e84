package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
)

// DriftReport is what one look for drift found, apart by what it means.
type DriftReport struct {
	// Drift lists objects that are not as the last run left them, and alarm. Their notes name attributes that are
	// acknowledged.
	Drift []*plans.Change
	// Findings are what providers found wrong beside that, and alarm; Notes are those that need nobody now.
	Findings, Notes []DriftFinding
	// Acknowledged differs as well, and stays quiet. Ended lists acknowledgements that hold no longer; in text they are
	// among the diagnostics.
	Acknowledged, Ended []Acknowledgement
	// Pending lists changes of the configuration that have not been applied. PendingUnknown says why that is not known; it
	// is empty when it is.
	Pending        []*plans.Change
	PendingUnknown string
	// Unread lists instances whose objects could not be read, of Records in all.
	Unread  []addr.Instance
	Records int
	// Failed says that it is not known whether everything was looked at. Problems are all errors.
	Failed   bool
	Problems []string
	// InProgress describes the run that was under way, so that nothing was judged; empty when none was.
	InProgress string

	Clusters           map[string]string
	Directory, Lineage string
	At                 time.Time
}

// DriftFinding is something that a provider found.
type DriftFinding struct {
	Class, Severity                       string
	Address, Object, Summary, Detail, Fix string
}

// Acknowledgement is something that somebody knows of.
type Acknowledgement struct {
	// Address and What say what it is about: `changed manifest.spec.replicas`. What is empty for a whole object.
	Address, What string
	Reason, Owner string
	Until         time.Time
	// Where is the place in its file.
	Where string
}

// Outcome says in a word what the report says: in-progress, failed, incomplete, drift, acknowledged or none.
func (r *DriftReport) Outcome() string {
	switch {
	case r.InProgress != "":
		return "in-progress"
	case r.Alarms() > 0:
		return "drift"
	case len(r.Unread) > 0:
		return "incomplete"
	case r.Failed:
		return "failed"
	case len(r.Acknowledged) > 0:
		return "acknowledged"
	}
	return "none"
}

// Alarms counts objects and findings that alarm.
func (r *DriftReport) Alarms() int { return len(r.Drift) + len(r.Findings) }

// Verdict is the report in one line. It says that there is no drift only when everything was looked at.
func (r *DriftReport) Verdict() string {
	unread := ""
	if n := len(r.Unread); n > 0 {
		unread = fmt.Sprintf(" %d of %s could not be read.", n, plural(r.Records, "object"))
	}
	switch r.Outcome() {
	case "in-progress":
		return "Apply in progress: " + oneLine(r.InProgress) + ". Drift is not judged before it has ended."
	case "drift":
		var parts []string
		if n := len(r.Drift); n > 0 {
			parts = append(parts, plural(n, "object")+" changed outside meshplan")
		}
		if n := len(r.Findings); n > 0 {
			parts = append(parts, plural(n, "finding"))
		}
		return "Drift: " + strings.Join(parts, ", ") + "." + unread
	case "incomplete":
		return "Drift is not known:" + unread + " The others are as the last run left them."
	case "failed":
		return "Drift is not known: the look has failed."
	case "acknowledged":
		return "No drift but what is acknowledged."
	}
	return "No drift."
}

// pendingLine says how the configuration differs from what was applied; "" when it does not.
func (r *DriftReport) pendingLine() string {
	switch {
	case r.PendingUnknown != "":
		return "Whether the configuration has changes that have not been applied is not known: " + oneLine(r.PendingUnknown)
	case len(r.Pending) == 1:
		return "Pending: the configuration has 1 change that has not been applied."
	case len(r.Pending) > 1:
		return fmt.Sprintf("Pending: the configuration has %d changes that have not been applied.", len(r.Pending))
	}
	return ""
}

// about says what an acknowledgement is about, terms why and for how long it holds.
func (a *Acknowledgement) about() string {
	return strings.TrimSpace(oneLine(a.Address) + " " + oneLine(a.What))
}

func (a *Acknowledgement) terms(ended bool) string {
	s := "until "
	if ended {
		s = "ended "
	}
	s += a.Until.UTC().Format("2006-01-02 15:04 UTC")
	if a.Owner != "" {
		s += ", " + oneLine(a.Owner)
	}
	return s + ": " + oneLine(a.Reason)
}

// about says what a finding is about.
func (f *DriftFinding) about() string {
	switch {
	case f.Address == "":
		return oneLine(f.Object)
	case f.Object == "":
		return oneLine(f.Address)
	}
	return oneLine(f.Address) + " (" + oneLine(f.Object) + ")"
}

// Drift writes a report for people; the verdict stands at the end.
func Drift(w io.Writer, r *DriftReport, o TextOptions) error {
	t := &textWriter{w: bufio.NewWriter(w), o: o, b: newBuilder()}
	t.b.types = o.Types
	if o.Full {
		t.b.limit = 0
	}
	t.drifted(r.Drift)
	t.driftFindings("Found by the providers:", r.Findings)
	t.driftFindings("Worth knowing:", r.Notes)
	t.acknowledgements(r.Acknowledged)
	for i, c := range r.Pending {
		if i == 0 {
			t.line("%s", t.o.Paint.Bold("Pending, and no drift:"))
			t.line("")
		}
		if i == maxListed {
			t.line("      %s", t.o.Paint.Faint(fmt.Sprintf("… and %d more", len(r.Pending)-i)))
			break
		}
		t.line("%s %s %s", t.color(c.Action, fmt.Sprintf("%3s", symbol(c))), t.color(c.Action, fmt.Sprintf("%-7s", c.Action)), oneLine(c.Addr.String()))
	}
	if len(r.Pending) > 0 {
		t.line("")
	}
	if s := r.pendingLine(); s != "" {
		t.prose("", s)
	}
	t.line("%s", t.o.Paint.Bold(r.Verdict()))
	return t.w.Flush()
}

// drifted writes what others changed.
func (t *textWriter) drifted(list []*plans.Change) {
	if len(list) == 0 {
		return
	}
	t.line("%s", t.o.Paint.Bold("Changed outside meshplan since the last run:"))
	t.line("")
	for _, c := range list {
		plain := *c
		if plain.Reason == plans.BecauseDrifted {
			plain.Reason = plans.NoReason // the heading says so
		}
		t.change(&plain)
	}
	if t.o.Summary {
		t.line("")
	}
}

func (t *textWriter) driftFindings(title string, list []DriftFinding) {
	if len(list) == 0 {
		return
	}
	t.line("%s", t.o.Paint.Bold(title))
	t.line("")
	for _, f := range list {
		head := "  ! " + t.o.Paint.Bold(f.about()) + ": " + oneLine(f.Summary)
		if f.Severity == "critical" {
			head = "  " + t.o.Paint.Red("!") + " " + t.o.Paint.Bold(f.about()) + ": " + t.o.Paint.Red(oneLine(f.Summary))
		}
		t.line("%s%s", head, t.o.Paint.Faint("   # "+oneLine(f.Class)))
		if !t.o.Summary {
			for _, s := range []string{f.Detail, f.Fix} {
				if s != "" {
					t.prose("      ", s)
				}
			}
			t.line("")
		}
	}
	if t.o.Summary {
		t.line("")
	}
}

func (t *textWriter) acknowledgements(list []Acknowledgement) {
	if len(list) == 0 {
		return
	}
	t.line("%s", t.o.Paint.Bold("Acknowledged:"))
	t.line("")
	for _, a := range list {
		t.line("  %s", a.about())
		t.prose("      # ", a.terms(false))
	}
	t.line("")
}
