package policy

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

// kind is a typed kind whose checks look at the policy around it.
type kind struct {
	typed.Kind
	lint func(s *surroundings, v cty.Value) (hcl.Diagnostics, []string)
}

// bind makes the resource type of a kind.
func (k kind) bind(e env.Env, w *World) providers.ResourceType {
	if k.lint != nil {
		k.Lint = func(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error) {
			s, err := w.around(ctx, e, schema.Text(v.GetAttr("namespace")))
			if err != nil {
				return nil, nil, err
			}
			ds, notes := k.lint(s, v)
			return ds, notes, nil
		}
	}
	k.Looks = reviewed(e)
	return typed.New(k.Kind, e, &w.World)
}

// riskOfPermission is what holds while a replacement of an object that admits clients is half done.
const riskOfPermission = "while the old one is gone and the new one not there, clients that nothing else admits are refused; with create_before_destroy and another name nobody is"

// Types returns the resource types of this package by name. They share what one provider instance plans.
func Types(e env.Env, w *World) map[string]providers.ResourceType {
	out := map[string]providers.ResourceType{"linkerd_inbound_policy": inbound{env: e, world: w}}
	for name, k := range map[string]kind{
		"linkerd_server":                  serverKind(),
		"linkerd_authorization_policy":    authorizationKind(),
		"linkerd_mesh_tls_authentication": meshTLSKind(),
		"linkerd_network_authentication":  networkKind(),
		"linkerd_server_authorization":    legacyKind(),
	} {
		out[name] = k.bind(e, w)
	}
	out["linkerd_rate_limit"] = typed.New(rateLimitKind(e, w), e, &w.World)
	out["linkerd_egress_network"] = typed.New(egressKind(e, w), e, &w.World)
	return out
}

// DataSources returns the data sources of this package by name.
func DataSources(e env.Env) map[string]providers.DataSource {
	return map[string]providers.DataSource{"linkerd_policy": source{env: e}}
}
