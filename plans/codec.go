package plans

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/sealed"
)

// The canonical form of a plan is a sequence of JSON documents, one in a line: the head, then every change, every
// drift and every step. Addresses stand in a table of the head and are referred to by index: they are read once,
// however many dependencies name them. Equal plans have equal bytes.

type storedHead struct {
	Base       storedBase      `json:"base"`
	Mode       Mode            `json:"mode"`
	Created    time.Time       `json:"created"`
	Targets    []string        `json:"targets,omitempty"`
	Reverts    *storedReverts  `json:"reverts,omitempty"`
	Unfinished uint64          `json:"unfinished,omitempty"`
	Note       string          `json:"unfinished_note,omitempty"`
	Offline    bool            `json:"offline,omitempty"`
	Warnings   []storedWarning `json:"warnings,omitempty"`
	Outputs    []storedOutput  `json:"outputs,omitempty"`
	Addresses  []storedAddress `json:"addresses"`
	Changes    int             `json:"changes"`
	Drift      int             `json:"drift"`
	Findings   []storedFinding `json:"findings,omitempty"`
	Gauges     []Gauge         `json:"gauges,omitempty"`
	Steps      int             `json:"steps"`
}

type storedWarning struct {
	Code    diag.Code  `json:"code"`
	Address string     `json:"address,omitempty"`
	Summary string     `json:"summary"`
	Detail  string     `json:"detail,omitempty"`
	Range   *hcl.Range `json:"range,omitempty"`
}

type storedBase struct {
	Lineage   string            `json:"lineage"`
	Serial    uint64            `json:"serial"`
	Key       []byte            `json:"key"`
	Config    string            `json:"config"`
	Dir       string            `json:"dir"`
	Clusters  map[string]string `json:"clusters,omitempty"`
	Places    map[string]string `json:"places,omitempty"`
	Variables []storedVariable  `json:"variables,omitempty"`
}

type storedVariable struct {
	Name      string `json:"name"`
	Value     []byte `json:"value,omitempty"` // as written by sealed.Encode; absent for NilVal, here and below
	Ephemeral bool   `json:"ephemeral,omitempty"`
}

type storedReverts struct {
	Runs    []uint64          `json:"runs"`
	To      uint64            `json:"to"`
	Lost    []storedLost      `json:"lost,omitempty"`
	Outputs map[string][]byte `json:"outputs,omitempty"`
}

type storedLost struct {
	Addr   int    `json:"addr"`
	Run    uint64 `json:"run"`
	Reason string `json:"reason"`
}

type storedOutput struct {
	Name        string `json:"name"`
	Before      []byte `json:"before,omitempty"`
	After       []byte `json:"after,omitempty"`
	Changed     bool   `json:"changed,omitempty"`
	Sensitive   bool   `json:"sensitive,omitempty"`
	Description string `json:"description,omitempty"`
}

// storedAddress keeps the parts of an address: its text form would have to be parsed as HCL.
type storedAddress struct {
	Module addr.Module `json:"module,omitempty"`
	Mode   addr.Mode   `json:"mode"`
	Type   string      `json:"type"`
	Name   string      `json:"name"`
	Index  *int        `json:"index,omitempty"`
	Key    *string     `json:"key,omitempty"`

	Deposed string `json:"deposed,omitempty"`
}

