package mesh

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// policies evaluates inbound policy as the policy controller and the proxy do between them: the oldest Server that
// selects the port decides, its routes and authorizations are tried in order, and without a Server the pod's default
// policy holds.
//
// It looks at each kind of object once and so sees one moment; it is for one goroutine.
type policies struct {
	world    *world
	settings settings
	lists    map[string][]*unstructured.Unstructured
	servers  map[*unstructured.Unstructured]server // decoded; nil selector where it is not valid
}

func newPolicies(w *world, s settings) *policies {
	return &policies{world: w, settings: s, lists: map[string][]*unstructured.Unstructured{}, servers: map[*unstructured.Unstructured]server{}}
}

// list returns the objects of a kind, oldest first.
func (e *policies) list(group, plural string) []*unstructured.Unstructured {
	key := group + "/" + plural
	l, seen := e.lists[key]
	if !seen {
		l = e.world.custom.list(group, plural)
		e.lists[key] = l
	}
	return l
}

// server returns the decoded spec of a Server.
func (e *policies) server(o *unstructured.Unstructured) server {
	spec, seen := e.servers[o]
	if !seen {
		if decodeSpec(o, &spec) != nil {
			spec = server{}
		}
		e.servers[o] = spec
	}
	return spec
}

type server struct {
	PodSelector  *metav1.LabelSelector `json:"podSelector"`
	Port         intstr.IntOrString    `json:"port"`
	AccessPolicy string                `json:"accessPolicy"`
	Protocol     string                `json:"proxyProtocol"`
}

// authorization is a set of clients. Every member of networks is an alternative, and so is every identity.
type authorization struct {
	name       ref
	networks   []network // nil means everywhere
	identities []string  // nil means that no identity is asked for
	anyTLS     bool
}

type network struct {
	CIDR   string   `json:"cidr"`
	Except []string `json:"except"`
}

// check decides on a request to a port of a pod.
func (e *policies) check(pod *corev1.Pod, port int, r request) verdict {
	v := verdict{port: port}
	srv, spec := e.serverFor(pod, port)
	var authz []authorization
	accessPolicy := e.defaultPolicy(pod, port)
	if srv == nil {
		v.server = defaultRef(accessPolicy)
	} else {
		v.server = ref{policyGroup, "server", srv.GetName()}
		authz = e.serverAuthorizations(srv)
		if accessPolicy = spec.AccessPolicy; accessPolicy == "" {
			accessPolicy = "deny"
		}
	}
	if a, ok := e.accessEntry(accessPolicy); ok {
		authz = append(authz, a)
	}
	authz = append(authz, authorization{name: defaultRef("localhost"), networks: []network{{CIDR: "127.0.0.0/8"}, {CIDR: "::1/128"}}})
	if !r.http {
		return e.decide(v, r, authz)
	}
	v.route = defaultRef("default")
	if srv != nil {
		if routes := e.routes(srv); len(routes) > 0 {
			route, ok := matchRoute(routes, r)
			if !ok {
				v.notFound = true
				return v
			}
			v.route = route.name
			return e.decide(v, r, append(route.authz(e, pod.Namespace), authz...))
		}
	}
	if r.method == "GET" && isProbe(pod, port, r.path) && e.fromProbeNetwork(r.client) {
		v.route, v.authz, v.allow = defaultRef("probe"), defaultRef("probe"), true
		return v
	}
	return e.decide(v, r, authz)
}

func (e *policies) decide(v verdict, r request, authz []authorization) verdict {
	for _, a := range authz {
		if a.admits(r) {
			v.allow, v.authz = true, a.name
			return v
		}
	}
	return v
}

func (a *authorization) admits(r request) bool {
	if a.networks != nil && !slices.ContainsFunc(a.networks, func(n network) bool { return n.contains(r.client) }) {
		return false
	}
	if a.anyTLS && !r.tls {
		return false
	}
	return a.identities == nil || r.tls && slices.ContainsFunc(a.identities, func(id string) bool { return identityMatches(id, r.identity) })
}

