package policy

import (
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"
	kschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const networkExample = `resource "linkerd_network_authentication" "kubelet" {
  namespace = "shop"
  name      = "kubelet"
  networks  = [{ cidr = "10.0.0.0/16", except = ["10.0.99.0/24"] }]
}
`

func networkKind() kind {
	return kind{Kind: typed.Kind{
		GroupKind: kschema.GroupKind{Group: policyGroup, Kind: "NetworkAuthentication"}, Version: "v1alpha1",
		Declare: networkSchema, Spec: networkSpec, Show: readNetwork, Place: orderAuthentication,
		SpecAttributes: []string{"networks"},
		Risk:           riskOfPermission,
	}}
}

func networkType() cty.Type {
	return cty.ObjectWithOptionalAttrs(map[string]cty.Type{"cidr": cty.String, "except": cty.List(cty.String)}, []string{"except"})
}

func networkSchema() *schema.Resource {
	return &schema.Resource{
		Import:      typed.ImportID,
		Summary:     "Client addresses that a policy may require",
		Description: "A client matches when its address is in one of the networks and in none of that network's exceptions. An address proves no identity: with this alone, clients without mTLS are admitted.",
		Example:     networkExample,
		Block: schema.Block{Attributes: typed.Common("authentication", map[string]*schema.Attribute{
			"networks": {Type: cty.List(networkType()), Required: true, Validate: checkNetworks,
				Description: "Networks: `cidr`, and `except` for parts of it that do not match."},
		})},
	}
}

// checkNetworks repeats the rules of the admission webhook.
func checkNetworks(v cty.Value) error {
	if v.LengthInt() == 0 {
		return fmt.Errorf("at least one network is needed")
	}
	for _, e := range v.AsValueSlice() {
		cidr, err := parsePrefix(schema.Text(e.GetAttr("cidr")))
		if err != nil {
			return err
		}
		for _, s := range schema.Texts(e.GetAttr("except")) {
			except, err := parsePrefix(s)
			switch {
			case err != nil:
				return err
			case except.Bits() <= cidr.Bits() && except.Contains(cidr.Addr()):
				return fmt.Errorf("the exception %s leaves nothing of %s", s, cidr)
			case !cidr.Contains(except.Addr()):
				return fmt.Errorf("the exception %s is not inside %s", s, cidr)
			}
		}
	}
	return nil
}

func networkSpec(_ env.Env, v cty.Value) map[string]any {
	list := []any{}
	for _, e := range v.GetAttr("networks").AsValueSlice() {
		n := map[string]any{"cidr": schema.Text(e.GetAttr("cidr"))}
		if except := schema.Texts(e.GetAttr("except")); len(except) > 0 {
			n["except"] = anyList(except)
		}
		list = append(list, n)
	}
	return map[string]any{"networks": list}
}

func readNetwork(_ env.Env, live map[string]any, attrs map[string]cty.Value) {
	var recorded []cty.Value
	if l := attrs["networks"]; l.IsKnown() && !l.IsNull() {
		recorded = l.AsValueSlice()
	}
	list, _ := live["networks"].([]any)
	var out []cty.Value
	for i, e := range list {
		m, _ := e.(map[string]any)
		l, _ := m["except"].([]any)
		except := stringsOf(l)
		if i < len(recorded) && schema.Text(recorded[i].GetAttr("cidr")) == stringAt(m, "cidr") && slices.Equal(schema.Texts(recorded[i].GetAttr("except")), except) {
			out = append(out, recorded[i])
			continue
		}
		out = append(out, cty.ObjectVal(map[string]cty.Value{
			"cidr": orNull(stringAt(m, "cidr")), "except": stringList(except, cty.NullVal(cty.List(cty.String))),
		}))
	}
	attrs["networks"] = cty.ListValEmpty(networkType().WithoutOptionalAttributesDeep())
	if len(out) > 0 {
		attrs["networks"] = cty.ListVal(out)
	}
}
