package traffic

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

// shift takes the traffic of one Service to new weights.
type shift struct {
	split
	req    providers.ApplyRequest
	spec   splitSpec
	record splitRecord
	value  cty.Value // what is true so far
}

// Apply implements providers.ResourceType.
func (t split) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	record, err := decodeSplit(req.PriorPrivate)
	if err != nil {
		return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	if req.Deleting() {
		left, ds := t.env.Cluster().DeleteSet(ctx, kube.SetDeleteRequest{Owner: req.Owner, Record: record.Set, Options: splitOptions(req.Prior), Step: req.Step})
		if record.Set = left; len(left.Objects) > 0 {
			return providers.ApplyResponse{Value: req.Prior, Private: record.encode()}, ds
		}
		return providers.ApplyResponse{Value: cty.NullVal(req.Prior.Type())}, ds
	}
	if req.Creating() {
		record = splitRecord{}
	}
	r := &shift{split: t, req: req, record: record, value: req.Prior}
	r.spec, _ = splitSpecOf(req.Planned)
	ds := r.run(ctx)
	return providers.ApplyResponse{Value: r.value, Private: r.record.encode()}, ds
}

func (r *shift) run(ctx context.Context) hcl.Diagnostics {
	from := r.record.origin(r.spec)
	steps := r.spec.steps(from)
	if len(steps) == 1 {
		r.record.From = nil
		if ds := r.write(ctx, r.spec.weights); ds.HasErrors() {
			return ds
		}
		return r.accepted(ctx)
	}
	grows := growing(from, r.spec.weights)
	if ds := r.measurable(ctx, grows); ds.HasErrors() {
		return ds
	}
	begin := 0
	if r.record.From != nil { // goes on where it was interrupted
		begin = max(slices.IndexFunc(steps, func(w weights) bool { return w.shares().equal(r.record.Now.shares()) }), 0)
	}
	r.record.From = from
	for i := begin; i < len(steps); i++ {
		if ds := r.write(ctx, steps[i]); ds.HasErrors() {
			return ds
		}
		if ds := r.accepted(ctx); ds.HasErrors() {
			return ds
		}
		if reason := r.prove(ctx, grows, steps[i]); reason != nil {
			if ctx.Err() != nil {
				return hcl.Diagnostics{reason} // the next run goes on here
			}
			return r.back(ctx, from, reason)
		}
	}
	r.record.From = nil
	return nil
}

