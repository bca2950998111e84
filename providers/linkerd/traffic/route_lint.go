package traffic

import (
	"cmp"
	"context"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
)

// strength orders the kinds of routes: of several kinds on one parent Linkerd puts the strongest into force.
var strength = map[string]int{"TCPRoute": 1, "TLSRoute": 2, "HTTPRoute": 3, "GRPCRoute": 4}

// rivals are the kinds that a planned route of a kind is compared with. An HTTPRoute does not look for the weaker ones:
// few clusters serve them, and each would cost every plan a request.
var rivals = map[string][][2]string{
	"TCPRoute":  {tlsRoutes, httpRoutes, gatewayRoutes, grpcRoutes},
	"TLSRoute":  {tcpRoutes, httpRoutes, gatewayRoutes, grpcRoutes},
	"HTTPRoute": {grpcRoutes},
	"GRPCRoute": {httpRoutes, gatewayRoutes},
}

// route returns the function that judges planned routes of a kind.
func (l linter) route(kind string) func(context.Context, cty.Value) (hcl.Diagnostics, []string, error) {
	return func(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error) {
		ds, err := l.judge(ctx, kind, v)
		return ds, nil, err
	}
}

func (l linter) judge(ctx context.Context, kind string, v cty.Value) (hcl.Diagnostics, error) {
	ns := schema.Text(v.GetAttr("namespace"))
	own := &unstructured.Unstructured{Object: map[string]any{"kind": kind, "spec": map[string]any{"parentRefs": parentRefs(v)}}}
	own.SetNamespace(ns)
	at := cty.GetAttrPath("parents")
	ds, err := l.conflicts(ctx, own, at)
	if err != nil {
		return nil, err
	}
	all, err := l.services(ctx, ns)
	if err != nil {
		return nil, err
	}
	for _, p := range v.GetAttr("parents").AsValueSlice() {
		name, pns := schema.Text(p.GetAttr("name")), cmp.Or(schema.Text(p.GetAttr("namespace")), ns)
		if schema.Text(p.GetAttr("kind")) != "Service" {
			continue
		}
		in := all
		if pns != ns {
			if in, err = l.services(ctx, pns); err != nil {
				return nil, err
			}
		}
		port := 0
		if n := p.GetAttr("port"); !n.IsNull() {
			port = int(integer(n))
		}
		ds = append(ds, l.service(in, pns, name, port, at)...)
		more, err := l.profile(ctx, pns, name, at)
		if err != nil {
			return nil, err
		}
		ds = append(ds, more...)
	}
	for _, b := range backendLists(v) {
		for _, e := range b.list {
			if bns := schema.Text(e.GetAttr("namespace")); bns != "" && bns != ns {
				continue
			}
			name := schema.Text(e.GetAttr("name"))
			if s := all[name]; s == nil || s.Spec.ClusterIP != "None" { // a headless backend is all right
				ds = append(ds, l.service(all, ns, name, int(integer(e.GetAttr("port"))), b.at)...)
			}
		}
	}
	return ds, nil
}

// conflicts finds routes that attach to the same parent and win, or lose, by their kind.
func (l linter) conflicts(ctx context.Context, own *unstructured.Unstructured, path cty.Path) (hcl.Diagnostics, error) {
	var ds hcl.Diagnostics
	kind, attached := own.GetKind(), parents(own)
	for _, rival := range rivals[kind] {
		others, err := l.world.List(ctx, l.env.Cluster(), kschema.GroupKind{Group: rival[0], Kind: rival[1]}, own.GetNamespace())
		if err != nil {
			return nil, err
		}
		for _, other := range others {
			for _, p := range parents(other) {
				switch {
				case !slices.Contains(attached, p):
				case strength[rival[1]] > strength[kind]:
					ds = append(ds, diag.At(diag.Errorf(CodeConflict, "Another route wins",
						"%s %q attaches to %s as well. On one parent the order is GRPCRoute, HTTPRoute, TLSRoute, TCPRoute: Linkerd puts the strongest kind into force and refuses this %s (RouteReasonConflicted). "+
							"Put all rules into one kind.", rival[1], other.GetName(), p, kind), path))
				default:
					ds = append(ds, diag.At(diag.Warningf(CodeConflict, "Another route loses",
						"%s %q attaches to %s as well. On one parent the order is GRPCRoute, HTTPRoute, TLSRoute, TCPRoute: once this %s is in force, Linkerd ignores that route (RouteReasonConflicted). "+
							"Put all rules into one kind.", rival[1], other.GetName(), p, kind), path))
				}
			}
		}
	}
	return ds, nil
}
