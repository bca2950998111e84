package traffic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// split is the resource type linkerd_traffic_split.
type split struct {
	env    env.Env
	linter linter
}

// weights are the parts of the traffic by name of the backend's Service.
type weights map[string]int64

// splitRecord is what a linkerd_traffic_split keeps in Private.
type splitRecord struct {
	Set kube.Record `json:"set"`
	// From are the weights that a canary began with, while it is under way: it returns to them.
	From weights `json:"from,omitempty"`
	// Now are the weights of the last write.
	Now weights `json:"now,omitempty"`
}

func decodeSplit(private []byte) (splitRecord, error) {
	var r splitRecord
	if len(private) == 0 {
		return r, nil
	}
	if err := json.Unmarshal(private, &r); err != nil {
		return r, fmt.Errorf("record of traffic split: %w", err)
	}
	return r, nil
}

func (r splitRecord) encode() []byte {
	out, err := json.Marshal(r)
	if err != nil {
		panic(err) // the type has no value that JSON cannot say
	}
	return out
}

// Schema implements providers.ResourceType.
func (split) Schema() *schema.Resource { return splitSchema() }

// Order implements providers.Orderer.
func (split) Order(config cty.Value) providers.Order {
	ns, name := schema.Text(config.GetAttr("namespace")), schema.Text(config.GetAttr("service"))
	o := providers.Order{After: []providers.Tag{"linkerd:crds", "linkerd:control-plane"}}
	if ns == "" {
		return o
	}
	o.After = append(o.After, providers.Tag("kubernetes:namespace/"+ns), providers.Tag("linkerd:injection/"+ns))
	names := []string{name}
	if b := config.GetAttr("backend"); b.IsKnown() && !b.IsNull() {
		names = append(names, slices.Sorted(maps.Keys(b.AsValueMap()))...)
	}
	for _, n := range names {
		o.After = append(o.After, providers.Tag("kubernetes:object/"+kube.Ref{Kind: "Service", Namespace: ns, Name: n}.Key()))
	}
	o.Provides = append(o.Provides, providers.Tag("linkerd:route/"+ns+"/"+name))
	return o
}

// object is the route at some weights.
func (s splitSpec) object(now weights) *unstructured.Unstructured {
	backends := func(w weights) []any {
		var out []any
		for _, name := range slices.Sorted(maps.Keys(s.weights)) {
			port := s.ports[name]
			out = append(out, map[string]any{"group": "", "kind": "Service", "name": name, "port": port, "weight": w[name]})
		}
		return out
	}
	var rules []any
	for _, m := range s.matches {
		rules = append(rules, map[string]any{"matches": []any{m.match}, "backendRefs": backends(weights{m.backend: 1})})
	}
	rules = append(rules, map[string]any{"matches": []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": "/"}}}, "backendRefs": backends(now)})
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"parentRefs": []any{map[string]any{"group": "core", "kind": "Service", "name": s.service, "port": s.port}}, "rules": rules}}}
	u.SetAPIVersion(policyGroup + "/v1beta3")
	if s.api == gatewayGroup {
		u.SetAPIVersion(gatewayGroup + "/v1")
	}
	u.SetKind("HTTPRoute")
	u.SetNamespace(s.namespace)
	u.SetName(s.name)
	return u
}

