package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// desired is what a plan wants of one object: from the configuration, or from a former record when it rolls back.
type desired struct {
	config cty.Value // decoded, with its marks
	deps   []addr.Instance
}

// planInstance plans one managed instance of the configuration.
func (p *planner) planInstance(ctx context.Context, i *instance) (*planned, hcl.Diagnostics) {
	v, ds := p.evaluate(i)
	if ds.HasErrors() {
		return nil, ds
	}
	i.config = cty.NilVal // of a large plan it is a third of the memory, and whoever should ask again evaluates again
	rec := p.records[i.addr]
	if rec != nil {
		v = p.ignoreChanges(i, rec, v)
	}
	c, more := p.planObject(ctx, i, rec, desired{config: v, deps: i.deps})
	if ds = append(ds, more...); ds.HasErrors() {
		return nil, ds
	}
	i.value = c.After
	if !p.triggered(i, c) {
		return c, append(ds, p.postconditions(i)...)
	}
	c, more = p.replace(ctx, i, rec, desired{config: v, deps: i.deps}, plans.BecauseTriggered, nil)
	if ds = append(ds, more...); ds.HasErrors() {
		return nil, ds
	}
	i.value = c.After
	return c, append(ds, p.postconditions(i)...)
}

// ignoreChanges gives attributes that the configuration does not care about their recorded values.
func (p *planner) ignoreChanges(i *instance, rec *record, v cty.Value) cty.Value {
	life := i.res.cfg.Lifecycle
	if !life.IgnoreAll && len(life.IgnoreChanges) == 0 || rec.live.IsNull() {
		return v
	}
	config, marks := unmark(v)
	live, _ := unmark(withSecrets(rec.live, rec.sealed, config, p.identity.Key))
	block := &i.res.schema.Block
	if life.IgnoreAll {
		return remark(block.Configured(live), marks)
	}
	for _, t := range life.IgnoreChanges {
		config = setAt(config, live, toPath(t))
	}
	return remark(config, marks)
}

