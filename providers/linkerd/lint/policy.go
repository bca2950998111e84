package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
)

const policyGroup = "policy.linkerd.io"

// Object returns what is wrong with one object, or nothing for one that is none of Linkerd's business. It is pure.
func Object(u *unstructured.Unstructured) hcl.Diagnostics {
	gvk := u.GroupVersionKind()
	l := &list{u: u, spec: mapAt(u.Object, "spec")}
	switch gvk.Group {
	case policyGroup:
		switch gvk.Kind {
		case "Server":
			l.server(gvk.Version)
		case "ServerAuthorization":
			l.serverAuthorization(gvk.Version)
		case "AuthorizationPolicy":
			l.authorizationPolicy()
		case "HTTPRoute":
			l.route(gvk.Version)
		case "MeshTLSAuthentication":
			l.meshTLS()
		}
	case "linkerd.io":
		l.old(gvk.Version, "v1alpha2", "v1alpha1")
	default:
		l.workload()
	}
	return l.ds
}

// list collects the findings about one object.
type list struct {
	u    *unstructured.Unstructured
	spec map[string]any
	ds   hcl.Diagnostics
}

func (l *list) add(severity hcl.DiagnosticSeverity, code diag.Code, summary, format string, args ...any) {
	name := l.u.GetName()
	if ns := l.u.GetNamespace(); ns != "" {
		name = ns + "/" + name
	}
	d := diag.Errorf(code, summary, "%s %s: %s", l.u.GetKind(), diag.Scrub(name), fmt.Sprintf(format, args...))
	d.Severity = severity
	l.ds = append(l.ds, d)
}

func (l *list) fault(code diag.Code, summary, format string, args ...any) {
	l.add(hcl.DiagError, code, summary, format, args...)
}

func (l *list) warn(code diag.Code, summary, format string, args ...any) {
	l.add(hcl.DiagWarning, code, summary, format, args...)
}

func (l *list) old(version, now string, deprecated ...string) {
	if slices.Contains(deprecated, version) {
		l.warn(CodeOldAPI, "Deprecated version", "%s of this kind is deprecated. Write apiVersion: %s/%s.", version, l.u.GroupVersionKind().Group, now)
	}
}

func (l *list) server(version string) {
	l.old(version, "v1beta3", "v1alpha1", "v1beta1")
	port, named := l.spec["port"].(map[string]any)
	if named {
		better := "port: 80, or port: http"
		if n, ok := port["number"]; ok {
			better = fmt.Sprintf("port: %v", n)
			if name, ok := port["name"].(string); ok {
				better += ", or port: " + name
			}
		}
		l.fault(CodePortObject, "Port is an object", "spec.port is an object with %s, and the API server takes one number or the name of a container's port only. Write %s; the protocol is spec.proxyProtocol.",
			strings.Join(keys(port), ", "), better)
	}
	access, _ := l.spec["accessPolicy"].(string)
	policies := []string{"all-unauthenticated", "all-authenticated", "cluster-unauthenticated", "cluster-authenticated", "deny", "audit"}
	switch {
	case access == "" && version == "v1beta3": // what locks clients out is said in so many words
		l.fault(CodeSilentDeny, "Server denies at once", "without spec.accessPolicy it denies every client that no policy admits, from the moment it exists. Write accessPolicy: deny if you mean that. It is safer to begin with accessPolicy: audit, to look at who would be refused, and then to set deny: linkerd_inbound_policy does so.")
	case access == "":
		l.warn(CodeSilentDeny, "Server denies at once", "without spec.accessPolicy it denies every client that no policy admits, from the moment it exists. Begin with accessPolicy: audit (v1beta3), look at who would be refused, then set deny: linkerd_inbound_policy does so.")
	case !slices.Contains(policies, access):
		l.fault(CodeValue, "Unknown access policy", "spec.accessPolicy %q is none of %s.%s", access, strings.Join(policies, ", "), diag.Suggest(access, policies))
	case strings.HasSuffix(access, "-unauthenticated"):
		l.warn(CodeUnauthenticated, "Clients without mTLS are admitted", "spec.accessPolicy %q lets clients in without mTLS. Write all-authenticated to require it.", access)
	}
	protocols := []string{"unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"}
	if p, _ := l.spec["proxyProtocol"].(string); p != "" && !slices.Contains(protocols, p) {
		l.fault(CodeValue, "Unknown protocol", "spec.proxyProtocol %q is none of %s.%s", p, strings.Join(protocols, ", "), diag.Suggest(p, protocols))
	}
	selector, selects := l.spec["podSelector"].(map[string]any)
	if labels, _ := selector["matchLabels"].(map[string]any); selects && len(labels) == 0 && selector["matchExpressions"] == nil {
		l.warn(CodeOnePort, "One port of every pod", "an empty podSelector selects every pod of the namespace, but a Server covers one port only: all other ports keep the default policy, which admits everybody. One Server is not mTLS for all services; set a default-inbound-policy, or use linkerd_inbound_policy for every port.")
	}
}

