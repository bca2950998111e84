package engine

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/plans"
)

// CodeCreateFirst: create_before_destroy is asked for where it cannot be had.
const CodeCreateFirst diag.Code = "plan.create-before-destroy"

// coexist says why objects with these values cannot exist at the same time, or "".
func coexist(s *schema.Resource, before, after cty.Value) string {
	before, after = plainOf(before), plainOf(after)
	switch {
	case before == cty.NilVal || after == cty.NilVal || before.IsNull() || after.IsNull():
		return ""
	case s.Coexist == nil:
		return "two objects of this type cannot stand for one resource at the same time"
	}
	return s.Coexist(before, after)
}

// createFirst decides which replacements create the new object before they delete the old one. An instance for which
// create_before_destroy is set forces it on everything that it depends on, through data sources as well: its new
// object needs the new objects of its dependencies, and its old one needs their old ones, so any other order would be
// a circle. What is forced is recorded, so that it still holds when the block is gone. It costs O(V + E).
func (p *planner) createFirst() (ds hcl.Diagnostics) {
	forced := map[addr.Instance]addr.Instance{} // who forces it; the instance itself when it asks
	wholes := map[addr.Resource]bool{}
	groups := map[addr.Resource][]addr.Instance{}
	sorted := sortedKeys(p.changes)
	var todo []addr.Instance
	force := func(a, by addr.Instance) {
		if _, done := forced[a]; !done {
			forced[a] = by
			todo = append(todo, a)
		}
	}
	for _, a := range sorted {
		groups[a.Resource] = append(groups[a.Resource], a)
		if p.asksCreateFirst(a) {
			force(a, a)
		}
	}
	for _, a := range sortedKeys(p.records) { // what the plan leaves out still relies on what it depends on
		if p.changes[a] == nil && p.records[a].CreateFirst {
			force(a, a)
		}
	}
	for len(todo) > 0 {
		a := todo[0]
		todo = todo[1:]
		by := a
		if a.Mode == addr.Data {
			by = forced[a]
		}
		for _, d := range p.dependencies(a) {
			if p.changes[d] != nil || d.Key != addr.NoKey {
				force(d, by)
				continue
			}
			if wholes[d.Resource] {
				continue
			}
			wholes[d.Resource] = true
			for _, each := range groups[d.Resource] {
				force(each, by)
			}
		}
	}
	for _, a := range sorted {
		c := p.changes[a]
		by, isForced := forced[a]
		if !isForced || a.Mode == addr.Data || a.Deposed != "" {
			continue
		}
		if d := p.refusesCreateFirst(a, by); d != nil {
			ds = append(ds, d)
			continue
		}
		c.CreateBeforeDestroy = true
		if rec := p.records[a]; c.Action == plans.NoOp && rec != nil && !rec.CreateFirst {
			c.write, c.Refreshed = true, false
		}
		if d := p.swap(c, by == a); d != nil {
			ds = append(ds, d)
		}
	}
	for _, a := range sorted { // it is no longer asked for
		c, rec := p.changes[a], p.records[a]
		if c.Action == plans.NoOp && rec != nil && rec.CreateFirst && !c.CreateBeforeDestroy {
			c.write, c.Refreshed = true, false
		}
	}
	return ds
}

// asksCreateFirst reports whether an instance asks for create_before_destroy itself: its block does, or its record when
// there is no block that could.
func (p *planner) asksCreateFirst(a addr.Instance) bool {
	if a.Mode != addr.Managed || a.Deposed != "" {
		return false
	}
	if p.plan.Mode == plans.Rollback {
		return p.changes[a].CreateBeforeDestroy
	}
	if i := p.configured(a); i != nil {
		return i.res.cfg.Lifecycle.CreateBeforeDestroy
	}
	rec := p.records[a]
	return rec != nil && rec.CreateFirst
}

// configured returns the instance of the configuration at an address, or nil.
func (w *world) configured(a addr.Instance) *instance {
	if r := w.resources[a.Resource]; r != nil && a.Deposed == "" {
		return r.byKey[a.Key]
	}
	return nil
}

// dependencies returns what an instance depends on, as planned or else as recorded.
func (p *planner) dependencies(a addr.Instance) []addr.Instance {
	c := p.changes[a]
	switch {
	case c == nil:
		return p.records[a].DependsOn
	case c.newDeps != nil:
		return c.newDeps
	}
	return c.oldDeps
}

// refusesCreateFirst is an error when a block says that it must not be what a dependent needs it to be.
func (p *planner) refusesCreateFirst(a, by addr.Instance) *hcl.Diagnostic {
	i := p.configured(a)
	if i == nil || by == a || p.plan.Mode == plans.Rollback {
		return nil
	}
	life := i.res.cfg.Lifecycle
	if !life.CreateBeforeDestroySet || life.CreateBeforeDestroy {
		return nil
	}
	return diag.Error(CodeCreateFirst, "Conflicting create_before_destroy", fmt.Sprintf("%s sets create_before_destroy = false, but %s depends on it and is created before "+
		"it is destroyed, which needs the same of everything that it depends on. Remove the setting from %s, or from %s too.", a, by, a.Resource, by.Resource), &life.Range)
}

// swap makes a replacement create first. When old and new cannot exist at the same time, that is an error if the
// block itself asks for it; what is only forced by a dependent is then replaced the other way round, which is fine as
// long as the dependent is not replaced in the same plan (see circle).
func (p *planner) swap(c *planned, asked bool) *hcl.Diagnostic {
	if c.Action != plans.Replace {
		return nil
	}
	i := p.recordedInstance(c.Addr)
	s := p.schemaOf(c.Provider, c.Addr.Type)
	if s == nil {
		return nil
	}
	why := coexist(s, c.Before, c.After)
	switch {
	case why == "":
		c.CreateFirst, c.Deposed = true, p.deposedName(c.Addr)
		return nil
	case !asked || p.plan.Mode == plans.Rollback:
		c.Revives = ""
		return nil
	}
	return i.place(hcl.Diagnostics{diag.Errorf(CodeCreateFirst, "Cannot create before destroying", "%s has create_before_destroy and must be replaced, but the old and the new object "+
		"cannot exist at the same time: %s. Change what the object is called together with the change that needs a new one, or remove create_before_destroy.", c.Addr, why)})[0]
}

// deposedName names the former object that the present one becomes: by its record, so that equal plans are equal.
func (p *planner) deposedName(a addr.Instance) string {
	n := uint64(0)
	if rec := p.records[a]; rec != nil {
		n = rec.Revision
	}
	for ; ; n++ {
		a.Deposed = fmt.Sprintf("%08x", n)
		if p.records[a] == nil {
			return a.Deposed
		}
	}
}

// schemaOf returns the schema of a managed type, or nil when there is none any more.
func (w *world) schemaOf(provider, typ string) *schema.Resource {
	p := w.providers[provider]
	if p == nil {
		return nil
	}
	if t := p.types()[typ]; t != nil {
		return t.Schema()
	}
	return nil
}

// former returns the former objects of an instance that are still there, newest first.
func (w *world) former(a addr.Instance) (out []*record) {
	for _, b := range w.deposed[a] {
		if rec := w.records[b]; rec != nil {
			out = append(out, rec)
		}
	}
	slices.SortFunc(out, func(x, y *record) int { return -addr.Compare(x.Addr, y.Addr) })
	return out
}