func (n network) contains(a netip.Addr) bool {
	return inCIDR(n.CIDR, a) && !slices.ContainsFunc(n.Except, func(x string) bool { return inCIDR(x, a) })
}

func inCIDR(cidr string, a netip.Addr) bool {
	if p, err := netip.ParsePrefix(cidr); err == nil {
		return p.Masked().Contains(a)
	}
	ip, err := netip.ParseAddr(cidr)
	return err == nil && ip == a
}

func identityMatches(pattern, id string) bool {
	switch {
	case id == "":
		return false
	case pattern == "*":
		return true
	case strings.HasPrefix(pattern, "*."):
		return strings.HasSuffix(id, pattern[1:])
	}
	return pattern == id
}

// serverFor returns the Server in force on a port.
func (e *policies) serverFor(pod *corev1.Pod, port int) (*unstructured.Unstructured, server) {
	for _, o := range e.list(policyGroup, "servers") {
		if o.GetNamespace() != pod.Namespace {
			continue
		}
		spec := e.server(o)
		if spec.PodSelector == nil || !selects(spec.PodSelector, pod.Labels) {
			continue
		}
		if spec.Port.Type == intstr.Int && spec.Port.IntValue() == port ||
			spec.Port.Type == intstr.String && slices.Contains(portsNamed(pod, spec.Port.StrVal), port) {
			return o, spec
		}
	}
	return nil, server{}
}

// defaultPolicy is what holds on ports without a Server.
func (e *policies) defaultPolicy(pod *corev1.Pod, port int) string {
	policy := annotated(pod, annConfig+"default-inbound-policy", e.settings.defaultPolicy())
	if containsPort(parsePorts(pod.Annotations[annConfig+"proxy-require-identity-inbound-ports"]), port) {
		switch policy {
		case "all-unauthenticated", "audit":
			return "all-authenticated"
		case "cluster-unauthenticated":
			return "cluster-authenticated"
		}
	}
	return policy
}

// accessEntry is the authorization that a default or access policy adds.
func (e *policies) accessEntry(policy string) (authorization, bool) {
	a := authorization{name: defaultRef(policy)}
	switch policy {
	case "all-unauthenticated", "audit":
	case "all-authenticated":
		a.identities = []string{"*"}
	case "cluster-unauthenticated":
		a.networks = e.clusterNetworks()
	case "cluster-authenticated":
		a.networks, a.identities = e.clusterNetworks(), []string{"*"}
	default:
		return a, false
	}
	return a, true
}

func (e *policies) clusterNetworks() []network {
	var out []network
	for _, cidr := range e.settings.clusterNetworks() {
		out = append(out, network{CIDR: cidr})
	}
	return out
}

func (e *policies) fromProbeNetwork(a netip.Addr) bool {
	list, ok := e.settings.value("policyController.probeNetworks").([]any)
	if !ok {
		return true
	}
	for _, cidr := range list {
		if s, _ := cidr.(string); inCIDR(s, a) {
			return true
		}
	}
	return false
}

// isProbe says whether a path is one of the pod's HTTP probes on a port.
func isProbe(pod *corev1.Pod, port int, path string) bool {
	for _, c := range append(append([]corev1.Container{}, pod.Spec.InitContainers...), pod.Spec.Containers...) {
		for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
			if p != nil && p.HTTPGet != nil && p.HTTPGet.Path == path && probePort(&c, p.HTTPGet.Port) == port {
				return true
			}
		}
	}
	return false
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

// portsNamed returns the numbers that a port name has in the pod; each container may give it another one.
func portsNamed(pod *corev1.Pod, name string) []int {
	var out []int
	for _, c := range append(append([]corev1.Container{}, pod.Spec.InitContainers...), pod.Spec.Containers...) {
		for _, p := range c.Ports {
			if p.Name == name {
				out = append(out, int(p.ContainerPort))
			}
		}
	}
	return out
}

func selects(s *metav1.LabelSelector, set map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(labels.Set(set))
}

// decodeSpec reads an object's spec into a struct.
func decodeSpec(o *unstructured.Unstructured, into any) error {
	b, err := json.Marshal(o.Object["spec"])
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}
