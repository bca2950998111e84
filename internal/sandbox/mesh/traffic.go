package mesh

import (
	"fmt"
	"maps"
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// Traffic is described by ConfigMaps named mesh-traffic, in any namespace, key traffic.yaml:
//
//   - from: shop/web          # namespace/workload, or an address or CIDR outside the mesh
//     to: shop/api            # namespace/workload
//     port: 8080              # of the container
//     rps: 20                 # for the whole workload, spread over its Ready pods
//     success: 0.99           # share of requests that do not fail with status 500; default 1
//     service: api            # Service the client calls; default: the name of the workload
//     protocol: http          # or tcp: opaque connections
//     method: GET             # default GET
//     path: /                 # default /
//     latencyMS: 5            # default 5
//     headers: {x: y}         # that routes of the Service may match; default none
//     successOf: {api-v2: 0}  # success by workload, where routes divide the traffic
//     latencyOf: {api-v2: 9}  # latency in milliseconds by workload
//
// Counters follow the clock: whenever the description changes, or pods and policies do, the next counts obey.
const (
	configMapTraffic = "mesh-traffic"
	keyTraffic       = "traffic.yaml"
)

type trafficEntry struct {
	From      string   `json:"from"`
	To        string   `json:"to"`
	Port      int      `json:"port"`
	RPS       float64  `json:"rps"`
	Success   *float64 `json:"success"`
	Service   string   `json:"service"`
	Protocol  string   `json:"protocol"`
	Method    string   `json:"method"`
	Path      string   `json:"path"`
	LatencyMS int      `json:"latencyMS"`

	Headers   map[string]string  `json:"headers"`
	SuccessOf map[string]float64 `json:"successOf"`
	LatencyOf map[string]int     `json:"latencyOf"`
}

// flow remembers the fractions of an entry's requests that did not make a whole one yet.
type flow struct {
	due     float64            // requests
	failing map[string]float64 // failures, by pair of pods
	next    int                // pair whose turn it is
	touched time.Time
}

// carry counts the traffic of the time since last.
func (k *keeper) carry(pods []*corev1.Pod, last, now time.Time) {
	k.policies = map[string]*policies{}
	workloads := map[string][]*corev1.Pod{}
	for _, p := range pods {
		if ready(p) {
			name := p.Namespace + "/" + workloadOf(p)
			workloads[name] = append(workloads[name], p)
		}
	}
	for _, e := range k.entries() {
		k.carryEntry(e, workloads, last, now)
	}
	for key, f := range k.flows {
		if f.touched != now {
			delete(k.flows, key)
		}
	}
	k.probe(pods, now)
}

// entries reads all descriptions. What does not parse carries nothing.
func (k *keeper) entries() []trafficEntry {
	all, _ := k.world.configMaps.List(labels.Everything())
	var out []trafficEntry
	for _, cm := range all {
		if cm.Name != configMapTraffic {
			continue
		}
		var entries []trafficEntry
		if yaml.Unmarshal([]byte(cm.Data[keyTraffic]), &entries) == nil {
			out = append(out, entries...)
		}
	}
	return out
}

func (k *keeper) carryEntry(e trafficEntry, workloads map[string][]*corev1.Pod, last, now time.Time) {
	servers := workloads[e.To]
	clients := clientsOf(e.From, workloads)
	key := fmt.Sprintf("%s>%s:%d%s %s", e.From, e.To, e.Port, e.Path, e.Method)
	f := k.flows[key]
	if f == nil {
		f = &flow{failing: map[string]float64{}}
		k.flows[key] = f
	}
	f.touched = now
	if len(servers) == 0 || len(clients) == 0 || e.RPS <= 0 {
		return
	}
	f.due += e.RPS * now.Sub(last).Seconds()
	count := int(f.due)
	f.due -= float64(count)
	if e.Service == "" {
		e.Service = path.Base(e.To)
	}
	if meshedClients(clients) {
		var all []*corev1.Pod
		for _, name := range slices.Sorted(maps.Keys(workloads)) {
			all = append(all, workloads[name]...)
		}
		if routed := k.backends(e, path.Dir(e.To), all); routed != nil {
			for server, n := range divide(routed, count, &f.next) {
				k.send(f, clients[f.next%len(clients)], server, e, n, now)
			}
			return
		}
	}
	pairs := len(clients) * len(servers)
	counts := make([]int, pairs)
	for range count {
		counts[f.next%pairs]++
		f.next++
	}
	for pair, n := range counts {
		k.send(f, clients[pair%len(clients)], servers[pair/len(clients)], e, n, now)
	}
}

// send counts requests of one pair of pods, of which some fail.
func (k *keeper) send(f *flow, client peer, server *corev1.Pod, e trafficEntry, n int, now time.Time) {
	if n == 0 {
		return
	}
	ends := client.ip.String() + " " + server.Status.PodIP
	failing := f.failing[ends] + float64(n)*(1-e.successOf(workloadOf(server)))
	failed := int(failing)
	f.failing[ends] = failing - float64(failed)
	e.LatencyMS = e.latencyOf(workloadOf(server))
	k.exchange(client, server, e, n, failed, now)
}

func meshedClients(clients []peer) bool {
	return slices.ContainsFunc(clients, func(c peer) bool { return c.pod != nil && meshed(c.pod) })
}

// peer is one end of the traffic; pod is nil outside the cluster.
type peer struct {
	pod *corev1.Pod
	ip  netip.Addr
}

func clientsOf(from string, workloads map[string][]*corev1.Pod) []peer {
	if p, err := netip.ParsePrefix(from); err == nil {
		return []peer{{ip: p.Addr().Next()}}
	}
	if a, err := netip.ParseAddr(from); err == nil {
		return []peer{{ip: a}}
	}
	var out []peer
	for _, p := range workloads[from] {
		ip, _ := netip.ParseAddr(p.Status.PodIP)
		out = append(out, peer{p, ip})
	}
	return out
}

// workloadOf returns the name of the Deployment, StatefulSet, DaemonSet or Job that a pod belongs to.
func workloadOf(p *corev1.Pod) string {
	c := metav1.GetControllerOf(p)
	if c == nil {
		return p.Name
	}
	if c.Kind == "ReplicaSet" {
		if h := p.Labels["pod-template-hash"]; h != "" {
			return strings.TrimSuffix(c.Name, "-"+h)
		}
	}
	return c.Name
}
