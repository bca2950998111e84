package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const legacyExample = `resource "linkerd_server" "payment" {
  namespace     = "shop"
  name          = "payment-http"
  pod_selector  = { app = "paymentservice" }
  port          = 8080
  access_policy = "deny"
}

resource "linkerd_server_authorization" "trips" {
  namespace        = "shop"
  name             = "trips"
  server           = linkerd_server.payment.name
  service_accounts = ["shop/tripservice"]
  networks         = [{ cidr = "0.0.0.0/0" }, { cidr = "::/0" }]
}
`

func legacyKind() kind {
	return kind{Kind: typed.Kind{
		GroupKind: kschema.GroupKind{Group: policyGroup, Kind: "ServerAuthorization"}, Version: "v1beta1",
		Declare: legacySchema, Spec: legacySpec, Show: readLegacy, Place: orderLegacy,
		SpecAttributes: []string{"server", "server_selector", "networks", "unauthenticated", "unauthenticated_tls", "identities", "service_accounts"},
		Risk:           riskOfPermission,
	}, lint: lintLegacy}
}

func legacySchema() *schema.Resource {
	list := cty.List(cty.String)
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "Lets clients call a Server, in Linkerd's older form",
		Description: "Still served, for configurations that have it. New ones use `linkerd_authorization_policy` with authentications, which can also target routes and namespaces. " +
			"Exactly one of `unauthenticated`, `unauthenticated_tls` and identities says how a client must authenticate; without any of them Linkerd ignores the whole object.\n\n" +
			"Without `networks` Linkerd takes the cluster's networks, not the world.",
		Example: legacyExample,
		Inverts: []schema.Inversion{{Attribute: "server", Type: "linkerd_server"}},
		Block: schema.Block{Attributes: typed.Common("authorization", map[string]*schema.Attribute{
			"server":          {Type: cty.String, Optional: true, Description: "Name of the Server, in the same namespace."},
			"server_selector": {Type: cty.Map(cty.String), Optional: true, Description: "Labels of Servers, instead of a name."},
			"networks": {Type: cty.List(networkType()), Optional: true, Validate: checkNetworks,
				Description: "Networks of the clients: `cidr`, and `except` for parts that do not match. Default: the cluster's networks."},
			"unauthenticated":     {Type: cty.Bool, Optional: true, Default: cty.False, Description: "Admit clients without TLS. Default false."},
			"unauthenticated_tls": {Type: cty.Bool, Optional: true, Default: cty.False, Description: "Admit clients with any TLS, whatever their identity. Default false."},
			"identities":          {Type: list, Optional: true, Validate: eachString(checkIdentity), Description: "Identities as they are: `*` for every meshed client, `*.suffix`, or a full name."},
			"service_accounts":    {Type: list, Optional: true, Validate: eachString(checkAccount), Description: "Service accounts as `namespace/name`."},
		})},
		Validate: validateLegacy,
	}
}

func validateLegacy(v cty.Value) []schema.Problem {
	for _, name := range legacyKind().SpecAttributes {
		if !v.GetAttr(name).IsKnown() {
			return nil
		}
	}
	var out []schema.Problem
	problem := func(attribute, summary, detail string, warning bool) {
		out = append(out, schema.Problem{Path: cty.GetAttrPath(attribute), Summary: summary, Detail: detail, Warning: warning})
	}
	if v.GetAttr("server").IsNull() == v.GetAttr("server_selector").IsNull() {
		problem("server", "Server is not said once", "Give exactly one of `server` (a name) and `server_selector` (labels of Servers).", false)
	}
	open, anyTLS := schema.True(v.GetAttr("unauthenticated")), schema.True(v.GetAttr("unauthenticated_tls"))
	named := len(schema.Texts(v.GetAttr("identities")))+len(schema.Texts(v.GetAttr("service_accounts"))) > 0
	switch {
	case open && (anyTLS || named), anyTLS && named:
		problem("unauthenticated", "Authentication is said twice", "Use one of `unauthenticated`, `unauthenticated_tls` and identities (`identities`, `service_accounts`): Linkerd refuses them together.", false)
	case open:
		problem("unauthenticated", "Clients without mTLS are admitted", "With `unauthenticated` any client in the networks is let in without TLS, so nothing here requires mTLS. Name `service_accounts`, or `identities = [\"*\"]` for every meshed client.", true)
	case !anyTLS && !named:
		problem("service_accounts", "Authorization admits nobody", "Without `unauthenticated`, `unauthenticated_tls` and identities Linkerd ignores the object. Name the clients' `service_accounts`.", false)
	}
	return out
}

