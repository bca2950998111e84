package mesh

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/meshplan/meshplan/internal/diag"
)

// proxyPort is where meshed traffic arrives, whatever the port of the application is.
const proxyPort = 4143

// DefaultOpaque are the ports that the published control plane takes for opaque.
const DefaultOpaque = "25,587,3306,4444,5432,6379,9300,11211"

// neighbours are objects of a namespace that decide whether meshed traffic arrives.
type neighbours struct {
	services []*corev1.Service
	policies []*networkingv1.NetworkPolicy
}

// meet reads them with two LISTs. What the credentials may not read is left out, and so not judged.
func meet(ctx context.Context, c Lister, namespace string) (neighbours, error) {
	var n neighbours
	var err error
	if n.services, err = List[corev1.Service](ctx, c, corev1.SchemeGroupVersion.WithKind("Service"), namespace); err != nil && !apierrors.IsForbidden(err) {
		return n, err
	}
	if n.policies, err = List[networkingv1.NetworkPolicy](ctx, c, networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"), namespace); err != nil && !apierrors.IsForbidden(err) {
		return n, err
	}
	return n, nil
}

// problems finds what works without a mesh and breaks with one. It is pure.
func (n neighbours) problems(states []State) hcl.Diagnostics {
	var ds hcl.Diagnostics
	for i := range states {
		w := &states[i]
		for _, p := range n.policies {
			if blocksProxy(p, w.Template.Labels) {
				ds = append(ds, diag.Warningf(CodeNetworkPolicy, "Network policy blocks meshed traffic",
					"NetworkPolicy %q lists the ports on which %s may be called, and %d is not among them. Meshed clients call that port whatever the port of the application is: calls that work now fail after the injection. Add port %d to the policy.",
					p.Name, w.Name, proxyPort, proxyPort))
			}
		}
		for _, s := range n.services {
			ds = append(ds, opaqueMismatch(s, w)...)
			ds = append(ds, detection(s, w)...)
		}
	}
	return ds
}

// blocksProxy reports whether a policy admits some ports of the pods, and not the proxy's.
func blocksProxy(p *networkingv1.NetworkPolicy, podLabels map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
	ingress := len(p.Spec.PolicyTypes) == 0 || slices.Contains(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
	if err != nil || !ingress || !selector.Matches(labels.Set(podLabels)) || len(p.Spec.Ingress) == 0 {
		return false // a policy without rules admits nobody, with or without a mesh
	}
	for _, rule := range p.Spec.Ingress {
		if len(rule.Ports) == 0 {
			return false
		}
		for _, port := range rule.Ports {
			if port.Protocol != nil && *port.Protocol != corev1.ProtocolTCP {
				continue
			}
			switch {
			case port.Port == nil, port.Port.StrVal == "linkerd-proxy", port.Port.IntValue() == proxyPort:
				return false
			case port.EndPort != nil && port.Port.IntValue() <= proxyPort && int(*port.EndPort) >= proxyPort:
				return false
			}
		}
	}
	return true
}

// opaqueMismatch compares what clients (by the Service) and the server (by its pods) make of a port.
func opaqueMismatch(s *corev1.Service, w *State) hcl.Diagnostics {
	if !behind(s, w) {
		return nil
	}
	const key = configPrefix + "opaque-ports"
	onService, saidByService := s.Annotations[key]
	onPod, saidByPod := w.Template.Annotations[key]
	if !saidByService && !saidByPod {
		return nil
	}
	if !saidByService {
		onService = DefaultOpaque
	}
	if !saidByPod {
		onPod = DefaultOpaque
	}
	for _, port := range s.Spec.Ports {
		target := cmp.Or(port.TargetPort.IntValue(), containerPort(w, port.TargetPort.StrVal), int(port.Port))
		client, server := opaque(onService, int(port.Port)), opaque(onPod, target)
		if client != server {
			side, other := "the pods of "+w.Name, "Service "+s.Name
			if client {
				side, other = other, side
			}
			return hcl.Diagnostics{diag.Warningf(CodeOpaque, "Client and server disagree about a port",
				"Port %d of Service %q (port %d of %s) is opaque by %s and not by %s. The annotation on the Service is for clients, that on the pods for the server: write %s on both.",
				port.Port, s.Name, target, w.Name, side, other, key)}
		}
	}
	return nil
}

// SpeaksFirst names a protocol whose server speaks before its client, by the name of a port; "" for all others.
func SpeaksFirst(port string) string {
	for _, p := range []string{"mysql", "smtp", "postgres", "ftp", "imap", "pop3", "redis"} {
		if strings.HasPrefix(port, p) {
			return p
		}
	}
	return ""
}

// detection finds ports on which a meshed client would wait in vain for the first bytes that tell the protocol. A Service that
// has any appProtocol is not guessed at.
func detection(s *corev1.Service, w *State) (ds hcl.Diagnostics) {
	if !behind(s, w) {
		return nil
	}
	const key = configPrefix + "opaque-ports"
	list, said := s.Annotations[key]
	if !said {
		list = DefaultOpaque
	}
	for _, port := range s.Spec.Ports {
		if first := SpeaksFirst(port.Name); first != "" && port.AppProtocol == nil && !opaque(list, int(port.Port)) {
			ds = append(ds, diag.Warningf(CodeSpeaksFirst, "Server speaks first",
				"Port %d of Service %q is named %s: with %s the server speaks first, so protocol detection in meshed clients holds each connection up for ten seconds. Write %s: \"%d\" on the Service and the port of the container on the pods of %s.",
				port.Port, s.Name, port.Name, first, key, port.Port, w.Name))
		}
	}
	return ds
}

// behind reports whether a Service leads to the pods of a workload.
func behind(s *corev1.Service, w *State) bool {
	return len(s.Spec.Selector) > 0 && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(w.Template.Labels))
}

func containerPort(w *State, name string) int {
	for _, c := range w.Template.Spec.Containers {
		for _, p := range c.Ports {
			if name != "" && p.Name == name {
				return int(p.ContainerPort)
			}
		}
	}
	return 0
}

// opaque reports whether a list of ports and ranges holds a port.
func opaque(list string, port int) bool {
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		a, err1 := strconv.Atoi(from)
		b, err2 := a, error(nil)
		if isRange {
			b, err2 = strconv.Atoi(to)
		}
		if err1 == nil && err2 == nil && port >= a && port <= b {
			return true
		}
	}
	return false
}
