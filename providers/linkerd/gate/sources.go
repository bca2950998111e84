package gate

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

// mtlsSource is the data source linkerd_mtls.
type mtlsSource struct{ meter }

const mtlsExample = `data "linkerd_mtls" "shop" {
  namespace = "shop"
  window    = "1m"
}

output "mtls_ratio" {
  value = data.linkerd_mtls.shop.ratio
}
`

func measuredAttributes() map[string]*schema.Attribute {
	return map[string]*schema.Attribute{
		"namespace":  {Type: cty.String, Required: true, Description: "Namespace of the workloads."},
		"window":     {Type: cty.String, Optional: true, Validate: checkDuration, Description: "How long to watch. Default: everything that the proxies remember."},
		"unmeasured": {Type: cty.List(cty.String), Computed: true, Description: "Pods whose proxies did not answer, with the reason."},
	}
}

func flowType() cty.Type {
	return cty.Object(map[string]cty.Type{"workload": cty.String, "port": cty.String, "client": cty.String, "tls": cty.String, "reason": cty.String,
		"policy": cty.String, "allowed": cty.Number, "denied": cty.Number})
}

// Schema implements providers.DataSource.
func (mtlsSource) Schema() *schema.Resource {
	attributes := measuredAttributes()
	attributes["ratio"] = &schema.Attribute{Type: cty.Number, Computed: true, Description: "Share of the allowed traffic that was mutual TLS, from 0 to 1; null when there was none."}
	attributes["requests"] = &schema.Attribute{Type: cty.Number, Computed: true, Description: "Allowed requests and connections."}
	attributes["denied"] = &schema.Attribute{Type: cty.Number, Computed: true, Description: "Refused requests and connections."}
	attributes["flows"] = &schema.Attribute{Type: cty.List(flowType()), Computed: true, Description: "Traffic by workload, port, client identity and the policy that decided."}
	return &schema.Resource{Summary: "Share of mutual TLS in a namespace's inbound traffic",
		Description: "Read from the proxies' admin ports. Probes of the kubelet, the proxies' own ports and loopback are left out.", Example: mtlsExample, Block: schema.Block{Attributes: attributes}}
}

// Read implements providers.DataSource.
func (s mtlsSource) Read(ctx context.Context, req providers.DataRequest) (cty.Value, hcl.Diagnostics) {
	w, _, ds := s.measure(ctx, req.Config)
	if ds.HasErrors() {
		return cty.NullVal(req.Config.Type()), ds
	}
	flows := w.Flows()
	attrs := req.Config.AsValueMap()
	attrs["ratio"] = cty.NullVal(cty.Number)
	if ratio, known := metrics.MTLS(flows).Ratio(); known {
		attrs["ratio"] = cty.NumberFloatVal(ratio)
	}
	allowed, denied := metrics.Verdicts(flows)
	attrs["requests"], attrs["denied"] = cty.NumberFloatVal(allowed), cty.NumberFloatVal(denied)
	var list []cty.Value
	for _, f := range flows {
		list = append(list, cty.ObjectVal(map[string]cty.Value{
			"workload": cty.StringVal(f.Workload), "port": cty.StringVal(f.Port), "client": orNull(f.Client), "tls": cty.StringVal(f.TLS),
			"reason": orNull(f.Reason), "policy": orNull(f.Authorization.String()), "allowed": cty.NumberFloatVal(f.Allowed), "denied": cty.NumberFloatVal(f.Denied),
		}))
	}
	attrs["flows"] = listOf(flowType(), list)
	attrs["unmeasured"] = unmeasuredValue(w)
	return cty.ObjectVal(attrs), nil
}

// edgesSource is the data source linkerd_edges.
type edgesSource struct{ meter }

const edgesExample = `data "linkerd_edges" "shop" {
  namespace = "shop"
}

output "callers" {
  value = [for e in data.linkerd_edges.shop.edges : "${coalesce(e.from, "outside the mesh")} -> ${e.to}"]
}
`

