package metrics

import (
	"cmp"
	"slices"
	"strings"
)

// Object is how a proxy names a Server, a route or an authorization. Kind `default` means that no object of the
// cluster is behind it.
type Object struct{ Group, Kind, Name string }

// String returns `kind/name`, or "" for the zero value.
func (o Object) String() string {
	if o == (Object{}) {
		return ""
	}
	return o.Kind + "/" + o.Name
}

// Flow is inbound traffic of one workload that shares origin, port and verdict. Allowed and Denied count requests of
// HTTP ports and connections of others.
type Flow struct {
	Namespace, Workload string // of the side that was called
	Port                string // the number of the port that was called; "" when the proxy did not say
	Server, Route       Object
	Authorization       Object // of allowed traffic; the zero value when it was denied
	// TLS is the proxy's word: `true`, `no_identity`, `opaque` or `disabled`.
	TLS string
	// Reason says why there was no mTLS.
	Reason string
	// Client is the identity that the client proved; "" means none.
	Client          string
	Allowed, Denied float64
}

// Mutual reports whether both sides proved their identity.
func (f Flow) Mutual() bool { return f.TLS == "true" && f.Client != "" }

// Audited reports whether the traffic was allowed only because the access policy is `audit`. It is an upper bound,
// see the package comment.
func (f Flow) Audited() bool {
	return f.Authorization.Kind == "default" && f.Authorization.Name == "audit"
}

// Infrastructure reports whether the traffic is not between workloads: the proxy's own ports, the kubelet's probes
// that Linkerd admits by itself, and loopback (which includes port-forwards).
func (f Flow) Infrastructure() bool {
	return f.Port == "4190" || f.Port == "4191" ||
		f.Route.Kind == "default" && f.Route.Name == "probe" ||
		f.Authorization.Kind == "default" && f.Authorization.Name == "localhost" ||
		f.Reason == "loopback"
}

// Flows returns the inbound traffic between workloads in the window, merged over pods, in a fixed order. Flows that
// did not grow are left out.
func (w Window) Flows() []Flow {
	sums := map[Flow]*Flow{}
	for _, g := range w.Growth {
		for _, s := range g.Samples {
			allowed, denied := verdict(s)
			if allowed+denied <= 0 {
				continue
			}
			f := flowOf(g.Pod, s.Labels)
			if f.Infrastructure() {
				continue
			}
			sum := sums[f]
			if sum == nil {
				kept := f
				sum = &kept
				sums[f] = sum
			}
			sum.Allowed += allowed
			sum.Denied += denied
		}
	}
	out := make([]Flow, 0, len(sums))
	for _, f := range sums {
		out = append(out, *f)
	}
	slices.SortFunc(out, compareFlows)
	return out
}

// verdict reads the counters of policy decisions. A connection that was cut because the policy changed counts as denied.
func verdict(s Sample) (allowed, denied float64) {
	switch s.Name {
	case "inbound_http_authz_allow_total", "inbound_tcp_authz_allow_total":
		return s.Value, 0
	case "inbound_http_authz_deny_total", "inbound_tcp_authz_deny_total", "inbound_tcp_authz_terminate_total":
		return 0, s.Value
	}
	return 0, 0
}

func flowOf(p Pod, l map[string]string) Flow {
	return Flow{
		Namespace: p.Namespace, Workload: p.Workload, Port: portOf(l),
		Server:        objectOf(l, "srv"),
		Route:         objectOf(l, "route"),
		Authorization: objectOf(l, "authz"),
		TLS:           l["tls"], Reason: l["no_tls_reason"], Client: l["client_id"],
	}
}

func objectOf(l map[string]string, prefix string) Object {
	return Object{l[prefix+"_group"], l[prefix+"_kind"], l[prefix+"_name"]}
}

// portOf finds the called port: releases of the proxy differ in how they say it.
func portOf(l map[string]string) string {
	if p := l["target_port"]; p != "" {
		return p
	}
	if i := strings.LastIndexByte(l["target_addr"], ':'); i >= 0 {
		return l["target_addr"][i+1:]
	}
	return l["srv_port"]
}

func compareFlows(a, b Flow) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Port, b.Port),
		compareObjects(a.Server, b.Server), compareObjects(a.Route, b.Route), compareObjects(a.Authorization, b.Authorization),
		cmp.Compare(a.Client, b.Client), cmp.Compare(a.TLS, b.TLS), cmp.Compare(a.Reason, b.Reason))
}

func compareObjects(a, b Object) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}
