package gate

import (
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Types returns the resource types of this package by name.
func Types(e env.Env) map[string]providers.ResourceType {
	return map[string]providers.ResourceType{"linkerd_gate": gate{env: e}}
}

// DataSources returns the data sources of this package by name.
func DataSources(e env.Env) map[string]providers.DataSource {
	return map[string]providers.DataSource{
		"linkerd_mtls":  mtlsSource{meter{env: e}},
		"linkerd_edges": edgesSource{meter{env: e}},
	}
}
