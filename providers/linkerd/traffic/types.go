package traffic

import (
	"time"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/policy"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const (
	policyGroup  = "policy.linkerd.io"
	gatewayGroup = "gateway.networking.k8s.io"
	// patience is how long Linkerd's policy controller is given to judge a route: its own period is ten seconds.
	patience = time.Minute
)

// Types returns the resource types of this package by name. They share what one provider instance plans.
func Types(e env.Env, w *policy.World) map[string]providers.ResourceType {
	l := linter{e, w}
	out := map[string]providers.ResourceType{"linkerd_traffic_split": split{env: e, linter: l}}
	for name, k := range map[string]typed.Kind{
		"linkerd_http_route":      routeKind(l),
		"linkerd_grpc_route":      grpcKind(l),
		"linkerd_tls_route":       tlsKind(l),
		"linkerd_tcp_route":       tcpKind(l),
		"linkerd_service_profile": profileKind(l),
		"linkerd_retry_policy":    retryKind(l),
		"linkerd_circuit_breaker": breakerKind(l),
	} {
		out[name] = typed.New(k, e, &w.World)
	}
	return out
}
