package kubernetes

import (
	"context"
	"fmt"
	"reflect"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// form is how a resource type writes one object down. Its functions are pure.
type form interface {
	// desired returns the object that a value asks for. Parts may be unknown; null secrets are left out.
	desired(v cty.Value) (kube.Desired, hcl.Diagnostics)
	// present returns a recorded value with the fields that drifted.
	present(recorded cty.Value, drift []kube.Drift) cty.Value
	// computed returns the attributes that only the provider sets, but for uid.
	computed(r kube.Ref) map[string]cty.Value
	// options returns the options of a value.
	options(v cty.Value, owner providers.Owner) kube.SetOptions
	// body names the attributes that make up the object: when nothing changes, they keep their recorded spelling.
	body() []string
	// identity is the attribute to point at when another object is meant than before.
	identity() cty.Path
	// protect marks what is secret in a value.
	protect(v cty.Value) cty.Value
}

// single is a resource type whose instances own one object.
type single struct {
	form
	cluster func() *kube.Cluster
	schema  *schema.Resource
	// beforeDelete may refuse a deletion; nil means never.
	beforeDelete func(ctx context.Context, c *kube.Cluster, prior cty.Value, owner providers.Owner) hcl.Diagnostics
}

// Schema implements providers.ResourceType.
func (s *single) Schema() *schema.Resource { return s.schema }

// Plan implements providers.ResourceType.
func (s *single) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	rec, ds := recordOf(req.Private)
	if ds.HasErrors() {
		return providers.PlanResponse{}, ds
	}
	if req.Config.IsNull() {
		return s.planDelete(ctx, req, rec)
	}
	if s.unchanged(req, rec) {
		return providers.PlanResponse{Planned: s.protect(req.Prior)}, nil // equal, and held by the record already
	}
	desired, ds := s.desired(req.Config)
	if ds.HasErrors() {
		return providers.PlanResponse{}, ds
	}
	if !identified(desired) {
		return providers.PlanResponse{Planned: s.protect(req.Proposed), Notes: []string{"which object it is will be known after apply"}}, nil
	}
	prior := rec
	if req.Prior.IsNull() {
		prior = kube.Record{}
	}
	if old, other := renamed(prior, desired); other {
		planned := set(req.Proposed, unknownComputed(s.computed(kube.RefOf(desired.Object))))
		return providers.PlanResponse{Planned: s.protect(planned), Replace: []cty.Path{s.identity()},
			Notes: []string{fmt.Sprintf("%s is deleted: the configuration now names %s", old, kube.RefOf(desired.Object))}}, nil
	}
	plan, ds := s.cluster().PlanSet(ctx, kube.SetPlanRequest{Owner: req.Owner, Prior: prior, Desired: []kube.Desired{desired},
		Options: s.options(req.Config, req.Owner), Replacing: req.Replacing, Offline: req.Offline})
	if ds.HasErrors() {
		return providers.PlanResponse{}, ds
	}
	return s.answer(req, prior, plan), ds
}

// unchanged reports whether the configuration is what was applied and the last read found nothing amiss: then there is
// nothing to convert, to compare or to ask. It is the rule in a large configuration.
func (s *single) unchanged(req providers.PlanRequest, rec kube.Record) bool {
	if req.Prior.IsNull() || req.Replacing || req.Incomplete || len(rec.Objects) != 1 || s.cluster().Verifies() {
		return false
	}
	o := &rec.Objects[0]
	return o.Desired != "" && !o.Dirty && !o.Terminating && !o.Pending && req.Proposed.IsWhollyKnown() && req.Proposed.RawEquals(req.Prior)
}

