package providers

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
)

// Inspector is the optional capability of a Provider to look for drift that no recorded value shows: what runs in
// another way than it was configured, what runs out, what others made beside the recorded objects. Inspect is called
// once when drift is looked for, after the records were read; it writes nothing. What it may not read it leaves out and
// says so with a warning; an error in the diagnostics says that nothing can be known.
type Inspector interface {
	Inspect(ctx context.Context, req InspectRequest) (Inspection, hcl.Diagnostics)
}

// InspectRequest says what the state records for the provider configuration.
type InspectRequest struct {
	// Lineage is that of the state, as objects are marked with it.
	Lineage string
	// Recorded are the instances in order of address.
	Recorded []Recorded
}

// Recorded is an instance as it was just read. The value is null when its object is gone.
type Recorded struct {
	Address addr.Instance
	Value   cty.Value
}

// Inspection is what was found. The zero value says that all is well and that nothing was measured.
type Inspection struct {
	Findings []Finding
	Gauges   []Gauge
}

// Add takes another inspection's findings and gauges over.
func (i *Inspection) Add(other Inspection) {
	i.Findings = append(i.Findings, other.Findings...)
	i.Gauges = append(i.Gauges, other.Gauges...)
}

// Sort puts findings in order of severity, class, object and text, gauges in order of name and labels, and drops
// exact repetitions.
func (i *Inspection) Sort() {
	slices.SortStableFunc(i.Findings, compareFindings)
	i.Findings = slices.CompactFunc(i.Findings, func(a, b Finding) bool { return compareFindings(a, b) == 0 })
	slices.SortStableFunc(i.Gauges, compareGauges)
	i.Gauges = slices.CompactFunc(i.Gauges, func(a, b Gauge) bool { return compareGauges(a, b) == 0 })
}

func compareFindings(a, b Finding) int {
	return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Class, b.Class), strings.Compare(a.Object, b.Object),
		addr.Compare(a.Owner, b.Owner), strings.Compare(a.Detail, b.Detail))
}

func compareGauges(a, b Gauge) int {
	if c := cmp.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	for _, key := range slices.Sorted(maps.Keys(a.Labels)) {
		if c := cmp.Compare(a.Labels[key], b.Labels[key]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a.Labels), len(b.Labels))
}

// Finding is one way in which the system is not as it should be.
type Finding struct {
	// Class is a documented code: it never changes its meaning.
	Class    diag.Code
	Severity Severity
	// Object names what it is about, for instance `Deployment shop/web`.
	Object string
	// Owner is the instance that answers for the object; zero when no recorded one does.
	Owner addr.Instance
	// Summary is a few words without variable parts, Detail says what is wrong with this object, Fix what to do about it:
	// both are whole sentences. None of them holds a secret.
	Summary, Detail, Fix string
}

// Severity says how much a finding matters. The zero value is invalid.
type Severity uint8

// The severities of findings.
const (
	SeverityNote     Severity = iota + 1 // worth knowing; nothing needs to be done now
	SeverityDrift                        // it is not as configured: somebody must act
	SeverityCritical                     // it fails now, or protects nobody, or will fail soon without a further sign
)

// String returns the severity's name, for instance `critical`.
func (s Severity) String() string {
	switch s {
	case SeverityNote:
		return "note"
	case SeverityDrift:
		return "drift"
	case SeverityCritical:
		return "critical"
	}
	return "invalid"
}

// Gauge is a number that was measured, in the terms of Prometheus: names end in their unit.
type Gauge struct {
	Name   string
	Labels map[string]string
	Value  float64
	Help   string
}
