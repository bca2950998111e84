package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The group of Linkerd's policy objects, and that of the Gateway API's routes.
const (
	policyGroup  = "policy.linkerd.io"
	gatewayGroup = "gateway.networking.k8s.io"
)

// The access policies of a Server and of pods without one.
const (
	AllUnauthenticated     = "all-unauthenticated"
	AllAuthenticated       = "all-authenticated"
	ClusterUnauthenticated = "cluster-unauthenticated"
	ClusterAuthenticated   = "cluster-authenticated"
	Deny                   = "deny"
	Audit                  = "audit"
)

func accessPolicies() []string {
	return []string{AllUnauthenticated, AllAuthenticated, ClusterUnauthenticated, ClusterAuthenticated, Deny, Audit}
}

// Server is a Server as the policy controller reads it.
type Server struct {
	Name    string
	Created time.Time // zero for one that does not exist yet: it is the youngest
	Labels  map[string]string
	// Selector matches pods; nil for a Server of external workloads.
	Selector     *metav1.LabelSelector
	Port         intstr.IntOrString
	AccessPolicy string // "" means Deny
	// Managed says that a meshplan state owns the object.
	Managed bool
	// Owner is the mark of the state and the address that own it; see kube.OwnerMark.
	Owner string
}

// Target is what a policy is about, or an authentication that it requires.
type Target struct {
	Group     string `json:"group,omitempty"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// Authorization is an AuthorizationPolicy.
type Authorization struct {
	Name     string
	Target   Target
	Required []Target
}

// Network is a CIDR without its exceptions.
type Network struct {
	CIDR   netip.Prefix
	Except []netip.Prefix
}

// Contains reports whether an address is in the network.
func (n Network) Contains(a netip.Addr) bool {
	return n.CIDR.Contains(a) && !slices.ContainsFunc(n.Except, func(p netip.Prefix) bool { return p.Contains(a) })
}

// Key names an object within the cluster.
type Key struct{ Namespace, Name string }

// Legacy is a ServerAuthorization.
type Legacy struct {
	Name     string
	Server   string // by name, or
	Selector *metav1.LabelSelector
	Rule     Rule
}

// Route is an accepted inbound route of a Server.
type Route struct {
	Group, Kind, Name string
	Servers           []string
	matches           []routeMatch // one of them must hold
}

// Objects are the policy objects that decide about one namespace.
type Objects struct {
	Servers        []Server
	Authorizations []Authorization
	// Identities are the MeshTLSAuthentications: patterns that a client's identity may match.
	Identities map[Key][]string
	// Networks are the NetworkAuthentications.
	Networks map[Key][]Network
	Legacy   []Legacy
	Routes   []Route
}

// ownerAnnotation is the mark that the object-set core puts on what it makes.
const ownerAnnotation = "meshplan.dev/owner"

// identityNamer makes identities of service accounts; env.Env is one.
type identityNamer interface {
	Identity(namespace, account string) string
	NamespaceIdentity(namespace string) string
}

func parseServer(u *unstructured.Unstructured) (Server, error) {
	var spec struct {
		PodSelector  *metav1.LabelSelector `json:"podSelector"`
		Port         intstr.IntOrString    `json:"port"`
		AccessPolicy string                `json:"accessPolicy"`
	}
	err := specInto(u, &spec)
	if spec.AccessPolicy != "" && !slices.Contains(accessPolicies(), spec.AccessPolicy) {
		spec.AccessPolicy = "" // the controller takes an invalid one for absent
	}
	return Server{u.GetName(), u.GetCreationTimestamp().Time, u.GetLabels(), spec.PodSelector, spec.Port, spec.AccessPolicy, u.GetAnnotations()[ownerAnnotation] != "", u.GetAnnotations()[ownerAnnotation]}, err
}

func parseAuthorization(u *unstructured.Unstructured) (Authorization, error) {
	var spec struct {
		TargetRef Target   `json:"targetRef"`
		Required  []Target `json:"requiredAuthenticationRefs"`
	}
	err := specInto(u, &spec)
	return Authorization{u.GetName(), spec.TargetRef, spec.Required}, err
}

func parseIdentities(u *unstructured.Unstructured, names identityNamer) ([]string, error) {
	var spec struct {
		Identities []string `json:"identities"`
		Refs       []Target `json:"identityRefs"`
	}
	if err := specInto(u, &spec); err != nil {
		return nil, err
	}
	out := spec.Identities
	for _, r := range spec.Refs {
		if r.Kind == "Namespace" {
			out = append(out, names.NamespaceIdentity(r.Name))
		} else {
			out = append(out, names.Identity(cmp.Or(r.Namespace, u.GetNamespace()), r.Name))
		}
	}
	return out, nil
}

type network struct {
	CIDR   string   `json:"cidr"`
	Except []string `json:"except"`
}

func parseNetworks(u *unstructured.Unstructured) ([]Network, error) {
	var spec struct {
		Networks []network `json:"networks"`
	}
	if err := specInto(u, &spec); err != nil {
		return nil, err
	}
	return networksOf(spec.Networks)
}

func networksOf(list []network) ([]Network, error) {
	var out []Network
	for _, n := range list {
		p, err := parsePrefix(n.CIDR)
		if err != nil {
			return nil, err
		}
		parsed := Network{CIDR: p}
		for _, e := range n.Except {
			p, err := parsePrefix(e)
			if err != nil {
				return nil, err
			}
			parsed.Except = append(parsed.Except, p)
		}
		out = append(out, parsed)
	}
	return out, nil
}

// parsePrefix reads a network; a bare address is a network of one.
func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("%q is not a network in CIDR notation", s)
	}
	return p.Masked(), nil
}

func parseLegacy(u *unstructured.Unstructured, names identityNamer, cluster []Network) (Legacy, error) {
	var spec struct {
		Server struct {
			Name     string                `json:"name"`
			Selector *metav1.LabelSelector `json:"selector"`
		} `json:"server"`
		Client struct {
			Networks        []network `json:"networks"`
			Unauthenticated bool      `json:"unauthenticated"`
			MeshTLS         *struct {
				UnauthenticatedTLS bool     `json:"unauthenticatedTLS"`
				Identities         []string `json:"identities"`
				ServiceAccounts    []Target `json:"serviceAccounts"`
			} `json:"meshTLS"`
		} `json:"client"`
	}
	if err := specInto(u, &spec); err != nil {
		return Legacy{}, err
	}
	networks, err := networksOf(spec.Client.Networks)
	if err != nil {
		return Legacy{}, err
	}
	if len(networks) == 0 {
		networks = cluster // absent means the cluster's networks, not the world
	}
	r := Rule{Name: u.GetName(), Kind: "serverauthorization", Networks: networks, Nobody: true}
	switch m := spec.Client.MeshTLS; {
	case spec.Client.Unauthenticated:
		r.Nobody, r.Unauthenticated = false, true
	case m != nil && m.UnauthenticatedTLS:
		r.Nobody, r.AnyTLS = false, true
	case m != nil:
		r.Nobody, r.Identities = false, m.Identities
		for _, a := range m.ServiceAccounts {
			r.Identities = append(r.Identities, names.Identity(cmp.Or(a.Namespace, u.GetNamespace()), a.Name))
		}
	}
	return Legacy{u.GetName(), spec.Server.Name, spec.Server.Selector, r}, nil
}

// parseRoute reads a route; ok is false for one that is not an accepted inbound route.
func parseRoute(u *unstructured.Unstructured) (Route, bool, error) {
	type parent struct {
		Group     string `json:"group"`
		Kind      string `json:"kind"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
		Port      int    `json:"port"`
		// SectionName makes Linkerd ignore a parent, as the port does.
		SectionName string `json:"sectionName"`
	}
	var object struct {
		Spec struct {
			ParentRefs []parent `json:"parentRefs"`
		} `json:"spec"`
		Status struct {
			Parents []struct {
				ParentRef  parent             `json:"parentRef"`
				Conditions []metav1.Condition `json:"conditions"`
			} `json:"parents"`
		} `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &object); err != nil {
		return Route{}, false, fmt.Errorf("%s %s/%s: %w", u.GetKind(), u.GetNamespace(), u.GetName(), err)
	}
	r := Route{Group: u.GroupVersionKind().Group, Kind: u.GetKind(), Name: u.GetName()}
	for _, p := range object.Status.Parents {
		accepted := slices.ContainsFunc(p.Conditions, func(c metav1.Condition) bool { return c.Type == "Accepted" && c.Status == metav1.ConditionTrue })
		if p.ParentRef.Group == policyGroup && p.ParentRef.Kind == "Server" && cmp.Or(p.ParentRef.Namespace, u.GetNamespace()) == u.GetNamespace() && accepted {
			r.Servers = append(r.Servers, p.ParentRef.Name)
		}
	}
	if u.GetUID() == "" && object.Status.Parents == nil { // planned: the controller will accept it when its parent exists
		for _, p := range object.Spec.ParentRefs {
			if p.Kind == "Server" && p.Group == policyGroup && p.Port == 0 && p.SectionName == "" && cmp.Or(p.Namespace, u.GetNamespace()) == u.GetNamespace() {
				r.Servers = append(r.Servers, p.Name)
			}
		}
	}
	if r.Kind == "GRPCRoute" { // its matches are of another form, and no GET is a gRPC call
		return r, len(r.Servers) > 0, nil
	}
	var spec struct {
		Rules []struct {
			Matches []routeMatch `json:"matches"`
		} `json:"rules"`
	}
	if err := specInto(u, &spec); err != nil {
		return Route{}, false, err
	}
	for _, rule := range spec.Rules {
		if len(rule.Matches) == 0 {
			rule.Matches = []routeMatch{{}}
		}
		r.matches = append(r.matches, rule.Matches...)
	}
	if len(spec.Rules) == 0 {
		r.matches = []routeMatch{{}}
	}
	return r, len(r.Servers) > 0, nil
}

// specInto decodes the spec of an object. An object that does not fit its type is an error: to ignore it would be to
// guess.
func specInto(u *unstructured.Unstructured, into any) error {
	spec, _, err := unstructured.NestedMap(u.Object, "spec")
	if err == nil {
		err = runtime.DefaultUnstructuredConverter.FromUnstructured(spec, into)
	}
	if err != nil {
		return fmt.Errorf("%s %s/%s: %w", u.GetKind(), u.GetNamespace(), u.GetName(), err)
	}
	return nil
}