func legacySpec(_ env.Env, v cty.Value) map[string]any {
	server := map[string]any{}
	if name := v.GetAttr("server"); !name.IsNull() {
		server["name"] = schema.Text(name)
	} else {
		server["selector"] = labelSelector(stringMap(v.GetAttr("server_selector")), cty.NullVal(cty.DynamicPseudoType))
	}
	client := map[string]any{}
	if networks := v.GetAttr("networks"); !networks.IsNull() {
		client["networks"] = networkSpec(env.Env{}, v)["networks"]
	}
	identities, accounts := schema.Texts(v.GetAttr("identities")), schema.Texts(v.GetAttr("service_accounts"))
	switch {
	case schema.True(v.GetAttr("unauthenticated")):
		client["unauthenticated"] = true
	case schema.True(v.GetAttr("unauthenticated_tls")):
		client["meshTLS"] = map[string]any{"unauthenticatedTLS": true}
	default:
		tls := map[string]any{}
		if len(identities) > 0 {
			tls["identities"] = anyList(identities)
		}
		var refs []any
		for _, a := range accounts {
			ns, name, _ := strings.Cut(a, "/")
			refs = append(refs, map[string]any{"namespace": ns, "name": name})
		}
		if len(refs) > 0 {
			tls["serviceAccounts"] = refs
		}
		client["meshTLS"] = tls
	}
	return map[string]any{"server": server, "client": client}
}

func readLegacy(e env.Env, live map[string]any, attrs map[string]cty.Value) {
	server, _ := live["server"].(map[string]any)
	attrs["server"] = orNull(stringAt(server, "name"))
	attrs["server_selector"] = cty.NullVal(cty.Map(cty.String))
	if selector, ok := server["selector"].(map[string]any); ok {
		match := map[string]string{}
		m, _ := selector["matchLabels"].(map[string]any)
		for k := range m {
			match[k] = stringAt(m, k)
		}
		attrs["server_selector"] = mapValue(match)
	}
	client, _ := live["client"].(map[string]any)
	if _, ok := client["networks"]; ok {
		readNetwork(e, client, attrs)
	} else {
		attrs["networks"] = cty.NullVal(cty.List(networkType().WithoutOptionalAttributesDeep()))
	}
	tls, _ := client["meshTLS"].(map[string]any)
	attrs["unauthenticated"] = cty.BoolVal(client["unauthenticated"] == true)
	attrs["unauthenticated_tls"] = cty.BoolVal(tls["unauthenticatedTLS"] == true)
	identities, _ := tls["identities"].([]any)
	attrs["identities"] = stringList(stringsOf(identities), attrs["identities"])
	var accounts []string
	refs, _ := tls["serviceAccounts"].([]any)
	for _, r := range refs {
		m, _ := r.(map[string]any)
		ns := stringAt(m, "namespace")
		if ns == "" {
			ns = schema.Text(attrs["namespace"])
		}
		accounts = append(accounts, ns+"/"+stringAt(m, "name"))
	}
	attrs["service_accounts"] = stringList(accounts, attrs["service_accounts"])
}

func orderLegacy(v cty.Value, o *providers.Order) {
	ns := schema.Text(v.GetAttr("namespace"))
	o.Provides = append(o.Provides, providers.Tag("linkerd:policies/"+ns))
	if name := schema.Text(v.GetAttr("server")); name != "" {
		o.Provides = append(o.Provides, providers.Tag("linkerd:server-policies/"+ns+"/"+name))
	} else {
		o.Provides = append(o.Provides, providers.Tag("linkerd:server-policies/"+ns))
	}
}

// lintLegacy finds an authorization of nothing and says whom it lets in.
func lintLegacy(s *surroundings, v cty.Value) (hcl.Diagnostics, []string) {
	i := slices.IndexFunc(s.objects.Legacy, func(l Legacy) bool { return l.Name == schema.Text(v.GetAttr("name")) })
	if i < 0 {
		return nil, nil
	}
	l := s.objects.Legacy[i]
	var ds hcl.Diagnostics
	hits := slices.ContainsFunc(s.objects.Servers, func(o Server) bool {
		return l.Server == o.Name && l.Server != "" || l.Selector != nil && selects(l.Selector, o.Labels)
	})
	if !hits {
		what := fmt.Sprintf("There is no Server %q", l.Server)
		if l.Server == "" {
			what = "No Server has the labels of `server_selector`"
		}
		ds = append(ds, diag.At(diag.Warningf(CodeNoTarget, "Target does not exist", "%s in namespace %q, so authorization %q has no effect for now.%s",
			what, schema.Text(v.GetAttr("namespace")), l.Name, diag.Suggest(l.Server, s.serverNames())), cty.GetAttrPath("server")))
	}
	return ds, s.admitted(l.Rule)
}
