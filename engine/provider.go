package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/providers"
)

// The codes of diagnostics about providers and types.
const (
	// CodeUnknownType: the provider has no such resource type or data source.
	CodeUnknownType diag.Code = "config.unknown-type"
	// CodeProviderConfig: a provider's configuration depends on something that is not known before planning.
	CodeProviderConfig diag.Code = "config.provider-unknown"
)

// provider is one configured provider of a world.
type provider struct {
	key      string // `kubernetes` or `kubernetes.east`
	name     string
	instance providers.Provider
	cfg      *config.ProviderConfig // nil when there is no block
	refs     []lang.Reference

	resourceTypes map[string]providers.ResourceType
	dataSources   map[string]providers.DataSource
	identity      string // "" when it has none
}

func (p *provider) types() map[string]providers.ResourceType { return p.resourceTypes }

func (p *provider) sources() map[string]providers.DataSource { return p.dataSources }

// provider returns the provider of a key, made on first use.
func (w *world) provider(key string, at *hcl.Range) (*provider, hcl.Diagnostics) {
	if p := w.providers[key]; p != nil {
		return p, nil
	}
	name, alias, _ := strings.Cut(key, ".")
	factory := w.engine.registry[name]
	if factory == nil {
		names := w.engine.registry.Names()
		return nil, hcl.Diagnostics{diag.Error(config.CodeUnknownProvider, "Unknown provider", fmt.Sprintf("There is no provider %q. Compiled in are: %s.%s",
			name, strings.Join(names, ", "), diag.Suggest(name, names)), at)}
	}
	cfg := w.module.Providers[key]
	if cfg == nil && alias != "" {
		return nil, hcl.Diagnostics{diag.Error(config.CodeUnknownProvider, "Unknown provider configuration",
			fmt.Sprintf("There is no block provider %q with alias = %q.%s", name, alias, diag.Suggest(key, slices.Collect(maps.Keys(w.module.Providers)))), at)}
	}
	p := &provider{key: key, name: name, instance: factory(), cfg: cfg}
	p.resourceTypes, p.dataSources = p.instance.ResourceTypes(), p.instance.DataSources()
	var ds hcl.Diagnostics
	if cfg != nil {
		p.refs, ds = lang.BodyReferences(cfg.Body, p.instance.Schema())
	}
	w.providers[key] = p
	return p, ds
}

func (p *provider) unknownType(c *config.Resource) *hcl.Diagnostic {
	what, names := "resource type", slices.Collect(maps.Keys(p.types()))
	if c.Addr.Mode == addr.Data {
		what, names = "data source", slices.Collect(maps.Keys(p.sources()))
	}
	return diag.Error(CodeUnknownType, "Unknown "+what, fmt.Sprintf("The provider %q has no %s %q.%s",
		p.name, what, c.Addr.Type, diag.Suggest(c.Addr.Type, names)), &c.DeclRange)
}

// configureProviders evaluates and configures every provider that is used. Their configuration may use variables and
// locals that are known from the start.
func (w *world) configureProviders(ctx context.Context) (ds hcl.Diagnostics) {
	for _, key := range slices.Sorted(maps.Keys(w.providers)) {
		p := w.providers[key]
		body, at := hcl.EmptyBody(), (*hcl.Range)(nil)
		if p.cfg != nil {
			body, at = p.cfg.Body, &p.cfg.DeclRange
		}
		evalCtx, more := w.staticContext(p.refs)
		ds = append(ds, more...)
		v, more := p.instance.Schema().Decode(body, evalCtx)
		ds = append(ds, more...)
		if more.HasErrors() {
			continue
		}
		v, _ = v.UnmarkDeep()
		if !v.IsWhollyKnown() {
			ds = append(ds, diag.Error(CodeProviderConfig, "Provider configuration is not known yet",
				"The configuration of a provider may use variables and locals, but nothing that is only known after other resources have been read or applied.", at))
			continue
		}
		ds = append(ds, p.place(p.instance.Configure(ctx, v))...)
	}
	return ds
}

// place points diagnostics of a provider at its block, or at nothing when it has none.
func (p *provider) place(ds hcl.Diagnostics) hcl.Diagnostics {
	out := make(hcl.Diagnostics, len(ds))
	for i, d := range ds {
		c := *d
		if c.Subject == nil && p.cfg != nil {
			c.Subject = &p.cfg.DeclRange
		}
		out[i] = &c
	}
	return out
}

// identify asks the providers what they are connected to, and refuses a state that belongs elsewhere.
func (w *world) identify(ctx context.Context) (map[string]string, hcl.Diagnostics) {
	out := map[string]string{}
	var ds hcl.Diagnostics
	for _, key := range slices.Sorted(maps.Keys(w.providers)) {
		p := w.providers[key]
		id, ok := p.instance.(providers.Identifier)
		if !ok {
			continue
		}
		got, more := id.Identity(ctx)
		ds = append(ds, p.place(more)...)
		if more.HasErrors() {
			return out, ds // one unreachable cluster is enough to know
		}
		p.identity, out[key] = got, got
		if was := w.snapshot.Clusters[key]; was != "" && got != "" && was != got {
			ds = append(ds, diag.Errorf(CodeCluster, "Wrong cluster", "The state belongs to the cluster whose kube-system namespace has the UID %s, but provider %q is now connected to %s. "+
				"Choose the right one with --context or --kubeconfig, or another state with --state.", was, key, got))
		}
	}
	return out, ds
}