// Plan implements providers.ResourceType.
func (t split) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	record, err := decodeSplit(req.Private)
	if err != nil {
		return providers.PlanResponse{Planned: req.Proposed}, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	if req.Config.IsNull() {
		t.linter.world.Forget(req.Address.String())
		return providers.PlanResponse{Planned: cty.NullVal(req.Prior.Type()), Notes: []string{"all requests go to the Service's own pods again"}}, nil
	}
	res := providers.PlanResponse{Planned: req.Proposed}
	s, known := splitSpecOf(req.Proposed)
	attrs := req.Proposed.AsValueMap()
	if !known {
		attrs["weights"] = cty.UnknownVal(cty.Map(cty.Number))
		res.Planned = cty.ObjectVal(attrs)
		return res, nil
	}
	attrs["weights"] = s.weights.value()
	res.Planned = cty.ObjectVal(attrs)
	if req.Prior.IsNull() || req.Replacing {
		record = splitRecord{}
	}
	u := s.object(s.weights)
	t.linter.world.Plan(req.Address.String(), u)
	set, ds := t.env.Cluster().PlanSet(ctx, kube.SetPlanRequest{Owner: req.Owner, Prior: record.Set, Desired: kube.Objects(u), Options: splitOptions(req.Config), Replacing: req.Replacing, Offline: req.Offline})
	res.Notes = append(res.Notes, set.Notes...)
	if ds.HasErrors() {
		return res, ds
	}
	same := !req.Prior.IsNull() && res.Planned.RawEquals(req.Prior)
	switch {
	case record.From != nil:
		res.Again = "the canary is not finished"
	case same && set.Changed():
		res.Again = "restores the route"
	}
	if !same || res.Again != "" {
		from := record.origin(s)
		if steps := s.steps(from); len(steps) > 1 {
			res.Notes = append(res.Notes, "canary: "+describe(from, steps))
		}
	}
	if same || req.Offline {
		return res, ds
	}
	found, err := t.lint(ctx, s, u)
	if err != nil {
		return res, append(ds, t.env.Cluster().Diagnose(err, "list", kube.Ref{Version: "v1", Kind: "Namespace", Name: s.namespace})...)
	}
	return res, append(ds, found...)
}

func splitOptions(v cty.Value) kube.SetOptions {
	return kube.SetOptions{OnExists: schema.Text(v.GetAttr("on_exists")), Conflicts: schema.Text(v.GetAttr("conflicts")), FieldConflicts: kube.FieldConflictsOf(v.GetAttr("field_conflicts"))}
}

func (t split) lint(ctx context.Context, s splitSpec, u *unstructured.Unstructured) (hcl.Diagnostics, error) {
	all, err := t.linter.services(ctx, s.namespace)
	if err != nil {
		return nil, err
	}
	ds := t.linter.service(all, s.namespace, s.service, int(s.port), cty.GetAttrPath("service"))
	for _, name := range slices.Sorted(maps.Keys(s.weights)) {
		ds = append(ds, t.linter.service(all, s.namespace, name, int(s.ports[name]), cty.GetAttrPath("backend").IndexString(name))...)
	}
	more, err := t.linter.profile(ctx, s.namespace, s.service, cty.GetAttrPath("service"))
	if err != nil {
		return ds, err
	}
	ds = append(ds, more...)
	more, err = t.linter.conflicts(ctx, u, cty.GetAttrPath("service"))
	return append(ds, more...), err
}

// origin are the weights that a change begins with: those of an unfinished canary, those in force, or, before there is
// a route, everything at the Service itself.
func (r splitRecord) origin(s splitSpec) weights {
	switch {
	case r.From != nil:
		return r.From
	case len(r.Now) > 0:
		return r.Now
	case s.weights[s.service] > 0:
		return weights{s.service: 1}
	}
	return nil
}

// steps are the weights that the traffic goes through; the last are those asked for.
func (s splitSpec) steps(from weights) []weights {
	if s.canary == nil || from == nil || from.shares().equal(s.weights.shares()) {
		return []weights{s.weights}
	}
	old, target := from.shares(), s.weights.shares()
	var out []weights
	for _, percent := range s.canary.steps {
		w := weights{}
		for name := range s.weights {
			w[name] = int64(math.Round(1000 * (old[name] + (target[name]-old[name])*percent/100)))
		}
		if len(s.left(from)) > 0 { // part of the traffic went to a Service that is no backend any more
			for name := range w {
				w[name] = int64(math.Round(1000 * target[name]))
			}
		}
		out = append(out, w)
	}
	return append(out, s.weights)
}

