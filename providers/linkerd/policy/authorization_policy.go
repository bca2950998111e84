package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	corev1 "k8s.io/api/core/v1"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const authorizationExample = `resource "linkerd_server" "payment" {
  namespace     = "shop"
  name          = "payment-http"
  pod_selector  = { app = "paymentservice" }
  port          = 8080
  access_policy = "deny"
}

resource "linkerd_mesh_tls_authentication" "payment_clients" {
  namespace        = "shop"
  name             = "payment-clients"
  service_accounts = ["shop/tripservice"]
}

resource "linkerd_authorization_policy" "payment_clients" {
  namespace                = "shop"
  name                     = "payment-clients"
  target                   = linkerd_server.payment
  required_authentications = [linkerd_mesh_tls_authentication.payment_clients]
}
`

func authorizationKind() kind {
	return kind{Kind: typed.Kind{
		GroupKind: kschema.GroupKind{Group: policyGroup, Kind: "AuthorizationPolicy"}, Version: "v1alpha1",
		Declare: authorizationSchema, Spec: authorizationSpec, Show: readAuthorization, Place: orderAuthorization,
		SpecAttributes: []string{"target", "required_authentications"},
		Risk:           riskOfPermission,
	}, lint: lintAuthorization}
}

// targetType is what refers to an object: any resource with these attributes, or an object that is written out.
func targetType() cty.Type {
	return cty.ObjectWithOptionalAttrs(map[string]cty.Type{"group": cty.String, "kind": cty.String, "namespace": cty.String, "name": cty.String}, []string{"group", "namespace"})
}

func authorizationSchema() *schema.Resource {
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "Lets authenticated clients call a Server, a route or a whole namespace",
		Description: "All required authentications must hold for a client. When one of them does not exist, the whole policy grants nothing; with none at all it admits everybody. " +
			"Both are found while planning.\n\nThe policy is created before the `linkerd_server` that it refers to and deleted after it, so that the Server never refuses a client that has a permission.",
		Example: authorizationExample,
		Inverts: []schema.Inversion{{Attribute: "target", Type: "linkerd_server"}, {Attribute: "target", Type: "linkerd_http_route"}},
		Block: schema.Block{Attributes: typed.Common("policy", map[string]*schema.Attribute{
			"target": {Type: targetType(), Required: true, Validate: checkTarget,
				Description: "What clients are let into: `linkerd_server.x`, or an object of `group`, `kind` and `name` (Server, HTTPRoute, GRPCRoute, or Namespace for every Server of it). It is in the policy's namespace."},
			"required_authentications": {Type: cty.List(targetType()), Required: true, Validate: checkRequired,
				Description: "Authentications that must all hold: `linkerd_mesh_tls_authentication.x`, `linkerd_network_authentication.y`, or `{ kind = \"ServiceAccount\", name = …, namespace = … }`. An empty list admits everybody."},
		})},
		Validate: validateAuthorization,
	}
}

// groupOf fills in the group that a kind has when configuration leaves it out.
func groupOf(v cty.Value) string {
	if g := schema.Text(v.GetAttr("group")); g != "" {
		return coreGroup(g)
	}
	switch schema.Text(v.GetAttr("kind")) {
	case "Server", "MeshTLSAuthentication", "NetworkAuthentication":
		return policyGroup
	}
	return ""
}

func checkTarget(v cty.Value) error {
	kind, group := schema.Text(v.GetAttr("kind")), groupOf(v)
	switch {
	case kind == "Server" && group == policyGroup, kind == "Namespace" && group == "",
		kind == "HTTPRoute" && (group == policyGroup || group == gatewayGroup), kind == "GRPCRoute" && group == gatewayGroup:
		return nil
	case (kind == "HTTPRoute" || kind == "GRPCRoute") && group == "":
		return fmt.Errorf("a %s needs its group: %s or %s", kind, gatewayGroup, policyGroup)
	}
	kinds := []string{"Server", "Namespace", "HTTPRoute", "GRPCRoute"}
	return fmt.Errorf("a policy cannot target %q of group %q, only %s.%s", kind, group, strings.Join(kinds, ", "), diag.Suggest(kind, kinds))
}

// checkRequired repeats the rules of the admission webhook.
func checkRequired(v cty.Value) error {
	count := map[string]int{}
	kinds := []string{"MeshTLSAuthentication", "NetworkAuthentication", "ServiceAccount"}
	for _, e := range v.AsValueSlice() {
		kind, group := schema.Text(e.GetAttr("kind")), groupOf(e)
		want := policyGroup
		if kind == "ServiceAccount" {
			want = ""
		}
		if !slices.Contains(kinds, kind) || group != want {
			return fmt.Errorf("a policy cannot require %q of group %q, only %s.%s", kind, group, strings.Join(kinds, ", "), diag.Suggest(kind, kinds))
		}
		count[kind]++
	}
	switch {
	case count["MeshTLSAuthentication"]+count["ServiceAccount"] > 1:
		return fmt.Errorf("at most one MeshTLSAuthentication or ServiceAccount may be required: all must hold, and a client has one identity; list several identities in one linkerd_mesh_tls_authentication")
	case count["NetworkAuthentication"] > 1:
		return fmt.Errorf("at most one NetworkAuthentication may be required; list several networks in one linkerd_network_authentication")
	}
	return nil
}

