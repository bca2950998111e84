package mesh

import (
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Types returns the resource types of this package by name.
func Types(e env.Env) map[string]providers.ResourceType {
	return map[string]providers.ResourceType{"linkerd_injection": injection{env: e}}
}

// DataSources returns the data sources of this package by name: there are none.
func DataSources(env.Env) map[string]providers.DataSource { return nil }
