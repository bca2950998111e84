package draft

import (
	"cmp"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

// endpoint is a port of a Service, and where it leads.
type endpoint struct {
	service  string
	port     int // of the Service
	workload *mesh.Workload
	target   int // of the pods
}

// endpoints resolves the Services of a namespace to the workloads behind them.
func endpoints(services []*corev1.Service, workloads []*mesh.Workload) (out []endpoint) {
	for _, s := range services {
		if len(s.Spec.Selector) == 0 {
			continue
		}
		selector := labels.SelectorFromSet(s.Spec.Selector)
		for _, w := range workloads {
			if !selector.Matches(labels.Set(w.Template.Labels)) {
				continue
			}
			for _, p := range s.Spec.Ports {
				if p.Protocol != "" && p.Protocol != corev1.ProtocolTCP {
					continue
				}
				target := cmp.Or(p.TargetPort.IntValue(), int(p.Port))
				if p.TargetPort.StrVal != "" {
					target = namedPort(w, p.TargetPort.StrVal)
				}
				if target > 0 {
					out = append(out, endpoint{s.Name, int(p.Port), w, target})
				}
			}
		}
	}
	return out
}

func namedPort(w *mesh.Workload, name string) int {
	for _, c := range w.Template.Spec.Containers {
		for _, p := range c.Ports {
			if p.Name == name {
				return int(p.ContainerPort)
			}
		}
	}
	return 0
}

// address is what a text says of a Service: its name, and its port unless that is 0.
type address struct {
	service string
	port    int
}

// schemePorts are the ports that a URL without one means.
var schemePorts = map[string]int{"http": 80, "https": 443}

// addresses reads a value of the environment as an address in the namespace: a URL, host:port or a bare host. known are
// the names of Services. A list with commas holds several.
func addresses(value, namespace, clusterDomain string, known map[string]bool) (out []address) {
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		host, port := part, 0
		if u, err := url.Parse(part); err == nil && u.Host != "" {
			host, port = u.Hostname(), schemePorts[u.Scheme]
			if p, err := strconv.Atoi(u.Port()); err == nil {
				port = p
			}
		} else if h, p, err := net.SplitHostPort(part); err == nil {
			host = h
			if port, err = strconv.Atoi(p); err != nil {
				continue
			}
		}
		name, rest, _ := strings.Cut(strings.TrimSuffix(host, "."), ".")
		switch rest {
		case "", namespace, namespace + ".svc", namespace + ".svc." + clusterDomain:
			if known[name] {
				out = append(out, address{name, port})
			}
		}
	}
	return out
}

// environment returns the literal variables of a workload's containers, those from ConfigMaps included, by name.
func environment(w *mesh.Workload, maps map[string]map[string]string) map[string]string {
	out := map[string]string{}
	for _, c := range slices.Concat(w.Template.Spec.InitContainers, w.Template.Spec.Containers) {
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				for k, v := range maps[from.ConfigMapRef.Name] {
					out[from.Prefix+k] = v
				}
			}
		}
		for _, e := range c.Env {
			switch {
			case e.ValueFrom == nil:
				out[e.Name] = e.Value
			case e.ValueFrom.ConfigMapKeyRef != nil:
				if v, ok := maps[e.ValueFrom.ConfigMapKeyRef.Name][e.ValueFrom.ConfigMapKeyRef.Key]; ok {
					out[e.Name] = v
				}
			}
		}
	}
	return out
}

// admitted reports whether a network policy names a workload as a client of another's port, and not merely everybody.
func admitted(p *networkingv1.NetworkPolicy, from, to *mesh.Workload, port int) bool {
	selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
	if err != nil || !selector.Matches(labels.Set(to.Template.Labels)) {
		return false
	}
	for _, rule := range p.Spec.Ingress {
		if len(rule.Ports) > 0 && !slices.ContainsFunc(rule.Ports, func(r networkingv1.NetworkPolicyPort) bool { return allows(r, to, port) }) {
			continue
		}
		for _, peer := range rule.From {
			if peer.PodSelector == nil || peer.NamespaceSelector != nil || len(peer.PodSelector.MatchLabels)+len(peer.PodSelector.MatchExpressions) == 0 {
				continue
			}
			if s, err := metav1.LabelSelectorAsSelector(peer.PodSelector); err == nil && s.Matches(labels.Set(from.Template.Labels)) {
				return true
			}
		}
	}
	return false
}

func allows(r networkingv1.NetworkPolicyPort, to *mesh.Workload, port int) bool {
	switch {
	case r.Protocol != nil && *r.Protocol != corev1.ProtocolTCP:
		return false
	case r.Port == nil:
		return true
	case r.Port.StrVal != "":
		return namedPort(to, r.Port.StrVal) == port
	case r.EndPort != nil:
		return port >= r.Port.IntValue() && port <= int(*r.EndPort)
	}
	return r.Port.IntValue() == port
}
