package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

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

// PlanSet says what ApplySet would do. It never writes: it lists, gets, and asks the server by applies and creations that are not
// persisted. Objects whose record still stands cost no request.
func (c *Cluster) PlanSet(ctx context.Context, req SetPlanRequest) (SetPlan, hcl.Diagnostics) {
	wishes, ds := c.wishes(ctx, req.Owner, req.Desired, req.Prior, req.Offline)
	if ds.HasErrors() {
		return SetPlan{}, ds
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
		group.Go(func() error {
			evaluations[i], found[i] = c.evaluate(ctx, req.Owner, w, rec, req.Options, req.Replacing)
			return nil
		})
	}
	_ = group.Wait() // the functions report through found
	var plan SetPlan
	var private plannedSet
	for i, w := range wishes {
		ds = append(ds, found[i]...)
		e := evaluations[i]
		e.plan.Ref = w.ref
		e.plan.After = w.body
		e.plan.Notes = append(slices.Clone(w.notes), e.plan.Notes...)
		plan.add(e.plan)
		private.Objects = append(private.Objects, e.planned(w.ref))
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

// evaluation is what was found out about one object.
type evaluation struct {
	plan   ObjectPlan
	rv     string
	effect string
	force  bool
	yield  []string
	// migrate says that the recorded field ownership must be moved to another version first.
	migrate bool
}

func (e evaluation) planned(r Ref) plannedObject {
	return plannedObject{Ref: r, Action: e.plan.Action, UID: e.plan.UID, ResourceVersion: e.rv, Effect: e.effect, Force: e.force, Yield: e.yield}
}

// quick decides without a request where that is possible.
func (c *Cluster) quick(w *wish, rec *ObjectRecord, req SetPlanRequest) (evaluation, bool) {
	e := evaluation{}
	switch {
	case req.Replacing:
		e.plan.Action = Create
		return e, req.Offline
	case rec != nil && rec.Desired == w.digest && !rec.Dirty && !rec.Terminating && len(w.Unknown) == 0 && rec.Version == w.ref.Version:
		e.plan.Action, e.plan.UID, e.rv = NoOp, rec.UID, rec.ResourceVersion
		e.yield = rec.Yielded
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

// evaluate asks the server about one object.
func (c *Cluster) evaluate(ctx context.Context, owner providers.Owner, w *wish, rec *ObjectRecord, o SetOptions, replacing bool) (evaluation, hcl.Diagnostics) {
	if w.mapping.Planned {
		return c.evaluateDeferred(w, "its kind is made by the same plan")
	}
	if replacing {
		return c.evaluateCreate(ctx, owner, w, o, true)
	}
	if rec != nil || o.Partial {
		return c.evaluateLive(ctx, owner, w, rec, o)
	}
	found, err := c.lookup(ctx, w.mapping, w.ref)
	switch {
	case apierrors.IsForbidden(err):
		e := evaluation{plan: ObjectPlan{Action: Create, Notes: []string{"predicted: the credentials may not read it, so it may exist already"}}}
		return e, nil
	case err != nil:
		return evaluation{}, c.Diagnose(err, "get", w.ref)
	case found == nil:
		return c.evaluateCreate(ctx, owner, w, o, false)
	case found.DeletionTimestamp != nil:
		return terminating(found), nil
	}
	return c.evaluateLive(ctx, owner, w, nil, o)
}

// terminating plans to make an object again whose predecessor is still going away.
func terminating(found *metav1.PartialObjectMetadata) evaluation {
	note := "the present object is being deleted; the new one is made when it is gone"
	if len(found.Finalizers) > 0 {
		note += fmt.Sprintf(" (finalizers: %v)", found.Finalizers)
	}
	return evaluation{plan: ObjectPlan{Action: Create, UID: string(found.UID), Deferred: "the present object is being deleted", Notes: []string{note}}}
}

// evaluateDeferred plans a creation about which the server cannot be asked yet.
func (c *Cluster) evaluateDeferred(w *wish, why string) (evaluation, hcl.Diagnostics) {
	e := evaluation{plan: ObjectPlan{Action: Create, Deferred: why}}
	if w.mapping.Planned && len(w.Unknown) == 0 {
		if ds := validatePlanned(c.world.crd(w.ref.GroupKind()), w); ds.HasErrors() {
			return e, ds
		}
	}
	return e, nil
}

// inert kinds have nothing that the server would find wrong beyond what is checked here, and nothing reacts to their creation. Planning thousands
// of them must not cost a request each.
func inert(gk schema.GroupKind) bool {
	return gk.Group == "" && (gk.Kind == "ConfigMap" || gk.Kind == "Secret")
}

// evaluateCreate plans an object that does not exist.
func (c *Cluster) evaluateCreate(ctx context.Context, owner providers.Owner, w *wish, o SetOptions, replacing bool) (evaluation, hcl.Diagnostics) {
	e := evaluation{plan: ObjectPlan{Action: Create}}
	if len(w.Unknown) > 0 {
		e.plan.Deferred = "parts of it are known after apply"
		return e, nil
	}
	if w.mapping.Namespaced {
		exists, err := c.namespaceExists(ctx, w.ref.Namespace)
		switch {
		case err != nil:
			return e, c.Diagnose(err, "get", Ref{Version: "v1", Kind: "Namespace", Name: w.ref.Namespace})
		case !exists && c.world.PlansNamespace(w.ref.Namespace):
			return c.evaluateDeferred(w, "its namespace is made by the same plan")
		case !exists:
			return e, hcl.Diagnostics{diag.Errorf(CodeRequest, "Namespace does not exist",
				"%s needs the namespace %s, which neither exists nor is made by this configuration. Declare it as a kubernetes_namespace, or create it first.", w.ref, w.ref.Namespace)}
		}
	}
	if inert(w.ref.GroupKind()) {
		return e, validateInert(w)
	}
	if replacing {
		return e, nil // the name is taken until the old object is gone
	}
	_, _, err := c.Apply(ctx, w.sent(owner, o), ApplyOptions{Manager: o.Manager, DryRun: true})
	if predicted := prediction(err); predicted != "" {
		e.plan.Notes = append(e.plan.Notes, predicted)
		return e, nil
	}
	return e, c.Diagnose(err, "create", w.ref)
}

// prediction says why a plan must do without the server's answer, or "".
func prediction(err error) string {
	var unreachable *UnreachableError
	switch {
	case err == nil || errors.As(err, &unreachable):
		return ""
	case apierrors.IsForbidden(err) && !isWebhookRefusal(err.Error()) && isRBAC(err):
		return "predicted: the credentials may not write, so defaults and admission webhooks were not asked"
	case isWebhookDown(err):
		return "predicted: an admission webhook could not be called"
	case apierrors.IsBadRequest(err) && containsAny(err.Error(), "does not support dry run"):
		return "predicted: an admission webhook does not support dry runs"
	}
	return ""
}