func (l *list) serverAuthorization(version string) {
	l.old(version, "v1beta1", "v1alpha1")
	l.warn(CodeLegacy, "Older form of authorization", "a ServerAuthorization is still read, but can be about Servers only, not about routes or a namespace. "+
		"Write a MeshTLSAuthentication and an AuthorizationPolicy (linkerd_mesh_tls_authentication, linkerd_authorization_policy); both forms may stand side by side while you move.")
	client := mapAt(l.spec, "client")
	tls, hasTLS := client["meshTLS"].(map[string]any)
	var cidrs []string
	networks, _ := client["networks"].([]any)
	for _, n := range networks {
		m, _ := n.(map[string]any)
		cidrs = append(cidrs, fmt.Sprint(m["cidr"]))
	}
	from := strings.Join(cidrs, ", ")
	if from == "" {
		from = "the cluster's networks"
	}
	switch {
	case client["unauthenticated"] == true && hasTLS:
		l.fault(CodeValue, "Authentication is said twice", "unauthenticated and meshTLS exclude each other; Linkerd refuses the object. Keep meshTLS.")
	case client["unauthenticated"] == true:
		l.warn(CodeUnauthenticated, "Clients without mTLS are admitted", "client.unauthenticated: true lets every plaintext client from %s in, so nothing here requires mTLS. "+
			"Write client: {meshTLS: {serviceAccounts: [{name: …, namespace: …}]}}, or a linkerd_mesh_tls_authentication with a linkerd_authorization_policy.", from)
	case !hasTLS:
		l.fault(CodeNobody, "Authorization admits nobody", "neither client.unauthenticated nor client.meshTLS is set, so Linkerd ignores the object. Write client.meshTLS with serviceAccounts or identities.")
	case tls["unauthenticatedTLS"] != true && len(sliceAt(tls, "identities"))+len(sliceAt(tls, "serviceAccounts")) == 0:
		l.fault(CodeNobody, "Authorization admits nobody", "client.meshTLS names no identity and no service account. Name them, or write identities: [\"*\"] for every meshed client.")
	}
	server := mapAt(l.spec, "server")
	if (server["name"] == nil) == (server["selector"] == nil) {
		l.fault(CodeValue, "Server is not said once", "spec.server needs exactly one of name and selector.")
	}
}

func (l *list) authorizationPolicy() {
	if refs, said := l.spec["requiredAuthenticationRefs"].([]any); said && len(refs) == 0 {
		l.warn(CodeUnauthenticated, "Everybody is admitted", "an empty requiredAuthenticationRefs admits every client from everywhere, without mTLS. Require a MeshTLSAuthentication.")
	}
	target := mapAt(l.spec, "targetRef")
	kind, _ := target["kind"].(string)
	kinds := []string{"Server", "HTTPRoute", "GRPCRoute", "Namespace"}
	if kind != "" && !slices.Contains(kinds, kind) {
		l.fault(CodeValue, "Unknown target", "targetRef.kind %q is none of %s.%s", kind, strings.Join(kinds, ", "), diag.Suggest(kind, kinds))
	}
	if group, _ := target["group"].(string); (kind == "Server") && group != policyGroup {
		l.fault(CodeValue, "Target without its group", "targetRef needs group: %s for a Server; with group %q it targets nothing.", policyGroup, group)
	}
	if ns := l.u.GetNamespace(); kind == "Namespace" && ns != "" && target["name"] != ns {
		l.fault(CodeValue, "Target is another namespace", "a policy can target its own namespace only: write name: %s.", ns)
	}
}

func (l *list) meshTLS() {
	identities, refs := sliceAt(l.spec, "identities"), sliceAt(l.spec, "identityRefs")
	if (len(identities) == 0) == (len(refs) == 0) {
		l.fault(CodeNobody, "Authentication matches nobody", "exactly one of spec.identities and spec.identityRefs must have entries; Linkerd refuses the object.")
	}
}

func (l *list) route(version string) {
	l.old(version, "v1beta3", "v1alpha1", "v1beta1")
	for _, r := range sliceAt(l.spec, "parentRefs") {
		ref, _ := r.(map[string]any)
		kind, _ := ref["kind"].(string)
		switch {
		case kind == "":
			l.fault(CodeParent, "Parent has no kind", "parentRef %v says no kind; its default is Gateway, and the route attaches to nothing. Write kind: Service (group: core), Server or EgressNetwork.", ref["name"])
		case kind == "Server" && (ref["port"] != nil || ref["sectionName"] != nil):
			l.fault(CodeParent, "Route is ignored", "parentRef %v is a Server with a port or sectionName, and Linkerd ignores such a route as a whole. Remove them: the Server has the port.", ref["name"])
		case kind == "Server" && ref["namespace"] != nil && l.u.GetNamespace() != "" && ref["namespace"] != l.u.GetNamespace():
			l.fault(CodeParent, "Route is ignored", "parentRef %v is a Server in namespace %v; a route attaches to Servers of its own namespace only.", ref["name"], ref["namespace"])
		case kind == "EgressNetwork" && ref["port"] == nil:
			l.fault(CodeParent, "Parent has no port", "parentRef %v is an EgressNetwork and needs a port; Linkerd refuses the route.", ref["name"])
		case kind == "Service" && ref["group"] != nil && ref["group"] != "" && ref["group"] != "core", kind == "Service" && ref["group"] == nil:
			l.fault(CodeParent, "Parent has the wrong group", "parentRef %v is a Service and needs group: core; the default group of this kind of route is %s.", ref["name"], policyGroup)
		}
	}
}

func mapAt(m map[string]any, key string) map[string]any {
	out, _ := m[key].(map[string]any)
	return out
}

func sliceAt(m map[string]any, key string) []any {
	out, _ := m[key].([]any)
	return out
}

func keys(m map[string]any) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, diag.Scrub(k))
	}
	slices.Sort(out)
	return out
}
