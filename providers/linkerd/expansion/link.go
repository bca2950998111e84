package expansion

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

// CodeNoCredentials: a Link's Secret with the credentials of the other cluster does not exist.
const CodeNoCredentials diag.Code = "linkerd.link.missing-credentials"

const linkExample = `resource "linkerd_link" "east" {
  namespace                  = "linkerd-multicluster"
  name                       = "east"
  target_cluster             = "east"
  cluster_credentials_secret = "cluster-credentials-east"
  gateway_address            = "east.example"
  gateway_identity           = "linkerd-gateway.linkerd-multicluster.serviceaccount.identity.linkerd.cluster.local"
  selector                   = { "mirror.linkerd.io/exported" = "true" }
  federated_service_selector = { "mirror.linkerd.io/federated" = "member" }
  probe {
    path   = "/ready"
    port   = 4191
    period = "3s"
  }
}
`

func linkKind(e env.Env) typed.Kind {
	return typed.Kind{
		GroupKind: kschema.GroupKind{Group: "multicluster.linkerd.io", Kind: "Link"}, Version: "v1alpha3",
		Needs:   "excluded labels and annotations need v1alpha3. Upgrade the extension multicluster (linkerd_extension).",
		Declare: linkSchema, Spec: linkSpec, Show: readLink,
		SpecAttributes: []string{"target_cluster", "target_cluster_domain", "target_linkerd_namespace", "cluster_credentials_secret", "gateway_address", "gateway_port", "gateway_identity",
			"selector", "remote_discovery_selector", "federated_service_selector", "excluded_labels", "excluded_annotations", "probe"},
		Place: func(v cty.Value, o *providers.Order) {
			o.After = append(o.After, "linkerd:extension/multicluster")
			if s := schema.Text(v.GetAttr("cluster_credentials_secret")); s != "" {
				o.After = append(o.After, providers.Tag("kubernetes:object/"+kube.Ref{Kind: "Secret", Namespace: schema.Text(v.GetAttr("namespace")), Name: s}.Key()))
			}
		},
		Looks: func(v cty.Value) []providers.Right {
			ns, name := schema.Text(v.GetAttr("namespace")), schema.Text(v.GetAttr("cluster_credentials_secret"))
			if ns == "" {
				ns = kube.AnyNamespace
			}
			return []providers.Right{kube.ReadRight(providers.ForPlan, "list", "", "secrets", ns, "see whether the credentials are there", name)}
		},
		Lint: func(ctx context.Context, v cty.Value) (hcl.Diagnostics, []string, error) {
			ds, err := lintLink(ctx, e, v)
			return ds, nil, err
		},
	}
}

func linkSchema() *schema.Resource {
	selector := func(what string) *schema.Attribute {
		return &schema.Attribute{Type: cty.Map(cty.String), Optional: true, Description: what}
	}
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "Another cluster whose Services are mirrored into this one",
		Description: "What `linkerd multicluster link` writes, in the extension's namespace. The Secret with the credentials of the other cluster stays outside of meshplan, which looks whether it is there and never reads what is in it.\n\n" +
			"Both clusters must share a trust anchor; while anchors are rotated, every linked cluster trusts both before any cluster takes an issuer of the new one. " +
			"Links go before the extension when it is removed: its uninstallation refuses while there are any.",
		Example: linkExample,
		Block: schema.Block{Attributes: typed.Common("link", map[string]*schema.Attribute{
			"target_cluster":             {Type: cty.String, Required: true, Validate: checkName(checkLabel), Description: "Name of the other cluster; mirrored Services are called `name-cluster`."},
			"target_cluster_domain":      {Type: cty.String, Optional: true, Default: cty.StringVal("cluster.local"), Validate: checkName(checkServerName), Description: "Domain of the other cluster. Default `cluster.local`."},
			"target_linkerd_namespace":   {Type: cty.String, Optional: true, Default: cty.StringVal("linkerd"), Validate: checkName(checkLabel), Description: "Namespace of the other cluster's control plane. Default `linkerd`."},
			"cluster_credentials_secret": {Type: cty.String, Required: true, Validate: checkName(checkServerName), Description: "Secret of the link's namespace that holds a kubeconfig for the other cluster."},
			"gateway_address":            {Type: cty.String, Optional: true, Validate: checkAddress, Description: "Address of the other cluster's gateway: a name or an IP, several with commas. Without it Services are discovered only (flat networks)."},
			"gateway_port":               {Type: cty.Number, Optional: true, Default: cty.NumberIntVal(4143), Validate: checkPort, Description: "Port of the gateway. Default 4143."},
			"gateway_identity":           {Type: cty.String, Optional: true, Validate: checkName(checkIdentity), Description: "Mesh identity of the gateway; required with `gateway_address`."},
			"selector":                   selector("Labels of Services that are mirrored through the gateway."),
			"remote_discovery_selector":  selector("Labels of Services whose endpoints are discovered, for clusters in one flat network."),
			"federated_service_selector": selector("Labels of Services that join a federated Service of the same name."),
			"excluded_labels":            {Type: cty.List(cty.String), Optional: true, Description: "Labels that mirrored Services do not get; `prefix/*` excludes a prefix."},
			"excluded_annotations":       {Type: cty.List(cty.String), Optional: true, Description: "Annotations that mirrored Services do not get; `prefix/*` excludes a prefix."},
		}), Blocks: map[string]*schema.NestedBlock{"probe": {Nesting: schema.Single, Description: "How the gateway's health is asked for; required with `gateway_address`.", Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"path":              {Type: cty.String, Required: true, Validate: checkPath, Description: "Path of the gateway's health, `/ready` for Linkerd's."},
			"port":              {Type: cty.Number, Required: true, Validate: checkPort, Description: "Port of the gateway's health, 4191 for Linkerd's."},
			"period":            {Type: cty.String, Required: true, Validate: checkSpan, Description: "Time between two questions."},
			"timeout":           {Type: cty.String, Optional: true, Default: cty.StringVal("30s"), Validate: checkSpan, Description: "Time for an answer. Default `30s`."},
			"failure_threshold": {Type: cty.Number, Optional: true, Default: cty.NumberIntVal(3), Validate: checkCount, Description: "Failures in a row after which the gateway counts as down. Default 3."},
		}}}}},
		Validate: validateLink,
	}
}

