package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

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
	key      string // `kubernetes`, `kubernetes.east`, or `module.m.provider.kubernetes` for a block in a module
	name     string
	instance providers.Provider
	cfg      *config.ProviderConfig // nil when there is no block
	in       *module                // that holds the block, or the root
	refs     []ref

	resourceTypes map[string]providers.ResourceType
	dataSources   map[string]providers.DataSource
	identity      string // "" when it has none
	location      string // how people name it; "" when it does not say
	scope         string // where its tags hold; "" is everywhere

	// dynamic says that the configuration depends on resources: it is configured in the course of the walk.
	dynamic bool
	wishes  []wish // what is to be imported through it, when it is dynamic
	// pending says that the configuration is not known before the apply: plans are made without the system.
	pending bool
	late    sync.Once // configures it while applying
	lateDs  hcl.Diagnostics
}

func (p *provider) types() map[string]providers.ResourceType { return p.resourceTypes }

func (p *provider) sources() map[string]providers.DataSource { return p.dataSources }

// providerKey finds the configuration that a module means by a key: its own, the one that its caller passes, or the
// default one of the callers. It returns the module that holds it.
func (m *module) providerKey(key string) (*module, string) {
	for m.parent != nil {
		if passed, ok := m.call.cfg.Providers[key]; ok {
			m, key = m.parent, passed.Key
			continue
		}
		if m.cfg.Providers[key] != nil || strings.Contains(key, ".") {
			break
		}
		m = m.parent
	}
	return m, key
}

// provider returns the provider that a module knows by a key, made on first use.
func (w *world) provider(in *module, key string, at *hcl.Range) (*provider, hcl.Diagnostics) {
	in, key = in.providerKey(key)
	full := key
	if in.parent != nil {
		full = string(in.path) + inModule + key
	}
	if p := w.providers[full]; p != nil {
		return p, nil
	}
	name, alias, _ := strings.Cut(key, ".")
	factory := w.engine.registry[name]
	if factory == nil {
		names := w.engine.registry.Names()
		return nil, hcl.Diagnostics{diag.Error(config.CodeUnknownProvider, "Unknown provider", fmt.Sprintf("There is no provider %q. Compiled in are: %s.%s",
			name, strings.Join(names, ", "), diag.Suggest(name, names)), at)}
	}
	cfg := in.cfg.Providers[key]
	if cfg == nil && alias != "" {
		return nil, hcl.Diagnostics{diag.Error(config.CodeUnknownProvider, "Unknown provider configuration",
			fmt.Sprintf("There is no block provider %q with alias = %q.%s", name, alias, diag.Suggest(key, slices.Collect(maps.Keys(in.cfg.Providers)))), at)}
	}
	p := &provider{key: full, name: name, instance: factory(), cfg: cfg, in: in}
	p.resourceTypes, p.dataSources = p.instance.ResourceTypes(), p.instance.DataSources()
	var ds hcl.Diagnostics
	if cfg != nil {
		var refs []lang.Reference
		refs, ds = lang.BodyReferences(cfg.Body, p.instance.Schema())
		p.refs = in.place(refs)
	}
	w.providers[full] = p
	return p, ds
}

// inModule stands between the path of a module and the key of a provider configuration that it holds itself.
const inModule = ".provider."

// recordedProvider returns the provider that a record names. One whose module is gone falls back to the root's
// configuration of that name.
func (w *world) recordedProvider(key string) (*provider, hcl.Diagnostics) {
	if p := w.providers[key]; p != nil {
		return p, nil
	}
	in := w.root
	if i := strings.LastIndex(key, inModule); i >= 0 {
		if m := w.moduleAt[addr.Module(key[:i])]; m != nil {
			in = m
		}
		key = key[i+len(inModule):]
	}
	return w.provider(in, key, nil)
}

func (p *provider) unknownType(c *config.Resource) *hcl.Diagnostic {
	what, names := "resource type", slices.Collect(maps.Keys(p.types()))
	if c.Addr.Mode == addr.Data {
		what, names = "data source", slices.Collect(maps.Keys(p.sources()))
	}
	return diag.Error(CodeUnknownType, "Unknown "+what, fmt.Sprintf("The provider %q has no %s %q.%s",
		p.name, what, c.Addr.Type, diag.Suggest(c.Addr.Type, names)), &c.DeclRange)
}

// configureProviders configures every provider that is used. One whose configuration depends on resources has to wait
// for these.
func (w *world) configureProviders(ctx context.Context) (ds hcl.Diagnostics) {
	for _, key := range slices.Sorted(maps.Keys(w.providers)) {
		p := w.providers[key]
		if p.dynamic = len(w.nodesOf(p.refs)) > 0; !p.dynamic || w.lenient {
			_, more := w.configure(ctx, p, static)
			ds = append(ds, more...)
		}
	}
	return ds
}

// configure evaluates a provider's configuration and hands it over, unless it is not known yet.
func (w *world) configure(ctx context.Context, p *provider, ph phase) (known bool, ds hcl.Diagnostics) {
	body, at := hcl.EmptyBody(), (*hcl.Range)(nil)
	if p.cfg != nil {
		body, at = p.cfg.Body, &p.cfg.DeclRange
	}
	v, ds := p.instance.Schema().Decode(body, w.contextFor(p.in, p.refs, ph))
	if ds.HasErrors() {
		return false, ds
	}
	v, _ = v.UnmarkDeep()
	if !v.IsWhollyKnown() {
		if !p.dynamic && !w.lenient {
			ds = append(ds, diag.Error(CodeProviderConfig, "Provider configuration is not known", "A value in the configuration of this provider is not known while planning. Give the variables that it uses a value.", at))
		}
		return false, ds
	}
	ds = append(ds, p.place(p.instance.Configure(ctx, v))...)
	if s, ok := p.instance.(providers.Scoper); ok && !ds.HasErrors() {
		p.scope = s.Scope()
	}
	return true, ds
}

// shares reports whether tags of one provider mean something to the other. A provider whose configuration is not known yet may
// turn out to be connected to anything.
func (p *provider) shares(other *provider) bool {
	return p == other || p.scope == "" || other.scope == "" || p.scope == other.scope
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
		if p.dynamic {
			continue // later, when it is configured
		}
		more := w.identifyOne(ctx, p)
		ds = append(ds, more...)
		if more.HasErrors() {
			return out, ds // one unreachable cluster is enough to know
		}
		if p.identity != "" {
			out[key] = p.identity
		}
	}
	return out, ds
}

// places says how people name what the providers are connected to, for those that were identified.
func (w *world) places() map[string]string {
	out := map[string]string{}
	for key, p := range w.providers {
		if p.location != "" {
			out[key] = p.location
		}
	}
	return out
}

func (w *world) identifyOne(ctx context.Context, p *provider) hcl.Diagnostics {
	id, ok := p.instance.(providers.Identifier)
	if !ok {
		return nil
	}
	got, ds := id.Identity(ctx)
	if ds = p.place(ds); ds.HasErrors() {
		return ds
	}
	p.identity = got
	if l, ok := p.instance.(providers.Locator); ok && got != "" {
		p.location = l.Location()
	}
	if was := w.snapshot.Clusters[p.key]; was != "" && got != "" && was != got {
		ds = append(ds, diag.Errorf(CodeCluster, "Wrong cluster", "The state belongs to the cluster whose kube-system namespace has the UID %s, but provider %q is now connected to %s. "+
			"Choose the right one with --context or --kubeconfig, or another state with --state.", was, p.key, got))
	}
	return ds
}
