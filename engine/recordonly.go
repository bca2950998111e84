package engine

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// recordOnly carries out a step that changes a record and not its object: what refreshing found, new dependencies, a
// new address, an import, or forgetting it. It is journalled like any other, so that it can be rolled back.
func (a *applier) recordOnly(ctx context.Context, n int, c *plans.Change, op plans.Op) hcl.Diagnostics {
	rec := a.records[c.Addr]
	in := a.intend(n, c, op.String())
	out := state.Outcome{Step: n, Addr: c.Addr}
	recorded := rec != nil && rec.Revision > 0
	if recorded {
		in.Before = rec.Record
	}
	if rec != nil && !rec.from.IsZero() {
		in.From, out.Remove = rec.from, []addr.Instance{rec.from}
	}
	if rec != nil && !rec.marked.IsZero() && rec.marked != c.Addr {
		out.Remove = append(out.Remove, rec.marked)
	}
	if op == plans.OpForget && plainOf(c.Before).IsNull() {
		in.Before = nil // there was no object, so there is nothing to restore
	}
	var after *state.Record
	if op != plans.OpForget && !plainOf(c.After).IsNull() {
		r, ds := a.keptRecord(c, rec)
		if ds.HasErrors() {
			return ds
		}
		after = r
		in.Planned = r.Value
	}
	if err := a.writer.Intend(in); err != nil {
		return stateError(err)
	}
	var ds hcl.Diagnostics
	switch op {
	case plans.OpClaim:
		private, more := a.claim(ctx, c)
		ds, after.Private = a.instance(c).place(more), private
	case plans.OpForget:
		ds = a.release(ctx, c, c.Before, c.PriorPrivate)
	}
	if ds.HasErrors() {
		after = nil
		out.Failed, out.Error, out.Remove = true, firstError(ds), nil
		if recorded && in.From.IsZero() {
			out.After = in.Before
		}
	}
	out.At = a.engine.options.Now().UTC()
	if after != nil {
		out.After = after
	}
	if err := a.writer.Record(out); err != nil {
		return append(ds, stateError(err)...)
	}
	if !ds.HasErrors() && (op == plans.OpForget || op == plans.OpClaim) {
		a.count(c, op)
	}
	return ds
}

// release lets the type take its mark off an object that stays and is forgotten.
func (a *applier) release(ctx context.Context, c *plans.Change, v cty.Value, private []byte) hcl.Diagnostics {
	releaser, ok := a.typeOf(c).(providers.Releaser)
	if !ok || v == cty.NilVal || plainOf(v).IsNull() {
		return nil
	}
	return releaser.Release(ctx, providers.ClaimRequest{Owner: a.owner(c.Addr), Value: plainOf(v), Private: private})
}

// keptRecord is the record of an object that stays as it is.
func (a *applier) keptRecord(c *plans.Change, rec *record) (*state.Record, hcl.Diagnostics) {
	status := state.Ready
	if rec != nil && c.Import == "" { // what is known of an import that was begun before is its intent only
		status = rec.Status
	}
	v := c.After
	if len(c.AfterSecret) > 0 { // a plan file leaves secrets out
		if i := a.configured(c.Addr); i != nil && i.value != cty.NilVal {
			v = i.value
		}
	}
	r, ds := a.makeRecord(c, v, c.PriorPrivate, status)
	if ds.HasErrors() {
		return nil, ds
	}
	if rec != nil && rec.Revision > 0 && len(c.AfterSecret) > 0 {
		r.Value = rec.Value // secrets keep their fingerprints
	}
	return r, ds
}

// claim lets the type renew the mark on an object, and returns what to record with it.
func (a *applier) claim(ctx context.Context, c *plans.Change) ([]byte, hcl.Diagnostics) {
	claimer, ok := a.typeOf(c).(providers.Claimer)
	if !ok {
		return c.PriorPrivate, nil
	}
	resp, ds := claimer.Claim(ctx, providers.ClaimRequest{Owner: a.owner(c.Addr), Value: plainOf(c.After), Private: c.PriorPrivate})
	if resp.Private == nil {
		resp.Private = c.PriorPrivate
	}
	return resp.Private, ds
}