// left are backends that the new split does not have.
func (s splitSpec) left(from weights) []string {
	var out []string
	for name, n := range from {
		if _, ok := s.weights[name]; !ok && n > 0 {
			out = append(out, name)
		}
	}
	return out
}

type shares map[string]float64

func (w weights) shares() shares {
	total := int64(0)
	for _, n := range w {
		total += n
	}
	out := shares{}
	for name, n := range w {
		if total > 0 && n > 0 {
			out[name] = float64(n) / float64(total)
		}
	}
	return out
}

func (a shares) equal(b shares) bool {
	return maps.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) < 0.0005 })
}

func (w weights) value() cty.Value {
	out := map[string]cty.Value{}
	for name, n := range w {
		out[name] = cty.NumberIntVal(n)
	}
	if len(out) == 0 {
		return cty.MapValEmpty(cty.Number)
	}
	return cty.MapVal(out)
}

// String reads `payment 75%, payment-v2 25%`.
func (w weights) String() string {
	var out []string
	s := w.shares()
	for _, name := range slices.Sorted(maps.Keys(s)) {
		out = append(out, fmt.Sprintf("%s %s%%", name, strings.TrimSuffix(fmt.Sprintf("%.1f", 100*s[name]), ".0")))
	}
	return strings.Join(out, ", ")
}

func describe(from weights, steps []weights) string {
	out := []string{from.String()}
	for _, w := range steps {
		out = append(out, w.String())
	}
	return strings.Join(out, " → ")
}

// Read implements providers.ResourceType.
func (t split) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	reads := make([]kube.SetRead, len(reqs))
	records := make([]splitRecord, len(reqs))
	for i, r := range reqs {
		out[i] = providers.ReadResponse{Value: r.Value, Private: r.Private}
		var err error
		if records[i], err = decodeSplit(r.Private); err != nil {
			out[i].Diagnostics = diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
		}
		s, _ := splitSpecOf(r.Value)
		now := records[i].Now
		if now == nil {
			now = s.weights
		}
		reads[i] = kube.SetRead{Owner: r.Owner, Record: records[i].Set, Desired: kube.Objects(s.object(now)), Unresolved: r.Unresolved}
	}
	states, ds := t.env.Cluster().ReadSets(ctx, reads)
	if len(states) != len(reqs) {
		return out, ds
	}
	for i, state := range states {
		out[i].Diagnostics = append(out[i].Diagnostics, state.Diagnostics...)
		if out[i].Diagnostics.HasErrors() {
			continue
		}
		if !state.Exists() {
			out[i].Value, out[i].Private = cty.NullVal(reqs[i].Value.Type()), nil
			continue
		}
		records[i].Set = state.Record
		attrs := reqs[i].Value.AsValueMap()
		if len(state.Objects[0].Drift) > 0 || reqs[i].Unresolved {
			live := state.Objects[0].Live
			if live == nil {
				var err error
				if live, err = t.env.Cluster().Get(ctx, state.Objects[0].Ref); err != nil || live == nil {
					out[i].Diagnostics = append(out[i].Diagnostics, t.env.Cluster().Diagnose(err, "get", state.Objects[0].Ref)...)
					continue
				}
			}
			records[i].Now = liveWeights(live)
			attrs["weights"] = records[i].Now.value()
		}
		out[i].Value, out[i].Private = cty.ObjectVal(attrs), records[i].encode()
	}
	return out, ds
}

// liveWeights are those of the route's last rule, which takes what no other does.
func liveWeights(live *unstructured.Unstructured) weights {
	rules, _, _ := unstructured.NestedSlice(live.Object, "spec", "rules")
	out := weights{}
	if len(rules) == 0 {
		return out
	}
	last, _ := rules[len(rules)-1].(map[string]any)
	refs, _ := last["backendRefs"].([]any)
	for _, r := range refs {
		m, _ := r.(map[string]any)
		name, _ := m["name"].(string)
		n, ok := m["weight"].(int64)
		if !ok {
			n = 1
		}
		out[name] = n
	}
	return out
}
