package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

// Apply implements providers.ResourceType.
func (t inbound) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	record, err := decodeInbound(req.PriorPrivate)
	if err != nil {
		return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	r := &climb{inbound: t, owner: req.Owner, step: req.Step, record: record, value: req.Prior}
	if req.Deleting() {
		r.spec, _ = inboundSpecOf(req.Prior)
		return r.open(ctx)
	}
	r.spec, _ = inboundSpecOf(req.Planned)
	r.planned, r.proof = req.Planned, cty.NullVal(proofType())
	if !req.Creating() {
		r.proof = req.Prior.GetAttr("proof")
	}
	if !req.Creating() && req.Planned.GetAttr("proof").IsKnown() {
		return providers.ApplyResponse{Value: req.Planned, Private: req.PriorPrivate}, nil // only the gate's numbers changed
	}
	ds := r.run(ctx)
	return providers.ApplyResponse{Value: r.value, Private: r.record.encode()}, ds
}

// climb takes the covered ports of one namespace up the ladder.
type climb struct {
	inbound
	owner   providers.Owner
	step    providers.Step
	spec    inboundSpec
	planned cty.Value
	record  inboundRecord
	proof   cty.Value // of the last window
	value   cty.Value // what is true so far; the prior value until the first write
	// defaults are those of the control plane at the last look.
	defaults Defaults
}

func (r *climb) run(ctx context.Context) hcl.Diagnostics {
	observed, objects, ds := r.look(ctx)
	if ds.HasErrors() {
		return ds
	}
	covered, _ := covers(observed, objects.Servers, r.spec.workloads, r.live(objects))
	if len(covered) == 0 {
		return hcl.Diagnostics{diag.At(diag.Errorf(CodeNothingToCover, "No port to protect",
			"Namespace %q has no meshed workload with a declared port that is not covered by another Server. Mesh its workloads first (linkerd_injection), and declare their ports.", r.spec.namespace),
			cty.GetAttrPath("namespace"))}
	}
	// Ports that are stricter than asked for are loosened at once; new ones begin with audit.
	for i, c := range covered {
		switch {
		case rank(c.Level) < 0:
			covered[i].Level = Audit
		case rank(c.Level) > rank(r.spec.mode):
			covered[i].Level = r.spec.mode
		}
	}
	if ds := r.write(ctx, covered); ds.HasErrors() {
		return ds
	}
	for _, level := range steps(Audit, r.spec.mode)[1:] {
		if ds := r.raise(ctx, level); ds.HasErrors() {
			return ds
		}
	}
	return nil
}

// live are the levels of our Servers as they are, by name: of those recorded, and of those that bear our mark. After a kill
// they say how far the climb came.
func (r *climb) live(o Objects) map[string]string {
	out := map[string]string{}
	for name := range r.record.levels() {
		for _, s := range o.Servers {
			if s.Name == name {
				out[name] = s.AccessPolicy
			}
		}
	}
	return marked(o.Servers, r.owner, out)
}

func (r *climb) look(ctx context.Context) (*mesh.Observation, Objects, hcl.Diagnostics) {
	c := r.env.Cluster()
	observed, err := mesh.Observe(ctx, c, r.spec.namespace)
	if err != nil {
		return nil, Objects{}, c.Diagnose(err, "list", namespaceRef(r.spec.namespace))
	}
	if r.defaults, err = LoadDefaults(ctx, c, r.env); err != nil {
		return nil, Objects{}, c.Diagnose(err, "get", namespaceRef(r.env.Namespace()))
	}
	objects, err := LoadObjects(ctx, c, r.env, r.spec.namespace, r.defaults)
	if err != nil {
		return nil, Objects{}, c.Diagnose(err, "list", namespaceRef(r.spec.namespace))
	}
	return observed, objects, nil
}