func checkLabel(s string) error {
	if len(validation.IsDNS1123Label(s)) > 0 {
		return fmt.Errorf("%q is not a name of lower-case letters, digits and hyphens", s)
	}
	return nil
}

func checkAddress(v cty.Value) error {
	for s := range strings.SplitSeq(v.AsString(), ",") {
		s = strings.TrimSpace(s)
		if _, err := netip.ParseAddr(s); err != nil && len(validation.IsDNS1123Subdomain(s)) > 0 {
			return fmt.Errorf("%q is neither an IP address nor a DNS name; the port is gateway_port", s)
		}
	}
	return nil
}

func checkPath(v cty.Value) error {
	if s := v.AsString(); s == "" || s[0] != '/' {
		return fmt.Errorf("the path %q must begin with /", s)
	}
	return nil
}

func checkPort(v cty.Value) error { return checkWhole(v, 65535) }

func checkCount(v cty.Value) error { return checkWhole(v, 1000) }

func checkWhole(v cty.Value, most int64) error {
	if n, exact := v.AsBigFloat().Int64(); !v.AsBigFloat().IsInt() || exact != 0 || n < 1 || n > most {
		return fmt.Errorf("it must be a whole number from 1 to %d", most)
	}
	return nil
}

func checkSpan(v cty.Value) error {
	if d, err := time.ParseDuration(v.AsString()); err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as \"3s\"", v.AsString())
	}
	return nil
}

func validateLink(v cty.Value) []schema.Problem {
	var out []schema.Problem
	address, probe := v.GetAttr("gateway_address"), v.GetAttr("probe")
	if !address.IsKnown() {
		return nil
	}
	if identity := v.GetAttr("gateway_identity"); !address.IsNull() && identity.IsNull() {
		out = append(out, schema.Problem{Path: cty.GetAttrPath("gateway_identity"), Summary: "Gateway without identity",
			Detail: "Clients check the gateway's identity: give gateway_identity, as `linkerd multicluster link` prints it."})
	}
	if !address.IsNull() && probe.IsNull() {
		out = append(out, schema.Problem{Path: cty.GetAttrPath("probe"), Summary: "Gateway without probe",
			Detail: "Without a probe the gateway never counts as alive, and mirrored Services have no endpoints. Add the block probe."})
	}
	selectors := []string{"selector", "remote_discovery_selector", "federated_service_selector"}
	if slices.ContainsFunc(selectors, func(name string) bool {
		s := v.GetAttr(name)
		return !s.IsKnown() || !s.IsNull() && s.LengthInt() > 0
	}) {
		if s := v.GetAttr("selector"); address.IsNull() && s.IsKnown() && !s.IsNull() && s.LengthInt() > 0 {
			out = append(out, schema.Problem{Path: cty.GetAttrPath("selector"), Summary: "Services without gateway",
				Detail: "Services of `selector` are called through the gateway: give gateway_address, or use remote_discovery_selector in a flat network."})
		}
		return out
	}
	return append(out, schema.Problem{Path: cty.GetAttrPath("selector"), Summary: "Link mirrors nothing",
		Detail: "Give at least one of selector, remote_discovery_selector and federated_service_selector. Usual is selector = { \"mirror.linkerd.io/exported\" = \"true\" }."})
}

// lintLink looks whether the credentials are there. Their content is never asked for.
func lintLink(ctx context.Context, e env.Env, v cty.Value) (hcl.Diagnostics, error) {
	c := e.Cluster()
	ref := kube.Ref{Version: "v1", Kind: "Secret", Namespace: schema.Text(v.GetAttr("namespace")), Name: schema.Text(v.GetAttr("cluster_credentials_secret"))}
	found, err := c.ListMetadata(ctx, ref.GVK(), kube.ListOptions{Namespace: ref.Namespace, Fields: "metadata.name=" + ref.Name})
	switch {
	case apierrors.IsForbidden(err):
		return nil, nil
	case err != nil:
		return nil, err
	case len(found) > 0 || c.World().PlansObject(ref.ID()):
		return nil, nil
	}
	return hcl.Diagnostics{diag.At(diag.Warningf(CodeNoCredentials, "Credentials of the other cluster are missing",
		"There is no %s, and this plan does not make it. Without it the controller cannot look into cluster %q, and nothing is mirrored. "+
			"`linkerd multicluster link-gen` on the other cluster writes it.", ref, schema.Text(v.GetAttr("target_cluster"))), cty.GetAttrPath("cluster_credentials_secret"))}, nil
}
