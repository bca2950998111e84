package expansion

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const workloadExample = `resource "linkerd_external_workload" "ledger" {
  namespace   = "shop"
  name        = "ledger-vm"
  labels      = { app = "ledger" }
  identity    = "spiffe://root.linkerd.cluster.local/ledger"
  server_name = "ledger.shop.cluster.local"
  ips         = ["192.0.2.17"]
  ports       = [{ name = "grpc", port = 8080 }]
}

resource "linkerd_server" "ledger" {
  namespace                  = "shop"
  name                       = "ledger-vm"
  external_workload_selector = linkerd_external_workload.ledger.labels
  port                       = 8080
  access_policy              = "deny"
}
`

func workloadKind() typed.Kind {
	return typed.Kind{
		GroupKind: kschema.GroupKind{Group: "workload.linkerd.io", Kind: "ExternalWorkload"}, Version: "v1beta1",
		Needs:   "two addresses and the field meshTLS need v1beta1. Upgrade Linkerd's CRDs (linkerd_crds) to a release of 2.16 or later.",
		Declare: workloadSchema, Spec: workloadSpec, Show: readWorkload,
		SpecAttributes: []string{"identity", "server_name", "ips", "ports"},
	}
}

func portType() cty.Type {
	return cty.ObjectWithOptionalAttrs(map[string]cty.Type{"name": cty.String, "port": cty.Number, "protocol": cty.String}, []string{"name", "protocol"})
}

func workloadSchema() *schema.Resource {
	return &schema.Resource{
		Import:  typed.ImportID,
		Summary: "A machine outside the cluster that is part of the mesh",
		Description: "Services select it by `labels`, as they select pods, and policies name its identity. The machine runs a Linkerd proxy that proves `identity`.\n\n" +
			"Linkerd sends it calls only while its status has the condition Ready. Whoever enrols the machine writes that; meshplan leaves the status alone.",
		Example: workloadExample,
		Block: schema.Block{Attributes: typed.Common("external workload", map[string]*schema.Attribute{
			"identity": {Type: cty.String, Required: true, Validate: checkName(checkIdentity),
				Description: "Mesh identity that the machine's proxy proves: `spiffe://domain/path`, or a name of the mesh's form."},
			"server_name": {Type: cty.String, Required: true, Validate: checkName(checkServerName),
				Description: "Name that clients put into the TLS handshake (SNI); the proxy's certificate has it."},
			"ips":   {Type: cty.List(cty.String), Required: true, Validate: checkIPs, Description: "Addresses of the machine: one, or one of IPv4 and one of IPv6."},
			"ports": {Type: cty.List(portType()), Optional: true, Validate: checkPorts, Description: "Ports on which it serves: `port`, `name` (as Services refer to it) and `protocol` (TCP by default)."},
		})},
	}
}

func checkName(check func(string) error) func(cty.Value) error {
	return func(v cty.Value) error {
		if n := len(v.AsString()); n == 0 || n > 253 {
			return fmt.Errorf("it has between 1 and 253 characters")
		}
		return check(v.AsString())
	}
}

func checkIdentity(s string) error {
	if rest, ok := strings.CutPrefix(s, "spiffe://"); ok {
		if domain, path, ok := strings.Cut(rest, "/"); !ok || domain == "" || path == "" {
			return fmt.Errorf("%q lacks the trust domain or the path of a SPIFFE identity, spiffe://domain/path", s)
		}
		return nil
	}
	if len(validation.IsDNS1123Subdomain(s)) > 0 {
		return fmt.Errorf("%q is not an identity: write spiffe://domain/path, or a full name such as web.shop.serviceaccount.identity.linkerd.cluster.local", s)
	}
	return nil
}

func checkServerName(s string) error {
	if len(validation.IsDNS1123Subdomain(s)) > 0 {
		return fmt.Errorf("%q is not a DNS name; an identity of the form spiffe://… belongs into identity only", s)
	}
	return nil
}

