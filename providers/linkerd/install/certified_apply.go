package install

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// Apply implements providers.ResourceType.
func (t *certified) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	unchanged := providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}
	was, ds := decodePrivate(req.PriorPrivate)
	if ds.HasErrors() {
		return unchanged, ds
	}
	if req.Deleting() {
		return t.delete(ctx, req, was)
	}
	req.Planned = t.product.derive(req.Planned, req.Config)
	planned, ds := decodePrivate(req.PlannedPrivate)
	if ds.HasErrors() {
		return unchanged, ds
	}
	a := application{t: t, req: req, was: was, planned: planned, keeper: t.keeper(req.Planned)}
	return a.run(ctx)
}

// application is one Apply that makes something.
type application struct {
	t            *certified
	req          providers.ApplyRequest
	was, planned private // was becomes what is remembered
	keeper       hookKeeper
	states       map[string]hookState
	fresh        map[string]*pki.KeyPair // pairs that are in no Secret yet
}

// run makes what is missing in an order in which the API server always knows the certificate that a webhook shows: a
// first certificate is written before the configuration that names it, a renewed one after.
func (a *application) run(ctx context.Context) (providers.ApplyResponse, hcl.Diagnostics) {
	unchanged := providers.ApplyResponse{Value: a.req.Prior, Private: a.req.PriorPrivate}
	ds := a.t.product.admits(ctx, a.req.Planned)
	if ds = append(ds, a.prepareHooks(ctx)...); ds.HasErrors() {
		return unchanged, ds
	}
	c, more := a.t.load(ctx, a.req.Config, false)
	if ds = append(ds, more...); ds.HasErrors() {
		return unchanged, ds
	}
	values, more := a.t.product.buildValues(c, with(a.req.Config, map[string]cty.Value{"values": a.req.Marked("values")}), a.req.Lineage, a.states)
	if ds = append(ds, more...); ds.HasErrors() {
		return unchanged, ds
	}
	if a.was.Kubernetes, more = a.t.version(ctx, "", false); more.HasErrors() {
		return unchanged, append(ds, more...)
	}
	rendered, more := a.t.render(ctx, c, a.req.Planned, a.was.Kubernetes, values)
	if ds = append(ds, more...); ds.HasErrors() {
		return unchanged, ds
	}
	if ds = append(ds, a.writeMark(ctx)...); ds.HasErrors() {
		return unchanged, ds
	}
	for _, w := range a.keeper.hooks {
		if s := a.states[w.Name]; s.previous == nil || a.fresh[w.Name] == nil {
			ds = append(ds, a.writeHook(ctx, w)...)
		}
	}
	if ds.HasErrors() {
		return unchanged, ds
	}
	value := func(objects cty.Value) cty.Value {
		return with(a.req.Planned, a.t.withHooks(chartAttrs(c, objects), hookValues(a.states)))
	}
	timeout := span(a.req.Config.GetAttr("wait_timeout"))
	deadline := time.Now().Add(timeout)
	call := chart.SetApplyRequest{
		Owner: a.req.Owner, Prior: cty.NullVal(cty.DynamicPseudoType), Record: a.was.Chart, Private: a.planned.Chart,
		Planned: a.req.Planned.GetAttr("objects"), Rendered: rendered, Value: value,
		Step: a.was.step(a.req.Step),
	}
	if !a.req.Prior.IsNull() {
		call.Prior = a.req.Prior.GetAttr("objects")
	}
	wait := &kube.WaitOptions{Rollout: true, ServersFirst: true, Timeout: timeout}
	objects, record, more := a.t.set(a.req.Planned, wait).Apply(ctx, call)
	ds = append(ds, more...)
	if objects == cty.NilVal || objects.IsNull() {
		return providers.ApplyResponse{Value: a.t.schema.Block.Null()}, ds
	}
	a.was.Chart = record
	for _, w := range a.keeper.hooks {
		if !ds.HasErrors() && a.fresh[w.Name] != nil {
			ds = append(ds, a.writeHook(ctx, w)...)
		}
	}
	if !ds.HasErrors() {
		ds = append(ds, a.dropHooks(ctx, a.was.unwanted(a.keeper.hooks))...)
	}
	if !ds.HasErrors() {
		ds = append(ds, a.t.product.settled(ctx, a, time.Until(deadline))...)
	}
	for name := range a.fresh { // still in no Secret: the value must not promise it
		live, known, _ := a.keeper.read(ctx)
		if known {
			a.states[name] = live[name]
		}
	}
	out := value(objects)
	if ds.HasErrors() {
		out = with(out, a.t.withHooks(map[string]cty.Value{}, readHooks(a.states)))
	}
	return providers.ApplyResponse{Value: out, Private: a.was.encode()}, ds
}

// release gives the slot for writes back before a wait.
func (a *application) release() {
	if a.req.Step != nil {
		a.req.Step.Release()
	}
}

