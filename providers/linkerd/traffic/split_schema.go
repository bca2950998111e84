package traffic

import (
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

const splitExample = `resource "linkerd_traffic_split" "payment" {
  namespace = "shop"
  service   = "paymentservice"
  port      = 80

  backend "paymentservice" { weight = 50 }
  backend "paymentservice-v2" { weight = 50 }

  # Testers get the new version whatever the weights are.
  match {
    headers = { "x-canary" = "yes" }
    backend = "paymentservice-v2"
  }

  # 5%, 25%, then what is asked for; back to the old weights when the new version fails.
  canary {
    steps            = [10, 50]
    window           = "2m"
    min_requests     = 100
    min_success_rate = 0.99
    max_latency      = "500ms"
  }
}
`

func splitSchema() *schema.Resource {
	texts := cty.Map(cty.String)
	return &schema.Resource{
		Summary: "Divides the calls of a Service among backends, at once or as a canary that returns by itself",
		Description: "Makes one HTTPRoute for the Service. Meshed clients that call its cluster IP follow it; others do not. With `match`, requests of some headers go to one backend whatever the weights are (A/B).\n\n" +
			"With `canary`, a change of weights is carried out by steps. After each the proxies of the backends that get more traffic are watched: when their success rate or latency is not good enough, or too little was seen, " +
			"the weights of before are put back and the step fails with the numbers. A run that was interrupted goes on with the step at which it stopped.\n\n" +
			"A ServiceProfile of the Service would put all of this out of force; a plan says so.",
		Example: splitExample,
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"namespace":       {Type: cty.String, Required: true, Replace: true, Description: "Namespace of the Services and of the route."},
			"service":         {Type: cty.String, Required: true, Replace: true, Description: "Service that clients call."},
			"port":            {Type: cty.Number, Required: true, Validate: whole(1, 65535), Description: "Port of that Service."},
			"name":            {Type: cty.String, Optional: true, Replace: true, Description: "Name of the route. Default: the Service's."},
			"api":             typed.Choice(policyGroup, "API group of the route: Linkerd's own, or the Gateway API's, whose CRDs must be there.", policyGroup, gatewayGroup),
			"on_exists":       typed.Choice(kube.OnExistsError, "What to do when the route exists and is not ours.", kube.OnExistsError, kube.OnExistsAdopt),
			"conflicts":       typed.Choice(kube.ConflictsError, "What to do when somebody else owns a field of the route.", kube.ConflictsError, kube.ConflictsForce, kube.ConflictsYield),
			"field_conflicts": kube.FieldConflictsAttribute("the route"),
			"weights":         {Type: cty.Map(cty.Number), Computed: true, Description: "Weights in force, by backend."},
		}, Blocks: map[string]*schema.NestedBlock{
			"backend": {Nesting: schema.Map, Label: "name of a Service", Required: true, Description: "A Service that gets a part of the calls.", Block: schema.Block{Attributes: map[string]*schema.Attribute{
				"weight": {Type: cty.Number, Required: true, Validate: whole(0, 1000000), Description: "Its part is the weight divided by the sum of all; 0 sends nothing."},
				"port":   {Type: cty.Number, Optional: true, Validate: whole(1, 65535), Description: "Port of the backend's Service. Default: `port`."},
			}}},
			"match": {Nesting: schema.List, Max: 15, Description: "Requests that go to one backend whatever the weights are.", Block: schema.Block{Attributes: map[string]*schema.Attribute{
				"backend":         {Type: cty.String, Required: true, Description: "Name of the backend."},
				"headers":         {Type: texts, Optional: true, Description: "Headers that must have exactly these values."},
				"header_patterns": {Type: texts, Optional: true, Description: "Headers that must match these regular expressions."},
				"path":            {Type: cty.String, Optional: true, Default: cty.StringVal("/"), Description: "Beginning of the path. Default /."},
			}}},
			"canary": {Nesting: schema.Single, Description: "Change weights by steps, each of which must prove itself.", Block: schema.Block{Attributes: map[string]*schema.Attribute{
				"steps": {Type: cty.List(cty.Number), Optional: true, Validate: checkSteps, Default: cty.ListVal([]cty.Value{cty.NumberIntVal(5), cty.NumberIntVal(25), cty.NumberIntVal(50)}),
					Description: "How much of the change is made at each step, in percent, growing. The whole change follows the last one. Default [5, 25, 50]."},
				"window":           {Type: cty.String, Optional: true, Default: cty.StringVal("1m"), Validate: checkGap, Description: "How long traffic is watched after a step. Default 1m."},
				"timeout":          {Type: cty.String, Optional: true, Default: cty.StringVal("10m"), Validate: checkGap, Description: "How long to wait at a step for enough requests. Default 10m."},
				"min_requests":     {Type: cty.Number, Optional: true, Default: cty.NumberIntVal(10), Validate: whole(0, 1000000000), Description: "Responses that a window must have seen; 0 goes on without evidence. Default 10."},
				"min_success_rate": {Type: cty.Number, Optional: true, Default: cty.NumberFloatVal(0.99), Validate: share, Description: "Share of the responses that must be successes, from 0 to 1. Default 0.99."},
				"max_latency":      {Type: cty.String, Optional: true, Validate: checkGap, Description: "Greatest 99th percentile of the response latency. Default: any."},
			}}},
		}},
		Validate: validateSplit,
	}
}

