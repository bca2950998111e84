package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const meshTLSExample = `resource "linkerd_mesh_tls_authentication" "payment_clients" {
  namespace        = "shop"
  name             = "payment-clients"
  service_accounts = ["shop/tripservice", "shop/userservice"]
}
`

func meshTLSKind() kind {
	return kind{Kind: typed.Kind{
		GroupKind: kschema.GroupKind{Group: policyGroup, Kind: "MeshTLSAuthentication"}, Version: "v1alpha1",
		Declare: meshTLSSchema, Spec: meshTLSSpec, Show: readMeshTLS, Place: orderAuthentication,
		SpecAttributes: []string{"identities", "service_accounts", "namespaces"},
		Risk:           riskOfPermission,
	}, lint: lintMeshTLS}
}

func meshTLSSchema() *schema.Resource {
	list := cty.List(cty.String)
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "Mesh identities that a policy may require",
		Description: "A client matches when its proxy proves one of the identities. Service accounts and namespaces are turned into identities of this mesh, with the provider's trust domain; " +
			"they need not exist yet.",
		Example: meshTLSExample,
		Block: schema.Block{Attributes: typed.Common("authentication", map[string]*schema.Attribute{
			"service_accounts": {Type: list, Optional: true, Validate: eachString(checkAccount), Description: "Service accounts as `namespace/name`."},
			"namespaces":       {Type: list, Optional: true, Validate: eachString(checkNamespace), Description: "Namespaces whose every service account matches."},
			"identities": {Type: list, Optional: true, Validate: eachString(checkIdentity),
				Description: "Identities as they are: `*` for every meshed client, `*.suffix`, a full name, or `spiffe://…`."},
		})},
		Validate: func(v cty.Value) []schema.Problem {
			for _, name := range []string{"service_accounts", "namespaces", "identities"} {
				if a := v.GetAttr(name); !a.IsKnown() || !a.IsNull() && a.LengthInt() > 0 {
					return nil
				}
			}
			return []schema.Problem{{Path: cty.GetAttrPath("service_accounts"), Summary: "Authentication matches nobody",
				Detail: "Give at least one of `service_accounts`, `namespaces` and `identities`; Linkerd refuses an authentication without any."}}
		},
	}
}

func eachString(check func(string) error) func(cty.Value) error {
	return func(v cty.Value) error {
		for _, s := range schema.Texts(v) {
			if err := check(s); err != nil {
				return err
			}
		}
		return nil
	}
}

func checkAccount(s string) error {
	ns, name, ok := strings.Cut(s, "/")
	if !ok || len(validation.IsDNS1123Label(ns)) > 0 || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return fmt.Errorf("%q is not a service account as namespace/name, for instance \"shop/web\"", s)
	}
	return nil
}

func checkNamespace(s string) error {
	if len(validation.IsDNS1123Label(s)) > 0 {
		return fmt.Errorf("%q is not the name of a namespace", s)
	}
	return nil
}

func checkIdentity(s string) error {
	rest, wild := strings.CutPrefix(s, "*.")
	switch {
	case s == "*":
		return nil
	case strings.HasPrefix(s, "spiffe://"):
		if domain, _, ok := strings.Cut(strings.TrimPrefix(s, "spiffe://"), "/"); !ok || domain == "" {
			return fmt.Errorf("%q lacks the trust domain or the path of a SPIFFE identity", s)
		}
		return nil
	case len(validation.IsDNS1123Subdomain(rest)) > 0 || !wild && strings.Contains(s, "*"):
		return fmt.Errorf("%q is not an identity: write `*`, `*.suffix`, a full name such as web.shop.serviceaccount.identity.linkerd.cluster.local, or spiffe://domain/path", s)
	}
	return nil
}

// identitiesOf are the patterns that an authentication holds, sorted.
func identitiesOf(e env.Env, v cty.Value) []string {
	out := schema.Texts(v.GetAttr("identities"))
	for _, s := range schema.Texts(v.GetAttr("service_accounts")) {
		ns, name, _ := strings.Cut(s, "/")
		out = append(out, e.Identity(ns, name))
	}
	for _, ns := range schema.Texts(v.GetAttr("namespaces")) {
		out = append(out, e.NamespaceIdentity(ns))
	}
	return sortedUnique(out)
}

func meshTLSSpec(e env.Env, v cty.Value) map[string]any {
	return map[string]any{"identities": anyList(identitiesOf(e, v))}
}

// readMeshTLS shows what is missing and what was added: an identity that service accounts or namespaces stand for stays
// there, any other is listed as it is.
func readMeshTLS(e env.Env, live map[string]any, attrs map[string]cty.Value) {
	list, _ := live["identities"].([]any)
	left := stringsOf(list)
	keep := func(attribute string, identity func(string) string) {
		var kept []string
		for _, s := range schema.Texts(attrs[attribute]) {
			if i := slices.Index(left, identity(s)); i >= 0 {
				kept = append(kept, s)
				left = slices.Delete(left, i, i+1)
			}
		}
		attrs[attribute] = stringList(kept, attrs[attribute])
	}
	keep("service_accounts", func(s string) string {
		ns, name, _ := strings.Cut(s, "/")
		return e.Identity(ns, name)
	})
	keep("namespaces", e.NamespaceIdentity)
	var identities []string
	for _, s := range schema.Texts(attrs["identities"]) { // in the recorded order first
		if i := slices.Index(left, s); i >= 0 {
			identities = append(identities, s)
			left = slices.Delete(left, i, i+1)
		}
	}
	attrs["identities"] = stringList(append(identities, left...), attrs["identities"])
}

func orderAuthentication(v cty.Value, o *providers.Order) {
	o.Provides = append(o.Provides, providers.Tag("linkerd:authentications/"+schema.Text(v.GetAttr("namespace"))))
}

// lintMeshTLS warns of identities that no client of this mesh can prove.
func lintMeshTLS(s *surroundings, v cty.Value) (hcl.Diagnostics, []string) {
	var ds hcl.Diagnostics
	for i, identity := range schema.Texts(v.GetAttr("identities")) {
		if !strings.Contains(identity, ".serviceaccount.identity.") {
			continue
		}
		if _, _, ours := s.env.Account(identity); !ours {
			ds = append(ds, diag.At(diag.Warningf(CodeForeignDomain, "Identity of another mesh",
				"The identity %q does not end in %q, so no client of this mesh can prove it. For service accounts of this mesh use `service_accounts`.",
				identity, "serviceaccount.identity."+s.env.Namespace()+"."+s.env.TrustDomain()), cty.GetAttrPath("identities").IndexInt(i)))
		}
	}
	return ds, nil
}