// write makes the Servers as the covers say and records it.
func (r *climb) write(ctx context.Context, covered []cover) hcl.Diagnostics {
	objects, err := desired(covered, r.spec.namespace)
	if err != nil {
		return diag.FromError(kube.CodeManifest, "Server cannot be built", err, nil)
	}
	result, ds := r.env.Cluster().ApplySet(ctx, kube.SetApplyRequest{Owner: r.owner, Prior: r.record.Set, Desired: objects, Step: r.step})
	r.record.Set = result.Record
	if len(result.Record.Objects) > 0 {
		r.record.Covers = covered
		r.update()
	}
	if ds.HasErrors() {
		return ds
	}
	if err := r.step.Checkpoint(r.value, r.record.encode()); err != nil {
		return diag.FromError(CodeNoData, "Progress cannot be recorded", err, nil)
	}
	return nil
}

// update makes the value what is true now.
func (r *climb) update() {
	attrs := withCovers(r.planned, r.record.Covers).AsValueMap()
	attrs["proof"] = r.proof
	r.value = cty.ObjectVal(attrs)
}

// raise takes all covers that are weaker to a level: after a window that permits it, and back again when clients are
// refused after it.
func (r *climb) raise(ctx context.Context, level string) hcl.Diagnostics {
	var lower []cover
	for _, c := range r.record.Covers {
		if rank(c.Level) < rank(level) {
			lower = append(lower, c)
		}
	}
	if len(lower) == 0 {
		return nil
	}
	r.step.Release()
	if ds := r.permit(ctx, lower, level); ds.HasErrors() {
		return ds
	}
	before := slices.Clone(r.record.Covers)
	after := slices.Clone(before)
	for i := range after {
		if rank(after[i].Level) < rank(level) {
			after[i].Level = level
		}
	}
	r.step.Progress(providers.Progress{Message: fmt.Sprintf("raising %s to %s", ports(len(lower)), level)})
	if ds := r.write(ctx, after); ds.HasErrors() {
		return ds
	}
	return r.confirm(ctx, lower, before, level)
}

// permit watches windows until one shows that nobody would be refused.
func (r *climb) permit(ctx context.Context, lower []cover, level string) hcl.Diagnostics {
	if r.spec.minRequest == 0 {
		return nil // enforced without evidence, as configured
	}
	deadline := time.Now().Add(r.spec.timeout)
	for {
		observed, objects, ds := r.look(ctx)
		if ds.HasErrors() {
			return ds
		}
		w, ds := r.watch(ctx, observed, lower, "before "+level)
		if ds.HasErrors() {
			return ds
		}
		allowed, denied, breaches := judge(w.Flows(), lower, level, objects, r.defaults, observed, r.env)
		var refusal *hcl.Diagnostic
		switch {
		case denied > r.spec.maxDenied:
			refusal = diag.Errorf(CodeWouldDeny, "Clients would be refused",
				"%s was not set, because it would refuse %s. Let them in with a linkerd_authorization_policy or mesh the client, then apply again.", level, list(breaches))
		case len(w.Unmeasured) > 0:
			refusal = diag.Errorf(CodeNoData, "Proxies do not answer", "%s was not set: %s. What is not measured is not proved.", level, missing(w))
		case allowed+denied < r.spec.minRequest:
			refusal = diag.Errorf(CodeNoData, "Too little traffic",
				"%s was not set: %.0f requests were seen in %s, and gate.min_requests asks for %.0f. Make traffic, widen the window, or set min_requests = 0 to go on without evidence.",
				level, allowed+denied, r.spec.window, r.spec.minRequest)
		default:
			r.prove(allowed, denied)
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return hcl.Diagnostics{refusal}
		}
		r.step.Progress(providers.Progress{Message: "not yet: " + refusal.Summary, Waiting: true})
	}
}

// confirm counts refusals after a step and takes it back when there are too many.
func (r *climb) confirm(ctx context.Context, raised, before []cover, level string) hcl.Diagnostics {
	if r.spec.minRequest == 0 {
		return nil
	}
	observed, _, ds := r.look(ctx)
	if ds.HasErrors() {
		return ds
	}
	w, ds := r.watch(ctx, observed, raised, "after "+level)
	if ds.HasErrors() {
		return ds
	}
	allowed, denied, breaches := refused(w.Flows(), raised, observed, r.env)
	if denied <= r.spec.maxDenied {
		r.prove(allowed, denied)
		return nil
	}
	out := hcl.Diagnostics{diag.Errorf(CodeDenied, "Clients were refused",
		"After the step to %s these were refused: %s. The former access policies are in force again. Let the clients in with a linkerd_authorization_policy, then apply again.", level, list(breaches))}
	return append(out, r.write(context.WithoutCancel(ctx), before)...)
}

