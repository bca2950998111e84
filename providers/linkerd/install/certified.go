package install

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// certified is a chart with servers that the API server calls, whose certificates are made here and kept in Secrets:
// the control plane, an extension, or, with none of them, the CNI plugin.
type certified struct {
	*charted
	product product
}

// product is what such charts differ in. Configurations and recorded values have the type of the schema.
type product interface {
	order(config cty.Value) providers.Order
	reverse(before, after cty.Value) providers.Reversal
	// hooks are the servers that a configuration or a recorded value asks for.
	hooks(v cty.Value) []hook
	// derive fills in what follows from the configuration alone, as far as it is known.
	derive(v, config cty.Value) cty.Value
	// buildValues turns the configuration into the chart's values. Whatever is not known yet is chart.Unknown.
	buildValues(c *chart.Chart, config cty.Value, lineage string, hooks map[string]hookState) (chart.Values, hcl.Diagnostics)
	// preflight looks for what would make the chart fail after it was applied. It is asked by plans that change something.
	preflight(ctx context.Context, req providers.PlanRequest, planned cty.Value, c *chart.Chart) (notes []string, ds hcl.Diagnostics)
	// admits looks once more, right before anything is written, for what must not happen.
	admits(ctx context.Context, planned cty.Value) hcl.Diagnostics
	// settled is done after the rollout: what readiness alone does not prove.
	settled(ctx context.Context, a *application, patience time.Duration) hcl.Diagnostics
	// mark is what the chart's namespace carries because of it; nil for nothing.
	mark(v cty.Value) *unstructured.Unstructured
	// mayGo refuses a deletion while something depends on the chart. A plan gives its lineage: what that state manages
	// is deleted by earlier steps.
	mayGo(ctx context.Context, prior cty.Value, lineage string) hcl.Diagnostics
	// vanished waits, after a deletion, for what Kubernetes still clears away and others must not meet.
	vanished(ctx context.Context, prior cty.Value, step providers.Step) hcl.Diagnostics
	// permits says what the type needs beside its objects.
	permits(req providers.PermitRequest) []providers.Right
	// departure says in a plan what a deletion does.
	departure(prior cty.Value) []string
}

// Order implements providers.Orderer.
func (t *certified) Order(config cty.Value) providers.Order { return t.product.order(config) }

// Reverse implements providers.Reverser.
func (t *certified) Reverse(before, after cty.Value) providers.Reversal {
	return t.product.reverse(before, after)
}

// certifies reports whether the type has the attribute for certificates.
func (t *certified) certifies() bool { return t.schema.Block.Attributes["webhooks"] != nil }

// withHooks adds the certificates to the attributes of a type that has them.
func (t *certified) withHooks(attrs map[string]cty.Value, hooks cty.Value) map[string]cty.Value {
	if t.certifies() {
		attrs["webhooks"] = hooks
	}
	return attrs
}

// Plan implements providers.ResourceType.
func (t *certified) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	was, ds := decodePrivate(req.Private)
	if ds.HasErrors() {
		return providers.PlanResponse{}, ds
	}
	if req.Config.IsNull() {
		return t.planDelete(ctx, req, was)
	}
	planned := t.product.derive(req.Proposed, req.Config)
	computed := chartComputed
	if t.certifies() {
		computed = append([]string{"webhooks"}, chartComputed...)
	}
	resp := providers.PlanResponse{Planned: unknown(planned, computed...), Private: req.Private}
	c, ds := t.load(ctx, req.Config, req.Offline)
	if c == nil || !planned.GetAttr("namespace").IsKnown() {
		return unloaded(req, resp), ds
	}
	states, next, notes, more := t.planHooks(ctx, req, planned, was)
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	values, more := t.product.buildValues(c, with(req.Config, map[string]cty.Value{"values": req.Marked("values")}), req.Lineage, states)
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	if next.Kubernetes, more = t.version(ctx, was.Kubernetes, req.Offline); more.HasErrors() {
		return resp, append(ds, more...)
	}
	rendered, more := t.render(ctx, c, planned, next.Kubernetes, values)
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	plan, more := t.set(planned, nil).Plan(ctx, setRequest(req, was.Chart, rendered))
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	again := plan.Again
	next.Chart = plan.Private
	if next.Mark, more = t.planMark(ctx, req, planned, was.Mark, &again); more.HasErrors() {
		return resp, append(ds, more...)
	}
	attrs := t.withHooks(chartAttrs(c, plan.Objects), hookValues(states))
	resp = providers.PlanResponse{Planned: with(planned, attrs), Private: next.encode(), Notes: append(notes, plan.Notes...), Restarts: plan.Restarts, Again: again}
	if plan.Adopted != cty.NilVal {
		attrs["objects"] = plan.Adopted
		resp.Adopted = with(planned, attrs)
	}
	if !req.Offline && (req.Prior.IsNull() || !resp.Planned.RawEquals(req.Prior)) {
		notes, more := t.product.preflight(ctx, req, resp.Planned, c)
		resp.Notes = append(resp.Notes, notes...)
		return resp, append(ds, more...)
	}
	return resp, ds
}

