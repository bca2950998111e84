package mesh

import (
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

// Types returns the resource types of this package by name. What they plan to mesh is noted in w, for those who judge the
// plan as a whole; nil notes nothing.
func Types(e env.Env, w *typed.World) map[string]providers.ResourceType {
	return map[string]providers.ResourceType{"linkerd_injection": injection{env: e, world: w}}
}

// DataSources returns the data sources of this package by name: there are none.
func DataSources(env.Env) map[string]providers.DataSource { return nil }
