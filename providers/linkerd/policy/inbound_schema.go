package policy

import (
	"errors"
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

const inboundExample = `resource "linkerd_injection" "shop" {
  namespace = "shop"
}

resource "linkerd_mesh_tls_authentication" "shop" {
  namespace  = "shop"
  name       = "shop"
  namespaces = ["shop"]
}

# A policy for the namespace counts for every Server in it.
resource "linkerd_authorization_policy" "shop" {
  namespace                = "shop"
  name                     = "shop"
  target                   = { kind = "Namespace", name = "shop" }
  required_authentications = [linkerd_mesh_tls_authentication.shop]
}

resource "linkerd_inbound_policy" "shop" {
  namespace = "shop"
  mode      = "deny"

  gate {
    window       = "2m"
    min_requests = 100
  }
  depends_on = [linkerd_injection.shop, linkerd_authorization_policy.shop]
}
`

func proofType() cty.Type {
	return cty.Object(map[string]cty.Type{"allowed": cty.Number, "denied": cty.Number, "window": cty.String})
}

func inboundSchema() *schema.Resource {
	return &schema.Resource{
		Summary: "Moves a namespace from open ports to mTLS and explicit permissions, by steps",
		Description: "Every declared port of a meshed workload that no other Server covers gets one of its own, whose access policy is raised step by step: `audit`, `all-authenticated`, `deny`. " +
			"Access policies of Servers take effect at once, without a restart. Before each step the traffic of a window is judged by the policies as they would be after it: " +
			"when a client would be refused, the step is not taken and the pair is named. After the last step refusals are counted again, and some send the namespace back to the step before.\n\n" +
			"A window without traffic proves nothing. Destroying the resource opens the ports before it removes the Servers.",
		Example: inboundExample,
		Block: schema.Block{
			Attributes: map[string]*schema.Attribute{
				"namespace": {Type: cty.String, Required: true, Replace: true, Description: "Namespace to protect."},
				"mode": {Type: cty.String, Required: true, OneOf: ladder(),
					Description: "`audit` admits everybody and counts whom `deny` would refuse, `all-authenticated` requires mTLS, `deny` requires a permission by a policy."},
				"workloads": {Type: cty.List(cty.String), Optional: true, Description: "Workloads as `kind/name`. Default: all meshed ones of the namespace."},
				"effective": {Type: cty.String, Computed: true, Description: "The weakest access policy that is in force on a covered port, `none` when a port has lost its Server."},
				"servers":   {Type: cty.Map(cty.String), Computed: true, Description: "Names of the Servers by `kind/name:port`."},
				"proof":     {Type: proofType(), Computed: true, Description: "What the last window saw: requests that were allowed, requests that the mode refuses, and its length."},
			},
			Blocks: map[string]*schema.NestedBlock{"gate": {Nesting: schema.Single, Description: "What must be seen before and after a step.", Block: schema.Block{
				Attributes: map[string]*schema.Attribute{
					"window":       {Type: cty.String, Optional: true, Default: cty.StringVal("1m"), Validate: checkSpan, Description: "How long traffic is watched before and after a step. Default 1m."},
					"max_denied":   {Type: cty.Number, Optional: true, Default: cty.Zero, Validate: checkCount, Description: "How many refused requests in a window are tolerated. Default 0."},
					"min_requests": {Type: cty.Number, Optional: true, Default: cty.NumberIntVal(1), Validate: checkCount, Description: "How many requests a window must have seen to prove anything; 0 enforces without evidence. Default 1."},
					"timeout":      {Type: cty.String, Optional: true, Default: cty.StringVal("10m"), Validate: checkSpan, Description: "How long to wait for a window that permits the next step. Default 10m."},
				},
			}}},
		},
	}
}

// ladder are the modes from the weakest to the strictest.
func ladder() []string { return []string{Audit, AllAuthenticated, Deny} }

func checkSpan(v cty.Value) error {
	if d, err := time.ParseDuration(v.AsString()); err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as \"1m\"", v.AsString())
	}
	return nil
}

func checkCount(v cty.Value) error {
	if n := v.AsBigFloat(); n.Sign() < 0 || !n.IsInt() {
		return errors.New("it must be a whole number that is not negative")
	}
	return nil
}

// inboundSpec is the configuration in Go terms.
type inboundSpec struct {
	namespace, mode       string
	workloads             []string
	window, timeout       time.Duration
	maxDenied, minRequest float64
}

func inboundSpecOf(v cty.Value) (s inboundSpec, known bool) {
	for _, name := range []string{"namespace", "mode", "workloads", "gate"} {
		if !v.GetAttr(name).IsWhollyKnown() {
			return s, false
		}
	}
	s = inboundSpec{namespace: schema.Text(v.GetAttr("namespace")), mode: schema.Text(v.GetAttr("mode")), workloads: schema.Texts(v.GetAttr("workloads")),
		window: time.Minute, timeout: 10 * time.Minute, minRequest: 1}
	if g := v.GetAttr("gate"); !g.IsNull() {
		s.window, _ = time.ParseDuration(schema.Text(g.GetAttr("window"))) // the schema has checked them
		s.timeout, _ = time.ParseDuration(schema.Text(g.GetAttr("timeout")))
		s.maxDenied, _ = g.GetAttr("max_denied").AsBigFloat().Float64()
		s.minRequest, _ = g.GetAttr("min_requests").AsBigFloat().Float64()
	}
	return s, true
}
