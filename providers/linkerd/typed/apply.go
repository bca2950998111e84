package typed

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Apply implements providers.ResourceType.
func (t Type) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	record, err := kube.DecodeRecord(req.PriorPrivate)
	if err != nil {
		return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	c := t.Env.Cluster()
	if req.Deleting() {
		left, ds := c.DeleteSet(ctx, kube.SetDeleteRequest{Owner: req.Owner, Record: record, Options: t.options(req.Prior, req.Owner), Step: req.Step,
			Checkpoint: func(r kube.Record) error { return req.Step.Checkpoint(req.Prior, r.Encode()) }})
		if len(left.Objects) > 0 {
			return providers.ApplyResponse{Value: req.Prior, Private: left.Encode()}, ds
		}
		return providers.ApplyResponse{Value: cty.NullVal(req.Prior.Type())}, ds
	}
	gvk, ds := t.served(ctx, req.Planned, record, false)
	if ds.HasErrors() {
		return providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}, ds
	}
	if req.Creating() {
		record = kube.Record{}
	}
	desired, _ := t.desired(req.Planned, gvk)
	result, ds := c.ApplySet(ctx, kube.SetApplyRequest{Owner: req.Owner, Prior: record, Planned: req.PlannedPrivate,
		Desired: []kube.Desired{desired}, Options: t.options(req.Planned, req.Owner), Step: req.Step})
	live := result.Live[kube.RefOf(desired.Object).ID()]
	if live == nil {
		return providers.ApplyResponse{Value: req.Prior, Private: result.Record.Encode()}, ds
	}
	attrs := req.Planned.AsValueMap()
	attrs["uid"] = cty.StringVal(string(live.GetUID()))
	done := providers.ApplyResponse{Value: cty.ObjectVal(attrs), Private: result.Record.Encode()}
	if !ds.HasErrors() && t.Settled != nil {
		if err := req.Step.Checkpoint(done.Value, done.Private); err != nil {
			return done, append(ds, diag.FromError(CodeNotAccepted, "Progress cannot be recorded", err, nil)...)
		}
		ds = append(ds, Await(ctx, c, kube.RefOf(desired.Object), t.Settled, t.Patience, req.Step)...)
	}
	return done, ds
}

// recheck is how long the word that something does not exist is not yet believed: the object may have come a moment ago,
// and the policy controller, which has not seen it, looks again every ten seconds.
const recheck = 12 * time.Second

// absent reports whether a refusal is about something that does not exist.
func absent(refusal string) bool {
	for _, reason := range []string{"NoMatchingTarget", "NoMatchingParent", "BackendNotFound"} {
		if strings.Contains(refusal, reason) {
			return true
		}
	}
	return false
}

// Await looks at an object until the controller has put it into force. It holds no slot for writes.
func Await(ctx context.Context, c *kube.Cluster, ref kube.Ref, settled func(*unstructured.Unstructured) (bool, string), patience time.Duration, step providers.Step) hcl.Diagnostics {
	step.Release()
	start := time.Now()
	for delay := 100 * time.Millisecond; ; delay = min(delay*2, 2*time.Second) {
		live, err := c.Get(ctx, ref)
		if err != nil || live == nil {
			return c.Diagnose(err, "get", ref)
		}
		done, refusal := settled(live)
		switch {
		case done:
			return nil
		case refusal != "" && !(absent(refusal) && time.Since(start) < recheck):
			return hcl.Diagnostics{diag.Errorf(CodeNotAccepted, "Not accepted", "Linkerd does not put %s into force: %s. Until it does, what held before goes on.", ref, diag.Scrub(refusal))}
		}
		waiting := "waiting until Linkerd accepts it"
		if refusal != "" {
			waiting += ", so far " + diag.Scrub(refusal)
		}
		step.Progress(providers.Progress{Message: waiting, Waiting: true})
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
		if ctx.Err() != nil || time.Since(start) > patience {
			return hcl.Diagnostics{diag.Errorf(CodeNotAccepted, "Not accepted",
				"Linkerd's policy controller has said nothing about %s within %s. It writes the status of routes and limits while one of its pods (Deployment linkerd-destination) leads; until then the default routes apply. Look at that Deployment, then apply again.",
				ref, patience)}
		}
	}
}

// Accepted is a Settled function: it reads the condition Accepted, of the object itself or of every parent that Linkerd
// has judged. ResolvedRefs=False of a parent is a refusal as well.
func Accepted(live *unstructured.Unstructured) (done bool, refusal string) {
	parents, routed, _ := unstructured.NestedSlice(live.Object, "status", "parents")
	if !routed {
		conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
		return judge(conditions, live.GetGeneration())
	}
	wanted, _, _ := unstructured.NestedSlice(live.Object, "spec", "parentRefs")
	accepted := 0
	for _, p := range parents {
		m, _ := p.(map[string]any)
		if m["controllerName"] != "linkerd.io/policy-controller" {
			continue
		}
		conditions, _ := m["conditions"].([]any)
		done, refusal := judge(conditions, live.GetGeneration())
		if refusal != "" {
			ref, _ := m["parentRef"].(map[string]any)
			return false, fmt.Sprintf("%s (parent %v %v)", refusal, ref["kind"], ref["name"])
		}
		if done {
			accepted++
		}
	}
	return accepted > 0 && accepted >= len(wanted), ""
}

func judge(conditions []any, generation int64) (done bool, refusal string) {
	for _, c := range conditions {
		m, _ := c.(map[string]any)
		if seen, ok := m["observedGeneration"].(int64); ok && seen < generation {
			return false, "" // about a former spec
		}
		switch {
		case m["type"] == "Accepted" && m["status"] == "True":
			done = true
		case (m["type"] == "Accepted" || m["type"] == "ResolvedRefs") && m["status"] == "False":
			return false, fmt.Sprintf("%v is False, reason %v", m["type"], m["reason"])
		}
	}
	return done, ""
}