// planHooks says which certificates stand after apply, and plans the Secrets of the others.
func (t *certified) planHooks(ctx context.Context, req providers.PlanRequest, planned cty.Value, was private) (states map[string]hookState, next private, notes []string, ds hcl.Diagnostics) {
	k := t.keeper(planned)
	next = private{Hooks: map[string]json.RawMessage{}}
	if len(k.hooks) == 0 {
		return nil, next, nil, nil
	}
	states = k.states(cty.NullVal(cty.Map(hookType())))
	switch {
	case !req.Prior.IsNull() && !req.Replacing:
		states = k.states(req.Prior.GetAttr("webhooks"))
	case !req.Offline && !req.Replacing:
		live, known, ds := k.read(ctx)
		if ds.HasErrors() {
			return nil, next, nil, ds
		}
		if known {
			states = live
		}
	}
	due := k.due(states, span(req.Config.GetAttr("webhook_renew_before")))
	for _, w := range k.hooks {
		why, renew := due[w.Name]
		if !renew && !req.Prior.IsNull() {
			continue
		}
		record, err := kube.DecodeRecord(was.Hooks[w.Name])
		if err != nil {
			return nil, next, nil, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
		}
		shape, _ := k.secret(w, nil, hookState{})
		plan, more := t.env.Cluster().PlanSet(ctx, kube.SetPlanRequest{
			Owner: req.Owner, Prior: record, Replacing: req.Replacing, Offline: req.Offline,
			Desired: []kube.Desired{{Object: shape, Unknown: []kube.Path{{"data"}}}}, Options: kube.SetOptions{OnExists: schema.Text(req.Config.GetAttr("on_exists"))},
		})
		if ds = append(ds, more...); more.HasErrors() {
			return nil, next, nil, ds
		}
		next.Hooks[w.Name] = plan.Private
		if !renew {
			continue
		}
		if states[w.Name].current != nil {
			notes = append(notes, fmt.Sprintf("Renews the certificate of the webhook %s: %s The former one stays trusted.", w.Name, why))
		}
		states[w.Name] = hookState{}
	}
	return states, next, notes, ds
}

func (t *certified) keeper(v cty.Value) hookKeeper {
	return hookKeeper{cluster: t.env.Cluster(), namespace: t.namespace(v), now: t.settings.Now(), hooks: t.product.hooks(v)}
}

// planDelete says what goes, and in which order.
func (t *certified) planDelete(ctx context.Context, req providers.PlanRequest, was private) (providers.PlanResponse, hcl.Diagnostics) {
	plan, ds := t.set(req.Prior, nil).PlanDelete(ctx, setRequest(req, was.Chart, nil))
	resp := providers.PlanResponse{Planned: req.Config, Private: private{Chart: plan.Private, Hooks: was.Hooks, Mark: was.Mark}.encode(), Notes: plan.Notes}
	resp.Notes = append(resp.Notes, t.product.departure(req.Prior)...)
	if !req.Offline && !ds.HasErrors() && !schema.True(req.Prior.GetAttr("force_destroy")) {
		ds = append(ds, t.product.mayGo(ctx, req.Prior, req.Lineage)...)
	}
	return resp, ds
}

// Read implements providers.ResourceType.
func (t *certified) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	sets, records, ds := readRequests(reqs)
	if ds.HasErrors() {
		return nil, ds
	}
	states, ds := chart.ReadSets(ctx, t.env.Cluster(), sets)
	if ds.HasErrors() {
		return out, ds
	}
	for i, s := range states {
		mark, more := t.readMark(ctx, reqs[i], records[i].Mark)
		records[i].Mark = mark
		out[i] = readResponse(&t.schema.Block, reqs[i].Value, records[i], s)
		out[i].Diagnostics = append(out[i].Diagnostics, more...)
		if out[i].Value.IsNull() || s.Diagnostics.HasErrors() || !t.certifies() {
			continue
		}
		hooks, known, more := t.keeper(reqs[i].Value).read(ctx)
		out[i].Diagnostics = append(out[i].Diagnostics, more...)
		if known {
			out[i].Value = with(out[i].Value, map[string]cty.Value{"webhooks": readHooks(hooks)})
		}
	}
	return out, nil
}

// unwanted returns the names of recorded Secrets that no server needs any more.
func (p private) unwanted(hooks []hook) (out []string) {
	for _, name := range slices.Sorted(maps.Keys(p.Hooks)) {
		if !slices.ContainsFunc(hooks, func(h hook) bool { return h.Name == name }) {
			out = append(out, name)
		}
	}
	return out
}