type storedChange struct {
	Addr          int          `json:"addr"`
	Action        Action       `json:"action"`
	Reason        Reason       `json:"reason,omitempty"`
	Provider      string       `json:"provider"`
	Before        []byte       `json:"before,omitempty"`
	After         []byte       `json:"after,omitempty"`
	Former        []storedPath `json:"former,omitempty"`
	Replace       []storedPath `json:"replace,omitempty"`
	CreateFirst   bool         `json:"create_first,omitempty"`
	KeepsFirst    bool         `json:"create_before_destroy,omitempty"`
	Deposed       string       `json:"deposed,omitempty"`
	Revives       string       `json:"revives,omitempty"`
	Previous      *int         `json:"previous,omitempty"`
	Import        string       `json:"import,omitempty"`
	Forgets       bool         `json:"forgets,omitempty"`
	DependsOn     []int        `json:"depends_on,omitempty"`
	Protected     bool         `json:"protected,omitempty"`
	Reverse       ReverseKind  `json:"reverse,omitempty"`
	ReverseReason string       `json:"reverse_reason,omitempty"`
	Notes         []string     `json:"notes,omitempty"`
	Restarts      int          `json:"restarts,omitempty"`
	Private       []byte       `json:"private,omitempty"`
	PriorPrivate  []byte       `json:"prior_private,omitempty"`
	Adopted       bool         `json:"adopted,omitempty"`
	Refreshed     bool         `json:"refreshed,omitempty"`
	Revision      uint64       `json:"revision,omitempty"`
	Range         *hcl.Range   `json:"range,omitempty"`
}

// storedFinding is a finding with its owner's place in the table of addresses.
type storedFinding struct {
	Finding
	Owner *int `json:"owner,omitempty"`
}

type storedStep struct {
	Change int   `json:"change"`
	Op     Op    `json:"op"`
	Deps   []int `json:"deps,omitempty"`
}

// encoder writes the canonical form.
type encoder struct {
	json  *json.Encoder
	seal  sealed.Encoder // values of a plan share a few types
	key   []byte
	table map[addr.Instance]int
	head  storedHead
}

// writeCanonical writes the canonical form of p. It costs O(size of p).
func (p *Plan) writeCanonical(w io.Writer) error {
	e := &encoder{json: json.NewEncoder(w), key: p.Base.Key, table: map[addr.Instance]int{}}
	e.json.SetEscapeHTML(false)
	for _, c := range p.Changes {
		e.intern(c)
	}
	for _, c := range p.Drift {
		e.intern(c)
	}
	if err := e.encodeHead(p); err != nil {
		return err
	}
	for _, list := range [][]*Change{p.Changes, p.Drift} {
		for _, c := range list {
			if err := e.encodeChange(c); err != nil {
				return fmt.Errorf("%s: %w", c.Addr, err)
			}
		}
	}
	for _, s := range p.Steps {
		if err := e.json.Encode(storedStep(s)); err != nil {
			return err
		}
	}
	return nil
}

// intern gives the addresses of a change their places in the table.
func (e *encoder) intern(c *Change) {
	e.address(c.Addr)
	if !c.PreviousAddr.IsZero() {
		e.address(c.PreviousAddr)
	}
	for _, d := range c.DependsOn {
		e.address(d)
	}
}

func (e *encoder) address(a addr.Instance) int {
	i, ok := e.table[a]
	if !ok {
		i = len(e.head.Addresses)
		e.table[a] = i
		s := storedAddress{Module: a.Module, Mode: a.Mode, Type: a.Type, Name: a.Name, Deposed: a.Deposed}
		if n, ok := a.Key.Int(); ok {
			s.Index = &n
		}
		if k, ok := a.Key.Str(); ok {
			s.Key = &k
		}
		e.head.Addresses = append(e.head.Addresses, s)
	}
	return i
}

// value seals and encodes v, or what the plan file that it was read from said of it.
func (e *encoder) value(v cty.Value, stored *storedValue) ([]byte, error) {
	switch {
	case stored != nil:
		return e.seal.Encode(stored.Value)
	case v == cty.NilVal:
		return nil, nil
	}
	return e.seal.Encode(sealed.Seal(v, e.key))
}

