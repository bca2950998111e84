package engine

import (
	"context"
	"maps"
	"math"
	"slices"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
)

// inspect asks the providers for what no recorded value shows. With targets, only findings about those are kept.
func (p *planner) inspect(ctx context.Context) (ds hcl.Diagnostics) {
	if p.o.Offline || p.o.NoRefresh {
		return nil
	}
	recorded := map[*provider][]providers.Recorded{}
	for _, a := range sortedKeys(p.records) {
		rec := p.records[a]
		if rec.provider == nil || a.Deposed != "" {
			continue
		}
		value, _ := rec.live.UnmarkDeep()
		recorded[rec.provider] = append(recorded[rec.provider], providers.Recorded{Address: a, Value: value})
	}
	for _, key := range slices.Sorted(maps.Keys(p.providers)) {
		prov := p.providers[key]
		inspector, ok := prov.instance.(providers.Inspector)
		if !ok || prov.pending {
			continue
		}
		found, more := inspector.Inspect(ctx, providers.InspectRequest{Lineage: p.identity.Lineage, Recorded: recorded[prov]})
		for _, d := range more {
			ds = append(ds, prov.place(hcl.Diagnostics{d})...)
		}
		found.Sort()
		p.keep(key, found)
	}
	slices.SortStableFunc(p.plan.Findings, func(a, b plans.Finding) int { return int(b.Severity) - int(a.Severity) })
	return ds
}

// keep puts what one provider found into the plan. Numbers that no format can write are left out.
func (p *planner) keep(key string, found providers.Inspection) {
	for _, f := range found.Findings {
		if p.wanted != nil && !p.wanted[f.Owner] {
			continue
		}
		p.plan.Findings = append(p.plan.Findings, plans.Finding{
			Class: string(f.Class), Severity: severity(f.Severity), Provider: key, Object: f.Object, Owner: p.recordedOwner(f.Owner),
			Summary: f.Summary, Detail: f.Detail, Fix: f.Fix,
		})
	}
	for _, g := range found.Gauges {
		if !math.IsNaN(g.Value) && !math.IsInf(g.Value, 0) {
			p.plan.Gauges = append(p.plan.Gauges, plans.Gauge{Name: g.Name, Labels: g.Labels, Value: g.Value, Help: g.Help})
		}
	}
}

// recordedOwner returns an address that the state records, and the zero one for any other.
func (p *planner) recordedOwner(a addr.Instance) addr.Instance {
	if p.records[a] == nil {
		return addr.Instance{}
	}
	return a
}

// severity translates a provider's word. What is none is drift: a finding must never be overlooked.
func severity(s providers.Severity) plans.Severity {
	switch s {
	case providers.SeverityNote:
		return plans.SeverityNote
	case providers.SeverityCritical:
		return plans.SeverityCritical
	}
	return plans.SeverityDrift
}
