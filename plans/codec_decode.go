package plans

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/sealed"
)

// decoder reads the canonical form. It believes nothing: every index and every enumeration is checked.
type decoder struct {
	json      *json.Decoder
	values    sealed.Decoder
	key       []byte
	addresses []addr.Instance
}

// readCanonical reads what writeCanonical wrote and nothing behind it.
func readCanonical(r io.Reader) (*Plan, error) {
	d := &decoder{json: json.NewDecoder(r)}
	d.json.DisallowUnknownFields()
	var h storedHead
	if err := d.json.Decode(&h); err != nil {
		return nil, err
	}
	p, err := d.decodeHead(&h)
	if err != nil {
		return nil, err
	}
	// Slices grow with what is there: the counts are only numbers in a file.
	if p.Changes, err = d.decodeChanges(h.Changes); err != nil {
		return nil, err
	}
	if p.Drift, err = d.decodeChanges(h.Drift); err != nil {
		return nil, err
	}
	for i := range h.Steps {
		s, err := d.decodeStep(i, len(p.Changes))
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
		p.Steps = append(p.Steps, s)
	}
	if _, err := d.json.Token(); err != io.EOF {
		return nil, fmt.Errorf("there is more than the plan says")
	}
	return p, nil
}

func (d *decoder) decodeHead(h *storedHead) (*Plan, error) {
	if h.Mode < Normal || h.Mode > Rollback {
		return nil, fmt.Errorf("mode %d is unknown", h.Mode)
	}
	d.key = h.Base.Key
	p := &Plan{Mode: h.Mode, Created: h.Created.UTC(), Targets: h.Targets, Unfinished: h.Unfinished, UnfinishedNote: h.Note, Offline: h.Offline,
		Base: Base{Lineage: h.Base.Lineage, Serial: h.Base.Serial, Key: h.Base.Key, Config: h.Base.Config, Dir: h.Base.Dir, Clusters: h.Base.Clusters, Places: h.Base.Places}}
	for _, s := range h.Warnings {
		w := Warning{Code: s.Code, Address: s.Address, Summary: s.Summary, Detail: s.Detail}
		if s.Range != nil {
			w.Range = *s.Range
		}
		p.Warnings = append(p.Warnings, w)
	}
	for i, a := range h.Addresses {
		inst, err := a.instance()
		if err != nil {
			return nil, fmt.Errorf("address %d: %w", i, err)
		}
		d.addresses = append(d.addresses, inst)
	}
	for _, v := range h.Base.Variables {
		stored, err := d.value(v.Value)
		if err != nil {
			return nil, fmt.Errorf("variable %q: %w", v.Name, err)
		}
		if stored != nil {
			stored.ephemeral = v.Ephemeral
		}
		p.Base.Variables = append(p.Base.Variables, Variable{Name: v.Name, Value: stored.plain(), stored: stored})
	}
	for _, o := range h.Outputs {
		before, err := d.value(o.Before)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", o.Name, err)
		}
		after, err := d.value(o.After)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", o.Name, err)
		}
		p.Outputs = append(p.Outputs, OutputChange{Name: o.Name, Before: before.plain(), After: after.plain(), Sensitive: o.Sensitive,
			Description: o.Description, before: before, after: after, changed: &o.Changed})
	}
	for i, f := range h.Findings {
		if f.Severity < SeverityNote || f.Severity > SeverityCritical {
			return nil, fmt.Errorf("finding %d has the unknown severity %d", i, f.Severity)
		}
		if f.Owner != nil {
			a, err := d.address(*f.Owner)
			if err != nil {
				return nil, err
			}
			f.Finding.Owner = a
		}
		p.Findings = append(p.Findings, f.Finding)
	}
	p.Gauges = h.Gauges
	if r := h.Reverts; r != nil {
		p.Reverts = &Reverts{Runs: r.Runs, To: r.To, Outputs: r.Outputs}
		for _, l := range r.Lost {
			a, err := d.address(l.Addr)
			if err != nil {
				return nil, err
			}
			p.Reverts.Lost = append(p.Reverts.Lost, Lost{Addr: a, Run: l.Run, Reason: l.Reason})
		}
	}
	return p, nil
}

func (a *storedAddress) instance() (addr.Instance, error) {
	r := addr.Resource{Module: a.Module, Mode: a.Mode, Type: a.Type, Name: a.Name}
	if a.Mode != addr.Managed && a.Mode != addr.Data || a.Type == "" || a.Name == "" || a.Index != nil && (a.Key != nil || *a.Index < 0) {
		return addr.Instance{}, fmt.Errorf("%q is incomplete", r)
	}
	i := r.Instance(addr.NoKey)
	switch {
	case a.Index != nil:
		i.Key = addr.IntKey(*a.Index)
	case a.Key != nil:
		i.Key = addr.StringKey(*a.Key)
	}
	i.Deposed = a.Deposed
	return i, nil
}