func (e *encoder) encodeHead(p *Plan) (err error) {
	h := &e.head
	h.Base = storedBase{Lineage: p.Base.Lineage, Serial: p.Base.Serial, Key: p.Base.Key, Config: p.Base.Config, Dir: p.Base.Dir, Clusters: p.Base.Clusters, Places: p.Base.Places}
	for _, v := range p.Base.Variables {
		s := storedVariable{Name: v.Name, Ephemeral: v.stored != nil && v.stored.ephemeral || v.Value != cty.NilVal && schema.IsEphemeral(v.Value)}
		if s.Value, err = e.value(v.Value, v.stored); err != nil {
			return fmt.Errorf("variable %q: %w", v.Name, err)
		}
		h.Base.Variables = append(h.Base.Variables, s)
	}
	for _, o := range p.Outputs {
		s := storedOutput{Name: o.Name, Changed: o.Changed(), Sensitive: o.Sensitive, Description: o.Description}
		if s.Before, err = e.value(o.Before, o.before); err != nil {
			return fmt.Errorf("output %q: %w", o.Name, err)
		}
		if s.After, err = e.value(o.After, o.after); err != nil {
			return fmt.Errorf("output %q: %w", o.Name, err)
		}
		h.Outputs = append(h.Outputs, s)
	}
	if r := p.Reverts; r != nil {
		h.Reverts = &storedReverts{Runs: r.Runs, To: r.To, Outputs: r.Outputs}
		for _, l := range r.Lost {
			h.Reverts.Lost = append(h.Reverts.Lost, storedLost{Addr: e.address(l.Addr), Run: l.Run, Reason: l.Reason})
		}
	}
	for _, f := range p.Findings {
		s := storedFinding{Finding: f}
		if !f.Owner.IsZero() {
			at := e.address(f.Owner)
			s.Owner = &at
		}
		h.Findings = append(h.Findings, s)
	}
	h.Gauges = p.Gauges
	h.Mode, h.Created, h.Targets, h.Unfinished, h.Note = p.Mode, p.Created.UTC(), p.Targets, p.Unfinished, p.UnfinishedNote
	h.Offline = p.Offline
	for _, w := range p.Warnings {
		s := storedWarning{Code: w.Code, Address: w.Address, Summary: w.Summary, Detail: w.Detail}
		if w.Range != (hcl.Range{}) {
			s.Range = &w.Range
		}
		h.Warnings = append(h.Warnings, s)
	}
	h.Changes, h.Drift, h.Steps = len(p.Changes), len(p.Drift), len(p.Steps)
	return e.json.Encode(h)
}

func (e *encoder) encodeChange(c *Change) (err error) {
	s := storedChange{Addr: e.address(c.Addr), Action: c.Action, Reason: c.Reason, Provider: c.Provider, CreateFirst: c.CreateFirst,
		Protected: c.Protected, Reverse: c.Reverse.Kind, ReverseReason: c.Reverse.Reason, Notes: c.Notes, Restarts: c.Restarts,
		Private: c.Private, PriorPrivate: c.PriorPrivate, Adopted: c.Adopted, Refreshed: c.Refreshed, Revision: c.Revision,
		KeepsFirst: c.CreateBeforeDestroy, Deposed: c.Deposed, Revives: c.Revives, Import: c.Import, Forgets: c.Forgets}
	if !c.PreviousAddr.IsZero() {
		at := e.address(c.PreviousAddr)
		s.Previous = &at
	}
	if s.Before, err = e.value(c.Before, c.before); err != nil {
		return err
	}
	if s.After, err = e.value(c.After, c.after); err != nil {
		return err
	}
	for _, p := range c.Former {
		if c.before != nil && c.before.IsSecret(p) { // read from a file: the fingerprints tell
			continue
		}
		s.Former = append(s.Former, storedPath(p))
	}
	for _, p := range c.Replace {
		s.Replace = append(s.Replace, storedPath(p))
	}
	for _, d := range c.DependsOn {
		s.DependsOn = append(s.DependsOn, e.address(d))
	}
	if c.Range != (hcl.Range{}) {
		s.Range = &c.Range
	}
	return e.json.Encode(&s)
}
