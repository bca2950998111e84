package render

import (
	"encoding/json"
	"io"
	"time"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
)

// DriftFormat is the version of what DriftJSON writes.
const DriftFormat = "1.0"

// DriftJSON writes a report for machines. Changes have the form of Terraform's resource_drift, with the names of the
// attributes that differ beside them; secrets are null. The text ends with a line break.
func DriftJSON(w io.Writer, r *DriftReport) error {
	b := newBuilder()
	out := jsonDrift{
		Format: DriftFormat, Outcome: r.Outcome(), Verdict: r.Verdict(), At: r.At.UTC(), Drift: []jsonDriftChange{}, Findings: jsonFindings(r.Findings), Notes: jsonFindings(r.Notes),
		Acknowledged: jsonAcknowledged(r.Acknowledged), Ended: jsonAcknowledged(r.Ended), Pending: []jsonPending{}, PendingUnknown: r.PendingUnknown,
		Unread: addresses(r.Unread), Records: r.Records, Problems: append([]string{}, r.Problems...), InProgress: r.InProgress,
		Clusters: r.Clusters, Directory: r.Directory, Lineage: r.Lineage,
	}
	for _, c := range r.Drift {
		out.Drift = append(out.Drift, jsonDriftChange{b.resourceChange(c), append([]string{}, Paths(c)...)})
	}
	for _, c := range r.Pending {
		out.Pending = append(out.Pending, jsonPending{c.Addr.String(), terraformActions(c)})
	}
	return json.NewEncoder(w).Encode(&out)
}

type jsonDrift struct {
	Format         string             `json:"format_version"`
	Outcome        string             `json:"outcome"`
	Verdict        string             `json:"verdict"`
	At             time.Time          `json:"at"`
	Drift          []jsonDriftChange  `json:"drift"`
	Findings       []jsonDriftFinding `json:"findings"`
	Notes          []jsonDriftFinding `json:"notes"`
	Acknowledged   []jsonAcknowledge  `json:"acknowledged"`
	Ended          []jsonAcknowledge  `json:"ended_acknowledgements"`
	Pending        []jsonPending      `json:"pending"`
	PendingUnknown string             `json:"pending_unknown,omitempty"`
	Unread         []string           `json:"unread"`
	Records        int                `json:"records"`
	Problems       []string           `json:"problems"`
	InProgress     string             `json:"in_progress,omitempty"`
	Clusters       map[string]string  `json:"clusters,omitempty"`
	Directory      string             `json:"directory,omitempty"`
	Lineage        string             `json:"lineage,omitempty"`
}

type jsonDriftChange struct {
	jsonResourceChange
	Paths []string `json:"paths"`
}

type jsonDriftFinding struct {
	Class    string `json:"class"`
	Severity string `json:"severity"`
	Address  string `json:"address,omitempty"`
	Object   string `json:"object,omitempty"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	Fix      string `json:"fix,omitempty"`
}

type jsonAcknowledge struct {
	Address string    `json:"address,omitempty"`
	What    string    `json:"what,omitempty"`
	Reason  string    `json:"reason"`
	Owner   string    `json:"owner,omitempty"`
	Until   time.Time `json:"until"`
	Where   string    `json:"where,omitempty"`
}

type jsonPending struct {
	Address string   `json:"address"`
	Actions []string `json:"actions"`
}

func jsonFindings(list []DriftFinding) []jsonDriftFinding {
	out := []jsonDriftFinding{}
	for _, f := range list {
		out = append(out, jsonDriftFinding(f))
	}
	return out
}

func jsonAcknowledged(list []Acknowledgement) []jsonAcknowledge {
	out := []jsonAcknowledge{}
	for _, a := range list {
		out = append(out, jsonAcknowledge{a.Address, a.What, a.Reason, a.Owner, a.Until.UTC(), a.Where})
	}
	return out
}

func addresses(list []addr.Instance) []string {
	out := []string{}
	for _, a := range list {
		out = append(out, a.String())
	}
	return out
}

// destructive reports whether something is lost, so that readers see it first.
func destructive(c *plans.Change) bool { return c.Action == plans.Delete || c.Action == plans.Replace }
