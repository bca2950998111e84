package engine

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
)

// A provider's configuration may depend on resources and data sources. It is configured as soon as these are known:
// in the course of the walk when a plan can know them, or else in the course of the apply. In the latter case its
// resources are planned without looking at the system, which is only possible while none of them is recorded.

// visitProvider configures a provider at its place in the walk, refreshes what it manages and finds what it imports.
func (p *planner) visitProvider(ctx context.Context, prov *provider) hcl.Diagnostics {
	known, ds := p.configure(ctx, prov, dynamic)
	if ds.HasErrors() {
		return ds
	}
	if !known {
		prov.pending = true
		if p.o.Offline {
			return ds // nothing is looked at, so the provider is not needed
		}
		return append(ds, p.recordsNeed(prov)...)
	}
	if p.o.Offline {
		return ds
	}
	more := p.identifyOne(ctx, prov)
	if ds = append(ds, more...); ds.HasErrors() {
		return ds
	}
	p.mu.Lock()
	if prov.identity != "" {
		p.plan.Base.Clusters[prov.key] = prov.identity
		if prov.location != "" {
			p.plan.Base.Places[prov.key] = prov.location
		}
	}
	p.mu.Unlock()
	if !p.o.NoRefresh {
		more = p.refresh(ctx, func(rec *record) bool { return rec.provider == prov && !rec.awaited() })
		if ds = append(ds, p.withoutUnread(more)...); ds.HasErrors() {
			return ds
		}
	}
	return append(ds, p.importLate(ctx, prov)...)
}

// recordsNeed refuses a plan that would have to look at objects through a provider that is not configured. Those that
// a plan with targets leaves out stay as they are recorded.
func (p *planner) recordsNeed(prov *provider) hcl.Diagnostics {
	for _, a := range sortedKeys(p.records) {
		if p.records[a].provider != prov || p.wanted != nil && !p.wanted[a] {
			continue
		}
		return hcl.Diagnostics{diag.Error(CodeProviderConfig, "Provider configuration is not known yet", "The configuration of provider \""+prov.key+"\" depends on something that this plan changes, but the plan must look at "+
			a.String()+" through it. Apply what it depends on first, with --target, and then plan again.", &prov.cfg.DeclRange)}
	}
	return nil
}

// settleProviders configures the providers that depend on resources from what is recorded, for plans that evaluate no
// configuration: destroy, refresh-only, rollback.
func (p *planner) settleProviders(ctx context.Context) (ds hcl.Diagnostics) {
	if !p.hasDynamic() {
		return nil
	}
	for _, r := range p.sorted {
		for _, i := range r.instances {
			if rec := p.records[i.addr]; rec != nil && !rec.live.IsNull() {
				i.value = r.schema.Block.MarkSensitive(rec.live)
			}
		}
	}
	for _, key := range sortedStrings(p.providers) {
		if prov := p.providers[key]; prov.dynamic {
			ds = append(ds, p.visitProvider(ctx, prov)...)
		}
	}
	return ds
}

func (w *world) hasDynamic() bool {
	for _, prov := range w.providers {
		if prov.dynamic {
			return true
		}
	}
	return false
}

// ready configures a provider that had to wait for the apply. Whoever uses it comes after all that it depends on.
func (a *applier) ready(ctx context.Context, prov *provider) hcl.Diagnostics {
	if prov == nil || !prov.dynamic {
		return nil
	}
	prov.late.Do(func() {
		known, ds := a.configure(ctx, prov, dynamic)
		if !ds.HasErrors() && !known {
			ds = append(ds, diag.Error(CodeProviderConfig, "Provider configuration is not known", "The configuration of provider \""+prov.key+"\" is not known although everything that it depends on has been applied.", &prov.cfg.DeclRange))
		}
		if !ds.HasErrors() {
			ds = append(ds, a.identifyOne(ctx, prov)...)
		}
		if was := a.plan.Base.Clusters[prov.key]; !ds.HasErrors() && was != "" && prov.identity != was {
			ds = append(ds, diag.Errorf(CodeForeign, "Plan does not fit", "The plan was made for the cluster whose kube-system namespace has the UID %s, but provider %q is now connected to %s. Plan again.", was, prov.key, prov.identity))
		}
		if !ds.HasErrors() && prov.identity != "" {
			a.mu.Lock()
			a.clusters[prov.key] = prov.identity
			a.mu.Unlock()
		}
		prov.lateDs = ds
	})
	return prov.lateDs
}

// providerOf returns the provider of a change; nil when there is none any more.
func (a *applier) providerOf(c *plans.Change) *provider {
	p, ds := a.recordedProvider(c.Provider)
	if ds.HasErrors() {
		return nil
	}
	return p
}
