package mesh

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/providers"
)

// Read implements providers.ResourceType. It reads each namespace once, however many instances are in it. Only what
// is wrong shows as drift: a pod that is not ready for the moment, a changed number of replicas or a new workload
// that is meshed do not.
func (t injection) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	c := t.env.Cluster()
	want, err := LoadWant(ctx, c, t.env)
	if err != nil {
		return out, c.Diagnose(err, "get", namespaceRef(t.env.Namespace()))
	}
	seen := map[string]*Observation{} // by namespace; those of CronJobs are an instance's own
	for i, r := range reqs {
		out[i] = providers.ReadResponse{Value: r.Value, Private: r.Private}
		s, known := specOf(r.Value)
		if !known {
			continue
		}
		o := seen[s.namespace]
		if o == nil || slices.ContainsFunc(s.workloads, isCronJob) {
			if o, err = observe(ctx, c, s.namespace, s.workloads); err != nil {
				out[i].Diagnostics = c.Diagnose(err, "list", namespaceRef(s.namespace))
				continue
			}
			seen[s.namespace] = o
		}
		if o.Namespace == nil {
			out[i].Value = cty.NullVal(r.Value.Type())
			continue
		}
		out[i].Value = found(r.Value, judgeScene(s, nil, want, o))
		if r.Unresolved && !begun(s, o) {
			out[i].Value = cty.NullVal(r.Value.Type())
		}
	}
	return out, nil
}

// begun reports whether any of the annotations has been written.
func begun(s spec, o *Observation) bool {
	if s.workloads == nil {
		return o.Namespace.Annotations[InjectAnnotation] == s.annotations[InjectAnnotation]
	}
	return slices.ContainsFunc(s.workloads, func(name string) bool {
		w := o.Find(name)
		return w != nil && w.Template.Annotations[InjectAnnotation] == s.annotations[InjectAnnotation]
	})
}

// found brings a recorded value up to date with what was seen.
func found(recorded cty.Value, s *scene) cty.Value {
	attrs := recorded.AsValueMap()
	if s.spec.workloads == nil {
		live := s.observed.Namespace.Annotations
		attrs["mode"] = orNull(live[InjectAnnotation])
		if m := attrs["config"]; !m.IsNull() && m.LengthInt() > 0 {
			values := map[string]cty.Value{}
			for key := range m.AsValueMap() {
				if v, ok := live[configKey(key)]; ok {
					values[key] = cty.StringVal(v)
				}
			}
			attrs["config"] = cty.MapValEmpty(cty.String)
			if len(values) > 0 {
				attrs["config"] = cty.MapVal(values)
			}
		}
	}
	was := map[string]cty.Value{}
	if st := attrs["status"]; st.IsKnown() && !st.IsNull() {
		was = st.AsValueMap()
	}
	fresh := s.computed().value(recorded)
	now := map[string]cty.Value{}
	for name, entry := range mapOf(fresh.GetAttr("status")) {
		st, old := s.state(name), was[name]
		recordedProof := old != cty.NilVal && old.GetAttr("meshed").True()
		switch {
		case st.Restart == "" && recordedProof:
			now[name] = old // still as it was proved
		case st.Restart == "" && old == cty.NilVal && len(was) > 0:
			// A workload that came later and got its proxies by itself.
		default:
			now[name] = entry
		}
	}
	attrs["status"] = cty.MapValEmpty(statusType())
	if len(now) > 0 {
		attrs["status"] = cty.MapVal(now)
	}
	attrs["meshed"] = countMeshed(now)
	if w := attrs["waves"]; !w.IsKnown() || w.IsNull() {
		attrs["waves"] = fresh.GetAttr("waves")
	}
	return cty.ObjectVal(attrs)
}

func countMeshed(status map[string]cty.Value) cty.Value {
	proved := 0
	for _, entry := range status {
		if entry.GetAttr("meshed").True() {
			proved++
		}
	}
	return cty.StringVal(fmt.Sprintf("%d/%d", proved, len(status)))
}

func mapOf(v cty.Value) map[string]cty.Value {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	return maps.Clone(v.AsValueMap())
}

func orNull(s string) cty.Value {
	if s == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(s)
}
