package mesh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
)

// validatePolicy stands in for the policy controller's admission webhook. It refuses what that refuses and lets pass
// what that lets pass: Servers may overlap, references may dangle.
func validatePolicy(_ context.Context, _ string, r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	check := map[string]func(*unstructured.Unstructured) error{
		"Server": checkServer, "ServerAuthorization": checkServerAuthorization, "AuthorizationPolicy": checkAuthorizationPolicy,
		"MeshTLSAuthentication": checkMeshTLS, "NetworkAuthentication": checkNetworkAuthentication, "HTTPRoute": checkRoute,
		"HTTPLocalRateLimitPolicy": checkRateLimit, "EgressNetwork": checkEgressNetwork,
	}[r.Kind.Kind]
	if check == nil || r.Kind.Group != policyGroup {
		return allowed() // Gateway API objects that Linkerd cannot read are admitted and then ignored
	}
	o := &unstructured.Unstructured{}
	if err := json.Unmarshal(r.Object.Raw, &o.Object); err != nil {
		return denied("%v", err)
	}
	if o.GetNamespace() == "" {
		o.SetNamespace(r.Namespace)
	}
	if err := check(o); err != nil {
		return denied("%v", err)
	}
	return allowed()
}

var (
	protocols      = []string{"", "unknown", "HTTP/1", "HTTP/2", "gRPC", "opaque", "TLS"}
	accessPolicies = []string{"", "all-unauthenticated", "all-authenticated", "cluster-unauthenticated", "cluster-authenticated", "deny", "audit"}
)

func checkServer(o *unstructured.Unstructured) error {
	var spec server
	if err := decodeSpec(o, &spec); err != nil {
		return err
	}
	if !slices.Contains(protocols, spec.Protocol) {
		return fmt.Errorf("invalid proxyProtocol: %q", spec.Protocol)
	}
	if !slices.Contains(accessPolicies, spec.AccessPolicy) {
		return fmt.Errorf("invalid accessPolicy: unknown policy %q", spec.AccessPolicy)
	}
	return nil
}

func checkServerAuthorization(o *unstructured.Unstructured) error {
	var spec struct {
		Client struct {
			Networks        []network
			Unauthenticated bool
			MeshTLS         *struct {
				UnauthenticatedTLS bool
				Identities         []string
				ServiceAccounts    []objectRef
			}
		}
	}
	if err := decodeSpec(o, &spec); err != nil {
		return err
	}
	if tls := spec.Client.MeshTLS; tls != nil {
		if spec.Client.Unauthenticated {
			return errors.New("`unauthenticated` must be false if `mesh_tls` is present")
		}
		if tls.UnauthenticatedTLS && len(tls.Identities)+len(tls.ServiceAccounts) > 0 {
			return errors.New("`unauthenticatedTLS` be false if any `identities` or `service_accounts` is specified")
		}
	}
	return checkNetworks(spec.Client.Networks)
}

func checkAuthorizationPolicy(o *unstructured.Unstructured) error {
	var spec authorizationPolicy
	if err := decodeSpec(o, &spec); err != nil {
		return err
	}
	t := spec.TargetRef
	switch t.Group + "/" + t.Kind {
	case policyGroup + "/Server", policyGroup + "/HTTPRoute", gatewayGroup + "/HTTPRoute", gatewayGroup + "/GRPCRoute":
	case "/Namespace", "core/Namespace":
		if t.Name != o.GetNamespace() {
			return fmt.Errorf("cannot target another namespace: %s", t.Name)
		}
	default:
		return fmt.Errorf("invalid targetRef kind: %s.%s", t.Kind, t.Group)
	}
	count := map[string]int{}
	for _, r := range spec.Required {
		kind := r.Group + "/" + r.Kind
		switch kind {
		case policyGroup + "/MeshTLSAuthentication", policyGroup + "/NetworkAuthentication":
		case "/ServiceAccount", "core/ServiceAccount":
		default:
			return fmt.Errorf("invalid authentication target: %s.%s", r.Kind, r.Group)
		}
		count[r.Kind]++
	}
	switch {
	case count["MeshTLSAuthentication"] > 1:
		return errors.New("only a single MeshTLSAuthentication may be set")
	case count["ServiceAccount"] > 1:
		return errors.New("only a single ServiceAccount may be set")
	case count["MeshTLSAuthentication"] > 0 && count["ServiceAccount"] > 0:
		return errors.New("a MeshTLSAuthentication and ServiceAccount may not be set together")
	case count["NetworkAuthentication"] > 1:
		return errors.New("only a single NetworkAuthentication may be set")
	}
	return nil
}

