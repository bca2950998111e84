package engine

import (
	"context"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
)

// A replacement that creates first puts the record of the old object aside, as a former object of the instance, in the
// commit of the intent to create the new one. So neither is ever without a record:
//
//	a              old      old, intent     new            new
//	a (deposed 7)                old        old            -
//	                    │             │           │
//	                 intent        created      deleted
//
// When the creation fails, the old object becomes the present one again. When the program is killed, the next plan looks
// for the new one: if it is there, the old one is deleted; if not, the old one takes its place again (revive).

// indexDeposed finds the former objects of every instance. It costs O(records).
func (w *world) indexDeposed() {
	w.deposed = map[addr.Instance][]addr.Instance{}
	for _, a := range sortedKeys(w.records) {
		if a.Deposed != "" {
			w.deposed[a.Current()] = append(w.deposed[a.Current()], a)
		}
	}
}

// revive gives instances without a present object their newest former one back, as if its record had moved.
func (w *world) revive() {
	for a := range w.deposed {
		if rec := w.records[a]; rec != nil && (rec.failed || !plainOf(rec.live).IsNull()) {
			continue
		}
		for _, former := range w.former(a) {
			if former.failed || plainOf(former.live).IsNull() {
				continue
			}
			delete(w.records, former.Addr)
			w.place(former, a)
			break
		}
	}
}

// place puts a record to another address, in memory.
func (w *world) place(rec *record, to addr.Instance) {
	if rec.from.IsZero() {
		rec.from = rec.Addr
	}
	stored := *rec.Record
	stored.Addr = to
	rec.Record = &stored
	w.records[to] = rec
}

// planFormer plans the end of former objects. One that cannot exist beside the present object is the present object,
// found again under its name: it must not be deleted.
func (p *planner) planFormer(ctx context.Context) {
	for _, a := range sortedKeys(p.records) {
		if a.Deposed == "" || p.wanted != nil && !p.wanted[a.Current()] && !p.wanted[a] {
			continue
		}
		rec, now := p.records[a], p.changes[a.Current()]
		if rec.failed {
			continue
		}
		if now != nil && now.Revives == a.Deposed {
			continue
		}
		c, ds := p.planRemoval(ctx, &instance{addr: a, res: p.resources[a.Resource]}, rec, plans.BecauseDeposed)
		if p.report(ds) != nil || c == nil {
			continue
		}
		if c.Action == plans.Delete && now != nil && p.isPresent(rec, now) {
			c.Action, c.Reverse = plans.Forget, plans.Reverse{}
			c.Notes = []string{"it is the present object again"}
		}
		p.changes[a] = c
	}
}

// isPresent reports whether a former object is one that the change leaves or deletes as the present one.
func (p *planner) isPresent(rec *record, now *planned) bool {
	s := p.schemaOf(rec.Record.Provider, rec.Addr.Type)
	if s == nil {
		return false
	}
	for _, v := range []cty.Value{now.Before, now.After} {
		if v != cty.NilVal && coexist(s, rec.live, v) != "" {
			return true
		}
	}
	return false
}
