package mesh

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// objectRef points from one policy object to another.
type objectRef struct {
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

type authorizationPolicy struct {
	TargetRef objectRef   `json:"targetRef"`
	Required  []objectRef `json:"requiredAuthenticationRefs"`
}

// serverAuthorizations returns who may use a Server: the AuthorizationPolicies for it and for its namespace, and the
// older ServerAuthorizations.
func (e *policies) serverAuthorizations(srv *unstructured.Unstructured) []authorization {
	out := e.targeting(srv.GetNamespace(), func(t objectRef) bool {
		return t.Group == policyGroup && t.Kind == "Server" && t.Name == srv.GetName() ||
			(t.Group == "" || t.Group == "core") && t.Kind == "Namespace" && t.Name == srv.GetNamespace()
	})
	for _, o := range e.list(policyGroup, "serverauthorizations") {
		if o.GetNamespace() == srv.GetNamespace() {
			if a, ok := e.legacy(o, srv); ok {
				out = append(out, a)
			}
		}
	}
	return out
}

// targeting returns the authorizations of a namespace's policies whose target matches. A policy that refers to
// something that does not exist grants nothing.
func (e *policies) targeting(namespace string, matches func(objectRef) bool) []authorization {
	var out []authorization
	for _, o := range e.list(policyGroup, "authorizationpolicies") {
		var spec authorizationPolicy
		if o.GetNamespace() != namespace || decodeSpec(o, &spec) != nil || !matches(spec.TargetRef) {
			continue
		}
		a := authorization{name: ref{policyGroup, "authorizationpolicy", o.GetName()}}
		complete := true
		for _, r := range spec.Required {
			if r.Namespace == "" {
				r.Namespace = namespace
			}
			complete = complete && e.require(&a, r)
		}
		if complete {
			out = append(out, a)
		}
	}
	return out
}

// require narrows an authorization by one authentication and reports whether that exists.
func (e *policies) require(a *authorization, r objectRef) bool {
	switch r.Kind {
	case "ServiceAccount":
		a.identities = []string{e.settings.identity(r.Name, r.Namespace)}
		return true
	case "MeshTLSAuthentication":
		o := e.find("meshtlsauthentications", r)
		var spec struct {
			Identities   []string    `json:"identities"`
			IdentityRefs []objectRef `json:"identityRefs"`
		}
		if o == nil || decodeSpec(o, &spec) != nil {
			return false
		}
		a.identities = append([]string{}, spec.Identities...)
		for _, id := range spec.IdentityRefs {
			switch {
			case id.Kind == "Namespace":
				a.identities = append(a.identities, e.settings.identity("*", id.Name))
			case id.Namespace != "":
				a.identities = append(a.identities, e.settings.identity(id.Name, id.Namespace))
			default:
				a.identities = append(a.identities, e.settings.identity(id.Name, r.Namespace))
			}
		}
		return true
	case "NetworkAuthentication":
		o := e.find("networkauthentications", r)
		var spec struct {
			Networks []network `json:"networks"`
		}
		if o == nil || decodeSpec(o, &spec) != nil {
			return false
		}
		a.networks = append([]network{}, spec.Networks...)
		return true
	}
	return false
}

func (e *policies) find(plural string, r objectRef) *unstructured.Unstructured {
	all := e.list(policyGroup, plural)
	i := slices.IndexFunc(all, func(o *unstructured.Unstructured) bool {
		return o.GetNamespace() == r.Namespace && o.GetName() == r.Name
	})
	if i < 0 {
		return nil
	}
	return all[i]
}

// legacy reads a ServerAuthorization, if it is for the Server and grants anything.
func (e *policies) legacy(o, srv *unstructured.Unstructured) (authorization, bool) {
	a := authorization{name: ref{policyGroup, "serverauthorization", o.GetName()}}
	var spec struct {
		Server struct {
			Name     string                `json:"name"`
			Selector *metav1.LabelSelector `json:"selector"`
		} `json:"server"`
		Client struct {
			Networks        []network `json:"networks"`
			Unauthenticated bool      `json:"unauthenticated"`
			MeshTLS         *struct {
				UnauthenticatedTLS bool        `json:"unauthenticatedTLS"`
				Identities         []string    `json:"identities"`
				ServiceAccounts    []objectRef `json:"serviceAccounts"`
			} `json:"meshTLS"`
		} `json:"client"`
	}
	if decodeSpec(o, &spec) != nil {
		return a, false
	}
	if spec.Server.Name != srv.GetName() && (spec.Server.Selector == nil || !selects(spec.Server.Selector, srv.GetLabels())) {
		return a, false
	}
	if a.networks = spec.Client.Networks; len(a.networks) == 0 {
		a.networks = e.clusterNetworks()
	}
	switch tls := spec.Client.MeshTLS; {
	case tls == nil:
		return a, spec.Client.Unauthenticated
	case tls.UnauthenticatedTLS:
		a.anyTLS = true
	default:
		a.identities = append([]string{}, tls.Identities...)
		for _, sa := range tls.ServiceAccounts {
			if sa.Namespace == "" {
				sa.Namespace = o.GetNamespace()
			}
			a.identities = append(a.identities, e.settings.identity(sa.Name, sa.Namespace))
		}
	}
	return a, true
}
