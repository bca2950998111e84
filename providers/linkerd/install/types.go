package install

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Types returns the resource types of this package by name.
func Types(e env.Env, s Settings) map[string]providers.ResourceType {
	controlPlaneHome := func(cty.Value) string { return e.Namespace() }
	base := func(schema *schema.Resource, name, home func(cty.Value) string) *charted {
		return &charted{env: e, settings: s, schema: schema, name: name, home: home}
	}
	control := base(controlPlaneSchema(), always("linkerd-control-plane"), controlPlaneHome)
	addition := base(extensionSchema(), extensionTitle, extensionTitle)
	addition.finish = anchored
	plugin := base(cniSchema(), always("linkerd2-cni"), always("linkerd-cni"))
	return map[string]providers.ResourceType{
		"linkerd_crds":          &crds{base(crdsSchema(), always("linkerd-crds"), controlPlaneHome)},
		"linkerd_control_plane": &certified{control, &controlPlane{control}},
		"linkerd_extension":     &certified{addition, &extension{addition}},
		"linkerd_cni":           &certified{plugin, &cniPlugin{plugin}},
	}
}

// DataSources returns the data sources of this package by name.
func DataSources(e env.Env, s Settings) map[string]providers.DataSource {
	return map[string]providers.DataSource{"linkerd_check": &checkSource{env: e, settings: s, schema: checkSchema()}}
}