func checkMeshTLS(o *unstructured.Unstructured) error {
	var spec struct {
		Identities   []string
		IdentityRefs []objectRef
	}
	if err := decodeSpec(o, &spec); err != nil {
		return err
	}
	if (len(spec.Identities) == 0) == (len(spec.IdentityRefs) == 0) {
		return errors.New("exactly one of `identities` and `identityRefs` must be set")
	}
	for _, id := range spec.Identities {
		name := strings.TrimPrefix(id, "*.")
		if id == "*" || strings.HasPrefix(id, "spiffe://") {
			continue
		}
		if len(validation.IsDNS1123Subdomain(strings.ToLower(name))) > 0 {
			return fmt.Errorf("invalid identity: %q", id)
		}
	}
	for _, r := range spec.IdentityRefs {
		switch {
		case r.Kind == "ServiceAccount" && (r.Group == "" || r.Group == "core"):
		case r.Kind == "Namespace" && (r.Group == "" || r.Group == "core"):
			if r.Namespace != "" {
				return errors.New("namespace identity targets must not have a namespace")
			}
		default:
			return fmt.Errorf("invalid identity target: %s.%s", r.Kind, r.Group)
		}
	}
	return nil
}

func checkNetworkAuthentication(o *unstructured.Unstructured) error {
	var spec struct{ Networks []network }
	if err := decodeSpec(o, &spec); err != nil {
		return err
	}
	if len(spec.Networks) == 0 {
		return errors.New("at least one network must be specified")
	}
	return checkNetworks(spec.Networks)
}

func checkNetworks(networks []network) error {
	for _, n := range networks {
		cidr, err := parseNetwork(n.CIDR)
		if err != nil {
			return err
		}
		for _, e := range n.Except {
			except, err := parseNetwork(e)
			switch {
			case err != nil:
				return err
			case except.Bits() <= cidr.Bits() && except.Contains(cidr.Addr()):
				return fmt.Errorf("cidr '%s' is completely negated by exception '%s'", cidr, except)
			case !cidr.Contains(except.Addr()):
				return fmt.Errorf("cidr '%s' does not include exception '%s'", cidr, except)
			}
		}
	}
	return nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, fmt.Errorf("invalid IP address syntax: %q", s)
	}
	return p.Masked(), nil
}

func checkRoute(o *unstructured.Unstructured) error {
	var spec struct {
		ParentRefs []parentRef
		Rules      []struct {
			Matches  []routeMatch
			Timeouts struct{ Request, BackendRequest string }
		}
	}
	if err := decodeSpec(o, &spec); err != nil {
		return err
	}
	for _, p := range spec.ParentRefs {
		if p.Kind != nil && *p.Kind == "EgressNetwork" && p.Port == nil {
			return errors.New("cannot target an EgressNetwork without specifying a port")
		}
	}
	for _, r := range spec.Rules {
		for _, m := range r.Matches {
			if m.Path != nil && m.Path.Type != "RegularExpression" && m.Path.Value != "" && !strings.HasPrefix(m.Path.Value, "/") {
				return fmt.Errorf("HTTPRoute paths must be absolute (begin with `/`); %q is not an absolute path", m.Path.Value)
			}
		}
		request, err1 := time.ParseDuration(r.Timeouts.Request)
		backend, err2 := time.ParseDuration(r.Timeouts.BackendRequest)
		if err1 == nil && err2 == nil && backend > request && request != 0 {
			return fmt.Errorf("backendRequest timeout (%s) must not be greater than request timeout (%s)", backend, request)
		}
	}
	return nil
}

func checkRateLimit(o *unstructured.Unstructured) error {
	type limit struct{ RequestsPerSecond int64 }
	var spec struct {
		TargetRef objectRef
		Total     *limit
		Identity  *limit
		Overrides []struct {
			RequestsPerSecond int64
			ClientRefs        []objectRef
		}
	}
	if err := decodeSpec(o, &spec); err != nil {
		return err
	}
	if spec.TargetRef.Kind != "Server" || spec.TargetRef.Group != policyGroup {
		return fmt.Errorf("invalid targetRef kind: %s.%s", spec.TargetRef.Kind, spec.TargetRef.Group)
	}
	check := func(what string, rps int64) error {
		switch {
		case rps <= 0:
			return fmt.Errorf("%s.requestsPerSecond must be greater than 0", what)
		case spec.Total != nil && rps > spec.Total.RequestsPerSecond:
			return fmt.Errorf("%s.requestsPerSecond must be less than or equal to total.requestsPerSecond", what)
		}
		return nil
	}
	if spec.Total != nil {
		if err := check("total", spec.Total.RequestsPerSecond); err != nil {
			return err
		}
	}
	if spec.Identity != nil {
		if err := check("identity", spec.Identity.RequestsPerSecond); err != nil {
			return err
		}
	}
	for _, v := range spec.Overrides {
		if err := check("overrides", v.RequestsPerSecond); err != nil {
			return err
		}
		for _, c := range v.ClientRefs {
			if c.Kind != "ServiceAccount" {
				return fmt.Errorf("invalid clientRef kind: %s", c.Kind)
			}
		}
	}
	return nil
}

func checkEgressNetwork(o *unstructured.Unstructured) error {
	var spec struct{ Networks *[]network }
	if err := decodeSpec(o, &spec); err != nil || spec.Networks == nil {
		return err
	}
	if len(*spec.Networks) == 0 {
		return errors.New("at least one network must be specified")
	}
	return checkNetworks(*spec.Networks)
}