func checkSteps(v cty.Value) error {
	last := 0.0
	for _, e := range v.AsValueSlice() {
		f, _ := e.AsBigFloat().Float64()
		if f <= last || f >= 100 {
			return fmt.Errorf("steps grow from more than 0 to less than 100 percent")
		}
		last = f
	}
	return nil
}

func validateSplit(v cty.Value) []schema.Problem {
	s, known := splitSpecOf(v)
	if !known {
		return nil
	}
	var out []schema.Problem
	total := int64(0)
	for _, n := range s.weights {
		total += n
	}
	if total == 0 {
		out = append(out, schema.Problem{Path: cty.GetAttrPath("backend"), Summary: "All weights are 0", Detail: "Every request of the Service would fail. Give at least one backend a weight."})
	}
	if len(s.weights) > 16 {
		out = append(out, schema.Problem{Path: cty.GetAttrPath("backend"), Summary: "Too many backends", Detail: "A rule has at most 16 backends."})
	}
	for i, m := range s.matches {
		at := cty.GetAttrPath("match").IndexInt(i)
		if _, ok := s.weights[m.backend]; !ok {
			out = append(out, schema.Problem{Path: at.GetAttr("backend"), Summary: "No such backend", Detail: fmt.Sprintf("%q is not the label of a backend block. Add one (with weight 0, if it is for these requests only).", m.backend)})
		}
		if m.match["headers"] == nil && m.everyPath {
			out = append(out, schema.Problem{Path: at, Summary: "Match takes every request", Detail: "Without headers and path it matches every request, and the weights are never used."})
		}
	}
	return out
}

// splitSpec is the configuration in Go terms.
type splitSpec struct {
	namespace, service, name, api string
	port                          int64
	weights                       weights
	ports                         map[string]int64
	matches                       []splitMatch
	canary                        *canarySpec
}

type splitMatch struct {
	match     map[string]any
	backend   string
	everyPath bool
}

type canarySpec struct {
	steps                  []float64
	window, timeout        time.Duration
	maxLatency             time.Duration // 0 means any
	minRequests, minResult float64
}

// splitSpecOf reads a value; known is false when a part that makes up the route is not known yet.
func splitSpecOf(v cty.Value) (s splitSpec, known bool) {
	for _, name := range []string{"namespace", "service", "port", "name", "api", "backend", "match", "canary"} {
		if !v.GetAttr(name).IsWhollyKnown() {
			return s, false
		}
	}
	s = splitSpec{namespace: schema.Text(v.GetAttr("namespace")), service: schema.Text(v.GetAttr("service")), name: schema.Text(v.GetAttr("name")), api: schema.Text(v.GetAttr("api")),
		weights: weights{}, ports: map[string]int64{}}
	if p := v.GetAttr("port"); !p.IsNull() {
		s.port = integer(p)
	}
	if s.name == "" {
		s.name = s.service
	}
	if b := v.GetAttr("backend"); !b.IsNull() {
		for name, e := range b.AsValueMap() {
			s.weights[name], s.ports[name] = integer(e.GetAttr("weight")), s.port
			if p := e.GetAttr("port"); !p.IsNull() {
				s.ports[name] = integer(p)
			}
		}
	}
	if l := v.GetAttr("match"); !l.IsNull() {
		for _, m := range l.AsValueSlice() {
			path := schema.Text(m.GetAttr("path"))
			match := map[string]any{"path": map[string]any{"type": "PathPrefix", "value": path}}
			if headers := append(named(m.GetAttr("headers"), "Exact"), named(m.GetAttr("header_patterns"), "RegularExpression")...); len(headers) > 0 {
				match["headers"] = headers
			}
			s.matches = append(s.matches, splitMatch{match, schema.Text(m.GetAttr("backend")), path == "/" || path == ""})
		}
	}
	if c := v.GetAttr("canary"); !c.IsNull() {
		s.canary = canaryOf(c)
	}
	return s, true
}

func canaryOf(c cty.Value) *canarySpec {
	float := func(name string) float64 {
		f, _ := c.GetAttr(name).AsBigFloat().Float64()
		return f
	}
	gap := func(name string) time.Duration {
		d, _ := time.ParseDuration(schema.Text(c.GetAttr(name))) // the schema has checked it
		return d
	}
	out := &canarySpec{window: gap("window"), timeout: gap("timeout"), maxLatency: gap("max_latency"), minRequests: float("min_requests"), minResult: float("min_success_rate")}
	for _, e := range c.GetAttr("steps").AsValueSlice() {
		f, _ := e.AsBigFloat().Float64()
		out.steps = append(out.steps, f)
	}
	return out
}
