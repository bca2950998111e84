package kube

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/sync/errgroup"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// setParallelism bounds the requests of one set.
const setParallelism = 8

// plannedSet is the private part of a plan: what was observed, without values.
type plannedSet struct {
	Objects []plannedObject `json:"o"`
}

type plannedObject struct {
	Ref
	Action          Action   `json:"a"`
	UID             string   `json:"u,omitempty"`
	ResourceVersion string   `json:"rv,omitempty"`
	Effect          string   `json:"e,omitempty"` // digest of the approved change; empty when the server was not asked
	Force           bool     `json:"f,omitempty"`
	Yield           []string `json:"y,omitempty"`
	Rewrite         bool     `json:"w,omitempty"` // managedFields are rewritten first
}

func decodePlanned(private []byte) (plannedSet, error) {
	var p plannedSet
	if len(private) == 0 {
		return p, nil
	}
	return p, json.Unmarshal(private, &p)
}

func (p plannedSet) find(id ID) *plannedObject {
	for i := range p.Objects {
		if p.Objects[i].ID() == id {
			return &p.Objects[i]
		}
	}
	return nil
}

// PlanSet says what ApplySet would do. It never writes: it lists, gets, and asks the server by applies and creations
// that are not persisted. Objects whose record still stands cost no request.
func (c *Cluster) PlanSet(ctx context.Context, req SetPlanRequest) (SetPlan, hcl.Diagnostics) {
	judged := c.inspect(req)
	wishes, ds := c.wishes(ctx, req.Owner, req.Desired, req.Prior, req.Offline)
	if ds.HasErrors() {
		return SetPlan{}, append(judged.all(), ds...)
	}
	for _, w := range wishes {
		if !req.Options.Partial {
			c.world.note(w.body)
		}
	}
	evaluations := make([]evaluation, len(wishes))
	found := make([]hcl.Diagnostics, len(wishes))
	var group errgroup.Group
	group.SetLimit(setParallelism)
	for i, w := range wishes {
		rec := req.Prior.Find(w.ref.ID())
		if e, ok := c.quick(w, rec, req); ok {
			evaluations[i] = e
			continue
		}
		if len(wishes) == 1 { // as in ApplySet
			evaluations[i], found[i] = c.evaluate(ctx, req.Owner, w, rec, req.Options, req.Replacing)
			continue
		}
		group.Go(func() error {
			evaluations[i], found[i] = c.evaluate(ctx, req.Owner, w, rec, req.Options, req.Replacing)
			return nil
		})
	}
	_ = group.Wait() // the functions report through found
	var plan SetPlan
	var private plannedSet
	homeless := map[string][]Ref{} // objects by the namespace that they lack
	for i, w := range wishes {
		e := evaluations[i]
		if e.plan.Action != NoOp || found[i].HasErrors() {
			ds = append(ds, judged[w.ref.Name]...)
		}
		if len(found[i]) == 1 && diag.CodeOf(found[i][0]) == CodeNoNamespace {
			homeless[w.ref.Namespace] = append(homeless[w.ref.Namespace], w.ref)
		} else {
			ds = append(ds, found[i]...)
		}
		e.plan.Ref = w.ref
		e.plan.After = w.body
		e.plan.Notes = append(slices.Clone(w.notes), e.plan.Notes...)
		plan.add(e.plan)
		private.Objects = append(private.Objects, e.planned(w.ref))
	}
	for _, ns := range slices.Sorted(maps.Keys(homeless)) {
		ds = append(ds, namespaceMissing(ns, homeless[ns]))
	}
	if !req.Replacing {
		for _, o := range req.Prior.unwanted(wishes) {
			gone := ObjectPlan{Ref: o.Ref, Action: Delete, UID: o.UID}
			if req.Options.OnDestroy == OnDestroyOrphan || req.Options.Partial {
				gone.Action = Forget
			}
			if gone.Action == Delete && protected(o.Ref) {
				ds = append(ds, protectedDiagnostic(o.Ref))
			}
			plan.add(gone)
			private.Objects = append(private.Objects, plannedObject{Ref: o.Ref, Action: gone.Action, UID: o.UID})
		}
	}
	encoded, err := json.Marshal(private)
	if err != nil {
		return SetPlan{}, diag.FromError(CodeRecord, "Plan cannot be recorded", err, nil)
	}
	plan.Private = encoded
	return plan, append(ds, c.Warnings()...)
}

// Announce lets Options.Inspect see objects that a plan would make, where rights are asked for instead. What it finds is left to the
// plan.
func (c *Cluster) Announce(owner providers.Owner, desired []Desired) {
	c.inspect(SetPlanRequest{Owner: owner, Desired: desired})
}

// judgements are what Options.Inspect found, by name of the object.
type judgements map[string]hcl.Diagnostics