// triggered reports whether replace_triggered_by asks for a new object: a referent that will be created, replaced or
// updated.
func (p *planner) triggered(i *instance, c *planned) bool {
	if c.Action != plans.NoOp && c.Action != plans.Update {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range i.res.cfg.Lifecycle.ReplaceTriggeredBy {
		refs, _ := lang.ExprReferences(e)
		for _, ref := range i.res.in.place(refs) {
			if ref.Kind != lang.RefResource {
				continue
			}
			key := addr.NoKey
			if p.isPrecise(ref, i.res) {
				key = chosen(ref, i)
			}
			for _, other := range p.instancesOf(ref.Resource.Instance(key)) {
				oc := p.changes[other.addr]
				if oc == nil || oc.Action == plans.NoOp {
					continue
				}
				path := toPath(ref.Remaining)
				if len(path) == 0 || oc.Action != plans.Update {
					return true
				}
				was, err1 := path.Apply(plainOf(oc.Before))
				now, err2 := path.Apply(plainOf(oc.After))
				if err1 != nil || err2 != nil || !same(was, now) {
					return true
				}
			}
		}
	}
	return false
}

func plainOf(v cty.Value) cty.Value {
	v, _ = unmark(v)
	return v
}

// planObject asks the provider what to do and turns the answer into a change.
func (p *planner) planObject(ctx context.Context, i *instance, rec *record, want desired) (*planned, hcl.Diagnostics) {
	block := &i.res.schema.Block
	config, marks := unmark(want.config)
	prior := block.Null()
	c := p.newChange(i, rec)
	c.DependsOn = want.deps
	out := &planned{Change: c, newDeps: want.deps}
	var incomplete bool
	var private []byte
	if rec != nil {
		out.oldDeps = rec.DependsOn
		incomplete = rec.Status == state.Incomplete
		if !rec.live.IsNull() {
			prior = withSecrets(rec.live, rec.sealed, config, p.identity.Key)
			private = rec.private
		} else if !rec.unresolved {
			c.Reason = plans.BecauseGone
		}
	}
	before, priorMarks := unmark(prior)
	req := providers.PlanRequest{
		Owner: p.owner(i.addr), Prior: before, Config: config, Sensitive: paths(marks), Proposed: block.Propose(before, config), Private: private,
		Incomplete: incomplete, Offline: p.o.Offline || i.res.prov.pending,
	}
	resp, after, respMarks, ds := i.ask(ctx, req)
	if ds.HasErrors() {
		return nil, ds
	}
	adopted := resp.Adopted != cty.NilVal && before.IsNull() && !resp.Adopted.IsNull()
	if adopted {
		before, priorMarks = unmark(resp.Adopted)
		c.Adopted = true
	}
	forced := append(block.ReplacePaths(before, after), resp.Replace...)
	if !before.IsNull() && !adopted && (len(forced) > 0 || p.toReplace[i.addr]) {
		reason := plans.BecauseAttribute
		if len(forced) == 0 {
			reason = plans.BecauseRequested
		}
		return p.replace(ctx, i, rec, want, reason, forced)
	}
	c.Before = block.MarkSensitive(remark(before, append(priorMarks, marks...)))
	c.Former = lostSecrets(rec, before)
	c.After = block.MarkSensitive(remark(after, append(marks, respMarks...)))
	c.Private, c.Notes, c.Restarts = resp.Private, resp.Notes, resp.Restarts
	switch {
	case before.IsNull():
		c.Action = plans.Create
	case c.Adopted && rec == nil:
		c.Action, c.Reason = plans.Update, plans.BecauseAdopted
	case !before.RawEquals(after):
		c.Action = plans.Update
	case incomplete:
		c.Action, c.Reason = plans.Update, plans.BecauseIncomplete
	case resp.Again != "":
		c.Action, c.Reason = plans.Update, plans.BecauseAgain
		if rec != nil && rec.imported != "" {
			c.Reason = plans.BecauseAdopted
		}
		c.Notes = append(c.Notes, resp.Again)
	default:
		c.Action = plans.NoOp
		out.write, c.Refreshed = p.mustWrite(i, rec, c)
		out.reclaim = rec != nil && !rec.marked.IsZero()
	}
	reversal(i.res.typ, c, before, after)
	return out, ds
}

// lostSecrets lists the recorded secrets whose values are not known: the configuration has them no more, or has others.
func lostSecrets(rec *record, before cty.Value) (out []cty.Path) {
	if rec == nil {
		return nil
	}
	for _, s := range rec.sealed.Secrets {
		if at, err := s.Path.Apply(before); err == nil && at.IsKnown() && at.IsNull() {
			out = append(out, s.Path)
		}
	}
	return out
}

// storedInClear reports whether a part of v is sensitive by now that the record still holds in the clear.
func storedInClear(recorded sealed.Value, v cty.Value) bool {
	_, marks := unmark(v)
	for _, m := range marks {
		if _, secret := m.Marks[schema.Sensitive]; !secret {
			continue
		}
		if at, err := m.Path.Apply(recorded.Plain); err == nil && (!at.IsKnown() || !at.IsNull()) {
			return true
		}
	}
	return false
}

// mustWrite reports whether the record differs from what it should say although the object is as it should be, and whether all
// that differs is what the provider remembers for itself.
func (p *planner) mustWrite(i *instance, rec *record, c *plans.Change) (write, private bool) {
	if rec == nil {
		return false, false
	}
	if !slices.Equal(rec.DependsOn, c.DependsOn) || rec.Protected != c.Protected || rec.Record.Provider != c.Provider || rec.unresolved ||
		rec.SchemaVersion != i.res.schema.Version {
		return true, false
	}
	if rec.relinked || storedInClear(rec.sealed, c.After) || !same(rec.live, rec.sealed.Plain) && !p.sameButSecrets(rec, plainOf(rec.live)) {
		return true, false
	}
	private = !bytes.Equal(rec.private, rec.Private)
	return private, private
}

// replace plans a new object in the place of the old one.
func (p *planner) replace(ctx context.Context, i *instance, rec *record, want desired, reason plans.Reason, forced []cty.Path) (*planned, hcl.Diagnostics) {
	block := &i.res.schema.Block
	config, marks := unmark(want.config)
	before, priorMarks := unmark(withSecrets(rec.live, rec.sealed, config, p.identity.Key))
	c := p.newChange(i, rec)
	c.Action, c.Reason, c.Replace, c.DependsOn = plans.Replace, reason, forced, want.deps
	if d := p.protected(i, rec, "replace"); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	proposed := block.Propose(block.Null(), config)
	req := providers.PlanRequest{Owner: p.owner(i.addr), Prior: block.Null(), Config: config, Sensitive: paths(marks), Proposed: proposed,
		Replacing: coexist(i.res.schema, before, proposed) != "", Offline: p.o.Offline || i.res.prov.pending}
	if !req.Replacing {
		for _, old := range p.former(i.addr) { // it is there still: it becomes the present object again
			if !plainOf(old.live).IsNull() && coexist(i.res.schema, old.live, proposed) != "" {
				req.Prior, _ = unmark(withSecrets(old.live, old.sealed, config, p.identity.Key))
				req.Private, req.Proposed = old.private, block.Propose(req.Prior, config)
				c.Revives = old.Addr.Deposed
				break
			}
		}
	}
	resp, after, respMarks, ds := i.ask(ctx, req)
	if ds.HasErrors() {
		return nil, ds
	}
	c.Before = block.MarkSensitive(remark(before, append(priorMarks, marks...)))
	c.Former = lostSecrets(rec, before)
	c.After = block.MarkSensitive(remark(after, append(marks, respMarks...)))
	c.Private, c.Notes, c.Restarts = resp.Private, resp.Notes, resp.Restarts
	reversal(i.res.typ, c, before, after)
	if c.Revives != "" {
		c.Notes = append(c.Notes, "the former object is still there and takes its place again")
	}
	return &planned{Change: c, newDeps: want.deps, oldDeps: rec.DependsOn}, ds
}

// ask lets the provider plan and holds the answer to the contract. It returns the planned value apart from its marks.
func (i *instance) ask(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, cty.Value, []cty.PathValueMarks, hcl.Diagnostics) {
	resp, ds := i.res.typ.Plan(ctx, req)
	if ds = i.place(ds); ds.HasErrors() {
		return resp, cty.NilVal, nil, ds
	}
	after, marks := unmark(resp.Planned)
	after = i.res.schema.Block.Refine(after)
	if d := checkPlanned(i, req.Config, after); d != nil {
		ds = append(ds, d)
	}
	return resp, after, marks, ds
}

// checkPlanned holds a provider to its contract; both values are free of marks: a value that the configuration gives
// is the value planned.
func checkPlanned(i *instance, config, after cty.Value) *hcl.Diagnostic {
	if after == cty.NilVal || after.IsNull() {
		return providerBug(i, "It planned no value for %s.", i.addr)
	}
	if !after.IsKnown() || !after.Type().IsObjectType() {
		return providerBug(i, "It planned a value for %s that is not an object.", i.addr)
	}
	ty := after.Type()
	for _, name := range i.res.schema.Block.Names() {
		a := i.res.schema.Block.Attributes[name]
		if !ty.HasAttribute(name) {
			return providerBug(i, "The planned value of %s lacks the attribute %q.", i.addr, name)
		}
		if a == nil || !a.Settable() || a.Computed {
			continue
		}
		if path, ok := agrees(config.GetAttr(name), after.GetAttr(name), nil); !ok {
			return providerBug(i, "The configuration of %s sets %s to another value than the provider planned.", i.addr, name+textPath(path))
		}
	}
	return nil
}

func textPath(p cty.Path) string {
	if s := diag.PathString(p); s != "" {
		if s[0] == '[' {
			return s
		}
		return "." + s
	}
	return ""
}

// protected refuses to destroy what prevent_destroy protects, by configuration or by record.
func (p *planner) protected(i *instance, rec *record, what string) *hcl.Diagnostic {
	byConfig := i.res != nil && i.res.cfg != nil && i.res.cfg.Lifecycle.PreventDestroy
	if !byConfig && (rec == nil || !rec.Protected) {
		return nil
	}
	text := fmt.Sprintf("The plan would %s %s, which lifecycle.prevent_destroy forbids.", what, i.addr)
	if byConfig {
		text += " Remove that setting and apply once, if you really mean it."
	} else if i.res == nil {
		text += " The protection is recorded in the state although the block is gone. Restore the block with prevent_destroy = false and apply once, then remove it; or forget the object with \"meshplan state rm\"."
	} else if p.o.Mode != plans.Destroy {
		return nil // the configuration lifts the protection in this very plan
	} else {
		text += " The protection is recorded in the state. Apply the configuration without prevent_destroy once, then destroy."
	}
	return i.place(hcl.Diagnostics{diag.Errorf(CodeProtected, "Protected from destruction", "%s", text)})[0]
}

// reversal says how a later rollback can undo the change.
func reversal(t providers.ResourceType, c *plans.Change, before, after cty.Value) {
	if c.Action == plans.NoOp || c.Action == plans.Read {
		return
	}
	c.Reverse = plans.Reverse{Kind: plans.Restore}
	if r, ok := t.(providers.Reverser); ok {
		if rev := r.Reverse(before, after); rev.Undo == providers.Irreversible {
			c.Reverse = plans.Reverse{Kind: plans.Irreversible, Reason: rev.Reason}
		}
	}
}

// planRemovals plans what is recorded and no longer wanted.
func (p *planner) planRemovals(ctx context.Context) {
	for _, a := range sortedKeys(p.records) {
		if p.changes[a] != nil || a.Deposed != "" || p.wanted != nil && !p.wanted[a] {
			continue
		}
		rec := p.records[a]
		if rec.failed { // not read: it stays until it is
			p.changes[a] = p.leaveRecord(a)
			continue
		}
		r := p.resources[a.Resource]
		reason := plans.BecauseNoConfig
		switch {
		case p.o.Mode == plans.Destroy:
			reason = plans.BecauseDestroy
		case r != nil && r.enabled != nil:
			reason = plans.BecauseDisabled
		case r != nil:
			reason = plans.BecauseNoKey
		}
		if block := p.removed(a); block != nil && !block.Destroy && !plainOf(rec.live).IsNull() {
			p.changes[a] = p.planForget(rec, block)
			continue
		}
		i := p.recordedInstance(a)
		c, ds := p.planRemoval(ctx, i, rec, reason)
		if p.report(ds) == nil && c != nil {
			p.changes[a] = c
		}
	}
}

// recordedInstance returns an instance to hang a record's change on, with its block if there is one.
func (p *planner) recordedInstance(a addr.Instance) *instance {
	if r := p.resources[a.Resource]; r != nil {
		if i := r.byKey[a.Key]; i != nil {
			return i
		}
		return &instance{addr: a, res: r}
	}
	return &instance{addr: a}
}

// planRemoval plans one deletion.
func (p *planner) planRemoval(ctx context.Context, i *instance, rec *record, reason plans.Reason) (*planned, hcl.Diagnostics) {
	_, t, ds := p.recordType(rec.Record)
	if t == nil {
		return nil, ds
	}
	block := &t.Schema().Block
	c := &plans.Change{Addr: i.addr, Action: plans.Delete, Reason: reason, Provider: rec.Record.Provider, Revision: rec.Revision, DependsOn: rec.DependsOn,
		PriorPrivate: rec.private, PreviousAddr: rec.from, CreateBeforeDestroy: rec.CreateFirst}
	if i.res != nil {
		c.Range = i.res.cfg.Range
	}
	out := &planned{Change: c, oldDeps: rec.DependsOn}
	c.After = block.Null()
	if rec.live.IsNull() {
		c.Action, c.Reason, c.Before = plans.Forget, plans.BecauseGone, block.Null()
		return out, ds
	}
	if d := p.protected(i, rec, "delete"); d != nil && i.addr.Deposed == "" { // replacing it was allowed
		return nil, append(ds, d)
	}
	before, _ := unmark(rec.live)
	resp, more := t.Plan(ctx, providers.PlanRequest{
		Owner: p.owner(i.addr), Prior: before, Config: block.Null(), Proposed: block.Null(), Private: rec.private,
		Incomplete: rec.Status == state.Incomplete, Offline: p.o.Offline,
	})
	if ds = append(ds, i.place(more)...); ds.HasErrors() {
		return nil, ds
	}
	c.Before = block.MarkSensitive(rec.live)
	c.Former = lostSecrets(rec, before)
	c.Private, c.Notes, c.Restarts = resp.Private, resp.Notes, resp.Restarts
	reversal(t, c, before, block.Null())
	return out, ds
}
