package policy

import (
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Types returns the resource types of this package by name. They share what one provider instance plans.
func Types(e env.Env) map[string]providers.ResourceType {
	w := newWorld()
	out := map[string]providers.ResourceType{"linkerd_inbound_policy": inbound{env: e, world: w}}
	for name, k := range map[string]kind{
		"linkerd_server":                  serverKind(),
		"linkerd_authorization_policy":    authorizationKind(),
		"linkerd_mesh_tls_authentication": meshTLSKind(),
		"linkerd_network_authentication":  networkKind(),
	} {
		out[name] = object{kind: k, env: e, world: w}
	}
	return out
}

// DataSources returns the data sources of this package by name.
func DataSources(e env.Env) map[string]providers.DataSource {
	return map[string]providers.DataSource{"linkerd_policy": source{env: e}}
}
