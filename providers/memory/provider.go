package memory

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
)

// New returns a factory of providers over one world.
func New(w *World) providers.Factory {
	return func() providers.Provider { return &provider{world: w} }
}

type provider struct {
	world    *World
	identity string
}

func (p *provider) Schema() *schema.Block {
	return &schema.Block{Attributes: map[string]*schema.Attribute{
		"identity": {Type: cty.String, Optional: true, Description: "What the system calls itself; a state is bound to it."},
	}}
}

func (p *provider) Configure(_ context.Context, config cty.Value) hcl.Diagnostics {
	if v := config.GetAttr("identity"); !v.IsNull() && v.IsKnown() {
		p.identity = v.AsString()
	}
	return nil
}

func (p *provider) Identity(context.Context) (string, hcl.Diagnostics) { return p.identity, nil }

// Scope implements providers.Scoper.
func (p *provider) Scope() string { return p.identity }

func (p *provider) ResourceTypes() map[string]providers.ResourceType {
	return map[string]providers.ResourceType{"memory_object": &object{world: p.world, schema: objectSchema()}}
}

func (p *provider) DataSources() map[string]providers.DataSource {
	return map[string]providers.DataSource{"memory_object": &lookup{world: p.world, schema: lookupSchema()}}
}
