package install

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// controlPlane is linkerd_control_plane.
type controlPlane struct{ charted }

// controlPrivate is what is remembered about a control plane: the chart's objects and each webhook's Secret.
type controlPrivate struct {
	Chart json.RawMessage            `json:"chart,omitempty"`
	Hooks map[string]json.RawMessage `json:"hooks,omitempty"`
}

func decodePrivate(b []byte) (p controlPrivate, ds hcl.Diagnostics) {
	if len(b) > 0 {
		if err := json.Unmarshal(b, &p); err != nil {
			return p, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
		}
	}
	if p.Hooks == nil {
		p.Hooks = map[string]json.RawMessage{}
	}
	return p, nil
}

func (p controlPrivate) encode() []byte {
	if len(p.Chart) == 0 {
		p.Chart = nil
	}
	out, err := json.Marshal(p)
	if err != nil {
		panic(err) // every part comes from an encoder
	}
	return out
}

// Order implements providers.Orderer.
func (t *controlPlane) Order(config cty.Value) providers.Order {
	return providers.Order{
		Provides: []providers.Tag{TagControlPlane},
		After:    []providers.Tag{TagCRDs, certs.TagTrustAnchor, certs.TagIssuer, namespaceTag(t.namespace(config))},
	}
}

// span reads a duration attribute that the schema has validated.
func span(v cty.Value) time.Duration {
	if v.IsNull() || !v.IsKnown() {
		return 0
	}
	d, _ := certs.ParseDuration(v.AsString())
	return d
}

// Plan implements providers.ResourceType.
func (t *controlPlane) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	private, ds := decodePrivate(req.Private)
	if ds.HasErrors() {
		return providers.PlanResponse{}, ds
	}
	if req.Config.IsNull() {
		return t.planDelete(ctx, req, private)
	}
	planned := with(req.Proposed, map[string]cty.Value{"namespace": t.planNamespace(req.Config), "trust_root_sha256": trustRoot(req.Config)})
	resp := providers.PlanResponse{Planned: unknown(planned, append([]string{"webhooks"}, chartComputed...)...), Private: req.Private}
	c, ds := t.load(ctx, req.Config, req.Offline)
	if c == nil || !planned.GetAttr("namespace").IsKnown() {
		return resp, ds
	}
	states, next, notes, more := t.planHooks(ctx, req, planned, private)
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	values, more := t.buildValues(req.Config, req.Lineage, states)
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	rendered, more := t.render(ctx, c, t.namespace(planned), values, req.Offline)
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	request := setRequest(req, rendered)
	request.Record = private.Chart
	plan, more := t.set(planned, nil).Plan(ctx, request)
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	next.Chart = plan.Private
	attrs := chartAttrs(c, plan.Objects)
	attrs["webhooks"] = hookValues(states)
	resp = providers.PlanResponse{Planned: with(planned, attrs), Private: next.encode(), Notes: append(notes, plan.Notes...), Restarts: plan.Restarts, Again: plan.Again}
	if plan.Adopted != cty.NilVal {
		attrs["objects"] = plan.Adopted
		resp.Adopted = with(planned, attrs)
	}
	if !req.Offline && (req.Prior.IsNull() || !resp.Planned.RawEquals(req.Prior)) {
		more := t.preflight(ctx, req, resp.Planned)
		return resp, append(ds, more...)
	}
	return resp, ds
}

// trustRoot is the computed hash of the trust anchors.
func trustRoot(config cty.Value) cty.Value {
	switch v := config.GetAttr("trust_anchors_pem"); {
	case v.IsNull():
		return cty.NullVal(cty.String)
	case !v.IsKnown():
		return cty.UnknownVal(cty.String)
	default:
		return cty.StringVal(pki.TrustRootSHA256(strings.TrimSpace(v.AsString())))
	}
}

// planHooks says which webhook certificates stand after apply, and plans the Secrets of the others.
func (t *controlPlane) planHooks(ctx context.Context, req providers.PlanRequest, planned cty.Value, private controlPrivate) (states map[string]hookState, next controlPrivate, notes []string, ds hcl.Diagnostics) {
	k := t.keeper(planned)
	next = controlPrivate{Hooks: map[string]json.RawMessage{}}
	states = hookStates(cty.NullVal(cty.Map(hookType())))
	switch {
	case !req.Prior.IsNull() && !req.Replacing:
		states = hookStates(req.Prior.GetAttr("webhooks"))
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
	for _, w := range webhooks() {
		why, renew := due[w.Name]
		if !renew && !req.Prior.IsNull() {
			continue
		}
		record, err := kube.DecodeRecord(private.Hooks[w.Name])
		if err != nil {
			return nil, next, nil, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
		}
		shape, _ := k.secret(w, nil, hookState{})
		plan, more := t.env.Cluster().PlanSet(ctx, kube.SetPlanRequest{
			Owner: req.Owner, Prior: record, Replacing: req.Replacing, Offline: req.Offline,
			Desired: []kube.Desired{{Object: shape, Unknown: []kube.Path{{"data"}}}}, Options: kube.SetOptions{OnExists: text(req.Config, "on_exists")},
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

func (t *controlPlane) keeper(v cty.Value) hookKeeper {
	return hookKeeper{cluster: t.env.Cluster(), namespace: t.namespace(v), now: t.settings.Now()}
}

// planDelete says what goes, and in which order.
func (t *controlPlane) planDelete(ctx context.Context, req providers.PlanRequest, private controlPrivate) (providers.PlanResponse, hcl.Diagnostics) {
	request := setRequest(req, nil)
	request.Record = private.Chart
	plan, ds := t.set(req.Prior, nil).PlanDelete(ctx, request)
	resp := providers.PlanResponse{Planned: req.Config, Private: controlPrivate{Chart: plan.Private, Hooks: private.Hooks}.encode(), Notes: plan.Notes}
	resp.Notes = append(resp.Notes, "Webhook configurations go first, so that no webhook without a server blocks pods. Destroys the webhooks' keys.")
	return resp, ds
}

// Read implements providers.ResourceType.
func (t *controlPlane) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	sets := make([]chart.SetReadRequest, len(reqs))
	private := make([]controlPrivate, len(reqs))
	for i, r := range reqs {
		p, ds := decodePrivate(r.Private)
		if ds.HasErrors() {
			return nil, ds
		}
		private[i] = p
		sets[i] = chart.SetReadRequest{Owner: r.Owner, Objects: r.Value.GetAttr("objects"), Record: p.Chart, Unresolved: r.Unresolved}
	}
	states, ds := chart.ReadSets(ctx, t.env.Cluster(), sets)
	if ds.HasErrors() {
		return out, ds
	}
	for i, s := range states {
		out[i] = readResponse(&t.schema.Block, reqs[i].Value, s)
		private[i].Chart = s.Record
		out[i].Private = private[i].encode()
		if out[i].Value.IsNull() || s.Diagnostics.HasErrors() {
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

// readHooks is hookValues for what was read: a certificate that is not there is null.
func readHooks(states map[string]hookState) cty.Value {
	m := hookValues(states).AsValueMap()
	for name, v := range m {
		if !v.IsKnown() {
			m[name] = cty.NullVal(hookType())
		}
	}
	return cty.MapVal(m)
}
