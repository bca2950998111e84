package policy

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

// inbound is the resource type linkerd_inbound_policy.
type inbound struct {
	env   env.Env
	world *World
}

// Schema implements providers.ResourceType.
func (inbound) Schema() *schema.Resource { return inboundSchema() }

// Order implements providers.Orderer: everything that is meshed and permitted comes first.
func (inbound) Order(config cty.Value) providers.Order {
	ns := schema.Text(config.GetAttr("namespace"))
	o := providers.Order{After: []providers.Tag{"linkerd:crds", "linkerd:control-plane"}}
	for _, tag := range []string{"kubernetes:namespace/", "linkerd:injection/", "linkerd:server/", "linkerd:policies/", "linkerd:authentications/"} {
		if ns != "" {
			o.After = append(o.After, providers.Tag(tag+ns))
		}
	}
	return o
}

// Plan implements providers.ResourceType.
func (t inbound) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	if req.Config.IsNull() {
		return providers.PlanResponse{Planned: cty.NullVal(req.Prior.Type()), Notes: []string{"opens the ports before it removes their Servers"}}, nil
	}
	res := providers.PlanResponse{Planned: req.Proposed}
	s, known := inboundSpecOf(req.Config)
	if known {
		t.world.Covers(s.namespace)
	}
	if !known || req.Offline {
		if !known || req.Prior.IsNull() || schema.Text(req.Prior.GetAttr("effective")) != s.mode {
			res.Planned = toBeProved(req.Proposed, s.mode)
		}
		return res, nil
	}
	record, err := decodeInbound(req.Private)
	if err != nil {
		return res, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	around, err := t.world.around(ctx, t.env, s.namespace)
	if err != nil {
		return res, t.env.Cluster().Diagnose(err, "list", namespaceRef(s.namespace))
	}
	if req.Prior.IsNull() || req.Replacing {
		record = inboundRecord{}
	}
	covered, notes := covers(around.observed, around.objects.Servers, s.workloads, marked(around.objects.Servers, req.Owner, record.levels()))
	if len(covered) == 0 && req.Prior.IsNull() {
		// The run may be about to mesh the workloads; Apply looks again.
		res.Planned = toBeProved(req.Proposed, s.mode)
		res.Notes = append(res.Notes, "no meshed port yet: covers what the run meshes")
		return res, nil
	}
	work := req.Prior.IsNull() || req.Incomplete || len(covered) != len(record.Covers)
	for _, c := range covered {
		if c.Level != s.mode {
			work = true
			res.Notes = append(res.Notes, fmt.Sprintf("%s: %s", c.key(), strings.Join(steps(c.Level, s.mode), " → ")))
		}
	}
	if !work {
		return res, nil
	}
	res.Planned = toBeProved(req.Proposed, s.mode)
	res.Notes = append(res.Notes, notes...)
	return res, t.foresee(ctx, s, covered, around)
}

// toBeProved leaves to Apply what only it can know.
func toBeProved(v cty.Value, mode string) cty.Value {
	attrs := v.AsValueMap()
	attrs["effective"] = cty.UnknownVal(cty.String)
	if mode != "" {
		attrs["effective"] = cty.StringVal(mode)
	}
	attrs["servers"] = cty.UnknownVal(cty.Map(cty.String))
	attrs["proof"] = cty.UnknownVal(proofType())
	return cty.ObjectVal(attrs)
}

// steps are the levels that a port goes through, the present one first. To loosen is one step.
func steps(from, to string) []string {
	out := []string{from}
	if rank(to) < rank(from) {
		return append(out, to)
	}
	for _, level := range ladder() {
		if rank(level) > rank(from) && rank(level) <= rank(to) {
			out = append(out, level)
		}
	}
	return out
}

// foresee warns of callers that were seen and that the mode would refuse, by the policies as this run plans them. It
// reads what the proxies remember: an estimate, which the gate makes good with a window of its own.
func (t inbound) foresee(ctx context.Context, s inboundSpec, covered []cover, around *surroundings) hcl.Diagnostics {
	if s.mode == Audit {
		return nil
	}
	var raised []cover
	for _, c := range covered {
		if rank(c.Level) < rank(s.mode) {
			raised = append(raised, c)
		}
	}
	pods := proxiesOf(around.observed, raised)
	if len(pods) == 0 {
		return nil
	}
	w := metrics.SinceStart(metrics.Scraper{Forward: t.env.Cluster().Forward}.Scrape(ctx, pods))
	_, _, breaches := judge(w.Flows(), raised, s.mode, around.objects, around.defaults, around.observed, t.env)
	var ds hcl.Diagnostics
	for _, b := range breaches {
		if b.Why == noMTLS && len(t.world.Meshed(s.namespace)) > 0 {
			continue // the same plan meshes clients first, and the gate of a step looks who is left
		}
		ds = append(ds, diag.At(diag.Warningf(CodeWouldDeny, "Callers would be refused",
			"The mode %q would refuse %s. Let them in with a linkerd_authorization_policy, mesh the client, or expect the gate to stop before that step.", s.mode, b), cty.GetAttrPath("mode")))
	}
	return ds
}

// Read implements providers.ResourceType.
func (t inbound) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	reads := make([]kube.SetRead, len(reqs))
	records := make([]inboundRecord, len(reqs))
	for i, r := range reqs {
		out[i] = providers.ReadResponse{Value: r.Value, Private: r.Private}
		var err error
		if records[i], err = decodeInbound(r.Private); err == nil {
			reads[i] = kube.SetRead{Owner: r.Owner, Record: records[i].Set}
			reads[i].Desired, err = desired(records[i].Covers, schema.Text(r.Value.GetAttr("namespace")))
		}
		if err != nil {
			out[i].Diagnostics = diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
		}
	}
	states, ds := t.env.Cluster().ReadSets(ctx, reads)
	if len(states) != len(reqs) {
		return out, ds
	}
	for i, s := range states {
		if out[i].Diagnostics.HasErrors() {
			continue
		}
		if out[i].Diagnostics = s.Diagnostics; s.Diagnostics.HasErrors() {
			continue
		}
		if !s.Exists() {
			out[i].Value, out[i].Private = cty.NullVal(reqs[i].Value.Type()), nil
			continue
		}
		records[i].Set = s.Record
		for j := range records[i].Covers {
			records[i].Covers[j].Level = levelOf(records[i].Covers[j], s)
		}
		out[i].Value, out[i].Private = withCovers(reqs[i].Value, records[i].Covers), records[i].encode()
		if p := out[i].Value.GetAttr("proof"); !p.IsKnown() {
			attrs := out[i].Value.AsValueMap()
			attrs["proof"] = cty.NullVal(proofType())
			out[i].Value = cty.ObjectVal(attrs)
		}
	}
	return out, ds
}

// levelOf is the access policy that a Server has now.
func levelOf(c cover, s kube.SetState) string {
	for _, o := range s.Objects {
		if o.Name != c.name() {
			continue
		}
		if !o.Exists {
			return levelNone
		}
		level := c.Level
		for _, d := range o.Drift {
			if d.Path.String() == "spec.accessPolicy" {
				level, _ = d.Live.(string)
			}
		}
		return level
	}
	return levelNone
}

func namespaceRef(name string) kube.Ref {
	return kube.Ref{Version: "v1", Kind: "Namespace", Name: name}
}
