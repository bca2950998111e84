package mesh

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// probePatience is how long a silent injector is asked again.
const probePatience = 30 * time.Second

// failurePatience is how long a controller may be unable to make pods before a wave is given up: an injector that moves to
// another node and a quota that old pods still use come right within it.
const failurePatience = 30 * time.Second

// Apply implements providers.ResourceType.
func (t injection) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	if req.Deleting() {
		return t.remove(ctx, req)
	}
	s, _ := specOf(req.Planned)
	var before *spec
	if !req.Creating() {
		b, _ := specOf(req.Prior)
		before = &b
	}
	c := t.env.Cluster()
	res := providers.ApplyResponse{Value: req.Prior}
	scene, err := t.look(ctx, s, before)
	if err != nil {
		return res, c.Diagnose(err, "list", namespaceRef(s.namespace))
	}
	var ds hcl.Diagnostics
	for _, d := range scene.problems(false) {
		if d.Severity == hcl.DiagError { // warnings were shown with the plan
			ds = append(ds, d)
		}
	}
	if ds.HasErrors() {
		return res, ds
	}
	r := &rollout{injection: t, owner: req.Owner, step: req.Step, spec: s, before: before, value: req.Planned}
	ds = r.run(ctx, scene)
	if r.wrote {
		res.Value = r.value
	}
	return res, ds
}

// rollout carries one injection out.
type rollout struct {
	injection
	owner  providers.Owner
	step   providers.Step
	spec   spec
	before *spec
	value  cty.Value // what is true so far
	wrote  bool      // something in the cluster changed, or was found as planned
}

func (r *rollout) run(ctx context.Context, s *scene) hcl.Diagnostics {
	if ds := r.probe(ctx, s, r.spec.annotations); ds.HasErrors() {
		return ds
	}
	r.wrote = true
	defer func() { r.value = s.computed().value(r.value) }()
	if r.spec.workloads == nil {
		if ds := r.annotateNamespace(ctx, s.observed.Namespace, r.spec.annotations); ds.HasErrors() {
			return ds
		}
		// The injector looks at its own copy of the namespace, which may lag behind: a restart now could miss the
		// annotation.
		if ds := r.probe(ctx, s, nil); ds.HasErrors() {
			return ds
		}
	}
	if ds := r.checkpoint(s); ds.HasErrors() {
		return ds
	}
	if ds := r.release(ctx, s); ds.HasErrors() {
		return ds
	}
	for i, wave := range s.waves {
		next, ds := r.wave(ctx, s, wave, fmt.Sprintf("wave %d/%d", i+1, len(s.waves)))
		if next != nil {
			*s = *next
		}
		if ds.HasErrors() {
			return ds
		}
		if ds := r.checkpoint(s); ds.HasErrors() {
			return ds
		}
	}
	return nil
}

// probe proves that the injector answers, when anything is to be restarted: to a pod with the given annotations of
// its own.
func (r *rollout) probe(ctx context.Context, s *scene, own map[string]string) hcl.Diagnostics {
	for _, wave := range s.waves {
		for _, name := range wave {
			if st := s.state(name); st.Restart != "" && st.Replicas > 0 {
				r.step.Progress(providers.Progress{Message: "asking the proxy injector for " + name, Waiting: true})
				return probeInjector(ctx, r.env.Cluster(), st.Workload, own, r.spec.annotations, min(probePatience, r.spec.timeout), r.step)
			}
		}
	}
	return nil
}

// checkpoint records how far the rollout came, so that a kill forgets nothing.
func (r *rollout) checkpoint(s *scene) hcl.Diagnostics {
	r.value = s.computed().value(r.value)
	if err := r.step.Checkpoint(r.value, nil); err != nil {
		return diag.FromError(CodeCheckpoint, "Progress cannot be recorded", err, nil)
	}
	return nil
}

// release takes workloads out of the mesh that the configuration does not list any more.
func (r *rollout) release(ctx context.Context, s *scene) hcl.Diagnostics {
	var gone []*Workload
	for _, name := range dropped(r.before, &r.spec) {
		if w := s.observed.Find(name); w != nil {
			gone = append(gone, w)
		}
	}
	return r.strip(ctx, gone, "workloads that are not listed any more")
}