func (d *decoder) address(i int) (addr.Instance, error) {
	if i < 0 || i >= len(d.addresses) {
		return addr.Instance{}, fmt.Errorf("there is no address %d", i)
	}
	return d.addresses[i], nil
}

// decodeChanges reads n changes. A goroutine of its own reads ahead what is stored, since understanding it takes as long.
func (d *decoder) decodeChanges(n int) (out []*Change, err error) {
	type read struct {
		stored *storedChange
		err    error
	}
	ahead, stop := make(chan read, 64), make(chan struct{})
	go func() {
		defer close(ahead)
		for range n {
			s := new(storedChange)
			err := d.json.Decode(s)
			select {
			case ahead <- read{s, err}:
			case <-stop:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	defer func() {
		close(stop)
		for range ahead { // until the goroutine has ended
		}
	}()
	for r := range ahead {
		c, err := (*Change)(nil), r.err
		if err == nil {
			c, err = d.change(r.stored)
		}
		if err != nil {
			return nil, fmt.Errorf("change %d of %d: %w", len(out)+1, n, eof(err))
		}
		out = append(out, c)
	}
	return out, nil
}

// change understands what is stored of a change.
func (d *decoder) change(s *storedChange) (*Change, error) {
	if s.Action < NoOp || s.Action > Forget || int(s.Reason) >= len(reasons) || s.Reverse > Irreversible {
		return nil, fmt.Errorf("action %d, reason %d or way back %d is unknown", s.Action, s.Reason, s.Reverse)
	}
	a, err := d.address(s.Addr)
	if err != nil {
		return nil, err
	}
	c := &Change{Addr: a, Action: s.Action, Reason: s.Reason, Provider: s.Provider, CreateFirst: s.CreateFirst, Protected: s.Protected,
		Reverse: Reverse{s.Reverse, s.ReverseReason}, Notes: s.Notes, Restarts: s.Restarts, Private: s.Private,
		PriorPrivate: s.PriorPrivate, Adopted: s.Adopted, Refreshed: s.Refreshed, Revision: s.Revision,
		CreateBeforeDestroy: s.KeepsFirst, Deposed: s.Deposed, Revives: s.Revives, Import: s.Import, Forgets: s.Forgets}
	if s.Previous != nil {
		if c.PreviousAddr, err = d.address(*s.Previous); err != nil {
			return nil, err
		}
	}
	if c.before, err = d.value(s.Before); err != nil {
		return nil, fmt.Errorf("%s: value before: %w", a, err)
	}
	if c.after, err = d.value(s.After); err != nil {
		return nil, fmt.Errorf("%s: value after: %w", a, err)
	}
	c.Before, c.BeforeSecret = c.before.plain(), c.before.secrets()
	c.After, c.AfterSecret = c.after.plain(), c.after.secrets()
	c.Former = c.before.replaced(c.after)
	for _, p := range s.Former {
		c.Former = append(c.Former, cty.Path(p))
	}
	for _, p := range s.Replace {
		c.Replace = append(c.Replace, cty.Path(p))
	}
	for _, i := range s.DependsOn {
		dep, err := d.address(i)
		if err != nil {
			return nil, err
		}
		c.DependsOn = append(c.DependsOn, dep)
	}
	if s.Range != nil {
		c.Range = *s.Range
	}
	return c, nil
}

// decodeStep reads step i. A step may only depend on earlier ones, so whatever is read can be carried out in order.
func (d *decoder) decodeStep(i, changes int) (Step, error) {
	var s storedStep
	if err := d.json.Decode(&s); err != nil {
		return Step{}, eof(err)
	}
	if s.Op < OpCreate || s.Op > OpClaim || s.Change < -1 || s.Change >= changes || s.Change < 0 && s.Op != OpPass {
		return Step{}, fmt.Errorf("operation %d or change %d is unknown", s.Op, s.Change)
	}
	for _, dep := range s.Deps {
		if dep < 0 || dep >= i {
			return Step{}, fmt.Errorf("it depends on step %d, which is not before it", dep)
		}
	}
	return Step(s), nil
}

// value decodes a sealed value; nil stands for NilVal.
func (d *decoder) value(b []byte) (out *storedValue, err error) {
	if len(b) == 0 {
		return nil, nil
	}
	v, err := d.values.Decode(b)
	if err != nil {
		return nil, err
	}
	return &storedValue{Value: v, key: d.key}, nil
}

// eof makes the end of the file an error where more was announced.
func eof(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
