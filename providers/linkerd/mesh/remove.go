package mesh

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
)

// remove takes the injection back: annotations first, so that nothing new is injected, then restarts in the opposite
// order, and at last the proof that no proxy is left.
func (t injection) remove(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	s, _ := specOf(req.Prior)
	gone := providers.ApplyResponse{Value: cty.NullVal(req.Prior.Type())}
	c := t.env.Cluster()
	o, err := observe(ctx, c, s.namespace, s.workloads)
	if err != nil {
		return providers.ApplyResponse{Value: req.Prior}, c.Diagnose(err, "list", namespaceRef(s.namespace))
	}
	if o.Namespace == nil || o.Namespace.DeletionTimestamp != nil {
		return gone, nil
	}
	r := &rollout{injection: t, owner: req.Owner, step: req.Step, spec: s, value: req.Prior}
	if s.workloads == nil {
		if ds := r.annotateNamespace(ctx, o.Namespace, nil); ds.HasErrors() {
			return providers.ApplyResponse{Value: req.Prior}, ds
		}
	}
	left := toUninject(o, s.workloads, manager(req.Owner))
	if ds := r.probeRelease(ctx, left); ds.HasErrors() {
		return providers.ApplyResponse{Value: req.Prior}, ds
	}
	for i, wave := range reversed(req.Prior.GetAttr("waves"), left, s.parallel) {
		title := fmt.Sprintf("wave %d without proxies", i+1)
		if ds := r.strip(ctx, wave, title); ds.HasErrors() {
			return providers.ApplyResponse{Value: req.Prior}, ds
		}
	}
	// What was never meshed still carries annotations of ours when its template was listed.
	for _, name := range s.workloads {
		if w := o.Find(name); w != nil && !slices.Contains(left, w) {
			if err := applyTemplate(ctx, c, w, nil, manager(req.Owner), s.force); err != nil {
				return providers.ApplyResponse{Value: req.Prior}, annotationRefused(c, err, w.Ref)
			}
		}
	}
	if why := kept(o, s.workloads, manager(req.Owner)); why != "" {
		return gone, hcl.Diagnostics{diag.Warningf(CodeKept, "Pods stay in the mesh", "%s. Remove the annotation there and restart the pods to take them out.", strings.ToUpper(why[:1])+why[1:])}
	}
	return gone, nil
}

// probeRelease proves that restarts take proxies away. Templates that ask for a proxy by themselves need no proof: the injector
// reads them from the pod.
func (r *rollout) probeRelease(ctx context.Context, left []*Workload) hcl.Diagnostics {
	if r.spec.workloads != nil {
		return nil
	}
	for _, w := range left {
		if w.Replicas > 0 {
			r.step.Progress(providers.Progress{Message: "asking the proxy injector for " + w.Name, Waiting: true})
			return probeRelease(ctx, r.env.Cluster(), w, min(probePatience, r.spec.timeout), r.step)
		}
	}
	return nil
}

// reversed puts workloads into the recorded waves, last first. Those that no wave knows come at the end.
func reversed(recorded cty.Value, left []*Workload, limit int) [][]*Workload {
	var out [][]*Workload
	placed := map[*Workload]bool{}
	if recorded.IsKnown() && !recorded.IsNull() {
		for _, wave := range slices.Backward(recorded.AsValueSlice()) {
			var members []*Workload
			for _, name := range schema.Texts(wave) {
				for _, w := range left {
					if w.Name == name {
						members, placed[w] = append(members, w), true
					}
				}
			}
			if len(members) > 0 {
				out = append(out, members)
			}
		}
	}
	rest := slices.DeleteFunc(slices.Clone(left), func(w *Workload) bool { return placed[w] })
	return slices.AppendSeq(out, slices.Chunk(rest, max(1, limit)))
}

