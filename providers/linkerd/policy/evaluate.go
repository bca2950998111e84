package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Rule admits clients: those whose address is in one of the networks and who authenticate as it says.
type Rule struct {
	// Kind and Name say where the rule comes from, as the proxy's metrics do: `authorizationpolicy`,
	// `serverauthorization`, or `default` for an access policy.
	Kind, Name string
	// Networks restricts the client's address; nil means any.
	Networks []Network
	// Unauthenticated admits without TLS, AnyTLS with any TLS; otherwise the client's identity must match one of the
	// patterns in every list: each is `*`, `*.suffix` or a full identity.
	Unauthenticated, AnyTLS bool
	Identities              []string
	// Nobody says that the rule admits no client.
	Nobody bool
}

// Ignored is a policy that has no effect, and why.
type Ignored struct{ Name, Reason string }

// Effective is the inbound policy of one port of one pod.
type Effective struct {
	// Server is the Server in force; "" when the default policy is.
	Server string
	// Shadowed are younger Servers that select the same port and are ignored.
	Shadowed []string
	// Access is the access policy of the Server, or the default policy.
	Access string
	// Rules hold for every request; RouteRules, by name of the route, for requests of that route in addition.
	Rules      []Rule
	RouteRules map[string][]Rule
	// Routed says that accepted routes are attached: requests that match none get 404, the kubelet's probes included.
	Routed  bool
	Ignored []Ignored
}

// Client is who asks. An empty identity means no mTLS; an invalid address means that it is not known.
type Client struct {
	Identity string
	Addr     netip.Addr
}

// Decision is what becomes of a request. The zero value is invalid.
type Decision uint8

// The decisions.
const (
	Allowed   Decision = iota + 1
	Denied             // no rule admits the client
	Undecided          // a rule may admit the client: it depends on an address that is not known
)

// Decide says whether a client may call, through the named route ("" means none in particular), and by which rule.
func (e *Effective) Decide(c Client, route string) (Decision, Rule) {
	maybe := Rule{}
	undecided := false
	for _, r := range append(slices.Clone(e.RouteRules[route]), e.Rules...) {
		switch r.decide(c) {
		case Allowed:
			return Allowed, r
		case Undecided:
			if !undecided {
				maybe, undecided = r, true
			}
		}
	}
	if undecided {
		return Undecided, maybe
	}
	return Denied, Rule{}
}

func (r *Rule) decide(c Client) Decision {
	authenticated := r.Unauthenticated || c.Identity != "" && (r.AnyTLS || matchesAny(c.Identity, r.Identities))
	switch {
	case r.Nobody || !authenticated:
		return Denied
	case r.Networks == nil:
		return Allowed
	case !c.Addr.IsValid():
		if everywhere(r.Networks) {
			return Allowed
		}
		return Undecided
	case slices.ContainsFunc(r.Networks, func(n Network) bool { return n.Contains(c.Addr) }):
		return Allowed
	}
	return Denied
}

// everywhere reports whether networks cover every IPv4 and IPv6 address.
func everywhere(networks []Network) bool {
	var v4, v6 bool
	for _, n := range networks {
		if n.CIDR.Bits() == 0 && len(n.Except) == 0 {
			v4 = v4 || n.CIDR.Addr().Is4()
			v6 = v6 || n.CIDR.Addr().Is6()
		}
	}
	return v4 && v6
}

// matchesAny reports whether an identity matches one of the patterns.
func matchesAny(identity string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if suffix, ok := strings.CutPrefix(p, "*"); ok {
			return suffix == "" || strings.HasSuffix(identity, suffix) && len(identity) > len(suffix)
		}
		return p == identity
	})
}

// Defaults is what holds where no Server does.
type Defaults struct {
	// Policy is the control plane's default inbound policy; "" means AllUnauthenticated.
	Policy string
	// ClusterNetworks are the networks that `cluster-…` policies mean.
	ClusterNetworks []Network
}

// Evaluate computes the inbound policy of one port of a pod. It is pure; names makes the identities of service
// accounts that policies require.
func Evaluate(pod *corev1.Pod, port int, o Objects, d Defaults, names identityNamer) Effective {
	var e Effective
	var servers []Server
	for _, s := range o.Servers {
		if s.selects(pod, port) {
			servers = append(servers, s)
		}
	}
	slices.SortStableFunc(servers, compareAge)
	if len(servers) == 0 {
		e.Access = cmp.Or(pod.Annotations["config.linkerd.io/default-inbound-policy"], d.Policy, AllUnauthenticated)
		if slices.Contains(splitPorts(pod.Annotations["config.linkerd.io/proxy-require-identity-inbound-ports"]), port) {
			e.Access = strings.Replace(e.Access, "-unauthenticated", "-authenticated", 1)
		}
		e.Rules = accessRules(e.Access, d)
		return e
	}
	server := servers[0]
	e.Server, e.Access = server.Name, cmp.Or(server.AccessPolicy, Deny)
	for _, s := range servers[1:] {
		e.Shadowed = append(e.Shadowed, s.Name)
	}
	routes := map[Target]string{}
	for _, r := range o.Routes {
		if slices.Contains(r.Servers, server.Name) {
			e.Routed = true
			routes[Target{Group: r.Group, Kind: r.Kind, Name: r.Name}] = r.Name
		}
	}
	for _, a := range sortedBy(o.Authorizations, func(a Authorization) string { return a.Name }) {
		target := Target{Group: coreGroup(a.Target.Group), Kind: a.Target.Kind, Name: a.Target.Name}
		route, isRoute := routes[target]
		onServer := target == Target{Group: policyGroup, Kind: "Server", Name: server.Name}
		onNamespace := target == Target{Kind: "Namespace", Name: pod.Namespace}
		if !isRoute && !onServer && !onNamespace {
			continue
		}
		rule, reason := o.rule(a, pod.Namespace, names)
		switch {
		case reason != "":
			e.Ignored = append(e.Ignored, Ignored{a.Name, reason})
		case isRoute:
			if e.RouteRules == nil {
				e.RouteRules = map[string][]Rule{}
			}
			e.RouteRules[route] = append(e.RouteRules[route], rule)
		default:
			e.Rules = append(e.Rules, rule)
		}
	}
	for _, l := range sortedBy(o.Legacy, func(l Legacy) string { return l.Name }) {
		if l.Server == server.Name && l.Server != "" || l.Selector != nil && selects(l.Selector, server.Labels) {
			e.Rules = append(e.Rules, l.Rule)
		}
	}
	e.Rules = append(e.Rules, accessRules(e.Access, d)...)
	return e
}