func validateAuthorization(v cty.Value) []schema.Problem {
	var out []schema.Problem
	target, namespace := v.GetAttr("target"), v.GetAttr("namespace")
	if target.IsWhollyKnown() && !target.IsNull() && namespace.IsKnown() {
		if ns := schema.Text(target.GetAttr("namespace")); ns != "" && schema.Text(target.GetAttr("kind")) != "Namespace" && ns != schema.Text(namespace) {
			out = append(out, schema.Problem{Path: cty.GetAttrPath("target"), Summary: "Target is in another namespace",
				Detail: fmt.Sprintf("The policy is in namespace %q and its target in %q; a policy works in its own namespace only.", schema.Text(namespace), ns)})
		}
		if schema.Text(target.GetAttr("kind")) == "Namespace" && schema.Text(target.GetAttr("name")) != schema.Text(namespace) {
			out = append(out, schema.Problem{Path: cty.GetAttrPath("target"), Summary: "Target is another namespace",
				Detail: fmt.Sprintf("The policy is in namespace %q and targets namespace %q; it can only target its own.", schema.Text(namespace), schema.Text(target.GetAttr("name")))})
		}
	}
	if required := v.GetAttr("required_authentications"); required.IsKnown() && !required.IsNull() && required.LengthInt() == 0 {
		out = append(out, schema.Problem{Path: cty.GetAttrPath("required_authentications"), Summary: "Everybody is admitted", Warning: true,
			Detail: "With no required authentication this policy admits every client from everywhere, without mTLS. Require a linkerd_mesh_tls_authentication, or `*` as an identity for every meshed client."})
	}
	return out
}

func authorizationSpec(_ env.Env, v cty.Value) map[string]any {
	target := v.GetAttr("target")
	required := []any{}
	for _, e := range v.GetAttr("required_authentications").AsValueSlice() {
		ref := map[string]any{"kind": schema.Text(e.GetAttr("kind")), "name": schema.Text(e.GetAttr("name"))}
		if g := groupOf(e); g != "" {
			ref["group"] = g
		}
		// The namespace is left out where it is the policy's own, so that a plan reads as people write policies.
		if ns := schema.Text(e.GetAttr("namespace")); ns != "" && ns != schema.Text(v.GetAttr("namespace")) {
			ref["namespace"] = ns
		}
		required = append(required, ref)
	}
	ref := map[string]any{"kind": schema.Text(target.GetAttr("kind")), "name": schema.Text(target.GetAttr("name"))}
	if g := groupOf(target); g != "" {
		ref["group"] = g
	}
	return map[string]any{"targetRef": ref, "requiredAuthenticationRefs": required}
}

func readAuthorization(_ env.Env, live map[string]any, attrs map[string]cty.Value) {
	own := schema.Text(attrs["namespace"])
	target, _ := live["targetRef"].(map[string]any)
	attrs["target"] = readRef(target, own, attrs["target"])
	var recorded []cty.Value
	if l := attrs["required_authentications"]; !l.IsNull() && l.IsKnown() {
		recorded = l.AsValueSlice()
	}
	list, _ := live["requiredAuthenticationRefs"].([]any)
	var out []cty.Value
	for i, e := range list {
		ref, _ := e.(map[string]any)
		was := cty.NullVal(targetType().WithoutOptionalAttributesDeep())
		if i < len(recorded) {
			was = recorded[i]
		}
		out = append(out, readRef(ref, own, was))
	}
	attrs["required_authentications"] = cty.ListValEmpty(targetType().WithoutOptionalAttributesDeep())
	if len(out) > 0 {
		attrs["required_authentications"] = cty.ListVal(out)
	}
}

// readRef reads a reference. One that means the same as the recorded one is returned as it was recorded.
func readRef(live map[string]any, own string, recorded cty.Value) cty.Value {
	same := !recorded.IsNull() && recorded.IsWhollyKnown() &&
		groupOf(recorded) == coreGroup(stringAt(live, "group")) && schema.Text(recorded.GetAttr("kind")) == stringAt(live, "kind") &&
		schema.Text(recorded.GetAttr("name")) == stringAt(live, "name") &&
		cmp.Or(schema.Text(recorded.GetAttr("namespace")), own) == cmp.Or(stringAt(live, "namespace"), own)
	if same {
		return recorded
	}
	return cty.ObjectVal(map[string]cty.Value{
		"group": orNull(stringAt(live, "group")), "kind": orNull(stringAt(live, "kind")),
		"namespace": orNull(stringAt(live, "namespace")), "name": orNull(stringAt(live, "name")),
	})
}