func (r *climb) prove(allowed, denied float64) {
	r.proof = cty.ObjectVal(map[string]cty.Value{
		"allowed": cty.NumberFloatVal(allowed), "denied": cty.NumberFloatVal(denied), "window": cty.StringVal(r.spec.window.String()),
	})
	r.update()
}

// watch measures one window at the pods of covers.
func (r *climb) watch(ctx context.Context, o *mesh.Observation, covered []cover, when string) (metrics.Window, hcl.Diagnostics) {
	scraper := metrics.Scraper{Forward: r.env.Cluster().Forward}
	pods := proxiesOf(o, covered)
	before := scraper.Scrape(ctx, pods)
	r.step.Progress(providers.Progress{Message: fmt.Sprintf("%s: watching %s for %s", when, ports(len(covered)), r.spec.window), Waiting: true})
	timer := time.NewTimer(r.spec.window)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return metrics.Window{}, hcl.Diagnostics{diag.Errorf(CodeNoData, "Interrupted", "The window of %s was interrupted (%v). Apply again to go on.", r.spec.window, context.Cause(ctx))}
	case <-timer.C:
	}
	return metrics.Between(before, scraper.Scrape(ctx, pods)), nil
}

// open takes the policy back: the ports are opened before their Servers go, so that no moment is stricter than the
// one before.
func (r *climb) open(ctx context.Context) (providers.ApplyResponse, hcl.Diagnostics) {
	null := cty.NullVal(r.value.Type())
	c := r.env.Cluster()
	ns, err := c.Get(ctx, namespaceRef(r.spec.namespace))
	if err != nil {
		return providers.ApplyResponse{Value: r.value, Private: r.record.encode()}, c.Diagnose(err, "get", namespaceRef(r.spec.namespace))
	}
	if ns == nil {
		return providers.ApplyResponse{Value: null}, nil
	}
	loose := slices.Clone(r.record.Covers)
	loose = slices.DeleteFunc(loose, func(c cover) bool { return c.Level == levelNone })
	for i := range loose {
		loose[i].Level = AllUnauthenticated
	}
	r.planned, r.proof = r.value, r.value.GetAttr("proof")
	if ns.GetDeletionTimestamp() == nil && len(loose) > 0 {
		if ds := r.write(ctx, loose); ds.HasErrors() {
			return providers.ApplyResponse{Value: r.value, Private: r.record.encode()}, ds
		}
	}
	left, ds := c.DeleteSet(ctx, kube.SetDeleteRequest{Owner: r.owner, Record: r.record.Set, Step: r.step})
	if r.record.Set = left; len(left.Objects) > 0 || ds.HasErrors() {
		return providers.ApplyResponse{Value: r.value, Private: r.record.encode()}, ds
	}
	return providers.ApplyResponse{Value: null}, ds
}

func proxiesOf(o *mesh.Observation, covered []cover) []metrics.Pod {
	var out []metrics.Pod
	for _, w := range o.Workloads {
		if slices.ContainsFunc(covered, func(c cover) bool { return c.Workload == w.Name }) {
			out = append(out, w.Proxies()...)
		}
	}
	return out
}

func ports(n int) string {
	if n == 1 {
		return "1 port"
	}
	return fmt.Sprintf("%d ports", n)
}

func list(breaches []breach) string {
	var out []string
	for _, b := range breaches {
		out = append(out, b.String())
	}
	if len(out) > 10 {
		out = append(out[:10:10], fmt.Sprintf("and %d more", len(out)-10))
	}
	return strings.Join(out, "; ")
}

func missing(w metrics.Window) string {
	var out []string
	for _, u := range w.Unmeasured {
		out = append(out, fmt.Sprintf("pod %s: %s", u.Pod.Name, diag.Scrub(u.Reason)))
	}
	return strings.Join(out, "; ")
}
