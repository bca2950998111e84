package install

import (
	"context"
	"encoding/json"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// namespaceMark builds the labels and annotations that a chart's namespace carries because of it. The namespace itself
// belongs to others.
func namespaceMark(name string, labels, annotations map[string]string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{}}
	u.SetAPIVersion("v1")
	u.SetKind("Namespace")
	u.SetName(name)
	u.SetLabels(labels)
	if len(annotations) > 0 {
		u.SetAnnotations(annotations)
	}
	return u
}

func markOptions(owner providers.Owner) kube.SetOptions {
	return kube.SetOptions{Partial: true, Manager: kube.InstanceManager(owner)}
}

// planMark plans the labels of the namespace; again becomes the reason when nothing but them is to be written.
func (t *certified) planMark(ctx context.Context, req providers.PlanRequest, planned cty.Value, was json.RawMessage, again *string) (json.RawMessage, hcl.Diagnostics) {
	u := t.product.mark(planned)
	if u == nil {
		return nil, nil
	}
	record, err := kube.DecodeRecord(was)
	if err != nil {
		return nil, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	plan, ds := t.env.Cluster().PlanSet(ctx, kube.SetPlanRequest{
		Owner: req.Owner, Prior: record, Replacing: req.Replacing, Offline: req.Offline, Desired: kube.Objects(u), Options: markOptions(req.Owner),
	})
	if plan.Changed() && !req.Prior.IsNull() && *again == "" {
		*again = "labels are missing on the namespace " + u.GetName()
	}
	return plan.Private, ds
}

// writeMark writes the labels of the namespace.
func (a *application) writeMark(ctx context.Context) hcl.Diagnostics {
	u := a.t.product.mark(a.req.Planned)
	if u == nil {
		return nil
	}
	record, err := kube.DecodeRecord(a.was.Mark)
	if err != nil {
		return diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	result, ds := a.t.env.Cluster().ApplySet(ctx, kube.SetApplyRequest{
		Owner: a.req.Owner, Prior: record, Planned: a.planned.Mark, Desired: kube.Objects(u), Options: markOptions(a.req.Owner), Step: a.req.Step,
	})
	if !ds.HasErrors() {
		a.was.Mark = result.Record.Encode()
	}
	return ds
}

// removeMark gives the labels of the namespace back.
func (a *application) removeMark(ctx context.Context) hcl.Diagnostics {
	record, err := kube.DecodeRecord(a.was.Mark)
	if err != nil {
		return diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	if len(record.Objects) == 0 {
		return nil
	}
	left, ds := a.t.env.Cluster().DeleteSet(ctx, kube.SetDeleteRequest{Owner: a.req.Owner, Record: record, Options: markOptions(a.req.Owner), Step: a.req.Step})
	a.was.Mark = left.Encode()
	return ds
}

// readMark brings the record of the labels up to date, so that the next plan sees what became of them.
func (t *certified) readMark(ctx context.Context, r providers.ReadRequest, was json.RawMessage) (json.RawMessage, hcl.Diagnostics) {
	u := t.product.mark(r.Value)
	record, err := kube.DecodeRecord(was)
	if err != nil {
		return was, diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
	}
	if u == nil || len(record.Objects) == 0 {
		return was, nil
	}
	states, ds := t.env.Cluster().ReadSets(ctx, []kube.SetRead{{Owner: r.Owner, Record: record, Desired: kube.Objects(u), Options: markOptions(r.Owner)}})
	if ds.HasErrors() || len(states) != 1 {
		return was, ds
	}
	return states[0].Record.Encode(), states[0].Diagnostics
}
