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
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// controlPlane is linkerd_control_plane.
type controlPlane struct{ charted }

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
	was, ds := decodePrivate(req.Private)
	if ds.HasErrors() {
		return providers.PlanResponse{}, ds
	}
	if req.Config.IsNull() {
		return t.planDelete(ctx, req, was)
	}
	planned := t.derive(req.Proposed, req.Config)
	resp := providers.PlanResponse{Planned: unknown(planned, append([]string{"webhooks"}, chartComputed...)...), Private: req.Private}
	c, ds := t.load(ctx, req.Config, req.Offline)
	if c == nil || !planned.GetAttr("namespace").IsKnown() {
		return resp, ds
	}
	states, next, notes, more := t.planHooks(ctx, req, planned, was)
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	values, more := t.buildValues(with(req.Config, map[string]cty.Value{"values": req.Marked("values")}), req.Lineage, states)
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	if next.Kubernetes, more = t.version(ctx, was.Kubernetes, req.Offline); more.HasErrors() {
		return resp, append(ds, more...)
	}
	rendered, more := t.render(ctx, c, t.namespace(planned), next.Kubernetes, values)
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	plan, more := t.set(planned, nil).Plan(ctx, setRequest(req, was.Chart, rendered))
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

// derive fills in the attributes that follow from the configuration alone, as far as it is known.
func (t *controlPlane) derive(v, config cty.Value) cty.Value {
	return with(v, map[string]cty.Value{"namespace": t.planNamespace(config), "trust_root_sha256": trustRoot(config)})
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
func (t *controlPlane) planHooks(ctx context.Context, req providers.PlanRequest, planned cty.Value, was private) (states map[string]hookState, next private, notes []string, ds hcl.Diagnostics) {
	k := t.keeper(planned)
	next = private{Hooks: map[string]json.RawMessage{}}
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

func (t *controlPlane) keeper(v cty.Value) hookKeeper {
	return hookKeeper{cluster: t.env.Cluster(), namespace: t.namespace(v), now: t.settings.Now()}
}

// planDelete says what goes, and in which order.
func (t *controlPlane) planDelete(ctx context.Context, req providers.PlanRequest, was private) (providers.PlanResponse, hcl.Diagnostics) {
	plan, ds := t.set(req.Prior, nil).PlanDelete(ctx, setRequest(req, was.Chart, nil))
	resp := providers.PlanResponse{Planned: req.Config, Private: private{Chart: plan.Private, Hooks: was.Hooks}.encode(), Notes: plan.Notes}
	resp.Notes = append(resp.Notes, "Webhook configurations go first, so that no webhook without a server blocks pods. Destroys the webhooks' keys.")
	return resp, ds
}

// Read implements providers.ResourceType.
func (t *controlPlane) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	sets := make([]chart.SetReadRequest, len(reqs))
	records := make([]private, len(reqs))
	for i, r := range reqs {
		p, ds := decodePrivate(r.Private)
		if ds.HasErrors() {
			return nil, ds
		}
		records[i] = p
		sets[i] = chart.SetReadRequest{Owner: r.Owner, Objects: r.Value.GetAttr("objects"), Record: p.Chart, Unresolved: r.Unresolved}
	}
	states, ds := chart.ReadSets(ctx, t.env.Cluster(), sets)
	if ds.HasErrors() {
		return out, ds
	}
	for i, s := range states {
		out[i] = readResponse(&t.schema.Block, reqs[i].Value, records[i], s)
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
