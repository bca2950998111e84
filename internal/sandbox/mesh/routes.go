package mesh

import (
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// parentRef attaches a route to its parent. The defaults are those of Linkerd's own HTTPRoute.
type parentRef struct {
	Group       *string `json:"group"`
	Kind        *string `json:"kind"`
	Name        string  `json:"name"`
	Namespace   string  `json:"namespace"`
	Port        *int    `json:"port"`
	SectionName *string `json:"sectionName"`
}

type routeSpec struct {
	ParentRefs []parentRef `json:"parentRefs"`
	Rules      []struct {
		Matches []routeMatch `json:"matches"`
	} `json:"rules"`
}

type routeMatch struct {
	Path *struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	} `json:"path"`
	Method string `json:"method"`
}

type route struct {
	name ref
	kind string
	spec routeSpec
}

// routes returns the HTTP routes attached to a Server.
func (e *policies) routes(srv *unstructured.Unstructured) []route {
	var out []route
	for _, group := range []string{policyGroup, gatewayGroup} {
		for _, o := range e.list(group, "httproutes") {
			if o.GetNamespace() != srv.GetNamespace() {
				continue
			}
			r := route{name: ref{group, "HTTPRoute", o.GetName()}, kind: "HTTPRoute"}
			if decodeSpec(o, &r.spec) == nil && acceptedBy(o, srv.GetName()) && slices.ContainsFunc(r.spec.ParentRefs, func(p parentRef) bool { return p.isServer(srv, group) }) {
				out = append(out, r)
			}
		}
	}
	return out
}

// acceptedBy says whether the policy controller has written that the route is in force on a Server; until then the
// Server's default routes are.
func acceptedBy(o *unstructured.Unstructured, server string) bool {
	parents, _, _ := unstructured.NestedSlice(o.Object, "status", "parents")
	for _, p := range parents {
		parent, _ := p.(map[string]any)
		ref, _ := parent["parentRef"].(map[string]any)
		if ref["kind"] != "Server" || ref["name"] != server {
			continue
		}
		conditions, _ := parent["conditions"].([]any)
		for _, c := range conditions {
			if c, _ := c.(map[string]any); c["type"] == "Accepted" && c["status"] == "True" {
				return true
			}
		}
	}
	return false
}

// isServer says whether the reference attaches to the Server. With a port or section the route is ignored.
func (p parentRef) isServer(srv *unstructured.Unstructured, routeGroup string) bool {
	group, kind := routeGroup, "Gateway"
	if p.Group != nil {
		group = *p.Group
	}
	if p.Kind != nil {
		kind = *p.Kind
	}
	return group == policyGroup && kind == "Server" && p.Name == srv.GetName() &&
		(p.Namespace == "" || p.Namespace == srv.GetNamespace()) && p.Port == nil && p.SectionName == nil
}

// authz returns the authorizations of the route's own policies.
func (r route) authz(e *policies, namespace string) []authorization {
	return e.targeting(namespace, func(t objectRef) bool {
		return t.Kind == r.kind && t.Group == r.name.group && t.Name == r.name.name
	})
}

// matchRoute returns the first route that matches; the longest path wins among prefixes.
func matchRoute(routes []route, r request) (route, bool) {
	best, bestLength := -1, -1
	for i, route := range routes {
		rules := route.spec.Rules
		if len(rules) == 0 && bestLength < 0 {
			best, bestLength = i, 0
		}
		for _, rule := range rules {
			if len(rule.Matches) == 0 && bestLength < 0 {
				best, bestLength = i, 0
			}
			for _, m := range rule.Matches {
				if n, ok := m.matches(r); ok && n > bestLength {
					best, bestLength = i, n
				}
			}
		}
	}
	if best < 0 {
		return route{}, false
	}
	return routes[best], true
}

// matches says whether a request matches and how specific the match is.
func (m routeMatch) matches(r request) (specificity int, ok bool) {
	if m.Method != "" && m.Method != r.method {
		return 0, false
	}
	if m.Path == nil {
		return 0, true
	}
	switch m.Path.Type {
	case "Exact":
		return len(m.Path.Value) * 2, r.path == m.Path.Value
	case "RegularExpression":
		re, err := regexp.Compile("^(?:" + m.Path.Value + ")$")
		return 1, err == nil && re.MatchString(r.path)
	}
	prefix := strings.TrimSuffix(m.Path.Value, "/")
	return len(prefix), prefix == "" || r.path == prefix || strings.HasPrefix(r.path, prefix+"/")
}
