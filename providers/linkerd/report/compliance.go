package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Port is the inbound policy of one port of a workload.
type Port struct {
	Workload        string   `json:"workload"`
	Port            int      `json:"port"`
	Server          string   `json:"server,omitempty"` // "" when none covers it
	AccessPolicy    string   `json:"access_policy"`
	Unauthenticated bool     `json:"unauthenticated"` // clients without mTLS may be admitted
	Meshed          bool     `json:"meshed"`
	Admits          []string `json:"admits"`
	Refuses         []string `json:"refuses"`
	Shadowed        []string `json:"shadowed,omitempty"`
	Ignored         []string `json:"ignored,omitempty"`
}

// Flow is inbound traffic of one port by its origin.
type Flow struct {
	Workload string  `json:"workload"`
	Port     string  `json:"port"`
	Client   string  `json:"client,omitempty"` // the identity; "" without mTLS
	TLS      string  `json:"tls"`
	Reason   string  `json:"reason,omitempty"`
	Policy   string  `json:"policy,omitempty"`
	Allowed  float64 `json:"allowed"`
	Denied   float64 `json:"denied"`
}

// Mutual reports whether both sides proved who they are.
func (f Flow) Mutual() bool { return f.TLS == "true" && f.Client != "" }

// Namespace is what is known about one namespace.
type Namespace struct {
	Name string `json:"name"`
	// Ratio is the share of mutual TLS in the allowed traffic; nil when none was seen.
	Ratio      *float64 `json:"ratio"`
	Requests   float64  `json:"requests"`
	Denied     float64  `json:"denied"`
	Flows      []Flow   `json:"flows"`
	Ports      []Port   `json:"ports"`
	Unmeasured []string `json:"unmeasured,omitempty"`
}

// Certificate is one certificate that the mesh rests on.
type Certificate struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	NotAfter string `json:"not_after,omitempty"`
	DaysLeft *int64 `json:"days_left,omitempty"`
	OK       bool   `json:"ok"`
	Message  string `json:"message,omitempty"`
}

// Compliance is the whole report.
type Compliance struct {
	Time         time.Time     `json:"time"`
	Namespaces   []Namespace   `json:"namespaces"`
	Certificates []Certificate `json:"certificates"`
}

// Finding is something that is not as it should be. The zero Severity is invalid.
type Finding struct {
	Severity string `json:"severity"` // `fail` or `open`
	Where    string `json:"where"`
	Text     string `json:"text"`
}

// The severities: what contradicts compliance, and what is not known.
const (
	Fail = "fail"
	Open = "open"
)

// Findings lists what contradicts compliance and what is not known, failures first. No finding means that all traffic
// that was seen was mutual TLS, every port is covered and every certificate is usable.
func (c Compliance) Findings() []Finding {
	var out []Finding
	add := func(severity, where, format string, args ...any) {
		out = append(out, Finding{severity, where, fmt.Sprintf(format, args...)})
	}
	for _, n := range c.Namespaces {
		if n.Ratio == nil {
			add(Open, n.Name, "no traffic was seen, so nothing is proved")
		}
		for _, f := range n.Flows {
			if !f.Mutual() && f.Allowed > 0 {
				add(Fail, n.Name+"/"+f.Workload+":"+f.Port, "took %.0f requests without mTLS (%s)", f.Allowed, cmp.Or(f.Reason, f.TLS))
			}
		}
		for _, p := range n.Ports {
			where := fmt.Sprintf("%s/%s:%d", n.Name, p.Workload, p.Port)
			switch {
			case !p.Meshed:
				add(Fail, where, "has no proxy: its traffic is plaintext and no policy is enforced")
			case p.Unauthenticated:
				add(Fail, where, "admits clients without mTLS (%s)", policyName(p))
			case p.Server == "":
				add(Open, where, "has no Server; the default policy %s holds", p.AccessPolicy)
			}
			for _, i := range p.Ignored {
				add(Fail, where, "policy without effect: %s", i)
			}
			if len(p.Shadowed) > 0 {
				add(Fail, where, "Servers without effect: %s", strings.Join(p.Shadowed, ", "))
			}
		}
		for _, u := range n.Unmeasured {
			add(Open, n.Name, "not measured: %s", u)
		}
	}
	for _, e := range c.Certificates {
		if !e.OK {
			add(Fail, e.Kind+" "+e.Name, "%s", e.Message)
		}
	}
	slices.SortStableFunc(out, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Text, b.Text))
	})
	return out
}

func policyName(p Port) string {
	if p.Server == "" {
		return "default " + p.AccessPolicy
	}
	return "Server " + p.Server + ", " + p.AccessPolicy
}

// Percent writes a share and never rounds up to a whole that is not there.
func Percent(ratio *float64) string {
	if ratio == nil {
		return "no data"
	}
	hundredths := int(*ratio * 10000)
	if hundredths%100 == 0 {
		return fmt.Sprintf("%d%%", hundredths/100)
	}
	return fmt.Sprintf("%d.%02d%%", hundredths/100, hundredths%100)
}