// prepareHooks finds out which certificates exist and makes the others, in memory.
func (a *application) prepareHooks(ctx context.Context) hcl.Diagnostics {
	if len(a.keeper.hooks) == 0 {
		return nil
	}
	live, known, ds := a.keeper.read(ctx)
	if ds.HasErrors() {
		return ds
	}
	if !known {
		return hcl.Diagnostics{diag.Errorf(kube.CodeForbidden, "Webhook certificates cannot be kept",
			"These credentials may not get Secrets in namespace %q, where the webhooks' keys are kept. Grant get, create and patch on Secrets there.", a.keeper.namespace)}
	}
	planned := a.req.Planned.GetAttr("webhooks")
	a.states, a.fresh = live, map[string]*pki.KeyPair{}
	renewBefore, validity := span(a.req.Config.GetAttr("webhook_renew_before")), span(a.req.Config.GetAttr("webhook_validity"))
	due := a.keeper.due(live, renewBefore)
	for _, w := range a.keeper.hooks {
		_, renew := due[w.Name]
		want, known := asPlanned(planned, w.Name)
		switch {
		case known && (live[w.Name].current == nil || pki.Fingerprint(live[w.Name].current) != want):
			return hcl.Diagnostics{diag.Errorf(kube.CodeMoved, "Webhook certificate has changed",
				"The %s does not hold the certificate that was planned. Make a new plan.", a.keeper.ref(w))}
		case known || !renew:
			continue // as planned, or made by this step before it was interrupted
		}
		pair, next, ds := a.keeper.make(w, live[w.Name], validity)
		if ds.HasErrors() {
			return ds
		}
		a.states[w.Name], a.fresh[w.Name] = next, pair
	}
	return nil
}

// asPlanned returns the fingerprint of a webhook's certificate, when the plan knew it.
func asPlanned(planned cty.Value, name string) (fingerprint string, known bool) {
	if !planned.IsKnown() || planned.IsNull() {
		return "", false
	}
	v, ok := planned.AsValueMap()[name]
	if !ok || !v.IsKnown() || v.IsNull() {
		return "", false
	}
	return schema.Text(v.GetAttr("fingerprint_sha256")), true
}

// writeHook brings a webhook's Secret up to date: a new pair, or our mark on one that exists.
func (a *application) writeHook(ctx context.Context, w hook) hcl.Diagnostics {
	pair := a.fresh[w.Name]
	if pair == nil {
		if len(a.was.Hooks[w.Name]) > 0 {
			return nil // nothing to do
		}
		u, err := a.keeper.cluster.Get(ctx, a.keeper.ref(w))
		if err != nil {
			return a.keeper.cluster.Diagnose(err, "get", a.keeper.ref(w))
		}
		if pair, err = pki.LoadKeyPair(secretData(u, "tls.crt"), secretData(u, "tls.key")); err != nil {
			return diag.FromError(CodeInternal, "Webhook certificate cannot be read", err, nil)
		}
	}
	object, err := a.keeper.secret(w, pair, a.states[w.Name])
	if err != nil {
		return diag.FromError(CodeInternal, "Webhook certificate cannot be written", err, nil)
	}
	record, err := kube.DecodeRecord(a.was.Hooks[w.Name])
	if err != nil {
		return diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	result, ds := a.keeper.cluster.ApplySet(ctx, kube.SetApplyRequest{
		Owner: a.req.Owner, Prior: record, Planned: a.planned.Hooks[w.Name], Desired: kube.Objects(object), Step: a.req.Step,
		Options: kube.SetOptions{OnExists: schema.Text(a.req.Config.GetAttr("on_exists"))},
	})
	if ds.HasErrors() {
		return ds
	}
	if a.fresh[w.Name] != nil && a.req.Step != nil {
		a.req.Step.Progress(providers.Progress{Message: fmt.Sprintf("made certificate of webhook %s, valid until %s", w.Name, pair.Certificate().NotAfter.Format(time.DateOnly))})
	}
	a.was.Hooks[w.Name] = result.Record.Encode()
	delete(a.fresh, w.Name)
	return ds
}

// dropHooks deletes the named Secrets and forgets them.
func (a *application) dropHooks(ctx context.Context, names []string) (ds hcl.Diagnostics) {
	for _, name := range names {
		record, err := kube.DecodeRecord(a.was.Hooks[name])
		if err != nil {
			return append(ds, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)...)
		}
		rest, more := a.t.env.Cluster().DeleteSet(ctx, kube.SetDeleteRequest{Owner: a.req.Owner, Record: record, Step: a.req.Step})
		if ds = append(ds, more...); len(rest.Objects) > 0 {
			a.was.Hooks[name] = rest.Encode()
			continue
		}
		delete(a.was.Hooks, name)
	}
	return ds
}

// delete removes the chart's objects, webhook configurations first, and the keys last.
func (t *certified) delete(ctx context.Context, req providers.ApplyRequest, was private) (providers.ApplyResponse, hcl.Diagnostics) {
	var ds hcl.Diagnostics
	if !schema.True(req.Prior.GetAttr("force_destroy")) {
		if ds = t.product.mayGo(ctx, req.Prior, ""); ds.HasErrors() {
			return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, ds
		}
	}
	left, more := t.set(req.Prior, nil).Delete(ctx, chart.SetApplyRequest{Owner: req.Owner, Prior: req.Prior.GetAttr("objects"), Record: was.Chart, Step: req.Step})
	ds = append(ds, more...)
	was.Chart = left
	a := application{t: t, req: req, was: was}
	if !ds.HasErrors() {
		ds = append(ds, t.product.vanished(ctx, req.Prior, req.Step)...)
	}
	if !ds.HasErrors() {
		ds = append(ds, a.dropHooks(ctx, slices.Sorted(maps.Keys(was.Hooks)))...)
	}
	if !ds.HasErrors() {
		ds = append(ds, a.removeMark(ctx)...)
	}
	if ds.HasErrors() {
		return providers.ApplyResponse{Value: req.Prior, Private: a.was.encode()}, ds
	}
	return providers.ApplyResponse{Value: t.schema.Block.Null()}, ds
}