func (c *Cluster) inspect(req SetPlanRequest) judgements {
	out := judgements{}
	if c.options.Inspect == nil || req.Options.Partial {
		return out
	}
	for _, d := range req.Desired {
		if ds := c.options.Inspect(req.Owner, d.Object); len(ds) > 0 {
			out[d.Object.GetName()] = append(out[d.Object.GetName()], ds...)
		}
	}
	return out
}

func (j judgements) all() hcl.Diagnostics {
	var out hcl.Diagnostics
	for _, name := range slices.Sorted(maps.Keys(j)) {
		out = append(out, j[name]...)
	}
	return out
}

func (p *SetPlan) add(o ObjectPlan) {
	p.Objects = append(p.Objects, o)
	p.Restarts += o.Restarts
	for _, n := range o.Notes {
		p.Notes = append(p.Notes, o.Ref.String()+": "+n)
	}
}

// unwanted returns what is recorded and not wished for, in the order of deletion.
func (r Record) unwanted(wishes []*wish) []ObjectRecord {
	keep := map[ID]bool{}
	for _, w := range wishes {
		keep[w.ref.ID()] = true
	}
	var out []ObjectRecord
	for _, o := range r.Objects {
		if !keep[o.ID()] {
			out = append(out, o)
		}
	}
	out = byRank(out, func(o ObjectRecord) Ref { return o.Ref })
	slices.Reverse(out)
	return out
}

// wishes prepares desired objects in rank order.
func (c *Cluster) wishes(ctx context.Context, owner providers.Owner, desired []Desired, prior Record, offline bool) ([]*wish, hcl.Diagnostics) {
	var ds hcl.Diagnostics
	for _, d := range desired { // CRDs of the set bring kinds to the set
		if d.Object.GroupVersionKind().GroupKind() == crdKind {
			c.world.note(d.Object)
		}
	}
	out := make([]*wish, 0, len(desired))
	seen := map[ID]bool{}
	for _, d := range desired {
		if found := CheckManifest(d.Object); found.HasErrors() {
			ds = append(ds, found...)
			continue
		}
		ref := RefOf(d.Object)
		m := Mapping{GVK: ref.GVK(), Namespaced: ref.Namespace != ""}
		if !offline {
			var err error
			if m, err = c.Mapping(ctx, ref.GVK()); err != nil {
				ds = append(ds, c.Diagnose(err, "find the kind of", ref)...)
				var unknown *UnknownKindError
				if !errors.As(err, &unknown) {
					return nil, ds // every object would say the same
				}
				continue
			}
		} else if ref.Namespace == "" && prior.Find(ref.ID()) == nil {
			ref.Namespace = DefaultNamespace
			m.Namespaced = prior.Find(ref.ID()) != nil
		}
		body, notes := normalize(d.Object, m)
		w := &wish{Desired: d, ref: RefOf(body), mapping: m, body: body, notes: notes}
		if seen[w.ref.ID()] {
			ds = append(ds, diag.Errorf(CodeManifest, "Object declared twice", "%s is in this set more than once. Remove one of the two.", w.ref))
			continue
		}
		seen[w.ref.ID()] = true
		w.digest = Digest(owner.Key, body.Object)
		out = append(out, w)
	}
	return byRank(out, func(w *wish) Ref { return w.ref }), ds
}

// quick decides without a request where that is possible.
func (c *Cluster) quick(w *wish, rec *ObjectRecord, req SetPlanRequest) (evaluation, bool) {
	e := evaluation{}
	switch {
	case req.Replacing:
		e.plan.Action = Create
		return e, req.Offline
	case rec != nil && (!c.options.Verify || req.Offline) && rec.Desired == w.digest && !rec.Dirty && !rec.Terminating && len(w.Unknown) == 0 && rec.Version == w.ref.Version &&
		len(recordedYield(rec, req.Options)) == len(rec.Yielded):
		e.plan.Action, e.plan.UID, e.rv = NoOp, rec.UID, rec.ResourceVersion
		e.yield = rec.Yielded
		return e, true
	case req.Offline && rec != nil && len(req.Owner.Key) == 0 && !rec.Dirty && !rec.Terminating && len(w.Unknown) == 0 && rec.Version == w.ref.Version:
		// A copy of the state without its key: digests cannot be compared, and the values, which can, decide.
		e.plan.Action, e.plan.UID, e.rv = NoOp, rec.UID, rec.ResourceVersion
		return e, true
	case req.Offline && rec == nil:
		e.plan.Action = Create
		e.plan.Deferred = "planned offline"
		return e, true
	case req.Offline:
		e.plan.Action, e.plan.UID = Update, rec.UID
		e.plan.Deferred = "planned offline"
		return e, true
	}
	return e, false
}
