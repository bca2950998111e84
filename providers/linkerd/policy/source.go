package policy

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

// source is the data source linkerd_policy.
type source struct{ env env.Env }

const sourceExample = `data "linkerd_policy" "shop" {
  namespace = "shop"
}

output "open_ports" {
  value = [for p in data.linkerd_policy.shop.ports : "${p.workload}:${p.port}" if p.unauthenticated]
}
`

func portType() cty.Type {
	list := cty.List(cty.String)
	return cty.Object(map[string]cty.Type{
		"workload": cty.String, "port": cty.Number, "server": cty.String, "access_policy": cty.String, "unauthenticated": cty.Bool,
		"admits": list, "refuses": list, "shadowed": list, "ignored": list, "meshed": cty.Bool,
	})
}

// Schema implements providers.DataSource.
func (source) Schema() *schema.Resource {
	return &schema.Resource{
		Summary: "Effective inbound policy of every declared port of a namespace's workloads",
		Description: "Computed from live objects as the policy controller does. `admits` and `refuses` name workloads of the same namespace. A workload without proxies enforces nothing, whatever its policy says: " +
			"`meshed` is false for it.",
		Example: sourceExample,
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"namespace": {Type: cty.String, Required: true, Description: "Namespace of the workloads."},
			"ports":     {Type: cty.List(portType()), Computed: true, Description: "The ports, in order of workload and number."},
		}},
	}
}

// Read implements providers.DataSource.
func (s source) Read(ctx context.Context, req providers.DataRequest) (cty.Value, hcl.Diagnostics) {
	c, ns := s.env.Cluster(), schema.Text(req.Config.GetAttr("namespace"))
	d, err := LoadDefaults(ctx, c, s.env)
	if err != nil {
		return cty.NullVal(req.Config.Type()), c.Diagnose(err, "get", namespaceRef(s.env.Namespace()))
	}
	observed, err := mesh.Observe(ctx, c, ns)
	if err != nil {
		return cty.NullVal(req.Config.Type()), c.Diagnose(err, "list", namespaceRef(ns))
	}
	if observed.Namespace == nil {
		return cty.NullVal(req.Config.Type()), hcl.Diagnostics{diag.At(diag.Errorf(CodeNoNamespace, "Namespace does not exist", "There is no namespace %q. Correct the name.", ns), cty.GetAttrPath("namespace"))}
	}
	objects, err := LoadObjects(ctx, c, s.env, ns, d)
	if err != nil {
		return cty.NullVal(req.Config.Type()), c.Diagnose(err, "list", namespaceRef(ns))
	}
	var out []cty.Value
	for _, w := range observed.Workloads {
		if len(w.Current) == 0 {
			continue
		}
		pod := w.Current[0]
		var numbers []int
		for _, p := range containerPorts(pod) {
			numbers = append(numbers, int(p.ContainerPort))
		}
		for _, port := range sortedPorts(numbers) {
			e := Evaluate(pod, port, objects, d, s.env)
			plain, _ := e.Decide(Client{}, "")
			var admits, refuses, ignored []string
			for _, from := range observed.Workloads {
				client := Client{}
				if len(from.Proxies()) > 0 {
					client.Identity = s.env.Identity(ns, from.ServiceAccount())
				}
				if decision, _ := e.Decide(client, ""); decision == Denied {
					refuses = append(refuses, from.Name)
				} else {
					admits = append(admits, from.Name)
				}
			}
			for _, i := range e.Ignored {
				ignored = append(ignored, i.Name+": "+i.Reason)
			}
			none := cty.ListValEmpty(cty.String)
			out = append(out, cty.ObjectVal(map[string]cty.Value{
				"workload": cty.StringVal(w.Name), "port": cty.NumberIntVal(int64(port)), "server": orNull(e.Server), "access_policy": cty.StringVal(e.Access),
				"unauthenticated": cty.BoolVal(plain != Denied), "meshed": cty.BoolVal(len(w.Proxies()) > 0),
				"admits": stringList(admits, none), "refuses": stringList(refuses, none), "shadowed": stringList(e.Shadowed, none), "ignored": stringList(ignored, none),
			}))
		}
	}
	attrs := req.Config.AsValueMap()
	attrs["ports"] = cty.ListValEmpty(portType())
	if len(out) > 0 {
		attrs["ports"] = cty.ListVal(out)
	}
	return cty.ObjectVal(attrs), nil
}