func edgeType() cty.Type {
	return cty.Object(map[string]cty.Type{"from_namespace": cty.String, "from": cty.String, "to_namespace": cty.String, "to": cty.String,
		"mtls": cty.Bool, "reason": cty.String, "requests": cty.Number})
}

// Schema implements providers.DataSource.
func (edgesSource) Schema() *schema.Resource {
	attributes := measuredAttributes()
	attributes["edges"] = &schema.Attribute{Type: cty.List(edgeType()), Computed: true,
		Description: "Who called whom. `from` is `kind/name`, the identity of a caller whose proxy was not read, or null for one without mTLS."}
	return &schema.Resource{Summary: "Dependency map of a namespace", Description: "Read from both sides of each call: the callers' outbound and the servers' inbound metrics. No Prometheus is needed.",
		Example: edgesExample, Block: schema.Block{Attributes: attributes}}
}

// Read implements providers.DataSource.
func (s edgesSource) Read(ctx context.Context, req providers.DataRequest) (cty.Value, hcl.Diagnostics) {
	w, identities, ds := s.measure(ctx, req.Config)
	if ds.HasErrors() {
		return cty.NullVal(req.Config.Type()), ds
	}
	var list []cty.Value
	for _, e := range w.Edges(func(identity string) bool { return identities[identity] }) {
		list = append(list, cty.ObjectVal(map[string]cty.Value{
			"from_namespace": orNull(e.FromNamespace), "from": orNull(e.From), "to_namespace": orNull(e.ToNamespace), "to": cty.StringVal(e.To),
			"mtls": cty.BoolVal(e.Mutual), "reason": orNull(e.Reason), "requests": cty.NumberFloatVal(e.Requests),
		}))
	}
	attrs := req.Config.AsValueMap()
	attrs["edges"] = listOf(edgeType(), list)
	attrs["unmeasured"] = unmeasuredValue(w)
	return cty.ObjectVal(attrs), nil
}

// meter is what the data sources have in common.
type meter struct{ env env.Env }

// measure reads the proxies of a namespace and returns the identities of the pods that were read.
func (m meter) measure(ctx context.Context, config cty.Value) (metrics.Window, map[string]bool, hcl.Diagnostics) {
	c := m.env.Cluster()
	ns := schema.Text(config.GetAttr("namespace"))
	o, err := mesh.Observe(ctx, c, ns)
	if err != nil {
		return metrics.Window{}, nil, c.Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Namespace", Name: ns})
	}
	if o.Namespace == nil {
		return metrics.Window{}, nil, hcl.Diagnostics{diag.At(diag.Errorf(CodeNoNamespace, "Namespace does not exist", "There is no namespace %q. Correct the name.", ns), cty.GetAttrPath("namespace"))}
	}
	var pods []metrics.Pod
	for _, w := range o.Workloads {
		pods = append(pods, w.Proxies()...)
	}
	scraper := metrics.Scraper{Forward: c.Forward}
	round := scraper.Scrape(ctx, pods)
	window := metrics.SinceStart(round)
	if d, err := time.ParseDuration(schema.Text(config.GetAttr("window"))); err == nil {
		if !pause(ctx, d) {
			return window, nil, diag.FromError(CodeNoData, "Interrupted", fmt.Errorf("the window was interrupted: %w", context.Cause(ctx)), nil)
		}
		window = metrics.Between(round, scraper.Scrape(ctx, pods))
	}
	identities := map[string]bool{}
	for _, g := range window.Growth {
		identities[m.env.Identity(g.Pod.Namespace, g.Pod.ServiceAccount)] = true
	}
	return window, identities, nil
}

func unmeasuredValue(w metrics.Window) cty.Value {
	var out []cty.Value
	for _, text := range unmeasured(w) {
		out = append(out, cty.StringVal(text))
	}
	return listOf(cty.String, out)
}

func listOf(t cty.Type, list []cty.Value) cty.Value {
	if len(list) == 0 {
		return cty.ListValEmpty(t)
	}
	return cty.ListVal(list)
}

func orNull(s string) cty.Value {
	if s == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(s)
}
