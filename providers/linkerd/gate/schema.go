package gate

import (
	"errors"
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

const gateExample = `resource "linkerd_injection" "shop" {
  namespace = "shop"
}

resource "linkerd_gate" "encrypted" {
  expect       = "mtls"
  namespace    = "shop"
  window       = "1m"
  min_requests = 100
  timeout      = "10m"
  triggers     = { meshed = linkerd_injection.shop.meshed }
}
`

// The statements that a gate can prove.
const (
	expectMeshed       = "meshed"
	expectMTLS         = "mtls"
	expectSuccess      = "success_rate"
	expectCertificates = "certificates"
	expectChecks       = "checks"
)

func gateSchema() *schema.Resource {
	return &schema.Resource{
		Summary: "Blocks its dependents until something about the mesh is proved",
		Description: "`meshed`: every pod of the workloads is fully meshed. `mtls`: the traffic that reached the workloads within the window was mutual TLS. " +
			"`success_rate`: their responses were successes, and fast enough. `certificates`: no certificate of the mesh ends soon. `checks`: no check of the control plane fails.\n\n" +
			"Traffic is measured at the proxies' admin ports. Too little traffic and pods that do not answer leave the statement open, and the gate fails at its timeout. " +
			"A proof is recorded and not repeated while the arguments are the same; use `triggers` to repeat it when something else changes, or `recheck`.",
		Example: gateExample,
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"expect": {Type: cty.String, Required: true, OneOf: []string{expectMeshed, expectMTLS, expectSuccess, expectCertificates, expectChecks},
				Description: "The statement to prove."},
			"namespace": {Type: cty.String, Optional: true, Description: "Namespace of the workloads. Required for `meshed`, `mtls` and `success_rate`; with `certificates`, the proxies in it are looked at too."},
			"workloads": {Type: cty.List(cty.String), Optional: true, Description: "Workloads as `kind/name`. Default: all of the namespace that do not opt out."},
			"window":    {Type: cty.String, Optional: true, Default: cty.StringVal("30s"), Validate: checkDuration, Description: "How long traffic is watched for one proof. Default 30s."},
			"min_requests": {Type: cty.Number, Optional: true, Default: cty.NumberIntVal(1), Validate: notNegative,
				Description: "How many requests (or connections) must have been seen in the window. Default 1."},
			"min_ratio": {Type: cty.Number, Optional: true, Default: cty.NumberIntVal(1), Validate: share,
				Description: "Share of the traffic that must be mutual TLS (`mtls`), from 0 to 1. Default 1."},
			"min_success_rate": {Type: cty.Number, Optional: true, Default: cty.NumberFloatVal(0.99), Validate: share,
				Description: "Share of the responses that must be successes (`success_rate`), from 0 to 1. Default 0.99."},
			"max_latency": {Type: cty.String, Optional: true, Validate: checkDuration, Description: "Greatest 99th percentile of the response latency (`success_rate`). Default: any."},
			"min_remaining": {Type: cty.String, Optional: true, Default: cty.StringVal("1h"), Validate: checkDuration,
				Description: "How long every certificate must still be valid (`certificates`). Certificates of proxies live a day. Default 1h."},
			"timeout":  {Type: cty.String, Optional: true, Default: cty.StringVal("5m"), Validate: checkDuration, Description: "How long to look before the gate fails. Default 5m."},
			"triggers": {Type: cty.Map(cty.String), Optional: true, Description: "Any values; when one changes, the proof is repeated."},
			"recheck": {Type: cty.Bool, Optional: true, Default: cty.False,
				Description: "Repeat the proof: for `meshed`, `certificates` and `checks` when a refresh finds that it does not hold any more, for traffic in every run. Default false."},
			"result": {Type: cty.String, Computed: true, Description: "What was proved, for instance `5/5 workloads meshed`."},
		}},
		Validate: func(v cty.Value) []schema.Problem {
			expect, ns := v.GetAttr("expect"), v.GetAttr("namespace")
			if !expect.IsKnown() || !ns.IsNull() {
				return nil
			}
			switch schema.Text(expect) {
			case expectMeshed, expectMTLS, expectSuccess:
				return []schema.Problem{{Path: cty.GetAttrPath("namespace"), Summary: "Namespace is missing",
					Detail: fmt.Sprintf("The statement %q is about the workloads of a namespace: set `namespace`.", schema.Text(expect))}}
			}
			return nil
		},
	}
}

func checkDuration(v cty.Value) error {
	if d, err := time.ParseDuration(v.AsString()); err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration such as \"30s\"", v.AsString())
	}
	return nil
}

func notNegative(v cty.Value) error {
	if v.AsBigFloat().Sign() < 0 {
		return errors.New("it must not be negative")
	}
	return nil
}

func share(v cty.Value) error {
	if f, _ := v.AsBigFloat().Float64(); f < 0 || f > 1 {
		return errors.New("it must be between 0 and 1")
	}
	return nil
}

// spec is the configuration in Go terms.
type spec struct {
	expect, namespace             string
	workloads                     []string
	window, timeout, minRemaining time.Duration
	maxLatency                    time.Duration // 0 means any
	minRequests                   float64
	minRatio, minSuccess          float64
}

func specOf(v cty.Value) spec {
	number := func(name string) float64 {
		if n := v.GetAttr(name); n.IsKnown() && !n.IsNull() {
			f, _ := n.AsBigFloat().Float64()
			return f
		}
		return 0
	}
	span := func(name string) time.Duration {
		d, _ := time.ParseDuration(schema.Text(v.GetAttr(name))) // the schema has checked it
		return d
	}
	return spec{
		expect: schema.Text(v.GetAttr("expect")), namespace: schema.Text(v.GetAttr("namespace")), workloads: schema.Texts(v.GetAttr("workloads")),
		window: span("window"), timeout: span("timeout"), minRemaining: span("min_remaining"), maxLatency: span("max_latency"),
		minRequests: number("min_requests"), minRatio: number("min_ratio"), minSuccess: number("min_success_rate"),
	}
}
