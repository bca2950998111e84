package linkerd

import (
	"maps"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/expansion"
	"github.com/meshplan/meshplan/providers/linkerd/gate"
	"github.com/meshplan/meshplan/providers/linkerd/install"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/policy"
	"github.com/meshplan/meshplan/providers/linkerd/traffic"
)

// env is what the types know of the provider.
func (p *provider) env() env.Env {
	return env.Env{
		Cluster:     p.cluster,
		Namespace:   func() string { return p.settings.namespace },
		TrustDomain: func() string { return p.settings.trustDomain },
	}
}

// register collects the types of the packages below, which ask the provider for its settings when they need them.
func register(p *provider, o Options) (map[string]providers.ResourceType, map[string]providers.DataSource) {
	e, w := p.env(), p.world
	s := install.Settings{BaseDir: o.BaseDir, ClusterDomain: func() string { return p.settings.clusterDomain }, Now: o.Now}
	types, data := map[string]providers.ResourceType{}, map[string]providers.DataSource{}
	for _, m := range []map[string]providers.ResourceType{certs.Types(e, o.Now), install.Types(e, s), mesh.Types(e, &w.World), policy.Types(e, w), traffic.Types(e, w), expansion.Types(e, &w.World), gate.Types(e)} {
		maps.Copy(types, m)
	}
	for _, m := range []map[string]providers.DataSource{certs.DataSources(e, o.Now), install.DataSources(e, s), mesh.DataSources(e), policy.DataSources(e), gate.DataSources(e)} {
		maps.Copy(data, m)
	}
	return types, data
}