// wave restarts what needs it and waits until every workload of the wave is proved. It returns the scene as it was
// last seen.
func (r *rollout) wave(ctx context.Context, s *scene, wave []string, title string) (*scene, hcl.Diagnostics) {
	title += ": " + bareNames(wave)
	r.progress(s, title, false)
	// Time has passed since the last look: a workload may have made its first pods before the annotation was there.
	fresh, err := r.look(ctx, r.spec, r.before)
	if err != nil {
		return nil, r.env.Cluster().Diagnose(err, "list", namespaceRef(r.spec.namespace))
	}
	restarted := map[string]int{}
	for _, name := range wave {
		if st := fresh.state(name); st != nil && st.Restart != "" {
			if ds := r.restart(ctx, st, restarted); ds.HasErrors() {
				return fresh, ds
			}
		}
	}
	r.step.Release()
	return r.await(ctx, wave, restarted, title)
}

// restart replaces the pods of a workload and notes that it did.
func (r *rollout) restart(ctx context.Context, st *State, restarted map[string]int) hcl.Diagnostics {
	annotations := map[string]string{}
	if r.spec.workloads != nil {
		annotations = r.spec.annotations
	}
	c := r.env.Cluster()
	if err := restart(ctx, c, st.Workload, annotations, manager(r.owner), r.spec.force); err != nil {
		return annotationRefused(c, err, st.Ref)
	}
	restarted[st.Name]++
	return nil
}

// await looks at the wave until it is proved, a pod of a restarted workload turns out wrong, a controller goes on being
// unable to make pods, or time is up. A workload that looked right and turns out wrong is restarted once, and one whose
// restart met an injector with an old copy of the namespace once more: each replica of it hears of changes at its own time.
func (r *rollout) await(ctx context.Context, wave []string, restarted map[string]int, title string) (*scene, hcl.Diagnostics) {
	c := r.env.Cluster()
	var s *scene
	deadline := time.Now().Add(r.spec.timeout)
	failing := map[string]time.Time{} // since when a workload gets no pods
	for delay := 200 * time.Millisecond; ; delay = min(delay*3/2, 2*time.Second) {
		next, err := r.look(ctx, r.spec, r.before)
		if err != nil {
			return s, c.Diagnose(err, "list", namespaceRef(r.spec.namespace))
		}
		s = next
		r.progress(s, title, true)
		var missing []string
		done := true
		for _, name := range wave {
			st := s.state(name)
			if st == nil { // deleted meanwhile, or opted out: it belongs to the mesh no more
				continue
			}
			if st.Restart != "" {
				if n := restarted[name]; n > 1 || n > 0 && r.spec.workloads != nil {
					return s, r.fail("%s was restarted, but %s.", name, st.Restart)
				}
				if ds := r.restart(ctx, st, restarted); ds.HasErrors() {
					return s, ds
				}
			}
			if st.Failure == "" {
				delete(failing, name)
			} else if failing[name].IsZero() {
				failing[name] = time.Now()
			} else if time.Since(failing[name]) > min(failurePatience, r.spec.timeout/4) {
				return s, r.fail("%s gets no pods. Its controller says: %s.", name, strings.TrimSuffix(diag.Scrub(st.Failure), "."))
			}
			if !st.Proved() || !st.Settled {
				done = false
				missing = append(missing, fmt.Sprintf("%s: %s", name, strings.Join(orSettling(st.Waiting), "; ")))
			}
		}
		if done {
			r.progress(s, title+": proved", false)
			return s, nil
		}
		if time.Now().After(deadline) {
			return s, r.fail("After %s these workloads are not fully meshed. %s.", r.spec.timeout, some(missing, 5))
		}
		if !pause(ctx, delay) {
			return s, r.fail("The wait was interrupted (%v). %s.", context.Cause(ctx), some(missing, 5))
		}
	}
}

func orSettling(waiting []string) []string {
	if len(waiting) == 0 {
		return []string{"its controller has not finished"}
	}
	if len(waiting) > 5 {
		return append(waiting[:5:5], fmt.Sprintf("and %d more", len(waiting)-5))
	}
	return waiting
}

func (r *rollout) fail(format string, args ...any) hcl.Diagnostics {
	d := diag.Errorf(CodeNotMeshed, "Workloads are not fully meshed", format, args...)
	d.Detail += " Later waves were not started. Correct the cause and apply again: what is meshed already is not restarted."
	return hcl.Diagnostics{d}
}

// progress reads `2/5 workloads meshed, wave 1/3: userservice, driverservice`.
func (r *rollout) progress(s *scene, title string, waiting bool) {
	r.step.Progress(providers.Progress{Message: "workloads meshed, " + title, Done: s.proved(), Total: len(s.states), Waiting: waiting})
}

func bareNames(wave []string) string {
	out := make([]string, len(wave))
	for i, w := range wave {
		_, out[i] = splitWorkload(w)
	}
	return strings.Join(out, ", ")
}