// growing are the backends that get a greater share than before.
func growing(from, to weights) []string {
	old, target := from.shares(), to.shares()
	var out []string
	for name, s := range target {
		if s > old[name]+0.0005 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// write makes the route as the weights say and records it.
func (r *shift) write(ctx context.Context, now weights) hcl.Diagnostics {
	r.req.Step.Progress(providers.Progress{Message: "weights: " + now.String()})
	result, ds := r.env.Cluster().ApplySet(ctx, kube.SetApplyRequest{Owner: r.req.Owner, Prior: r.record.Set, Desired: kube.Objects(r.spec.object(now)), Options: splitOptions(r.req.Planned), Step: r.req.Step})
	r.record.Set = result.Record
	if ds.HasErrors() {
		return ds
	}
	r.record.Now = now
	attrs := r.req.Planned.AsValueMap()
	attrs["weights"] = now.value()
	r.value = cty.ObjectVal(attrs)
	if err := r.req.Step.Checkpoint(r.value, r.record.encode()); err != nil {
		return append(ds, diag.FromError(CodeNoData, "Progress cannot be recorded", err, nil)...)
	}
	return ds
}

func (r *shift) accepted(ctx context.Context) hcl.Diagnostics {
	return typed.Await(ctx, r.env.Cluster(), kube.RefOf(r.spec.object(r.record.Now)), typed.Accepted, patience, r.req.Step)
}

// back puts the weights of before in force again and says why.
func (r *shift) back(ctx context.Context, from weights, reason *hcl.Diagnostic) hcl.Diagnostics {
	stay := r.spec
	for _, name := range r.spec.left(from) { // they were backends of the former split
		stay.weights[name], stay.ports[name] = 0, r.spec.port
	}
	r.spec = stay
	r.record.From = nil
	ds := r.write(context.WithoutCancel(ctx), from)
	if !ds.HasErrors() {
		reason.Detail += fmt.Sprintf(" The weights of before (%s) are in force again.", from)
		if !r.req.Creating() {
			r.value = r.req.Prior
		}
	}
	return append(hcl.Diagnostics{reason}, ds...)
}

// proxies are the proxies behind the Services of backends.
func (r *shift) proxies(ctx context.Context, names []string) (map[string][]metrics.Pod, error) {
	o, err := mesh.Observe(ctx, r.env.Cluster(), r.spec.namespace)
	if err != nil {
		return nil, err
	}
	all, err := r.linter.services(ctx, r.spec.namespace)
	if err != nil {
		return nil, err
	}
	out := map[string][]metrics.Pod{}
	for _, name := range names {
		s := all[name]
		if s == nil || len(s.Spec.Selector) == 0 {
			continue
		}
		selector := labels.SelectorFromSet(s.Spec.Selector)
		for _, w := range o.Workloads {
			chosen := map[string]bool{}
			for _, list := range [][]*corev1.Pod{w.Current, w.Old} {
				for _, p := range list {
					if selector.Matches(labels.Set(p.Labels)) {
						chosen[string(p.UID)] = true
					}
				}
			}
			for _, p := range w.Proxies() {
				if chosen[p.UID] {
					out[name] = append(out[name], p)
				}
			}
		}
	}
	return out, nil
}

func (r *shift) measurable(ctx context.Context, names []string) hcl.Diagnostics {
	if r.spec.canary.minRequests == 0 {
		return nil
	}
	pods, err := r.proxies(ctx, names)
	if err != nil {
		return r.env.Cluster().Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Namespace", Name: r.spec.namespace})
	}
	for _, name := range names {
		if len(pods[name]) == 0 {
			return hcl.Diagnostics{diag.At(diag.Errorf(CodeNoPods, "Backend has no proxies",
				"No pod behind Service %q has a proxy, so its answers cannot be measured and no weight was changed. Deploy and mesh its workload first, or set min_requests = 0 to go on without evidence.", name), cty.GetAttrPath("backend").IndexString(name))}
		}
	}
	return nil
}

// prove watches the traffic of a step for one window, or for as many as are needed to see enough requests, and returns
// what speaks against the step.
func (r *shift) prove(ctx context.Context, names []string, now weights) *hcl.Diagnostic {
	c := r.spec.canary
	if c.minRequests == 0 {
		return nil
	}
	deadline := time.Now().Add(c.timeout)
	var before []metrics.Scrape
	for {
		pods, err := r.proxies(ctx, names)
		if err != nil {
			return diag.Errorf(CodeNoData, "Proxies cannot be found", "At %s: %s.", now, err)
		}
		var all []metrics.Pod
		for _, name := range names {
			all = append(all, pods[name]...)
		}
		slices.SortFunc(all, func(a, b metrics.Pod) int { return cmp.Compare(a.String(), b.String()) })
		scraper := metrics.Scraper{Forward: r.env.Cluster().Forward}
		if !slices.EqualFunc(before, all, func(s metrics.Scrape, p metrics.Pod) bool { return s.Pod.UID == p.UID }) {
			before = scraper.Scrape(ctx, all) // a pod that came or went begins the count anew
		}
		r.req.Step.Progress(providers.Progress{Message: fmt.Sprintf("at %s: watching %s for %s", now, strings.Join(names, ", "), c.window), Waiting: true})
		timer := time.NewTimer(c.window)
		select {
		case <-ctx.Done():
			timer.Stop()
			return diag.Errorf(CodeNoData, "Interrupted", "The canary was interrupted at %s (%v). Apply again to go on there, or roll back.", now, context.Cause(ctx))
		case <-timer.C:
		}
		w := metrics.Between(before, scraper.Scrape(ctx, all))
		against, open := "", ""
		for _, name := range names {
			a, o := c.judge(name, w, pods[name])
			if against == "" {
				against = a
			}
			if open == "" {
				open = o
			}
		}
		switch {
		case against != "":
			return diag.Errorf(CodeCanary, "Canary was taken back", "At %s: %s.", now, against)
		case open == "":
			return nil
		case time.Now().After(deadline):
			return diag.Errorf(CodeNoData, "Canary proved nothing", "At %s: %s within %s. What is not measured is not proved: make traffic, widen the window, or lower min_requests.", now, open, c.timeout)
		}
	}
}

// judge says what speaks against a backend in a window, and what is not known yet. It is pure.
func (c *canarySpec) judge(name string, w metrics.Window, pods []metrics.Pod) (against, open string) {
	keep := func(p metrics.Pod) bool {
		return slices.ContainsFunc(pods, func(o metrics.Pod) bool { return o.UID == p.UID })
	}
	responses := w.SuccessRate(keep)
	rate, known := responses.Ratio()
	latency, measured := w.Latency(0.99, keep)
	switch {
	case known && responses.Whole >= c.minRequests && rate < c.minResult:
		return fmt.Sprintf("%.1f%% of %.0f responses of %s were successes, %.1f%% are needed", 100*rate, responses.Whole, name, 100*c.minResult), ""
	case c.maxLatency > 0 && measured && responses.Whole >= c.minRequests && latency > c.maxLatency:
		return fmt.Sprintf("the 99th percentile of the latency of %s was %s, at most %s is allowed", name, latency.Round(time.Millisecond), c.maxLatency), ""
	case !known || responses.Whole < c.minRequests:
		return "", fmt.Sprintf("%.0f responses of %s were seen, %.0f are needed", responses.Whole, name, c.minRequests)
	case c.maxLatency > 0 && !measured:
		return "", "no latency of " + name + " was measured"
	}
	return "", ""
}