// answer turns the plan of the object into the plan of the instance.
func (s *single) answer(req providers.PlanRequest, prior kube.Record, plan kube.SetPlan) providers.PlanResponse {
	o := plan.Objects[0]
	out := providers.PlanResponse{Private: plan.Private, Notes: o.Notes, Restarts: plan.Restarts}
	if o.Deferred != "" && req.Prior.IsNull() {
		out.Notes = append(out.Notes, "not checked by the server: "+o.Deferred)
	}
	known := s.computed(o.Ref)
	known["uid"] = unknownUID()
	switch {
	case o.Action == kube.Replace && s.options(req.Config, req.Owner).OnImmutable == kube.OnImmutableOrphan: // in one step
	case o.Action == kube.Replace:
		out.Replace = []cty.Path{cty.GetAttrPath(s.body()[0])}
	case o.Action == kube.Create || o.UID == "":
	case req.Prior.IsNull():
		known["uid"] = cty.StringVal(o.UID)
		if !s.options(req.Config, req.Owner).Partial { // adopted, or left by an attempt whose record was lost
			out.Adopted = s.adopted(req, o, known)
		}
	default:
		// Where the server finds nothing to change and the record says something else (an earlier write came through
		// and was not recorded), the record follows the configuration.
		known["uid"] = cty.StringVal(o.UID)
	}
	if rec := prior.Find(o.ID()); (rec != nil && rec.Pending || req.Incomplete) && s.waits(req.Config) != nil && o.Action != kube.Create {
		out.Again = "it was applied, but has not been seen ready yet"
	}
	if out.Again == "" && o.Action == kube.Update && len(o.Changes) == 0 && o.Deferred == "" && !req.Prior.IsNull() {
		out.Again = "its ownership marks or the ownership of its fields are to be restored"
		if prior.Imported() {
			out.Again = "its ownership marks are written, and what made it gives its fields up; no field changes"
		}
	}
	out.Planned = s.protect(set(req.Proposed, known))
	return out
}

// adopted is the value of an object that exists already, at the fields that the configuration sets.
func (s *single) adopted(req providers.PlanRequest, o kube.ObjectPlan, known map[string]cty.Value) cty.Value {
	was := set(req.Proposed, known)
	if o.Before != nil {
		was = s.present(was, kube.Differences(o.After, o.Before))
	}
	return s.protect(was)
}

func (s *single) planDelete(ctx context.Context, req providers.PlanRequest, rec kube.Record) (providers.PlanResponse, hcl.Diagnostics) {
	out := providers.PlanResponse{Planned: cty.NullVal(s.schema.Block.Type())}
	o := s.options(req.Prior, req.Owner)
	plan, ds := s.cluster().PlanSet(ctx, kube.SetPlanRequest{Owner: req.Owner, Prior: rec, Options: o, Offline: true})
	if ds.HasErrors() {
		return out, ds
	}
	if o.OnDestroy == kube.OnDestroyOrphan {
		out.Notes = append(out.Notes, "the object stays in the cluster")
	}
	out.Private = plan.Private
	return out, ds
}

// Apply implements providers.ResourceType.
func (s *single) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	rec, ds := recordOf(req.PriorPrivate)
	if ds.HasErrors() {
		return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, ds
	}
	if req.Deleting() {
		return s.delete(ctx, req, rec)
	}
	desired, ds := s.desired(req.Config)
	if ds.HasErrors() {
		return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, ds
	}
	if req.Creating() {
		rec = kube.Record{}
	}
	id := kube.RefOf(desired.Object).ID()
	result, ds := s.cluster().ApplySet(ctx, kube.SetApplyRequest{
		Owner: req.Owner, Prior: rec, Planned: req.PlannedPrivate, Desired: []kube.Desired{desired},
		Options: s.options(req.Config, req.Owner), Step: req.Step, Wait: s.waits(req.Config),
		Checkpoint: func(r kube.Record) error { return req.Step.Checkpoint(s.outcome(req, r, id), s.seal(req, r)) },
	})
	if was, is := rec.Find(id), result.Record.Find(id); ds.HasErrors() && was != nil && is != nil && reflect.DeepEqual(*was, *is) {
		return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, ds // nothing was written
	}
	return providers.ApplyResponse{Value: s.outcome(req, result.Record, id), Private: s.seal(req, result.Record)}, ds
}

// outcome is the value after an apply, as far as it came: the planned one once the object was written, the prior one
// before.
func (s *single) outcome(req providers.ApplyRequest, rec kube.Record, id kube.ID) cty.Value {
	wrote := rec.Find(id)
	if wrote == nil && len(rec.Objects) > 0 { // the namespace was defaulted
		wrote = &rec.Objects[0]
	}
	if wrote == nil {
		return req.Prior
	}
	known := s.computed(wrote.Ref)
	known["uid"] = cty.StringVal(wrote.UID)
	return s.protect(set(req.Planned, known))
}

// sealer is the part of a form that keeps more than the record.
type sealer interface {
	seal(owner providers.Owner, v cty.Value, rec kube.Record) []byte
}

func (s *single) seal(req providers.ApplyRequest, rec kube.Record) []byte {
	if f, ok := s.form.(sealer); ok {
		return f.seal(req.Owner, req.Config, rec)
	}
	return rec.Encode()
}

func (s *single) waits(config cty.Value) *kube.WaitOptions {
	if s.schema.Block.Blocks["wait"] == nil {
		return nil
	}
	return waitOf(config)
}

