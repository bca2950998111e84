package mesh

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// exchange counts n requests between one client and one server, of which failed ones are answered with 500, in the
// metrics of both proxies.
func (k *keeper) exchange(client peer, serverPod *corev1.Pod, e trafficEntry, n, failed int, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	x := crossing{
		now: now, entry: e, n: n, failed: failed, client: client, server: serverPod,
		serverProxy: k.proxies[serverPod.UID],
		target:      fmt.Sprintf("%s:%d", serverPod.Status.PodIP, e.Port),
	}
	if !meshed(serverPod) || skips(serverPod, "skip-inbound-ports", e.Port) {
		x.serverProxy = nil
	}
	if client.pod != nil && meshed(client.pod) && !skips(client.pod, "skip-outbound-ports", e.Port) {
		x.clientProxy = k.proxies[client.pod.UID]
	}
	x.tls = x.clientProxy != nil && x.serverProxy != nil
	if x.tls {
		if err := x.handshake(); err != nil {
			x.handshakeFailed()
			return
		}
		x.clientID, x.serverID = x.clientProxy.leaf.cert.DNSNames[0], x.serverProxy.leaf.cert.DNSNames[0]
	}
	v := verdict{allow: true}
	if x.serverProxy != nil {
		v = k.policiesOf(serverPod.Labels[labelControlPlane]).check(serverPod, x.entry.Port, x.request())
		x.inbound(v)
	}
	if x.clientProxy != nil {
		x.outbound(v)
	}
}

// policiesOf returns the evaluator for the proxies of one control plane, made anew at every tick.
func (k *keeper) policiesOf(controlPlane string) *policies {
	e := k.policies[controlPlane]
	if e == nil {
		s, _ := k.world.settingsOf(controlPlane)
		e = newPolicies(k.world, s)
		k.policies[controlPlane] = e
	}
	return e
}

// crossing is one exchange while it is counted. Proxies are nil where the traffic passes none.
type crossing struct {
	now                      time.Time
	entry                    trafficEntry
	n, failed                int
	client                   peer
	server                   *corev1.Pod
	clientProxy, serverProxy *proxy
	target                   string
	tls                      bool
	clientID, serverID       string
}

func skips(p *corev1.Pod, key string, port int) bool {
	return containsPort(parsePorts(p.Annotations[annConfig+key]), port)
}

func (x *crossing) http() bool { return x.entry.Protocol != "tcp" }

func (x *crossing) request() request {
	r := request{client: x.client.ip, tls: x.tls, identity: x.clientID, http: x.http(), method: x.entry.Method, path: x.entry.Path}
	if r.method == "" {
		r.method = "GET"
	}
	if r.path == "" {
		r.path = "/"
	}
	return r
}

// handshake says whether both proxies accept each other's certificate.
func (x *crossing) handshake() error {
	for _, side := range [][2]*proxy{{x.clientProxy, x.serverProxy}, {x.serverProxy, x.clientProxy}} {
		if side[1].leaf == nil {
			return fmt.Errorf("no certificate")
		}
		if err := side[0].trusts(side[1], x.now); err != nil {
			return err
		}
	}
	return nil
}

// handshakeFailed counts what both proxies report when mutual TLS is impossible.
func (x *crossing) handshakeFailed() {
	n := float64(x.n)
	x.serverProxy.metrics.add("inbound_tcp_errors_total", []label{{"target_addr", x.target}, {"target_ip", x.server.Status.PodIP},
		{"target_port", strconv.Itoa(x.entry.Port)}, {"error", "tls handshake"}}, n, x.now)
	m := x.clientProxy.metrics
	m.add("outbound_tcp_errors_total", []label{{"target_addr", x.target}, {"error", "tls handshake"}}, n, x.now)
	if x.http() {
		ls := x.outboundLabels()
		m.add("request_total", ls, n, x.now)
		m.add("response_total", append(slices.Clone(ls), label{"classification", "failure"}, label{"error", "bad gateway"},
			label{"status_code", "502"}), n, x.now)
	}
}

// inbound counts in the server's proxy.
func (x *crossing) inbound(v verdict) {
	n, m, now := float64(x.n), x.serverProxy.metrics, x.now
	connection := []label{{"target_addr", x.target}, {"target_ip", x.server.Status.PodIP}, {"target_port", strconv.Itoa(x.entry.Port)}}
	connection = append(connection, x.inboundTLS()...)
	srv := []label{{"srv_group", v.server.group}, {"srv_kind", v.server.kind}, {"srv_name", v.server.name}, {"srv_port", strconv.Itoa(v.port)}}
	route := []label{{"route_group", v.route.group}, {"route_kind", v.route.kind}, {"route_name", v.route.name}}
	authz := []label{{"authz_group", v.authz.group}, {"authz_kind", v.authz.kind}, {"authz_name", v.authz.name}}
	direction := []label{{"direction", "inbound"}}

	open := slices.Concat(direction, []label{{"peer", "src"}}, connection, srv)
	if s := m.at("tcp_open_connections", open, now); s.value == 0 {
		s.value = 1
		m.add("tcp_open_total", open, 1, now)
	}
	if !x.http() {
		name := "inbound_tcp_authz_allow_total"
		labels := slices.Concat(connection, srv, authz)
		if !v.allow {
			name, labels = "inbound_tcp_authz_deny_total", slices.Concat(connection, srv)
		}
		m.add("tcp_open_total", open, n, now)
		m.add(name, labels, n, now)
		return
	}
	switch {
	case v.notFound:
		m.add("inbound_http_route_not_found_total", slices.Concat(connection, srv), n, now)
		return
	case !v.allow:
		m.add("inbound_http_authz_deny_total", slices.Concat(connection, srv, route), n, now)
		return
	}
	m.add("inbound_http_authz_allow_total", slices.Concat(connection, srv, route, authz), n, now)
	ls := slices.Concat(direction, connection, srv, route, authz)
	m.add("request_total", ls, n, now)
	x.responses(m, ls, v)
}