// strip gives the template annotations of workloads back, restarts those that still have proxies and waits until no
// pod has one. Each of several injectors has its own copy of the namespace, so a workload whose new pods all the same got a
// proxy is restarted once more.
func (r *rollout) strip(ctx context.Context, wave []*Workload, title string) hcl.Diagnostics {
	if len(wave) == 0 {
		return nil
	}
	names := make([]string, len(wave))
	for i, w := range wave {
		names[i] = w.Name
	}
	r.step.Progress(providers.Progress{Message: title + ": " + bareNames(names), Total: len(wave)})
	c := r.env.Cluster()
	for _, w := range wave {
		if ds := r.stripOne(ctx, w); ds.HasErrors() {
			return ds
		}
	}
	r.step.Release()
	again := map[string]bool{}
	deadline := time.Now().Add(r.spec.timeout)
	for delay := 200 * time.Millisecond; ; delay = min(delay*3/2, 2*time.Second) {
		o, err := Observe(ctx, c, r.spec.namespace) // a CronJob has no pods to wait for
		if err != nil {
			return c.Diagnose(err, "list", namespaceRef(r.spec.namespace))
		}
		left := stillMeshed(o, names)
		r.step.Progress(providers.Progress{Message: title + ": " + bareNames(names), Done: len(wave) - len(left), Total: len(wave), Waiting: true})
		if len(left) == 0 {
			return nil
		}
		for _, w := range wave {
			now := o.Find(w.Name)
			if now == nil || !now.Settled || !now.newestMeshed() {
				continue
			}
			if again[w.Name] {
				return hcl.Diagnostics{diag.Errorf(CodeStillMeshed, "Pods still have a proxy",
					"%s was restarted twice, and its new pods have a proxy again. Look for what else injects proxies in namespace %q, then apply again.", w.Name, r.spec.namespace)}
			}
			again[w.Name] = true
			if ds := r.stripOne(ctx, now); ds.HasErrors() {
				return ds
			}
		}
		if over := time.Now().After(deadline); over || !pause(ctx, delay) {
			why := fmt.Sprintf("After %s", r.spec.timeout)
			if !over {
				why = fmt.Sprintf("When the wait was interrupted (%v)", context.Cause(ctx))
			}
			return hcl.Diagnostics{diag.Errorf(CodeStillMeshed, "Pods still have a proxy",
				"%s these workloads were not running without proxies: %s. Apply again to go on.", why, strings.Join(left, "; "))}
		}
	}
}

// stripOne removes the annotations of this instance from a template. When that changes nothing although the newest
// pods have a proxy, the workload came into the mesh by itself and needs a restart of its own.
func (r *rollout) stripOne(ctx context.Context, w *Workload) hcl.Diagnostics {
	c := r.env.Cluster()
	newest := w.newestMeshed()
	if !newest && (r.spec.workloads == nil || len(w.Pods()) > 0) {
		return nil // a restart is under way
	}
	if _, ours := w.Template.Annotations[restartAnnotation]; ours || r.spec.workloads != nil {
		if err := applyTemplate(ctx, c, w, nil, manager(r.owner), r.spec.force); err != nil {
			return annotationRefused(c, err, w.Ref)
		}
		live, err := c.Get(ctx, w.Ref)
		if err != nil {
			return c.Diagnose(err, "get", w.Ref)
		}
		if live == nil || live.GetGeneration() != w.Generation || !newest {
			return nil
		}
	}
	if err := restart(ctx, c, w, map[string]string{}, manager(r.owner), r.spec.force); err != nil {
		return annotationRefused(c, err, w.Ref)
	}
	return nil
}

// stillMeshed says which of the named workloads have a pod with a proxy, or have not settled without one.
func stillMeshed(o *Observation, names []string) []string {
	var out []string
	for _, name := range names {
		w := o.Find(name)
		if w == nil {
			continue
		}
		if p := w.Proxies(); len(p) > 0 {
			out = append(out, fmt.Sprintf("%s: pod %s has a proxy", name, p[0].Name))
		} else if !w.Settled || len(w.Old) > 0 {
			out = append(out, name+": its controller has not finished")
		}
	}
	return out
}