func (s *single) delete(ctx context.Context, req providers.ApplyRequest, rec kube.Record) (providers.ApplyResponse, hcl.Diagnostics) {
	kept := providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}
	o := s.options(req.Prior, req.Owner)
	if s.beforeDelete != nil && o.OnDestroy != kube.OnDestroyOrphan {
		if ds := s.beforeDelete(ctx, s.cluster(), req.Prior, req.Owner); ds.HasErrors() {
			return kept, ds
		}
	}
	left, ds := s.cluster().DeleteSet(ctx, kube.SetDeleteRequest{Owner: req.Owner, Record: rec, Options: o, Step: req.Step})
	if len(left.Objects) > 0 {
		return kept, ds
	}
	return providers.ApplyResponse{Value: cty.NullVal(s.schema.Block.Type())}, ds
}

// Read implements providers.ResourceType.
func (s *single) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	reads := make([]kube.SetRead, len(reqs))
	for i, req := range reqs {
		rec, ds := recordOf(req.Private)
		out[i].Diagnostics = ds
		o := s.options(req.Value, req.Owner)
		reads[i] = kube.SetRead{Owner: req.Owner, Record: rec, Unresolved: req.Unresolved, Options: o}
		convert := func() []kube.Desired {
			desired, more := s.desired(req.Value)
			out[i].Diagnostics = append(out[i].Diagnostics, more...)
			return []kube.Desired{desired}
		}
		if req.Unresolved {
			reads[i].Desired = convert()
		} else {
			reads[i].Later = convert // an instance has one object, so it is called once at most
		}
	}
	states, ds := s.cluster().ReadSets(ctx, reads)
	if ds.HasErrors() {
		return out, ds
	}
	for i, req := range reqs {
		out[i].Value, out[i].Private = s.found(req, reads[i].Desired, states[i])
		out[i].Diagnostics = append(out[i].Diagnostics, states[i].Diagnostics...)
	}
	return out, ds
}

// reader is the part of a form that judges withheld values itself.
type reader interface {
	found(req providers.ReadRequest, state kube.SetState) (drift []kube.Drift, private []byte)
}

// found is the value of an instance after a read.
func (s *single) found(req providers.ReadRequest, desired []kube.Desired, state kube.SetState) (cty.Value, []byte) {
	if !state.Exists() {
		if state.Diagnostics.HasErrors() {
			return req.Value, req.Private
		}
		return cty.NullVal(s.schema.Block.Type()), nil
	}
	o := state.Objects[0]
	drift, private := o.Drift, state.Record.Encode()
	if f, ok := s.form.(reader); ok {
		drift, private = f.found(req, state)
	}
	if req.Unresolved && o.Live != nil {
		drift = append(drift, kube.Fill(o.Live, desired[0].Unknown)...)
	}
	known := s.computed(o.Ref)
	known["uid"] = cty.StringVal(o.UID)
	return s.protect(set(s.present(req.Value, drift), known)), private
}

// recordOf reads Private; forms that keep more wrap the record.
func recordOf(private []byte) (kube.Record, hcl.Diagnostics) {
	rec, err := kube.DecodeRecord(private)
	if err != nil {
		return rec, hcl.Diagnostics{diag.Errorf(kube.CodeRecord, "Record not readable", "What was recorded about the objects cannot be read: %s. Restore the state from a backup, or let meshplan forget the object (`meshplan state rm`) and adopt it again.", err)}
	}
	return rec, nil
}

// identified reports whether it is known which object is meant.
func identified(d kube.Desired) bool {
	for _, p := range d.Unknown {
		switch p.String() {
		case "", "apiVersion", "kind", "metadata", "metadata.name", "metadata.namespace":
			return false
		}
	}
	return true
}

// renamed reports whether the record is about another object than the desired one.
func renamed(rec kube.Record, d kube.Desired) (kube.Ref, bool) {
	if len(rec.Objects) == 0 {
		return kube.Ref{}, false
	}
	was, now := rec.Objects[0].Ref, kube.RefOf(d.Object)
	if now.Namespace == "" || was.Namespace == "" { // defaulted, or ignored for a kind without namespaces
		if now.Namespace == "" && was.Namespace != "" && was.Namespace != kube.DefaultNamespace {
			return was, true
		}
		now.Namespace = was.Namespace
	}
	return was, was.ID() != now.ID()
}

func unknownUID() cty.Value { return cty.UnknownVal(cty.String).RefineNotNull() }

func unknownComputed(known map[string]cty.Value) map[string]cty.Value {
	known["uid"] = unknownUID()
	return known
}
