package plans

import "github.com/meshplan/meshplan/internal/addr"

// Finding is one way in which the system is not as it should be, although no recorded value shows it. Providers find
// them when drift is looked for; applying a plan does nothing about them.
type Finding struct {
	// Class is a documented code, for instance `linkerd.drift.pod-unmeshed`.
	Class    string   `json:"class"`
	Severity Severity `json:"severity"`
	// Provider is the provider configuration that found it.
	Provider string `json:"provider"`
	// Object names what it is about.
	Object string `json:"object,omitempty"`
	// Owner is the instance that answers for the object; zero when there is none.
	Owner addr.Instance `json:"-"`
	// Summary is a few words, Detail says what is wrong, Fix what to do about it.
	Summary string `json:"summary"`
	Detail  string `json:"detail"`
	Fix     string `json:"fix,omitempty"`
}

// Severity says how much a finding matters. The zero value is invalid.
type Severity uint8

// The severities of findings.
const (
	SeverityNote     Severity = iota + 1 // nothing needs to be done now
	SeverityDrift                        // it is not as configured
	SeverityCritical                     // it fails now, or will fail soon without a further sign
)

var severities = [...]string{SeverityNote: "note", SeverityDrift: "drift", SeverityCritical: "critical"}

// String returns the severity's name, for instance `critical`.
func (s Severity) String() string {
	if int(s) < len(severities) && s > 0 {
		return severities[s]
	}
	return "invalid"
}

// Gauge is a number that a provider measured when drift was looked for, in the terms of Prometheus.
type Gauge struct {
	Name   string            `json:"name"`
	Labels map[string]string `json:"labels,omitempty"`
	Value  float64           `json:"value"`
	Help   string            `json:"help,omitempty"`
}

// Drifted counts what is not as it should be: objects that others changed, and findings that are more than notes.
func (p *Plan) Drifted() int {
	n := len(p.Drift)
	for _, f := range p.Findings {
		if f.Severity > SeverityNote {
			n++
		}
	}
	return n
}