func checkIPs(v cty.Value) error {
	list := schema.Texts(v)
	if len(list) == 0 || len(list) > 2 {
		return fmt.Errorf("give one address, or one of IPv4 and one of IPv6")
	}
	var v4 []bool
	for _, s := range list {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return fmt.Errorf("%q is not an IP address; names are not looked up", s)
		}
		v4 = append(v4, a.Is4())
	}
	if len(v4) == 2 && v4[0] == v4[1] {
		return fmt.Errorf("two addresses must be one of IPv4 and one of IPv6")
	}
	return nil
}

func checkPorts(v cty.Value) error {
	names, numbers := map[string]bool{}, map[string]bool{}
	for _, p := range v.AsValueSlice() {
		n, name, protocol := p.GetAttr("port"), schema.Text(p.GetAttr("name")), schema.Text(p.GetAttr("protocol"))
		if n.IsNull() {
			return fmt.Errorf("a port needs its number, port")
		}
		if !n.IsKnown() {
			continue
		}
		i, exact := n.AsBigFloat().Int64()
		if exact != 0 || i < 1 || i > 65535 {
			return fmt.Errorf("port %s is not a whole number from 1 to 65535", n.AsBigFloat().Text('f', -1))
		}
		protocols := []string{"TCP", "UDP"}
		if protocol != "" && protocol != protocols[0] && protocol != protocols[1] {
			return fmt.Errorf("%q is not one of TCP, UDP.%s", protocol, diag.Suggest(protocol, protocols))
		}
		if name != "" && len(validation.IsValidPortName(name)) > 0 {
			return fmt.Errorf("%q is not the name of a port: at most 15 lower-case letters, digits and hyphens", name)
		}
		if number := fmt.Sprint(i, protocol == "UDP"); name != "" && names[name] || numbers[number] {
			return fmt.Errorf("port %d is listed twice, or its name is", i)
		} else {
			names[name], numbers[number] = true, true
		}
	}
	return nil
}

func workloadSpec(_ env.Env, v cty.Value) map[string]any {
	var ips []any
	for _, ip := range schema.Texts(v.GetAttr("ips")) {
		ips = append(ips, map[string]any{"ip": ip})
	}
	spec := map[string]any{"meshTLS": map[string]any{"identity": schema.Text(v.GetAttr("identity")), "serverName": schema.Text(v.GetAttr("server_name"))}, "workloadIPs": ips}
	if list := v.GetAttr("ports"); !list.IsNull() {
		var ports []any
		for _, p := range list.AsValueSlice() {
			n, _ := p.GetAttr("port").AsBigFloat().Int64()
			port := map[string]any{"port": n, "protocol": "TCP"}
			for _, name := range []string{"name", "protocol"} {
				if s := schema.Text(p.GetAttr(name)); s != "" {
					port[name] = s
				}
			}
			ports = append(ports, port)
		}
		if len(ports) > 0 {
			spec["ports"] = ports
		}
	}
	return spec
}

// readWorkload shows a live workload. What still says what was recorded keeps its recorded spelling.
func readWorkload(e env.Env, live map[string]any, attrs map[string]cty.Value) {
	tls, _ := live["meshTLS"].(map[string]any)
	attrs["identity"], attrs["server_name"] = text(tls, "identity"), text(tls, "serverName")
	recorded := map[string]any{}
	if v := cty.ObjectVal(attrs); v.GetAttr("ips").IsWhollyKnown() && v.GetAttr("ports").IsWhollyKnown() {
		recorded = workloadSpec(e, v)
	}
	if !reflect.DeepEqual(recorded["workloadIPs"], live["workloadIPs"]) {
		attrs["ips"] = list(cty.String, each(live["workloadIPs"], func(m map[string]any) cty.Value { return text(m, "ip") }))
	}
	if !reflect.DeepEqual(recorded["ports"], live["ports"]) {
		attrs["ports"] = list(portType().WithoutOptionalAttributesDeep(), each(live["ports"], func(m map[string]any) cty.Value {
			port := cty.NullVal(cty.Number)
			if n, ok := m["port"].(int64); ok {
				port = cty.NumberIntVal(n)
			}
			return cty.ObjectVal(map[string]cty.Value{"name": text(m, "name"), "port": port, "protocol": text(m, "protocol")})
		}))
	}
}
