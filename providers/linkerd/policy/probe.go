package policy

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/meshplan/meshplan/internal/diag"
)

// routeMatch is what a request must look like. Headers and parameters are not looked at: a probe that needs them to
// match is too clever to be relied on.
type routeMatch struct {
	Path *struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	} `json:"path"`
	Method  string `json:"method"`
	Headers []any  `json:"headers"`
	Query   []any  `json:"queryParams"`
}

// matches reports whether a GET of a path falls under the match.
func (m routeMatch) matches(path string) bool {
	if m.Method != "" && m.Method != "GET" || len(m.Headers) > 0 || len(m.Query) > 0 {
		return false
	}
	if m.Path == nil {
		return true
	}
	value := cmp.Or(m.Path.Value, "/")
	switch m.Path.Type {
	case "Exact":
		return path == value
	case "RegularExpression":
		re, err := regexp.Compile("^(?:" + value + ")$")
		return err == nil && re.MatchString(path)
	}
	prefix := strings.TrimSuffix(value, "/")
	return prefix == "" || path == prefix || strings.HasPrefix(path, prefix+"/")
}

// probe is an httpGet probe of a container.
type probe struct {
	workload, container, name, path string
	port                            int
	// why says what becomes of it.
	why string
}

// httpProbes are the httpGet probes of a pod on a port.
func httpProbes(pod *corev1.Pod, workload string, port int) []probe {
	var out []probe
	for _, c := range pod.Spec.Containers {
		for _, p := range []struct {
			name string
			*corev1.Probe
		}{{"liveness", c.LivenessProbe}, {"readiness", c.ReadinessProbe}, {"startup", c.StartupProbe}} {
			if p.Probe == nil || p.HTTPGet == nil || probePort(&c, p.HTTPGet.Port) != port {
				continue
			}
			path := cmp.Or(p.HTTPGet.Path, "/")
			if u, err := url.Parse(path); err == nil {
				path = cmp.Or(u.Path, "/")
			}
			out = append(out, probe{workload: workload, container: c.Name, name: p.name, path: path, port: port})
		}
	}
	return out
}

func probePort(c *corev1.Container, port intstr.IntOrString) int {
	if port.Type == intstr.Int {
		return port.IntValue()
	}
	for _, p := range c.Ports {
		if p.Name == port.StrVal {
			return int(p.ContainerPort)
		}
	}
	return 0
}

// uncovered are the httpGet probes on a port that would fail because routes are attached to its Server: Linkerd's own
// probe route is gone then, and a probe needs a route that matches it and a rule that admits the kubelet.
func uncovered(pod *corev1.Pod, workload string, port int, s *surroundings) []probe {
	e := Evaluate(pod, port, s.objects, s.defaults, s.env)
	if !e.Routed {
		return nil
	}
	var out []probe
	for _, p := range httpProbes(pod, workload, port) {
		matched, admitted := false, false
		for _, r := range s.objects.Routes {
			if !slices.Contains(r.Servers, e.Server) || !slices.ContainsFunc(r.matches, func(m routeMatch) bool { return m.matches(p.path) }) {
				continue
			}
			matched = true
			decision, _ := e.Decide(Client{}, r.Name)
			admitted = admitted || decision != Denied
		}
		switch {
		case !matched:
			p.why = "no route matches it, so it is answered with 404"
		case !admitted:
			p.why = "a route matches it, but nothing admits a client without identity, so it is answered with 403"
		default:
			continue
		}
		out = append(out, p)
	}
	return out
}

func (p probe) diagnostic(server, attribute string) *hcl.Diagnostic {
	return diag.At(diag.Errorf(CodeProbeRoute, "Probe would fail",
		"With routes attached to Server %q Linkerd no longer admits the %s probe of container %s in %s (GET %s on port %d) by itself: %s, and the pod becomes unready. "+
			"Add a linkerd_http_route for that path, and a linkerd_authorization_policy for the route that requires a linkerd_network_authentication of the kubelets' addresses.",
		server, p.name, p.container, p.workload, p.path, p.port, p.why), cty.GetAttrPath(attribute))
}

// newlyBroken are the probes of a port that would fail by the plan and do not yet.
func (s *surroundings) newlyBroken(c change) (out []probe) {
	now := *s
	now.objects = s.live
	already := uncovered(c.pod, c.workload.Name, c.port, &now)
	for _, p := range uncovered(c.pod, c.workload.Name, c.port, s) {
		if !slices.ContainsFunc(already, func(o probe) bool { return o.container == p.container && o.name == p.name }) {
			out = append(out, p)
		}
	}
	return out
}

// routeOf returns the address of a planned route on a Server, or "".
func (w *World) routeOf(s *surroundings, ns, server string) string {
	for _, r := range s.objects.Routes {
		if slices.Contains(r.Servers, server) {
			for _, kind := range []string{"HTTPRoute", "GRPCRoute"} {
				if address := w.Address(kind, ns, r.Name); address != "" {
					return address
				}
			}
		}
	}
	return ""
}
