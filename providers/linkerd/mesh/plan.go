package mesh

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

// Plan implements providers.ResourceType.
func (t injection) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	if req.Config.IsNull() {
		return t.planDeletion(ctx, req)
	}
	res := providers.PlanResponse{Planned: req.Proposed}
	s, known := specOf(req.Config)
	if !known {
		res.Planned = unknownComputed(req.Proposed)
		return res, nil
	}
	var before *spec
	if !req.Prior.IsNull() && !req.Replacing {
		if b, ok := specOf(req.Prior); ok {
			before = &b
			if (b.workloads == nil) != (s.workloads == nil) {
				res.Replace = append(res.Replace, cty.GetAttrPath("workloads"))
			}
		}
	}
	if req.Offline {
		if before == nil || !maps.Equal(before.annotations, s.annotations) || !slices.Equal(before.workloads, s.workloads) || before.proxyVersion != s.proxyVersion {
			res.Planned = unknownComputed(req.Proposed)
		}
		return res, nil
	}
	c := t.env.Cluster()
	scene, err := t.look(ctx, s, before)
	if err != nil {
		return res, c.Diagnose(err, "list", namespaceRef(s.namespace))
	}
	if scene.observed.Namespace == nil && c.World().PlansNamespace(s.namespace) {
		res.Planned = unknownComputed(req.Proposed)
		res.Notes = append(res.Notes, "restarts what runs in the namespace by then, wave by wave")
		return res, nil
	}
	ds := scene.problems(true)
	scene.describe(&res)
	if res.Restarts > 0 && !ds.HasErrors() {
		res.Notes = append(res.Notes, scene.preview(ctx, c)...)
	}
	if t.world != nil {
		t.world.Meshes(s.namespace, scene.unmeshed())
	}
	changed := before == nil || !maps.Equal(before.annotations, s.annotations) || len(dropped(before, &s)) > 0
	if changed || res.Restarts > 0 { // what is not about to change is not judged again
		n, err := meet(ctx, c, s.namespace)
		if err != nil {
			return res, append(ds, c.Diagnose(err, "list", namespaceRef(s.namespace))...)
		}
		ds = append(ds, n.problems(scene.states)...)
	}
	if changed {
		if d := metrics.Denied(fmt.Sprintf("namespace %q", s.namespace), s.annotations[configKey("default-inbound-policy")]); d != nil {
			ds = append(ds, diag.At(d, cty.GetAttrPath("config")))
		}
	}
	jobs := scene.namedJobs()
	changed = changed || len(jobs) > 0
	if s.workloads == nil && (changed || res.Restarts > 0) { // the namespace is annotated, which Jobs feel as well
		if jobs, err = jobsOf(ctx, c, s.namespace); err != nil {
			return res, append(ds, c.Diagnose(err, "list", namespaceRef(s.namespace))...)
		}
	}
	notes, more := scene.jobs(jobs)
	res.Notes, ds = append(res.Notes, notes...), append(ds, more...)
	switch {
	case changed || res.Restarts > 0 || req.Incomplete:
		res.Planned = unknownComputed(req.Proposed)
	case !slices.EqualFunc(before.order, s.order, slices.Equal[[]string]) || before.parallel != s.parallel || !maps.EqualFunc(before.calls, s.calls, slices.Equal[[]string]):
		attrs := req.Proposed.AsValueMap()
		attrs["waves"] = computed{nil, scene.waves}.value(req.Proposed).GetAttr("waves")
		res.Planned = cty.ObjectVal(attrs)
	}
	if before != nil {
		for _, name := range dropped(before, &s) {
			if w := scene.observed.Find(name); w != nil {
				res.Restarts += w.Replicas
				res.Notes = append(res.Notes, fmt.Sprintf("takes %s (%s) out of the mesh", name, pods(w.Replicas)))
			}
		}
	}
	return res, ds
}

// describe says which workloads restart, in which wave and why, and which are left alone.
func (s *scene) describe(res *providers.PlanResponse) {
	for i, wave := range s.waves {
		for _, name := range wave {
			if st := s.state(name); st.Restart != "" && st.Ref.Kind != cronJob {
				// Even a workload without pods counts: its template may change.
				res.Restarts += st.Replicas
				res.Notes = append(res.Notes, fmt.Sprintf("wave %d/%d restarts %s (%s): %s", i+1, len(s.waves), name, pods(st.Replicas), st.Restart))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.optedOut)) {
		res.Notes = append(res.Notes, fmt.Sprintf("leaves %s alone: %s", name, s.optedOut[name]))
	}
}

// unmeshed are the workloads that restart and have no proxy yet.
func (s *scene) unmeshed() (out []string) {
	for i := range s.states {
		if st := &s.states[i]; st.Restart != "" && len(st.Proxies()) == 0 {
			out = append(out, st.Name)
		}
	}
	return out
}

// dropped are the workloads that were listed and are not any more.
func dropped(before, now *spec) []string {
	if before == nil || before.workloads == nil || now.workloads == nil {
		return nil
	}
	var out []string
	for _, w := range before.workloads {
		if !slices.Contains(now.workloads, w) {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return out
}

func pods(n int) string {
	if n == 1 {
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", n)
}

func (t injection) planDeletion(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	res := providers.PlanResponse{Planned: cty.NullVal(req.Prior.Type())}
	s, known := specOf(req.Prior)
	if !known || req.Offline {
		return res, nil
	}
	c := t.env.Cluster()
	observed, err := observe(ctx, c, s.namespace, s.workloads)
	if err != nil {
		return res, c.Diagnose(err, "list", namespaceRef(s.namespace))
	}
	var names []string
	if why := kept(observed, s.workloads, manager(req.Owner)); why != "" {
		res.Notes = append(res.Notes, "leaves pods in the mesh: "+why)
	}
	for _, w := range toUninject(observed, s.workloads, manager(req.Owner)) {
		res.Restarts += w.Replicas
		names = append(names, w.Name)
	}
	if len(names) > 0 {
		res.Notes = append(res.Notes, "restarts without proxies: "+strings.Join(names, ", "))
	}
	return res, nil
}

// toUninject returns the workloads whose pods have proxies because of an injection, in order of name. A template that
// asks for a proxy by itself keeps it, unless the resource wrote that and nobody else did.
func toUninject(o *Observation, named []string, ours string) []*Workload {
	var out []*Workload
	for _, w := range o.Workloads {
		own := w.Template.Annotations[InjectAnnotation]
		if named != nil && !slices.Contains(named, w.Name) || named == nil && (own == "enabled" || own == "ingress") {
			continue
		}
		if len(w.Proxies()) > 0 && len(o.keptBy(w, named, ours)) == 0 {
			out = append(out, w)
		}
	}
	return out
}