// orderAuthorization says which Servers wait for this policy. A target that refers to a resource is not known yet; the
// inverted edge of the reference takes care of it.
func orderAuthorization(v cty.Value, o *providers.Order) {
	ns := schema.Text(v.GetAttr("namespace"))
	o.Provides = append(o.Provides, providers.Tag("linkerd:policies/"+ns))
	o.After = append(o.After, providers.Tag("linkerd:authentications/"+ns))
	target := v.GetAttr("target")
	if target.IsNull() || !target.IsWhollyKnown() {
		return
	}
	switch schema.Text(target.GetAttr("kind")) {
	case "Server":
		o.Provides = append(o.Provides, providers.Tag("linkerd:server-policies/"+ns+"/"+schema.Text(target.GetAttr("name"))))
	case "Namespace":
		o.Provides = append(o.Provides, providers.Tag("linkerd:server-policies/"+ns))
	}
}

// lintAuthorization finds references to nothing and says whom the policy lets in.
func lintAuthorization(s *surroundings, v cty.Value) (hcl.Diagnostics, []string) {
	ns, name := schema.Text(v.GetAttr("namespace")), schema.Text(v.GetAttr("name"))
	i := slices.IndexFunc(s.objects.Authorizations, func(a Authorization) bool { return a.Name == name })
	if i < 0 {
		return nil, nil
	}
	var ds hcl.Diagnostics
	policy := s.objects.Authorizations[i]
	rule, reason := s.objects.rule(policy, ns, s.env)
	if reason != "" {
		return append(ds, diag.At(diag.Errorf(CodeDangling, "Policy grants nothing",
			"%s, so Linkerd ignores the whole policy %q and it lets nobody in. Create the authentication in the same plan and refer to its resource, or correct the name.", reason, name),
			cty.GetAttrPath("required_authentications"))), nil
	}
	return ds, s.admitted(rule)
}

// targets finds planned policies for Servers that neither exist nor are planned. It is asked when all is planned: the Server
// of a policy may come later in the plan, and a linkerd_inbound_policy makes some that are named after workload and port.
func (w *World) targets(s *surroundings, ns string) (ds hcl.Diagnostics) {
	names := s.serverNames()
	if w.Covered(ns) {
		for _, o := range s.observed.Workloads {
			for _, number := range declaredPorts(&o.Template.Spec) {
				names = append(names, cover{Workload: o.Name, Port: number}.name())
			}
		}
	}
	for _, a := range s.objects.Authorizations {
		address := w.Address("AuthorizationPolicy", ns, a.Name)
		if a.Target.Kind != "Server" || address == "" || slices.Contains(names, a.Target.Name) {
			continue
		}
		d := diag.At(diag.Warningf(CodeNoTarget, "Target does not exist",
			"There is no Server %q in namespace %q, so policy %q has no effect for now.%s", a.Target.Name, ns, a.Name, diag.Suggest(a.Target.Name, names)), cty.GetAttrPath("target"))
		ds = append(ds, diag.For(d, address))
	}
	return ds
}

// declaredPorts are the TCP ports that the containers of a template declare.
func declaredPorts(spec *corev1.PodSpec) (out []int) {
	for _, p := range containerPorts(&corev1.Pod{Spec: *spec}) {
		out = append(out, int(p.ContainerPort))
	}
	return out
}

func (s *surroundings) serverNames() []string {
	out := make([]string, len(s.objects.Servers))
	for i, o := range s.objects.Servers {
		out[i] = o.Name
	}
	return out
}

// admitted names the workloads of the namespace that a rule lets in and those that it does not.
func (s *surroundings) admitted(r Rule) []string {
	if r.Unauthenticated && r.Networks == nil {
		return []string{"admits every client, without mTLS"}
	}
	var in, out []string
	for _, w := range s.observed.Workloads {
		decision := r.decide(Client{Identity: s.env.Identity(w.Ref.Namespace, w.ServiceAccount())})
		if decision == Denied {
			out = append(out, w.Name)
		} else {
			in = append(in, w.Name)
		}
	}
	switch {
	case len(in) == 0 && len(out) == 0:
		return nil
	case len(in) == 0:
		return []string{"admits no workload of namespace " + s.observed.Namespace.Name}
	case len(out) == 0:
		return []string{"admits every workload of namespace " + s.observed.Namespace.Name}
	}
	return []string{"admits " + strings.Join(in, ", ") + "; not " + strings.Join(out, ", ")}
}
