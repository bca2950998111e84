package render

import (
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
)

// jsonMeshplan is what a plan says beyond Terraform's representation.
type jsonMeshplan struct {
	Mode       string            `json:"mode"`
	Lineage    string            `json:"lineage"`
	Serial     uint64            `json:"serial"`
	Config     string            `json:"configuration_hash"`
	Clusters   map[string]string `json:"clusters,omitempty"`
	Places     map[string]string `json:"places,omitempty"`
	Targets    []string          `json:"targets,omitempty"`
	Unfinished uint64            `json:"continues_run,omitempty"`
	Offline    bool              `json:"offline,omitempty"`
	Warnings   []diag.JSON       `json:"warnings,omitempty"`
	Reverts    *jsonReverts      `json:"reverts,omitempty"`
	Steps      []jsonStep        `json:"steps"`
	Summary    jsonSummary       `json:"summary"`
	Findings   []JSONFinding     `json:"findings,omitempty"`
	Gauges     []plans.Gauge     `json:"gauges,omitempty"`
}

type jsonReverts struct {
	Runs []uint64   `json:"runs"`
	To   uint64     `json:"to"`
	Lost []jsonLost `json:"lost"`
}

type jsonLost struct {
	Address string `json:"address"`
	Run     uint64 `json:"run"`
	Reason  string `json:"reason"`
}

// jsonStep is one effect. Deps are positions in the list of steps.
type jsonStep struct {
	Address string `json:"address,omitempty"`
	Op      string `json:"op"`
	Deps    []int  `json:"deps"`
}

type jsonSummary struct {
	Create  int `json:"create"`
	Update  int `json:"update"`
	Replace int `json:"replace"`
	Delete  int `json:"delete"`
	Read    int `json:"read"`
	Forget  int `json:"forget"`
	Import  int `json:"import"`
	Drift   int `json:"drift"`
}

// jsonMeshplanChange is what a change says beyond Terraform's representation.
type jsonMeshplanChange struct {
	Reason       string   `json:"reason,omitempty"`
	Notes        []string `json:"notes,omitempty"`
	Restarts     int      `json:"restarts,omitempty"`
	Protected    bool     `json:"protected,omitempty"`
	Adopted      bool     `json:"adopted,omitempty"`
	Irreversible string   `json:"irreversible,omitempty"`
	DependsOn    []string `json:"depends_on,omitempty"`
}

func jsonExtension(p *plans.Plan) jsonMeshplan {
	n := p.Counts()
	out := jsonMeshplan{
		Mode: p.Mode.String(), Lineage: p.Base.Lineage, Serial: p.Base.Serial, Config: p.Base.Config, Clusters: p.Base.Clusters, Places: p.Base.Places,
		Targets: p.Targets, Unfinished: p.Unfinished, Offline: p.Offline, Steps: []jsonStep{},
		Summary: jsonSummary{n.Create, n.Update, n.Replace, n.Delete, n.Read, n.Forget, n.Import, len(p.Drift)},
	}
	if p.Reverts != nil {
		out.Reverts = &jsonReverts{Runs: p.Reverts.Runs, To: p.Reverts.To, Lost: []jsonLost{}}
		for _, l := range p.Reverts.Lost {
			out.Reverts.Lost = append(out.Reverts.Lost, jsonLost{l.Addr.String(), l.Run, l.Reason})
		}
	}
	for i := range p.Findings {
		out.Findings = append(out.Findings, FindingJSON(&p.Findings[i]))
	}
	out.Gauges = p.Gauges
	for _, d := range p.Diagnostics() {
		out.Warnings = append(out.Warnings, diag.ToJSON(d, nil))
	}
	for _, s := range p.Steps {
		step := jsonStep{Op: s.Op.String(), Deps: s.Deps}
		if s.Change >= 0 {
			step.Address = p.Changes[s.Change].Addr.String()
		}
		if step.Deps == nil {
			step.Deps = []int{}
		}
		out.Steps = append(out.Steps, step)
	}
	return out
}

func extendChange(c *plans.Change) *jsonMeshplanChange {
	out := jsonMeshplanChange{Reason: c.Reason.String(), Notes: c.Notes, Restarts: c.Restarts, Protected: c.Protected, Adopted: c.Adopted}
	if c.Reverse.Kind == plans.Irreversible {
		out.Irreversible = c.Reverse.Reason
	}
	for _, d := range c.DependsOn {
		out.DependsOn = append(out.DependsOn, d.String())
	}
	return &out
}
