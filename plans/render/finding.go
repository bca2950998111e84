package render

import (
	"fmt"
	"strings"

	"github.com/meshplan/meshplan/plans"
)

// JSONFinding is a finding for machines.
type JSONFinding struct {
	Class    string `json:"class"`
	Severity string `json:"severity"`
	Provider string `json:"provider"`
	Object   string `json:"object,omitempty"`
	// Address is that of the instance which answers for the object.
	Address string `json:"address,omitempty"`
	Summary string `json:"summary"`
	Detail  string `json:"detail"`
	Fix     string `json:"fix,omitempty"`
}

// FindingJSON converts a finding.
func FindingJSON(f *plans.Finding) JSONFinding {
	out := JSONFinding{Class: f.Class, Severity: f.Severity.String(), Provider: f.Provider, Object: f.Object, Summary: f.Summary, Detail: f.Detail, Fix: f.Fix}
	if !f.Owner.IsZero() {
		out.Address = f.Owner.String()
	}
	return out
}

// FindingLine is a finding in one line: `critical: Deployment shop/web: Pods without a proxy`.
func FindingLine(f *plans.Finding) string { return f.Severity.String() + ": " + findingHead(f) }

func findingHead(f *plans.Finding) string {
	if f.Object == "" {
		return oneLine(f.Summary)
	}
	return oneLine(f.Object) + ": " + oneLine(f.Summary)
}

// DriftLine is the last line about drift: how many objects others changed, and how many findings of each severity there are.
func DriftLine(p *plans.Plan) string {
	count := map[plans.Severity]int{}
	for _, f := range p.Findings {
		count[f.Severity]++
	}
	var parts []string
	for _, s := range []plans.Severity{plans.SeverityCritical, plans.SeverityDrift, plans.SeverityNote} {
		if n := count[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	found := ""
	if len(parts) > 0 {
		found = fmt.Sprintf("%s in the running system (%s)", plural(len(p.Findings), "finding"), strings.Join(parts, ", "))
	}
	switch {
	case p.Drifted() == 0 && found == "":
		return "No drift."
	case p.Drifted() == 0:
		return fmt.Sprintf("No drift, %s.", found)
	case len(p.Drift) == 0:
		return fmt.Sprintf("Drift: %s.", found)
	case found == "":
		return fmt.Sprintf("Drift: %s changed outside meshplan.", plural(len(p.Drift), "object"))
	}
	return fmt.Sprintf("Drift: %s changed outside meshplan, %s.", plural(len(p.Drift), "object"), found)
}

// ReportFinding is a finding as the report of a look for drift has it.
func ReportFinding(f *plans.Finding) DriftFinding {
	j := FindingJSON(f)
	return DriftFinding{Class: j.Class, Severity: j.Severity, Address: j.Address, Object: j.Object, Summary: j.Summary, Detail: j.Detail, Fix: j.Fix}
}

// findings writes what the providers found, the worst first.
func (t *textWriter) findings(p *plans.Plan) {
	var list []DriftFinding
	for i := range p.Findings {
		list = append(list, ReportFinding(&p.Findings[i]))
	}
	t.driftFindings("Found in the running system:", list)
}
