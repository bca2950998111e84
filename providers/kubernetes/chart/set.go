package chart

import (
	"context"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Set manages what a chart renders as the objects of one resource instance. Resource types that install a chart of
// their own (kubernetes_chart, linkerd_control_plane) hold an `objects` attribute and hand everything else to it. A
// Set is used for one call; it is not safe for concurrent use.
type Set struct {
	Cluster *kube.Cluster
	// Namespace is given to namespaced objects that name none.
	Namespace string
	Options   kube.SetOptions
	// Regenerate makes the values anew that the chart generates; see Rendered.Generated.
	Regenerate bool
	// Wait says what to wait for after the writes; nil waits only for what later objects need.
	Wait *kube.WaitOptions
}

// SetPlanRequest asks what applying a rendering would do.
type SetPlanRequest struct {
	providers.Owner
	// Prior is the recorded `objects` attribute, null or cty.NilVal when there is none; Record is the recorded Private.
	Prior  cty.Value
	Record []byte
	// Rendered is the new rendering. Nil plans with unknown objects, for values that are not known yet; to plan the
	// deletion of everything, see PlanDelete.
	Rendered *Rendered
	// Replacing, Offline and Incomplete come from providers.PlanRequest.
	Replacing, Offline, Incomplete bool
}

// SetPlan is the answer.
type SetPlan struct {
	// Objects is the value of the `objects` attribute after apply: an object whose attributes are the rendered
	// objects by kind/namespace/name. Nothing is to be done when it equals the prior value and Again is empty.
	Objects cty.Value
	// Adopted is the value that the attribute would have now, when there is no prior one and objects are taken over;
	// the zero value otherwise.
	Adopted cty.Value
	// Private goes to Apply.
	Private  []byte
	Notes    []string
	Restarts int
	Again    string
}

// Plan says what Apply would do. It never writes.
func (s *Set) Plan(ctx context.Context, req SetPlanRequest) (SetPlan, hcl.Diagnostics) {
	record, ds := decode(req.Record)
	if ds.HasErrors() {
		return SetPlan{}, ds
	}
	if req.Rendered == nil {
		return SetPlan{Objects: cty.DynamicVal, Notes: []string{"the objects of the chart are known when its values are: during apply"}}, ds
	}
	objects, more := s.objects(ctx, req.Rendered, record, req.Offline)
	if ds = append(ds, more...); ds.HasErrors() {
		return SetPlan{}, ds
	}
	made, more := s.planGenerated(ctx, objects, req)
	if ds = append(ds, more...); ds.HasErrors() {
		return SetPlan{}, ds
	}
	kept, rest := split(record, req.Prior, objects)
	plan, more := s.Cluster.PlanSet(ctx, kube.SetPlanRequest{
		Owner: req.Owner, Prior: rest, Desired: desired(objects), Options: s.Options, Replacing: req.Replacing, Offline: req.Offline,
	})
	ds = append(ds, s.explainHelm(ctx, more, req)...)
	if ds.HasErrors() {
		return SetPlan{}, ds
	}
	prior := recordedObjects(req.Prior)
	planned := make(map[string]cty.Value, len(objects))
	adopted := map[string]cty.Value{}
	for i := range objects {
		o := &objects[i]
		p := plan.Find(o.ref.ID())
		planned[o.key] = o.value()
		if was, ok := prior[o.key]; ok && p != nil && p.Action == kube.NoOp && !req.Replacing && conforms(was, planned[o.key]) {
			// The recorded value stands for the same object: it lacks what is secret, and must compare as equal. One that
			// shows what others made of a field, which is left to them now, is not what apply will hold.
			planned[o.key] = was
		}
		if p != nil && p.Action == kube.Adopt && p.Before != nil {
			before := object{ref: o.ref, content: p.Before, secret: o.secret}
			adopted[o.key] = before.value()
		}
	}
	out := SetPlan{Objects: objectsValue(planned), Private: plan.Private, Restarts: plan.Restarts}
	if len(adopted) > 0 && len(record.Objects) == 0 {
		out.Adopted = objectsValue(adopted)
	}
	out.Notes = slices.Concat(made, notes(plan), keptNotes(kept), hookNotes(req.Rendered))
	unchanged := prior != nil && out.Objects.RawEquals(objectsValue(prior))
	switch {
	case req.Incomplete:
		out.Again = "the last application of the chart did not finish"
	case unchanged && plan.Changed():
		out.Again = "objects are written although their recorded fields are equal: " + changed(plan)
	}
	return out, ds
}

// PlanDelete says what Delete would do.
func (s *Set) PlanDelete(ctx context.Context, req SetPlanRequest) (SetPlan, hcl.Diagnostics) {
	record, ds := decode(req.Record)
	if ds.HasErrors() {
		return SetPlan{}, ds
	}
	kept, gone := split(record, req.Prior, nil)
	plan, more := s.Cluster.PlanSet(ctx, kube.SetPlanRequest{Owner: req.Owner, Prior: gone, Options: s.Options, Offline: req.Offline})
	return SetPlan{Objects: cty.DynamicVal, Private: plan.Private, Notes: slices.Concat(notes(plan), keptNotes(kept))}, append(ds, more...)
}

// SetApplyRequest asks to make the objects as rendered.
type SetApplyRequest struct {
	providers.Owner
	// Prior and Record are the recorded `objects` attribute and Private, as in SetPlanRequest.
	Prior  cty.Value
	Record []byte
	// Planned and Private are SetPlan.Objects and SetPlan.Private.
	Planned  cty.Value
	Private  []byte
	Rendered *Rendered
	Step     providers.Step
	// Value makes the resource's value out of that of the `objects` attribute, for checkpoints; nil takes none.
	Value func(objects cty.Value) cty.Value
}

// Apply makes the objects as rendered and deletes recorded ones that the chart does not render any more. It returns
// the value of the `objects` attribute and the new Private, also when it fails half-way. When the chart renders
// something else than was planned, it writes nothing and says so.
func (s *Set) Apply(ctx context.Context, req SetApplyRequest) (cty.Value, []byte, hcl.Diagnostics) {
	record, ds := decode(req.Record)
	if ds.HasErrors() {
		return req.Prior, req.Record, ds
	}
	objects, more := s.objects(ctx, req.Rendered, record, false)
	if ds = append(ds, more...); ds.HasErrors() {
		return req.Prior, req.Record, ds
	}
	if _, more = s.keepGenerated(ctx, objects, req.Prior, true); more.HasErrors() {
		return req.Prior, req.Record, append(ds, more...)
	}
	final, d := settle(req.Planned, objects)
	if d != nil {
		return req.Prior, req.Record, append(ds, d)
	}
	kept, rest := split(record, req.Prior, objects)
	call := kube.SetApplyRequest{Owner: req.Owner, Prior: rest, Planned: req.Private, Desired: desired(objects), Options: s.Options, Step: req.Step, Wait: s.Wait}
	if req.Step != nil && req.Value != nil {
		call.Checkpoint = func(r kube.Record) error { return req.Step.Checkpoint(req.Value(final), joined(r, kept).Encode()) }
	}
	result, more := s.Cluster.ApplySet(ctx, call)
	ds = append(ds, more...)
	if !more.HasErrors() {
		kept, more = s.release(ctx, req, kept)
		ds = append(ds, more...)
	}
	record = joined(result.Record, kept)
	if more.HasErrors() && len(record.Objects) == 0 {
		return cty.NullVal(cty.DynamicPseudoType), nil, ds
	}
	return final, record.Encode(), ds
}

// release takes our marks off objects that stay behind. It returns those that still carry them.
func (s *Set) release(ctx context.Context, req SetApplyRequest, kept kube.Record) (kube.Record, hcl.Diagnostics) {
	if len(kept.Objects) == 0 {
		return kept, nil
	}
	options := s.Options
	options.OnDestroy = kube.OnDestroyOrphan
	return s.Cluster.DeleteSet(ctx, kube.SetDeleteRequest{Owner: req.Owner, Record: kept, Options: options, Step: req.Step})
}

// Delete deletes all objects, webhook configurations first and namespaces last, except those that the chart wants
// kept. It returns the Private of what is left when it fails half-way.
func (s *Set) Delete(ctx context.Context, req SetApplyRequest) ([]byte, hcl.Diagnostics) {
	record, ds := decode(req.Record)
	if ds.HasErrors() {
		return req.Record, ds
	}
	kept, gone := split(record, req.Prior, nil)
	kept, more := s.release(ctx, req, kept)
	if ds = append(ds, more...); ds.HasErrors() {
		return joined(gone, kept).Encode(), ds
	}
	rest, more := s.Cluster.DeleteSet(ctx, kube.SetDeleteRequest{Owner: req.Owner, Record: gone, Options: s.Options, Step: req.Step})
	return joined(rest, kept).Encode(), append(ds, more...)
}

func decode(private []byte) (kube.Record, hcl.Diagnostics) {
	record, err := kube.DecodeRecord(private)
	if err != nil {
		return record, hcl.Diagnostics{diag.Errorf(kube.CodeRecord, "Recorded data cannot be read", "%s.", scrub(err))}
	}
	return record, nil
}

func desired(objects []object) []kube.Desired {
	out := make([]kube.Desired, len(objects))
	for i := range objects {
		out[i] = objects[i].desired()
	}
	return out
}

// objects prepares a rendering: namespaces are filled in and keys given.
func (s *Set) objects(ctx context.Context, r *Rendered, record kube.Record, offline bool) ([]object, hcl.Diagnostics) {
	var ds hcl.Diagnostics
	all := r.All()
	scopes := scopesOf(all)
	out := make([]object, 0, len(all))
	for _, u := range all {
		rendered := kube.RefOf(u)
		namespaced, err := s.namespaced(ctx, rendered, scopes, record, offline)
		if err != nil {
			ds = append(ds, s.Cluster.Diagnose(err, "get", rendered)...)
			continue
		}
		u = u.DeepCopy()
		switch {
		case !namespaced:
			u.SetNamespace("")
		case u.GetNamespace() == "":
			u.SetNamespace(s.Namespace)
		}
		out = append(out, object{ref: kube.RefOf(u), content: u, unknown: r.Unknown[rendered.ID()], secret: r.Secrets[rendered.ID()],
			generated: r.Generated[rendered.ID()], template: r.Templates[rendered.ID()]})
	}
	keyed(out)
	return out, ds
}

// scopesOf tells the kinds that a rendering itself defines apart: true is namespaced.
func scopesOf(all []*unstructured.Unstructured) map[runtimeschema.GroupKind]bool {
	out := map[runtimeschema.GroupKind]bool{}
	for _, u := range all {
		if u.GetKind() != "CustomResourceDefinition" {
			continue
		}
		group, _, _ := unstructured.NestedString(u.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(u.Object, "spec", "names", "kind")
		scope, _, _ := unstructured.NestedString(u.Object, "spec", "scope")
		out[runtimeschema.GroupKind{Group: group, Kind: kind}] = scope != "Cluster"
	}
	return out
}

// namespaced finds out whether a kind is. Without the network the record knows, or the manifest decides.
func (s *Set) namespaced(ctx context.Context, ref kube.Ref, planned map[runtimeschema.GroupKind]bool, record kube.Record, offline bool) (bool, error) {
	if namespaced, ok := planned[ref.GroupKind()]; ok {
		return namespaced, nil
	}
	if offline {
		for _, o := range record.Objects {
			if o.GroupKind() == ref.GroupKind() {
				return o.Namespace != "", nil
			}
		}
		return ref.Namespace != "", nil
	}
	m, err := s.Cluster.Mapping(ctx, ref.GVK())
	return m.Namespaced, err
}