// rule turns a policy into a rule, or says why it has no effect.
func (o *Objects) rule(a Authorization, namespace string, names identityNamer) (Rule, string) {
	r := Rule{Kind: "authorizationpolicy", Name: a.Name}
	if len(a.Required) == 0 {
		r.Unauthenticated = true
		return r, ""
	}
	tls := false
	for _, ref := range a.Required {
		key := Key{cmp.Or(ref.Namespace, namespace), ref.Name}
		switch ref.Kind {
		case "MeshTLSAuthentication":
			patterns, ok := o.Identities[key]
			if !ok {
				return r, fmt.Sprintf("MeshTLSAuthentication %s/%s does not exist", key.Namespace, key.Name)
			}
			r.Identities, tls = patterns, true
		case "NetworkAuthentication":
			networks, ok := o.Networks[key]
			if !ok {
				return r, fmt.Sprintf("NetworkAuthentication %s/%s does not exist", key.Namespace, key.Name)
			}
			r.Networks = networks
		case "ServiceAccount":
			r.Identities, tls = []string{names.Identity(key.Namespace, key.Name)}, true
		default:
			return r, fmt.Sprintf("it requires an object of kind %q", ref.Kind)
		}
	}
	r.Unauthenticated = !tls
	return r, ""
}

// accessRules are the rules that an access policy adds.
func accessRules(access string, d Defaults) []Rule {
	r := Rule{Kind: "default", Name: access}
	switch access {
	case AllUnauthenticated, Audit:
		r.Unauthenticated = true
	case AllAuthenticated:
		r.Identities = []string{"*"}
	case ClusterUnauthenticated:
		r.Unauthenticated, r.Networks = true, d.ClusterNetworks
	case ClusterAuthenticated:
		r.Identities, r.Networks = []string{"*"}, d.ClusterNetworks
	default:
		return nil
	}
	return []Rule{r}
}

// selects reports whether the Server covers a port of a pod. A number covers the port even when no container declares
// it; a name covers every declared port of that name.
func (s *Server) selects(pod *corev1.Pod, port int) bool {
	if s.Selector == nil || !selects(s.Selector, pod.Labels) {
		return false
	}
	if s.Port.Type == intstr.Int {
		return s.Port.IntValue() == port
	}
	return slices.ContainsFunc(containerPorts(pod), func(p corev1.ContainerPort) bool {
		return p.Name == s.Port.StrVal && int(p.ContainerPort) == port
	})
}

// containerPorts are the TCP ports that the containers of a pod declare, the proxy's own left out.
func containerPorts(pod *corev1.Pod) []corev1.ContainerPort {
	var out []corev1.ContainerPort
	for _, list := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for _, c := range list {
			if c.Name == "linkerd-proxy" {
				continue
			}
			for _, p := range c.Ports {
				if p.Protocol == "" || p.Protocol == corev1.ProtocolTCP {
					out = append(out, p)
				}
			}
		}
	}
	return out
}

func selects(s *metav1.LabelSelector, set map[string]string) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(labels.Set(set))
}

// compareAge puts the Server that wins first. One that does not exist yet is younger than all that do.
func compareAge(a, b Server) int {
	switch {
	case a.Created.IsZero() != b.Created.IsZero():
		if a.Created.IsZero() {
			return 1
		}
		return -1
	case !a.Created.Equal(b.Created):
		return a.Created.Compare(b.Created)
	}
	return cmp.Compare(a.Name, b.Name)
}

func coreGroup(g string) string {
	if g == "core" {
		return ""
	}
	return g
}

func sortedBy[T any](list []T, key func(T) string) []T {
	return slices.SortedStableFunc(slices.Values(list), func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}

// splitPorts reads a list of ports and ranges; what cannot be read is left out, as the controller does.
func splitPorts(s string) []int {
	var out []int
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		a, err := strconv.ParseUint(from, 10, 16)
		b := a
		if isRange && err == nil {
			b, err = strconv.ParseUint(to, 10, 16)
		}
		if err != nil {
			continue
		}
		for ; a <= b; a++ {
			out = append(out, int(a))
		}
	}
	return out
}
