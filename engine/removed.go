package engine

import (
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/plans"
)

// removal is a removed block as it applies to the whole configuration.
type removal struct {
	from addr.Target
	*config.Removed
}

// removals lists the removed blocks of a module and of those that it calls; they apply to every instance of them.
func removals(m *config.Module, within []addr.Step) (out []removal) {
	for _, r := range m.Removed {
		out = append(out, removal{r.From.In(within), r})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Calls)) {
		if call := m.Calls[name]; call.Module != nil {
			out = append(out, removals(call.Module, append(slices.Clone(within), addr.Step{Name: name}))...)
		}
	}
	return out
}

// removed returns the block that says what becomes of a record that is no longer in the configuration, or nil.
func (p *planner) removed(a addr.Instance) *config.Removed {
	if p.plan.Mode == plans.Rollback || p.resources[a.Resource] != nil {
		return nil
	}
	for _, r := range removals(p.config.Root, nil) {
		if r.from.Contains(a) {
			return r.Removed
		}
	}
	return nil
}

// planForget plans to drop a record and to leave its object alone.
func (p *planner) planForget(rec *record, block *config.Removed) *planned {
	c := &plans.Change{Addr: rec.Addr, Action: plans.Forget, Reason: plans.BecauseRemoved, Provider: rec.Record.Provider, Revision: rec.Revision,
		DependsOn: rec.DependsOn, PriorPrivate: rec.private, PreviousAddr: rec.from, Before: rec.live, Range: hcl.Range{}}
	if t := p.schemaOf(rec.Record.Provider, rec.Addr.Type); t != nil {
		c.Before, c.After = t.Block.MarkSensitive(rec.live), t.Block.Null()
	}
	c.Former = lostSecrets(rec, plainOf(rec.live))
	c.Range = block.DeclRange
	return &planned{Change: c, oldDeps: rec.DependsOn}
}