// outbound counts in the client's proxy.
func (x *crossing) outbound(v verdict) {
	m, ls := x.clientProxy.metrics, x.outboundLabels()
	open := append([]label{{"direction", "outbound"}, {"peer", "dst"}}, ls[1:]...)
	if s := m.at("tcp_open_connections", open, x.now); s.value == 0 {
		s.value = 1
		m.add("tcp_open_total", open, 1, x.now)
	}
	if !x.http() {
		m.add("tcp_open_total", open, float64(x.n), x.now)
		return
	}
	m.add("request_total", ls, float64(x.n), x.now)
	x.responses(m, ls, v)
}

// responses counts the answers. A refusal is an answer as well, and no failure: only 5xx are.
func (x *crossing) responses(m metrics, ls []label, v verdict) {
	count := func(classification, status string, n int) {
		if n == 0 {
			return
		}
		m.add("response_total", append(slices.Clone(ls), label{"classification", classification}, label{"status_code", status}), float64(n), x.now)
		latency := x.entry.LatencyMS
		if latency == 0 {
			latency = 5
		}
		m.observe(append(slices.Clone(ls), label{"status_code", status}), latency, float64(n), x.now)
	}
	switch {
	case v.notFound:
		count("success", "404", x.n)
	case !v.allow:
		count("success", "403", x.n)
	default:
		count("success", "200", x.n-x.failed)
		count("failure", "500", x.failed)
	}
}

func (x *crossing) inboundTLS() []label {
	if x.tls {
		return []label{{"tls", "true"}, {"client_id", x.clientID}}
	}
	return []label{{"tls", "no_identity"}, {"no_tls_reason", "no_tls_from_remote"}}
}

func (x *crossing) outboundLabels() []label {
	service := x.entry.Service
	if service == "" {
		service = workloadOf(x.server)
	}
	ls := []label{{"direction", "outbound"}, {"authority", fmt.Sprintf("%s.%s.svc.cluster.local:%d", service, x.server.Namespace, x.entry.Port)},
		{"target_addr", x.target}, {"target_ip", x.server.Status.PodIP}, {"target_port", strconv.Itoa(x.entry.Port)}}
	if x.tls {
		ls = append(ls, label{"tls", "true"}, label{"server_id", x.serverID})
	} else {
		ls = append(ls, label{"tls", "no_identity"}, label{"no_tls_reason", "not_provided_by_service_discovery"})
	}
	ls = append(ls, label{"dst_namespace", x.server.Namespace}, label{"dst_service", service}, label{"dst_pod", x.server.Name},
		label{"dst_serviceaccount", serviceAccount(x.server)})
	if ns := x.server.Labels[labelControlPlane]; ns != "" {
		ls = append(ls, label{"dst_control_plane_ns", ns})
	}
	for _, kind := range []string{"deployment", "statefulset", "daemonset", "job"} {
		if name := x.server.Labels[labelOwnerPrefix+kind]; name != "" {
			ls = append(ls, label{"dst_" + kind, name})
		}
	}
	return ls
}

// trusts says whether the proxy accepts the other's certificate. Chains are verified once per certificate.
func (p *proxy) trusts(other *proxy, now time.Time) error {
	if now.After(other.leaf.notAfter) {
		return fmt.Errorf("certificate expired")
	}
	if p.trusted == nil {
		p.trusted = map[*leaf]error{}
	}
	err, known := p.trusted[other.leaf]
	if !known {
		err = other.leaf.trustedBy(p.anchors, now)
		p.trusted[other.leaf] = err
	}
	return err
}

// probe counts the kubelets' HTTP probes of meshed containers, one each ten seconds.
func (k *keeper) probe(pods []*corev1.Pod, now time.Time) {
	const period = 10 * time.Second
	if now.Sub(k.probed) < period {
		return
	}
	k.probed = now
	kubelet := peer{ip: netip.AddrFrom4([4]byte{172, 18, 0, 1})}
	for _, p := range pods {
		if !ready(p) || !meshed(p) {
			continue
		}
		for _, c := range p.Spec.Containers {
			if c.Name == proxyContainer {
				continue
			}
			for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe} {
				if probe == nil || probe.HTTPGet == nil {
					continue
				}
				k.exchange(kubelet, p, trafficEntry{Port: probePort(&c, probe.HTTPGet.Port), Path: probe.HTTPGet.Path}, 1, 0, now)
			}
		}
	}
}
