package install

import (
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Types returns the resource types of this package by name.
func Types(e env.Env, s Settings) map[string]providers.ResourceType {
	return map[string]providers.ResourceType{
		"linkerd_crds":          &crds{charted{env: e, settings: s, schema: crdsSchema(), name: "linkerd-crds"}},
		"linkerd_control_plane": &controlPlane{charted{env: e, settings: s, schema: controlPlaneSchema(), name: "linkerd-control-plane"}},
	}
}

// DataSources returns the data sources of this package by name.
func DataSources(e env.Env, s Settings) map[string]providers.DataSource {
	return map[string]providers.DataSource{"linkerd_check": &checkSource{env: e, settings: s, schema: checkSchema()}}
}
